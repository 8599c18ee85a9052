"""CSRF: a request that changes something comes from our own page and knows its token."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from app.runtime.accounts import Accounts
from app.security.csrf import HEADER
from tests.security.conftest import API_TOKEN, HERE, PASSWORD
from tests.security.frontdoor import ORIGIN, browser, small_app


@pytest.fixture
async def client(accounts: Accounts) -> AsyncIterator[httpx.AsyncClient]:
    """A signed-in browser."""
    async with browser(small_app(accounts)) as opened:
        opened.cookies.set("sid", await accounts.sign_in("admin", PASSWORD, HERE))
        yield opened


@pytest.fixture
async def token(client: httpx.AsyncClient) -> str:
    return (await client.get("/page")).text


async def status(client: httpx.AsyncClient, path: str, headers: dict[str, str]) -> int:
    body = {"json": {"quantity": 1}} if path.startswith("/api") else {}
    return (await client.post(path, headers=headers, **body)).status_code


PATHS = ["/page", "/api/orders"]
PASSED = {"/page": 303, "/api/orders": 200}


@pytest.mark.parametrize("path", PATHS)
async def test_csrf_our_own_page_passes(client: httpx.AsyncClient, token: str, path: str) -> None:
    for origin in (
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": ORIGIN},
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
    ):
        assert await status(client, path, {HEADER: token, **origin}) == PASSED[path], origin


@pytest.mark.parametrize("path", PATHS)
async def test_csrf_other_sites_are_refused_even_with_the_token(
    client: httpx.AsyncClient, token: str, path: str
) -> None:
    for origin in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": ORIGIN},
        {"Origin": "https://evil.test"},
        {"Origin": "http://127.0.0.1:9000"},
        {"Origin": "null"},
    ):
        assert await status(client, path, {HEADER: token, **origin}) == 403, origin


@pytest.mark.parametrize("path", PATHS)
async def test_csrf_a_missing_or_foreign_token_is_refused(
    client: httpx.AsyncClient, accounts: Accounts, path: str
) -> None:
    other = await accounts.identify(await accounts.sign_in("admin", PASSWORD, HERE), None)
    assert other is not None
    for headers in ({}, {HEADER: ""}, {HEADER: "guess"}, {HEADER: other.csrf or ""}):
        answer = await client.post(path, headers=headers, json={"quantity": 1})
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")


async def test_csrf_token_may_stand_in_the_form(client: httpx.AsyncClient, token: str) -> None:
    assert (await client.post("/page", data={"csrf": token})).status_code == 303
    assert (await client.post("/page", data={"csrf": "guess"})).status_code == 403
    file = {"note": ("n.txt", b"x")}
    assert (await client.post("/page", data={"csrf": token}, files=file)).status_code == 303
    assert (await client.post("/page", data={"csrf": "no"}, files=file)).status_code == 403


async def test_csrf_token_in_the_address_does_not_count(
    client: httpx.AsyncClient, token: str
) -> None:
    assert (await client.post(f"/page?csrf={token}")).status_code == 403


async def test_csrf_of_the_forms_before_a_session(accounts: Accounts) -> None:
    """Sign-in and first run: a cookie and a field that must be equal."""
    async with browser(small_app(accounts)) as client:
        assert (await client.post("/open", data={"csrf": "form-token"})).status_code == 403
        await client.get("/open")
        assert (await client.post("/open", data={"csrf": "form-token"})).status_code == 200
        assert (await client.post("/open", data={"csrf": "other"})).status_code == 403
        assert (await client.post("/open")).status_code == 403
        crossed = {"Sec-Fetch-Site": "cross-site"}
        answer = await client.post("/open", data={"csrf": "form-token"}, headers=crossed)
        assert answer.status_code == 403


async def test_csrf_is_no_matter_of_tokens(accounts: Accounts) -> None:
    """No browser adds a bearer token by itself."""
    async with browser(small_app(accounts), Authorization=f"Bearer {API_TOKEN}") as client:
        assert await status(client, "/api/orders", {"Sec-Fetch-Site": "cross-site"}) == 200


async def test_csrf_of_the_api_is_a_header_s(client: httpx.AsyncClient, token: str) -> None:
    file = {"file": ("a.csv", b"a,b")}
    answer = await client.post("/api/files", data={"csrf": token}, files=file)
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")
    answer = await client.post("/api/files", content=b"a,b", headers={HEADER: token})
    assert answer.json() == {"size": 3}


async def test_csrf_of_a_page_s_file_is_left_to_its_reader_but_not_the_origin(
    client: httpx.AsyncClient, token: str
) -> None:
    file = {"file": ("a.csv", b"a,b")}
    answer = await client.post("/page/file", data={"csrf": token}, files=file)
    assert answer.status_code == 200, "the route has the whole body"
    assert int(answer.text) > len(token)
    crossed = {"Sec-Fetch-Site": "cross-site"}
    assert (await client.post("/page/file", files=file, headers=crossed)).status_code == 403
    assert (await client.post("/page/file", content=b"a,b")).status_code == 403
    guess = {HEADER: "guess"}
    assert (await client.post("/page/file", files=file, headers=guess)).status_code == 403
