"""The way home: the same choice as trying every coin by every network, on random states."""

from __future__ import annotations

import random
from decimal import ROUND_FLOOR, Decimal

import pytest

from app.domain.cycles import Holding, Home
from app.domain.markets import Instrument, Side
from app.domain.venues import KOREAN, Venue
from app.engine.execution.amounts import Grid
from app.engine.execution.finalizer import Hop, Trade, choose, cost_bps
from app.engine.execution.sight import Book, Link, money
from tests.engine.execution.sights import TableSight

COINS = ("XRP", "TRX", "SOL", "DOGE", "XLM", "BTC", "ALGO", "ADA")
STILL = {"USDT", "USDC", "USD", "KRW"}
D = Decimal


def state(seed: int) -> tuple[TableSight, Holding, Home]:
    """Two venues, eight coins, networks with fees and minimums, books of any depth."""
    chance = random.Random(seed)
    here, there = chance.choice(
        [(Venue.UPBIT, Venue.BINANCE), (Venue.BITHUMB, Venue.OKX), (Venue.BINANCE, Venue.UPBIT),
         (Venue.OKX, Venue.BYBIT), (Venue.UPBIT, Venue.BITHUMB)]
    )  # fmt: skip
    sight = TableSight()
    sight.prices = {"KRW": D(1), "USDT": D("1400")}
    for coin in COINS:
        sight.prices[coin] = D(repr(round(chance.lognormvariate(7.0, 2.5), 3)))
    for venue in (here, there):
        sight.fees[venue] = D(chance.choice(("0.0005", "0.001", "0.0025")))
        for coin in (*COINS, "USDT"):
            quote = money(venue)
            if coin == quote or chance.random() < 0.1:
                continue
            each = Instrument(venue, coin, quote)
            mid = sight.prices[coin] / sight.prices[quote] * D(repr(chance.gauss(1.0, 0.004)))
            sight.books[each] = ladder(chance, mid, sight.prices[quote])
            sight.grids[each] = Grid(None, D(chance.choice(("0.0001", "0.01", "1"))), None,
                                     D("5000") / sight.prices[quote])  # fmt: skip
    for coin in (*COINS, "USDT"):
        links = [
            Link(f"CHAIN{n}", f"n{n}", f"N{n}", fee(chance, sight.prices[coin]),
                 fee(chance, sight.prices[coin]) * 3 if chance.random() < 0.3 else None,
                 chance.choice((2.0, 3.0, 12.0, 40.0)))
            for n in range(chance.choice((0, 1, 1, 2, 3)))
        ]  # fmt: skip
        sight.ways[coin, here, there] = tuple(links)
    asset = chance.choice([money(here), money(here), *COINS])
    worth = D(repr(round(10 ** chance.uniform(4.5, 7.5))))
    held = Holding(here, asset, worth / sight.prices[asset])
    return sight, held, Home(there, money(there), D(0))


def fee(chance: random.Random, price: Decimal) -> Decimal:
    return (D(repr(round(chance.uniform(10, 4_000), 1))) / price).quantize(D("1e-8"))


def ladder(chance: random.Random, mid: Decimal, rate: Decimal) -> Book:
    sides = []
    for sign in (-1, 1):
        levels, price = [], mid * (1 + sign * D(repr(chance.uniform(0.0001, 0.002))))
        for _ in range(chance.choice((1, 5, 20))):
            worth = D(repr(10 ** chance.uniform(4.0, 7.0)))
            levels.append((price, worth / rate / price))
            price *= 1 + sign * D(repr(chance.uniform(0.0001, 0.001)))
        sides.append(tuple(levels))
    return Book(*sides)


# The other reading: every way, nothing left out, nothing ordered


def floor(value: Decimal, step: Decimal) -> Decimal:
    return (value / step).to_integral_value(ROUND_FLOOR) * step


def sold(sight: TableSight, each: Instrument, amount: Decimal) -> Decimal | None:
    if each not in sight.books:
        return None
    grid, left, value, last = sight.grids[each], D(0), D(0), D(0)
    assert grid.lot is not None
    assert grid.minimum_value is not None
    quantity = left = floor(amount, grid.lot)
    for price, held in sight.books[each].bids:
        part = min(left, held)
        left, value = left - part, value + part * price
        if part:
            last = price
    if left > 0 or not quantity or quantity * last < grid.minimum_value:
        return None
    return value * (1 - sight.fees[each.venue])


def bought(sight: TableSight, each: Instrument, held_money: Decimal) -> Decimal | None:
    if each not in sight.books:
        return None
    grid, rate = sight.grids[each], sight.fees[each.venue]
    assert grid.lot is not None
    assert grid.minimum_value is not None
    in_base = each.venue not in KOREAN
    budget = left = held_money if in_base else held_money / (1 + rate)
    last = None
    for price, held in sight.books[each].asks:
        last = price
        if held * price >= left:
            left = D(0)
            break
        left -= held * price
    if left > 0 or last is None:
        return None
    quantity = floor(budget / last, grid.lot)
    if not quantity or quantity * last < grid.minimum_value:
        return None
    return quantity * (1 - rate) if in_base else quantity


