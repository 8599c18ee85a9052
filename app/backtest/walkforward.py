"""Walk-forward: a train window chooses, the test window after it judges, only tests count."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
import numpy as np

from app.backtest.cycles import CYCLE_ROW, end_at_mark, flat_fills, tabulate
from app.backtest.fills import FILL
from app.backtest.grid import Point, best, changed
from app.backtest.kernel import drawdowns
from app.backtest.metrics import Figures, Outcome, measure
from app.backtest.play import Curves, Played, Progress, play
from app.backtest.run import benchmark_roi_pct, is_cycle, mark_krw, outcome, premium_column
from app.backtest.series import Aligned, day_ends
from app.backtest.sweep import evaluate
from app.backtest.tape import DAY_NS, SECOND_NS, Records
from app.domain.backtests import Axis, Params
from app.domain.problems import FieldError, Problem

WINDOWS_MAX = 1_000


class Window(NamedTuple):
    """Times in ns, starts inclusive, ends exclusive, on bar open time; test_start = train_end."""

    train_start: int
    train_end: int
    test_start: int
    test_end: int


class Judged(NamedTuple):
    """One window, the point that its training chose, and both sides' figures."""

    window: Window
    chosen: Point
    train_metrics: Figures
    test_metrics: Figures


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """The joined test windows, in the shapes of `run.Result`."""

    bases: tuple[str, ...]
    windows: tuple[Judged, ...]
    metrics: Figures
    cycles: Records
    fills: Records
    columns: dict[str, Any]


def windows(
    aligned: Aligned, train_days: float, test_days: float, step_days: float | None = None
) -> list[Window]:
    """All windows over the aligned bars.

    Window k trains from (open of the first bar) + k · step for train_days and is tested right
    after for test_days; step is test_days unless given, and no shorter, so that no bar is judged
    twice. There is a window for every test start at or before the last bar's open; the last test
    ends with the data (the close of the last bar) when that comes first.
    """
    step_days = test_days if step_days is None else step_days
    if step_days < test_days:
        expected = f">= test_days {test_days:g}"
        error = FieldError(column="step_days", value=f"{step_days:g}", expected=expected)
        raise Problem("invalid_fields", errors=(error,))
    train, test, step = (round(days * DAY_NS) for days in (train_days, test_days, step_days))
    time = aligned.tape.time
    first = int(time[0]) if time.size else 0
    end = int(time[-1]) + aligned.timeframe_ns if time.size else 0
    last = end - aligned.timeframe_ns
    if not time.size or first + train > last:
        span_days, needed_days = (end - first) / DAY_NS, train_days + test_days
        values = {"span_days": f"{span_days:.1f}", "needed_days": f"{needed_days:g}"}
        raise Problem("no_window", values=values)
    if (last - first - train) // step >= WINDOWS_MAX:
        shortest = (end - first) / DAY_NS / WINDOWS_MAX
        error = FieldError(column="step_days", value=f"{step_days:g}", expected=f">= {shortest:g}")
        raise Problem("invalid_fields", errors=(error,))
    starts = range(first, last - train + 1, step)
    return [Window(at, at + train, at + train, min(at + train + test, end)) for at in starts]


def walk(
    aligned: Aligned,
    params: Params,
    grid: Sequence[Point],
    spans: Sequence[Window],
    objective: str,
    on_progress: Progress | None = None,
) -> Walk:
    """Train every window over the grid, then judge. Progress is told in points evaluated."""
    total = len(spans) * len(grid)
    chosen, trained = [], []
    for place, span in enumerate(spans):
        rows = evaluate(
            aligned,
            params,
            grid,
            aligned.row_window(span.train_start, span.train_end),
            _shifted(on_progress, place * len(grid), total),
        )
        choice = best(rows, objective) or 0
        chosen.append(grid[choice])
        trained.append(rows[choice])
    return stitch(aligned, params, spans, chosen, trained)


def stitch(
    aligned: Aligned,
    params: Params,
    spans: Sequence[Window],
    chosen: Sequence[Point],
    trained: Sequence[Figures],
) -> Walk:
    """Play every test window with its chosen point and join them.

    Each starts flat with the capital that the last one ended with. A cycle open at the end of its
    window is closed at its mark there: it counts, with the reason `window_end`, and its exit is the
    window's last bar. An entry order still waiting there is dropped. When the capital is gone, the
    windows after that are not played.
    """
    judged: list[Judged] = []
    parts: list[_Part] = []
    capital = params.initial_capital_krw
    for span, point, train_metrics in zip(spans, chosen, trained, strict=True):
        tested = msgspec.structs.replace(changed(params, point), initial_capital_krw=capital)
        part = _test(aligned, tested, aligned.row_window(span.test_start, span.test_end))
        judged.append(Judged(span, point, train_metrics, measure(part.outcome)))
        parts.append(part)
        capital = part.outcome.final_krw
        if capital <= 0.0:
            break
    return _joined(aligned, params, judged, parts)


