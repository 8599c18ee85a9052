"""Runs and studies as the lines of a list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.backtests import FINAL, RunSpec, RunStatus
from app.domain.records import RunRow, StudyKind, StudyRow
from app.domain.times import SECOND_NS

COMPARE_MAX = 5


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run in a list. Figures are None until it has completed."""

    id: str
    title: str
    bases: str
    style: str
    direction: str
    status: str
    open: bool
    progress: float
    roi: float | None
    pnl: float | None
    cycles: float | None
    drawdown: float | None
    at_ns: int
    age_s: float


@dataclass(frozen=True, slots=True)
class StudyLine:
    """A sweep or a walk-forward in a list. best: P&L in KRW of the best point or of all tests."""

    id: str
    title: str
    href: str
    status: str
    open: bool
    progress: float
    done: int
    total: int | None
    best: float | None
    at_ns: int
    age_s: float


def number_of(public_id: str) -> str:
    """b-193 → 193"""
    return public_id.partition("-")[2]


def bases_of(spec: RunSpec) -> str:
    return " ".join(market.base for market in spec.markets)


def thresholds(spec: RunSpec) -> str:
    """120 / 50, as a run without a name is called."""
    return f"{spec.params.entry_bps:g} / {spec.params.exit_bps:g}"


def title_of(public_id: str, spec: RunSpec) -> str:
    """193 · high 120 / 50; a name of the user's stands in its place."""
    words = spec.name or f"{bases_of(spec)} {thresholds(spec)}"
    return f"{number_of(public_id)} · {words}"


def run_line(row: RunRow, now_ns: int) -> RunLine:
    metrics: Mapping[str, float | int | None] = row.metrics or {}
    return RunLine(
        id=row.id,
        title=title_of(row.id, row.spec),
        bases=bases_of(row.spec),
        style=row.spec.params.style.value,
        direction=row.spec.params.direction.value,
        status=row.status.value,
        open=row.status not in FINAL,
        progress=row.progress,
        roi=metrics.get("roi_pct"),
        pnl=metrics.get("total_pnl_krw"),
        cycles=metrics.get("cycles"),
        drawdown=metrics.get("max_drawdown_pct"),
        at_ns=row.created_at_ns,
        age_s=max(0, now_ns - row.created_at_ns) / SECOND_NS,
    )


def study_line(row: StudyRow, now_ns: int) -> StudyLine:
    best = row.metrics if row.kind is StudyKind.WALKFORWARD else row.best and row.best.metrics
    done = row.status is RunStatus.COMPLETED
    return StudyLine(
        id=row.id,
        title=study_title(row),
        href=study_path(row),
        status=row.status.value,
        open=row.status not in FINAL,
        progress=row.progress,
        done=row.done,
        total=row.total,
        best=(best or {}).get("total_pnl_krw") if done else None,
        at_ns=row.created_at_ns,
        age_s=max(0, now_ns - row.created_at_ns) / SECOND_NS,
    )


def study_title(row: StudyRow) -> str:
    """3 · BTC XRP · 10 × 7: whose grid, and how large it is."""
    run = row.spec.run
    sizes = " × ".join(str(len(axis.values)) for axis in row.spec.axes)
    parts = (number_of(row.id), run.name or bases_of(run), sizes)
    return " · ".join(part for part in parts if part)


def study_path(row: StudyRow) -> str:
    return f"/sweeps/{row.id}" if row.kind is StudyKind.SWEEP else f"/walkforwards/{row.id}"
