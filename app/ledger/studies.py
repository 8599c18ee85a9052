"""Sweeps and walk-forwards: the life of a run, and the points that arrive on the way."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from app.domain.backtests import FINAL, RunStatus, StudySpec
from app.domain.problems import Problem
from app.domain.records import (
    Failure,
    Metrics,
    StudyKind,
    StudyPoint,
    StudyPointRow,
    StudyRow,
    StudyWindow,
)
from app.ledger import rows
from app.ledger.datasets import lock_datasets
from app.ledger.lives import ACTIVE, move
from app.ledger.runs import dataset_ids
from app.ledger.tables import studies, study_datasets, study_points


def create_study(
    conn: sa.Connection, kind: StudyKind, spec: StudySpec, total: int | None, at_ns: int
) -> StudyRow:
    """Queue a study of `total` points (None: not known yet); Problem dataset_unknown."""
    numbers = lock_datasets(conn, dataset_ids(spec.run))
    made = conn.execute(
        studies.insert().values(
            kind=kind,
            spec=spec,
            status=RunStatus.QUEUED,
            done=0,
            total=total,
            created_at_ns=at_ns,
        )
    )
    number = rows.new_id(made)
    if numbers:
        conn.execute(
            study_datasets.insert(), [{"study_id": number, "dataset_id": n} for n in numbers]
        )
    return rows.study(conn.execute(sa.select(studies).where(studies.c.id == number)).one())


def start_study(conn: sa.Connection, study_id: str, at_ns: int) -> bool:
    """queued → running; False when it is not queued any more."""
    return _move(conn, study_id, (RunStatus.QUEUED,), status=RunStatus.RUNNING, started_at_ns=at_ns)


def progress_study(conn: sa.Connection, study_id: str, done: int, total: int) -> bool:
    """Note the progress of a running study. The caller spares the disk by calling seldom."""
    return _move(conn, study_id, (RunStatus.RUNNING,), done=done, total=total)


def add_points(conn: sa.Connection, study_id: str, points: Sequence[StudyPointRow]) -> bool:
    """Keep points of a running sweep and count them done; False when it is over. Each once."""
    if not _move(conn, study_id, (RunStatus.RUNNING,), done=studies.c.done + len(points)):
        return False
    key = rows.study_key(study_id)
    assert key is not None
    conn.execute(
        study_points.insert(),
        [
            {"study_id": key[1], "index": p.index, "params": p.params, "metrics": p.metrics}
            for p in points
        ],
    )
    return True


def finish_study(
    conn: sa.Connection,
    study_id: str,
    at_ns: int,
    *,
    best: StudyPoint | None = None,
    windows: tuple[StudyWindow, ...] | None = None,
    metrics: Metrics | None = None,
    folder: str | None = None,
) -> bool:
    """running → completed with its results; False when it was cancelled meanwhile."""
    asked = {"best": best, "windows": windows, "metrics": metrics, "folder": folder}
    known = {name: value for name, value in asked.items() if value is not None}
    return _move(
        conn,
        study_id,
        (RunStatus.RUNNING,),
        status=RunStatus.COMPLETED,
        finished_at_ns=at_ns,
        **known,
    )


def fail_study(conn: sa.Connection, study_id: str, failure: Failure, at_ns: int) -> bool:
    """queued or running → failed with the reason."""
    return _move(
        conn, study_id, ACTIVE, status=RunStatus.FAILED, failure=failure, finished_at_ns=at_ns
    )


def cancel_study(conn: sa.Connection, study_id: str, at_ns: int) -> bool:
    """queued or running → cancelled; False when it was over before."""
    return _move(conn, study_id, ACTIVE, status=RunStatus.CANCELLED, finished_at_ns=at_ns)


def _move(
    conn: sa.Connection, study_id: str, before: tuple[RunStatus, ...], **changes: object
) -> bool:
    return move(conn, studies, which(study_id), before, changes)


def which(study_id: str) -> sa.ColumnElement[bool]:
    """The condition that picks `s-4` or `w-7`, or nothing."""
    key = rows.study_key(study_id)
    if key is None:
        return sa.false()
    return sa.and_(studies.c.kind == key[0], studies.c.id == key[1])


def delete_study(conn: sa.Connection, study_id: str) -> StudyRow | None:
    """Take a finished study and its points out and give it back; None when there is none.

    Problem run_active while it is queued or running.
    """
    row = conn.execute(sa.select(studies).where(which(study_id)).with_for_update()).first()
    if row is None:
        return None
    if row.status not in FINAL:
        raise Problem("run_active", values={"run": study_id})
    conn.execute(studies.delete().where(studies.c.id == row.id))
    return rows.study(row)


def fail_running(conn: sa.Connection, failure: Failure, at_ns: int) -> list[str]:
    """At start: studies whose process is gone have failed; their public ids. Queued ones stay."""
    running = conn.execute(
        sa.select(studies.c.kind, studies.c.id)
        .where(studies.c.status == RunStatus.RUNNING)
        .order_by(studies.c.id)
    )
    ids = [f"{rows.STUDY[kind]}-{number}" for kind, number in running.all()]
    return [study_id for study_id in ids if fail_study(conn, study_id, failure, at_ns)]
