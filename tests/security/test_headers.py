"""What every answer tells the browser, and under which names kimp answers at all."""

from __future__ import annotations

import httpx
import pytest

from app.runtime.accounts import Accounts
from tests.security.frontdoor import browser, small_app

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
)
EVERYWHERE = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cache-control": "no-store",
}


@pytest.mark.parametrize(
    "path", ["/open", "/bare", "/nothing-here", "/api/figures", "/page", "/broken"]
)
async def test_headers_stand_on_every_answer(accounts: Accounts, path: str) -> None:
    async with browser(small_app(accounts)) as client:
        answer = await client.get(path)
    assert EVERYWHERE.items() <= dict(answer.headers).items()
    assert "strict-transport-security" not in answer.headers
    assert "server" not in answer.headers


async def test_headers_under_tls_ask_for_tls(accounts: Accounts) -> None:
    app = small_app(accounts, "https://kimp.example.org")
    async with browser(app, "https://kimp.example.org") as client:
        answer = await client.get("/open")
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


async def test_headers_of_a_route_win(accounts: Accounts) -> None:
    async with browser(small_app(accounts)) as client:
        answer = await client.get("/own-policy")
    assert answer.headers.get_list("content-security-policy") == ["default-src 'none'"]


async def test_no_cors(accounts: Accounts) -> None:
    async with browser(small_app(accounts), Origin="https://evil.test") as client:
        for answer in (
            await client.get("/open"),
            await client.get("/api/figures"),
            await client.options("/open", headers={"Access-Control-Request-Method": "POST"}),
        ):
            assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_every_answer_has_a_request_id(accounts: Accounts) -> None:
    async with browser(small_app(accounts)) as client:
        first, second = await client.get("/open"), await client.get("/open")
        assert first.headers["x-request-id"] != second.headers["x-request-id"]
        given = await client.get("/bare", headers={"X-Request-Id": "from-my-proxy.7"})
        assert given.headers["x-request-id"] == given.json()["request_id"] == "from-my-proxy.7"
        for harmful in ("x\ty", "a" * 65, "<b>", "é"):
            answer = await client.get("/open", headers={"X-Request-Id": harmful.encode()})
            assert answer.headers["x-request-id"] != harmful


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("127.0.0.1", 200),
        ("LOCALHOST:9", 200),
        ("[::1]:8000", 200),
        ("kimp.example.org", 200),
        ("kimp.example.org:8443", 200),
        ("evil.test", 421),
        ("127.0.0.1.evil.test", 421),
        ("sub.kimp.example.org", 421),
        ("kimp.example.org.", 421),
        ("2130706433", 421),
        ("0.0.0.0", 421),
        ("127.0.0.1/login?", 400),
        ("x/login?", 400),
        ("kimp.example.org@evil.test", 400),
        ("127.0.0.1:8000:9", 400),
        ("127.0.0.1:port", 400),
        ("kimp.example.org#", 400),
        ("kimp example", 400),
        ("[::1", 400),
        ("", 400),
    ],
)
async def test_host_must_be_ours(accounts: Accounts, host: str, status: int) -> None:
    app = small_app(accounts, "https://kimp.example.org")
    async with browser(app) as client:
        answer = await client.get("/open", headers={"Host": host})
    assert answer.status_code == status
    if status != 200:
        assert answer.json()["code"] == {421: "wrong_host", 400: "bad_request"}[status]
        assert "set-cookie" not in answer.headers


async def test_host_must_be_named_once(accounts: Accounts) -> None:
    async with browser(small_app(accounts)) as client:
        twice = [("Host", "127.0.0.1"), ("Host", "evil.test")]
        assert (await client.get("/open", headers=twice)).status_code == 400


async def test_unknown_methods_are_refused(accounts: Accounts) -> None:
    async with browser(small_app(accounts)) as client:
        for method in ("TRACE", "TRACK", "CONNECT", "PROPFIND", "get"):
            for path in ("/open", "/nothing-here", "/api/figures"):
                answer = await client.send(_raw(client, method, path))
                assert answer.status_code == 405, (method, path)
                assert answer.json()["code"] == "method_not_allowed"
                assert "GET" in answer.headers["allow"]
        answer = await client.put("/open")
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
        assert "GET" in answer.headers["allow"]


def _raw(client: httpx.AsyncClient, method: str, path: str) -> httpx.Request:
    request = client.build_request("GET", path)
    request.method = method
    return request
