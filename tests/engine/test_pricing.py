"""The closed loop, premiums and waterfall against exact arithmetic written a second time."""

from __future__ import annotations

import random
from decimal import ROUND_FLOOR, Decimal, localcontext
from math import isnan, nan
from typing import Any

import numpy as np
import pytest

from app.engine.detection.codes import Code, Direction
from app.engine.detection.pricing import (
    Side,
    Terms,
    break_even,
    loop,
    premiums,
    sell,
    spend,
    waterfall,
)

DIGITS = 50
Levels = list[tuple[str, str]]
NOWHERE: Levels = []


def side(levels: Levels) -> Side:
    """With room behind the last level, where something else may lie."""
    prices = np.full(20, 777.0)
    quantities = np.full(20, 777.0)
    prices[: len(levels)] = [float(price) for price, _ in levels]
    quantities[: len(levels)] = [float(quantity) for _, quantity in levels]
    return Side(prices, quantities, len(levels))


def terms(direction: Direction, size: float, **changes: Any) -> Terms:
    plain = Terms(direction, size, 0.001, 0.0005, 0.0005, nan, 0.2, 1.0, 1.0, 1.0, 1.0, 1.0)
    return plain._replace(**changes)


# Walking


def test_an_amount_buys_level_by_level() -> None:
    asks = side([("10", "1"), ("20", "2")])
    assert spend(asks, 5.0) == (0.5, 1)
    assert spend(asks, 10.0) == (1.0, 1), "a level that is just used up is the last one touched"
    assert spend(asks, 30.0) == (2.0, 2)
    assert spend(asks, 50.0) == (3.0, 2)
    assert isnan(spend(asks, 50.01)[0])


def test_a_quantity_sells_level_by_level() -> None:
    bids = side([("20", "1"), ("10", "2")])
    assert sell(bids, 0.5) == (10.0, 1)
    assert sell(bids, 2.0) == (30.0, 2)
    assert isnan(sell(bids, 3.5)[0])
    assert isnan(sell(side(NOWHERE), 0.1)[0])


def test_an_empty_level_is_passed_by() -> None:
    assert spend(side([("10", "0"), ("20", "2")]), 20.0) == (1.0, 2)


# The worked example of requirements §5.3

DEEP = "100000000"


def test_the_worked_example_of_a_high_premium() -> None:
    asked = terms(Direction.HIGH, 10_000.0)
    done = loop(side([("2.5", DEEP)]), side([("3640", DEEP)]), side([("1420", DEEP)]), asked)
    assert done.net_bps == pytest.approx(231.5, abs=0.05)
    seen = premiums(Direction.HIGH, 2.5, 3640.0, False, 1.0, 1.0, 1420.0, 1390.0)
    assert seen.kimchi * 1e4 == pytest.approx(474.8, abs=0.05)
    assert seen.usdt * 1e4 == pytest.approx(215.8, abs=0.05)
    assert seen.usdlike * 1e4 == pytest.approx(253.5, abs=0.05)


def test_the_worked_example_of_a_low_premium() -> None:
    asked = terms(
        Direction.LOW, 1e7, buy_fee=0.0005, sell_fee=0.001, tether_fee=0.0005, withdrawal=0.4
    )
    done = loop(side([("3500", DEEP)]), side([("2.5", DEEP)]), side([("1419", DEEP)]), asked)
    assert done.net_bps == pytest.approx(112.6, abs=0.05)


@pytest.mark.parametrize(
    ("size", "fee_usd", "expected"),
    [(200, 0.5, 95), (1_000, 0.5, 35), (5_000, 6.0, 34), (10_000, 1.0, 22), (50_000, 6.0, 21.4)],
)
def test_the_table_of_break_even_premiums(size: float, fee_usd: float, expected: float) -> None:
    """f_b 10, f_k 5 + 5 bps, 1 USDT home; a coin of 1 dollar."""
    asked = terms(Direction.HIGH, size, withdrawal=fee_usd)
    done = loop(side([("1", DEEP)]), side([("1400", DEEP)]), side([("1400", DEEP)]), asked)
    assert break_even(asked, done, 0.0) * 1e4 == pytest.approx(expected, abs=0.6)


