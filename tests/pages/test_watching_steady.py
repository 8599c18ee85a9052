"""Order that people can read: nothing moves for less than 2 bps, nor twice in two seconds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.routers.watching.steady import FORGOTTEN_NS, ORDERS_MAX, PASSES_BPS, Orders, Steady

S = 1_000_000_000
START = 1_000 * S


def test_the_first_order_is_by_value() -> None:
    assert Steady().order({"a": 1.0, "b": 3.0, "c": 2.0}, START) == ["b", "c", "a"]


def test_a_row_passes_another_only_by_two_bps() -> None:
    steady = Steady()
    steady.order({"a": 10.0, "b": 9.0}, START)
    assert steady.order({"a": 10.0, "b": 11.9}, START + 3 * S) == ["a", "b"]
    assert steady.order({"a": 10.0, "b": 12.0}, START + 3 * S) == ["b", "a"]


def test_nothing_moves_again_before_two_seconds() -> None:
    steady = Steady()
    steady.order({"a": 10.0, "b": 0.0}, START)
    assert steady.order({"a": 0.0, "b": 10.0}, START + 2 * S) == ["b", "a"]
    assert steady.order({"a": 20.0, "b": 10.0}, START + 3 * S) == ["b", "a"]
    assert steady.order({"a": 20.0, "b": 10.0}, START + 4 * S) == ["a", "b"]


def test_what_comes_and_goes_does_so_at_once() -> None:
    steady = Steady()
    steady.order({"a": 10.0, "b": 0.0}, START)
    assert steady.order({"a": 10.0, "b": 0.0, "c": 5.0}, START + 1) == ["a", "c", "b"]
    assert steady.order({"c": 5.0, "b": 0.0}, START + 2) == ["c", "b"]


def test_an_order_that_nobody_reads_begins_anew() -> None:
    steady = Steady()
    steady.order({"a": 1.0, "b": 0.0}, START)
    assert steady.order({"a": 0.0, "b": 1.0}, START + FORGOTTEN_NS + 1) == ["b", "a"]


values = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=1), st.floats(-1e4, 1e4), min_size=1
)


@given(values, values)
def test_rows_far_apart_always_stand_right(
    before: dict[str, float], after: dict[str, float]
) -> None:
    """After a rest no row stands below one that it is ahead of by the threshold."""
    steady = Steady()
    steady.order(before, START)
    order = steady.order(after, START + 3 * S)
    assert sorted(order) == sorted(after)
    kept = [key for key in order if key in before]
    for i, upper in enumerate(kept):
        for lower in kept[i + 1 :]:
            assert after[lower] - after[upper] < PASSES_BPS


def test_orders_are_kept_for_each_choice_and_the_unused_go() -> None:
    orders = Orders()
    first = orders.of("first")
    assert orders.of("first") is first
    for number in range(ORDERS_MAX):
        orders.of(number)
    assert orders.of("first") is not first
