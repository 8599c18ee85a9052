"""Calculator: the depth walk on books that a person or a program brings along."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.books.walk import Outcome, Walk, walk
from app.domain.problems import FieldError, Problem

__all__ = ["LEVELS_MAX", "Outcome", "Walk", "depth_walk"]

LEVELS_MAX = 5_000
"""Of one side."""

_PLACE = re.compile(r"(\w+(?:\[\d+\])?): (.*)", re.DOTALL)


def depth_walk(
    asks: Sequence[Sequence[float]],
    bids: Sequence[Sequence[float]],
    *,
    buy_fee_bps: float,
    sell_fee_bps: float,
    buy_fx: float,
    sell_fx: float,
    withdrawal_fee: float,
    max_notional: float | None = None,
    lot_step: float | None = None,
) -> Walk:
    """SPEC §4. Problem invalid_fields names the level or number that cannot be walked."""
    try:
        return walk(
            asks,
            bids,
            buy_fee_bps=buy_fee_bps,
            sell_fee_bps=sell_fee_bps,
            buy_fx=buy_fx,
            sell_fx=sell_fx,
            withdrawal_fee=withdrawal_fee,
            max_notional=max_notional,
            lot_step=lot_step,
        )
    except ValueError as wrong:
        match = _PLACE.fullmatch(str(wrong))
        assert match is not None, wrong
        place = FieldError(column=match[1], value=match[2][:200], expected=_expected(match[1]))
        raise Problem("invalid_fields", errors=(place,)) from wrong


def _expected(column: str) -> str:
    if column.startswith("asks"):
        return "[price > 0, quantity], prices rising"
    if column.startswith("bids"):
        return "[price > 0, quantity], prices falling"
    return "a number in range"
