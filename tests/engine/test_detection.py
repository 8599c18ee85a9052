"""What is reported against a naive engine: every event, every pair, exact arithmetic, no kernel."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import permutations
from math import nan

import pytest

from app.domain.events import WalletsRead
from app.domain.facts import OpportunityClosed, OpportunityOpened
from app.domain.live import Opportunity, Status
from app.domain.markets import Flow, WalletNetwork
from app.domain.venues import KOREAN, Venue
from app.engine.detection.codes import Direction
from app.engine.detection.pricing import Terms
from tests.engine.builders import (
    BINANCE,
    BITHUMB,
    BYBIT,
    OKX,
    POLICY,
    SECOND,
    UPBIT,
    Sides,
    World,
)
from tests.engine.test_pricing import Levels, exact_loop

VENUES = (UPBIT, BITHUMB, BINANCE, OKX, BYBIT)
BASES = ("XRP", "SOL")
PRICES = {"XRP": 2.5, "SOL": 150.0}
FEE = {venue: 0.0005 if venue in KOREAN else 0.001 for venue in VENUES}
WITHDRAWAL = {"XRP": 0.2, "SOL": 0.01}
Route = tuple[str, Venue, Venue]
Key = tuple[Venue, str]
Told = tuple[str, Route, int, float]
"""opened with its net, closed with its peak."""


@dataclass
class Row:
    updates: int
    peak_bps: float


@dataclass
class Naive:
    """Holds books as they were sent; judges one route at a time, from scratch."""

    books: dict[Key, Sides] = field(default_factory=dict)
    received_ns: dict[Key, int] = field(default_factory=dict)
    rows: dict[Route, Row] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    updates: dict[tuple[Route, int], int] = field(default_factory=dict)
    tether: float = nan

    def sent(self, world: World, venue: Venue, base: str, sides: Sides) -> None:
        self.books[venue, base] = sides
        self.received_ns[venue, base] = world.at_ns
        live = {each: self.is_live(world, each) for each in self.books}
        if base == "USDT":
            for route in self.pairs():
                if venue in route[1:] and not KOREAN.issuperset(route[1:]):
                    self.look(world, route, live, counts=True)
            return
        for other in VENUES:
            if other is not venue:
                self.look(world, (base, venue, other), live, counts=True)
                self.look(world, (base, other, venue), live, counts=True)

    def ticked(self, world: World) -> None:
        """Rates are made with the tick; then every route is looked at."""
        mids = []
        for venue in KOREAN:
            bids, asks = self.books.get((venue, "USDT"), ([], []))
            if (
                bids
                and asks
                and self.is_valid((venue, "USDT"))
                and self.is_live(world, (venue, "USDT"))
            ):
                mids.append((bids[0][0] + asks[0][0]) / 2)
        self.tether = sum(mids) / len(mids) if mids else nan
        live = {each: self.is_live(world, each) for each in self.books}
        for route in self.pairs():
            self.look(world, route, live, counts=False)

    def pairs(self) -> list[Route]:
        return [(base, *venues) for base in BASES for venues in permutations(VENUES, 2)]

    def is_live(self, world: World, key: Key) -> bool:
        row = next(row for row, each in world.engine.board.live.instruments.items()
                   if (each.venue, each.base) == key)  # fmt: skip
        return world.engine.channels.row_fresh(row, world.at_ns)

    def is_valid(self, key: Key) -> bool:
        bids, asks = self.books[key]
        return not bids or not asks or bids[0][0] < asks[0][0]

    def look(self, world: World, route: Route, live: dict[Key, bool], *, counts: bool) -> None:
        net = self.net(world, route, live)
        row = self.rows.get(route)
        if net is not None and row is None:
            self.rows[route] = Row(1 if counts else 0, net)
            self.told.append(("opened", route, world.at_ns, net))
        elif net is not None and row is not None:
            row.updates += counts
            row.peak_bps = max(row.peak_bps, net)
        elif row is not None:
            del self.rows[route]
            self.told.append(("closed", route, world.at_ns, row.peak_bps))
            self.updates[route, world.at_ns] = row.updates

    def net(self, world: World, route: Route, live: dict[Key, bool]) -> float | None:
        """None: it may not be reported."""
        base, buy, sell = route
        keys: list[Key] = [(buy, base), (sell, base)]
        if any(key not in self.books for key in keys):
            return None
        won = buy in KOREAN, sell in KOREAN
        direction = {
            (False, True): Direction.HIGH, (True, False): Direction.LOW,
            (False, False): Direction.FLAT, (True, True): Direction.WON,
        }[won]  # fmt: skip
        tether: Levels = []
        if direction in {Direction.HIGH, Direction.LOW}:
            key = (sell if direction is Direction.HIGH else buy, "USDT")
            bids, asks = self.books.get(key, ([], []))
            tether = texts(asks if direction is Direction.HIGH else bids)
            keys.append(key)
            if world.at_ns - self.received_ns.get(key, 0) > 60 * SECOND:
                return None
        if not all(key in self.books and self.is_valid(key) and live[key] for key in keys):
            return None
        if any(world.at_ns - self.received_ns[key] > 1.5 * SECOND for key in keys[:2]):
            return None
        if self.tether != self.tether:
            return None
        size = 10_000_000.0 / (1.0 if won[0] else self.tether)
        asked = Terms(
            direction, size, FEE[buy], FEE[sell], 0.0005, nan, WITHDRAWAL[base],
            1_000.0 if direction is Direction.WON else 1.0, 1.0, 1.0, 1.0, 1.0,
        )  # fmt: skip
        bought, sold = self.books[buy, base][1], self.books[sell, base][0]
        found = exact_loop(texts(bought), texts(sold), tether, asked)
        if found is None or not Decimal(30) <= found <= Decimal(1_500):
            return None
        return float(found)


def texts(levels: list[tuple[float, float]]) -> Levels:
    return [(repr(price), repr(quantity)) for price, quantity in levels]


def sides(chance: random.Random, mid: float) -> Sides:
    """Sometimes thin, now and then crossed or one-sided."""
    spread = mid * chance.choice([1e-4, 5e-4])
    value = chance.choice([2e3, 2e4, 2e5]) / 2.5
    count = chance.randint(2, 8)  # of one level nobody knows the price step
    bids, asks = (
        [
            (
                round(mid + sign * spread * (i + 0.5), 8),
                round(value / PRICES["XRP"] * chance.uniform(0.5, 2), 4),
            )
            for i in range(count)
        ]
        for sign in (-1, 1)
    )
    if chance.random() < 0.02:
        bids[0] = (asks[0][0] * 1.001, bids[0][1])
    if chance.random() < 0.01:
        asks = []
    return bids, asks


@pytest.mark.parametrize("seed", range(6))
def test_one_opportunity_is_one_row_from_first_passing_to_first_failing(seed: int) -> None:
    chance = random.Random(seed)
    world, naive = World(POLICY), Naive()
    for venue in VENUES:
        world.open(venue, *BASES)
    world.official()
    for venue in VENUES:
        wallets(world, venue)
    premium = dict.fromkeys(((venue, base) for venue in VENUES for base in BASES), 0.0)
    for _ in range(2_000):
        world.at_ns += round(chance.expovariate(60) * SECOND)
        if chance.random() < 0.06:
            world.at_ns += round(chance.choice([0.05, 0.1, 0.4]) * SECOND)
            world.wait(0.0)
            naive.ticked(world)
            continue
        venue = chance.choice(VENUES)
        if chance.random() < 0.08 and venue in KOREAN:
            mid, base = 1_400.0 * chance.uniform(0.9985, 1.0015), "USDT"
            book = sides(chance, mid)
        else:
            base = chance.choice(BASES)
            premium[venue, base] = 0.9 * premium[venue, base] + chance.gauss(0, 0.003)
            mid = PRICES[base] * (1 + premium[venue, base])
            book = sides(chance, mid * (1_400.0 if venue in KOREAN else 1.0))
        world.levels(venue, base, book)
        naive.sent(world, venue, base, book)
    facts = [
        fact for fact in world.facts if isinstance(fact, OpportunityOpened | OpportunityClosed)
    ]
    assert len(facts) > 100, "otherwise nothing was tried"
    assert sorted(map(told, facts), key=str) == sorted(map(rounded, naive.told), key=str)
    closed = [fact.opportunity for fact in facts if isinstance(fact, OpportunityClosed)]
    assert {(pair(row), row.closed_at_ns): row.updates for row in closed} == naive.updates
    assert all(row.status is Status.MISSED and row.code for row in closed)
    ids = [fact.opportunity.id for fact in facts if isinstance(fact, OpportunityOpened)]
    assert len(ids) == len(set(ids))


def pair(row: Opportunity) -> Route:
    return row.base, row.buy_venue, row.sell_venue


def told(fact: OpportunityOpened | OpportunityClosed) -> Told:
    row = fact.opportunity
    if isinstance(fact, OpportunityOpened):
        return rounded(("opened", pair(row), fact.at_ns, row.net_bps))
    return rounded(("closed", pair(row), fact.at_ns, row.peak_bps))


def rounded(each: Told) -> Told:
    return *each[:3], round(each[3], 5)


def wallets(world: World, venue: Venue) -> None:
    named = (("XRP", "XRP", "0.2"), ("SOL", "SOL", "0.01"), ("USDT", "TRX", "1"))
    networks = tuple(
        WalletNetwork(venue, asset, network, Flow.OPEN, Flow.OPEN, fee)
        for asset, network, fee in named
    )
    world.take(WalletsRead(world.at_ns, venue, networks))
