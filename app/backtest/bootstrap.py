"""Bootstrap of the cycle order: how much of a result is the luck of its sequence."""

from __future__ import annotations

from typing import Any

import numpy as np

from app.backtest.kernel import compiled, part
from app.backtest.tape import Floats, Ints
from app.domain.problems import FieldError, Problem

SAMPLES_MAX = 20_000
DRAWS_MAX = 2_000_000_000  # samples · cycles: some ten seconds
PATH_POINTS_MAX = 200
PERCENTILES = (5, 25, 50, 75, 95)

Bands = dict[str, float | None]


def bootstrap(
    pnls_krw: Floats, initial_krw: float, n: int = 1_000, seed: int = 0
) -> dict[str, Any]:
    """Draw as many cycles as there were, with replacement, `n` times; one seed, one answer.

    final_pnl_krw, roi_pct, max_drawdown_pct: p5 … p95 over the samples, drawdown below the running
    peak of capital plus P&L after each cycle. loss_pct: share of samples that end below zero.
    paths: the bands of P&L after `cycle` cycles, at most 200 of them, for a chart.
    """
    pnls = np.ascontiguousarray(pnls_krw, np.float64)
    _check(n, pnls.size)
    steps = np.unique(np.linspace(0, pnls.size, PATH_POINTS_MAX).round().astype(np.int64))
    finals, drawdowns = np.zeros(n), np.zeros(n)
    paths = np.zeros((n, steps.size))
    if pnls.size:
        _resample(pnls, initial_krw, np.uint64(seed % 2**64), steps, finals, drawdowns, paths)
    known = bool(pnls.size)
    along = np.percentile(paths, PERCENTILES, axis=0)
    return {
        "n": n,
        "seed": seed,
        "cycles": int(pnls.size),
        "final_pnl_krw": _bands(finals, known),
        "roi_pct": _bands(100.0 * finals / initial_krw, known),
        "max_drawdown_pct": _bands(100.0 * drawdowns, known),
        "loss_pct": 100.0 * float((finals < 0.0).mean()) if known else None,
        "paths": {"cycle": steps.tolist()}
        | {f"p{rank}": band.tolist() for rank, band in zip(PERCENTILES, along, strict=True)},
    }


def _check(n: int, cycles: int) -> None:
    allowed = min(SAMPLES_MAX, DRAWS_MAX // max(1, cycles))
    if not 1 <= n <= allowed:
        error = FieldError(column="n", value=str(n), expected=f"1..{allowed}")
        raise Problem("invalid_fields", errors=(error,))


def _bands(values: Floats, known: bool) -> Bands:
    ranks = np.percentile(values, PERCENTILES)
    return {
        f"p{rank}": float(value) if known else None
        for rank, value in zip(PERCENTILES, ranks, strict=True)
    }


@compiled
def _resample(
    pnls: Floats,
    initial_krw: float,
    seed: np.uint64,
    steps: Ints,
    finals: Floats,
    drawdowns: Floats,
    paths: Floats,
) -> None:
    """Fill one place per sample. Sample k draws from splitmix64, started at a mix of seed and k."""
    for sample in range(finals.size):
        state = _mixed(seed + np.uint64(sample) * np.uint64(0xD1342543DE82EF95))
        equity, peak, deepest = initial_krw, initial_krw, 0.0
        drawn = 0
        for place in range(steps.size):
            while drawn < steps[place]:
                state += np.uint64(0x9E3779B97F4A7C15)
                share = (_mixed(state) >> np.uint64(11)) * 2.0**-53
                equity += pnls[int(share * pnls.size)]
                peak = max(peak, equity)
                deepest = max(deepest, (peak - equity) / peak)
                drawn += 1
            paths[sample, place] = equity - initial_krw
        finals[sample] = equity - initial_krw
        drawdowns[sample] = deepest


@part
def _mixed(state: np.uint64) -> np.uint64:
    """splitmix64's output function (Steele, Lea, Flood: Fast splittable generators, 2014)."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
