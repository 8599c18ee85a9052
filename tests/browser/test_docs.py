"""The API's description: drawn under our own policy, and its calls can be tried."""

from __future__ import annotations

from tests.browser.conftest import Open
from tests.browser.service import Service

LIST = "[id^='operations-settings-list_settings']"
PUT = "[id^='operations-settings-put_setting']"


async def test_a_reader_tries_a_call_and_sees_its_answer(open_page: Open) -> None:
    page = await open_page("/docs")
    await page.click(f"{LIST} .opblock-summary-control")
    await page.click(f"{LIST} .try-out__btn")
    await page.click(f"{LIST} .execute")
    shown = page.locator(f"{LIST} .live-responses-table .highlight-code").first
    await shown.wait_for()
    assert '"key": "display.timezone"' in await shown.inner_text()


async def test_a_writer_s_call_passes_the_csrf_check(open_page: Open, service: Service) -> None:
    page = await open_page("/docs")
    await page.click(f"{PUT} .opblock-summary-control")
    await page.click(f"{PUT} .try-out__btn")
    await page.fill(f"{PUT} input[placeholder=key]", "backtest.hedge_fee_bps")
    await page.fill(f"{PUT} textarea", '{"value": 3.5}')
    await page.click(f"{PUT} .execute")
    await page.locator(f"{PUT} .live-responses-table .highlight-code").first.wait_for()
    with service.api() as api:
        setting = api.get("/settings/backtest.hedge_fee_bps").json()
        assert (setting["value"], setting["changed_by"]) == (3.5, "admin")
        api.put("/settings/backtest.hedge_fee_bps", json={"value": None}).raise_for_status()
