"""Ids: names of cycles, orders and transfers that can be computed again from what they belong to.

A lost row of the database can be recomputed and searched for at the venue; an id is never used for
two things, because the deployment and its epoch (a restored backup begins another one) are in it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

from app.domain.venues import Venue

LENGTH = 20
"""Of a client id: 100 bits in base32, `[a-z2-7]`: the least that all venues take."""


AsWritten = Mapping[Venue, Callable[[str], str]]
"""How a venue wants an order's id written, such as `t-…`; others take it as it is."""
NOTHING_SPECIAL: AsWritten = {}


class Identity(NamedTuple):
    """Who decides: nobody else in the world has the same deployment and epoch."""

    deployment: str
    epoch: int
    written: AsWritten = NOTHING_SPECIAL


def cycle_id(number: int) -> str:
    return f"c-{number}"


def digest(identity: Identity, *parts: str | int) -> bytes:
    """Parts are told apart: ("a", "bc") is not ("ab", "c")."""
    text = "\x1f".join(str(part) for part in (identity.deployment, identity.epoch, *parts))
    return hashlib.sha256(text.encode()).digest()


def client_id(identity: Identity, cycle: str, step: str, attempt: int) -> str:
    """Unique in step and attempt of its cycle."""
    made = base64.b32encode(digest(identity, cycle, step, attempt)[:13]).decode().lower()
    return made[:LENGTH]


def order_id(identity: Identity, venue: Venue, cycle: str, step: str, attempt: int) -> str:
    """As the venue will call it: what the ledger knows is what is found there."""
    name = client_id(identity, cycle, step, attempt)
    written = identity.written.get(venue)
    return name if written is None else written(name)


def share(identity: Identity, *parts: str | int) -> float:
    """A number in [0, 1) that stands for chance where nothing may be left to chance."""
    return int.from_bytes(digest(identity, *parts)[:7], "big") / 2.0**56
