"""One run of the kernel over a window of rows, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from app.backtest.kernel import advance, drawdowns
from app.backtest.rules import rules_of, withdraw_fees_of
from app.backtest.series import Aligned
from app.backtest.tape import CYCLE, FLAT, NONE, STATE, Floats, Records
from app.domain.backtests import Params

CHUNKS = 40  # a run's progress moves so often
CHUNK_ROWS_MIN = 1_024  # ... unless it is over at once
CHUNK_ROWS_MAX = 65_536  # and never slower than every millisecond or so

Progress = Callable[[int, int], None]


class Played(NamedTuple):
    """What the kernel left behind. `open_cycle` is the cycle under way, or an entry order."""

    cycles: Records
    open_cycle: Records
    state: Any
    daily_krw: Floats  # the last equity of each UTC day
    final_krw: float


class Curves(NamedTuple):
    """Arrays to be filled, one value per row of the window."""

    equity_krw: Floats
    drawdown_pct: Floats


def play(
    aligned: Aligned,
    params: Params,
    window: tuple[int, int] | None = None,
    curves: Curves | None = None,
    on_progress: Progress | None = None,
    chunk_rows: int | None = None,
) -> Played:
    """Play rows [first, stop) from flat. Progress is told in bars done; it may raise to cancel."""
    first, stop = window or (0, aligned.rows)
    rules = rules_of(params, aligned.timeframe_ns)
    fees = withdraw_fees_of(params, aligned.bases)
    state = _fresh(params.initial_capital_krw)
    chunk = chunk_rows or _chunk_rows(stop - first)
    cycles = np.recarray(chunk, CYCLE)
    scratch = np.empty(0 if curves else min(chunk, stop - first))
    ends = aligned.day_ends_within(first, stop) if stop > first else np.empty(0, np.int64)
    daily = np.empty(ends.size)
    final = params.initial_capital_krw
    peak = final
    for row in range(first, stop, chunk):
        upto = min(row + chunk, stop)
        room = int(state[0].cycles) + (upto - row) // 2 + 2
        if room > cycles.size:
            cycles = _grown(cycles, 2 * room)
        equity = curves.equity_krw[row - first : upto - first] if curves else scratch[: upto - row]
        advance(aligned.tape, rules, fees, state, cycles, equity, row, upto)
        if curves:
            peak = drawdowns(equity, curves.drawdown_pct[row - first : upto - first], peak)
        closing = slice(*np.searchsorted(ends, [row, upto]))
        daily[closing] = equity[ends[closing] - row]
        final = float(equity[-1])
        if on_progress:
            on_progress(_bars_before(aligned, first, upto), _bars_before(aligned, first, stop))
    finished = int(state[0].cycles)
    begun = int(state[0].phase != FLAT)
    return Played(cycles[:finished], cycles[finished : finished + begun], state[0], daily, final)


def _fresh(capital_krw: float) -> Any:
    state = np.recarray(1, STATE)
    state[0] = np.zeros((), STATE)
    state[0].due = NONE
    state[0].phase = FLAT
    state[0].capital_krw = capital_krw
    state[0].peak_krw = capital_krw
    state[0].trough_krw = capital_krw
    return state


def _chunk_rows(rows: int) -> int:
    """Small enough to stay in the cache and to move a progress bar, large enough to be free."""
    return max(CHUNK_ROWS_MIN, min(CHUNK_ROWS_MAX, rows // CHUNKS))


def _grown(cycles: Any, size: int) -> Any:
    grown = np.recarray(size, CYCLE)
    grown[: cycles.size] = cycles
    return grown


def _bars_before(aligned: Aligned, first: int, stop: int) -> int:
    """Bars of all coins in rows [first, stop)."""
    row, bars = aligned.tape.row, 0
    for coin in range(len(aligned.bases)):
        begin, end = np.searchsorted(row[aligned.coin_bars(coin)], [first, stop])
        bars += int(end - begin)
    return bars
