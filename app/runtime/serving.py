"""Serving: uvicorn with our own connection, our own limits and our own way to stop."""

from __future__ import annotations

import asyncio
import resource
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from app.runtime.streams.response import CONNECTION, Connection

# Request line and headers together; httptools itself has no limit.
HEAD_BYTES_MAX = 65_536
# A head must be complete within this time.
HEAD_S_MAX = 30
KEEP_ALIVE_S = 65
# Of a message that a WebSocket's client sends; nobody listens to it.
MESSAGE_BYTES_MAX = 16_384
CONNECTIONS_MAX = 4_096
BACKLOG = 2_048
# Requests that are still running this long after the signal are cancelled.
SHUTDOWN_S_MAX = 5


class CannotListen(Exception):
    """One clear line: the address and why it cannot be taken."""


class HttpToolsConnection(HttpToolsProtocol):
    """uvicorn's fast connection, which hands itself to the app and bounds the head."""

    _head_bytes: int | None = 0
    _head_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app = _handing_over(self.app, self)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_arrived()
        super().connection_lost(exc)

    def head_is_sent(self) -> bool:
        return self.cycle.response_started and self.cycle.chunked_encoding is True

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        self._head_arrived()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head_bytes is not None and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self.send_400_response("The request's head is too large.")

    def _await_head(self) -> None:
        self._head_arrived()
        self._head_bytes = 0
        self._head_due = self.loop.call_later(HEAD_S_MAX, self.transport.close)

    def _head_arrived(self) -> None:
        self._head_bytes = None
        if self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None


class H11Connection(H11Protocol):
    """The same in pure Python; h11 bounds the head itself."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app = _handing_over(self.app, self)

    def head_is_sent(self) -> bool:
        return self.cycle.response_started


class WebSocketConnection(WebSocketsSansIOProtocol):
    """A connection that was upgraded: it hands itself to the app too."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.app = _handing_over(self.app, self)

    def head_is_sent(self) -> bool:
        return bool(self.handshake_complete)


def _handing_over(app: Any, connection: Connection) -> Any:
    """The app as this connection calls it: with the connection in the scope's extensions.

    Not a coroutine of its own, so it costs one dict per request and nothing per message.
    """

    def handed(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        scope["extensions"] = {**scope.get("extensions", {}), CONNECTION: connection}
        called: Awaitable[None] = app(scope, receive, send)
        return called

    return handed


class Server(uvicorn.Server):
    """Streams end before anything waits for them; a stop that was asked for is a success."""

    def __init__(
        self, config: uvicorn.Config, *, ready: Callable[[], None], stopping: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._ready = ready
        self._stopping = stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # uvicorn waits here for every response to end, and runs the lifespan's shutdown only
        # after that: an open event stream would hold it for ever.
        self._stopping()
        await super().shutdown(sockets=sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        # Not uvicorn's own: that raises the signal again after a clean end, and the exit code
        # would say that the process was killed.
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    """Take the address before anything else starts. Raises CannotListen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise CannotListen(
            f"cannot listen on {host} port {port}: {error.strerror}; "
            "is another kimp running? KIMP_PORT chooses another port"
        ) from None
    return sock


def server(
    app: ASGIApp,
    *,
    ready: Callable[[], None],
    stopping: Callable[[], None],
    trusted_proxies: Sequence[str] = (),
    connection: type[asyncio.Protocol] = HttpToolsConnection,
) -> Server:
    """A server with every limit set. `ready` is called when it listens, `stopping` before it
    waits for open responses; both on the event loop."""
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=connection,
        ws=WebSocketConnection,
        # Frames are written once for all listeners, so they are not compressed for each.
        ws_per_message_deflate=False,
        ws_max_size=MESSAGE_BYTES_MAX,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=[*trusted_proxies],
        limit_concurrency=CONNECTIONS_MAX,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=SHUTDOWN_S_MAX,
        h11_max_incomplete_event_size=HEAD_BYTES_MAX,
    )
    return Server(config, ready=ready, stopping=stopping)


def raise_open_files() -> int:
    """Every stream is a file: allow as many as the system allows us. Gives the new limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
