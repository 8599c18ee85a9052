"""Finalizer: the way home of what a cycle holds, by the coin and the networks that cost least."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from app.domain.cycles import Holding, Home
from app.domain.markets import Instrument, Side
from app.domain.venues import Venue


class Trade(NamedTuple):
    """An order of the way. quantity: of the base; price: the limit."""

    instrument: Instrument
    side: Side
    quantity: Decimal
    price: Decimal


class Hop(NamedTuple):
    """A transfer of the way. amount: what arrives; fee comes on top."""

    asset: str
    sender: Venue
    receiver: Venue
    chain: str
    network: str
    to_network: str
    amount: Decimal
    fee: Decimal


class Way(NamedTuple):
    """first: what to do now. base: the coin that carries the money. cost_bps: of its worth now.

    arrives: what of the home asset should arrive.
    """

    first: Trade | Hop
    base: str
    cost_bps: Decimal
    arrives: Decimal
    minutes: float


def choose(
    holdings: Sequence[Holding], home: Home, sight: object, at_ns: int, kept: str | None = None
) -> Way | None:
    """The cheapest way home. kept: the coin that was chosen before, preferred while it works."""
    del holdings, home, sight, at_ns, kept
    return None
