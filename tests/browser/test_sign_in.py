"""Sign-in, and the first run with the code from the log."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, expect

from tests.browser.checks import faults
from tests.browser.conftest import PHONE, Open, Watch
from tests.browser.service import PASSWORD, running


async def test_a_stranger_is_led_to_sign_in_and_then_where_they_wanted_to_go(
    open_page: Open, watch: Watch
) -> None:
    watch.expected.append("401")
    page = await open_page("/data?kind=fx", signed=False)
    await expect(page).to_have_url(re.compile(r"/login\?next="))
    await page.fill("[name=name]", "admin")
    await page.fill("[name=password]", "not this one at all")
    await page.click("form[action='/login'] button")
    await expect(page.locator(".problem")).to_contain_text("Name or password is wrong")
    assert await page.input_value("[name=name]") == "admin"
    await page.fill("[name=password]", PASSWORD)
    await page.click("form[action='/login'] button")
    await expect(page).to_have_url(re.compile(r"/data\?kind=fx$"))


async def test_signing_out_ends_the_session(open_page: Open, watch: Watch) -> None:
    watch.expected += ["ERR_INCOMPLETE_CHUNKED_ENCODING", "network error"]  # its stream is cut
    page = await open_page("/login", signed=False)
    await page.fill("[name=name]", "admin")
    await page.fill("[name=password]", PASSWORD)
    await page.click("form[action='/login'] button")
    await page.click(".foot form button")
    await expect(page).to_have_url(re.compile("/login$"))
    await page.goto("/settings")
    await expect(page).to_have_url(re.compile(r"/login\?next="))


async def test_the_first_run_makes_an_admin_with_the_code_from_the_log(
    browser: Browser, contexts: list[BrowserContext], tmp_path: Path
) -> None:
    with running(tmp_path, KIMP_ADMIN_PASSWORD="") as service:
        context = await browser.new_context(
            locale="en-US",
            base_url=service.url,
            viewport=PHONE,  # type: ignore[arg-type]
        )
        contexts.append(context)
        page = await context.new_page()
        await page.goto("/?lang=ko")
        await expect(page).to_have_url(re.compile("/setup$"))
        await page.goto("/setup?lang=ko")
        code = re.findall(r"type the code (\S+)", service.log.read_text())[-1]
        await page.fill("#password", PASSWORD)
        await page.fill("#code", "AAAA-AAAA-AAAA")
        await page.click("form .btn.pri")
        await expect(page.locator(".problem")).to_contain_text("setup_code_wrong")
        await page.fill("#code", code)
        await page.fill("#password", PASSWORD)
        await page.select_option("#updown", "intl")
        await page.fill("#initial_capital_krw", "50,000,000")
        await page.click("form .btn.pri")
        await expect(page).to_have_url(f"{service.url}/")
        assert await page.get_attribute("html", "data-updown") == "intl"
        with service.api() as api:
            capital = api.get("/settings/backtest.initial_capital_krw").json()
        assert capital["value"] == 50_000_000
        assert await faults(page, "ko") == {}
