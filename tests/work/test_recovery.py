"""A start after a kill: no file without a row, no row without an end, what waited starts again."""

from __future__ import annotations

import secrets
from pathlib import Path

import numpy as np
import pytest

from app.domain.backtests import Axis, RunStatus, StudySpec
from app.domain.datasets import Hints, UploadState
from app.domain.records import StudyKind
from app.ledger import datasets, queries, runs, studies
from app.ledger.database import Database
from app.runtime.work.folders import FolderOccupied, Folders
from app.runtime.work.recovery import recover
from tests.work.conftest import opened
from tests.work.market import store_candles, swinging_market


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    made = Folders(tmp_path)
    made.make()
    return made


def touch(path: Path) -> None:
    path.mkdir()
    (path / "time.npy").write_bytes(b"half")


async def test_files_that_no_row_names_go_and_all_others_stay(
    sqlite_database: Database, folders: Folders
) -> None:
    kept = await store_candles(sqlite_database, folders.root, np.ones(3), "KRW")
    row = await sqlite_database.read(queries.get_dataset, kept)
    assert row is not None
    for room in (folders.datasets, folders.runs):
        touch(room / secrets.token_hex(16))
        touch(room / f"{secrets.token_hex(16)}.part")
    touch(folders.datasets / f"{row.folder}.part")
    folders.part("u-99").write_bytes(b"half")
    await recover(sqlite_database, folders)
    assert [path.name for path in folders.datasets.iterdir()] == [row.folder]
    assert list(folders.runs.iterdir()) == []
    assert list(folders.uploads.iterdir()) == []
    assert (folders.datasets / row.folder / "close.npy").exists()


async def test_uploads_in_flight_are_interrupted_and_unsure_ones_still_wait(
    sqlite_database: Database, folders: Folders
) -> None:
    db = sqlite_database
    states = (UploadState.RECEIVING, UploadState.READING, UploadState.UNSURE)
    rows = []
    for state in states:
        row = await db.write(datasets.create_upload, "a.csv", Hints(), None, 1)
        await db.write(datasets.update_upload, row.id, state=state)
        folders.part(row.id).write_bytes(b"1,2")
        rows.append(row)
    await recover(db, folders)
    ends = [await db.read(queries.get_upload, row.id) for row in rows]
    assert [end.state for end in ends if end] == [
        UploadState.INTERRUPTED, UploadState.INTERRUPTED, UploadState.UNSURE
    ]  # fmt: skip
    assert list(folders.uploads.iterdir()) == [folders.part(rows[2].id)]


async def test_what_ran_has_failed_with_the_reason_and_what_waited_is_given_back(
    sqlite_database: Database, folders: Folders
) -> None:
    db = sqlite_database
    spec = await swinging_market(db, folders.root, 100)
    running = await db.write(runs.create_run, spec, 1)
    await db.write(runs.start_run, running.id, 2)
    waiting = [await db.write(runs.create_run, spec, 3 + n) for n in range(2)]
    study = StudySpec(spec, (Axis("entry_bps", (1.0, 2.0)),))
    sweeping = await db.write(studies.create_study, StudyKind.SWEEP, study, 2, 1)
    await db.write(studies.start_study, sweeping.id, 2)
    patient = await db.write(studies.create_study, StudyKind.SWEEP, study, 2, 3)
    queued_runs, queued_studies = await recover(db, folders)
    assert [row.id for row in queued_runs] == [row.id for row in waiting]
    assert [row.id for row in queued_studies] == [patient.id]
    for end in (
        await db.read(queries.get_run, running.id),
        await db.read(queries.get_study, sweeping.id),
    ):
        assert end is not None
        assert end.failure is not None
        assert (end.status, end.failure.code) == (RunStatus.FAILED, "service_restarted")


async def test_what_waited_runs_after_the_start(
    sqlite_database: Database, folders: Folders
) -> None:
    db = sqlite_database
    spec = await swinging_market(db, folders.root, 500)
    run = await db.write(runs.create_run, spec, 1)
    study = StudySpec(spec, (Axis("entry_bps", (50.0, 60.0)),))
    sweep = await db.write(studies.create_study, StudyKind.SWEEP, study, 2, 1)
    async with opened(db, folders.root) as bench:
        await bench._runs.under_way.settled()
        await bench._studies.under_way.settled()
        assert (await bench.run(run.id)).status is RunStatus.COMPLETED
        assert (await bench.study(sweep.id)).status is RunStatus.COMPLETED
        assert len(await bench.points(sweep)) == 2


async def test_two_services_never_share_a_data_folder(
    sqlite_database: Database, tmp_path: Path
) -> None:
    async with opened(sqlite_database, tmp_path):
        with pytest.raises(FolderOccupied, match=str(tmp_path)):
            async with opened(sqlite_database, tmp_path):
                pass
    async with opened(sqlite_database, tmp_path):
        pass
