"""What pages and reports read out of stored results: months, histogram, by coin, thinned curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from app.backtest.tape import SECOND_NS, Floats, Ints, Records

BINS = 24
Columns = Mapping[str, npt.NDArray[Any]]


def months(columns: Columns, cycles: Records, initial_krw: float) -> list[dict[str, Any]]:
    """One row per UTC month that has bars, in order.

    pnl_krw, cycles, win_rate_pct: of the cycles that ended in the month. roi_pct: equity at its
    last bar over that of the month before (the initial capital at first). max_drawdown_pct: the
    deepest point below the run's peak so far that the month saw.
    """
    time_s = columns["time_s"]
    if not time_s.size:
        return []
    of_rows = _month_numbers(time_s)
    of_cycles = _month_numbers(cycles["t_exit"] // SECOND_NS)
    firsts = np.concatenate([[0], np.flatnonzero(np.diff(of_rows)) + 1])
    stops = np.append(firsts[1:], time_s.size)
    before = initial_krw
    rows = []
    for first, stop in zip(firsts, stops, strict=True):
        ended = cycles["pnl_krw"][of_cycles == of_rows[first]]
        last = float(columns["equity_krw"][stop - 1])
        rows.append(
            {
                "month": str(np.datetime64(int(of_rows[first]), "M")),
                "pnl_krw": float(ended.sum()),
                "roi_pct": (last / before - 1.0) * 100.0 if before > 0.0 else None,
                "cycles": int(ended.size),
                "win_rate_pct": _win_rate_pct(ended),
                "max_drawdown_pct": float(columns["drawdown_pct"][first:stop].max()),
            }
        )
        before = last
    return rows


def histogram(pnls_krw: Floats, bins: int = BINS) -> dict[str, Any]:
    """Counts of cycle P&L in equal steps of a round width, zero always being an edge.

    edges: one more than counts. A value on an edge belongs to the bin right of it.
    """
    if not pnls_krw.size:
        return {"edges": [], "counts": [], "step_krw": None, "median_krw": None}
    lowest, highest = float(pnls_krw.min()), float(pnls_krw.max())
    step = _round_step((highest - lowest) / bins or abs(highest) or 1.0)
    first, last = math.floor(lowest / step), math.floor(highest / step) + 1
    places = np.floor(pnls_krw / step).astype(np.int64) - first
    return {
        "edges": [edge * step for edge in range(first, last + 1)],
        "counts": np.bincount(places, minlength=last - first).tolist(),
        "step_krw": step,
        "median_krw": float(np.median(pnls_krw)),
    }


def by_coin(cycles: Records, bases: Sequence[str]) -> list[dict[str, Any]]:
    """One row per coin that began a cycle, by P&L; net_bps and captured_bps are means."""
    rows = []
    for coin, base in enumerate(bases):
        own = cycles[cycles["base"] == coin]
        if not own.size:
            continue
        captured = own["direction"] * (own["in_bps"] - own["out_bps"])
        captured = captured[~np.isnan(captured)]
        rows.append(
            {
                "base": base,
                "cycles": int(own.size),
                "pnl_krw": float(own["pnl_krw"].sum()),
                "captured_bps": float(captured.mean()) if captured.size else None,
                "net_bps": float(own["net_bps"].mean()),
                "win_rate_pct": _win_rate_pct(own["pnl_krw"]),
                "mean_hold_s": float(own["hold_s"].mean()),
                "fees_krw": float(own["fees_krw"].sum()),
            }
        )
    return sorted(rows, key=lambda row: -float(row["pnl_krw"]))


# What a thinned curve must not lose, the most important first.
_EXTREMES = (
    ("equity_krw", np.argmin),
    ("equity_krw", np.argmax),
    ("drawdown_pct", np.argmax),
    ("premium_bps", np.argmax),
    ("premium_bps", np.argmin),
)


def thin(columns: Columns, points: int) -> dict[str, npt.NDArray[Any]]:
    """At most `points` rows of the columns: the first, the last, and the extremes of equal slices.

    The extremes of the whole are always among them, from 7 points on; below, as many as fit.
    """
    assert points >= 1, points
    size = columns["time_s"].size
    if size <= points:
        return dict(columns)
    kept = _EXTREMES[: max(0, points - 2)]
    slices = max(1, (points - 2) // len(kept)) if kept else 0
    edges = np.linspace(0, size, slices + 1).astype(np.int64)
    picked = {size - 1} if points == 1 else {0, size - 1}
    for name, find in kept:
        column = columns[name]
        picked |= {
            first + int(find(column[first:stop])) for first, stop in pairwise(edges.tolist())
        }
    places = np.array(sorted(picked))
    return {name: column[places] for name, column in columns.items()}


def _month_numbers(time_s: Ints) -> Ints:
    """Months since 1970 of epoch seconds."""
    return time_s.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)


def _win_rate_pct(pnls_krw: Floats) -> float | None:
    return 100.0 * float((pnls_krw > 0.0).mean()) if pnls_krw.size else None


def _round_step(width: float) -> float:
    """The smallest of 1, 2, 5 · 10^k that is at least `width`."""
    scale = 10.0 ** math.floor(math.log10(width))
    return next(scale * digit for digit in (1.0, 2.0, 5.0, 10.0) if scale * digit >= width)
