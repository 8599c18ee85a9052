"""Order of rows: sorting, identical and conflicting duplicates, the timeframe and its grid."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.history.times import NS_PER_S

_Times = NDArray[np.int64]
_DISTINCT_GAPS_FAST = 16
_COARSER_STEPS_MIN = 5


class Order(NamedTuple):
    """rows: which rows to keep, in the order of time; None keeps all as they are. The file was
    sorted when its times never fell. equal: neighbours (kept row, dropped row) of one time."""

    rows: NDArray[np.intp] | None
    is_sorted: bool
    equal: NDArray[np.intp]


def of(time_ns: _Times) -> Order:
    """How to bring the rows of a file into the order of time, each time once.

    Of rows with one time the first is kept; the caller refuses those that differ.
    """
    apart = np.diff(time_ns)
    if (apart > 0).all():
        return Order(None, True, np.empty((0, 2), np.intp))
    is_sorted = bool((apart >= 0).all())
    rows: NDArray[Any] = (
        np.arange(len(time_ns)) if is_sorted else np.argsort(time_ns, kind="stable")
    )
    repeats = np.zeros(len(rows), bool)
    repeats[1:] = np.diff(time_ns[rows]) == 0
    first = np.maximum.accumulate(np.where(repeats, 0, np.arange(len(rows))))[repeats]
    return Order(rows[~repeats], is_sorted, np.column_stack((rows[first], rows[repeats])))


def common_gap_ns(apart_ns: _Times) -> int | None:
    """The most common distance of neighbours (ties: the smaller); None for a single row."""
    if not len(apart_ns):
        return None
    rest = apart_ns
    counts: Counter[int] = Counter()
    while len(rest) and len(counts) < _DISTINCT_GAPS_FAST:
        gap = int(rest[len(rest) // 2])
        same = rest == gap
        counts[gap] = int(np.count_nonzero(same))
        rest = rest[~same]
    values, times = np.unique(rest, return_counts=True)
    counts.update(dict(zip(values.tolist(), times.tolist(), strict=True)))
    return min(counts, key=lambda gap: (-counts[gap], gap))


def first_off_grid(apart_ns: _Times, step_ns: int) -> int | None:
    """The first row whose time is not the first time + k·step; None when all are."""
    places = np.flatnonzero(apart_ns != step_ns)
    off = places[apart_ns[places] % step_ns != 0]
    return int(off[0]) + 1 if len(off) else None


def first_coarser(apart_ns: _Times, step_ns: int) -> int | None:
    """The first row of a stretch in a longer timeframe: equal longer steps one after another,
    a quarter of all. Gaps do not come like that, and such bars end later than they claim."""
    shortest = max(_COARSER_STEPS_MIN, len(apart_ns) // 4)
    if np.count_nonzero(apart_ns > step_ns) < shortest:
        return None
    starts = np.flatnonzero(np.diff(apart_ns, prepend=-1))
    lengths = np.diff(starts, append=len(apart_ns))
    stretches = starts[(apart_ns[starts] > step_ns) & (lengths >= shortest)]
    return int(stretches[0]) + 1 if len(stretches) else None


def whole_seconds(gap_ns: int) -> int | None:
    """A distance as a timeframe in seconds, if it is one."""
    seconds, rest = divmod(gap_ns, NS_PER_S)
    return seconds if seconds and not rest else None
