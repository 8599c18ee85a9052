"""The figures of a run and what they mean. SPEC §6 defines the first eight."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np

from app.backtest.tape import DAY_NS, SECOND_NS, Floats, Records

YEAR_DAYS = 365.0

Figure = float | int | None
Figures = dict[str, Figure]


class Metric(NamedTuple):
    """unit: count, krw, pct, ratio, bps or s. better: which way an objective looks for it.

    definition: the key of its text; None of a figure means that it does not exist for this run.
    """

    unit: str
    better: Literal["higher", "lower"] | None
    definition: str


METRICS: dict[str, Metric] = {
    "total_pnl_krw": Metric("krw", "higher", "sum_of_finished_cycles"),
    "roi_pct": Metric("pct", "higher", "final_over_initial"),
    "final_equity_krw": Metric("krw", "higher", "last_equity_point"),
    "max_drawdown_pct": Metric("pct", "lower", "deepest_fall_below_a_peak"),
    "sharpe": Metric("ratio", "higher", "daily_mean_over_std_times_sqrt_365"),
    "sortino": Metric("ratio", "higher", "daily_mean_over_downside_times_sqrt_365"),
    "cagr_pct": Metric("pct", "higher", "growth_per_365_days"),
    "cycles": Metric("count", None, "finished_cycles"),
    "win_rate_pct": Metric("pct", "higher", "share_of_cycles_above_zero"),
    "profit_factor": Metric("ratio", "higher", "gains_over_losses"),
    "mean_cycle_krw": Metric("krw", "higher", "mean_pnl_of_cycles"),
    "std_cycle_krw": Metric("krw", "lower", "deviation_of_cycle_pnl"),
    "t_stat": Metric("ratio", "higher", "mean_over_its_standard_error"),
    "best_cycle_krw": Metric("krw", "higher", "largest_pnl"),
    "worst_cycle_krw": Metric("krw", "higher", "smallest_pnl"),
    "captured_bps": Metric("bps", "higher", "mean_premium_from_signal_to_signal"),
    "mean_hold_s": Metric("s", None, "mean_entry_to_last_fill"),
    "longest_hold_s": Metric("s", "lower", "longest_entry_to_last_fill"),
    "exposure_pct": Metric("pct", None, "share_of_time_with_an_open_cycle"),
    "fees_krw": Metric("krw", "lower", "trading_hedge_and_withdrawal_fees"),
    "turnover_krw": Metric("krw", None, "all_venue_fills_at_their_prices"),
    "benchmark_roi_pct": Metric("pct", None, "coins_held_in_equal_parts"),
}


class Outcome(NamedTuple):
    """What metrics are computed from. Cycles are finished ones, `open_ns` the open one's age."""

    initial_krw: float
    final_krw: float
    realised_krw: float  # Σ P&L, added in the order of the cycles
    drawdown: float  # share of the peak
    daily_krw: Floats
    table: Records
    open_ns: int
    span_ns: int
    benchmark_roi_pct: float | None


def measure(outcome: Outcome) -> Figures:
    """All METRICS, in their order."""
    figures = _equity_figures(outcome) | _cycle_figures(outcome)
    return {name: figures[name] for name in METRICS}


def _equity_figures(outcome: Outcome) -> Figures:
    growth = outcome.final_krw / outcome.initial_krw
    daily = np.concatenate([[outcome.initial_krw], outcome.daily_krw])
    returns = daily[1:] / daily[:-1] - 1.0
    held_ns = float(outcome.table["hold_s"].sum()) * SECOND_NS + outcome.open_ns
    return {
        "final_equity_krw": outcome.final_krw,
        "roi_pct": (growth - 1.0) * 100.0,
        "max_drawdown_pct": 100.0 * outcome.drawdown,
        "sharpe": _sharpe(returns),
        "sortino": _sortino(returns),
        "cagr_pct": _cagr_pct(growth, outcome.span_ns),
        "exposure_pct": 100.0 * held_ns / outcome.span_ns if outcome.span_ns else None,
        "benchmark_roi_pct": outcome.benchmark_roi_pct,
    }


def _cycle_figures(outcome: Outcome) -> Figures:
    table = outcome.table
    pnl = table["pnl_krw"]
    count = int(pnl.size)
    lost = -float(pnl[pnl < 0.0].sum())
    mean = float(pnl.mean()) if count else None
    std = float(pnl.std(ddof=1)) if count > 1 else None
    captured = table["direction"] * (table["in_bps"] - table["out_bps"])
    captured = captured[~np.isnan(captured)]
    return {
        "total_pnl_krw": outcome.realised_krw,
        "cycles": count,
        "win_rate_pct": 100.0 * int((pnl > 0.0).sum()) / count if count else None,
        "profit_factor": float(pnl[pnl > 0.0].sum()) / lost if lost > 0.0 else None,
        "mean_cycle_krw": mean,
        "std_cycle_krw": std,
        "t_stat": mean / (std / math.sqrt(count)) if mean is not None and std else None,
        "best_cycle_krw": float(pnl.max()) if count else None,
        "worst_cycle_krw": float(pnl.min()) if count else None,
        "captured_bps": float(captured.mean()) if captured.size else None,
        "mean_hold_s": float(table["hold_s"].mean()) if count else None,
        "longest_hold_s": float(table["hold_s"].max()) if count else None,
        "fees_krw": float(table["fees_krw"].sum()),
        "turnover_krw": float(table["turnover_krw"].sum()),
    }


def _sharpe(returns: Floats) -> float | None:
    """Mean over deviation of daily returns, of a year of 365 days; none under two days."""
    std = float(returns.std(ddof=1)) if returns.size > 1 else 0.0
    return float(returns.mean()) / std * math.sqrt(YEAR_DAYS) if std > 0.0 else None


def _sortino(returns: Floats) -> float | None:
    """As Sharpe, over √mean(min(r, 0)²): days of gain count as zero; none without a losing day."""
    if returns.size < 2:
        return None
    downside = math.sqrt(float(np.square(np.minimum(returns, 0.0)).mean()))
    return float(returns.mean()) / downside * math.sqrt(YEAR_DAYS) if downside > 0.0 else None


def _cagr_pct(growth: float, span_ns: int) -> float | None:
    """Growth per 365 days from the first bar's open to the last one's close; none under a day."""
    if span_ns < DAY_NS or growth <= 0.0:
        return None
    try:
        return (math.pow(growth, YEAR_DAYS * DAY_NS / span_ns) - 1.0) * 100.0
    except OverflowError:
        return None
