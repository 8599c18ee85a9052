"""Portfolio: what there is to trade with, and how much of it is at stake.

| figure | is |
|---|---|
| available | the ledger's, less what cycles take that it has not answered for yet |
| staked | what open cycles of this engine were approved for, at each of their venues |
| held | what the ledger has reserved or in flight for any engine's cycle, at today's price |
| exposure | the larger of staked and held: one sees plans, the other sees other engines' cycles |

What is in flight is part of exposure and of equity, and never of what is available.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from math import isfinite
from typing import NamedTuple

from app.domain.cycles import Cycle, CycleState, CycleView, Reservation
from app.domain.events import PursesRead
from app.domain.facts import CycleOpened
from app.domain.trading import Purse
from app.domain.venues import Venue

WON = "KRW"
NOTHING = Decimal(0)
_BEFORE_RETURN = frozenset({CycleState.STARTED, CycleState.INITIAL_TRADE_COMPLETED})


class Stake(NamedTuple):
    """Of one open cycle. base: what it trades; bases: what it holds, with the coin of the way
    back."""

    base: str
    bases: frozenset[str]
    venues: frozenset[Venue]
    krw: Decimal


class Equity(NamedTuple):
    """All purses in KRW. unvalued: assets that have no price, which are not in it."""

    krw: Decimal
    unvalued: tuple[str, ...]


class Portfolio:
    """Told what the ledger holds and which cycles are open. price: KRW of a unit, NaN unknown."""

    def __init__(self, price: Callable[[str], float]) -> None:
        self._price = price
        self._prices: dict[str, Decimal] = {}
        self._purses: dict[tuple[Venue, str], Purse] = {}
        self._stakes: dict[str, Stake] = {}
        self._pending: dict[str, tuple[Reservation, ...]] = {}

    # What happens

    def read(self, event: PursesRead) -> None:
        if event.whole:
            self._purses.clear()
        for purse in event.purses:
            self._purses[purse.venue, purse.asset] = purse

    def opening(self, fact: CycleOpened) -> None:
        """Asked of the ledger; until it answers, its reservations count as taken."""
        self._stakes[fact.cycle.id] = _stake(fact.cycle)
        self._pending[fact.cycle.id] = fact.reservations

    def claimed(self, view: CycleView) -> None:
        """Committed, or changed: its purses have been read before."""
        cycle = view.cycle
        self._pending.pop(cycle.id, None)
        if cycle.closed_at_ns is None:
            self._stakes[cycle.id] = _stake(cycle)
        else:
            self._stakes.pop(cycle.id, None)

    def dropped(self, cycle_id: str) -> None:
        """Refused by the ledger, ended, or another owner's."""
        self._pending.pop(cycle_id, None)
        self._stakes.pop(cycle_id, None)

    # What there is

    def purse(self, venue: Venue, asset: str) -> Purse | None:
        return self._purses.get((venue, asset))

    def purses(self) -> tuple[Purse, ...]:
        return tuple(self._purses.values())

    def available(self, venue: Venue, asset: str) -> Decimal:
        purse = self._purses.get((venue, asset))
        if purse is None:
            return NOTHING
        return max(NOTHING, purse.available - self._taken(venue, asset))

    def withdrawable(self, venue: Venue, asset: str, at_ns: int) -> Decimal:
        """Of what is available, that whose coins may leave: not young won."""
        purse = self._purses.get((venue, asset))
        if purse is None:
            return NOTHING
        is_young = purse.young_until_ns is not None and at_ns < purse.young_until_ns
        young = purse.young if is_young else NOTHING
        return max(NOTHING, self.available(venue, asset) - young)

    def frozen(self, venue: Venue, asset: str) -> str | None:
        purse = self._purses.get((venue, asset))
        return None if purse is None else purse.frozen

    # What is at stake

    def cycles(self) -> int:
        return len(self._stakes)

    def cycles_of(self, base: str) -> int:
        """That were opened for it: a coin that only carries money home is exposure, no cycle."""
        return sum(base == stake.base for stake in self._stakes.values())

    def bases(self) -> tuple[str, ...]:
        """That open cycles hold."""
        return tuple(sorted({base for stake in self._stakes.values() for base in stake.bases}))

    def venues(self) -> tuple[Venue, ...]:
        """Where something is at stake."""
        staked = {venue for stake in self._stakes.values() for venue in stake.venues}
        held = {purse.venue for purse in self._purses.values() if _held(purse)}
        return tuple(venue for venue in Venue if venue in staked | held)

    def coin_krw(self, base: str) -> Decimal:
        staked = sum((s.krw for s in self._stakes.values() if base in s.bases), NOTHING)
        return max(staked, self._worth(p for p in self._purses.values() if p.asset == base))

    def venue_krw(self, venue: Venue) -> Decimal:
        staked = sum((s.krw for s in self._stakes.values() if venue in s.venues), NOTHING)
        return max(staked, self._worth(p for p in self._purses.values() if p.venue is venue))

    def total_krw(self) -> Decimal:
        staked = sum((stake.krw for stake in self._stakes.values()), NOTHING)
        return max(staked, self._worth(self._purses.values()))

    # What it is worth

    def value_krw(self, asset: str, amount: Decimal) -> Decimal | None:
        """At the price of now, or the last one there was; None while there never was one."""
        price = self._price_krw(asset)
        return None if price is None else amount * price

    def equity(self) -> Equity:
        total, unvalued = NOTHING, set[str]()
        for purse in self._purses.values():
            amount = purse.available + _held(purse)
            if not amount:
                continue
            value = self.value_krw(purse.asset, amount)
            if value is None:
                unvalued.add(purse.asset)
            else:
                total += value
        return Equity(total, tuple(sorted(unvalued)))

    # Beneath

    def _taken(self, venue: Venue, asset: str) -> Decimal:
        return sum(
            (
                each.amount
                for reservations in self._pending.values()
                for each in reservations
                if each.venue is venue and each.asset == asset
            ),
            NOTHING,
        )

    def _worth(self, purses: Iterable[Purse]) -> Decimal:
        """Of what cycles hold in them. Without any price their stakes have to speak for it."""
        values = (self.value_krw(purse.asset, _held(purse)) for purse in purses if _held(purse))
        return sum((value for value in values if value is not None), NOTHING)

    def _price_krw(self, asset: str) -> Decimal | None:
        if asset == WON:
            return Decimal(1)
        price = self._price(asset)
        if isfinite(price) and price > 0.0:
            self._prices[asset] = Decimal(repr(price))
        return self._prices.get(asset)


def _held(purse: Purse) -> Decimal:
    return purse.reserved + purse.in_flight


def _stake(cycle: Cycle) -> Stake:
    """The coin of the way back comes in when the way back begins; until then it is only a plan."""
    bases = {cycle.base}
    if cycle.return_base is not None and cycle.state not in _BEFORE_RETURN:
        bases.add(cycle.return_base)
    venues = frozenset({cycle.plan.buy.venue, cycle.plan.sell.venue})
    return Stake(cycle.base, frozenset(bases), venues, cycle.plan.notional_krw)
