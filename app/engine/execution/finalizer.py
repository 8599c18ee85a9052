"""Finalizer: the way home of what a cycle holds, by the coin and the networks that cost least.

A holding is an asset at a venue; home is another. Every way is one of

    [sell it there for the venue's money] → [buy a carrier] → [transfer] → [sell the carrier]

with any stage left out that is not needed. The carrier may be any coin that both venues trade and
a network joins, or the money itself. All are compared by what of the home asset arrives: books
walked to the asked depth, fees, lots, minimums, the network's fee, and what time costs. The best
prices bound each way from above, so only ways that could still win are walked; the choice is the
one that trying all of them would give.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from app.domain.cycles import Holding, Home
from app.domain.markets import Instrument, Side
from app.domain.venues import Venue
from app.engine.execution.amounts import (
    BPS,
    COIN_STEP,
    ONE,
    ZERO,
    Grid,
    floor,
    lots,
    spend,
    takes,
    trade,
)
from app.engine.execution.sight import Book, Link, Sight, Traits, money

MINUTE_BPS = ONE
"""What a minute on the way costs of a coin whose price moves: about one deviation of a calm one."""
STILL_MINUTE_BPS = Decimal("0.1")
STILL = frozenset({"USDT", "USDC", "USD", "KRW"})


class Trade(NamedTuple):
    """An order of the way. last: the worst price that a walk over the book touches now.

    gets: what should come of it, after the fee.
    """

    instrument: Instrument
    side: Side
    quantity: Decimal
    last: Decimal
    gets: Decimal


class Hop(NamedTuple):
    """A transfer of the way. amount: what arrives; the link's fee comes on top."""

    asset: str
    sender: Venue
    receiver: Venue
    link: Link
    amount: Decimal


class Way(NamedTuple):
    """stages: what to do, the first one now. base: what is carried. arrives: of the home asset.

    score: arrives, less what the minutes cost.
    """

    holding: Holding
    stages: tuple[Trade | Hop, ...]
    base: str
    chain: str
    arrives: Decimal
    score: Decimal
    minutes: float

    @property
    def first(self) -> Trade | Hop:
        return self.stages[0]


class Purse(NamedTuple):
    """Where a way has got to."""

    venue: Venue
    asset: str
    amount: Decimal
    stages: tuple[Trade | Hop, ...] = ()


def choose(
    holding: Holding, home: Home, sight: Sight, at_ns: int, kept: str | None = None
) -> Way | None:
    """The best way home of one holding that is not there; None: there is none now.

    kept: the carrier that was chosen before; another one is taken only where it cannot go on.
    """
    ways = Ways(home, sight, at_ns)
    best: Way | None = None
    for bound, start, carrier in ways.bounds(holding):
        if best is not None and bound < best.score and carrier != kept:
            if kept is None or best.base == kept:
                break
            continue
        for way in ways.by(holding, start, carrier):
            if best is None or _rank(way, kept) < _rank(best, kept):
                best = way
    return best


def _rank(way: Way, kept: str | None) -> tuple[bool, Decimal, str, str]:
    return kept is not None and way.base != kept, -way.score, way.base, way.chain


def cost_bps(way: Way, sight: Sight, home: Home) -> Decimal | None:
    """What the way takes of the holding's worth at today's prices; None where one is not known."""
    price, home_price = sight.price(way.holding.asset), sight.price(home.asset)
    if price is None or home_price is None:
        return None
    worth = way.holding.amount * price
    return (ONE - way.arrives * home_price / worth) * BPS


