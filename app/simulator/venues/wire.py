"""Small shapes that several venues write alike."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from app.simulator.protocol import Change, Side

MINUTE_MS = 60_000


compact: Callable[[Any], str] = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
"""JSON without spaces."""


def number(text: str, otherwise: int) -> int:
    """A parameter as a whole number; what is not one counts as not given."""
    return int(text) if text.isdecimal() else otherwise


def rows(changes: Iterable[Change]) -> str:
    return ",".join([f'["{price}","{quantity}"]' for price, quantity in changes])


def levels(side: Side, size: int) -> list[tuple[str, str]]:
    return list(zip(side.prices[:size], side.quantities[:size], strict=True))
