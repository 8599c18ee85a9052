"""Framing: how one message becomes the bytes of a server-sent event (WHATWG HTML §9.2)."""

from __future__ import annotations

import re

COMMENT = b":\n\n"
BYE = b"event: bye\ndata: {}\n\n"

# An event's field ends at any of the three; a data line must not hold one.
_LINE_ENDS = re.compile(rb"\r\n|\r|\n")


def event(name: str, data: bytes) -> bytes:
    """A named event. data: JSON in one line."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)


def fragment(region: str, html: bytes) -> bytes:
    """An unnamed event, which htmx swaps into the element whose id is `region`."""
    partial = b'<hx-partial hx-target="#%b" hx-swap="innerMorph">%b</hx-partial>' % (
        region.encode(),
        html,
    )
    return b"data: %b\n\n" % _LINE_ENDS.sub(b"\ndata: ", partial)


def numbered(sequence: int, message: bytes) -> bytes:
    """The event as it goes out: browsers return the id as Last-Event-ID when they reconnect."""
    return b"id: %d\n%b" % (sequence, message)


def chunk(body: bytes) -> bytes:
    """One chunk of a chunked HTTP/1.1 body (RFC 9112 §7.1)."""
    return b"%x\r\n%b\r\n" % (len(body), body)


LAST_CHUNK = b"0\r\n\r\n"
