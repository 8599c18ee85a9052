"""Can this be believed? What a careful trader asks of a result before trusting it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from app.backtest.run import Result
from app.backtest.series import EVER_NS, Aligned
from app.backtest.tape import DAY_NS, SECOND_NS, Ints
from app.backtest.views import months
from app.domain.backtests import Params, Style

CYCLES_WANTED = 30
T_WANTED = 2.0
NORMAL_95 = 1.96
MONTHS_WANTED = 3
MONTH_SHARE_MAX = 0.3
FX_AGE_DAYS_MAX = 5.0  # a long weekend of daily rates
FX_AGE_STEPS_MAX = 20.0
COVERAGE_MIN_PCT = 99.0


class Level(StrEnum):
    """OK is unlit on pages, WARN is not."""

    OK = "ok"
    WARN = "warn"


class Check(NamedTuple):
    """One question answered. Its sentence is `code`'s text with the values put in."""

    code: str
    level: Level
    values: Mapping[str, float | int | str | None]


def checks(aligned: Aligned, params: Params, result: Result) -> list[Check]:
    """All that can be told from one run; a question that makes no sense for it is left out."""
    found = [_enough_cycles(result), *_month_carries(params, result), _costs(params)]
    if params.notional_krw > params.initial_capital_krw:
        share = params.notional_krw / params.initial_capital_krw * 100.0
        found.append(Check("notional_above_capital", Level.WARN, {"notional_pct": share}))
    if aligned.bars:
        found += [_gaps_in_holds(aligned, result), _fx(aligned), _coverage(aligned)]
    return [*found, _end(result)]


def _enough_cycles(result: Result) -> Check:
    """mean ± 1.96 standard errors; thirty cycles and t of two are the least to be believed."""
    metrics = result.metrics
    count = len(result.cycles)
    std, t_stat = metrics["std_cycle_krw"], metrics["t_stat"]
    margin = NORMAL_95 * std / math.sqrt(count) if std is not None else None
    believed = count >= CYCLES_WANTED and t_stat is not None and abs(t_stat) >= T_WANTED
    values = {
        "cycles": count,
        "mean_krw": metrics["mean_cycle_krw"],
        "margin_krw": margin,
        "t_stat": t_stat,
    }
    level = Level.OK if believed else Level.WARN
    if not count:
        return Check("no_cycles", level, {})
    if count < CYCLES_WANTED:
        return Check("few_cycles", level, values | {"wanted": CYCLES_WANTED})
    return Check("enough_cycles" if believed else "mean_near_zero", level, values)


def _month_carries(params: Params, result: Result) -> list[Check]:
    """Whether one month made the profit."""
    rows = months(result.columns, result.cycles, params.initial_capital_krw)
    total = sum(row["pnl_krw"] for row in rows)
    if len(rows) < MONTHS_WANTED or total <= 0.0:
        return []
    best = max(rows, key=lambda row: float(row["pnl_krw"]))
    share = best["pnl_krw"] / total
    warned = share >= max(MONTH_SHARE_MAX, 2.0 / len(rows))
    values = {"month": best["month"], "share_pct": 100.0 * share}
    return [Check("month_carries", Level.WARN if warned else Level.OK, values)]


def _costs(params: Params) -> Check:
    """Whether the rules leave more between entry and exit than fees and slippage take.

    Four market orders, two on each venue; withdrawals come on top.
    """
    cost = 2.0 * (params.krw_fee_bps + params.global_fee_bps) + 4.0 * params.slippage_bps
    if params.style is Style.TRANSFER and params.hedge:
        cost += 4.0 * params.hedge_fee_bps
    between = params.entry_bps - params.exit_bps
    level = Level.OK if between > cost else Level.WARN
    code = "costs_within_rules" if between > cost else "costs_above_rules"
    return Check(code, level, {"between_bps": between, "cost_bps": cost})


def _gaps_in_holds(aligned: Aligned, result: Result) -> Check:
    """Bars missing of a coin while a cycle depended on it."""
    cycles = result.cycles
    holds, longest_ns = np.zeros(len(cycles), bool), 0
    for coin in range(len(aligned.bases) if len(cycles) else 0):
        time = aligned.tape.time[aligned.tape.row[aligned.coin_bars(coin)]]
        starts, lengths = _gaps(time, aligned.timeframe_ns)
        # Cycles follow one another: the only one that a gap can fall into began last before it.
        place = np.searchsorted(cycles["t_entry"], starts, side="right") - 1
        concerned = (cycles["base"] == coin) | (cycles["return_base"] == coin)
        within = (place >= 0) & (starts < cycles["t_exit"][place]) & concerned[place]
        holds[place[within]] = True
        longest_ns = max(longest_ns, int(lengths[within].max(initial=0)))
    count = int(holds.sum())
    if not count:
        return Check("no_gaps_in_holds", Level.OK, {})
    values = {"holds": count, "cycles": len(cycles), "longest_s": longest_ns // SECOND_NS}
    return Check("gaps_in_holds", Level.WARN, values)


def _fx(aligned: Aligned) -> Check:
    """How old the rate behind a bar's close can be."""
    known = aligned.fx_known_at
    if known[0] == EVER_NS:
        return Check("fx_fixed", Level.WARN, {"rate": float(aligned.tape.fx_close[0])})
    age_ns = aligned.tape.time + aligned.timeframe_ns - known
    steps = np.diff(known[np.concatenate([[True], known[1:] != known[:-1]])])
    usual_ns = float(np.median(steps)) if steps.size else float(age_ns.max())
    oldest_ns = int(age_ns.max())
    stale = oldest_ns > FX_AGE_DAYS_MAX * DAY_NS or oldest_ns > FX_AGE_STEPS_MAX * usual_ns
    values = {"oldest_s": oldest_ns // SECOND_NS, "usual_s": int(usual_ns) // SECOND_NS}
    return Check("fx_stale" if stale else "fx_fresh", Level.WARN if stale else Level.OK, values)


def _coverage(aligned: Aligned) -> Check:
    """Share of the bars that both venues' spans could hold, and the longest hole."""
    longest_ns = 0
    for coin in range(len(aligned.bases)):
        time = aligned.tape.time[aligned.tape.row[aligned.coin_bars(coin)]]
        longest_ns = max(longest_ns, int(_gaps(time, aligned.timeframe_ns)[1].max(initial=0)))
    covered_pct = 100.0 * aligned.bars / aligned.expected_bars
    level = Level.OK if covered_pct >= COVERAGE_MIN_PCT else Level.WARN
    values = {"covered_pct": covered_pct, "longest_s": longest_ns // SECOND_NS}
    return Check("data_covered" if level is Level.OK else "data_holed", level, values)


def _end(result: Result) -> Check:
    """What the end of data cut off."""
    if result.open_cycle:
        mark = result.open_cycle["mark_krw"]
        values = {"base": result.open_cycle["base"], "mark_krw": mark}
        return Check("open_at_end", Level.WARN, values)
    if result.pending_order:
        return Check("order_at_end", Level.WARN, {"base": result.pending_order["base"]})
    return Check("nothing_open_at_end", Level.OK, {})


def _gaps(time_ns: Ints, timeframe_ns: int) -> tuple[Ints, Ints]:
    """(open time of the bar before it, how long nothing came) of every hole."""
    steps = np.diff(time_ns)
    holes = np.flatnonzero(steps > timeframe_ns)
    return time_ns[holes], steps[holes] - timeframe_ns
