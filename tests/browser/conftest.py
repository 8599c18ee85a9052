"""One service and one Chromium for all browser tests; every page must stay free of errors."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    StorageState,
    expect,
)

from tests.browser import checks, chromium
from tests.browser.service import PASSWORD, Service, running, watching

DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
HERE = Path(__file__).parent

Open = Callable[..., Coroutine[Any, Any, Page]]

expect.set_options(timeout=30_000)  # a busy machine answers late, and correctly


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture(scope="package")
def still_market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A kimp whose market is of rows that stand still."""
    with watching(tmp_path_factory.mktemp("still"), "still") as found:
        yield found


@pytest.fixture(scope="package")
def moving_market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A kimp whose market moves ten times a second."""
    with watching(tmp_path_factory.mktemp("moving"), "moving") as found:
        yield found


@pytest.fixture(scope="package")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A kimp with a day of cycles in its ledger, before a market of still rows."""
    with watching(tmp_path_factory.mktemp("traded"), "traded") as found:
        yield found


@pytest.fixture
def empty_service(tmp_path: Path) -> Iterator[Service]:
    """A kimp that nobody has used yet, with an admin."""
    with running(tmp_path) as found:
        yield found


@pytest.fixture(scope="package")
async def browser() -> AsyncIterator[Browser]:
    async with chromium.launched() as found:
        yield found


@pytest.fixture(scope="package")
async def signed_in(browser: Browser, service: Service) -> StorageState:
    """Cookies of a person who has signed in, through the page, once."""
    context = await browser.new_context(locale="en-US", base_url=service.url)
    await sign_in(await context.new_page())
    state = await context.storage_state()
    await context.close()
    return state


async def sign_in(page: Page, password: str = PASSWORD) -> None:
    await page.goto("/login?lang=en")
    await page.fill("[name=name]", "admin")
    await page.fill("[name=password]", password)
    await page.click("form[action='/login'] button")
    await page.wait_for_url(re.compile(r"://[^/]+/$"))


@pytest.fixture(scope="package")
async def sample(browser: Browser, service: Service, signed_in: StorageState) -> None:
    """The built-in sample, made through the page, so that tables have rows."""
    context = await browser.new_context(
        locale="en-US", base_url=service.url, storage_state=signed_in
    )
    page = await context.new_page()
    await page.goto("/data?lang=en")
    await page.click("#drop [form=sample]")
    await page.wait_for_selector("table.dst tbody tr")
    await context.close()


@dataclass
class Watch:
    """What went wrong in the pages of a test; `expected` holds parts of messages that may come."""

    expected: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)

    def follow(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.found.append(f"{page.url}: {error}"))
        page.on("console", lambda said: self._hear(page, said))

    def _hear(self, page: Page, said: ConsoleMessage) -> None:
        if said.type == "error" and page not in checks.EXAMINED:
            self.found.append(f"{page.url}: {said.text}")

    def unexpected(self) -> list[str]:
        return [each for each in self.found if not any(part in each for part in self.expected)]


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
async def contexts() -> AsyncIterator[list[BrowserContext]]:
    made: list[BrowserContext] = []
    yield made
    await asyncio.gather(*(context.close() for context in made))


@pytest.fixture(scope="package")
def doors() -> dict[str, StorageState]:
    """Cookies of who has signed in to another kimp than the shared one, by its address."""
    return {}


async def signed_in_at(
    browser: Browser, service: Service, doors: dict[str, StorageState]
) -> StorageState:
    if service.url not in doors:
        context = await browser.new_context(locale="en-US", base_url=service.url)
        await sign_in(await context.new_page())
        doors[service.url] = await context.storage_state()
        await context.close()
    return doors[service.url]


@pytest.fixture
async def open_page(
    browser: Browser,
    service: Service,
    signed_in: StorageState,
    doors: dict[str, StorageState],
    contexts: list[BrowserContext],
    watch: Watch,
) -> AsyncIterator[Open]:
    """`await open_page("/data", lang="ko", theme="light", size=PHONE)`; a context of its own each.

    at: another kimp than the shared one, to be signed in to. A script error, a refused inline
    style or a missing file on any of them fails the test.
    """

    async def opened(
        path: str,
        *,
        lang: str = "en",
        theme: str = "dark",
        size: dict[str, int] = DESK,
        signed: bool = True,
        at: Service | None = None,
        **options: Any,
    ) -> Page:
        state = signed_in if at is None else await signed_in_at(browser, at, doors)
        context = await browser.new_context(
            locale="en-US",
            timezone_id="Asia/Seoul",
            base_url=(at or service).url,
            viewport=size,  # type: ignore[arg-type]
            storage_state=state if signed else None,
            reduced_motion="reduce",
            **options,
        )
        contexts.append(context)
        await context.add_cookies(
            [
                {"name": f"kimp_{name}", "value": value, "url": (at or service).url}
                for name, value in (("lang", lang), ("theme", theme))
            ]
        )
        page = await context.new_page()
        page.set_default_timeout(15_000)
        watch.follow(page)
        await page.goto(path)
        return page

    yield opened
    assert not watch.unexpected()
