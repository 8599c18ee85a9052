"""How far a run or a study is: what the progress line of a page shows."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.backtests import RunStatus
from app.domain.records import RunRow, StudyRow
from app.domain.times import SECOND_NS


@dataclass(frozen=True, slots=True)
class Watch:
    """done and total in bars or points. speed per second; left_s None while it cannot be told."""

    phase: str
    share: float
    done: int
    total: int | None
    speed: float | None
    elapsed_s: float
    left_s: float | None


def watch(row: RunRow | StudyRow, now_ns: int) -> Watch:
    """As of now."""
    done, total = (
        (row.bars_done, row.bars_total) if isinstance(row, RunRow) else (row.done, row.total)
    )
    since_ns = row.started_at_ns or row.created_at_ns
    elapsed_s = max(0, (row.finished_at_ns or now_ns) - since_ns) / SECOND_NS
    speed = done / elapsed_s if done and elapsed_s > 0 else None
    left_s = (total - done) / speed if total and speed else None
    return Watch(
        _phase(row.status, done, total), row.progress, done, total, speed, elapsed_s, left_s
    )


def _phase(status: RunStatus, done: int, total: int | None) -> str:
    if status is RunStatus.QUEUED:
        return "queued"
    if not done:
        return "reading"
    return "closing" if total and done >= total else "running"