# Against Decimal


def exact_spend(levels: Levels, amount: Decimal) -> Decimal | None:
    quantity = Decimal(0)
    for price, held in ((Decimal(p), Decimal(q)) for p, q in levels):
        part = min(amount, price * held)
        quantity += part / price
        amount -= part
        if amount <= 0:
            return quantity
    return None


def exact_sell(levels: Levels, quantity: Decimal) -> Decimal | None:
    proceeds = Decimal(0)
    for price, held in ((Decimal(p), Decimal(q)) for p, q in levels):
        part = min(quantity, held)
        proceeds += part * price
        quantity -= part
        if quantity <= 0:
            return proceeds
    return None


def exact_loop(asks: Levels, bids: Levels, tether: Levels, asked: Terms) -> Decimal | None:
    """Net in bps as requirements §5.3 writes it; None where it cannot be done."""
    t = {name: Decimal(repr(float(value))) for name, value in asked._asdict().items()
         if not isnan(value)}  # fmt: skip
    size, one = t["size"], Decimal(1)
    in_won = asked.direction in {Direction.LOW, Direction.WON}
    q0 = exact_spend(asks, size / (one + t["buy_fee"]) if in_won else size)
    if q0 is None:
        return None
    q1 = q0 if in_won else q0 * (one - t["buy_fee"])
    if "lot" in t:
        q1 = (q1 / t["lot"]).to_integral_value(ROUND_FLOOR) * t["lot"]
    q2 = q1 - t["withdrawal"]
    if q1 <= 0 or q2 <= 0:
        return None
    proceeds = exact_sell(bids, q2 * t["buy_multiplier"] / t["sell_multiplier"])
    if proceeds is None:
        return None
    proceeds *= one - t["sell_fee"]
    if asked.direction == Direction.HIGH:
        usdt = exact_spend(tether, proceeds / (one + t["tether_fee"]))
        end = None if usdt is None else (usdt - t["return_fee"]) / t["usdt_per_buy"]
    elif asked.direction == Direction.LOW:
        won = exact_sell(tether, proceeds * t["usdt_per_sell"] - t["return_fee"])
        end = None if won is None else won * (one - t["tether_fee"])
    else:
        end = (proceeds * t["usdt_per_sell"] - t["return_fee"]) / t["usdt_per_buy"]
    return None if end is None else (end / size - one) * 10_000


def random_levels(chance: random.Random, best: float, step: float, value: float) -> Levels:
    """Up to 20 levels; `value` (in the quote) is about what one of them holds."""
    levels: Levels = []
    for i in range(chance.randint(1, 20)):
        price = best + step * i * chance.uniform(0.6, 1.4)
        held = value / best * chance.uniform(0.05, 2.0)
        levels.append((f"{price:.8f}", f"{held:.6f}"))
    return sorted(levels, key=lambda level: float(level[0]), reverse=step < 0)


