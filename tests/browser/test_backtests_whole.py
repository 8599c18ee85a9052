"""Every page of backtests, in both languages, themes and widths: whole, readable, accessible."""

from __future__ import annotations

import pytest
from playwright.async_api import Page

from tests.browser.checks import faults
from tests.browser.conftest import DESK, PHONE, Open
from tests.browser.material import Material, material
from tests.browser.service import Service

VIEWS = [
    ("ko", "dark", DESK),
    ("en", "light", DESK),
    ("en", "dark", PHONE),
    ("ko", "light", PHONE),
]
PAGES = {
    "guide": "/guide",
    "list": "/backtests",
    "new": "/backtests/new",
    "changed": "/backtests/new?from={made.travelling}&around=1",
    "result": "/backtests/{made.lively}?cycle=3",
    "travelling": "/backtests/{made.travelling}?cycle=2&sort=number",
    "idle": "/backtests/{made.idle}",
    "compare": "/backtests/compare?run={made.lively}&run={made.travelling}&run={made.idle}",
    "delete": "/backtests/delete?run={made.idle}",
    "sweep": "/sweeps/{made.sweep}",
    "walkforward": "/walkforwards/{made.walkforward}",
}


@pytest.fixture
def made(service: Service, sample: None) -> Material:
    return material(service)


async def calm(page: Page) -> None:
    """Until curves are drawn and slow lines have come."""
    await page.evaluate("() => document.fonts.ready")
    await page.wait_for_function(
        """() => [...document.querySelectorAll('[data-charts]')].every(group => group.dataset.drawn)
          && !document.querySelector('.htmx-request, [hx-trigger=load][id^=check-]')"""
    )


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(("lang", "theme", "size"), VIEWS)
async def test_a_page_is_whole(
    open_page: Open, made: Material, name: str, lang: str, theme: str, size: dict[str, int]
) -> None:
    page = await open_page(PAGES[name].format(made=made), lang=lang, theme=theme, size=size)
    await calm(page)
    assert await page.locator("h1").count() == 1
    assert await faults(page, lang) == {}
