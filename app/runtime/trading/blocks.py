"""Blocks: the reasons why nothing new begins, whatever the trading state says."""

from __future__ import annotations

from collections.abc import Callable

RECONCILING = "RECONCILING"
DISARMED = "DISARMED"
OPENING = "OPENING"
"""A venue that this mode has no books of yet does not say what is there."""
STRANGERS = "STRANGERS"
"""A venue has orders like ours that the ledger does not know."""
CLOCK = "CLOCK"
"""The clock of this process is not the database's: it sends and proves nothing (H52)."""
FEEDS = "FEEDS"
"""The books are not those of the venues that orders would go to."""
ELSEWHERE = "ELSEWHERE"
"""By its roles this process decides nothing; others do."""


class Blocks:
    """changed(): after the first reason, which is the one that is told, became another one."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._on: dict[str, None] = {}

    @property
    def first(self) -> str | None:
        return next(iter(self._on), None)

    def all(self) -> tuple[str, ...]:
        return tuple(self._on)

    def set(self, reason: str, *, on: bool) -> None:
        before = self.first
        if on:
            self._on.setdefault(reason)
        else:
            self._on.pop(reason, None)
        if self.first != before:
            self._changed()