class Ways:
    """All ways to one home on the books of one moment."""

    def __init__(self, home: Home, sight: Sight, at_ns: int) -> None:
        self._home = home
        self._sight = sight
        self._at_ns = at_ns

    # What there is to try

    def bounds(
        self, holding: Holding, only: tuple[str, ...] = ()
    ) -> list[tuple[Decimal, Purse, str]]:
        """(no way by it scores more, where it starts from, carrier), the most promising first.

        only: no carriers but these.
        """
        assert holding.venue is not None
        here = Purse(holding.venue, holding.asset, holding.amount)
        found: list[tuple[Decimal, Purse, str]] = []
        for start in self._starts(here):
            for carrier, most in self._carriers(start, only):
                bound = self._most_home(start.venue, carrier, most)
                if bound > ZERO:
                    found.append((bound, start, carrier))
        found.sort(key=lambda each: (-each[0], each[2], len(each[1].stages)))
        return found

    def by(self, holding: Holding, start: Purse, carrier: str) -> Iterator[Way]:
        """Walked to the end: one way for each network, those that work."""
        bought = self.buy(start, carrier) if carrier != start.asset else start
        if bought is None:
            return
        for moved, link in self._moved(bought):
            ended = self.sell(moved, self._home.asset)
            if ended is None or ended.amount <= ZERO or not ended.stages:
                continue
            minutes = 0.0 if link is None else link.minutes
            chain = "" if link is None else link.chain
            score = ended.amount * self._patience(carrier, minutes)
            yield Way(holding, ended.stages, carrier, chain, ended.amount, score, minutes)

    def _starts(self, here: Purse) -> Iterator[Purse]:
        """As it is, and, of a coin away from home, sold for the money of its venue."""
        yield here
        if here.venue is not self._home.venue:
            sold = self.sell(here, money(here.venue))
            if sold is not None and sold.asset != here.asset:
                yield sold

    def _carriers(self, start: Purse, only: tuple[str, ...]) -> Iterator[tuple[str, Decimal]]:
        """With no more of each than the best price gives."""
        if not only or start.asset in only:
            yield start.asset, start.amount
        if start.venue is self._home.venue:
            return
        for instrument in self._sight.markets(start.venue, start.asset):
            if only and instrument.base not in only:
                continue
            best = self._sight.best(instrument, self._at_ns)
            if best is not None:
                yield instrument.base, start.amount / best.ask

    def _most_home(self, venue: Venue, carrier: str, most: Decimal) -> Decimal:
        """Of the home asset, at best prices and without trading fees."""
        price = ONE
        if carrier != self._home.asset:
            sold = self._sight.best(self._to_home(carrier), self._at_ns)
            if sold is None:
                return ZERO
            price = sold.bid
        if venue is self._home.venue:
            return most * price
        links = self._sight.links(carrier, venue, self._home.venue)
        return max(
            ((most - link.fee) * price * self._patience(carrier, link.minutes) for link in links),
            default=ZERO,
        )

    def _patience(self, carrier: str, minutes: float) -> Decimal:
        """What is left of the worth after so many minutes on the way."""
        each = STILL_MINUTE_BPS if carrier in STILL else MINUTE_BPS
        return ONE - each * Decimal(repr(minutes)) / BPS

    def _to_home(self, asset: str) -> Instrument:
        return Instrument(self._home.venue, asset, self._home.asset)

    # Stages

    def buy(self, purse: Purse, base: str) -> Purse | None:
        """All of the purse for this coin."""
        instrument = Instrument(purse.venue, base, purse.asset)
        terms = self._terms(instrument)
        if terms is None:
            return None
        book, grid, fee, traits = terms
        budget = purse.amount if traits.fee_in_base else purse.amount / (ONE + fee)
        walked = spend(book.asks, budget)
        if walked is None:
            return None
        # All of it at the worst price, so that the venue's lock on the money is covered.
        quantity = lots(budget / walked.last, grid)
        if not takes(grid, quantity, walked.last):
            return None
        gets = quantity * (ONE - fee) if traits.fee_in_base else quantity
        stage = Trade(instrument, Side.BUY, quantity, walked.last, gets)
        return Purse(purse.venue, base, gets, (*purse.stages, stage))

    def sell(self, purse: Purse, quote: str) -> Purse | None:
        """All of the purse for this money; the purse itself where it holds that already."""
        if purse.asset == quote:
            return purse
        instrument = Instrument(purse.venue, purse.asset, quote)
        terms = self._terms(instrument)
        if terms is None:
            return None
        book, grid, fee, _ = terms
        quantity = lots(purse.amount, grid)
        walked = trade(book.bids, quantity) if quantity > ZERO else None
        if walked is None or not takes(grid, quantity, walked.last):
            return None
        gets = walked.value * (ONE - fee)
        stage = Trade(instrument, Side.SELL, quantity, walked.last, gets)
        return Purse(purse.venue, quote, gets, (*purse.stages, stage))

    def _moved(self, purse: Purse) -> Iterator[tuple[Purse, Link | None]]:
        home = self._home.venue
        if purse.venue is home:
            yield purse, None
            return
        for link in self._sight.links(purse.asset, purse.venue, home):
            amount = arriving(purse.amount, link)
            if amount is not None:
                hop = Hop(purse.asset, purse.venue, home, link, amount)
                yield Purse(home, purse.asset, amount, (*purse.stages, hop)), link

    def _terms(self, instrument: Instrument) -> tuple[Book, Grid, Decimal, Traits] | None:
        sight = self._sight
        book, grid = sight.book(instrument, self._at_ns), sight.grid(instrument)
        fee, traits = sight.fee(instrument, self._at_ns), sight.traits(instrument.venue)
        if book is None or grid is None or fee is None or traits is None:
            return None
        return book, grid, fee, traits


def arriving(amount: Decimal, link: Link) -> Decimal | None:
    """What of an amount arrives by a network; None: it does not take so little."""
    arrives = floor(amount - link.fee, COIN_STEP)
    if arrives <= ZERO or (link.minimum is not None and arrives < link.minimum):
        return None
    return arrives
