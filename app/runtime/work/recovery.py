"""Recovery: what a service that was killed left behind, made whole again before anyone looks."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Collection

import structlog

from app.domain.backtests import RunStatus
from app.domain.datasets import UploadState
from app.domain.records import Failure, RunRow, StudyRow
from app.ledger import datasets, queries, runs, studies
from app.ledger.database import Database
from app.ledger.queries import Connection
from app.runtime.work.folders import Folders
from app.runtime.work.limits import QUEUED_READ_AT_ONCE, UPLOADS_LISTED_MAX

log = structlog.get_logger(__name__)

RESTARTED = Failure("service_restarted")


async def recover(db: Database, folders: Folders) -> tuple[list[RunRow], list[StudyRow]]:
    """Ends what was in flight, removes files without a row; what is still queued, oldest first."""
    folders.make()
    interrupted, failed = await db.write(_end_all, time.time_ns())
    unsure, kept_datasets, kept_runs = await db.read(_known)
    removed = await asyncio.to_thread(_sweep_files, folders, unsure, kept_datasets, kept_runs)
    if interrupted or failed or removed:
        log.warning("recovered", uploads=interrupted, failed=failed, removed=removed)
    return await db.read(_queued)


def _end_all(conn: Connection, at_ns: int) -> tuple[int, list[str]]:
    interrupted = datasets.interrupt_open_uploads(conn, at_ns)
    failed = runs.fail_running(conn, RESTARTED, at_ns)
    return interrupted, failed + studies.fail_running(conn, RESTARTED, at_ns)


def _known(conn: Connection) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    uploads = queries.list_uploads(conn, UPLOADS_LISTED_MAX)
    unsure = frozenset(row.id for row in uploads if row.state is UploadState.UNSURE)
    return unsure, queries.all_folders(conn), queries.run_folders(conn)


def _queued(conn: Connection) -> tuple[list[RunRow], list[StudyRow]]:
    queued = (RunStatus.QUEUED,)
    run_rows, _ = queries.list_runs(conn, QUEUED_READ_AT_ONCE, statuses=queued)
    study_rows, _ = queries.list_studies(conn, QUEUED_READ_AT_ONCE, statuses=queued)
    return run_rows[::-1], study_rows[::-1]


def _sweep_files(
    folders: Folders,
    unsure: Collection[str],
    kept_datasets: Collection[str],
    kept_runs: Collection[str],
) -> int:
    """Files and folders that no row names; how many went."""
    keep = {folders.part(upload_id) for upload_id in unsure}
    orphans = [path for path in folders.uploads.iterdir() if path not in keep]
    for room, kept in ((folders.datasets, kept_datasets), (folders.runs, kept_runs)):
        orphans += [path for path in room.iterdir() if path.name not in kept]
    for path in orphans:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return len(orphans)
