"""A result: every figure on screen is the API's, and whoever doubts one can look behind it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from playwright.async_api import Page, expect

from app.routers.backtesting.strip import ORDER, written
from app.texts import formats, text
from tests.browser.conftest import PHONE, Open
from tests.browser.material import Material, material, read
from tests.browser.sampled import finished
from tests.browser.service import Service

KST = timezone(timedelta(hours=9))


@pytest.fixture
def made(service: Service, sample: None) -> Material:
    return material(service)


async def seen(page: Page, selector: str) -> str:
    """What stands there, in one line."""
    return re.sub(r"\s+", " ", await page.locator(selector).first.inner_text()).strip()


def clock(iso: str) -> str:
    return datetime.fromisoformat(iso).astimezone(KST).strftime("%m-%d %H:%M")


async def column(page: Page, number: int) -> list[str]:
    """The texts of one column of the table of cycles."""
    cells = page.locator(f"#cycles tbody > tr:not(.legs) > :nth-child({number})")
    return [cell.strip() for cell in await cells.all_inner_texts()]


@pytest.mark.parametrize("lang", ["en", "ko"])
@pytest.mark.parametrize("which", ["lively", "travelling", "idle"])
async def test_the_strip_shows_the_apis_metrics(
    open_page: Open, service: Service, made: Material, which: str, lang: Any
) -> None:
    run_id = getattr(made, which)
    metrics = read(service, f"/backtests/{run_id}")["metrics"]
    page = await open_page(f"/backtests/{run_id}", lang=lang)
    for name in ORDER:
        figure = written(name, metrics[name], lang)
        assert await seen(page, f"[data-metric={name}] dd") == f"{figure.value}{figure.unit}"
    benchmark = formats.returns(metrics["benchmark_roi_pct"])
    assert await seen(page, "[data-metric=benchmark_roi_pct]") == benchmark


async def test_a_definition_is_one_hover_or_one_focus_away(open_page: Open, made: Material) -> None:
    page = await open_page(f"/backtests/{made.lively}")
    cell = page.locator("[data-metric=sharpe]")
    definition = cell.locator(".def")
    await expect(definition).to_be_hidden()
    await cell.hover()
    await expect(definition).to_have_text(text("en", "metrics.sharpe.means"))
    await page.mouse.move(0, 0)
    await expect(definition).to_be_hidden()
    await cell.focus()
    await expect(definition).to_be_visible()


async def test_the_newest_cycles_are_the_apis(
    open_page: Open, service: Service, made: Material
) -> None:
    items = read(service, f"/backtests/{made.lively}/cycles", sort="-number", limit=14)["items"]
    page = await open_page(f"/backtests/{made.lively}")
    assert await column(page, 1) == [str(item["number"]) for item in items]
    assert await column(page, 2) == [item["base"] for item in items]
    assert await column(page, 3) == [clock(item["t_entry"]) for item in items]
    assert await column(page, 4) == [clock(item["t_exit"]) for item in items]
    holds = [f"{formats.number(item['hold_s'] / 3600, 2)} h" for item in items]
    assert await column(page, 5) == holds
    for place, name in ((7, "in_bps"), (8, "out_bps"), (10, "net_bps")):
        assert await column(page, place) == [formats.bps(item[name]) for item in items]
    assert await column(page, 9) == [formats.won(item["fees_krw"]) for item in items]
    assert await column(page, 11) == [formats.won(i["pnl_krw"], signed=True) for i in items]
    assert await column(page, 12) == [item["reason"] for item in items]


async def test_cycles_are_filtered_sorted_and_paged_without_leaving_the_page(
    open_page: Open, service: Service, made: Material
) -> None:
    path = f"/backtests/{made.lively}/cycles"
    lost = read(service, path, outcome="lost", sort="pnl_krw", limit=28)
    page = await open_page(f"/backtests/{made.lively}")
    await page.evaluate("window.untouched = true")

    await page.click(f"#cycles .seg a:has-text('lost {lost['total']}')")
    await expect(page.locator("#cycles .seg [aria-current]")).to_have_text(f"lost {lost['total']}")
    await page.click("#cycles thead a:has-text('P&L KRW')")
    await expect(page.locator("#cycles th[aria-sort=descending]")).to_contain_text("P&L KRW")
    await page.click("#cycles thead a:has-text('P&L KRW')")
    await expect(page.locator("#cycles th[aria-sort=ascending]")).to_contain_text("P&L KRW")
    worst = [formats.won(item["pnl_krw"], signed=True) for item in lost["items"]]
    assert await column(page, 11) == worst[:14]

    await page.click("#cycles .pager [rel=next]")
    await expect(page.locator("#cycles .pager .n")).to_contain_text("2 / ")
    assert await column(page, 11) == worst[14:]
    assert await page.evaluate("window.untouched")
    assert "show=lost" in page.url
    await page.reload()
    assert await column(page, 11) == worst[14:]  # the address holds it all


async def test_each_coin_has_its_own_filter(
    open_page: Open, service: Service, made: Material
) -> None:
    total = read(service, f"/backtests/{made.lively}/cycles", base="XRP", limit=1)["total"]
    page = await open_page(f"/backtests/{made.lively}")
    await page.click("#cycles .seg a:has-text('XRP')")
    await expect(page.locator("#cycles .seg [aria-current]")).to_have_text("XRP")
    assert set(await column(page, 2)) == {"XRP"}
    rows = page.locator("#believe, table:has(caption:has-text('By coin')) tr", has_text="XRP")
    assert (await rows.first.locator("td").first.inner_text()) == str(total)


@pytest.mark.parametrize("which", ["lively", "travelling"])
async def test_a_row_opens_every_fill(
    open_page: Open, service: Service, made: Material, which: str
) -> None:
    run_id = getattr(made, which)
    cycle = read(service, f"/backtests/{run_id}/cycles", sort="-number", limit=1)["items"][0]
    fills = sorted(cycle["fills"] + cycle["hedge_fills"], key=lambda fill: fill["time"])
    page = await open_page(f"/backtests/{run_id}")
    await page.click(f"#cycle-{cycle['number']} a")
    legs = page.locator(f"#cycle-{cycle['number']} tr.legs tbody tr")
    await expect(legs).to_have_count(len(fills) + 1)
    shown = [(await row.locator("td").last.inner_text()).strip() for row in (await legs.all())[:-1]]
    assert shown == [formats.won(fill["amount_krw"], signed=True) for fill in fills]
    rates = [await row.locator("td:nth-child(8)").inner_text() for row in (await legs.all())[:-1]]
    assert rates == [formats.NONE if f["fx"] is None else formats.price(f["fx"]) for f in fills]
    earned = formats.won(cycle["pnl_krw"], signed=True)
    assert (await legs.last.locator("td").last.inner_text()).strip() == earned

    link = page.locator(f"#cycle-{cycle['number']} > tr > td > a").first
    await expect(link).to_have_attribute("aria-expanded", "true")
    await link.click()
    await expect(page.locator("tr.legs")).to_have_count(0)


async def test_the_fills_of_an_inventory_cycle_add_up_to_its_result(
    open_page: Open, service: Service, made: Material
) -> None:
    cycle = read(service, f"/backtests/{made.lively}/cycles", sort="-number", limit=1)["items"][0]
    page = await open_page(f"/backtests/{made.lively}?cycle={cycle['number']}")
    shown = await page.locator("tr.legs tbody tr td:last-child").all_inner_texts()
    values = [int(each.replace(",", "").replace("−", "-")) for each in shown]
    assert abs(sum(values[:-1]) - values[-1]) <= 2  # each is rounded to a won


async def test_the_curves_end_where_the_api_says(
    open_page: Open, service: Service, made: Material
) -> None:
    curve = read(service, f"/backtests/{made.lively}/equity")
    page = await open_page(f"/backtests/{made.lively}")
    await page.wait_for_selector("[data-drawn]")
    chart = page.locator("[data-chart=equity] .u-over")
    box = await chart.bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] - 1, box["y"] + 40)
    readout = page.locator("section:has([data-chart=equity]) [data-readout]")
    await expect(readout).not_to_be_empty()
    last = datetime.fromtimestamp(curve["time"][-1], KST).strftime("%Y-%m-%d %H:%M")
    equity = formats.won(curve["equity_krw"][-1])
    fall = formats.share(-curve["drawdown_pct"][-1], 2)
    assert await readout.inner_text() == f"{last} · {equity} · {fall}"
    signal = page.locator("section:has([data-chart=signal]) [data-readout]")
    premium = f"{formats.bps(curve['premium_bps'][-1])} bps"
    assert (await signal.inner_text()).endswith(premium)  # the crosshair is shared


async def test_dragging_zooms_all_charts_and_a_double_click_shows_all_again(
    open_page: Open, made: Material
) -> None:
    page = await open_page(f"/backtests/{made.lively}")
    await page.wait_for_selector("[data-drawn]")
    every = page.locator("[data-days='0']")
    await expect(every).to_have_attribute("aria-pressed", "true")
    box = await page.locator("[data-chart=signal] .u-over").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    # so few points come into view that every bar is fetched
    async with page.expect_request(lambda request: request.url.endswith("/equity")):
        await page.mouse.move(x, y)
        await page.mouse.down()
        await page.mouse.move(x + 80, y, steps=5)
        await page.mouse.up()
    await expect(every).to_have_attribute("aria-pressed", "false")
    await page.mouse.dblclick(x, y)
    await expect(every).to_have_attribute("aria-pressed", "true")


async def test_a_range_button_shows_its_days(open_page: Open, made: Material) -> None:
    page = await open_page(f"/backtests/{made.lively}")
    await page.wait_for_selector("[data-drawn]")
    await page.click("[data-days='7']")
    await expect(page.locator("[data-days='7']")).to_have_attribute("aria-pressed", "true")
    await expect(page.locator("[data-days='0']")).to_have_attribute("aria-pressed", "false")


async def test_the_charts_follow_the_theme(open_page: Open, made: Material) -> None:
    page = await open_page(f"/backtests/{made.lively}")
    await page.wait_for_selector("[data-drawn]")
    ink = """() => {
      const canvas = document.querySelector('[data-chart=equity] canvas');
      const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
      let brightest = 0;
      for (let i = 0; i < pixels.length; i += 4) {
        if (pixels[i + 3] > 250) brightest = Math.max(brightest, pixels[i]);
      }
      return brightest;
    }"""
    dark = await page.evaluate(ink)
    await page.keyboard.press("t")
    await expect(page.locator("html")).to_have_attribute("data-theme", "light")
    darkest = ink.replace("brightest = 0", "brightest = 255").replace("Math.max", "Math.min")
    light = await page.evaluate(darkest)
    assert dark > 200
    assert light < 80


async def test_the_checks_are_computed_while_one_reads(
    open_page: Open, service: Service, made: Material
) -> None:
    ahead = read(service, f"/backtests/{made.lively}/lookahead")
    drawn = read(service, f"/backtests/{made.lively}/bootstrap")
    page = await open_page(f"/backtests/{made.lively}")
    line = page.locator("#check-lookahead small")
    checked = formats.number(ahead["checked"])
    await expect(line).to_have_text(f"{ahead['cuts']} cuts, 0 of {checked} decisions changed")
    roi = drawn["roi_pct"]
    said = page.locator("#check-bootstrap small")
    await expect(said).to_contain_text(
        f"ROI {formats.returns(roi['p5'])} to {formats.returns(roi['p95'])}"
    )
    await expect(page.locator("#check-walkforward a")).to_be_visible()


async def test_neighbours_are_what_such_runs_give(
    open_page: Open, service: Service, made: Material
) -> None:
    params = read(service, f"/backtests/{made.lively}")["params"]
    with service.api() as api:
        run_id = api.post("/backtests", json={**params, "entry_bps": 73.0}).json()["id"]
        roi = finished(api, run_id)["metrics"]["roi_pct"]
    page = await open_page(f"/backtests/{made.lively}")
    note = page.locator("#neighbours .note")
    await expect(note).to_contain_text(f"73/10 {formats.returns(roi)}")


async def test_a_run_without_cycles_says_what_was_nearest(
    open_page: Open, service: Service, made: Material
) -> None:
    premium = np.array(read(service, f"/backtests/{made.idle}/equity")["premium_bps"])
    page = await open_page(f"/backtests/{made.idle}")
    said = await seen(page, "#cycles .empty")
    assert "No cycle finished." in said
    assert f"from {formats.bps(premium.min())} to {formats.bps(premium.max())} bps" in said
    await page.wait_for_selector("[data-drawn]")


async def test_everything_can_be_taken_away(
    open_page: Open, service: Service, made: Material
) -> None:
    page = await open_page(f"/backtests/{made.lively}")
    async with page.expect_download() as waiting:
        await page.click("header .btn:has-text('CSV')")
    csv = await waiting.value
    lines = (await csv.path()).read_text().splitlines()
    cycles = read(service, f"/backtests/{made.lively}")["metrics"]["cycles"]
    assert len(lines) == cycles + 1
    async with page.expect_popup() as opening:
        await page.click("header .btn:has-text('Report')")
    report = await opening.value
    await expect(report.locator("body")).to_contain_text("lively")


async def test_on_a_phone_the_table_keeps_what_matters(open_page: Open, made: Material) -> None:
    page = await open_page(f"/backtests/{made.lively}", size=PHONE)
    heads = page.locator("#cycles thead th:visible")
    assert [head.split("\n")[0] for head in await heads.all_inner_texts()] == [
        "# ↓",
        "Coin",
        "Entry",
        "Hold",
        "P&L KRW",
    ]
