"""Figures recomputed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from app.backtest.cycles import CYCLE_ROW
from app.backtest.metrics import METRICS, Outcome, measure
from app.backtest.run import benchmark, premium_column, run
from app.backtest.series import Aligned
from app.backtest.tape import DAY_NS
from app.domain.backtests import Direction, Params
from tests.backtest.builders import T0, aligned_from, market
from tests.backtest.oracle import Market


def outcome(pnls: list[float], daily: list[float], days: float = 10.0) -> Outcome:
    table = np.zeros(len(pnls), CYCLE_ROW)
    table["pnl_krw"] = pnls
    table["direction"] = 1
    table["in_bps"], table["out_bps"] = 100.0, 40.0
    table["hold_s"] = 3_600.0
    final = daily[-1] if daily else 100.0
    return Outcome(
        100.0, final, sum(pnls), 0.25, np.array(daily), table, 0, int(days * DAY_NS), 1.5
    )


def test_daily_ratios() -> None:
    figures = measure(outcome([], [110.0, 99.0, 99.0]))
    returns = [0.1, -0.1, 0.0]
    mean = sum(returns) / 3
    std = math.sqrt(sum((r - mean) ** 2 for r in returns) / 2)
    assert figures["sharpe"] == pytest.approx(mean / std * math.sqrt(365), abs=1e-12)
    downside = math.sqrt(0.01 / 3)
    assert figures["sortino"] == pytest.approx(mean / downside * math.sqrt(365), abs=1e-12)
    assert figures["cagr_pct"] == pytest.approx((0.99 ** (365 / 10) - 1) * 100)


def test_cycle_figures() -> None:
    figures = measure(outcome([3.0, -1.0, 4.0, 0.0], [106.0, 106.5]))
    assert figures["cycles"] == 4
    assert figures["win_rate_pct"] == 50.0
    assert figures["profit_factor"] == 7.0
    assert (figures["best_cycle_krw"], figures["worst_cycle_krw"]) == (4.0, -1.0)
    std = math.sqrt(sum((x - 1.5) ** 2 for x in (3, -1, 4, 0)) / 3)
    assert figures["std_cycle_krw"] == pytest.approx(std)
    assert figures["t_stat"] == pytest.approx(1.5 / (std / 2))
    assert figures["captured_bps"] == 60.0
    assert figures["exposure_pct"] == pytest.approx(4 * 3600 / 864_000 * 100)


def test_what_does_not_exist_is_none_and_never_zero() -> None:
    figures = measure(outcome([], []))
    missing = {name for name, value in figures.items() if value is None}
    assert missing == {
        "sharpe", "sortino", "win_rate_pct", "profit_factor", "mean_cycle_krw", "std_cycle_krw",
        "t_stat", "best_cycle_krw", "worst_cycle_krw", "captured_bps", "mean_hold_s",
        "longest_hold_s",
    }  # fmt: skip
    assert measure(outcome([1.0], [101.0]))["t_stat"] is None
    assert measure(outcome([], [100.0, 100.0]))["sharpe"] is None
    assert measure(outcome([], [], days=0.5))["cagr_pct"] is None
    assert measure(outcome([], [1e300], days=1.0))["cagr_pct"] is None


def test_every_metric_is_measured_in_its_order() -> None:
    assert list(measure(outcome([1.0], [101.0]))) == list(METRICS)


def test_the_benchmark_holds_the_coins_in_equal_parts() -> None:
    """One coin doubles abroad; the other comes a bar later, halves, and the won weakens."""
    times = [T0, T0 + 60, T0 + 120]
    up = Market(
        "UP",
        [(t, 1.0, 1.0) for t in times],
        list(zip(times, [1.0, 1.0, 2.0], [1.0, 2.0, 2.0], strict=True)),
    )
    down = Market(
        "DOWN", [(t, 1.0, 1.0) for t in times[1:]], [(times[1], 8.0, 8.0), (times[2], 8.0, 4.0)]
    )
    aligned = aligned_from([up, down], [(0, 1000.0), (T0 + 180, 1100.0)])
    result = run(aligned, Params(entry_bps=1e9, initial_capital_krw=1e6))
    held = result.columns["benchmark_krw"]
    assert held.tolist() == pytest.approx([1e6, 1.5e6, (1.0e6 + 0.25e6) * 1.1])
    assert result.metrics["benchmark_roi_pct"] == pytest.approx(37.5)
    assert benchmark(aligned, 2e6).tolist() == pytest.approx((2 * held).tolist())


def test_the_premium_shown_is_the_one_that_entries_look_at() -> None:
    coins = [market("A", [10.0, -50.0]), market("B", [30.0, 20.0])]
    aligned = aligned_from(coins, [(0, 1000.0)])
    shown = {d: premium_column(aligned, d).round(6).tolist() for d in Direction}
    assert shown == {
        Direction.HIGH: [30.0, 20.0],
        Direction.LOW: [10.0, -50.0],
        Direction.BOTH: [30.0, -50.0],
    }


def test_a_run_without_bars_keeps_its_capital() -> None:
    aligned = aligned_from([market("A", [0.0])], [(T0 + 60, 1000.0)])
    result = run(aligned, Params())
    assert result.bars == 0
    assert result.metrics["final_equity_krw"] == Params().initial_capital_krw
    assert result.metrics["roi_pct"] == 0.0
    assert result.metrics["benchmark_roi_pct"] is None
    assert all(column.size == 0 for column in result.columns.values())


def test_fees_and_turnover_are_those_of_the_fills(busy: Aligned, busy_params: Params) -> None:
    result = run(busy, busy_params)
    fills = result.fills
    in_won = np.where(fills["venue"] == 0, 1.0, fills["fx"])
    assert result.metrics["fees_krw"] == pytest.approx((fills["fee"] * in_won).sum())
    traded = (fills["price"] * fills["quantity"] * in_won).sum()
    assert result.metrics["turnover_krw"] == pytest.approx(traded)
    assert len(fills) == 4 * len(result.cycles) > 100
