"""The HTTP client: bounded in time and size, and it speaks to nobody else."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from app.net import http as clients
from app.net.egress import Egress, NotAllowed
from app.net.http import Http, Unanswered
from app.net.redaction import shown

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]


@asynccontextmanager
async def serving(answer: bytes | None, *, heads: list[bytes] | None = None) -> AsyncIterator[str]:
    """answer None: takes the request and never answers."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if heads is not None:
            heads.append(head)
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@asynccontextmanager
async def client(*urls: str, total_s: float = 5.0) -> AsyncIterator[Http]:
    egress = Egress()
    for url in urls:
        egress.allow(url)
    http = Http(egress, total_s=total_s)
    try:
        yield http
    finally:
        await http.close()


def answered(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def test_an_answer_has_status_headers_body_and_how_long_it_took() -> None:
    heads: list[bytes] = []
    async with (
        serving(answered(b"{}", "X-Used: 7", status="418 No"), heads=heads) as url,
        client(url) as http,
    ):
        answer = await http.ask("GET", url + "/a?b=c%2Fd", {"x-key": "k"})
    assert (answer.status, answer.body, answer.headers["x-used"]) == (418, b"{}", "7")
    assert answer.sent_ns < answer.received_ns
    assert heads[0].startswith(b"GET /a?b=c%2Fd HTTP/1.1\r\n"), "what is signed is sent as it is"
    head = heads[0].lower()
    assert b"x-key: k" in head and b"origin" not in head and b"cookie" not in head


async def test_a_body_is_sent_byte_by_byte() -> None:
    heads: list[bytes] = []
    async with serving(answered(b""), heads=heads) as url, client(url) as http:
        await http.ask("POST", url, {"content-type": "application/json"}, b'{"a":1}')
    assert b"content-length: 7" in heads[0].lower()


async def test_redirects_are_answers() -> None:
    async with (
        serving(answered(b"", "location: http://127.0.0.1:1/", status="302 Found")) as url,
        client(url) as http,
    ):
        assert (await http.ask("GET", url)).status == 302


async def test_cookies_are_not_kept() -> None:
    heads: list[bytes] = []
    async with (
        serving(answered(b"", "set-cookie: a=b", "connection: close"), heads=heads) as url,
        client(url) as http,
    ):
        await http.ask("GET", url)
        await http.ask("GET", url)
    assert b"cookie" not in heads[1].lower()


async def reason(http: Http, url: str) -> str:
    with pytest.raises(Unanswered) as refused:
        await http.ask("GET", url)
    return refused.value.reason


async def test_who_does_not_answer_is_not_waited_for() -> None:
    async with serving(None) as url, client(url, total_s=0.2) as http:
        assert await reason(http, url) == "timeout"


async def test_nobody_is_there_and_nonsense_is_no_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with client("http://127.0.0.1:1") as http:
        assert await reason(http, "http://127.0.0.1:1") == "unreachable"
    async with serving(b"SSH-2.0 hello\r\n\r\n") as url, client(url) as http:
        assert await reason(http, url) == "broken"
    monkeypatch.setattr(clients, "BODY_BYTES_MAX", 1_000)
    async with serving(answered(b"x" * 1_001)) as url, client(url) as http:
        assert await reason(http, url) == "too large"
    packed = gzip.compress(b"x" * 100_000)
    async with serving(answered(packed, "content-encoding: gzip")) as url, client(url) as http:
        assert await reason(http, url) == "too large"


async def test_a_host_that_nobody_named_is_not_spoken_to() -> None:
    heads: list[bytes] = []
    async with serving(answered(b"{}"), heads=heads) as url, client() as http:
        assert await reason(http, url) == "not allowed"
    assert heads == []


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with serving(answered(b"{}")) as url, client(url) as http:
        assert (await http.ask("GET", url)).status == 200


def test_egress_knows_hosts_ports_and_encrypted_domains() -> None:
    egress = Egress()
    egress.allow("https://api.example.com/v1")
    egress.allow("ws://127.0.0.1:9101")
    egress.allow_below("kucoin.com")
    egress.check("https://api.example.com/other?x")
    egress.check("wss://api.example.com/stream")
    egress.check("http://127.0.0.1:9101/rest")
    egress.check("wss://ws-api-spot.kucoin.com/?token=x")
    for url in (
        "http://api.example.com/",
        "https://api.example.com.evil.com/",
        "https://evil.com/?https://api.example.com",
        "http://127.0.0.1:9102",
        "ws://ws-api-spot.kucoin.com/",
        "wss://notkucoin.com/",
        "wss://kucoin.com.evil.com/",
        "file:///etc/passwd",
        "https:///nobody",
    ):
        with pytest.raises(NotAllowed):
            egress.check(url)


def test_a_log_shows_no_query_and_no_user() -> None:
    url = "https://user:pass@api.example.com:8443/v1/orders?signature=abc&key=def"
    assert shown(url) == "https://api.example.com:8443/v1/orders"


async def test_whoever_changes_his_mind_at_the_last_moment_sends_nothing() -> None:
    """The connection stands, and not a byte has left."""

    class Never(Exception):
        pass

    def leaving() -> None:
        raise Never

    heads: list[bytes] = []
    async with serving(answered(b"{}"), heads=heads) as url, client(url) as http:
        with pytest.raises(Never):
            await http.ask("POST", url, {}, b"{}", leaving=leaving)
        assert heads == []
        asked: list[int] = []
        answer = await http.ask("POST", url, {}, b"{}", leaving=lambda: asked.append(len(heads)))
        assert (answer.status, asked, len(heads)) == (200, [0], 1)
