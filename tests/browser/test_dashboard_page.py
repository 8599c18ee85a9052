"""Dashboard: the next step, results, what is running; figures are the API's."""

from __future__ import annotations

import re

from playwright.async_api import expect

from app.texts import formats
from tests.browser.conftest import Open
from tests.browser.sampled import backtest_on_sample, finished
from tests.browser.service import Service


async def test_a_result_is_the_api_s(open_page: Open, service: Service, sample: None) -> None:
    with service.api() as api:
        run = finished(api, backtest_on_sample(api)["run"])
    metrics = run["metrics"]
    page = await open_page("/")
    row = page.locator(f"#run-{run['id']}")
    await expect(row).to_contain_text(formats.won(metrics["total_pnl_krw"], signed=True))
    await expect(row).to_contain_text(formats.number(metrics["roi_pct"], 2, signed=True))
    await expect(row).to_contain_text("SYNTHETIC")
    await row.locator("a").click()
    await expect(page).to_have_url(re.compile(f"/backtests/{run['id']}$"))


async def test_an_open_dashboard_learns_of_a_run_and_of_its_end(
    open_page: Open, service: Service, sample: None
) -> None:
    page = await open_page("/")
    await expect(page.locator("#stream")).to_have_attribute("data-state", "live")
    with service.api() as api:
        run_id = backtest_on_sample(api, entry_bps=31)["run"]
    row = page.locator(f"#run-{run_id}")
    await expect(row).to_contain_text("COMPLETED")


async def test_steps_are_done_one_after_another(
    open_page: Open, service: Service, sample: None
) -> None:
    with service.api() as api:
        finished(api, backtest_on_sample(api)["run"])
    page = await open_page("/")
    assert await page.locator(".todo li.done .step").all_inner_texts() >= ["1", "2"]
