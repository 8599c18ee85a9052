"""Many strategies over the same bars: the same kernel and the same figures, without the curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.backtest.cycles import tabulate
from app.backtest.grid import best, best_plateau, changed, neighbours, plateau, points
from app.backtest.metrics import Figures, measure
from app.backtest.play import Progress, play
from app.backtest.run import outcome
from app.backtest.series import Aligned
from app.domain.backtests import Params

__all__ = ["best", "best_plateau", "evaluate", "neighbours", "plateau", "points"]


def evaluate(
    aligned: Aligned,
    params: Params,
    grid: Sequence[Mapping[str, float]],
    window: tuple[int, int] | None = None,
    on_progress: Progress | None = None,
) -> list[Figures]:
    """The metrics of every point, in order, over all rows or rows [first, stop).

    A row is what a run with these parameters says, to the last bit. Progress is told in points.
    """
    rows = []
    for done, point in enumerate(grid, start=1):
        chosen = changed(params, point)
        played = play(aligned, chosen, window)
        table, _ = tabulate(aligned, chosen, played.cycles)
        rows.append(measure(outcome(aligned, chosen, played, table, window)))
        if on_progress:
            on_progress(done, len(grid))
    return rows
