"""A venue's counter on loopback: it answers, hesitates or hangs up as it is told, and writes down
what it was handed. And a port that stands before it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from websockets.asyncio.server import ServerConnection, serve

from app.domain.markets import Instrument, Side
from app.domain.orders import Order, OrderState, OrderTerms, OrderType, Role
from app.domain.secret import Secret
from app.domain.times import SECOND_NS
from app.domain.transfers import Transfer, TransferState, TransferTerms
from app.domain.venues import Venue
from app.exchanges import EXCHANGES
from app.exchanges.accounts import ACCOUNTS
from app.exchanges.contract import Names
from app.exchanges.signing import Keys
from app.net.egress import Egress
from app.net.http import Http
from app.runtime.feeds import endpoints as places
from app.runtime.feeds.clock import Clock
from app.runtime.feeds.endpoints import Endpoint
from app.runtime.feeds.inbox import Inbox
from app.runtime.feeds.rest import Rest
from app.runtime.feeds.station import Station
from app.runtime.trading.ports.live import LivePort
from tests.feeds.kit import FastClock

KEYS = Keys("access", Secret("c2VjcmV0"), Secret("passphrase"))
ID = "abcdefghij234567abcd"


class Asked(NamedTuple):
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


class Cut(NamedTuple):
    """The line is cut when the request is there."""


class Hang(NamedTuple):
    """Nobody ever answers."""


class Told(NamedTuple):
    status: int
    body: bytes
    headers: Mapping[str, str] = {}


Reply = Told | Cut | Hang


def said(text: str, status: int = 200, **headers: str) -> Told:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Told(status, text.encode(), named)


@dataclass
class Counter:
    """replies: by path, in turn, the last one for good. talk: what it does with each socket."""

    replies: dict[str, list[Reply]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    visits: int = 0
    """TCP connections."""
    talk: Callable[[ServerConnection, int], Awaitable[None]] | None = None
    handshakes: list[Mapping[str, str]] = field(default_factory=list)
    sockets: list[ServerConnection] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    ws_port: int = 0
    port: int = 0

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(f"ws://127.0.0.1:{self.ws_port}", f"http://127.0.0.1:{self.port}")

    def paths(self) -> list[str]:
        return [f"{asked.method} {asked.path}" for asked in self.asked]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode().rstrip().split("\r\n")
                method, target, _ = first.split(" ")
                headers = {
                    name.lower(): value.strip()
                    for name, _, value in (line.partition(":") for line in lines)
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                path, _, query = target.partition("?")
                self.asked.append(Asked(method, path, query, headers, body))
                script = self.replies.get(path, [said("{}", 404)])
                reply = script.pop(0) if len(script) > 1 else script[0]
                if isinstance(reply, Cut):
                    break
                if isinstance(reply, Hang):
                    await asyncio.Event().wait()
                    break
                named = {"content-length": str(len(reply.body)), **reply.headers}
                text = "".join(f"{name}: {value}\r\n" for name, value in named.items())
                writer.write(f"HTTP/1.1 {reply.status} x\r\n{text}\r\n".encode() + reply.body)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def call(self, socket: ServerConnection) -> None:
        self.sockets.append(socket)
        if self.talk is not None:
            await self.talk(socket, len(self.sockets))

    def greet(self, socket: ServerConnection, request: Any) -> Any:
        self.handshakes.append(dict(request.headers) | {":path": request.path})

    async def hear(self, socket: ServerConnection) -> str:
        """The next message, written down."""
        message = str(await socket.recv())
        self.heard.append(message)
        return message


@asynccontextmanager
async def opened(counter: Counter) -> AsyncIterator[Counter]:
    rest = await asyncio.start_server(counter.serve, "127.0.0.1", 0)
    counter.port = rest.sockets[0].getsockname()[1]
    async with serve(
        counter.call,
        "127.0.0.1",
        0,
        process_request=counter.greet,
        ping_interval=None,
        close_timeout=1,
    ) as stream:
        counter.ws_port = next(iter(stream.sockets)).getsockname()[1]
        try:
            yield counter
        finally:
            rest.close()


@asynccontextmanager
async def stationed(
    venue: Venue,
    endpoint: Endpoint,
    *,
    keys: Keys | None = KEYS,
    ahead_ns: int | None = 0,
    error_ns: int = 0,
    clock: Clock | None = None,
    patience_s: float = 5.0,
) -> AsyncIterator[Station]:
    """ahead_ns: the venue's clock before ours, known to ± error; None: not known at all."""
    exchange, egress = EXCHANGES[venue], Egress()
    places.allow(egress, exchange, endpoint)
    http = Http(egress, total_s=patience_s)
    clock = clock or FastClock()
    rest = Rest(exchange, endpoint, http, clock, keys, Names(exchange), lambda by_ns: None)
    if ahead_ns is not None:
        at_ns = clock.at_ns()
        rest.skew.read(at_ns - error_ns, at_ns + error_ns, at_ns + ahead_ns, 0)
    try:
        yield Station(
            exchange=exchange,
            endpoint=endpoint,
            channel=next(iter(exchange.channels)),
            take=lambda event: None,
            inbox=Inbox(lambda event: None, clock),
            rest=rest,
            clock=clock,
            egress=egress,
            number=lambda: 1,
        )
    finally:
        await http.close()


@asynccontextmanager
async def standing(venue: Venue, counter: Counter, **options: Any) -> AsyncIterator[LivePort]:
    """options: as above."""
    async with stationed(venue, counter.endpoint, **options) as station:
        port = LivePort(station, ACCOUNTS[venue])
        try:
            yield port
        finally:
            await port.stop()


@asynccontextmanager
async def before(
    venue: Venue, replies: dict[str, list[Reply]], **options: Any
) -> AsyncIterator[tuple[Counter, LivePort]]:
    """Both."""
    async with opened(Counter(replies)) as counter, standing(venue, counter, **options) as port:
        yield counter, port


def coin(venue: Venue) -> Instrument:
    return Instrument(venue, "BTC", "USDT")


def order(venue: Venue, at_ns: int, *, lasts_ns: int = 60 * SECOND_NS, **known: Any) -> Order:
    """As SENT. at_ns: when it was signed."""
    terms = OrderTerms(coin(venue), Side.BUY, OrderType.IOC, Decimal("67000.1"), Decimal("0.001"))
    return Order(
        ACCOUNTS[venue].client_id(ID),
        "c-1",
        Role.INITIAL,
        "LEG1_SENT",
        1,
        venue,
        terms,
        OrderState.SENT,
        at_ns,
        at_ns,
        at_ns + lasts_ns,
        **known,
    )


def transfer(venue: Venue, at_ns: int, *, lasts_ns: int = 60 * SECOND_NS) -> Transfer:
    terms = TransferTerms(
        "XRP",
        venue,
        Venue.UPBIT,
        "ripple",
        "xrp",
        "XRP",
        Decimal("25.5"),
        Decimal("0.2"),
        "rAddress",
        "77",
    )
    return Transfer(
        ID,
        "c-1",
        Role.TRANSFER,
        "WITHDRAW_REQUESTED",
        1,
        1,
        terms,
        TransferState.SENT,
        at_ns,
        at_ns,
        at_ns + lasts_ns,
    )
