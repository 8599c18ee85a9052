"""The grid of a sweep: its points, who lies next to whom, and which of them an objective wants."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence

import msgspec

from app.backtest.metrics import METRICS, Figures
from app.domain.backtests import POINTS_MAX, Axis, Params
from app.domain.problems import Problem

Point = dict[str, float]

WHOLE = frozenset({"max_hold_bars", "transfer_bars"})
WITHDRAW_FEE = "withdraw_fee."


def points(axes: Sequence[Axis]) -> list[Point]:
    """The product of the axes in the given order, the last one changing fastest."""
    count = math.prod(len(axis.values) for axis in axes)
    if count > POINTS_MAX:
        raise Problem("too_many_points", values={"points": count, "limit": POINTS_MAX})
    names = [axis.name for axis in axes]
    return [
        dict(zip(names, values, strict=True))
        for values in itertools.product(*(axis.values for axis in axes))
    ]


def changed(params: Params, point: Mapping[str, float]) -> Params:
    """The parameters with a point's values put in; `withdraw_fee.<coin>` is one coin's fee."""
    plain: dict[str, float] = {}
    fees = dict(params.withdraw_fee)
    for name, value in point.items():
        if name.startswith(WITHDRAW_FEE):
            fees[name.removeprefix(WITHDRAW_FEE)] = float(value)
        else:
            plain[name] = int(value) if name in WHOLE else float(value)
    return msgspec.structs.replace(params, withdraw_fee=fees, **plain)


def worth(figures: Figures, objective: str) -> float | None:
    """The objective as a number that is better when larger; None where it does not exist."""
    value = figures[objective]
    if value is None:
        return None
    return -float(value) if METRICS[objective].better == "lower" else float(value)


def best(rows: Sequence[Figures], objective: str) -> int | None:
    """The place of the best row: of equals the first, of rows without the objective only if all."""
    worths = [worth(row, objective) for row in rows]
    known = [place for place, value in enumerate(worths) if value is not None]
    if not known:
        return 0 if rows else None
    return max(known, key=lambda place: worths[place] or 0.0)


def neighbours(axes: Sequence[Axis], place: int) -> list[int]:
    """Places of the points one step away along one axis."""
    found = []
    stride = math.prod(len(axis.values) for axis in axes)
    for axis in axes:
        stride //= len(axis.values)
        step = place // stride % len(axis.values)
        found += [place - stride] if step > 0 else []
        found += [place + stride] if step < len(axis.values) - 1 else []
    return found


def plateau(axes: Sequence[Axis], rows: Sequence[Figures], objective: str) -> list[float | None]:
    """For every point the median objective of itself and its neighbours, of two middles the worse.

    A peak that stands alone is chance more often than skill: the best plateau is the better pick.
    """
    sign = -1.0 if METRICS[objective].better == "lower" else 1.0
    worths = [worth(row, objective) for row in rows]
    medians: list[float | None] = []
    for place in range(len(rows)):
        near = [worths[other] for other in (place, *neighbours(axes, place))]
        known = [value for value in near if value is not None]
        medians.append(sign * statistics.median_low(known) if known else None)
    return medians


def best_plateau(axes: Sequence[Axis], rows: Sequence[Figures], objective: str) -> int | None:
    """The place of the best of `plateau`; of equals the one that is itself better, then the first.

    None where no point has the objective.
    """
    level = plateau(axes, rows, objective)
    ranks = {
        place: (worth({objective: level[place]}, objective), own)
        for place, row in enumerate(rows)
        if (own := worth(row, objective)) is not None
    }
    return max(ranks, key=lambda place: ranks[place]) if ranks else None
