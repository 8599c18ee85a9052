"""Pages of trading in a real browser: whole in every view, guarded where they act, live."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.checks import faults
from tests.browser.conftest import DESK, PHONE, Open, Watch
from tests.browser.service import Service
from tests.pages.trading_story import DEAD, DONE, MOVING, NOTHING, RETRY, UNSURE

VIEWS = [
    ("ko", "dark", DESK),
    ("en", "light", DESK),
    ("en", "dark", PHONE),
    ("ko", "light", PHONE),
]
PAGES = (
    "/",
    "/cycles",
    "/cycles?tab=dead",
    "/cycles?tab=retry",
    "/cycles?tab=finished",
    f"/cycles/{DONE}",
    f"/cycles/{MOVING}",
    f"/cycles/{DEAD}",
    f"/cycles/{NOTHING}",
    f"/cycles/{DEAD}/close",
    "/orders",
    "/orders?kind=transfers",
    "/orders/buy-5",
    "/orders/way-1",
    "/wallets?dust=shown",
    "/risk",
    "/risk/kill",
    "/performance",
)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("lang", "theme", "size"), VIEWS)
async def test_a_page_of_trading_is_whole(
    open_page: Open, traded: Service, path: str, lang: str, theme: str, size: dict[str, int]
) -> None:
    page = await open_page(path, at=traded, lang=lang, theme=theme, size=size)
    await page.evaluate("() => document.fonts.ready")
    await expect(page.locator("#stream")).to_have_attribute("data-state", "live")
    assert await page.locator("h1").count() == 1
    assert await faults(page, lang) == {}


async def test_the_masthead_has_state_kill_and_mode_on_every_width(
    open_page: Open, traded: Service
) -> None:
    for size in (DESK, PHONE):
        page = await open_page("/guide", at=traded, size=size)
        await expect(page.locator(".mast .state [aria-pressed=true]")).to_be_visible()
        await expect(page.locator(".mast .kill")).to_be_visible()
        await expect(page.locator(".mast .mode.paper")).to_be_visible()


async def test_the_regions_of_a_cycle_come_by_the_stream_and_stay_where_they_are(
    open_page: Open, traded: Service
) -> None:
    page = await open_page(f"/cycles/{MOVING}", at=traded)
    await page.evaluate("() => { document.querySelector('#intents tr').mark = 'kept'; }")
    await page.locator("#intents a").first.focus()
    before = await page.locator("#meta").inner_text()
    await expect(page.locator("#meta")).not_to_have_text(before)
    assert await page.evaluate("() => document.querySelector('#intents tr').mark") == "kept"
    assert await page.evaluate("() => document.activeElement.closest('#intents') !== null")
    assert await page.locator("h1").count() == 1, "no region came to a place that it has not"


async def test_an_action_is_asked_about_with_its_worst_case_and_version(
    open_page: Open, traded: Service, watch: Watch
) -> None:
    watch.expected.append("503")
    page = await open_page(f"/cycles/{DEAD}", at=traded)
    await page.click("#actions [data-open=ask-close]")
    dialog = page.locator("#ask-close")
    await expect(dialog).to_be_visible()
    for part in (DEAD, "DEAD_LETTER", "Upbit", "At worst", "Version seen"):
        await expect(dialog).to_contain_text(part)
    version = dialog.locator("[name=version]")
    assert int(await version.input_value()) > 1
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await page.click("#actions [data-open=ask-retry]")
    await page.click("#ask-retry [data-close]")
    await expect(page.locator("#ask-retry")).to_be_hidden()
    await page.click("#actions [data-open=ask-retry]")
    await page.click("#ask-retry button")
    await expect(page.locator("main")).to_contain_text("not_ready")


async def test_what_cannot_be_done_says_why(open_page: Open, traded: Service) -> None:
    page = await open_page(f"/cycles/{MOVING}", at=traded)
    for button in await page.locator("#actions button").all():
        assert await button.is_disabled()
        assert await button.get_attribute("title")


async def test_the_kill_switch_opens_its_guard_and_closes_it_again(
    open_page: Open, empty_service: Service
) -> None:
    page = await open_page("/risk", at=empty_service)
    kill = page.locator(".mast .kill")
    await kill.click()
    await expect(kill.locator("b")).to_have_text("Press again within 3 s")
    await expect(kill.locator("b")).to_be_visible()
    assert "KILLED" not in await page.locator("#now").inner_text()
    await expect(kill.locator("b")).to_be_hidden(timeout=10_000)
    await kill.click()
    await kill.click()
    await expect(page.locator(".mast .kill")).to_have_text("KILLED")
    await expect(page.locator("#now")).to_contain_text("KILLED")
    await page.click("#now button[value=HALTED]")
    await expect(page.locator(".mast .kill")).to_contain_text("Kill")
    await expect(page.locator("#changes")).to_contain_text("kill")


async def test_a_click_starts_paper_trading_and_every_open_page_hears_of_it(
    open_page: Open, empty_service: Service
) -> None:
    page = await open_page("/", at=empty_service)
    other = await open_page("/guide", at=empty_service)
    await expect(other.locator(".mast .state [aria-pressed=true]")).to_contain_text("Halted")
    await page.click("#readouts button")
    await expect(page).to_have_url(re.compile(r"/$"))
    await expect(page.locator(".mast .state [aria-pressed=true]")).to_contain_text("Active")
    await expect(page.locator("#readouts")).to_contain_text("no market feeds")
    await expect(other.locator(".mast .state [aria-pressed=true]")).to_contain_text("Active")


async def test_rows_lead_to_the_reason_in_one_click(open_page: Open, traded: Service) -> None:
    page = await open_page("/cycles?tab=dead", at=traded)
    await page.click(f"#{DEAD} td:first-child")
    await expect(page).to_have_url(re.compile(rf"/cycles/{DEAD}$"))
    why = page.locator("#top > .why")
    await expect(why).to_contain_text("way home")
    await expect(why).to_have_attribute("title", "NO_WAY_HOME")
    page = await open_page("/orders", at=traded)
    await page.click("#unsure a")
    await expect(page.locator("main")).to_contain_text("no clear answer")
    assert await _figures_have_units(page)


async def test_amounts_hide_from_a_screenshot(open_page: Open, traded: Service) -> None:
    page = await open_page("/wallets", at=traded)
    shown = "() => getComputedStyle(document.querySelector('#balances .amt')).color"
    await page.keyboard.press("h")
    assert await page.evaluate(shown) == "rgba(0, 0, 0, 0)"


@pytest.mark.parametrize("cycle", [RETRY, UNSURE])
async def test_g_and_a_letter_open_the_pages_of_trading(
    open_page: Open, traded: Service, cycle: str
) -> None:
    page = await open_page(f"/cycles/{cycle}", at=traded)
    for letter, path in (("r", "orders"), ("w", "wallets"), ("k", "risk"), ("c", "cycles")):
        await page.keyboard.press("g")
        await page.keyboard.press(letter)
        await expect(page).to_have_url(re.compile(rf"/{path}$"))


async def _figures_have_units(page: Page) -> bool:
    said = await page.locator("dl.kv").first.inner_text()
    return all(unit in said for unit in ("USDT", "XRP"))