def every_way(sight: TableSight, held: Holding, home: Home) -> list[tuple[Decimal, str, str]]:
    here = held.venue
    assert here is not None
    starts = [(held.asset, held.amount)]
    if held.asset != money(here):
        got = sold(sight, Instrument(here, held.asset, money(here)), held.amount)
        if got is not None:
            starts.append((money(here), got))
    found: list[tuple[Decimal, str, str]] = []
    for asset, amount in starts:
        carriers = [(asset, amount)]
        for coin in (*COINS, "USDT"):
            if coin != asset:
                got = bought(sight, Instrument(here, coin, asset), amount)
                if got is not None:
                    carriers.append((coin, got))
        for coin, quantity in carriers:
            for link in sight.links(coin, here, home.venue):
                arrives = floor(quantity - link.fee, D("1e-6"))
                if arrives <= 0 or (link.minimum is not None and arrives < link.minimum):
                    continue
                end: Decimal | None = arrives
                if coin != home.asset:
                    end = sold(sight, Instrument(home.venue, coin, home.asset), arrives)
                if end is not None and end > 0:
                    each = D("0.1") if coin in STILL else D(1)
                    score = end * (1 - each * D(repr(link.minutes)) / 10_000)
                    found.append((score, coin, link.chain))
    return found


@pytest.mark.parametrize("block", range(10))
def test_it_chooses_as_trying_everything_would(block: int) -> None:
    found = none = other = 0
    for seed in range(block * 100, block * 100 + 100):
        sight, held, home = state(seed)
        way, ways = choose(held, home, sight, 0), every_way(sight, held, home)
        if not ways:
            assert way is None, seed
            none += 1
            continue
        assert way is not None, seed
        best = min(ways, key=lambda each: (-each[0], each[1], each[2]))
        assert (way.score, way.base, way.chain) == best, seed
        found += 1
        other += way.base != "USDT"
    assert found > 60
    assert other > 20


def test_bounds_spare_most_walks() -> None:
    spared = total = 0
    for seed in range(50):
        sight, held, home = state(seed)
        if held.asset in COINS:
            continue
        choose(held, home, sight, 0)
        spared += sight.walked
        total += 2 * len(COINS)
    assert spared < total * 0.7


def plain() -> tuple[TableSight, Holding, Home]:
    """Won in Korea; home is USDT at Binance; USDT and XRP are the same dear."""
    sight = TableSight(prices={"KRW": D(1), "USDT": D(1_400), "XRP": D(3_500)})
    sight.fees = {Venue.UPBIT: D("0.0005"), Venue.BINANCE: D("0.001")}
    deep = D(1_000_000)
    for venue, coin, quote, bid, ask in (
        (Venue.UPBIT, "USDT", "KRW", "1399.5", "1400"),
        (Venue.UPBIT, "XRP", "KRW", "3499", "3500"),
        (Venue.BINANCE, "XRP", "USDT", "2.5", "2.501"),
    ):
        each = Instrument(venue, coin, quote)
        sight.books[each] = Book(((D(bid), deep),), ((D(ask), deep),))
        sight.grids[each] = Grid(None, D("0.01"), None, D(5))
    sight.ways["USDT", Venue.UPBIT, Venue.BINANCE] = (Link("TRON", "t", "T", D(1), None, 3.0),)
    sight.ways["XRP", Venue.UPBIT, Venue.BINANCE] = (Link("RIPPLE", "x", "X", D("0.2"), None, 3.0),)
    return sight, Holding(Venue.UPBIT, "KRW", D(1_000_000)), Home(Venue.BINANCE, "USDT", D(700))


def test_money_goes_home_as_money_when_nothing_is_cheaper() -> None:
    sight, held, home = plain()
    way = choose(held, home, sight, 0)
    assert way is not None
    assert way.base == "USDT"
    first, second = way.stages
    assert isinstance(first, Trade)
    assert first.side is Side.BUY
    assert isinstance(second, Hop)
    assert second.amount == first.gets - 1
    cost = cost_bps(way, sight, home)
    assert cost is not None
    assert 15 < cost < 25


def test_a_coin_that_is_cheap_here_carries_the_money() -> None:
    sight, held, home = plain()
    sight.books[Instrument(Venue.UPBIT, "XRP", "KRW")] = Book(
        ((D(3_450), D(10_000)),), ((D(3_451), D(10_000)),)
    )
    way = choose(held, home, sight, 0)
    assert way is not None
    assert way.base == "XRP"
    assert len(way.stages) == 3
    cost = cost_bps(way, sight, home)
    assert cost is not None
    assert cost < 0, "the way home earns"


def test_the_kept_coin_goes_on_while_it_can() -> None:
    sight, held, home = plain()
    way = choose(held, home, sight, 0, "XRP")
    assert way is not None
    assert way.base == "XRP"
    sight.ways.pop(("XRP", Venue.UPBIT, Venue.BINANCE))
    way = choose(held, home, sight, 0, "XRP")
    assert way is not None
    assert way.base == "USDT"


def test_what_is_at_the_venue_of_home_is_sold_there() -> None:
    sight, _, home = plain()
    way = choose(Holding(Venue.BINANCE, "XRP", D(100)), home, sight, 0)
    assert way is not None
    (stage,) = way.stages
    assert isinstance(stage, Trade)
    assert (stage.side, stage.quantity, stage.gets) == (Side.SELL, D(100), D("249.75"))


def test_no_way_is_said_and_not_made_up() -> None:
    sight, held, home = plain()
    sight.ways.clear()
    assert choose(held, home, sight, 0) is None
    sight, held, home = plain()
    sight.fees.clear()
    assert choose(held, home, sight, 0) is None, "an unknown fee is not none"
