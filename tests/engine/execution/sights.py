"""A sight made of tables, for decisions that need no engine around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from app.domain.markets import Instrument
from app.domain.venues import KOREAN, Venue
from app.engine.execution.amounts import Grid
from app.engine.execution.sight import Best, Book, Link, Perpetual, Traits


@dataclass
class TableSight:
    books: dict[Instrument, Book] = field(default_factory=dict)
    grids: dict[Instrument, Grid] = field(default_factory=dict)
    fees: dict[Venue, Decimal] = field(default_factory=dict)
    ways: dict[tuple[str, Venue, Venue], tuple[Link, ...]] = field(default_factory=dict)
    prices: dict[str, Decimal] = field(default_factory=dict)
    walked: int = 0

    def book(self, instrument: Instrument, at_ns: int) -> Book | None:
        self.walked += 1
        return self.books.get(instrument)

    def best(self, instrument: Instrument, at_ns: int) -> Best | None:
        book = self.books.get(instrument)
        if book is None or not book.bids or not book.asks:
            return None
        return Best(book.bids[0][0], book.asks[0][0])

    def grid(self, instrument: Instrument) -> Grid | None:
        return self.grids.get(instrument)

    def fee(self, instrument: Instrument, at_ns: int) -> Decimal | None:
        return self.fees.get(instrument.venue)

    def links(self, asset: str, sender: Venue, receiver: Venue) -> Sequence[Link]:
        return self.ways.get((asset, sender, receiver), ())

    def markets(self, venue: Venue, quote: str) -> Sequence[Instrument]:
        return [each for each in self.books if each.venue is venue and each.quote == quote]

    def price(self, asset: str) -> Decimal | None:
        return self.prices.get(asset)

    def perpetual(self, instrument: Instrument, at_ns: int) -> Perpetual | None:
        return None

    def traits(self, venue: Venue) -> Traits | None:
        return Traits(has_ioc=True, fee_in_base=venue not in KOREAN)
