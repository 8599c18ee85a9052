"""Uploads on their way in, datasets as what they became."""

from __future__ import annotations

import asyncio

import pytest

from app.domain.backtests import FxRef, MarketRef
from app.domain.datasets import Hints, Kind, UploadState
from app.domain.problems import FieldError, Problem
from app.domain.records import DatasetRow, Failure, StudyKind, UploadRow
from app.ledger import datasets, queries, runs, studies
from app.ledger.database import Database
from tests.ledger.builders import T0, facts, spec, sweep_spec

SHA = "ab" * 32


async def begin(db: Database, name: str = "week.csv") -> UploadRow:
    return await db.write(datasets.create_upload, name, Hints(tz="Asia/Seoul"), 900, T0)


async def store(
    db: Database, *folders: str, upload: str | None = None, kind: Kind = Kind.CANDLES
) -> list[DatasetRow]:
    return await db.write(
        datasets.insert_datasets,
        upload,
        [(folder, facts(kind)) for folder in folders],
        sha256=SHA,
        file_name="week.csv",
        file_bytes=900,
        at_ns=T0,
    )


async def test_an_upload_is_followed_to_its_datasets(database: Database) -> None:
    upload = await begin(database)
    assert (upload.id, upload.state, upload.bytes_done) == ("u-1", UploadState.RECEIVING, 0)
    assert upload.hints == Hints(tz="Asia/Seoul")

    await database.write(datasets.update_upload, upload.id, bytes_done=500)
    await database.write(
        datasets.update_upload, upload.id, state=UploadState.READING, bytes_done=900
    )
    stored = await store(database, "f1", "f2", "f3", upload=upload.id)
    assert [row.id for row in stored] == ["d-1", "d-2", "d-3"]
    assert await database.read(queries.datasets_of_upload, upload.id) == stored

    done = await database.read(queries.get_upload, upload.id)
    assert done is not None
    assert (done.state, done.bytes_done, done.sha256) == (UploadState.STORED, 900, SHA)


async def test_facts_come_back_to_the_last_digit(database: Database) -> None:
    [row] = await store(database, "f1")
    kept = await database.read(queries.get_dataset, row.id)
    assert kept == row
    assert kept is not None
    assert kept.facts == facts()
    assert (kept.upload_id, kept.folder, kept.file_bytes) == (None, "f1", 900)


async def test_an_upload_that_is_over_stays_so(database: Database) -> None:
    upload = await begin(database)
    place = FieldError(row=3, column="close", value="-1", expected="> 0")
    failure = Failure("invalid_fields", {"rows": 3}, (place,))
    assert await database.write(
        datasets.update_upload,
        upload.id,
        state=UploadState.REFUSED,
        failure=failure,
        finished_at_ns=T0 + 1,
    )
    assert not await database.write(datasets.update_upload, upload.id, bytes_done=5)
    with pytest.raises(Problem) as refused:
        await store(database, "f1", upload=upload.id)
    assert refused.value.values == {"id": "u-1", "state": "refused"}
    assert await database.read(queries.all_folders) == frozenset()

    over = await database.read(queries.get_upload, upload.id)
    assert over is not None
    assert (over.failure, over.bytes_done) == (failure, 0)


async def test_a_mapping_revives_an_unsure_upload(database: Database) -> None:
    upload = await begin(database)
    unsure = Failure("columns_unsure", {"columns": "a, b"})
    await database.write(
        datasets.update_upload, upload.id, state=UploadState.UNSURE, failure=unsure
    )
    mapping = Hints(columns={"time": "a", "close": "b"})
    assert await database.write(
        datasets.update_upload, upload.id, state=UploadState.READING, hints=mapping
    )
    again = await database.read(queries.get_upload, upload.id)
    assert again is not None
    assert (again.state, again.failure, again.hints) == (UploadState.READING, None, mapping)


async def test_a_start_interrupts_what_was_under_way(database: Database) -> None:
    receiving, reading, unsure, stored = [await begin(database, f"{n}.csv") for n in range(4)]
    await database.write(datasets.update_upload, reading.id, state=UploadState.READING)
    await database.write(datasets.update_upload, unsure.id, state=UploadState.UNSURE)
    await store(database, "f1", upload=stored.id)

    assert await database.write(datasets.interrupt_open_uploads, T0 + 5) == 2
    states = {row.id: row.state for row in await database.read(queries.list_uploads, 10)}
    assert states == {
        receiving.id: UploadState.INTERRUPTED,
        reading.id: UploadState.INTERRUPTED,
        unsure.id: UploadState.UNSURE,
        stored.id: UploadState.STORED,
    }
    assert [row.id for row in await database.read(queries.list_uploads, 2)] == ["u-4", "u-3"]


