"""Alignment: whether a message belongs to a book. One table for every venue and both paths.

A book is right when it is one whole state plus every change after that state, in order. A change
says which state it follows (`previous`) and which it leads to (`last`); quantities are absolute,
so a change that begins before the book's state and ends after it still leads to the right state.
Venues differ in three things only: where the whole state comes from, what becomes of changes that
come before it, and how a hole shows.

| alignment | whole state | changes before it | a change is next when |
|---|---|---|---|
| snapshots | every message | there are none | there are none |
| buffered | asked for by REST | kept, then joined | previous <= sequence < last |
| chained | opens the stream, restarts it at will | dropped | previous = sequence |
| checked | opens the stream, restarts it at will | dropped | last > sequence, CRC-32 agrees |
| counted | opens the stream, restarts it at will | dropped | the connection's counter agrees |

The judges are compiled and take numbers only, so that a scanner of raw frames asks the same ones.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from app.books.compiled import compiled
from app.domain.markets import Alignment

NONE = -1
"""No number: venues count from 0."""


class State(IntEnum):
    """waiting: no whole state yet. broken: had one, missed something since; still readable."""

    WAITING = 0
    VALID = 1
    BROKEN = 2


class Verdict(IntEnum):
    """What to do with a message.

    stale: older than the book. kept: until a snapshot comes. early: dropped, no snapshot yet.
    gap: something is missing before it. too_old: a snapshot that ends before the kept changes
    begin, so a newer one must be asked for.
    """

    APPLIED = 0
    STALE = 1
    KEPT = 2
    EARLY = 3
    GAP = 4
    TOO_OLD = 5


class Next(IntEnum):
    """How a change shows that nothing is missing before it."""

    OVERLAPPING = 0
    EXACT = 1
    NEWER = 2
    COUNTED = 3


class Rule(NamedTuple):
    """One row of the table above, as numbers for the judges."""

    restarts: bool
    keeps: bool
    next: int


RULES: dict[Alignment, Rule] = {
    Alignment.SNAPSHOTS: Rule(restarts=False, keeps=False, next=Next.NEWER.value),
    Alignment.BUFFERED: Rule(restarts=False, keeps=True, next=Next.OVERLAPPING.value),
    Alignment.CHAINED: Rule(restarts=True, keeps=False, next=Next.EXACT.value),
    Alignment.CHECKED: Rule(restarts=True, keeps=False, next=Next.NEWER.value),
    Alignment.COUNTED: Rule(restarts=True, keeps=False, next=Next.COUNTED.value),
}


@compiled
def judge_snapshot(rule: Rule, state: int, sequence: int, offered: int, kept_from: int) -> int:
    """kept_from: what the first kept change follows, NONE without one."""
    if rule.restarts:
        return Verdict.APPLIED.value
    if state == State.VALID.value:
        # A channel repeats a snapshot that did not change; REST tells nothing new at the same id.
        if offered < sequence or (rule.keeps and offered == sequence):
            return Verdict.STALE.value
    elif kept_from != NONE and offered < kept_from:
        return Verdict.TOO_OLD.value
    return Verdict.APPLIED.value


@compiled
def judge_delta(rule: Rule, state: int, sequence: int, previous: int, last: int) -> int:
    if state != State.VALID.value:
        return Verdict.KEPT.value if rule.keeps else Verdict.EARLY.value
    # OKX restarts its numbers lower after maintenance: what follows our state is next, whatever
    # it leads to (okx.md §1, special cases).
    if rule.next == Next.COUNTED.value or previous == sequence:
        return Verdict.APPLIED.value
    if last <= sequence:
        return Verdict.STALE.value
    if rule.next == Next.NEWER.value:
        return Verdict.APPLIED.value
    if rule.next == Next.OVERLAPPING.value and previous < sequence:
        return Verdict.APPLIED.value
    return Verdict.GAP.value


class Connection:
    """The counter of a connection whose every message has a number, from 0 in steps of 1."""

    __slots__ = ("numbers",)

    def __init__(self, numbers: npt.NDArray[np.int64] | None = None) -> None:
        """numbers: one, where a scanner counts too."""
        self.numbers = np.empty(1, np.int64) if numbers is None else numbers
        self.numbers[0] = NONE

    @property
    def number(self) -> int:
        """Of the last message."""
        return int(self.numbers[0])

    @number.setter
    def number(self, number: int) -> None:
        self.numbers[0] = number

    def judge(self, number: int) -> Verdict:
        """0 opens a connection; a jump is told once and counting goes on behind it."""
        if number == 0:
            self.number = 0
            return Verdict.APPLIED
        if number <= self.number:
            return Verdict.STALE
        # An input may begin in the middle of a connection: then nothing is known to be missing.
        missed = self.number not in {NONE, number - 1}
        self.number = number
        return Verdict.GAP if missed else Verdict.APPLIED
