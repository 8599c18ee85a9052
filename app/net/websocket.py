"""WebSocket: one client socket. Whole messages go to a callback, at once and in order."""

from __future__ import annotations

import asyncio
import socket as sockets
from collections.abc import Callable, Mapping
from contextlib import suppress

from picows import (
    WSCloseCode,
    WSError,
    WSFrame,
    WSHandshakeError,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
)

from app.net.egress import Egress, NotAllowed

CONNECT_S_MAX = 10.0
ADDRESS_S_MAX = 3.0
"""For each address of a name: one of them may lead nowhere."""
# Coinbase's whole books have several MB [coinbase.md 1a]; sixteen times that is no book.
MESSAGE_BYTES_MAX = 64 * 1024 * 1024
CLOSE_S_MAX = 1.0
WHOLE = (WSMsgType.TEXT, WSMsgType.BINARY)


class Unconnected(Exception):
    """No socket was opened. retry_after_s: what the other side asked for, None where nothing."""

    def __init__(self, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s


async def _connected(host: str, port: int, egress: Egress) -> sockets.socket | None:
    """To one of the addresses of a name, if that one is out in the world; None: as it likes.

    The handshake may hold a login, so this is looked at before anything is said.
    """
    if not egress.asks_peer(host):
        return None
    loop = asyncio.get_running_loop()
    reason: Exception = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in await loop.getaddrinfo(
        host, port, type=sockets.SOCK_STREAM
    ):
        wire = sockets.socket(family, kind, protocol)
        try:
            egress.check_peer(host, str(address[0]))
            wire.setblocking(False)
            async with asyncio.timeout(ADDRESS_S_MAX):
                await loop.sock_connect(wire, address)
        except (OSError, TimeoutError, NotAllowed) as error:
            wire.close()
            reason = error
            continue
        except asyncio.CancelledError:
            wire.close()
            raise
        return wire
    raise reason


class WebSocket(WSListener):
    """Answers pings by itself. After `ended` is set nothing more comes; `reason` says why."""

    def __init__(self, on_message: Callable[[bytes], None]) -> None:
        super().__init__()
        self.ended = asyncio.Event()
        self.reason = ""
        self.pongs = 0
        self._on_message = on_message
        self._parts: list[bytes] = []
        self._size = 0
        self._is_partial = False
        self._transport: WSTransport | None = None
        self._end: asyncio.Task[None] | None = None

    @classmethod
    async def connect(
        cls,
        url: str,
        egress: Egress,
        on_message: Callable[[bytes], None],
        headers: Mapping[str, str] | None = None,
    ) -> WebSocket:
        """Raises Unconnected. No Origin header is sent: Upbit slows those who send one [1].

        headers: of the handshake, where it logs in.
        """
        socket = cls(on_message)
        try:
            egress.check(url)
            async with asyncio.timeout(CONNECT_S_MAX):
                await ws_connect(
                    lambda: socket,
                    url,
                    max_frame_size=MESSAGE_BYTES_MAX,
                    max_redirects=0,
                    extra_headers=dict(headers or {}),
                    websocket_handshake_timeout=CONNECT_S_MAX,
                    socket_factory=lambda place: _connected(place.host, place.port, egress),
                )
        except NotAllowed as refused:
            raise Unconnected(str(refused)) from refused
        except TimeoutError as late:
            socket.abort()
            raise Unconnected("timeout") from late
        except WSHandshakeError as refused:
            raise _refusal(refused) from refused
        except (WSError, OSError) as gone:
            raise Unconnected(f"unreachable: {type(gone).__name__}") from gone
        except asyncio.CancelledError:
            socket.abort()
            raise
        return socket

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._end = asyncio.get_running_loop().create_task(self._watch(transport))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind in WHOLE:
            if frame.fin:
                self._on_message(frame.get_payload_as_bytes())
            else:
                self._is_partial = True
                self._keep(transport, frame.get_payload_as_bytes())
        elif kind == WSMsgType.CONTINUATION and self._is_partial:
            if self._keep(transport, frame.get_payload_as_bytes()) and frame.fin:
                whole = b"".join(self._parts)
                self._parts, self._size, self._is_partial = [], 0, False
                self._on_message(whole)
        elif kind == WSMsgType.PONG:
            self.pongs += 1
        elif kind == WSMsgType.CLOSE:
            self.reason = self.reason or f"closed {int(frame.get_close_code().value)}"
            with suppress(OSError, WSError):
                transport.send_close(WSCloseCode.OK)
            transport.disconnect()

    def _keep(self, transport: WSTransport, part: bytes) -> bool:
        """One part of a message that comes in several."""
        self._parts.append(part)
        self._size += len(part)
        if self._size <= MESSAGE_BYTES_MAX:
            return True
        self.reason = "message too large"
        self._parts, self._size, self._is_partial = [], 0, False
        transport.disconnect(False)
        return False

    async def _watch(self, transport: WSTransport) -> None:
        try:
            await transport.wait_disconnected()
        except (WSError, OSError) as error:
            self.reason = self.reason or f"lost: {type(error).__name__}"
        self.reason = self.reason or "closed"
        self.ended.set()

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_disconnected

    def send(self, message: bytes) -> None:
        """A text message; nothing once the socket is gone."""
        if self._transport is not None and self.is_open:
            self._transport.send(WSMsgType.TEXT, message)

    def ping(self) -> None:
        if self._transport is not None and self.is_open:
            self._transport.send_ping()

    def abort(self) -> None:
        """Without a word. No message comes after it."""
        self._on_message = _nothing
        if self._transport is not None:
            self._transport.disconnect(False)

    async def close(self) -> None:
        """Say so, then leave: whoever does not answer is not waited for long."""
        self._on_message = _nothing
        transport, end = self._transport, self._end
        if transport is None or end is None:
            return
        if self.is_open:
            self.reason = self.reason or "closed by us"
            with suppress(OSError, WSError):
                transport.send_close(WSCloseCode.OK)
            transport.disconnect()
        done, _ = await asyncio.wait([end], timeout=CLOSE_S_MAX)
        if not done:
            transport.disconnect(False)
            await asyncio.wait([end], timeout=CLOSE_S_MAX)


def _nothing(_: bytes) -> None:
    """Whoever left does not listen any more."""


def _refusal(refused: WSHandshakeError) -> Unconnected:
    response = refused.response
    if response is None:
        return Unconnected("no handshake")
    after = response.headers.get("Retry-After", "")
    return Unconnected(f"http {int(response.status)}", float(after) if after.isdigit() else None)
