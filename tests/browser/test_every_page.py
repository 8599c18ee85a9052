"""Every page of the nav, in both languages, themes and widths: whole, readable, accessible."""

from __future__ import annotations

import pytest

from tests.browser.checks import faults
from tests.browser.conftest import DESK, PHONE, Open, Watch

PAGES = ("/", "/data", "/settings", "/system")
VIEWS = [
    ("ko", "dark", DESK),
    ("en", "light", DESK),
    ("en", "dark", PHONE),
    ("ko", "light", PHONE),
]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("lang", "theme", "size"), VIEWS)
async def test_a_page_is_whole(
    open_page: Open, sample: None, path: str, lang: str, theme: str, size: dict[str, int]
) -> None:
    page = await open_page(path, lang=lang, theme=theme, size=size)
    await page.evaluate("() => document.fonts.ready")
    assert await page.locator("h1").count() == 1
    assert await faults(page, lang) == {}
    assert await page.get_attribute("html", "lang") == lang
    assert await page.get_attribute("html", "data-theme") == theme


@pytest.mark.parametrize("path", ["/login", "/nothing-of-that-name"])
@pytest.mark.parametrize(("lang", "theme", "size"), [("ko", "dark", DESK), ("en", "light", PHONE)])
async def test_pages_outside_the_nav_are_whole(
    open_page: Open, watch: Watch, path: str, lang: str, theme: str, size: dict[str, int]
) -> None:
    watch.expected.append("404")
    page = await open_page(path, lang=lang, theme=theme, size=size, signed=path != "/login")
    assert await faults(page, lang) == {}
