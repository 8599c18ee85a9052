"""From the guide to a result, the form in all its ways, the list that moves by itself."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from app.domain.backtests import Params
from app.routers.backtesting.costs import bill
from app.texts import formats
from tests.browser.conftest import Open, Watch
from tests.browser.material import Material, material, read, started
from tests.browser.sampled import finished
from tests.browser.service import Service


@pytest.fixture
def made(service: Service, sample: None) -> Material:
    return material(service)


async def run_id_of(page: Page) -> str:
    await page.wait_for_url(re.compile(r"/backtests/b-\d+$"))
    return page.url.rsplit("/", 1)[1]


async def test_a_new_user_is_one_click_from_a_first_result(
    open_page: Open, empty_service: Service
) -> None:
    page = await open_page("/backtests", at=empty_service)
    await page.goto("/backtests?lang=en")
    await expect(page.locator(".empty").first).to_contain_text("No backtest has run yet.")
    await page.click("text=Run the sample")
    await page.wait_for_url(re.compile("/guide"))
    await page.click("button:has-text('Make the sample and run it')")
    run_id = await run_id_of(page)
    # the result replaces the progress without a reload
    await page.wait_for_selector("[data-metric=total_pnl_krw]", timeout=60_000)
    await page.wait_for_selector("[data-drawn]")
    metrics = read(empty_service, f"/backtests/{run_id}")["metrics"]
    profit = await page.locator("[data-metric=total_pnl_krw] dd").first.inner_text()
    assert profit == f"{formats.won(metrics['total_pnl_krw'], signed=True)}KRW"
    assert metrics["cycles"] > 30
    await expect(page.locator("header .chip", has_text="SYNTHETIC")).to_be_visible()
    await page.goto("/backtests")
    await expect(page.locator(f"#run-{run_id} th a")).to_have_text("1 · Sample")
    mark = f"getComputedStyle(document.querySelector('#run-{run_id} th a'), '::after').content"
    assert await page.evaluate(mark) == '"SYNTHETIC"'


async def test_the_form_says_at_once_what_will_run_and_where_it_breaks_even(
    open_page: Open, made: Material
) -> None:
    page = await open_page("/backtests/new")
    await expect(page.locator("#preview .say")).to_contain_text("reaches 80 bps")
    await page.fill("[name=entry_bps]", "95")
    await page.fill("[name=slippage_bps]", "3.5")
    priced = bill(Params(entry_bps=95, slippage_bps=3.5))
    await expect(page.locator("#bill-total")).to_have_text(formats.number(priced.total_bps, 1))
    await expect(page.locator("#break-even")).to_have_text(formats.bps(priced.break_even_bps))
    await expect(page.locator("#bill-net")).to_have_text(formats.bps(priced.net_bps))
    await expect(page.locator("#preview .say")).to_contain_text("reaches 95 bps")

    await page.check("[name=style][value=transfer]", force=True)
    await page.check("[name=hedge]")
    await expect(page.locator("#preview .say")).to_contain_text("hedged")
    await expect(page.locator("#preview .lean")).to_contain_text("Hedge")


async def test_costs_above_what_is_captured_are_told_with_the_entry_that_would_earn(
    open_page: Open, made: Material
) -> None:
    page = await open_page("/backtests/new")
    await page.fill("[name=entry_bps]", "40")
    advice = page.locator("#preview .banner", has_text="the costs take 38.0 bps")
    await expect(advice).to_contain_text("enter above 48.0 bps")


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("entry_bps", "eighty", "eighty is not a number."),
        ("max_hold_bars", "0.5", "0.5 is not whole; 0 or 1 would be."),
        ("notional_krw", "0", "0 does not pass. Would pass: >= 1e-06, < 1e+18"),
        ("krw_fee_bps", "20000", "20000 does not pass. Would pass: >= 0, < 10000"),
        ("start", "yesterday", "Write 2026-01-31 or 2026-01-31 09:00."),
    ],
)
async def test_a_wrong_number_is_told_under_its_field_with_one_that_would_pass(
    open_page: Open, watch: Watch, made: Material, field: str, typed: str, said: str
) -> None:
    watch.expected.append("422")
    page = await open_page("/backtests/new")
    await page.fill(f"[name={field}]", typed)
    await expect(page.locator(f"#wrong-{field}")).to_contain_text(said)
    await expect(page.locator(f"[name={field}]")).to_have_attribute("aria-invalid", "true")
    # sent nevertheless, the page comes back with everything as it was typed
    await page.click("#go button")
    await expect(page.locator(f"#wrong-{field}")).to_contain_text(said)
    assert await page.input_value(f"[name={field}]") == typed
    await page.fill(f"[name={field}]", "2026-01-31" if field == "start" else "7")
    await expect(page.locator(f"#wrong-{field}")).to_be_hidden()


async def test_a_run_is_what_the_form_said(
    open_page: Open, service: Service, made: Material
) -> None:
    page = await open_page("/backtests/new")
    await page.uncheck("[name='use.XRP']")
    await page.fill("[name=entry_bps]", "90")
    await page.fill("[name=notional_krw]", "2000만")
    await page.fill("[name=start]", "2025-06-10")
    await page.fill("[name=end]", "2025-06-20 12:00")
    await page.fill("[name=name]", "ten days")
    await page.click("#go button")
    run_id = await run_id_of(page)
    with service.api() as api:
        run = finished(api, run_id)
    assert run["name"] == "ten days"
    params = run["params"]
    assert [market["base"] for market in params["markets"]] == ["BTC"]
    assert (params["entry_bps"], params["notional_krw"]) == (90, 2e7)
    assert params["start"] == "2025-06-09T15:00:00Z"  # midnight in Seoul
    assert params["end"] == "2025-06-20T03:00:00Z"
    await page.wait_for_selector("[data-metric=cycles]")
    await page.click("text=Change and rerun")
    assert await page.input_value("[name=start]") == "2025-06-10 00:00"
    assert await page.input_value("[name=notional_krw]") == "20,000,000"
    assert not await page.is_checked("[name='use.XRP']")


async def test_a_preset_fills_the_form_and_keeps_the_rest(open_page: Open, made: Material) -> None:
    page = await open_page("/backtests/new")
    await page.fill("[name=krw_fee_bps]", "4")
    await page.click("button[value=travel]")
    assert await page.input_value("[name=entry_bps]") == "150"
    assert await page.input_value("[name=krw_fee_bps]") == "4"
    assert await page.is_checked("[name=hedge]")
    await expect(page.locator("[name='withdraw.BTC']")).to_be_visible()


async def test_the_form_works_without_script(
    open_page: Open, watch: Watch, service: Service, made: Material
) -> None:
    watch.expected.append("422")
    page = await open_page("/backtests/new", java_script_enabled=False)
    await page.fill("[name=entry_bps]", "abc")
    await page.click("#go button")
    await expect(page.locator("#wrong-entry_bps")).to_contain_text("abc is not a number.")
    await page.fill("[name=entry_bps]", "110")
    await page.click("#go button")
    run_id = await run_id_of(page)
    with service.api() as api:
        run = finished(api, run_id)
    assert run["params"]["entry_bps"] == 110
    await page.reload()
    await expect(page.locator("[data-metric=cycles] dd").first).to_have_text(
        formats.number(run["metrics"]["cycles"])
    )
    await page.click("#cycles tbody a >> nth=0")
    await expect(page.locator("tr.legs")).to_be_visible()


async def test_the_list_shows_the_apis_figures(
    open_page: Open, service: Service, made: Material
) -> None:
    metrics = read(service, f"/backtests/{made.lively}")["metrics"]
    page = await open_page("/backtests")
    cells = [
        cell.strip() for cell in await page.locator(f"#run-{made.lively} > *").all_inner_texts()
    ]
    assert cells[1].endswith("lively")
    assert cells[3] == "COMPLETED"
    assert cells[4] == formats.number(metrics["roi_pct"], 2, signed=True)
    assert cells[5] == formats.won(metrics["total_pnl_krw"], signed=True)
    assert cells[6] == formats.number(metrics["cycles"])
    assert cells[7] == formats.share(metrics["max_drawdown_pct"], 2)


async def test_an_open_list_takes_in_new_runs_and_keeps_its_ticks(
    open_page: Open, service: Service, made: Material
) -> None:
    page = await open_page("/backtests")
    await page.evaluate("window.untouched = true")
    await page.check(f"#run-{made.lively} [type=checkbox]")
    with service.api() as api:
        run_id = started(api, "backtests", name="from elsewhere")
        metrics = finished(api, run_id)["metrics"]
    row = page.locator(f"#run-{run_id}")
    await expect(row).to_contain_text("from elsewhere")
    await expect(row).to_contain_text(formats.won(metrics["total_pnl_krw"], signed=True))
    assert await page.is_checked(f"#run-{made.lively} [type=checkbox]")
    with service.api() as api:
        api.delete(f"/backtests/{run_id}")
    await expect(row).to_have_count(0)
    assert await page.evaluate("window.untouched")


async def test_a_row_runs_again_with_one_click(
    open_page: Open, service: Service, made: Material
) -> None:
    page = await open_page("/backtests")
    await page.click(f"#run-{made.idle} >> text=Rerun")
    again = await run_id_of(page)
    await page.wait_for_selector("[data-metric=cycles]", timeout=60_000)
    before, after = (read(service, f"/backtests/{run}") for run in (made.idle, again))
    assert after["metrics"] == before["metrics"]
    assert after["params"] == before["params"]


async def test_runs_are_compared_by_their_ticks(
    open_page: Open, service: Service, made: Material
) -> None:
    page = await open_page("/backtests")
    button = page.locator("header button:has-text('Compare')")
    await expect(button).to_be_disabled()
    for run_id in (made.lively, made.travelling):
        await page.check(f"#run-{run_id} [type=checkbox]")
    await button.click()
    await page.wait_for_url(re.compile("/backtests/compare"))
    runs = [read(service, f"/backtests/{name}") for name in re.findall(r"run=(b-\d+)", page.url)]
    first = page.locator(".cmp-t tbody").first
    await expect(first).to_contain_text("Differs")
    await expect(first.locator("[data-row=style]")).to_contain_text("transfer")
    profits = [run["metrics"]["total_pnl_krw"] for run in runs]
    shown = await page.locator("[data-row=total_pnl_krw] td").all_inner_texts()
    assert [cell.split()[0] for cell in shown] == [
        formats.won(profit, signed=True) for profit in profits
    ]
    bold = page.locator("[data-row=total_pnl_krw] td.big")
    await expect(bold).to_contain_text(formats.won(max(profits), signed=True))
    falls = [run["metrics"]["max_drawdown_pct"] for run in runs]
    least = page.locator("[data-row=max_drawdown_pct] td.big")
    await expect(least).to_contain_text(formats.number(-min(falls), 2))
    await page.wait_for_selector("[data-drawn]")


async def test_deleting_asks_first_and_takes_only_what_was_picked(
    open_page: Open, service: Service, made: Material
) -> None:
    with service.api() as api:
        run_id = started(api, "backtests", name="to be deleted")
        finished(api, run_id)
    page = await open_page("/backtests")
    await page.check(f"#run-{run_id} [type=checkbox]")
    await page.click("header button:has-text('Delete')")
    await expect(page.locator("main")).to_contain_text("to be deleted")
    await page.click("main form button:has-text('Delete')")
    await page.wait_for_url(re.compile(r"/backtests$"))
    await expect(page.locator(f"#run-{run_id}")).to_have_count(0)
    with service.api() as api:
        assert api.get(f"/backtests/{run_id}").status_code == 404
        assert api.get(f"/backtests/{made.lively}").status_code == 200
