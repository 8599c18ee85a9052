"""Live sight: the same books, rates, fees and wallets that detection looks at, as decimals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from math import isfinite
from typing import Any, Protocol

from app.books.ladder import ASKS, BIDS
from app.books.rack import Rack
from app.domain.events import FundingRate, FundingRead
from app.domain.markets import Flow, Instrument, Market
from app.domain.times import MINUTE_NS, SECOND_NS
from app.domain.trading import TradingPolicy
from app.domain.venues import KOREAN, Venue
from app.engine.detection.board import BARRED
from app.engine.execution.amounts import BPS, ONE, Grid, exact
from app.engine.execution.sight import (
    MINUTES,
    MINUTES_ELSE,
    Best,
    Book,
    Link,
    Perpetual,
    Traits,
    spot_of,
)
from app.engine.market.fees import Fees
from app.engine.market.health import Channels
from app.engine.market.identity import Identities
from app.engine.market.names import Names
from app.engine.market.universe import Universe
from app.engine.market.wallets import Wallets

FUNDING_AGE_NS = 3 * MINUTE_NS
"""It is read once a minute."""
APART_MAX = Decimal("0.2")
"""A premium is less, another coin's price is hardly ever so near."""


class VenueRules(Protocol):
    """What trading has to know of a venue's private side; an account's rules are it."""

    @property
    def has_ioc(self) -> bool: ...

    @property
    def fee_in_base(self) -> bool: ...


