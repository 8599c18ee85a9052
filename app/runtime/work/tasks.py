"""Tasks: what a worker can be ordered to do, by name. Imported by workers only: it is heavy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.backtest import views, walkforward
from app.backtest.bootstrap import bootstrap
from app.backtest.checks import checks
from app.backtest.lookahead import lookahead
from app.backtest.metrics import Figures
from app.backtest.report import LABELS, Sheet, report
from app.backtest.run import run
from app.backtest.series import Aligned, align, until
from app.backtest.sweep import evaluate
from app.backtest.tape import Records
from app.domain.backtests import Params
from app.domain.problems import Problem
from app.domain.records import StudyWindow
from app.history import preview, reader, sample
from app.runtime.work.bars import Alignments, most_bars, series
from app.runtime.work.limits import INGEST_BYTES_MAX, LINES_AROUND
from app.runtime.work.orders import (
    Backtest,
    Backtested,
    Bootstrap,
    FileRefused,
    Ingest,
    Lookahead,
    Points,
    Report,
    Sample,
    Span,
    Stored,
    Walk,
    Walked,
    Windows,
)
from app.runtime.work.results import CURVES, Result, write_result
from app.runtime.work.worker import Task, Ticket, bounded_memory
from app.texts import text

alignments = Alignments()


def ingest(ticket: Ticket, order: Ingest) -> tuple[Stored, ...]:
    """A file → datasets on disk. Progress: (bytes done, bytes in all)."""
    folders = iter(order.folders)
    try:
        with bounded_memory(INGEST_BYTES_MAX):
            stored = reader.read_file(
                order.source,
                order.name,
                order.hints,
                order.out,
                lambda done, total: ticket.progress((done, total)),
                lambda: next(folders),
            )
    except Problem as problem:
        raise _with_lines(order, problem) from problem
    return tuple(Stored(folder, facts) for folder, facts in stored)


def make_sample(_ticket: Ticket, order: Sample) -> tuple[Stored, ...]:
    """The built-in sample → datasets on disk."""
    folders = iter(order.folders)
    stored = sample.make_sample(order.out, lambda: next(folders))
    return tuple(Stored(folder, facts) for folder, facts in stored)


def backtest(ticket: Ticket, order: Backtest) -> Backtested:
    """One run: aligned, played, written. Progress: (bars done, bars in all).

    A bar counts a third in each of the three; while it is aligned, how many there will be is not
    known, only that no coin can have more than the shorter of its two files.
    """
    most = most_bars(order.bars)
    aligned = alignments.of(order.bars, on_progress=_third(ticket, 0, most))
    result = run(aligned, order.params, _third(ticket, 1, aligned.bars))
    write_result(
        order.out,
        {**result.columns, "cycles": result.cycles, "fills": result.fills},
        {
            "bases": result.bases,
            "metrics": result.metrics,
            "open_cycle": result.open_cycle,
            "pending_order": result.pending_order,
            "checks": [check._asdict() for check in checks(aligned, order.params, result)],
            **_views(result.columns, result.cycles, result.bases, order.params),
        },
        _third(ticket, 2, aligned.bars),
    )
    return Backtested(result.bars, result.metrics, result.open_cycle)


def _third(ticket: Ticket, number: int, bars: int) -> Callable[[int, int], None]:
    """Tells progress of one third as bars of the whole."""

    def tell(done: int, total: int) -> None:
        ticket.progress((round(bars * (number + done / max(total, 1)) / 3), bars))

    return tell


def points(ticket: Ticket, order: Points) -> list[Figures]:
    """The metrics of some points of a grid. Progress: points done."""
    aligned = alignments.of(order.bars)
    return evaluate(
        aligned,
        order.params,
        order.grid,
        None if order.window is None else aligned.row_window(*order.window),
        lambda done, _: ticket.progress(done),
    )


def windows(_ticket: Ticket, order: Windows) -> tuple[Span, ...]:
    """(train start, train end, test start, test end) of each, ns."""
    aligned = alignments.of(order.bars)
    days = (order.train_days, order.test_days, order.step_days)
    return tuple(
        (span.train_start, span.train_end, span.test_start, span.test_end)
        for span in walkforward.windows(aligned, *days)
    )


def walk(_ticket: Ticket, order: Walk) -> Walked:
    """The joined test windows of a walk-forward."""
    spans = [walkforward.Window(*window) for window in order.windows]
    walked = walkforward.stitch(
        alignments.of(order.bars), order.params, spans, order.chosen, order.trained
    )
    write_result(
        order.out,
        {**walked.columns, "cycles": walked.cycles, "fills": walked.fills},
        {
            "bases": walked.bases,
            "drift": walkforward.drift(order.axes, walked.windows),
            **_views(walked.columns, walked.cycles, walked.bases, order.params),
        },
    )
    judged = tuple(
        StudyWindow(*part.window, part.chosen, part.train_metrics, part.test_metrics)
        for part in walked.windows
    )
    return Walked(judged, walked.metrics)


def resample(_ticket: Ticket, order: Bootstrap) -> dict[str, Any]:
    """Bands of the bootstrap of a run's cycle order."""
    pnls = Result(order.folder).array("cycles")["pnl_krw"]
    return bootstrap(pnls, order.initial_krw, order.n, order.seed)


def look_ahead(ticket: Ticket, order: Lookahead) -> dict[str, Any]:
    """Whether truncating future rows changes an earlier decision. Progress: cuts made."""
    bars = order.bars
    coins, fx = series(bars)
    cuts = 0

    def build(cut_ns: int | None) -> Aligned:
        nonlocal cuts
        ticket.progress(cuts)
        cuts += 1
        if cut_ns is None:
            return alignments.of(bars)
        return align(*until(coins, fx, cut_ns), bars.timeframe_s, bars.start_ns, bars.end_ns)

    return lookahead(build, order.params)


def draw(_ticket: Ticket, order: Report) -> str:
    """A run's report."""
    result, words = Result(order.folder), order.words
    names = (*CURVES, "benchmark_krw")
    sheet = Sheet(
        lang=words.lang,
        updown=words.updown,
        title=words.title,
        facts=words.facts,
        lead=words.lead,
        figures=words.figures,
        parameters=words.parameters,
        datasets=words.datasets,
        checks=words.checks,
        levels=words.levels,
        initial_krw=order.initial_krw,
        columns={name: result.array(name) for name in names},
        cycles=result.array("cycles"),
        fills=result.array("fills"),
        bases=result.document["bases"],
    )
    return report(sheet, {name: text(words.lang, f"report.{name}") for name in LABELS})


def _views(
    columns: views.Columns, cycles: Records, bases: tuple[str, ...], params: Params
) -> dict[str, Any]:
    """What pages show beside curves and cycles, computed once."""
    return {
        "months": views.months(columns, cycles, params.initial_capital_krw),
        "histogram": views.histogram(cycles["pnl_krw"]),
        "by_coin": views.by_coin(cycles, bases),
    }


def _with_lines(order: Ingest, problem: Problem) -> Problem:
    """The refusal with the lines around its first place, where it names one."""
    row = next((place.row for place in problem.errors if place.row is not None), None)
    if row is None:
        return problem
    return FileRefused(problem, tuple(preview.around(order.source, order.name, row, LINES_AROUND)))


TASKS: dict[str, Task] = {
    "ingest": ingest,
    "sample": make_sample,
    "backtest": backtest,
    "points": points,
    "windows": windows,
    "walk": walk,
    "bootstrap": resample,
    "lookahead": look_ahead,
    "report": draw,
}
