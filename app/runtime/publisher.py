"""Publisher: what changed in the market, to the topics of programs and to the pages that look.

Everything is sampled: a row that changed a hundred times within a beat is told once, and what
nobody follows is not even built. Who asked for every change (`hz=0`) is served at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.runtime.items import opportunity_item, premium_item, price_item, venue_item
from app.runtime.latency import Latency
from app.runtime.streams.hub import Hub

if TYPE_CHECKING:
    from app.runtime.market import Market

VENUES_EVERY_S = 0.5
# Of one beat for premiums; what is left over is told with the next one.
PREMIUMS_S_MAX = 0.015


@dataclass(slots=True)
class Looker:
    """A page's live part: looks at most once in `period_s`."""

    period_s: float
    look: Callable[[Market], None]
    due_s: float = 0.0


class Publisher:
    """Called by the market at every beat and at every changed book."""

    def __init__(self, market: Market, hub: Hub, latency: Latency) -> None:
        self._market = market
        self._hub = hub
        self._latency = latency
        self._lookers: list[Looker] = []
        self._dirty_rows: set[int] = set()
        self._told_rows: set[int] = set()
        """Of them, those whose newest price everybody has: only its age would be news."""
        self._dirty_bases: dict[str, None] = {}
        self._venues_due_s = 0.0

    def add(self, hz: float, look: Callable[[Market], None]) -> None:
        self._lookers.append(Looker(1.0 / hz, look))

    def changed(self, row: int) -> None:
        """A book has changed."""
        self._dirty_rows.add(row)
        self._told_rows.discard(row)
        if any(map(self._hub.is_urgent, ("prices", "premiums", "opportunities"))):
            self._at_once(row)

    def _at_once(self, row: int) -> None:
        began = time.perf_counter_ns()
        market, hub = self._market, self._hub
        if hub.is_urgent("prices"):
            hub.publish("prices", {item.id: price_item(item) for item in market.prices((row,))})
            self._told_rows.add(row)
        if hub.is_urgent("premiums"):
            bases = market.bases_of(row)
            rows = market.premiums(bases) if bases else ()
            hub.publish("premiums", {item.id: premium_item(item) for item in rows})
        if hub.is_urgent("opportunities"):
            self._opportunities()
        self._latency.observe("publish", time.perf_counter_ns() - began)

    def beat(self, now_s: float) -> None:
        """About ten times a second. now_s: of a clock that never goes back."""
        began = time.perf_counter_ns()
        for row in self._dirty_rows:
            self._dirty_bases.update(dict.fromkeys(self._market.bases_of(row)))
        if self._hub.is_followed("prices"):
            self._prices()
        self._dirty_rows.clear()
        self._told_rows.clear()
        if self._hub.is_followed("premiums"):
            self._premiums(began)
        if self._hub.is_followed("opportunities"):
            self._opportunities()
        if self._hub.is_followed("health") and now_s >= self._venues_due_s:
            self._venues_due_s = now_s + VENUES_EVERY_S
            self._venues()
        self._latency.observe("publish", time.perf_counter_ns() - began)
        for looker in self._lookers:
            if now_s >= looker.due_s:
                looker.due_s = now_s + looker.period_s * 0.9  # beats are not quite regular
                looker.look(self._market)

    def freshen(self, topic: str) -> None:
        """Somebody is about to get the whole of a topic that nobody followed until now."""
        if topic == "prices":
            self._whole(topic, {row.id: price_item(row) for row in self._market.prices()})
        elif topic == "premiums":
            self._whole(topic, {row.id: premium_item(row) for row in self._market.premiums()})
        elif topic == "opportunities":
            self._opportunities()
        elif topic == "health":
            self._venues()

    def _prices(self) -> None:
        rows = self._market.prices(tuple(self._dirty_rows - self._told_rows))
        self._hub.publish("prices", {row.id: price_item(row) for row in rows})

    def _premiums(self, began_ns: int) -> None:
        """The bases that changed, as many as there is time for, the longest waiting first."""
        until_ns = began_ns + int(PREMIUMS_S_MAX * 1e9)
        while self._dirty_bases and time.perf_counter_ns() < until_ns:
            base = next(iter(self._dirty_bases))
            del self._dirty_bases[base]
            rows = self._market.premiums((base,))
            self._hub.publish("premiums", {row.id: premium_item(row) for row in rows})

    def _opportunities(self) -> None:
        rows = self._market.opportunities()
        self._whole("opportunities", {row.id: opportunity_item(row) for row in rows})

    def _venues(self) -> None:
        rows = self._market.venues()
        self._whole("health", {row.venue.value: venue_item(row) for row in rows})

    def _whole(self, topic: str, items: Mapping[str, object]) -> None:
        """All there is: what was there before and is not among it is gone."""
        known = self._hub.snapshot(topic)
        self._hub.publish(topic, items, known.keys() - items.keys())
