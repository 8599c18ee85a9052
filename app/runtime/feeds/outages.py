"""Outages: venues of the demo that are shut on purpose, so that a rescue can be rehearsed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import structlog

from app.domain.times import SECOND_NS
from app.domain.venues import Venue

log = structlog.get_logger("kimp.demo")

SECONDS_MAX = 600


class Outage(NamedTuple):
    """Of one venue: its lines are cut and its answers are refusals until then."""

    venue: Venue
    until_ns: int


class Outages:
    """Of one simulator; another one that takes its place knows none.

    say(line): to it, as its parent (`app.simulator.parent`). Raises Problem not_ready.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._now: dict[Venue, Outage] = {}

    def now(self) -> tuple[Outage, ...]:
        at_ns = time.time_ns()
        return tuple(each for each in self._now.values() if each.until_ns > at_ns)

    def forget(self) -> None:
        self._now.clear()

    def begin(self, venue: Venue, seconds: int) -> None:
        """Longer or shorter where there is one already."""
        assert 0 < seconds <= SECONDS_MAX, seconds
        self._say(f"shut {venue} {seconds}")
        self._now[venue] = Outage(venue, time.time_ns() + seconds * SECOND_NS)
        log.warning("demo_outage", venue=venue, seconds=seconds)

    def end(self, venue: Venue) -> None:
        self._say(f"open {venue}")
        self._now.pop(venue, None)
