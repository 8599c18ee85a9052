"""Candidates: what planning would open, as the risk manager is asked about it."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from app.domain.cycles import ExecutionStyle, Reservation, Strategy
from app.domain.live import Gate
from app.domain.markets import Instrument

Ages = tuple[float | None, float | None, float | None, float | None]
"""ms: buy book, sell book, rate, wallets; None: not known. As an opportunity carries them."""


class Candidate(msgspec.Struct, frozen=True):
    """One cycle before it is one. quantity: of the base; spends: what it would take out of purses.

    gates: of the row it comes from, as they are now; a gate that does not hold refuses.
    """

    signal_id: str
    strategy: Strategy
    style: ExecutionStyle
    base: str
    buy: Instrument
    sell: Instrument
    quantity: Decimal
    notional_krw: Decimal
    net_bps: float
    ages_ms: Ages
    spends: tuple[Reservation, ...]
    gates: tuple[Gate, ...] = ()
