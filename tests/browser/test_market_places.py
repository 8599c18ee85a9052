"""Markets, a coin's page, quarantine, the calculator, System: whole in every view, and alive."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.browser.checks import faults
from tests.browser.conftest import DESK, PHONE, Open
from tests.browser.service import Service

VIEWS = [
    ("ko", "dark", DESK),
    ("en", "light", DESK),
    ("en", "dark", PHONE),
    ("ko", "light", PHONE),
]
PAGES = (
    "/markets",
    "/markets?only=quarantined",
    "/markets/XRP",
    "/markets/SNT?unit=native&side=low",
    "/markets/quarantine",
    "/tools/depth-walk?base=XRP&route=binance-upbit",
    "/system",
    "/settings",
)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("lang", "theme", "size"), VIEWS)
async def test_a_place_of_the_market_is_whole(
    open_page: Open,
    still_market: Service,
    path: str,
    lang: str,
    theme: str,
    size: dict[str, int],
) -> None:
    page = await open_page(path, at=still_market, lang=lang, theme=theme, size=size)
    await page.evaluate("() => document.fonts.ready")
    assert await page.locator("h1").count() == 1
    assert await faults(page, lang) == {}


async def test_keys_lead_to_markets_and_the_filter_finds_a_korean_name(
    open_page: Open, still_market: Service
) -> None:
    page = await open_page("/", at=still_market, lang="ko")
    await page.keyboard.press("g")
    await page.keyboard.press("m")
    await page.wait_for_url(re.compile("/markets$"))
    await page.keyboard.press("f")
    await page.keyboard.type("ㄷㅈㅋㅇ")
    await page.keyboard.press("Enter")
    await expect(page.locator("#listing tr")).to_have_count(1)
    await expect(page.locator("#listing th a")).to_have_text("DOGE")


async def test_a_filtered_list_stays_filtered_while_it_is_live(
    open_page: Open, moving_market: Service
) -> None:
    page = await open_page("/markets?q=sol", at=moving_market)
    await expect(page.locator("#stream")).to_have_attribute("data-state", "live")
    await page.wait_for_timeout(1_500)
    assert await page.locator("#listing th a").all_inner_texts() == ["SOL"]


async def test_a_coin_s_routes_move_and_its_history_is_drawn(
    open_page: Open, moving_market: Service
) -> None:
    page = await open_page("/markets/XRP?route=okx-upbit", at=moving_market)
    await expect(page.locator("[data-chart=premium] canvas")).to_be_visible()
    await expect(page.locator("#t-okx-upbit")).to_have_attribute("aria-selected", "true")
    cell = page.locator("#t-okx-upbit .big")
    before = await cell.inner_text()
    await expect(cell).not_to_have_text(before)
    assert await page.locator("#books thead th").count() == 10


async def test_one_box_marks_every_pair_of_its_coin(open_page: Open, still_market: Service) -> None:
    page = await open_page("/markets/quarantine", at=still_market)
    await page.locator("input[data-marks]").first.check()
    boxes = page.locator("input[name=pair]")
    assert await boxes.count() == await page.locator("input[name=pair]:checked").count() > 0


async def test_the_calculator_walks_what_was_pasted(open_page: Open, still_market: Service) -> None:
    page = await open_page("/tools/depth-walk", at=still_market)
    await page.fill("#asks", "100 3\n101 4")
    await page.fill("#bids", "110 5")
    await page.fill("#buy_fee_bps", "10")
    await page.fill("#sell_fee_bps", "5")
    await page.click(".walkf .btn.pri")
    await expect(page.locator(".walkr")).to_contain_text("OK")
    await expect(page.locator(".walkr .v1").nth(1)).to_have_text("5.00")
