"""Security in Settings: a telephone, keys, addresses; and arming, which paper refuses."""

from __future__ import annotations

import time

import pytest
from playwright.async_api import Page, expect

from app.domain.secret import Secret
from app.security import totp
from tests.browser.checks import faults
from tests.browser.conftest import DESK, PHONE, Open, Watch
from tests.browser.service import PASSWORD, Service

VIEWS = [
    ("ko", "dark", DESK),
    ("en", "light", DESK),
    ("en", "dark", PHONE),
    ("ko", "light", PHONE),
]


@pytest.mark.parametrize("path", ["/settings/security", "/arming"])
@pytest.mark.parametrize(("lang", "theme", "size"), VIEWS)
async def test_a_page_is_whole(
    open_page: Open, path: str, lang: str, theme: str, size: dict[str, int]
) -> None:
    page = await open_page(path, lang=lang, theme=theme, size=size)
    await page.evaluate("() => document.fonts.ready")
    assert await page.locator("h1").count() == 1
    assert await faults(page, lang) == {}


async def prove(page: Page, form: str, code: str) -> None:
    await page.fill(f"#{form}-password", PASSWORD)
    await page.fill(f"#{form}-code", code)


async def test_a_telephone_keys_and_an_address(
    open_page: Open, service: Service, watch: Watch
) -> None:
    """One person's way through the page, with recovery codes where a telephone would wait."""
    watch.expected += ["401", "422"]
    page = await open_page("/settings/security")
    await page.fill("#api-key", "abcd-middle-of-it-wxyz")
    await page.fill("#api-secret", "very-secret-secret-key")
    await page.click("section#credentials .btn.pri")
    await expect(page.locator("section#credentials")).to_contain_text("abcd…wxyz")
    assert "middle" not in await page.content()

    await page.fill("#factor-password", PASSWORD)
    await page.click("section#second-factor .btn.pri")
    secret = Secret(await page.input_value("#totp-secret"))
    await page.fill("#confirm-code", "000000")
    await page.click("section#second-factor form .btn.pri")
    await expect(page.locator("section#second-factor [role=alert]")).to_contain_text("code_wrong")
    await page.fill("#confirm-code", totp.code(secret, int(time.time() // totp.STEP_S)))
    await page.click("section#second-factor form .btn.pri")
    codes = await page.locator("section#second-factor .issued .code").all_inner_texts()
    assert len(codes) == 10

    for name, value in (("asset", "XRP"), ("network", "XRP"), ("address", "rAddress")):
        await page.fill(f"#to-{name}", value)
    await prove(page, "to", codes[0])
    await page.click("section#addresses .btn.pri")
    await expect(page.locator("section#addresses [role=alert]")).to_contain_text("tag")
    await expect(page.locator("#to-address")).to_have_value("rAddress")
    await page.fill("#to-tag", "42")
    await prove(page, "to", codes[0])
    await page.click("section#addresses .btn.pri")
    await expect(page.locator("section#addresses table")).to_contain_text("rAddress")
    with service.api() as api:
        (kept,) = api.get("/withdrawal-addresses").json()["items"]
    assert (kept["tag"], kept["active"]) == ("42", False)

    await prove(page, "factor", codes[1])
    await page.click("section#second-factor button:has-text('Remove')")
    await expect(page.locator("#factor-password")).to_be_visible()