def random_case(chance: random.Random) -> tuple[Levels, Levels, Levels, Terms]:
    direction = chance.choice(list(Direction))
    dollar, won = chance.uniform(0.5, 5.0), 1400.0 * chance.uniform(0.98, 1.03)
    size_usd = 10 ** chance.uniform(2, 5)
    buy_won = direction in {Direction.LOW, Direction.WON}
    sell_won = direction in {Direction.HIGH, Direction.WON}
    units = chance.choice([1.0, 1000.0]), chance.choice([1.0, 1000.0])
    ask = dollar * (won if buy_won else 1.0) * units[0]
    bid = dollar * (won if sell_won else 1.0) * units[1] * chance.uniform(0.98, 1.03)
    size = size_usd * (won if buy_won else 1.0)
    asked = terms(
        direction,
        float(f"{size:.4f}"),
        buy_fee=chance.choice([0.0005, 0.001, 0.002]),
        sell_fee=chance.choice([0.0, 0.0005, 0.0025]),
        lot=chance.choice([nan, 0.01, 0.1, 1.0]) / units[0],
        withdrawal=chance.choice([0.0, 0.2, 4.0]) / units[0],
        return_fee=1_000.0 if direction == Direction.WON else chance.choice([0.0, 1.0, 15.0]),
        buy_multiplier=units[0],
        sell_multiplier=units[1],
        usdt_per_buy=1.0 if buy_won else chance.choice([1.0, 0.9993]),
        usdt_per_sell=1.0 if sell_won else chance.choice([1.0, 1.0004]),
    )
    asks = random_levels(chance, ask, ask * 1e-4, size * chance.choice([0.05, 0.5, 5.0]))
    bids = random_levels(chance, bid, -bid * 1e-4, bid / ask * size * chance.choice([0.1, 2.0]))
    high = direction == Direction.HIGH
    held = size_usd * won * chance.choice([0.3, 3.0])
    tether = random_levels(chance, won, won * (3e-4 if high else -3e-4), held)
    return asks, bids, tether, asked


def test_ten_thousand_loops_are_what_exact_arithmetic_says() -> None:
    chance = random.Random(20_260)
    done_at_all = 0
    for _ in range(10_000):
        asks, bids, tether, asked = random_case(chance)
        done = loop(side(asks), side(bids), side(tether), asked)
        with localcontext(prec=DIGITS):
            expected = exact_loop(asks, bids, tether, asked)
        if expected is None:
            assert isnan(done.net_bps)
            assert done.code in {Code.THIN_BOOK, Code.BELOW_LOT}
        else:
            done_at_all += 1
            assert done.net_bps == pytest.approx(float(expected), abs=1e-6)
    assert done_at_all > 3_000


def test_bars_sum_to_the_net() -> None:
    chance, shown = random.Random(7), 0
    for _ in range(4_000):
        asks, bids, tether, asked = random_case(chance)
        done = loop(side(asks), side(bids), side(tether), asked)
        if isnan(done.net_bps):
            continue
        ask, bid, rate = float(asks[0][0]), float(bids[0][0]), float(tether[0][0])
        official = chance.choice([nan, rate * chance.uniform(0.97, 1.01)])
        seen = premiums(
            asked.direction, ask / asked.buy_multiplier, bid / asked.sell_multiplier, False,
            asked.usdt_per_buy, asked.usdt_per_sell, rate, official,
        )  # fmt: skip
        bars = waterfall(ask, bid, rate, asked, done, seen)
        assert bars[-1].code == "net"
        assert bars[-1].bps == done.net_bps
        sums = [bar for bar in bars if bar.kind == "sum"]
        total = sums[0].bps + sum(bar.bps for bar in bars if bar.kind == "part")
        assert total == pytest.approx(done.net_bps, abs=0.01)
        if not isnan(official) and asked.direction <= Direction.LOW:
            first = [bar.bps for bar in bars[: bars.index(sums[1])]]
            assert sum(first) == pytest.approx(sums[1].bps, abs=0.01)
        residual = next(bar.bps for bar in bars if bar.code == "residual")
        costs = [abs(bar.bps) for bar in bars if bar.kind == "part" and bar.code != "residual"]
        assert abs(residual) <= (sum(costs) + abs(sums[-2].bps)) ** 2 / 1e4 + 1e-6
        shown += 1
    assert shown > 1_000


def test_the_identity_of_premiums_holds() -> None:
    chance = random.Random(3)
    for _ in range(10_000):
        direction = chance.choice([Direction.HIGH, Direction.LOW])
        dollar, tether = 10 ** chance.uniform(-6, 5), chance.uniform(1_000, 2_000)
        official = tether * chance.uniform(0.9, 1.1)
        won = dollar * tether * chance.uniform(0.2, 5.0)
        ask, bid = (dollar, won) if direction == Direction.HIGH else (won, dollar)
        rates = chance.uniform(0.99, 1.01), chance.uniform(0.99, 1.01)
        seen = premiums(direction, ask, bid, False, *rates, tether, official)
        assert abs((1 + seen.kimchi) - (1 + seen.usdlike) * (1 + seen.usdt)) < 1e-9


