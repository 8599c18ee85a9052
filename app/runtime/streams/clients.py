"""Clients: one listener each: what it listens to, and the wire that leads to it."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from typing import Protocol

import msgspec

from app.runtime.streams import framing
from app.runtime.streams.board import Board, View

# A wire that is being closed may take this long to hand over its last bytes.
LAST_BYTES_S = 0.3
# Of unsent bytes the kernel would keep megabytes per client, and a slow one would read what is
# minutes old before we could tell that it is slow.
UNSENT_BYTES_MAX = 16_384
# A client that does not acknowledge what was sent for so long is gone without a goodbye.
UNACKNOWLEDGED_MS_MAX = 30_000


class Topics(msgspec.Struct, frozen=True):
    """A program's subscription: JSON of some topics."""

    names: tuple[str, ...]


class Page(msgspec.Struct, frozen=True):
    """A page's subscription: HTML of its regions as one viewer reads them."""

    page: str
    view: View


Feed = Topics | Page


def state(board: Board, feed: Feed) -> bytes:
    """The current state of everything that a feed holds, as events."""
    if isinstance(feed, Topics):
        return b"".join([board.full(name) for name in feed.names])
    return board.page(feed.page, feed.view)


class Wire(Protocol):
    """Takes bytes without waiting. chunked: it wants them framed as HTTP/1.1 chunks."""

    chunked: bool

    def write(self, data: bytes, /) -> None: ...

    def backlog(self) -> int:
        """Bytes taken but not yet gone."""

    def end(self, last: bytes) -> None:
        """Write `last` and end the response."""

    def abort(self) -> None:
        """End the connection at once, whatever is still waiting."""

    def is_closed(self) -> bool:
        """Nothing can be written any more."""


class SocketWire:
    """The connection's own transport: a write costs little more than the kernel's."""

    chunked = True

    def __init__(self, transport: asyncio.Transport) -> None:
        self.write = transport.write
        self.backlog = transport.get_write_buffer_size
        self.abort = transport.abort
        self.is_closed = transport.is_closing
        self._transport = transport
        tcp = transport.get_extra_info("socket")
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES_MAX)
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS_MAX)

    def end(self, last: bytes) -> None:
        self.write((framing.chunk(last) if last else b"") + framing.LAST_CHUNK)
        self._transport.close()
        asyncio.get_running_loop().call_later(LAST_BYTES_S, self.abort)


class Outbox:
    """The fall-back: bodies wait here until the response's own task has sent them."""

    chunked = False

    def __init__(self) -> None:
        self.ended = False
        self.aborted = asyncio.Event()
        self._bodies: deque[bytes] = deque()
        self._size = 0
        self._changed = asyncio.Event()

    def write(self, data: bytes, /) -> None:
        self._bodies.append(data)
        self._size += len(data)
        self._changed.set()

    def backlog(self) -> int:
        return self._size

    def end(self, last: bytes) -> None:
        self.ended = True
        self.write(last)

    def abort(self) -> None:
        self.aborted.set()

    def is_closed(self) -> bool:
        return self.aborted.is_set()

    async def take(self) -> bytes:
        """Everything that waits, as soon as something does."""
        await self._changed.wait()
        self._changed.clear()
        taken = b"".join(self._bodies)
        self._bodies.clear()
        self._size = 0
        return taken


class Client:
    """One listener. session: whose limit it counts against."""

    def __init__(self, feed: Feed, hz: int, session: str, wire: Wire) -> None:
        self.feed = feed
        self.hz = hz
        self.session = session
        self.wire = wire
        self.chunked = wire.chunked
        self.ways: Ways = (wire.backlog, wire.write)

    def is_gone(self) -> bool:
        """Whether its wire is closed already, and only its own task does not know it yet."""
        return self.wire.is_closed()

    def write(self, body: bytes) -> None:
        self.wire.write(framing.chunk(body) if self.chunked else body)


# A group is written to thousands of times a second; what its loop touches lies side by side.
Ways = tuple[Callable[[], int], Callable[[bytes], None]]
Group = dict[Client, Ways]
