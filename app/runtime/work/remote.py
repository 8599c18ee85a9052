"""Remote: what a Dask worker executes. kimp must be importable there; its data comes along."""

from __future__ import annotations

from app.domain.records import Metrics
from app.runtime.work.bars import Alignments, Series
from app.runtime.work.orders import Points

alignments = Alignments()


def points(series: Series, order: Points) -> list[Metrics]:
    """As the task `points`, over columns that were sent instead of files."""
    from app.backtest.sweep import evaluate  # noqa: PLC0415 - the sender needs no compiler

    aligned = alignments.of(order.bars, lambda _: series)
    window = None if order.window is None else aligned.row_window(*order.window)
    return evaluate(aligned, order.params, order.grid, window)
