"""Ladders against sorted dicts: any changes, any bound."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.books import ladder as ladders
from app.books.ladder import ASKS, BIDS, Ladder

PRICES = st.integers(1, 40).map(float)
QUANTITIES = st.integers(0, 3).map(float)
CHANGES = st.lists(st.tuples(st.sampled_from([BIDS, ASKS]), PRICES, QUANTITIES), max_size=120)


def levels(ladder: Ladder, side: int) -> list[tuple[float, float]]:
    """Best first."""
    room = ladder.prices.shape[1]
    prices, quantities = np.zeros(room), np.zeros(room)
    count = ladders.top(ladder, side, prices, quantities)
    return list(zip(prices[:count].tolist(), quantities[:count].tolist(), strict=True))


def best_first(side: int, model: dict[float, float]) -> list[tuple[float, float]]:
    return sorted(model.items(), reverse=side == BIDS)


def put_all(ladder: Ladder, changes: list[tuple[int, float, float]]) -> None:
    for side, price, quantity in changes:
        ladders.put(ladder, side, price, quantity)


@settings(max_examples=200, deadline=None)
@given(changes=CHANGES)
def test_a_roomy_ladder_is_a_sorted_dict(changes: list[tuple[int, float, float]]) -> None:
    ladder = ladders.empty(64)
    models: tuple[dict[float, float], dict[float, float]] = {}, {}
    for side, price, quantity in changes:
        ladders.put(ladder, side, price, quantity)
        models[side][price] = quantity
        if quantity == 0.0:
            del models[side][price]

    for side in (BIDS, ASKS):
        assert levels(ladder, side) == best_first(side, models[side])


@settings(max_examples=300, deadline=None)
@given(changes=CHANGES, room=st.integers(1, 6))
def test_a_bounded_ladder_shows_the_best_levels_and_never_a_hole(
    changes: list[tuple[int, float, float]], room: int
) -> None:
    bounded, roomy = ladders.empty(room), ladders.empty(64)
    put_all(bounded, changes)
    put_all(roomy, changes)

    for side in (BIDS, ASKS):
        shown, whole = levels(bounded, side), levels(roomy, side)
        assert shown == whole[: len(shown)]
        if len(shown) < len(whole):
            assert bounded.horizon[side] > -np.inf, "it knows that it forgot something"


@settings(max_examples=100, deadline=None)
@given(
    prices=st.lists(PRICES, unique=True, max_size=30),
    room=st.integers(1, 40),
    changes=CHANGES,
)
def test_loading_is_putting_everything_on_an_empty_side(
    prices: list[float], room: int, changes: list[tuple[int, float, float]]
) -> None:
    loaded, put = ladders.empty(room), ladders.empty(room)
    put_all(loaded, changes)
    for side in (BIDS, ASKS):
        ladders.load(loaded, side, np.array(prices), np.ones(len(prices)))
        ladders.change(put, side, np.array(prices), np.ones(len(prices)))

        assert levels(loaded, side) == levels(put, side)
        assert loaded.horizon[side] == put.horizon[side]


def test_the_best_price_of_an_empty_side_is_no_number() -> None:
    ladder = ladders.empty(4)
    ladders.put(ladder, BIDS, 10.0, 1.0)

    assert ladders.best(ladder, BIDS) == 10.0
    assert np.isnan(ladders.best(ladder, ASKS))
