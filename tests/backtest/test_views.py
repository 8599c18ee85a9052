"""What pages read out of a stored result."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from app.backtest.cycles import CYCLE_ROW, cycles_as_rows
from app.backtest.run import Result
from app.backtest.views import by_coin, histogram, months, thin

NS = 1_000_000_000


def at(*date: int) -> int:
    return int(datetime(*date, tzinfo=UTC).timestamp())


def test_months_are_utc_and_cycles_belong_to_the_month_of_their_end() -> None:
    times = [at(2024, 1, 31, 23), at(2024, 2, 1, 0), at(2024, 2, 29, 12), at(2024, 4, 2)]
    columns = {
        "time_s": np.array(times),
        "equity_krw": np.array([110.0, 120.0, 99.0, 99.0]),
        "drawdown_pct": np.array([0.0, 0.0, 17.5, 17.5]),
    }
    cycles = np.zeros(3, CYCLE_ROW)
    cycles["t_exit"] = np.array([at(2024, 1, 31, 23), at(2024, 2, 1), at(2024, 2, 29, 12)]) * NS
    cycles["pnl_krw"] = [10.0, 10.0, -21.0]
    january, february, april = months(columns, cycles, 100.0)
    assert [row["month"] for row in (january, february, april)] == ["2024-01", "2024-02", "2024-04"]
    assert january["roi_pct"] == pytest.approx(10.0)
    assert february == {
        "month": "2024-02",
        "pnl_krw": -11.0,
        "roi_pct": pytest.approx(-10.0),
        "cycles": 2,
        "win_rate_pct": 50.0,
        "max_drawdown_pct": 17.5,
    }
    assert (april["cycles"], april["win_rate_pct"], april["roi_pct"]) == (0, None, 0.0)


def test_months_add_up_to_the_run(busy_run: Result) -> None:
    rows = months(busy_run.columns, busy_run.cycles, 1e8)
    total = sum(row["pnl_krw"] for row in rows)
    assert total == pytest.approx(busy_run.metrics["total_pnl_krw"])
    assert sum(row["cycles"] for row in rows) == busy_run.metrics["cycles"]


def test_histogram_bins_are_round_and_split_at_zero() -> None:
    pnls = np.array([-730.0, -1.0, 0.0, 5.0, 1_200.0])
    told = histogram(pnls, bins=10)
    assert told["step_krw"] == 200.0
    assert 0.0 in told["edges"]
    assert sum(told["counts"]) == 5
    assert len(told["edges"]) == len(told["counts"]) + 1
    zero = told["edges"].index(0.0)
    assert sum(told["counts"][:zero]) == 2, "losses lie left of zero"
    assert told["median_krw"] == 0.0


@pytest.mark.parametrize("pnls", [[5.0], [0.0, 0.0], [-3.0, -3.0], [1e-9, 1e12]])
def test_histogram_of_odd_results(pnls: list[float]) -> None:
    told = histogram(np.array(pnls))
    assert sum(told["counts"]) == len(pnls)
    assert told["edges"][0] <= min(pnls) <= max(pnls) <= told["edges"][-1]
    assert len(told["counts"]) <= 30


def test_coins_are_ranked_by_what_they_earned(busy_run: Result) -> None:
    rows = by_coin(busy_run.cycles, busy_run.bases)
    assert {row["base"] for row in rows} == {"BTC", "XRP"}
    assert rows[0]["pnl_krw"] >= rows[1]["pnl_krw"]
    assert sum(row["cycles"] for row in rows) == len(busy_run.cycles)


@pytest.mark.parametrize("points", [7, 20, 500, 2_000])
def test_a_thinned_curve_keeps_its_ends_and_extremes(busy_run: Result, points: int) -> None:
    thinned = thin(busy_run.columns, points)
    sizes = {column.size for column in thinned.values()}
    assert len(sizes) == 1
    assert points // 3 <= sizes.pop() <= points
    for name in ("equity_krw", "premium_bps"):
        assert thinned[name].max() == busy_run.columns[name].max()
        assert thinned[name].min() == busy_run.columns[name].min()
    assert thinned["drawdown_pct"].max() == busy_run.columns["drawdown_pct"].max()
    for end in (0, -1):
        assert thinned["time_s"][end] == busy_run.columns["time_s"][end]
    assert np.all(np.diff(thinned["time_s"]) > 0)


@pytest.mark.parametrize("points", [1, 2, 3, 4, 6])
def test_a_handful_of_points_is_still_a_handful(busy_run: Result, points: int) -> None:
    thinned = thin(busy_run.columns, points)
    assert 1 <= thinned["time_s"].size <= points
    assert thinned["time_s"][-1] == busy_run.columns["time_s"][-1]


def test_a_short_curve_is_left_alone(busy_run: Result) -> None:
    short = {name: column[:5] for name, column in busy_run.columns.items()}
    assert all(np.array_equal(thin(short, 5)[name], short[name]) for name in short)


def test_rows_can_be_picked_in_any_order(busy_run: Result) -> None:
    everything = cycles_as_rows(busy_run.cycles, busy_run.fills, busy_run.bases)
    picked = cycles_as_rows(busy_run.cycles, busy_run.fills, busy_run.bases, [5, 0, 3])
    assert picked == [everything[5], everything[0], everything[3]]
    assert [row["number"] for row in picked] == [6, 1, 4]
    assert cycles_as_rows(busy_run.cycles, busy_run.fills, busy_run.bases, []) == []