# What is missing


def test_without_a_rate_there_is_no_net() -> None:
    books = side([("2.5", DEEP)]), side([("3640", DEEP)]), side([("1420", DEEP)])
    done = loop(*books, terms(Direction.HIGH, nan))
    assert isnan(done.net_bps)
    assert done.code == Code.NO_RATE
    done = loop(*books, terms(Direction.HIGH, 100.0, usdt_per_buy=nan))
    assert done.code == Code.NO_RATE


def test_premiums_of_a_missing_rate_are_missing() -> None:
    seen = premiums(Direction.HIGH, 2.5, 3640.0, False, 1.0, 1.0, nan, 1390.0)
    assert isnan(seen.usdlike)
    assert isnan(seen.usdt)
    assert not isnan(seen.kimchi)


def test_won_and_dollars_are_never_compared_as_they_stand() -> None:
    """The first ancestor's fault: |won − dollars| / won without a rate."""
    seen = premiums(Direction.HIGH, 2.5, 3500.0, False, 1.0, 1.0, 1400.0, 1400.0)
    assert isnan(seen.raw)
    assert seen.usdlike == pytest.approx(0.0)
    assert isnan(premiums(Direction.FLAT, 2.5, 2.6, False, 1.0, 1.0, 1400.0, 1400.0).kimchi)


def test_a_size_below_one_lot_and_a_book_too_thin_have_their_own_codes() -> None:
    small = terms(Direction.HIGH, 2.0, lot=1.0)
    books = side([("2.5", DEEP)]), side([("3640", DEEP)]), side([("1420", DEEP)])
    assert loop(*books, small).code == Code.BELOW_LOT
    assert loop(*books, terms(Direction.HIGH, 0.4)).code == Code.BELOW_LOT, "the fee takes it all"
    for thin in range(3):
        scarce = [side([(price, "1")]) if i == thin else book
                  for i, (book, price) in enumerate(zip(books, ("2.5", "3640", "1420"),
                                                        strict=True))]  # fmt: skip
        asks, bids, tether = scarce
        assert loop(asks, bids, tether, terms(Direction.HIGH, 1_000.0)).code == Code.THIN_BOOK


def test_a_whole_number_of_lots_stays_whole() -> None:
    asked = terms(Direction.LOW, 0.3 * 3500 * 1.001, buy_fee=0.001, lot=0.1, withdrawal=0.0)
    done = loop(side([("3500", DEEP)]), side([("2.5", DEEP)]), side([("1400", DEEP)]), asked)
    assert done.withdrawn == pytest.approx(0.3)


@pytest.mark.parametrize("direction", Direction)
def test_at_the_break_even_premium_the_loop_nets_zero(direction: Direction) -> None:
    """One deep level everywhere, so that moving one price moves nothing else."""
    buys_in_won = direction in {Direction.LOW, Direction.WON}
    sells_in_won = direction in {Direction.HIGH, Direction.WON}
    ask, bid = (3500.0 if won else 2.5 for won in (buys_in_won, sells_in_won))
    asked = terms(direction, 1e7 if buys_in_won else 7_000.0)
    tether = side([("1400", DEEP)])
    done = loop(side([(repr(ask), DEEP)]), side([(repr(bid), DEEP)]), tether, asked)
    assert done.net_bps < 0.0
    needed = break_even(asked, done, 0.0)
    moved = bid / (1.0 + needed) if direction == Direction.LOW else bid * (1.0 + needed)
    again = loop(side([(repr(ask), DEEP)]), side([(repr(moved), DEEP)]), tether, asked)
    assert again.net_bps == pytest.approx(0.0, abs=1e-6)