def drift(axes: Sequence[Axis], judged: Sequence[Judged]) -> list[dict[str, Any]]:
    """How the chosen value of every axis wanders from window to window.

    changes: how often it differs from the window before. usual: the value chosen most often (of
    equals the first), usual_pct: in how many windows.
    """
    wandering = []
    for axis in axes:
        values = [window.chosen[axis.name] for window in judged]
        usual = statistics.mode(values)
        wandering.append(
            {
                "name": axis.name,
                "values": values,
                "changes": sum(a != b for a, b in pairwise(values)),
                "smallest": min(values),
                "largest": max(values),
                "usual": usual,
                "usual_pct": 100.0 * values.count(usual) / len(values),
            }
        )
    return wandering


class _Part(NamedTuple):
    """One test window played."""

    rows: tuple[int, int]
    outcome: Outcome
    fills: Records
    columns: dict[str, Any]


def _test(aligned: Aligned, params: Params, rows: tuple[int, int]) -> _Part:
    first, stop = rows
    curves = Curves(np.empty(stop - first), np.empty(stop - first))
    played = play(aligned, params, rows, curves)
    table, fills = tabulate(aligned, params, played.cycles)
    said = outcome(aligned, params, played, table, rows)
    if is_cycle(played):
        table, fills = _with_open(aligned, params, played, stop, table, fills)
        mark = mark_krw(aligned, played, stop)
        said = said._replace(table=table, open_ns=0, realised_krw=said.realised_krw + mark)
    columns = {
        "time_s": aligned.tape.time[first:stop] // SECOND_NS,
        "equity_krw": curves.equity_krw,
        "premium_bps": premium_column(aligned, params.direction)[first:stop],
    }
    return _Part(rows, said, flat_fills(fills), columns)


def _with_open(
    aligned: Aligned, params: Params, played: Played, stop: int, table: Records, fills: Records
) -> tuple[Records, Records]:
    """The table and the fills with the open cycle ended at its mark behind them."""
    row, its_fills = tabulate(aligned, params, played.open_cycle)
    end_ns = int(aligned.tape.time[stop - 1])
    end_at_mark(row, mark_krw(aligned, played, stop), end_ns, params.notional_krw)
    its_fills["cycle"][its_fills["cycle"] >= 0] = len(table)
    return np.concatenate([table, row]), np.concatenate([fills, its_fills])


def _joined(aligned: Aligned, params: Params, judged: list[Judged], parts: list[_Part]) -> Walk:
    columns = {
        name: np.concatenate([part.columns[name] for part in parts])
        for name in ("time_s", "equity_krw", "premium_bps")
    }
    equity = columns["equity_krw"]
    columns["drawdown_pct"] = np.empty(equity.size)
    drawdowns(equity, columns["drawdown_pct"], params.initial_capital_krw)
    ends = day_ends(columns["time_s"] * SECOND_NS)
    table = np.concatenate([np.zeros(0, CYCLE_ROW), *(part.outcome.table for part in parts)])
    offsets = np.cumsum([0, *(len(part.outcome.table) for part in parts)])
    for part, offset in zip(parts, offsets, strict=False):
        part.fills["cycle"] += offset
    tested = [part for part in parts if part.outcome.span_ns]
    metrics = measure(
        Outcome(
            initial_krw=params.initial_capital_krw,
            final_krw=parts[-1].outcome.final_krw,
            realised_krw=sum(part.outcome.realised_krw for part in parts),
            drawdown=float(columns["drawdown_pct"].max(initial=0.0)) / 100.0,
            daily_krw=equity[ends],
            table=table,
            open_ns=0,
            span_ns=sum(part.outcome.span_ns for part in parts),
            benchmark_roi_pct=benchmark_roi_pct(aligned, tested[0].rows[0], tested[-1].rows[1])
            if tested
            else None,
        )
    )
    fills = np.concatenate([np.zeros(0, FILL), *(part.fills for part in parts)])
    return Walk(aligned.bases, tuple(judged), metrics, table, fills, columns)


def _shifted(on_progress: Progress | None, offset: int, total: int) -> Progress | None:
    if on_progress is None:
        return None
    return lambda done, _: on_progress(offset + done, total)
