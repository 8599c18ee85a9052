"""System: what /readyz says, the workers, what happened at the door."""

from __future__ import annotations

import httpx
from playwright.async_api import expect

from tests.browser.conftest import Open
from tests.browser.sampled import backtest_on_sample
from tests.browser.service import TOKEN, Service


async def test_every_dependency_shows_as_readyz_tells_it(open_page: Open, service: Service) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    ready = httpx.get(f"{service.url}/readyz", headers=headers, trust_env=False).json()
    page = await open_page("/system")
    await expect(page.locator("section[aria-labelledby=y1] .chip")).to_have_text("READY")
    rows = page.locator("table.tree tbody th.branch")
    assert await rows.count() == len(ready["checks"])
    assert {check["name"] for check in ready["checks"]} >= {"database", "disk", "workers"}
    said = {check["name"]: check["detail"] for check in ready["checks"]}
    shown = await page.locator("table.tree tbody").inner_text()
    assert said["database"] in shown
    assert said["workers"] in shown


async def test_workers_show_what_they_do(open_page: Open, service: Service) -> None:
    page = await open_page("/system")
    seats = page.locator("section[aria-labelledby=y2] tbody tr")
    assert await seats.count() >= 1
    assert set(await seats.locator(".chip").all_inner_texts()) <= {"IDLE", "WORKING", "WARMING"}


async def test_a_running_job_is_listed_while_it_runs(
    open_page: Open, service: Service, sample: None
) -> None:
    page = await open_page("/system")
    await expect(page.locator("#stream")).to_have_attribute("data-state", "live")
    await page.evaluate(
        """() => {
          window.seen = new Set();
          new MutationObserver(() => {
            for (const job of document.querySelectorAll('#jobs li[id]')) window.seen.add(job.id);
          }).observe(document.getElementById('jobs'), {childList: true, subtree: true});
        }"""
    )
    with service.api() as api:
        run_id = backtest_on_sample(api, entry_bps=33)["run"]
    await page.wait_for_function("id => window.seen.has(id)", arg=f"job-{run_id}")
    await expect(page.locator(f"#job-{run_id}")).to_have_count(0)


async def test_the_door_s_events_are_listed_and_no_secret_is(
    open_page: Open, service: Service
) -> None:
    page = await open_page("/system")
    await expect(page.locator("#events tbody tr").first).to_be_visible()
    assert "sign-in" in await page.locator("#events").inner_text()
    assert TOKEN not in await page.content()
