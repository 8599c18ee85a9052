"""WebSocket frames as a server sends them: unmasked, whole, no extension."""

from __future__ import annotations

import struct

TEXT, BINARY = 0x81, 0x82


def framed(text: str, *, binary: bool = False) -> bytes:
    """RFC 6455 §5.2."""
    body = text.encode()
    opcode = BINARY if binary else TEXT
    size = len(body)
    if size < 126:
        return bytes((opcode, size)) + body
    if size < 65_536:
        return struct.pack("!BBH", opcode, 126, size) + body
    return struct.pack("!BBQ", opcode, 127, size) + body
