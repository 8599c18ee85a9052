"""A sweep's cells and a walk-forward's windows are the API's rows, and lead on."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from app.texts import formats
from tests.browser.conftest import Open, Watch
from tests.browser.material import Material, material, read, started
from tests.browser.service import Service


@pytest.fixture
def made(service: Service, sample: None) -> Material:
    return material(service)


async def test_every_cell_is_a_row_of_the_api(
    open_page: Open, service: Service, made: Material
) -> None:
    rows = read(service, f"/sweeps/{made.sweep}")["rows"]
    page = await open_page(f"/sweeps/{made.sweep}")
    shown = await page.locator(".heat-s a text").all_text_contents()
    assert shown == [formats.won(row["metrics"]["total_pnl_krw"], signed=True) for row in rows]
    await page.select_option("[name=metric]", "max_drawdown_pct")
    await expect(page.locator("#heat h2")).to_have_text("Max drawdown")
    falls = await page.locator(".heat-s a text").all_text_contents()
    assert falls == [formats.number(-row["metrics"]["max_drawdown_pct"], 2) for row in rows]


async def test_axes_can_change_places(open_page: Open, service: Service, made: Material) -> None:
    rows = read(service, f"/sweeps/{made.sweep}")["rows"]
    page = await open_page(f"/sweeps/{made.sweep}?x=entry_bps&y=exit_bps")
    shown = await page.locator(".heat-s a text").all_text_contents()
    turned = sorted(rows, key=lambda row: (row["params"]["exit_bps"], row["params"]["entry_bps"]))
    assert shown == [formats.won(row["metrics"]["total_pnl_krw"], signed=True) for row in turned]


async def test_the_best_point_is_the_apis_and_opens_as_a_run(
    open_page: Open, service: Service, made: Material
) -> None:
    best = read(service, f"/sweeps/{made.sweep}")["best"]
    page = await open_page(f"/sweeps/{made.sweep}")
    await expect(page.locator("#cell .chip")).to_have_text("BEST")
    profit = formats.won(best["metrics"]["total_pnl_krw"], signed=True)
    await expect(page.locator("#cell [data-metric=total_pnl_krw]")).to_have_text(profit)

    await page.click("#cell button")
    await page.wait_for_url(re.compile(r"/backtests/b-\d+$"))
    await page.wait_for_selector("[data-metric=total_pnl_krw] dd", timeout=60_000)
    run = read(service, f"/backtests/{page.url.rsplit('/', 1)[1]}")
    assert run["metrics"] == best["metrics"]
    assert {name: run["params"][name] for name in best["params"]} == best["params"]

    first = page.url
    await page.goto(f"/sweeps/{made.sweep}")
    await page.click("#cell button")
    await page.wait_for_url(re.compile(r"/backtests/b-\d+$"))
    assert page.url == first  # the same point leads to the run that is there


async def test_a_cell_shows_its_point(open_page: Open, service: Service, made: Material) -> None:
    rows = read(service, f"/sweeps/{made.sweep}")["rows"]
    page = await open_page(f"/sweeps/{made.sweep}")
    await page.click("#cell-4")
    await expect(page.locator("#cell h2")).to_have_text("Enter at 80 · Leave at 20")
    cycles = formats.number(rows[4]["metrics"]["cycles"])
    await expect(page.locator("#cell [data-metric=cycles]")).to_have_text(cycles)


async def test_a_sweep_fills_its_map_while_one_looks(
    open_page: Open, service: Service, made: Material
) -> None:
    page = await open_page("/backtests/new")
    await page.fill("[name=entry_bps]", "40..180/4")
    await page.fill("[name=exit_bps]", "0..60/4")
    button = page.locator("#go button")
    await expect(button).to_have_text("Run sweep of 576 points")
    await button.click()
    await page.wait_for_url(re.compile(r"/sweeps/s-\d+"))
    await page.evaluate("window.untouched = true")
    await expect(page.locator("header .chip").first).to_have_text("COMPLETED", timeout=60_000)
    await expect(page.locator(".heat-s a")).to_have_count(576)
    assert await page.evaluate("window.untouched")  # it came by itself
    rows = read(service, f"/sweeps/{page.url.rsplit('/', 1)[1]}")["rows"]
    assert len(rows) == 576


async def test_a_sweep_is_cancelled_on_its_page_and_keeps_what_was_computed(
    open_page: Open, service: Service, made: Material
) -> None:
    grid = {"from": 20, "to": 200, "step": 2}
    with service.api() as api:
        sweep = started(api, "sweeps", entry_bps=grid, exit_bps=grid)
    page = await open_page(f"/sweeps/{sweep}")
    await expect(page.locator(".heat-s path:not(.none)").first).to_be_visible()
    await page.click("text=Cancel this run")
    await expect(page.locator("header .chip").first).to_have_text("CANCELLED")
    await expect(page.locator(".problem")).to_contain_text("This run was cancelled.")
    done = read(service, f"/sweeps/{sweep}")["done"]
    assert 0 < done < 91 * 91
    await expect(page.locator(".problem")).to_contain_text(formats.number(done))
    await expect(page.locator(".heat-s a")).to_have_count(done)


async def test_a_walk_forward_starts_from_the_form(
    open_page: Open, watch: Watch, service: Service, made: Material
) -> None:
    watch.expected.append("422")
    page = await open_page(f"/backtests/new?from={made.lively}&around=1")
    await page.click("summary")
    await page.click("button[value=walkforward]")
    await expect(page.locator("#wrong-train_days")).to_contain_text("A number is needed.")
    for name, days in (("train_days", "20"), ("test_days", "10"), ("step_days", "10")):
        await page.fill(f"[name={name}]", days)
    await page.click("button[value=walkforward]")
    await page.wait_for_url(re.compile(r"/walkforwards/w-\d+"))
    await page.wait_for_selector("[data-drawn]", timeout=60_000)
    study = read(service, f"/walkforwards/{page.url.rsplit('/', 1)[1]}")
    assert study["train_days"] == 20
    assert len(study["params"]["markets"]) == 2


async def test_windows_are_the_apis(open_page: Open, service: Service, made: Material) -> None:
    study = read(service, f"/walkforwards/{made.walkforward}")
    page = await open_page(f"/walkforwards/{made.walkforward}")
    rows = page.locator(".win-t tbody tr")
    await expect(rows).to_have_count(len(study["windows"]))
    for row, window in zip(await rows.all(), study["windows"], strict=True):
        cells = [cell.strip() for cell in await row.locator("td").all_inner_texts()]
        assert cells[2] == formats.price(window["chosen"]["entry_bps"])
        assert cells[3] == formats.won(window["train_metrics"]["total_pnl_krw"], signed=True)
        assert cells[4] == formats.won(window["test_metrics"]["total_pnl_krw"], signed=True)
        assert cells[5] == formats.number(window["test_metrics"]["roi_pct"], 2, signed=True)
        assert cells[6] == formats.number(window["test_metrics"]["cycles"])
    profit = formats.won(study["metrics"]["total_pnl_krw"], signed=True)
    await expect(page.locator("[data-metric=total_pnl_krw] dd").first).to_have_text(f"{profit}KRW")
    await expect(page.locator("#check-profit")).to_contain_text(profit)


async def test_the_joined_curve_ends_where_the_api_says(
    open_page: Open, service: Service, made: Material
) -> None:
    curve = read(service, f"/walkforwards/{made.walkforward}")["equity"]
    page = await open_page(f"/walkforwards/{made.walkforward}")
    await page.wait_for_selector("[data-drawn]")
    box = await page.locator("[data-chart=equity] .u-over").bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] - 1, box["y"] + 40)
    equity = formats.won(curve["equity_krw"][-1])
    await expect(page.locator("[data-readout]")).to_contain_text(f" · {equity} · ")


async def test_studies_stand_in_the_list(open_page: Open, service: Service, made: Material) -> None:
    best = read(service, f"/sweeps/{made.sweep}")["best"]["metrics"]["total_pnl_krw"]
    joined = read(service, f"/walkforwards/{made.walkforward}")["metrics"]["total_pnl_krw"]
    page = await open_page("/backtests")
    await expect(page.locator(f"#study-{made.sweep}")).to_contain_text(
        formats.won(best, signed=True)
    )
    await expect(page.locator(f"#study-{made.walkforward}")).to_contain_text(
        formats.won(joined, signed=True)
    )
