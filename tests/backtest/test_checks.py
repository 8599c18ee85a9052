"""The questions of a careful trader, each with a market that makes it worth asking."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from app.backtest.checks import Check, Level, checks
from app.backtest.cycles import CYCLE_ROW
from app.backtest.run import Result, run
from app.backtest.series import Aligned, Coin, Fx, align
from app.domain.backtests import Params
from tests.backtest.builders import T0, aligned_from, candles, market
from tests.backtest.oracle import Market

DAY = 86_400


def told(aligned: Aligned, params: Params, result: Result | None = None) -> dict[str, Check]:
    return {check.code: check for check in checks(aligned, params, result or run(aligned, params))}


def with_pnls(result: Result, pnls: list[float], days_apart: float = 1.0) -> Result:
    table = np.zeros(len(pnls), CYCLE_ROW)
    table["pnl_krw"] = pnls
    table["t_exit"] = (T0 + np.arange(len(pnls)) * days_apart * DAY) * 1e9
    values = np.array(pnls)
    std = float(values.std(ddof=1))
    figures = result.metrics | {
        "cycles": len(pnls),
        "mean_cycle_krw": float(values.mean()),
        "std_cycle_krw": std,
        "t_stat": float(values.mean()) / (std / np.sqrt(len(pnls))),
    }
    return dataclasses.replace(result, cycles=table, metrics=figures)


def test_few_cycles_prove_little(busy: Aligned, busy_params: Params, busy_run: Result) -> None:
    check = told(busy, busy_params, with_pnls(busy_run, [10.0, 14.0, 12.0]))["few_cycles"]
    assert check.level is Level.WARN
    assert check.values["mean_krw"] == 12.0
    assert check.values["margin_krw"] == pytest.approx(1.96 * 2.0 / np.sqrt(3))


def test_many_cycles_around_zero_prove_nothing(
    busy: Aligned, busy_params: Params, busy_run: Result
) -> None:
    noise = with_pnls(busy_run, [-10.0, 10.5] * 40)
    assert told(busy, busy_params, noise)["mean_near_zero"].level is Level.WARN
    steady = with_pnls(busy_run, [9.0, 11.0] * 40)
    assert told(busy, busy_params, steady)["enough_cycles"].level is Level.OK


def test_no_cycle_at_all(busy: Aligned) -> None:
    assert "no_cycles" in told(busy, Params(entry_bps=1e6))


def test_one_month_carries_the_profit(busy: Aligned, busy_params: Params, busy_run: Result) -> None:
    times = T0 + np.arange(120) * DAY
    columns = busy_run.columns | {
        "time_s": times,
        "equity_krw": np.full(120, 1e8),
        "drawdown_pct": np.zeros(120),
    }
    result = dataclasses.replace(busy_run, columns=columns)
    carried = with_pnls(result, [1.0, 1.0, 96.0, 1.0, 1.0], days_apart=25)
    check = told(busy, busy_params, carried)["month_carries"]
    assert check.level is Level.WARN
    assert check.values["share_pct"] == pytest.approx(97.0)
    shared = with_pnls(result, [20.0, 10.0, 10.0, 21.0, 20.0], days_apart=25)
    assert told(busy, busy_params, shared)["month_carries"].level is Level.OK


def holed(bars_missing: int) -> Aligned:
    """Rich from the second bar on, with a hole in the middle, level again at the end."""
    coin = market("BTC", [0.0] + [200.0] * 40 + [-10.0] * 3)
    kept = [row for place, row in enumerate(coin.krw) if not 20 <= place < 20 + bars_missing]
    return aligned_from([Market("BTC", kept, coin.glob)], [(T0 - 600, 1000.0)])


def test_a_gap_inside_a_hold_is_told() -> None:
    params = Params(entry_bps=150.0, exit_bps=0.0)
    check = told(holed(7), params)["gaps_in_holds"]
    assert check.values == {"holds": 1, "cycles": 1, "longest_s": 420}
    assert "no_gaps_in_holds" in told(holed(0), params)


def test_a_gap_between_holds_is_the_data_s_matter_only() -> None:
    found = told(holed(7), Params(entry_bps=1e6))
    assert "no_gaps_in_holds" in found
    assert found["data_holed"].values["longest_s"] == 420
    assert found["data_holed"].values["covered_pct"] == pytest.approx(100 * 37 / 44)
    assert told(holed(0), Params())["data_covered"].values["covered_pct"] == 100.0


def test_rates_that_are_too_old_are_told() -> None:
    coin = market("BTC", [0.0] * 3)
    old = aligned_from([coin], [(0, 1000.0)])
    assert told(old, Params())["fx_stale"].level is Level.WARN
    fresh = aligned_from([coin], [(T0 - 60 * k, 1000.0) for k in (3, 2, 1, 0, -1, -2, -3)])
    assert told(fresh, Params())["fx_fresh"].values["oldest_s"] == 0


def test_a_fixed_rate_is_told() -> None:
    coin = market("BTC", [0.0] * 3)
    aligned = align([Coin("BTC", candles(coin.krw), candles(coin.glob))], Fx.fixed(1000.0), 60)
    assert told(aligned, Params())["fx_fixed"].values == {"rate": 1000.0}


def test_rules_must_leave_room_for_costs() -> None:
    aligned = aligned_from([market("BTC", [0.0] * 3)], [(T0, 1000.0)])
    tight = told(aligned, Params(entry_bps=40.0, exit_bps=10.0))["costs_above_rules"]
    assert tight.values == {"between_bps": 30.0, "cost_bps": 2 * 15 + 4 * 2.0}
    assert "costs_within_rules" in told(aligned, Params(entry_bps=80.0, exit_bps=10.0))
    thin = Params(notional_krw=2e8)
    assert told(aligned, thin)["notional_above_capital"].values == {"notional_pct": 200.0}


@pytest.mark.parametrize(
    ("premiums", "code"),
    [
        ([0.0, 0.0, 0.0], "nothing_open_at_end"),
        ([0.0, 200.0, 200.0], "open_at_end"),
        ([0.0, 0.0, 200.0], "order_at_end"),
    ],
)
def test_the_end_of_data_is_told(premiums: list[float], code: str) -> None:
    aligned = aligned_from([market("BTC", premiums)], [(T0, 1000.0)])
    assert code in told(aligned, Params(entry_bps=150.0))


def test_without_bars_only_the_rules_can_be_judged() -> None:
    aligned = aligned_from([market("BTC", [0.0])], [(T0 + 600, 1000.0)])
    assert set(told(aligned, Params())) == {
        "no_cycles",
        "costs_within_rules",
        "nothing_open_at_end",
    }
