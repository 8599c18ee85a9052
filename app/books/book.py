"""Book: one ladder, its alignment and what makes it invalid. A gap counts before anything else."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from app.books import ladder as ladders
from app.books import tops
from app.books.alignment import NONE, RULES, State, Verdict, judge_delta, judge_snapshot
from app.books.ladder import ASKS, BIDS, LEVELS_MAX, TOP, Floats
from app.books.texts import Texts
from app.books.tops import Cell
from app.domain.decimals import number
from app.domain.markets import Alignment, BookDelta, BookSnapshot, Level

KEPT_MAX = 1_000
"""Changes kept for a snapshot that is on its way: over a minute of the fastest stream."""
SIDES = (BIDS, ASKS)

Numbers = tuple[Floats, Floats]


class Flaw(StrEnum):
    """Why a book that had a snapshot is not valid.

    depth: so many levels were removed that a bounded book no longer knows the best ones.
    connection: messages of its connection are missing. lost: its connection ended. unreadable: a
    message about it holds levels that are none.
    """

    GAP = "gap"
    CHECKSUM = "checksum"
    DEPTH = "depth"
    CONNECTION = "connection"
    LOST = "lost"
    UNREADABLE = "unreadable"


class Break(NamedTuple):
    """expected and received: the numbers or checksums that differ, where there are any."""

    flaw: Flaw
    expected: int | None = None
    received: int | None = None


class Book:
    """Fed one message at a time; always readable, `valid` says whether it may decide anything."""

    __slots__ = ("_kept", "_record", "_rule", "alignment", "broken", "ladder", "state", "texts")

    def __init__(
        self,
        alignment: Alignment,
        *,
        levels_max: int = LEVELS_MAX,
        texts: bool = False,
        cell: Cell | None = None,
    ) -> None:
        """cell: where the book lives, cleared; by default it has a place of its own."""
        self.alignment = alignment
        self._rule = RULES[alignment]
        self._kept: deque[BookDelta] = deque(maxlen=KEPT_MAX)
        cell = cell or tops.alone(self._rule, levels_max)
        self._record = cell.tops[cell.row]
        self.ladder = cell.ladder()
        self.texts = Texts(self.ladder) if texts or alignment is Alignment.CHECKED else None
        self.state = cell.tops["state"][cell.row]  # a State, and what orders messages
        self.broken: Break | None = None

    @property
    def sequence(self) -> int | None:
        """As the venue counts; None where the channel does not."""
        number = int(self._record["sequence"])
        return None if number == NONE else number

    @property
    def exchange_at_ns(self) -> int | None:
        return int(self._record["exchange_ns"]) or None

    @property
    def valid(self) -> bool:
        """Whole, and not crossed: nobody can buy below what somebody pays."""
        if self.state[0] != State.VALID:
            return False
        return not ladders.best(self.ladder, BIDS) >= ladders.best(self.ladder, ASKS)

    def snapshot(self, message: BookSnapshot) -> Verdict:
        """Raises ValueError for levels that are none; the book is then as it was."""
        sides = _numbers(message.bids), _numbers(message.asks)
        if any(np.unique(prices).size < prices.size for prices in map(_held_prices, sides)):
            raise ValueError("a price stands twice in one snapshot")
        offered = _order(message)
        kept_from = _or_none(self._kept[0].previous) if self._kept else NONE
        verdict = Verdict(
            judge_snapshot(self._rule, self.state[0], self.state[1], offered, kept_from)
        )
        if verdict is not Verdict.APPLIED:
            return verdict
        for side, (prices, quantities), levels in zip(SIDES, sides, _levels(message), strict=True):
            held = quantities > 0.0  # Upbit and Bithumb fill up with rows of quantity 0
            ladders.load(self.ladder, side, prices[held], quantities[held])
            if self.texts is not None:
                rows = [level for level, is_held in zip(levels, held, strict=True) if is_held]
                self.texts.load(side, prices[held].tolist(), rows)
        self.state[:] = State.VALID, offered
        self.broken = None
        self._told(message.sequence, message.exchange_at_ns)
        self._join()
        return verdict

    def delta(self, message: BookDelta) -> Verdict:
        """Raises ValueError for levels that are none; the book is then as it was."""
        sides = _numbers(message.bids), _numbers(message.asks)
        previous = _or_none(message.previous)
        # OKX's recordings of 2022 have no numbers: their clock orders them, as it does snapshots.
        last = _or_none(message.last, _or_none(message.exchange_at_ns))
        verdict = Verdict(judge_delta(self._rule, self.state[0], self.state[1], previous, last))
        if verdict is Verdict.GAP:
            self.invalidate(Break(Flaw.GAP, self.sequence, message.previous))
        if self._rule.keeps and verdict in {Verdict.KEPT, Verdict.GAP}:
            self._kept.append(message)
        if verdict is Verdict.APPLIED:
            self._apply(message, sides, last)
        return verdict

    def invalidate(self, reason: Break) -> None:
        if self.state[0] == State.VALID:
            self.state[0] = State.BROKEN
            self.broken = reason

    def reset(self) -> None:
        """A new connection knows nothing of the old one."""
        self._kept.clear()
        self.ladder.counts[:] = 0
        self.ladder.horizon[:] = -np.inf
        self.state[:] = State.WAITING, NONE
        self.broken = None
        self._told(None, None)

    def _told(self, sequence: int | None, exchange_at_ns: int | None) -> None:
        self._record["sequence"] = _or_none(sequence)
        self._record["exchange_ns"] = exchange_at_ns or 0

    def _join(self) -> None:
        """Play the kept changes on a snapshot; a hole among them breaks the book again."""
        kept = list(self._kept)
        self._kept.clear()
        for message in kept:
            self.delta(message)

    def _apply(self, message: BookDelta, sides: tuple[Numbers, Numbers], last: int) -> None:
        for side, (prices, quantities), levels in zip(SIDES, sides, _levels(message), strict=True):
            ladders.change(self.ladder, side, prices, quantities)
            if self.texts is not None:
                self.texts.change(side, prices.tolist(), levels)
        self.state[1] = last
        self._told(message.last, message.exchange_at_ns)
        if self.texts is not None and message.checksum is not None:
            found = self.texts.checksum()
            if found != message.checksum:
                self.invalidate(Break(Flaw.CHECKSUM, message.checksum, found))
        for side in SIDES:
            if self.ladder.horizon[side] > -np.inf and self.ladder.counts[side] < TOP:
                self.invalidate(Break(Flaw.DEPTH))


def _levels(message: BookSnapshot | BookDelta) -> tuple[Sequence[Level], Sequence[Level]]:
    return message.bids, message.asks


def _numbers(levels: Sequence[Level]) -> Numbers:
    """Prices and quantities. Raises ValueError."""
    prices = np.array([number(price) for price, _ in levels], np.float64)
    quantities = np.array([number(quantity) for _, quantity in levels], np.float64)
    if np.any(quantities < 0.0) or np.any(_held_prices((prices, quantities)) <= 0.0):
        raise ValueError("a level needs a price > 0 and a quantity >= 0")
    return prices, quantities


def _held_prices(side: Numbers) -> Floats:
    prices, quantities = side
    return prices[quantities > 0.0]


def _order(message: BookSnapshot) -> int:
    """The venue's clock orders what has no number (upbit.md §1, book semantics), and whole books
    before their number does: that restarts in maintenance and replies have none (bitget.md §1)."""
    clock = _or_none(message.exchange_at_ns)
    if message.alignment is Alignment.SNAPSHOTS and clock != NONE:
        return clock
    return _or_none(message.sequence, clock)


def _or_none(value: int | None, otherwise: int = NONE) -> int:
    return otherwise if value is None else value
