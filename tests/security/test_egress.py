"""Egress: requests with keys go to the hosts of the list, out in the world, and nowhere else."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.net.egress import Egress, NotAllowed
from app.net.http import Http, Unanswered
from app.net.websocket import Unconnected, WebSocket

VENUE = "https://api.venue.example"
INSIDE = (
    "127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1",
    "169.254.169.254", "224.0.0.1", "::1", "::", "fe80::1", "fd00::1", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::",
    "fe80::1%eth0",
)  # fmt: skip


class Listener:
    """What came to it, byte by byte. answer: given to whoever sends something."""

    def __init__(self, answer: bytes = b"") -> None:
        self.answer = answer
        self.connections = 0
        self.heard = b""
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while piece := await reader.read(65_536):
            self.heard += piece
            if self.answer:
                writer.write(self.answer)
                break
        writer.close()


@asynccontextmanager
async def listening(answer: bytes = b"") -> AsyncIterator[Listener]:
    listener = Listener(answer)
    server = await asyncio.start_server(listener.serve, "127.0.0.1", 0)
    listener.port = server.sockets[0].getsockname()[1]
    try:
        yield listener
    finally:
        server.close()


@pytest.fixture
def forged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name service that leads every name of the example to this machine."""
    honest = socket.getaddrinfo

    def lead(host: Any, port: Any, *more: Any, **named: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        inside = "127.0.0.1" if str(name).endswith(".example") else name
        return honest(inside, port, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", lead)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/",
        "https://api.venue.example.evil.example/",
        "https://api.venue.example@evil.example/",
        "https://api.venue.example:8443/",
        "http://api.venue.example/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]:8000/",
        "http://[::ffff:7f00:1]/",
        "http://127.0.0.1:8000/healthz",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://localhost/",
        "file:///etc/passwd",
        "gopher://api.venue.example/",
        "https://api.venue.example:99999/",
        "https:///",
    ],
)
async def test_egress_refuses_what_is_not_on_the_list(url: str) -> None:
    egress = Egress()
    egress.allow(VENUE)
    egress.allow_below("kucoin.com")
    http = Http(egress)
    with pytest.raises(Unanswered, match="not allowed"):
        await http.ask("GET", url)
    with pytest.raises(Unconnected):
        await WebSocket.connect(url.replace("http", "ws", 1), egress, lambda _: None)
    await http.close()


@pytest.mark.parametrize("peer", INSIDE)
def test_egress_refuses_a_name_that_leads_inside(peer: str) -> None:
    egress = Egress()
    egress.allow(VENUE)
    with pytest.raises(NotAllowed, match="leads inside"):
        egress.check_peer("api.venue.example", peer)


@given(st.ip_addresses(network="8.0.0.0/9") | st.ip_addresses(network="2606:4700::/32"))
def test_egress_lets_a_name_lead_out_into_the_world(peer: object) -> None:
    Egress().check_peer("api.venue.example", str(peer))


def test_egress_believes_no_peer_that_is_no_address() -> None:
    with pytest.raises(NotAllowed):
        Egress().check_peer("api.venue.example", "somewhere")


async def test_egress_says_nothing_to_a_machine_inside(forged: None) -> None:
    """Not even the path: the socket is closed as soon as it is known where it leads."""
    async with listening(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}") as inside:
        egress = Egress()
        url = f"http://api.venue.example:{inside.port}"
        egress.allow(url)
        egress.allow(url.replace("http", "ws"))
        http = Http(egress)
        with pytest.raises(Unanswered, match="leads inside"):
            await http.ask("GET", url + "/v1/orders", {"Authorization": "Bearer secret"})
        with pytest.raises(Unconnected, match="leads inside"):
            await WebSocket.connect(
                url.replace("http", "ws"), egress, lambda _: None, {"Authorization": "secret"}
            )
        await http.close()
    assert inside.heard == b""


async def test_egress_lets_the_environment_choose_a_machine_inside(forged: None) -> None:
    """KIMP_<VENUE>_REST_URL=http://proxy:8080 is somebody's own decision."""
    async with listening(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}") as inside:
        egress = Egress()
        url = f"http://proxy.example:{inside.port}"
        egress.allow(url, chosen=True)
        http = Http(egress)
        assert (await http.ask("GET", url)).status == 200
        await http.close()


async def test_egress_follows_no_redirect() -> None:
    async with listening(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n") as other:
        elsewhere = f"http://127.0.0.1:{other.port}/stolen"
        head = f"HTTP/1.1 302 Found\r\nlocation: {elsewhere}\r\ncontent-length: 0\r\n\r\n"
        async with listening(head.encode()) as venue:
            egress = Egress()
            egress.allow(f"http://127.0.0.1:{venue.port}")
            egress.allow(elsewhere)
            http = Http(egress)
            answer = await http.ask("GET", f"http://127.0.0.1:{venue.port}/v1/orders")
            assert answer.status == 302
            with pytest.raises(Unconnected):
                await WebSocket.connect(f"ws://127.0.0.1:{venue.port}", egress, lambda _: None)
            await http.close()
    assert other.connections == 0


async def test_egress_uses_no_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n") as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        async with listening(b"HTTP/1.1 204 No Content\r\n\r\n") as venue:
            egress = Egress()
            egress.allow(f"http://127.0.0.1:{venue.port}")
            http = Http(egress)
            assert (await http.ask("GET", f"http://127.0.0.1:{venue.port}/")).status == 204
            await http.close()
    assert proxy.connections == 0


def test_egress_of_the_venues_is_their_own_hosts_alone() -> None:
    """What the product really allows, with no setting at all."""
    from app.exchanges import EXCHANGES
    from app.runtime.feeds.endpoints import Endpoint, allow

    egress = Egress()
    for exchange in EXCHANGES.values():
        allow(egress, exchange, Endpoint())
        host = urlsplit(exchange.rest_url).hostname or ""
        egress.check(exchange.rest_url)
        assert egress.asks_peer(host), "a name, so that who answers for it is looked at"
    for url in ("https://example.com", "http://169.254.169.254", "https://api.telegram.org"):
        with pytest.raises(NotAllowed):
            egress.check(url)
