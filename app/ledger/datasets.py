"""Uploads and datasets: a file on its way in, and what it became."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from app.domain.datasets import DatasetFacts, Hints, UploadState
from app.domain.problems import Problem
from app.domain.records import DatasetRow, Failure, UploadRow
from app.ledger import rows, tables
from app.ledger.tables import datasets, run_datasets, runs, studies, study_datasets, uploads

IN_FLIGHT = (UploadState.RECEIVING, UploadState.READING)
UNDECIDED = (*IN_FLIGHT, UploadState.UNSURE)
USES_NAMED_MAX = 5


def create_upload(
    conn: sa.Connection, file_name: str, hints: Hints, bytes_total: int | None, at_ns: int
) -> UploadRow:
    made = conn.execute(
        uploads.insert().values(
            file_name=rows.shown(file_name, tables.NAME_CHARS),
            hints=hints,
            state=UploadState.RECEIVING,
            bytes_done=0,
            bytes_total=bytes_total,
            created_at_ns=at_ns,
        )
    )
    return _upload(conn, made)


def _upload(conn: sa.Connection, made: sa.CursorResult[tuple[object, ...]]) -> UploadRow:
    row = conn.execute(sa.select(uploads).where(uploads.c.id == rows.new_id(made))).one()
    return rows.upload(row)


def update_upload(
    conn: sa.Connection,
    upload_id: str,
    *,
    state: UploadState | None = None,
    bytes_done: int | None = None,
    bytes_total: int | None = None,
    sha256: str | None = None,
    hints: Hints | None = None,
    failure: Failure | None = None,
    finished_at_ns: int | None = None,
) -> bool:
    """Change what is given, while the upload is not over; False when it is over or unknown.

    Going back to READING (a mapping was given) clears the failure.
    """
    asked = {
        "state": state,
        "bytes_done": bytes_done,
        "bytes_total": bytes_total,
        "sha256": sha256,
        "hints": hints,
        "failure": failure,
        "finished_at_ns": finished_at_ns,
    }
    changes: dict[str, object] = {k: value for k, value in asked.items() if value is not None}
    if state is UploadState.READING:
        changes["failure"] = sa.null()
    alive = sa.and_(
        uploads.c.id == rows.number(rows.UPLOAD, upload_id), uploads.c.state.in_(UNDECIDED)
    )
    return conn.execute(uploads.update().where(alive).values(changes)).rowcount == 1


def interrupt_open_uploads(conn: sa.Connection, at_ns: int) -> int:
    """At start: no upload survives its process, only those waiting for a mapping; how many."""
    done = conn.execute(
        uploads.update()
        .where(uploads.c.state.in_(IN_FLIGHT))
        .values(
            state=UploadState.INTERRUPTED,
            failure=Failure("upload_interrupted"),
            finished_at_ns=at_ns,
        )
    )
    return done.rowcount


def insert_datasets(
    conn: sa.Connection,
    upload_id: str | None,
    stored: Iterable[tuple[str, DatasetFacts]],
    *,
    sha256: str,
    file_name: str,
    file_bytes: int,
    at_ns: int,
) -> list[DatasetRow]:
    """Enter the folders that one file became and call its upload stored, all or nothing.

    upload_id None: the sample. Problem upload_settled when the upload is over already.
    """
    if upload_id is not None and not update_upload(
        conn, upload_id, state=UploadState.STORED, sha256=sha256, finished_at_ns=at_ns
    ):
        number = rows.number(rows.UPLOAD, upload_id)
        state = conn.scalar(sa.select(uploads.c.state).where(uploads.c.id == number))
        raise Problem("upload_settled", values={"id": upload_id, "state": str(state)})
    made = []
    for folder, facts in stored:
        entered = conn.execute(
            datasets.insert().values(
                upload_id=None if upload_id is None else rows.number(rows.UPLOAD, upload_id),
                kind=facts.kind,
                folder=folder,
                facts=facts,
                file_name=rows.shown(file_name, tables.NAME_CHARS),
                file_bytes=file_bytes,
                sha256=sha256,
                created_at_ns=at_ns,
            )
        )
        row = conn.execute(sa.select(datasets).where(datasets.c.id == rows.new_id(entered))).one()
        made.append(rows.dataset(row))
    return made


def delete_dataset(conn: sa.Connection, dataset_id: str) -> DatasetRow | None:
    """Take the row out and give it back, its folder may go; None when there is none.

    Problem dataset_in_use names the runs and studies that were made from it.
    """
    number = rows.number(rows.DATASET, dataset_id)
    row = conn.execute(sa.select(datasets).where(datasets.c.id == number).with_for_update()).first()
    if row is None:
        return None
    uses = _uses(conn, row.id)
    if uses:
        named = ", ".join(uses[:USES_NAMED_MAX])
        raise Problem(
            "dataset_in_use", values={"dataset": dataset_id, "count": len(uses), "by": named}
        )
    conn.execute(datasets.delete().where(datasets.c.id == row.id))
    return rows.dataset(row)


def _uses(conn: sa.Connection, number: int) -> list[str]:
    """Public ids of the runs, then of the studies, on a dataset."""
    of_run = sa.select(runs.c.id).join(run_datasets).where(run_datasets.c.dataset_id == number)
    of_study = (
        sa.select(studies.c.kind, studies.c.id)
        .join(study_datasets)
        .where(study_datasets.c.dataset_id == number)
    )
    used = [f"{rows.RUN}-{n}" for n in conn.scalars(of_run.order_by(runs.c.id))]
    for kind, n in conn.execute(of_study.order_by(studies.c.id)):
        used.append(f"{rows.STUDY[kind]}-{n}")
    return used


def lock_datasets(conn: sa.Connection, public_ids: Iterable[str]) -> list[int]:
    """The numbers of datasets that a run is about to use, held against deletion meanwhile.

    Problem dataset_unknown names the first that is not there.
    """
    numbers = []
    for public_id in sorted(set(public_ids)):
        number = rows.number(rows.DATASET, public_id)
        found = conn.scalar(
            sa.select(datasets.c.id).where(datasets.c.id == number).with_for_update(read=True)
        )
        if found is None:
            raise Problem("dataset_unknown", values={"dataset": public_id[:40]})
        numbers.append(found)
    return numbers
