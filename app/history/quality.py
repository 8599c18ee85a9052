"""What a trader wants to know before trusting a file: gaps, density, zero volume, outliers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.domain.datasets import Gap, Quality
from app.history.limits import (
    DENSITY_SLICES,
    GAPS_LISTED_MAX,
    OUTLIER_DEVIATIONS,
    OUTLIERS_LISTED_MAX,
)
from app.history.times import NS_PER_S

_SAMPLE_MOVES = 200_000
_BLOCK_ROWS = 1_000_000
_NORMAL = 1.4826
"""Median absolute deviation → standard deviation, for normal moves."""

_Times = NDArray[np.int64]
_Values = NDArray[np.float64]


def measure(
    time_ns: _Times,
    apart_ns: _Times,
    step_ns: int | None,
    prices: _Values,
    *,
    zero_volume: int = 0,
    was_unsorted: bool = False,
) -> Quality:
    """The report on sorted, distinct times and their distances. step_ns None: no grid."""
    outliers, listed = _outliers(time_ns, prices)
    rows = len(time_ns)
    bars = rows if step_ns is None else int(time_ns[-1] - time_ns[0]) // step_ns + 1
    return Quality(
        coverage=rows / bars,
        gap_list=() if step_ns is None else _longest_gaps(time_ns, apart_ns, step_ns),
        zero_volume=zero_volume,
        outliers=outliers,
        outlier_list=listed,
        density=_density(time_ns, step_ns, bars),
        unsorted=was_unsorted,
    )


def _longest_gaps(time_ns: _Times, apart: _Times, step_ns: int) -> tuple[Gap, ...]:
    places = np.flatnonzero(apart > step_ns)
    longest = places[np.argsort(-apart[places], kind="stable")][:GAPS_LISTED_MAX]
    return tuple(
        Gap(
            start_ns=int(time_ns[at]),
            length_s=int(apart[at] - step_ns) // NS_PER_S,
            bars=int(apart[at]) // step_ns - 1,
        )
        for at in longest
    )


def _density(time_ns: _Times, step_ns: int | None, bars: int) -> tuple[float, ...]:
    """Of each of 200 equal slices of the span the share of bars that are there."""
    if step_ns is None:
        return (1.0,) * DENSITY_SLICES
    edges = np.arange(DENSITY_SLICES + 1) * bars // DENSITY_SLICES
    last = np.maximum(edges[1:], edges[:-1] + 1)  # a slice narrower than a bar shows that bar
    begin = np.searchsorted(time_ns, time_ns[0] + edges[:-1] * step_ns)
    end = np.searchsorted(time_ns, time_ns[0] + last * step_ns)
    share = (end - begin) / (last - edges[:-1])
    return tuple(share.tolist())


def _outliers(time_ns: _Times, prices: _Values) -> tuple[int, tuple[tuple[int, float], ...]]:
    """Spikes: prices far from both neighbours, on the same side of them."""
    if len(prices) < 3:
        return 0, ()
    limit = OUTLIER_DEVIATIONS * _usual_move(prices)
    if not limit > 0:
        return 0, ()
    count = 0
    listed: list[tuple[int, float]] = []
    for start in range(0, len(prices) - 2, _BLOCK_ROWS):
        moves = np.diff(np.log(prices[start : start + _BLOCK_ROWS + 2]))
        here, there = moves[:-1], moves[1:]
        spikes = (np.abs(here) > limit) & (np.abs(there) > limit) & ((here > 0) != (there > 0))
        places: NDArray[Any] = np.flatnonzero(spikes) + start + 1
        count += len(places)
        for at in places[: OUTLIERS_LISTED_MAX - len(listed)]:
            listed.append((int(time_ns[at]), float(prices[at])))
    return count, tuple(listed)


def _usual_move(prices: _Values) -> float:
    """A robust deviation of the log moves that are moves at all, from an even sample of them."""
    every = max(1, (len(prices) - 1) // _SAMPLE_MOVES)
    moves = np.log(prices[1::every] / prices[:-1:every][: len(prices[1::every])])
    moves = moves[moves != 0]
    if not len(moves):
        return 0.0
    return _NORMAL * float(np.median(np.abs(moves)))
