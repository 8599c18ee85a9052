"""A venue on loopback that does as it is told, a clock that runs faster, and a list of events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from websockets.asyncio.server import Server, ServerConnection, serve

from app.domain.events import Event
from app.domain.markets import Instrument
from app.domain.venues import Venue
from app.exchanges import EXCHANGES
from app.runtime.feeds.clock import Clock
from app.runtime.feeds.endpoints import Endpoint
from app.runtime.feeds.feeds import Feeds

PATIENCE_S = 30.0
E_ = TypeVar("E_", bound=Event)


class FastClock(Clock):
    """`speed` of its seconds pass in one of ours. slept: what was waited for, in its seconds."""

    def __init__(self, speed: float = 1.0, chance: float = 0.0) -> None:
        super().__init__()
        self.speed = speed
        self.slept: list[float] = []
        self._chance = chance
        self._began_ns = time.monotonic_ns()
        self._wall_ns = time.time_ns()

    def at_ns(self) -> int:
        return self._wall_ns + int((time.monotonic_ns() - self._began_ns) * self.speed)

    def chance(self) -> float:
        return self._chance

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(seconds / self.speed)

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        return await super().wait(event, seconds / self.speed)


class Taken:
    """What the engine would have got."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.react: Callable[[Event], None] = lambda _: None

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        self.react(event)

    def of(self, kind: type[E_]) -> list[E_]:
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, kind: type[E_], count: int = 1) -> E_:
        """The count-th event of this kind, when it is there."""
        await until(lambda: len(self.of(kind)) >= count, f"{count} {kind.__name__}")
        return self.of(kind)[count - 1]


async def until(
    holds: Callable[[], bool],
    what: str | Callable[[], object] = "",
    patience_s: float = PATIENCE_S,
) -> None:
    """Wait for it; after the patience of a test, say what was missing."""
    ends_s = time.monotonic() + patience_s
    while not holds():
        if time.monotonic() > ends_s:
            raise AssertionError(f"not within {patience_s} s: {what() if callable(what) else what}")
        await asyncio.sleep(0.005)


Reply = tuple[int, Mapping[str, str], bytes]
Answer = Callable[[str, str], Reply]


def json_reply(body: bytes, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return 200, {"content-type": "application/json", **named}, body


@dataclass
class Stage:
    """One venue. talk: what it does with each socket. answers: by the path, or "" for the rest.

    heard: every message of every socket; asked: every request line.
    """

    talk: Callable[[ServerConnection, int], Awaitable[None]]
    answers: dict[str, Answer] = field(default_factory=dict)
    heard: list[bytes] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    handshakes: list[Mapping[str, str]] = field(default_factory=list)
    sockets: list[ServerConnection] = field(default_factory=list)
    refusals: list[tuple[int, str]] = field(default_factory=list)
    """Statuses with which the next handshakes are refused."""
    ws_port: int = 0
    rest_port: int = 0

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(f"ws://127.0.0.1:{self.ws_port}", f"http://127.0.0.1:{self.rest_port}")

    async def on_socket(self, socket: ServerConnection) -> None:
        self.sockets.append(socket)
        await self.talk(socket, len(self.sockets))

    def on_handshake(self, socket: ServerConnection, request: Any) -> Any:
        self.handshakes.append(dict(request.headers) | {":path": request.path})
        if not self.refusals:
            return None
        status, retry_after = self.refusals.pop(0)
        response = socket.respond(status, "no\n")
        if retry_after:
            response.headers["Retry-After"] = retry_after
        return response

    async def on_request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode().split("\r\n")
                method, target, _ = first.split(" ")
                self.asked.append(f"{method} {target}")
                lengths = [line for line in lines if line.lower().startswith("content-length")]
                if lengths:
                    await reader.readexactly(int(lengths[0].split(":")[1]))
                path = target.partition("?")[0]
                answer = self.answers.get(path) or self.answers.get("")
                status, headers, body = answer(method, target) if answer else (404, {}, b"{}")
                lines = [f"{name}: {value}" for name, value in headers.items()]
                lines.append(f"content-length: {len(body)}")
                writer.write(f"HTTP/1.1 {status} x\r\n".encode())
                writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def staged(stage: Stage) -> AsyncIterator[Stage]:
    server: Server = await serve(
        stage.on_socket,
        "127.0.0.1",
        0,
        process_request=stage.on_handshake,
        ping_interval=None,
        close_timeout=1,
        max_size=None,
    )
    rest = await asyncio.start_server(stage.on_request, "127.0.0.1", 0)
    stage.ws_port = server.sockets[0].getsockname()[1]
    stage.rest_port = rest.sockets[0].getsockname()[1]
    try:
        yield stage
    finally:
        rest.close()
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def feeding(
    stages: Mapping[Venue, Stage], taken: Taken, **options: Any
) -> AsyncIterator[Feeds]:
    feeds = Feeds(
        taken,
        exchanges=options.pop("exchanges", EXCHANGES),
        endpoints={venue: stage.endpoint for venue, stage in stages.items()},
        **options,
    )
    await feeds.start()
    try:
        yield feeds
    finally:
        await feeds.stop()


def coin(venue: Venue, base: str = "BTC", quote: str | None = None) -> Instrument:
    quotes = {Venue.UPBIT: "KRW", Venue.BITHUMB: "KRW", Venue.COINBASE: "USD"}
    return Instrument(venue, base, quote or quotes.get(venue, "USDT"))
