"""Tasks: what a worker can be ordered to do, by name. Imported by workers only: it is heavy."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator

from app.backtest.run import run
from app.domain.problems import Problem
from app.history import preview, reader, sample
from app.runtime.work.bars import Alignments
from app.runtime.work.limits import INGEST_BYTES_MAX, LINES_AROUND
from app.runtime.work.orders import (
    Backtest,
    Backtested,
    FileRefused,
    Ingest,
    Sample,
    Stored,
)
from app.runtime.work.results import write_result
from app.runtime.work.worker import Task, Ticket

alignments = Alignments()


def ingest(ticket: Ticket, order: Ingest) -> tuple[Stored, ...]:
    """A file → datasets on disk. Progress: (bytes done, bytes in all)."""
    folders = iter(order.folders)
    try:
        with _bounded_memory(INGEST_BYTES_MAX):
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


def make_sample(ticket: Ticket, order: Sample) -> tuple[Stored, ...]:  # noqa: ARG001
    """The built-in sample → datasets on disk."""
    folders = iter(order.folders)
    stored = sample.make_sample(order.out, lambda: next(folders), seed=order.seed)
    return tuple(Stored(folder, facts) for folder, facts in stored)


def backtest(ticket: Ticket, order: Backtest) -> Backtested:
    """One run. Progress: (bars done, bars in all)."""
    aligned = alignments.of(order.bars)
    result = run(aligned, order.params, lambda done, total: ticket.progress((done, total)))
    write_result(
        order.out,
        {
            "time": result.columns["time_s"],
            "equity_krw": result.columns["equity_krw"],
            "drawdown_pct": result.columns["drawdown_pct"],
            "premium_bps": result.columns["premium_bps"],
            "benchmark_krw": result.columns["benchmark_krw"],
            "cycles": result.cycles,
            "fills": result.fills,
        },
        {
            "bases": result.bases,
            "metrics": result.metrics,
            "open_cycle": result.open_cycle,
            "pending_order": result.pending_order,
        },
    )
    return Backtested(result.bars, result.metrics, result.open_cycle)


def _with_lines(order: Ingest, problem: Problem) -> Problem:
    """The refusal with the lines around its first place, where it names one."""
    row = next((place.row for place in problem.errors if place.row is not None), None)
    if row is None:
        return problem
    return FileRefused(problem, tuple(preview.around(order.source, order.name, row, LINES_AROUND)))


@contextlib.contextmanager
def _bounded_memory(bytes_max: int) -> Iterator[None]:
    """Private memory only: memory-mapped columns do not count, and need not."""
    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (bytes_max, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


TASKS: dict[str, Task] = {
    "ingest": ingest,
    "sample": make_sample,
    "backtest": backtest,
}
