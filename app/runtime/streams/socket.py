"""Socket: the WebSocket end of a stream: the same events as messages, framed once for all."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from app.runtime.streams.clients import LAST_BYTES_S, SocketWire

TEXT, CLOSE = 0x81, 0x88
GOING_AWAY = 1001

_EVENT = re.compile(rb"(?:id: (\d+)\n)?event: ([a-z]+)\ndata: \{(.*)\}")


def frame(payload: bytes, kind: int = TEXT) -> bytes:
    """One whole unmasked frame (RFC 6455 §5.2), as servers send them."""
    size = len(payload)
    if size < 126:
        return bytes((kind, size)) + payload
    if size < 1 << 16:
        return bytes((kind, 126)) + size.to_bytes(2, "big") + payload
    return bytes((kind, 127)) + size.to_bytes(8, "big") + payload


# Clients of one group get the same bytes one after the other.
@lru_cache(maxsize=8)
def messages(events: bytes) -> bytes:
    """Server-sent events as frames of JSON: {"type": topic, "sequence": n, …}. Comments are left
    out: a WebSocket has pings."""
    made = []
    for block in events.split(b"\n\n"):
        found = _EVENT.fullmatch(block)
        if found is not None:
            number, topic, body = found.groups()
            told = b',"sequence":%b' % number if number else b""
            more = b"," + body if body else b""
            made.append(frame(b'{"type":"%b"%b%b}' % (topic, told, more)))
    return b"".join(made)


def sync(lists: Mapping[str, Sequence[bytes]], at: str) -> bytes:
    """The first message: whole lists of items that are JSON already."""
    named = [b'"%b":[%b]' % (name.encode(), b",".join(items)) for name, items in lists.items()]
    return frame(b'{"type":"sync","at":"%b",%b}' % (at.encode(), b",".join(named)))


class MessageWire(SocketWire):
    """A WebSocket's own transport; every write is a number of whole frames."""

    chunked = False

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__(transport)
        self._put = transport.write
        self.write = self._write

    def _write(self, data: bytes | bytearray | memoryview) -> None:
        """data: server-sent events."""
        frames = messages(bytes(data))
        if frames:
            self._put(frames)

    def put(self, frames: bytes) -> None:
        """Frames as they are."""
        self._put(frames)

    def end(self, last: bytes) -> None:
        """A last message, then the closing handshake's first half."""
        self._put(messages(last) + frame(GOING_AWAY.to_bytes(2, "big"), CLOSE))
        self._transport.close()
        asyncio.get_running_loop().call_later(LAST_BYTES_S, self.abort)
