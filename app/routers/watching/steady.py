"""Steady: an order that people can read while the figures move."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

# A row passes another one only by so much, and nothing changes place more often than this.
PASSES_BPS = 2.0
RESTS_NS = 2_000_000_000
# An order that nobody has asked for so long begins anew.
FORGOTTEN_NS = 30_000_000_000
ORDERS_MAX = 256


class Steady:
    """The order of one list. Rows that come stand where they belong, rows that go leave at once."""

    __slots__ = ("_asked_ns", "_changed_ns", "_order")

    def __init__(self) -> None:
        self._order: list[str] = []
        self._changed_ns = 0
        self._asked_ns = 0

    def order(self, values: Mapping[str, float], at_ns: int) -> list[str]:
        """Keys from the largest value down, as far as they may move already."""
        if at_ns - self._asked_ns > FORGOTTEN_NS:
            self._order, self._changed_ns = [], 0
        self._asked_ns = at_ns
        kept = [key for key in self._order if key in values]
        known = set(kept)
        new = sorted((key for key in values if key not in known), key=lambda key: -values[key])
        if at_ns - self._changed_ns >= RESTS_NS:
            moved = _passed(kept, values)
            if moved != kept:
                self._changed_ns = at_ns
                kept = moved
        for key in new:
            kept.insert(_place(kept, values, key), key)
        self._order = kept
        return kept


def _passed(order: Sequence[str], values: Mapping[str, float]) -> list[str]:
    """Each row goes before the first one that it is ahead of by enough; the others keep theirs."""
    moved: list[str] = []
    for key in order:
        floor = values[key] - PASSES_BPS
        at = next((i for i, other in enumerate(moved) if values[other] <= floor), len(moved))
        moved.insert(at, key)
    return moved


def _place(order: Sequence[str], values: Mapping[str, float], key: str) -> int:
    return next(
        (i for i, other in enumerate(order) if values[other] < values[key]),
        len(order),
    )


class Orders:
    """The orders of all lists that are open, by what was chosen; the longest unused go first."""

    def __init__(self) -> None:
        self._orders: dict[Hashable, Steady] = {}

    def of(self, chosen: Hashable) -> Steady:
        found = self._orders.pop(chosen, None) or Steady()
        self._orders[chosen] = found
        while len(self._orders) > ORDERS_MAX:
            del self._orders[next(iter(self._orders))]
        return found
