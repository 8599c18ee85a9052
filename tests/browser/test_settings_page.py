"""Settings: change, undo, default; tokens that work and stop working; sessions; password."""

from __future__ import annotations

import re

import httpx
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import Open, Watch, sign_in
from tests.browser.service import PASSWORD, Service


def row(page: Page, key: str) -> str:
    return f"[id='{key}']"


async def save(page: Page, key: str, value: str) -> None:
    await page.fill(f"[id='in-{key}']", value)
    await page.click(f"{row(page, key)} button:has-text('Save')")


async def test_a_value_is_saved_shown_with_who_and_when_and_undone(
    open_page: Open, service: Service
) -> None:
    key = "backtest.slippage_bps"
    page = await open_page("/settings")
    await save(page, key, "3.5")
    with service.api() as api:
        assert api.get(f"/settings/{key}").json()["value"] == 3.5
        await expect(page.locator(row(page, key))).to_contain_text("admin")
        await page.click(f"{row(page, key)} button:has-text('Undo')")
        assert api.get(f"/settings/{key}").json()["value"] == 2
        await save(page, key, "7")
        await page.click(f"{row(page, key)} button:has-text('Default')")
        setting = api.get(f"/settings/{key}").json()
    assert (setting["value"], setting["changed_at"]) == (2, None)
    await expect(page.locator(f"[id='in-{key}']")).to_have_value("2")


async def test_a_wrong_value_stands_there_with_what_would_pass(
    open_page: Open, service: Service, watch: Watch
) -> None:
    watch.expected.append("422")
    key = "backtest.max_hold_bars"
    page = await open_page("/settings")
    await save(page, key, "many")
    field = page.locator(f"[id='in-{key}']")
    await expect(field).to_have_attribute("aria-invalid", "true")
    await expect(field).to_have_value("many")
    await expect(page.locator(row(page, key))).to_contain_text("whole number 0..")
    with service.api() as api:
        assert api.get(f"/settings/{key}").json()["value"] == 0


async def test_the_time_zone_moves_every_clock(open_page: Open) -> None:
    page = await open_page("/settings")
    try:
        await page.select_option("[id='in-display.timezone']", "UTC")
        await page.click("[id='display.timezone'] button:has-text('Save')")
        await expect(page.locator(".clock small")).to_contain_text("UTC")
        await page.goto("/system")
        shown = await page.locator("#events time").first.inner_text()
        exact = await page.locator("#events time").first.get_attribute("datetime")
        assert exact is not None
        assert exact.startswith(shown.replace(" ", "T"))
    finally:
        await page.goto("/settings")
        await page.click("[id='display.timezone'] button:has-text('Default')")
    await expect(page.locator(".clock small")).to_contain_text("KST")


async def test_a_token_is_shown_once_works_and_is_revoked(
    open_page: Open, service: Service
) -> None:
    page = await open_page("/settings")
    await page.fill("#token-name", "nightly")
    await page.check("[name=scope][value=backtest]")
    await page.click("section#tokens .btn.pri")
    token = await page.input_value("#issued")
    assert re.fullmatch(r"kimp_\w+_\S+", token)
    headers = {"Authorization": f"Bearer {token}"}

    def asked() -> int:
        url = f"{service.url}/api/v1/datasets"
        return httpx.get(url, headers=headers, trust_env=False).status_code

    assert asked() == 200
    await page.goto("/settings")
    assert token not in await page.content()
    line = page.locator("section#tokens tbody tr", has_text="nightly")
    await line.locator("button").click()
    await page.click("dialog[open] .btn.bad")
    await expect(page.locator("section#tokens tbody tr", has_text="nightly")).to_contain_text(
        "REVOKED"
    )
    assert asked() == 401


async def test_a_token_without_a_scope_is_refused(open_page: Open, watch: Watch) -> None:
    watch.expected.append("422")
    page = await open_page("/settings")
    await page.fill("#token-name", "useless")
    await page.uncheck("[name=scope][value=read]")
    await page.click("section#tokens .btn.pri")
    await expect(page.locator("section#tokens .checks")).to_contain_text("read | backtest")


async def test_another_browser_is_signed_out_from_here(
    open_page: Open, browser: Browser, contexts: list[BrowserContext], service: Service
) -> None:
    context = await browser.new_context(
        locale="en-US", base_url=service.url, user_agent="Mozilla/5.0 (iPhone) Safari/604.1"
    )
    contexts.append(context)
    other = await context.new_page()
    await sign_in(other)
    page = await open_page("/settings")
    line = page.locator("#sessions tbody tr", has_text="Safari · iPhone")
    await line.first.locator("button").click()
    await expect(page.locator("#sessions tbody tr", has_text="THIS ONE")).to_have_count(1)
    await other.goto("/settings")
    await expect(other).to_have_url(re.compile(r"/login\?next=%2Fsettings"))


async def test_a_changed_password_opens_and_the_old_one_does_not(
    open_page: Open, empty_service: Service, watch: Watch
) -> None:
    # The old session's streams are cut off with it.
    watch.expected += ["401", "422", "ERR_INCOMPLETE_CHUNKED_ENCODING", "htmx:sse:error"]
    page = await open_page("/settings", at=empty_service)
    changed = "another long sentence"
    await page.fill("#current", PASSWORD)
    await page.fill("#new", changed)
    await page.click("section#password button")
    await expect(page.locator("section#password")).to_contain_text("The password was changed.")
    await page.click(".foot form button")
    await page.fill("[name=name]", "admin")
    await page.fill("[name=password]", PASSWORD)
    await page.click("form[action='/login'] button")
    await expect(page.locator(".problem")).to_contain_text("bad_credentials")
    await page.fill("[name=password]", changed)
    await page.click("form[action='/login'] button")
    await expect(page).to_have_url(f"{empty_service.url}/")
