"""What the stream tests share: a clock that jumps, a wire that records, servers and listeners."""

from __future__ import annotations

import asyncio
import json
import selectors
import socket
import struct
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from app.domain.problems import Problem
from app.runtime import serving
from app.runtime.streams.clients import Client, Feed, Page, Topics
from app.runtime.streams.hub import PAGE_HZ, Hub, Limits
from app.runtime.streams.response import StreamResponse

PATIENCE_S = 30


class _JumpingSelector(selectors.DefaultSelector):
    """Never waits: the time that the loop would have waited has passed at once."""

    def __init__(self) -> None:
        super().__init__()
        self.jumped_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if timeout is not None and timeout > 0 and not ready:
            self.jumped_s += timeout
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock moves by its own waits only."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.jumped_s


def in_jumping_time(story: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run an async test with the jumping clock: `sleep(15)` takes no time and is exact."""

    def run() -> None:
        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            runner.run(story())

    run.__name__ = story.__name__
    run.__doc__ = story.__doc__
    return run


@dataclass(eq=False)
class Recorder:
    """A wire that keeps what it gets. backlog_bytes: what it claims not to have sent yet."""

    chunked: bool = False
    backlog_bytes: int = 0
    frames: list[bytes] = field(default_factory=list)
    ended: bool = False
    aborted: bool = False
    closed: bool = False
    """As uvloop's transport once its peer has gone: whatever is asked of it raises."""

    def write(self, data: bytes, /) -> None:
        self._open()
        self.frames.append(data)

    def backlog(self) -> int:
        self._open()
        return self.backlog_bytes

    def is_closed(self) -> bool:
        return self.closed

    def _open(self) -> None:
        if self.closed:
            raise RuntimeError("the handler is closed")

    def end(self, last: bytes) -> None:
        self.frames.append(last)
        self.ended = True

    def abort(self) -> None:
        self.aborted = True

    def events(self) -> list[Event]:
        return parsed(b"".join(self.frames))


@dataclass(frozen=True)
class Event:
    """One server-sent event; a comment has neither name nor data."""

    name: str | None
    data: str | None
    id: int | None

    @property
    def json(self) -> Any:
        assert self.data is not None
        return json.loads(self.data)


def parsed(text: bytes) -> list[Event]:
    """Events as the standard reads them (WHATWG HTML §9.2.6)."""
    blocks = text.decode().split("\n\n")
    assert blocks[-1] == "", f"the last event is cut: {blocks[-1]!r}"
    return [_event(block) for block in blocks[:-1]]


def _event(block: str) -> Event:
    fields: dict[str, list[str]] = {}
    for line in block.split("\n"):
        name, _, value = line.partition(":")
        fields.setdefault(name, []).append(value.removeprefix(" "))
    number = fields.get("id", [None])[0]
    return Event(
        name=fields.get("event", [None])[0],
        data="\n".join(fields["data"]) if "data" in fields else None,
        id=None if number is None else int(number),
    )


def client(
    wire: Recorder, feed: Feed | str = "backtests", *, hz: int = 10, session: str = "s"
) -> Client:
    return Client(Topics((feed,)) if isinstance(feed, str) else feed, hz, session, wire)


def stream_app(hub: Hub) -> FastAPI:
    """An app with nothing but streams: `/events?topic=…&hz=…&session=…`, `/page`."""
    app = FastAPI()
    app.state.hub = hub

    @app.get("/events")
    async def events(topic: str = "backtests", hz: int = 10, session: str = "s") -> StreamResponse:
        most = hub.limits.per_session_max
        return StreamResponse(hub, Topics((topic,)), hz=hz, session=session, most=most)

    @app.get("/page")
    async def page() -> StreamResponse:
        from app.runtime.streams.board import View

        feed = Page("backtests", View(lang="ko", zone="Asia/Seoul"))
        return StreamResponse(hub, feed, hz=PAGE_HZ, session="s", most=1)

    @app.exception_handler(Problem)
    async def refuse(_: object, problem: Exception) -> Any:
        from starlette.responses import JSONResponse

        assert isinstance(problem, Problem)
        headers = {"Retry-After": str(problem.retry_after_s)}
        return JSONResponse({"code": problem.code}, problem.status, headers)

    return app


class PlainConnection(serving.HttpToolsProtocol):
    """uvicorn's own connection: no hand-over, so bytes go through ASGI's `send`."""


CONNECTIONS: dict[str, type[asyncio.Protocol]] = {
    "httptools": serving.HttpToolsConnection,
    "h11": serving.H11Connection,
    "asgi": PlainConnection,
}


@asynccontextmanager
async def served(
    app: ASGIApp,
    *,
    connection: type[asyncio.Protocol] = serving.HttpToolsConnection,
    stopping: Callable[[], None] = lambda: None,
    **options: Any,
) -> AsyncGenerator[Served, None]:
    """`app` on a real socket of this process's loop."""
    listening = serving.listen("127.0.0.1", 0)
    is_up = asyncio.Event()
    server = serving.server(
        app, ready=is_up.set, stopping=stopping, connection=connection, **options
    )
    running = asyncio.create_task(server.serve(sockets=[listening]))
    async with asyncio.timeout(PATIENCE_S):
        await is_up.wait()
    try:
        yield Served(server, running, listening.getsockname()[1])
    finally:
        server.should_exit = server.force_exit = True
        async with asyncio.timeout(PATIENCE_S):
            await running
            # A forced end leaves the lifespan waiting for ever.
            await server.lifespan.shutdown()


@dataclass
class Served:
    server: uvicorn.Server
    running: asyncio.Task[None]
    port: int

    async def listen(self, target: str = "/events", **options: Any) -> Listener:
        return await Listener.open(self.port, target, **options)

    async def stop(self) -> None:
        """As a signal does."""
        self.server.should_exit = True
        async with asyncio.timeout(PATIENCE_S):
            await self.running


class Listener:
    """A browser's end of a stream over a plain socket: it reads HTTP/1.1 chunks by itself."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.status = 0
        self.headers: dict[str, str] = {}
        self.comments = 0
        self.is_complete = False
        self._text = b""

    @classmethod
    async def open(
        cls,
        port: int,
        target: str,
        *,
        version: str = "1.1",
        receive_bytes: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> Listener:
        sock = socket.socket()
        if receive_bytes is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        limit = 2**16 if receive_bytes is None else receive_bytes
        self = cls(*await asyncio.open_connection(sock=sock, limit=limit))
        lines = [f"GET {target} HTTP/{version}", f"Host: 127.0.0.1:{port}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.writer.write("\r\n".join([*lines, "", ""]).encode())
        async with asyncio.timeout(PATIENCE_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        self.status = int(head[0].split()[1])
        pairs = (line.partition(":") for line in head[1:] if line)
        self.headers = {name.lower(): value.strip() for name, _, value in pairs}
        return self

    async def event(self) -> Event:
        """The next event that is no comment."""
        while True:
            async with asyncio.timeout(PATIENCE_S):
                block = await self._block()
            if block.startswith(":"):
                self.comments += 1
            else:
                return _event(block)

    async def until(self, wanted: Callable[[Event], bool]) -> Event:
        while not wanted(found := await self.event()):
            continue
        return found

    async def _block(self) -> str:
        while b"\n\n" not in self._text:
            if self.headers.get("transfer-encoding") == "chunked":
                size = int(await self.reader.readline(), 16)
                body = await self.reader.readexactly(size + 2)
                assert body.endswith(b"\r\n")
                self.is_complete = size == 0
                self._text += body[:-2]
            else:
                self._text += await self.reader.read(65_536)
            if self.is_complete or self.reader.at_eof():
                raise EOFError
        block, _, self._text = self._text.partition(b"\n\n")
        return block.decode()

    async def rest(self) -> list[Event]:
        """Every event up to the end of the response."""
        found = []
        while True:
            try:
                found.append(await self.event())
            except EOFError:
                return found

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        """Go away without a goodbye: RST instead of FIN."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for something that the loop will bring about."""
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():
            await asyncio.sleep(0.005)


def small_limits(**changed: Any) -> Limits:
    return Limits(**{"tend_s": 0.01, **changed})
