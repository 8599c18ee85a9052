"""Grids, their best points and the points beside them."""

from __future__ import annotations

import math

import pytest

from app.backtest.grid import changed
from app.backtest.rules import refusals
from app.backtest.series import Aligned
from app.backtest.sweep import best, best_plateau, evaluate, neighbours, plateau, points
from app.domain.backtests import Axis, Params
from app.domain.problems import Problem

AXES = (Axis("entry_bps", (80.0, 100.0, 120.0)), Axis("exit_bps", (10.0, 40.0)))


def test_points_are_the_product_with_the_last_axis_fastest() -> None:
    grid = points(AXES)
    assert [tuple(point.values()) for point in grid] == [
        (80, 10), (80, 40), (100, 10), (100, 40), (120, 10), (120, 40),
    ]  # fmt: skip
    assert points(()) == [{}]


def test_ten_thousand_points_are_enough() -> None:
    many = Axis("entry_bps", tuple(map(float, range(101))))
    with pytest.raises(Problem) as refused:
        points((many, Axis("exit_bps", many.values)))
    assert refused.value.code == "too_many_points"
    assert refused.value.values["points"] == 101 * 101


def test_a_point_changes_only_what_it_names() -> None:
    params = Params(withdraw_fee={"BTC": 0.1})
    point = {"max_hold_bars": 5.0, "withdraw_fee.XRP": 2.0, "entry_bps": 90.0}
    there = changed(params, point)
    assert (there.max_hold_bars, there.entry_bps) == (5, 90.0)
    assert isinstance(there.max_hold_bars, int)
    assert there.withdraw_fee == {"BTC": 0.1, "XRP": 2.0}
    assert params.withdraw_fee == {"BTC": 0.1}


def test_the_best_is_the_first_of_the_best_and_has_the_objective() -> None:
    rows = [{"sharpe": None}, {"sharpe": 1.0}, {"sharpe": 2.0}, {"sharpe": 2.0}]
    assert best(rows, "sharpe") == 2
    assert best([{"sharpe": None}] * 3, "sharpe") == 0
    assert best([{"sharpe": None}, {"sharpe": -5.0}], "sharpe") == 1
    assert best([], "sharpe") is None


def test_of_drawdowns_the_smallest_is_best() -> None:
    assert best([{"max_drawdown_pct": v} for v in (3.0, 1.0, 2.0)], "max_drawdown_pct") == 1


def test_neighbours_are_one_step_along_one_axis() -> None:
    assert sorted(neighbours(AXES, 0)) == [1, 2]
    assert sorted(neighbours(AXES, 3)) == [1, 2, 5]
    for place in range(6):
        assert all(place in neighbours(AXES, near) for near in neighbours(AXES, place))


def test_a_plateau_beats_a_lonely_peak() -> None:
    axes = (Axis("entry_bps", tuple(map(float, range(7)))),)
    rows = [{"roi_pct": value} for value in (0.0, 9.0, 0.0, 4.0, 5.0, 4.0, None)]
    assert best(rows, "roi_pct") == 1
    assert plateau(axes, rows, "roi_pct")[1] == 0.0
    assert plateau(axes, rows, "roi_pct")[0] == 0.0, "an edge does not borrow half of the peak"
    assert best_plateau(axes, rows, "roi_pct") == 4


def test_progress_is_told_in_points(busy: Aligned, busy_params: Params) -> None:
    told: list[tuple[int, int]] = []
    grid = points(AXES)
    rows = evaluate(busy, busy_params, grid, None, lambda done, total: told.append((done, total)))
    assert told == [(done, 6) for done in range(1, 7)]
    counts = [row["cycles"] for row in rows]
    assert counts[0] > counts[2] > counts[4], "a higher entry is met less often"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("notional_krw", 0.0),
        ("initial_capital_krw", -1.0),
        ("krw_fee_bps", -0.1),
        ("slippage_bps", 10_000.0),
        ("entry_bps", math.nan),
        ("exit_bps", math.inf),
        ("max_hold_bars", -1),
        ("transfer_bars", -1),
        ("qty_step", -1e-9),
    ],
)
def test_a_number_that_cannot_be_played_is_named(field: str, value: float) -> None:
    [error] = refusals(Params(**{field: value}))
    assert error.column == field
    assert error.expected


def test_withdrawal_fees_are_named_by_coin() -> None:
    [error] = refusals(Params(withdraw_fee={"BTC": 0.0, "XRP": -1.0}))
    assert error.column == "withdraw_fee.XRP"


def test_every_other_number_passes() -> None:
    assert refusals(Params(entry_bps=-1e9, exit_bps=1e9, max_hold_bars=10**9 - 1)) == ()
