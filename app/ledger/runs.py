"""Backtests: queued, running, then exactly one of completed, failed, cancelled."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from app.domain.backtests import FINAL, RunSpec, RunStatus
from app.domain.problems import Problem
from app.domain.records import Failure, Metrics, RunRow
from app.ledger import rows
from app.ledger.datasets import lock_datasets
from app.ledger.lives import ACTIVE, move
from app.ledger.tables import run_datasets, runs


def dataset_ids(spec: RunSpec) -> list[str]:
    """Public ids of the datasets that a run reads."""
    used = [name for coin in spec.markets for name in (coin.krw_dataset, coin.global_dataset)]
    return used if spec.fx.dataset is None else [*used, spec.fx.dataset]


def create_run(conn: sa.Connection, spec: RunSpec, at_ns: int) -> RunRow:
    """Queue a run and tie it to its datasets; Problem dataset_unknown."""
    numbers = lock_datasets(conn, dataset_ids(spec))
    made = conn.execute(
        runs.insert().values(spec=spec, status=RunStatus.QUEUED, bars_done=0, created_at_ns=at_ns)
    )
    number = rows.new_id(made)
    if numbers:
        conn.execute(run_datasets.insert(), [{"run_id": number, "dataset_id": n} for n in numbers])
    return rows.run(conn.execute(sa.select(runs).where(runs.c.id == number)).one())


def start_run(conn: sa.Connection, run_id: str, at_ns: int) -> bool:
    """queued → running; False when it is not queued any more."""
    return _move(conn, run_id, (RunStatus.QUEUED,), status=RunStatus.RUNNING, started_at_ns=at_ns)


def progress_run(conn: sa.Connection, run_id: str, bars_done: int, bars_total: int) -> bool:
    """Note the progress of a running run. The caller spares the disk by calling seldom."""
    return _move(conn, run_id, (RunStatus.RUNNING,), bars_done=bars_done, bars_total=bars_total)


def finish_run(
    conn: sa.Connection,
    run_id: str,
    *,
    metrics: Metrics,
    bars: int,
    open_cycle: dict[str, Any] | None,
    folder: str,
    at_ns: int,
) -> bool:
    """running → completed with its results; False when it was cancelled meanwhile."""
    return _move(
        conn,
        run_id,
        (RunStatus.RUNNING,),
        status=RunStatus.COMPLETED,
        metrics=metrics,
        bars=bars,
        bars_done=bars,
        bars_total=bars,
        open_cycle=sa.null() if open_cycle is None else open_cycle,
        folder=folder,
        finished_at_ns=at_ns,
    )


def fail_run(conn: sa.Connection, run_id: str, failure: Failure, at_ns: int) -> bool:
    """queued or running → failed with the reason."""
    return _move(
        conn, run_id, ACTIVE, status=RunStatus.FAILED, failure=failure, finished_at_ns=at_ns
    )


def cancel_run(conn: sa.Connection, run_id: str, at_ns: int) -> bool:
    """queued or running → cancelled; False when it was over before."""
    return _move(conn, run_id, ACTIVE, status=RunStatus.CANCELLED, finished_at_ns=at_ns)


def _move(
    conn: sa.Connection, run_id: str, before: tuple[RunStatus, ...], **changes: object
) -> bool:
    here = runs.c.id == rows.number(rows.RUN, run_id)
    return move(conn, runs, here, before, changes)


def delete_run(conn: sa.Connection, run_id: str) -> RunRow | None:
    """Take a finished run out and give it back, its folder may go; None when there is none.

    Problem run_active while it is queued or running.
    """
    number = rows.number(rows.RUN, run_id)
    row = conn.execute(sa.select(runs).where(runs.c.id == number).with_for_update()).first()
    if row is None:
        return None
    if row.status not in FINAL:
        raise Problem("run_active", values={"run": run_id})
    conn.execute(runs.delete().where(runs.c.id == row.id))
    return rows.run(row)


def fail_running(conn: sa.Connection, failure: Failure, at_ns: int) -> list[str]:
    """At start: runs whose process is gone have failed; their public ids. Queued ones stay."""
    running = conn.scalars(
        sa.select(runs.c.id).where(runs.c.status == RunStatus.RUNNING).order_by(runs.c.id)
    )
    ids = [f"{rows.RUN}-{number}" for number in running.all()]
    return [run_id for run_id in ids if fail_run(conn, run_id, failure, at_ns)]