class LiveSight:
    def __init__(
        self,
        rack: Rack,
        channels: Channels,
        universe: Universe,
        names: Names,
        fees: Fees,
        wallets: Wallets,
        identities: Identities,
        price: Callable[[str], float],
        rules: Mapping[Venue, VenueRules],
    ) -> None:
        self._rack = rack
        self._channels = channels
        self._universe = universe
        self._names = names
        self._fees = fees
        self._wallets = wallets
        self._identities = identities
        self._price = price
        self._rules = rules
        self._age_ns = 0
        self._fundings: dict[Instrument, tuple[FundingRate, int]] = {}
        self._books: dict[int, tuple[int, Book]] = {}
        """By row, at the version that it had: several plans in one tick look at the same levels."""
        self._grids: dict[Instrument, tuple[Market, Grid]] = {}
        self._links: dict[tuple[str, Venue, Venue], tuple[Link, ...]] = {}
        self._links_version = -1

    def policy(self, policy: TradingPolicy) -> None:
        self._age_ns = round(policy.book_age_s_max * SECOND_NS)

    def funded(self, event: FundingRead) -> None:
        if event.reason is None:
            self._fundings = {each.instrument: (each, event.at_ns) for each in event.rates}

    def perpetual(self, instrument: Instrument, at_ns: int) -> Perpetual | None:
        """The fee is that of spot, which is no less than a perpetual's. The mark is a minute old:
        where the coin's own book is live it goes on with that, by as much as they were apart."""
        found, grid = self._fundings.get(instrument), self.grid(instrument)
        fee = self.fee(instrument, at_ns)
        if found is None or grid is None or fee is None or at_ns - found[1] > FUNDING_AGE_NS:
            return None
        read = found[0]
        mark, best = exact(read.mark), self.best(spot_of(instrument), at_ns)
        if best is not None and (basis := self.basis(instrument)) is not None:
            mark = (best.bid + best.ask) / 2 * basis
        if not self._is_ours(instrument, mark):
            return None
        return Perpetual(mark, exact(read.rate), read.next_at_ns, fee, grid)

    def basis(self, instrument: Instrument) -> Decimal | None:
        """What a perpetual costs, in what its coin costs, when it was read last."""
        found = self._fundings.get(instrument)
        if found is None or found[0].index <= 0.0:
            return None
        return exact(found[0].mark) / exact(found[0].index)

    def _is_ours(self, instrument: Instrument, mark: Decimal) -> bool:
        """Far from what our coin costs, it is another coin by that name."""
        ours, quote = self.price(instrument.base), self.price(instrument.quote)
        return ours is None or quote is None or abs(mark * quote / ours - ONE) <= APART_MAX

    def book(self, instrument: Instrument, at_ns: int) -> Book | None:
        record = self._record(instrument, at_ns)
        if record is None:
            return None
        row, version = self._rack.row(instrument), int(record["version"])
        assert row is not None, instrument
        kept = self._books.get(row)
        if kept is not None and kept[0] == version:
            return kept[1]
        sides = []
        for side in (BIDS, ASKS):
            count = int(record["counts"][side])
            prices = record["prices"][side, :count].tolist()
            quantities = record["quantities"][side, :count].tolist()
            sides.append(tuple(zip(map(exact, prices), map(exact, quantities), strict=True)))
        book = Book(*sides)
        self._books[row] = version, book
        return book

    def best(self, instrument: Instrument, at_ns: int) -> Best | None:
        record = self._record(instrument, at_ns)
        if record is None or record["counts"].min() < 1:
            return None
        bid, ask = record["prices"][:, 0].tolist()
        return Best(exact(bid), exact(ask))

    def _record(self, instrument: Instrument, at_ns: int) -> Any:
        """None: nothing may be decided by it."""
        row = self._rack.row(instrument)
        if row is None or not self._channels.live[row]:
            return None
        record = self._rack.tops[row]
        if not record["valid"] or at_ns - int(record["received_ns"]) > self._age_ns:
            return None
        return record

    def grid(self, instrument: Instrument) -> Grid | None:
        """None as well for a ticker that is another asset by that name, or a multiple of it:
        what is bought by it cannot be sent by it."""
        market = self._universe.market(instrument)
        if market is None or market.trading is False or not self._is_plain(instrument):
            return None
        kept = self._grids.get(instrument)
        if kept is not None and kept[0] is market:
            return kept[1]
        grid = Grid(*map(
            _decimal, (market.tick, market.lot, market.minimum_quantity, market.minimum_value)
        ))  # fmt: skip
        self._grids[instrument] = market, grid
        return grid

    def fee(self, instrument: Instrument, at_ns: int) -> Decimal | None:
        fee = self._fees.taker(instrument.venue, instrument.quote)
        if fee is None or fee.taker_bps is None or self._fees.stale(fee, at_ns):
            return None
        return exact(fee.taker_bps) / BPS

    def links(self, asset: str, sender: Venue, receiver: Venue) -> tuple[Link, ...]:
        if self._links_version != self._wallets.version:
            self._links.clear()
            self._links_version = self._wallets.version
        if self._identities.quarantined(asset, sender, receiver):
            return ()
        key = asset, sender, receiver
        found = self._links.get(key)
        if found is None:
            found = self._links[key] = self._find(*key)
        return found

    def _find(self, asset: str, sender: Venue, receiver: Venue) -> tuple[Link, ...]:
        venues = {sender, receiver}
        if venues & KOREAN and venues & BARRED:
            return ()
        links = [
            Link(
                route.chain or route.network,
                route.network,
                route.to_network,
                exact(route.fee),
                None if route.minimum is None else exact(route.minimum),
                MINUTES.get(route.chain or "", MINUTES_ELSE),
            )
            for route in self._wallets.routes(asset, sender, receiver)
            if route.withdraw is Flow.OPEN and route.deposit is Flow.OPEN
            if route.fee is not None and route.network is not None and route.to_network is not None
        ]
        return tuple(sorted(links, key=lambda each: (each.fee, each.minutes, each.chain)))

    def markets(self, venue: Venue, quote: str) -> tuple[Instrument, ...]:
        """Multiplied tickers are left out: wallets do not know them."""
        return tuple(
            each
            for each in self._universe.watched.get(venue, ())
            if each.quote == quote and self._is_plain(each)
        )

    def _is_plain(self, instrument: Instrument) -> bool:
        base = instrument.base
        return self._names.asset(instrument.venue, base) == (base, 1.0)

    def price(self, asset: str) -> Decimal | None:
        price = self._price(asset)
        return exact(price) if isfinite(price) and price > 0.0 else None

    def traits(self, venue: Venue) -> Traits | None:
        rules = self._rules.get(venue)
        return None if rules is None else Traits(rules.has_ioc, rules.fee_in_base)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
