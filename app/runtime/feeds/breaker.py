"""Breaker and back-off of one venue's connections: state machines with `at`.

closed --10 failures in a row--> open --5 min--> half_open --success--> closed
                                  ^------------------- failure ----'
"""

from __future__ import annotations

from enum import StrEnum

from app.runtime.feeds.clock import seconds_ns
from app.runtime.feeds.limits import BACKOFF_S, BACKOFF_S_MAX, BREAKER_S, FAILURES_MAX, JITTER


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """One for all connections of a venue: half open, one of them tries for all."""

    def __init__(self) -> None:
        self.state = State.CLOSED
        self.until_ns: int | None = None
        """When it half-opens, while it is open."""
        self._failures = 0

    def admits(self, at_ns: int) -> bool:
        """Whether somebody may try now; who is told so when it half-opens, tries alone."""
        if self.state is State.CLOSED:
            return True
        if self.state is State.OPEN and self.until_ns is not None and at_ns >= self.until_ns:
            self.state, self.until_ns = State.HALF_OPEN, None
            return True
        return False

    def failed(self, at_ns: int) -> None:
        self._failures += 1
        if self.state is State.HALF_OPEN or self._failures >= FAILURES_MAX:
            self.state, self.until_ns = State.OPEN, at_ns + seconds_ns(BREAKER_S)

    def succeeded(self) -> None:
        self.state, self.until_ns, self._failures = State.CLOSED, None, 0

    def abandoned(self, at_ns: int) -> None:
        """Whoever tried for all was told to stop: the next one may."""
        if self.state is State.HALF_OPEN:
            self.state, self.until_ns = State.OPEN, at_ns


def backoff_s(failures: int, chance: float) -> float:
    """1 s after the first failure, doubled by each, at most 5 min; and up to a quarter more."""
    doubled = BACKOFF_S * (1 << min(max(failures - 1, 0), 32))
    return min(doubled, BACKOFF_S_MAX) * (1 + JITTER * chance)
