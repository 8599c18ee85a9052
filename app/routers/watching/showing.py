"""Showing: what pages remember of one market between two beats, and one beat of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from app.domain.live import MarketRow, NetworkRow, PremiumRow, PriceRow
from app.routers.watching.memory import Memory
from app.routers.watching.past import Past
from app.routers.watching.routes import Best
from app.routers.watching.steady import Orders
from app.runtime.streams.hub import Hub

if TYPE_CHECKING:
    from app.runtime.market import Market

T = TypeVar("T")
# Names, ticks and identities change by the minute, not by the beat.
MARKETS_NS = 5_000_000_000
# A sample is read in so many beats, and anew as a whole when it rested for longer than this.
PARTS = 8
WHOLE_NS = 3_000_000_000


class Sample:
    """All routes as they were within the last second, read a few bases at a time.

    A row costs some µs; of thousands nobody may be held up at every beat.
    """

    def __init__(self) -> None:
        self._rows: dict[str, tuple[PremiumRow, ...]] = {}
        self._turn: list[str] = []
        self._tended_ns = 0

    def rows(self, market: Market, listed: Iterable[str], at_ns: int) -> tuple[PremiumRow, ...]:
        """Once a beat: a part is read anew; all of it, when nobody has asked for a while.

        listed: the bases that there are, for those that came since.
        """
        rested_ns, self._tended_ns = at_ns - self._tended_ns, at_ns
        if not self._rows or rested_ns > WHOLE_NS:
            self._take(market.premiums(), None)
        elif rested_ns > 0:
            if not self._turn:
                self._turn = sorted({*self._rows, *listed})
            count = max(1, -(-len(self._rows) // PARTS))
            part, self._turn = self._turn[:count], self._turn[count:]
            self._take(market.premiums(part), part)
        return tuple(row for rows in self._rows.values() for row in rows)

    def _take(self, rows: Iterable[PremiumRow], bases: Iterable[str] | None) -> None:
        found: dict[str, list[PremiumRow]] = {}
        for row in rows:
            found.setdefault(row.base, []).append(row)
        if bases is None:
            self._rows = {base: tuple(each) for base, each in found.items()}
            return
        for base in bases:
            if base in found:
                self._rows[base] = tuple(found[base])
            else:
                self._rows.pop(base, None)


class Showing:
    """One for each hub: routes and orders keep their places, whoever asks."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.sample = Sample()
        self.past = Past()
        self.best = Best()
        self.orders = Orders()
        self._markets: dict[str, MarketRow] = {}
        self._markets_ns = 0
        self._networks: tuple[NetworkRow, ...] = ()
        self._networks_ns = 0

    def beat(self, market: Market) -> Beat:
        return Beat(self, market, time.time_ns())

    def markets(self, market: Market, at_ns: int) -> Mapping[str, MarketRow]:
        if at_ns - self._markets_ns > MARKETS_NS or not self._markets:
            self._markets = {row.base: row for row in market.markets()}
            self._markets_ns = at_ns
        return self._markets

    def networks(self, market: Market, at_ns: int) -> tuple[NetworkRow, ...]:
        """Of all assets: they are read every five minutes, and there may be thousands."""
        if at_ns - self._networks_ns > MARKETS_NS or not self._networks:
            self._networks = market.networks()
            self._networks_ns = at_ns
        return self._networks

    def renew(self) -> None:
        """Somebody has changed what is kept here: the next beat reads it anew."""
        self._markets_ns = 0


class Beat:
    """The market as it is now; each list is read once, when the first region needs it."""

    def __init__(self, showing: Showing, market: Market, at_ns: int) -> None:
        self.showing = showing
        self.market = market
        self.at_ns = at_ns
        self._made: dict[Hashable, Any] = {}
        self._fresh: dict[str, PremiumRow] = {}

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What several regions of this beat share."""
        if key not in self._made:
            self._made[key] = make()
        found: T = self._made[key]
        return found

    @cached_property
    def premiums(self) -> tuple[PremiumRow, ...]:
        """Of all routes, up to a second old: to choose from, not to be shown."""
        return self.showing.sample.rows(self.market, self.markets, self.at_ns)

    def fresh(self, rows: Iterable[PremiumRow]) -> dict[str, PremiumRow]:
        """The same routes as they are now, by id; what is gone meanwhile stays as it was."""
        asked = {row.id: row for row in rows}
        missing = asked.keys() - self._fresh.keys()
        if missing:
            bases = {asked[id_].base for id_ in missing}
            self._fresh |= {row.id: row for row in self.market.premiums(bases, missing)}
        return {id_: self._fresh.get(id_, row) for id_, row in asked.items()}

    @cached_property
    def prices(self) -> Mapping[tuple[str, str, str], PriceRow]:
        """By venue, base and quote."""
        return {(row.venue.value, row.base, row.quote): row for row in self.market.prices()}

    @cached_property
    def markets(self) -> Mapping[str, MarketRow]:
        return self.showing.markets(self.market, self.at_ns)

    @cached_property
    def networks(self) -> tuple[NetworkRow, ...]:
        return self.showing.networks(self.market, self.at_ns)

    @cached_property
    def favourites(self) -> frozenset[str]:
        return frozenset(self.market.policy.favourites)


_SHOWN: WeakKeyDictionary[Hub, Showing] = WeakKeyDictionary()


def showing(hub: Hub) -> Showing:
    """The one of this hub, made when it is first asked for."""
    found = _SHOWN.get(hub)
    if found is None:
        found = _SHOWN[hub] = Showing()
    return found
