"""Bodies: one MiB, unless a route reads its files itself."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from app.runtime.accounts import Accounts
from tests.security.conftest import API_TOKEN
from tests.security.frontdoor import browser, small_app

MIB = 1 << 20


@pytest.fixture
async def client(accounts: Accounts) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(small_app(accounts), Authorization=f"Bearer {API_TOKEN}") as opened:
        yield opened


class Body:
    """Counts how much of it was asked for."""

    def __init__(self, bytes_total: int) -> None:
        self.bytes_total = bytes_total
        self.bytes_read = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self.bytes_read < self.bytes_total:
            self.bytes_read += 65_536
            yield b" " * 65_536


async def test_a_body_that_says_it_is_too_large_is_not_read(client: httpx.AsyncClient) -> None:
    body = Body(3 << 30)
    answer = await client.post(
        "/api/orders",
        content=aiter(body),
        headers={"Content-Length": str(3 << 30), "Content-Type": "application/json"},
    )
    assert answer.status_code == 413
    assert answer.json()["code"] == "body_too_large"
    assert "1 MiB" in answer.json()["detail_en"]
    assert body.bytes_read == 0


async def test_a_body_that_grows_too_large_is_read_to_the_limit(client: httpx.AsyncClient) -> None:
    body = Body(64 * MIB)
    answer = await client.post(
        "/api/orders", content=aiter(body), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 413
    assert body.bytes_read <= MIB + 65_536


async def test_a_form_that_is_too_large_is_refused_as_well(client: httpx.AsyncClient) -> None:
    await client.get("/open")
    form = {"csrf": "form-token", "filling": "x" * MIB}
    assert (await client.post("/open", data=form)).status_code == 413


async def test_a_length_that_is_no_number_is_refused(client: httpx.AsyncClient) -> None:
    for length in ("-1", "1e3", "twelve"):
        answer = await client.post(
            "/api/orders",
            content=b"{}",
            headers={"Content-Length": length, "Content-Type": "application/json"},
        )
        assert answer.status_code == 413, length


async def test_a_route_that_takes_files_has_its_own_limit(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/files", content=aiter(Body(2 * MIB)))
    assert answer.json() == {"size": 2 * MIB}
    body = Body(64 * MIB)
    answer = await client.post("/api/files", content=aiter(body))
    assert answer.status_code == 413
    assert body.bytes_read <= 4 * MIB


async def test_nobody_s_file_is_not_read(accounts: Accounts) -> None:
    body = Body(64 * MIB)
    async with browser(small_app(accounts)) as stranger:
        answer = await stranger.post("/api/files", content=aiter(body))
    assert answer.status_code == 401
    assert body.bytes_read == 0