async def test_one_of_three_that_cannot_be_entered_enters_none(database: Database) -> None:
    await store(database, "taken")
    upload = await begin(database)
    with pytest.raises(Exception, match=r"(?i)unique|duplicate"):
        await store(database, "f1", "taken", upload=upload.id)
    assert await database.read(queries.all_folders) == {"taken"}
    still = await database.read(queries.get_upload, upload.id)
    assert still is not None
    assert still.state is UploadState.RECEIVING


async def test_datasets_are_listed_by_kind_in_pages(database: Database) -> None:
    await store(database, "c1", "c2")
    await store(database, "x1", kind=Kind.FX)
    await store(database, "c3")

    page, cursor = await database.read(queries.list_datasets, 3)
    rest, end = await database.read(queries.list_datasets, 3, cursor)
    assert [row.id for row in page + rest] == ["d-4", "d-3", "d-2", "d-1"]
    assert end is None
    candles, cursor = await database.read(queries.list_datasets, 2, None, Kind.CANDLES)
    assert [row.folder for row in candles] == ["c3", "c2"]
    last, end = await database.read(queries.list_datasets, 2, cursor, Kind.CANDLES)
    assert ([row.folder for row in last], end) == (["c1"], None)
    exact, none = await database.read(queries.list_datasets, 4)
    assert (len(exact), none) == (4, None)


async def test_the_same_file_is_recognised(database: Database) -> None:
    await store(database, "f1")
    assert [row.id for row in await database.read(queries.datasets_with_sha, SHA)] == ["d-1"]
    assert await database.read(queries.datasets_with_sha, "cd" * 32) == []


async def test_a_deleted_number_is_never_given_again(database: Database) -> None:
    await store(database, "f1", "f2")
    gone = await database.write(datasets.delete_dataset, "d-2")
    assert gone is not None
    assert gone.folder == "f2"
    assert await database.write(datasets.delete_dataset, "d-2") is None
    assert [row.id for row in await store(database, "f3")] == ["d-3"]
    assert await database.read(queries.all_folders) == {"f1", "f3"}


@pytest.mark.parametrize(
    "public_id", ["", "d", "d-", "d-0", "d-01", "d--1", "d-1 ", "D-1", "b-1", "1", "d-" + "9" * 40]
)
async def test_a_wrong_id_is_simply_not_there(sqlite_database: Database, public_id: str) -> None:
    await store(sqlite_database, "f1")
    assert await sqlite_database.read(queries.get_dataset, public_id) is None
    assert await sqlite_database.write(datasets.delete_dataset, public_id) is None


async def test_a_dataset_in_use_names_who_uses_it(database: Database) -> None:
    korea, world, rate, unused = await store(database, "k", "g", "x", "u")
    coin = MarketRef("BTC", korea.id, world.id)
    run = await database.write(runs.create_run, spec(coin, fx=FxRef(dataset=rate.id)), T0)
    study = await database.write(studies.create_study, StudyKind.SWEEP, sweep_spec(coin), 4, T0)
    with pytest.raises(Problem) as refused:
        await database.write(datasets.delete_dataset, korea.id)
    assert refused.value.code == "dataset_in_use"
    assert refused.value.values == {"dataset": "d-1", "count": 2, "by": "b-1, s-1"}
    with pytest.raises(Problem) as refused:
        await database.write(datasets.delete_dataset, rate.id)
    assert refused.value.values["by"] == "b-1"
    assert await database.write(datasets.delete_dataset, unused.id)

    await database.write(runs.cancel_run, run.id, T0)
    await database.write(studies.cancel_study, study.id, T0)
    await database.write(runs.delete_run, run.id)
    await database.write(studies.delete_study, study.id)
    assert await database.write(datasets.delete_dataset, korea.id)


async def test_a_run_and_a_deletion_at_once_leave_no_orphan(database: Database) -> None:
    for _ in range(10):
        korea, world = await store(database, "k", "g")
        coin = MarketRef("BTC", korea.id, world.id)
        made, gone = await asyncio.gather(
            database.write(runs.create_run, spec(coin), T0),
            database.write(datasets.delete_dataset, korea.id),
            return_exceptions=True,
        )
        codes = [end.code for end in (made, gone) if isinstance(end, Problem)]
        assert codes in (["dataset_in_use"], ["dataset_unknown"]), (made, gone)
        for row in (await database.read(queries.list_runs, 10))[0]:
            await database.write(runs.cancel_run, row.id, T0)
            await database.write(runs.delete_run, row.id)
        await database.write(datasets.delete_dataset, korea.id)
        await database.write(datasets.delete_dataset, world.id)
