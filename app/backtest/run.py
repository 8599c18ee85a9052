"""One backtest: aligned bars and parameters → metrics, cycles with their fills, curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from app.backtest.cycles import cycles_as_rows, flat_fills, tabulate
from app.backtest.metrics import Figures, Outcome, measure
from app.backtest.play import Curves, Played, Progress, play
from app.backtest.series import Aligned
from app.backtest.tape import (
    ENTERING,
    HIGH,
    PHASES,
    SECOND_NS,
    Floats,
    Records,
)
from app.domain.backtests import Direction, Params

Column = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """Everything that a run says.

    cycles: one CYCLE_ROW each; fills: FILL, sorted by cycle and time; both can be stored as they
    are, with `bases` beside them, and read through `cycles_as_rows`. columns: per row time_s
    (int64), equity_krw, drawdown_pct (>= 0), premium_bps (of several coins the largest when high
    is traded, the smallest when low, the one further from zero when both) and benchmark_krw.
    open_cycle and pending_order are what was under way at the end of data, as rows for a door.
    """

    bases: tuple[str, ...]
    bars: int
    metrics: Figures
    cycles: Records
    fills: Records
    open_cycle: dict[str, Any] | None
    pending_order: dict[str, Any] | None
    columns: dict[str, Column]


def run(aligned: Aligned, params: Params, on_progress: Progress | None = None) -> Result:
    """Play all rows. Progress is told in bars done of bars; the callback raises to cancel."""
    curves = Curves(np.empty(aligned.rows), np.empty(aligned.rows))
    played = play(aligned, params, curves=curves, on_progress=on_progress)
    table, fills = tabulate(aligned, params, played.cycles)
    return Result(
        bases=aligned.bases,
        bars=aligned.bars,
        metrics=measure(outcome(aligned, params, played, table)),
        cycles=table,
        fills=flat_fills(fills),
        open_cycle=open_cycle(aligned, params, played),
        pending_order=pending_order(aligned, played),
        columns={
            "time_s": aligned.tape.time // SECOND_NS,
            "equity_krw": curves.equity_krw,
            "drawdown_pct": curves.drawdown_pct,
            "premium_bps": premium_column(aligned, params.direction),
            "benchmark_krw": benchmark(aligned, params.initial_capital_krw),
        },
    )


def outcome(
    aligned: Aligned,
    params: Params,
    played: Played,
    table: Records,
    window: tuple[int, int] | None = None,
) -> Outcome:
    """What the metrics of a played window are computed from; `table` is of its cycles."""
    first, stop = window or (0, aligned.rows)
    time = aligned.tape.time[first:stop]
    end_ns = int(time[-1]) + aligned.timeframe_ns if time.size else 0
    open_ns = 0
    if is_cycle(played):
        entry = played.open_cycle["entry"][0]
        open_ns = end_ns - int(aligned.tape.time[aligned.tape.row[entry]])
    return Outcome(
        initial_krw=params.initial_capital_krw,
        final_krw=played.final_krw,
        realised_krw=float(played.state.realised_krw),
        drawdown=float(played.state.drawdown),
        daily_krw=played.daily_krw,
        table=table,
        open_ns=open_ns,
        span_ns=end_ns - int(time[0]) if time.size else 0,
        benchmark_roi_pct=benchmark_roi_pct(aligned, first, stop),
    )


def is_cycle(played: Played) -> bool:
    """Whether a cycle is open at the end; a waiting entry order is none."""
    return bool(len(played.open_cycle)) and int(played.state.phase) != ENTERING


def mark_krw(aligned: Aligned, played: Played, stop: int) -> float:
    """The open cycle's worth at the close of the last row before `stop`."""
    state, tape = played.state, aligned.tape
    usdt = state.usdt + state.global_coins * tape.global_close[state.own]
    return float(
        state.fixed_krw
        + usdt * tape.fx_close[stop - 1]
        + state.krw_coins * tape.krw_close[state.own]
    )


def open_cycle(aligned: Aligned, params: Params, played: Played) -> dict[str, Any] | None:
    """The cycle under way as a row, with its mark, its state and whether it waits for a bar."""
    if not is_cycle(played):
        return None
    table, fills = tabulate(aligned, params, played.open_cycle)
    row = cycles_as_rows(table, flat_fills(fills), aligned.bases)[0]
    for unknown in ("number", "t_exit", "pnl_krw", "net_bps"):
        del row[unknown]
    last_ns = int(aligned.tape.time[-1]) + aligned.timeframe_ns
    row["hold_s"] = last_ns / SECOND_NS - row["t_entry"]
    row["mark_krw"] = mark_krw(aligned, played, aligned.rows)
    row["state"] = PHASES[played.state.phase]
    return row


def pending_order(aligned: Aligned, played: Played) -> dict[str, Any] | None:
    """An entry order that has not met its bar."""
    if not len(played.open_cycle) or is_cycle(played):
        return None
    order = played.open_cycle[0]
    bar = int(order["signal_in"])
    return {
        "direction": "high" if order["side"] == HIGH else "low",
        "base": aligned.bases[aligned.coin_of(bar)],
        "t_signal": int(aligned.tape.time[aligned.tape.row[bar]]) // SECOND_NS,
        "in_bps": float(aligned.tape.premium[bar]),
    }


def premium_column(aligned: Aligned, direction: Direction) -> Floats:
    """The premium that matters for entries, per row."""
    highest, lowest = aligned.tape.highest, aligned.tape.lowest
    if direction is Direction.BOTH and len(aligned.bases) > 1:
        return np.where(np.abs(highest) >= np.abs(lowest), highest, lowest)
    return lowest if direction is Direction.LOW else highest


def benchmark(aligned: Aligned, initial_krw: float) -> Floats:
    """The capital held as coins, per row.

    It is split equally; each part buys its coin at the open of the coin's first bar abroad, without
    costs, and is worth its last close abroad in won; until then it is cash.
    """
    tape = aligned.tape
    total = np.zeros(aligned.rows)
    share = initial_krw / max(1, len(aligned.bases))
    for coin in range(len(aligned.bases)):
        bars = aligned.coin_bars(coin)
        rows, close = tape.row[bars], tape.global_close[bars]
        if not rows.size:
            total += share
            continue
        first = int(rows[0])
        if rows.size != aligned.rows:
            close = np.repeat(close, np.diff(np.append(rows, aligned.rows)))
        coins = share / (tape.global_open[bars.start] * tape.fx_open[first])
        total[:first] += share
        total[first:] += coins * close * tape.fx_close[first:]
    return total


def benchmark_roi_pct(aligned: Aligned, first: int, stop: int) -> float | None:
    """The return of `benchmark` over a window of rows, from each coin's first to its last bar."""
    if stop <= first:
        return None
    tape = aligned.tape
    growth = []
    for coin in range(len(aligned.bases)):
        bars = aligned.coin_bars(coin)
        begin, end = bars.start + np.searchsorted(tape.row[bars], [first, stop])
        if begin == end:
            growth.append(1.0)
            continue
        paid = tape.global_open[begin] * tape.fx_open[tape.row[begin]]
        growth.append(float(tape.global_close[end - 1] * tape.fx_close[stop - 1] / paid))
    return (sum(growth) / len(growth) - 1.0) * 100.0
