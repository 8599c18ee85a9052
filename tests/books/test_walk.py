"""The depth walk: an independent brute force, and every outcome by hand."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from app.books.walk import Outcome, Walk, spend, vwap, walk

Levels = list[tuple[float, float]]
PLAIN: dict[str, float] = {
    "buy_fee_bps": 0.0,
    "sell_fee_bps": 0.0,
    "buy_fx": 1.0,
    "sell_fx": 1.0,
    "withdrawal_fee": 0.0,
}


def walked(asks: Levels, bids: Levels, **changed: Any) -> Walk:
    return walk(asks, bids, **(PLAIN | changed))


def brute(asks: Levels, bids: Levels, given: dict[str, Any]) -> dict[str, Any]:
    """Exact fractions, one list of units of trade after another, nothing of ours."""
    number = {name: None if value is None else Fraction(value) for name, value in given.items()}
    fb, fs = number["buy_fee_bps"] / 10_000, number["sell_fee_bps"] / 10_000
    sides = [
        [[Fraction(price), Fraction(quantity)] for price, quantity in side if quantity > 0]
        for side in (asks, bids)
    ]
    answer: dict[str, Any] = {
        "skipped_levels": len(asks) + len(bids) - sum(map(len, sides)),
        "quantity": Fraction(0),
    }
    if not all(sides):
        return answer | {"outcome": "empty_side"}
    if sides[1][0][0] * number["sell_fx"] <= sides[0][0][0] * number["buy_fx"]:
        return answer | {"outcome": "not_crossed"}
    pairs: list[tuple[Fraction, Fraction, Fraction]] = []  # quantity, ask, bid
    left = [[list(level) for level in side] for side in sides]
    while all(left):
        (ask, ask_left), (bid, bid_left) = left[0][0], left[1][0]
        if bid * number["sell_fx"] * (1 - fs) <= ask * number["buy_fx"] * (1 + fb):
            break
        taken = min(ask_left, bid_left)
        pairs.append((taken, ask, bid))
        for side in left:
            side[0][1] -= taken
            if side[0][1] == 0:
                side.pop(0)
    if not pairs:
        return answer | {"outcome": "fees_exceed"}
    wanted = sum(taken for taken, _, _ in pairs)
    if number["max_notional"] is not None:
        wanted, spent = Fraction(0), Fraction(0)
        for taken, ask, _ in pairs:
            room = (number["max_notional"] - spent) / (ask * number["buy_fx"])
            wanted += min(taken, room)
            spent += min(taken, room) * ask * number["buy_fx"]
    if number["max_quantity"] is not None:
        wanted = min(wanted, number["max_quantity"])
    if number["lot_step"]:
        wanted = math.floor(wanted / number["lot_step"] + Fraction(1, 10**9)) * number["lot_step"]
        if wanted == 0:
            return answer | {"outcome": "below_lot"}
    cost = proceeds = quantity = Fraction(0)
    touched: tuple[set[Fraction], set[Fraction]] = set(), set()
    for taken, ask, bid in pairs:
        part = min(taken, wanted - quantity)
        if part <= 0:
            break
        quantity, cost, proceeds = quantity + part, cost + part * ask, proceeds + part * bid
        touched[0].add(ask)
        touched[1].add(bid)
    bought = cost * number["buy_fx"] * (1 + fb)
    net = proceeds * number["sell_fx"] * (1 - fs) - bought - number["withdrawal_fee"]
    return answer | {
        "outcome": "ok" if net > 0 else "withdrawal_exceeds",
        "quantity": quantity,
        "average_buy": cost / quantity,
        "average_sell": proceeds / quantity,
        "net_profit": net,
        "net_bps": 10_000 * net / bought,
        "buy_levels": len(touched[0]),
        "sell_levels": len(touched[1]),
    }


def random_books(chance: random.Random) -> tuple[Levels, Levels, dict[str, Any]]:
    fx = chance.choice([1.0, 1380.25])
    middle = chance.uniform(0.5, 2.0) * 10 ** chance.randint(-3, 4)
    tick = middle * 1e-4

    def side(start: float, step: float) -> Levels:
        prices = [start + step * sum(range(1, depth + 2)) for depth in range(chance.randint(0, 20))]
        return [(price, chance.choice([0.0, 1.0, chance.uniform(0.1, 50)])) for price in prices]

    edge = chance.uniform(-20, 60) * tick
    given = PLAIN | {
        "buy_fee_bps": chance.choice([0.0, 5.0, 10.0]),
        "sell_fee_bps": chance.choice([0.0, 4.0, 25.0]),
        "buy_fx": fx,
        "sell_fx": 1.0,
        "withdrawal_fee": chance.choice([0.0, 0.0, middle * fx * 0.01]),
        "max_notional": chance.choice([None, None, middle * fx * chance.uniform(0.01, 200)]),
        "max_quantity": chance.choice([None, None, chance.uniform(0.01, 200)]),
        "lot_step": chance.choice([None, None, 0.0, 0.5, 3.0]),
    }
    bids = [(price * fx, quantity) for price, quantity in side(middle + edge, -tick)]
    return side(middle, tick), bids, given


def test_10_000_random_books_against_exact_fractions() -> None:
    chance = random.Random(20261120)
    outcomes = dict.fromkeys(Outcome, 0)
    for _ in range(10_000):
        asks, bids, given = random_books(chance)
        found, exact = walk(asks, bids, **given), brute(asks, bids, given)
        outcomes[found.outcome] += 1
        for name, value in exact.items():
            shown = getattr(found, name)
            if isinstance(value, Fraction):
                scale = 1e-9 * max(1.0, abs(float(value)))
                assert shown == pytest.approx(float(value), rel=1e-9, abs=scale), name
            else:
                assert shown == value, name

    assert min(outcomes.values()) >= 30, outcomes


def test_levels_are_taken_while_the_next_unit_earns() -> None:
    asks, bids = [(100.0, 1.0), (101.0, 2.0), (104.0, 9.0)], [(103.0, 2.0), (102.0, 4.0)]
    found = walked(asks, bids)

    assert (found.outcome, found.quantity, found.limited_by) == (Outcome.OK, 3.0, "price")
    assert found.average_buy == pytest.approx((100 + 2 * 101) / 3)
    assert found.average_sell == pytest.approx((2 * 103 + 102) / 3)
    assert found.net_profit == pytest.approx(2 * 103 + 102 - 100 - 202)
    assert (found.buy_levels, found.sell_levels, found.skipped_levels) == (2, 2, 0)


def test_exactly_at_a_level_s_end_the_next_one_is_not_touched() -> None:
    found = walked([(100.0, 1.0), (101.0, 1.0)], [(103.0, 1.0), (102.5, 1.0)], max_quantity=1.0)

    assert (found.quantity, found.buy_levels, found.sell_levels) == (1.0, 1, 1)
    assert found.limited_by == "quantity"


def test_what_rounding_leaves_of_decimals_is_no_level() -> None:
    """0.1 + 0.2 + 0.3 is not 0.6 in float64, yet the fourth level was never needed."""
    asks = [(100.0, 0.1), (100.1, 0.2), (100.2, 0.3), (100.3, 5.0)]
    found = walked(asks, [(103.0, 0.6)])
    assert (found.buy_levels, found.sell_levels, found.limited_by) == (3, 1, "bids")

    found = walked(asks, [(103.0, 9.0)], max_notional=10.0 + 20.02 + 30.06)
    assert (found.buy_levels, found.limited_by) == (3, "notional")

    found = walked(asks, [(103.0, 9.0)], max_quantity=0.6)
    assert (found.buy_levels, found.limited_by) == (3, "quantity")


@pytest.mark.parametrize("quantities", [(0.7, 0.6), (2.3,), (0.8, 2.3, 1.4, 0.3, 0.2)])
def test_a_quantity_of_whole_small_lots_keeps_its_last_one(quantities: tuple[float, ...]) -> None:
    """2.3 / 1e-8 is 229,999,999.99999997 in float64: a slack in lots alone lost a whole one."""
    asks = [(1.0 + place, quantity) for place, quantity in enumerate(quantities)]
    found = walked(asks, [(100.0, 9.0)], lot_step=1e-8)

    assert found.quantity == pytest.approx(sum(quantities), abs=1e-12)
    assert found.buy_levels == len(quantities)


def test_a_cap_on_the_notional_is_in_the_common_currency() -> None:
    found = walked([(100.0, 5.0)], [(150_000.0, 5.0)], buy_fx=1_400.0, max_notional=280_000.0)

    assert (found.quantity, found.limited_by) == (2.0, "notional")


@pytest.mark.parametrize(
    ("asks", "bids", "changed", "outcome"),
    [
        ([], [(1.0, 1.0)], {}, "empty_side"),
        ([(1.0, 0.0)], [(2.0, 1.0)], {}, "empty_side"),
        ([(2.0, 1.0)], [(2.0, 1.0)], {}, "not_crossed"),
        ([(2.0, 1.0)], [(2.001, 1.0)], {"sell_fee_bps": 25.0}, "fees_exceed"),
        ([(2.0, 1.0)], [(3.0, 1.0)], {"withdrawal_fee": 1.0}, "withdrawal_exceeds"),
        ([(2.0, 1.0)], [(3.0, 1.0)], {"lot_step": 1.5}, "below_lot"),
    ],
)
def test_every_way_to_earn_nothing_has_its_word(
    asks: Levels, bids: Levels, changed: dict[str, float], outcome: str
) -> None:
    found = walked(asks, bids, **changed)

    assert found.outcome == outcome
    assert found.net_profit <= 0.0
    assert (found.net_bps is None) == (found.quantity == 0.0)


def test_rows_without_a_quantity_are_skipped_whatever_their_price_says() -> None:
    found = walked([(0.0, 0.0), (100.0, 1.0)], [(101.0, 1.0), (500.0, -1.0)])

    assert (found.outcome, found.skipped_levels) == (Outcome.OK, 2)


@pytest.mark.parametrize(
    ("asks", "bids", "changed", "place"),
    [
        ([(2.0, 1.0), (1.0, 1.0)], [(3.0, 1.0)], {}, r"asks\[1\]"),
        ([(2.0, 1.0)], [(3.0, 1.0), (4.0, 1.0)], {}, r"bids\[1\]"),
        ([(-2.0, 1.0)], [(3.0, 1.0)], {}, r"asks\[0\]"),
        ([(2.0, math.nan)], [(3.0, 1.0)], {}, r"asks\[0\]"),
        ([(2.0, 1.0)], [(3.0, 1.0)], {"buy_fx": 0.0}, "buy_fx"),
        ([(2.0, 1.0)], [(3.0, 1.0)], {"sell_fee_bps": 1e4}, "sell_fee_bps"),
        ([(2.0, 1.0)], [(3.0, 1.0)], {"withdrawal_fee": -1.0}, "withdrawal_fee"),
        ([(2.0, 1.0)], [(3.0, 1.0)], {"max_notional": 0.0}, "max_notional"),
        ([(2.0, 1.0)], [(3.0, 1.0)], {"lot_step": math.inf}, "lot_step"),
    ],
)
def test_what_cannot_be_walked_is_named_with_its_place(
    asks: Levels, bids: Levels, changed: dict[str, float], place: str
) -> None:
    with pytest.raises(ValueError, match=place):
        walked(asks, bids, **changed)


def test_what_an_amount_costs() -> None:
    prices, quantities = np.array([10.0, 11.0, 12.0]), np.array([1.0, 0.0, 2.0])

    assert vwap(prices, quantities, 3, 1.0) == (10.0, 1)
    assert vwap(prices, quantities, 3, 2.0) == (11.0, 3)
    assert math.isnan(vwap(prices, quantities, 2, 2.0)[0]), "the third level is not asked"
    assert spend(prices, quantities, 3, 22.0) == (2.0, 11.0, 3)
    assert spend(prices, quantities, 3, 10.0) == (1.0, 10.0, 1)
    assert math.isnan(spend(prices, quantities, 3, 34.1)[0])


def test_what_an_amount_costs_is_known_to_the_last_decimal_of_a_book() -> None:
    prices, quantities = np.array([10.0, 11.0, 12.0, 13.0]), np.array([0.1, 0.2, 0.3, 9.0])

    assert vwap(prices, quantities, 3, 0.6)[1] == 3, "all that there is"
    assert spend(prices, quantities, 4, 1.0 + 2.2 + 3.6)[2] == 3
    assert spend(prices, quantities, 3, 1.0 + 2.2 + 3.6)[0] == pytest.approx(0.6)
