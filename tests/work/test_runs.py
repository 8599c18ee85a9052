"""Runs and studies under way: progress, cancel, death of a worker, stop of the service."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from pathlib import Path

import pytest

from app.domain.backtests import Axis, RunSpec, RunStatus, StudySpec
from app.domain.problems import Problem
from app.domain.records import RunRow, StudyKind, StudyRow
from app.ledger import queries, runs
from app.ledger.database import Database
from app.runtime.work.changes import Record
from app.runtime.work.workbench import Workbench
from tests.work.conftest import Room, opened
from tests.work.market import swinging_market

MANY_ROWS = 3_000_000


@pytest.fixture(scope="session")
async def spec(_room: Room) -> RunSpec:
    return await swinging_market(_room.db, _room.folder, 5_000)


@pytest.fixture(scope="session")
async def long_spec(_room: Room) -> RunSpec:
    """Long enough to be hit in the middle."""
    return await swinging_market(_room.db, _room.folder, MANY_ROWS)


async def end_of(bench: Workbench, run_id: str) -> RunRow:
    async with asyncio.timeout(120):
        while (row := await bench.run(run_id)).status in {RunStatus.QUEUED, RunStatus.RUNNING}:
            await asyncio.sleep(0.005)
        return row


async def end_of_study(bench: Workbench, study_id: str) -> StudyRow:
    async with asyncio.timeout(120):
        while (row := await bench.study(study_id)).status in {
            RunStatus.QUEUED, RunStatus.RUNNING
        }:  # fmt: skip
            await asyncio.sleep(0.005)
        return row


async def working_on(bench: Workbench, task: str) -> int:
    """The process that has the task now."""
    async with asyncio.timeout(60):
        while True:
            for seat in bench.seats():
                if seat.task == task:
                    return seat.pid
            await asyncio.sleep(0)


async def test_progress_is_bars_done_and_moves_all_the_way(room: Room, long_spec: RunSpec) -> None:
    told: list[int] = []

    def hear(_: str, row: Record | None) -> None:
        if isinstance(row, RunRow) and row.status is RunStatus.RUNNING:
            told.append(row.bars_done)

    room.bench.listen(hear)
    run = await room.bench.submit_run(long_spec)
    polled: list[int] = []
    async with asyncio.timeout(120):
        while (row := await room.bench.run(run.id)).status is not RunStatus.COMPLETED:
            polled.append(row.bars_done)
            await asyncio.sleep(0.002)
    assert told == sorted(told)
    assert polled == sorted(polled)
    assert (row.bars_done, row.bars_total, row.progress) == (MANY_ROWS, MANY_ROWS, 1.0)
    assert len({bars for bars in polled if 0 < bars < MANY_ROWS}) >= 1


async def test_kill_9_of_the_worker_fails_the_run_which_can_be_started_again(
    room: Room, long_spec: RunSpec
) -> None:
    run = await room.bench.submit_run(long_spec)
    os.kill(await working_on(room.bench, "backtest"), signal.SIGKILL)
    row = await end_of(room.bench, run.id)
    assert row.failure is not None
    assert (row.status, row.failure.code) == (RunStatus.FAILED, "worker_died")
    assert room.left() == []
    again = await end_of(room.bench, (await room.bench.rerun(run.id)).id)
    assert again.status is RunStatus.COMPLETED
    assert again.folder is not None
    assert room.left() == [again.folder]


async def test_cancel_in_the_middle_leaves_no_file(room: Room, long_spec: RunSpec) -> None:
    run = await room.bench.submit_run(long_spec)
    await working_on(room.bench, "backtest")
    row = await room.bench.cancel_run(run.id)
    assert (row.status, row.folder, row.metrics) == (RunStatus.CANCELLED, None, None)
    assert room.left() == []


async def test_a_cancel_that_comes_too_late_changes_nothing(room: Room, spec: RunSpec) -> None:
    run = await end_of(room.bench, (await room.bench.submit_run(spec)).id)
    with pytest.raises(Problem, match="already_finished"):
        await room.bench.cancel_run(run.id)
    assert await room.bench.run(run.id) == run


async def test_deleting_a_running_one_ends_it_first(room: Room, long_spec: RunSpec) -> None:
    gone: list[str] = []
    room.bench.listen(lambda public_id, row: gone.append(public_id) if row is None else None)
    run = await room.bench.submit_run(long_spec)
    await working_on(room.bench, "backtest")
    await room.bench.delete_run(run.id)
    with pytest.raises(Problem, match="not_found"):
        await room.bench.run(run.id)
    assert room.left() == []
    assert gone == [run.id]


async def test_a_service_that_stops_leaves_its_runs_to_the_next_start(
    sqlite_database: Database, tmp_path: Path
) -> None:
    async with opened(sqlite_database, tmp_path) as bench:
        spec = await swinging_market(sqlite_database, tmp_path, MANY_ROWS)
        running = await bench.submit_run(spec)
        waiting = await bench.submit_run(spec)
        await working_on(bench, "backtest")
    rows = [await sqlite_database.read(queries.get_run, run.id) for run in (running, waiting)]
    assert [row and row.status for row in rows] == [RunStatus.RUNNING, RunStatus.QUEUED]
    async with opened(sqlite_database, tmp_path) as bench:
        ended = await end_of(bench, running.id)
        assert ended.failure is not None
        assert (ended.status, ended.failure.code) == (RunStatus.FAILED, "service_restarted")
        assert (await end_of(bench, waiting.id)).status is RunStatus.COMPLETED


async def test_what_waited_but_lost_its_data_fails_with_the_reason(
    sqlite_database: Database, tmp_path: Path
) -> None:
    spec = await swinging_market(sqlite_database, tmp_path, 100)
    run = await sqlite_database.write(runs.create_run, spec, 1)
    row = await sqlite_database.read(queries.get_dataset, spec.markets[0].krw_dataset)
    assert row is not None
    for column in (tmp_path / "datasets" / row.folder).iterdir():
        column.unlink()
    async with opened(sqlite_database, tmp_path) as bench:
        ended = await end_of(bench, run.id)
    assert ended.failure is not None
    assert (ended.status, ended.failure.code) == (RunStatus.FAILED, "dataset_damaged")


async def test_only_so_many_runs_wait(
    room: Room, long_spec: RunSpec, spec: RunSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room.bench._runs.under_way, "_waiting_max", 1)
    run = await room.bench.submit_run(long_spec)
    with pytest.raises(Problem, match="too_much_work"):
        await room.bench.submit_run(spec)
    await end_of(room.bench, run.id)
    await room.bench._runs.under_way.settled()
    await end_of(room.bench, (await room.bench.submit_run(spec)).id)


def grid(spec: RunSpec, points: int) -> StudySpec:
    return StudySpec(spec, (Axis("entry_bps", tuple(20.0 + 0.1 * n for n in range(points))),))


async def test_rows_of_a_sweep_arrive_while_it_runs(room: Room, spec: RunSpec) -> None:
    study = await room.bench.submit_study(StudyKind.SWEEP, grid(spec, 400))
    seen: list[int] = []
    async with asyncio.timeout(120):
        while (row := await room.bench.study(study.id)).status is not RunStatus.COMPLETED:
            points = await room.bench.points(row)
            assert [point.index for point in points] == sorted(point.index for point in points)
            seen.append(len(points))
            await asyncio.sleep(0.001)
    assert seen == sorted(seen)
    assert any(0 < count < 400 for count in seen)
    assert [point.index for point in await room.bench.points(row)] == list(range(400))
    assert (row.done, row.total) == (400, 400)


async def test_a_cancelled_sweep_keeps_the_rows_that_it_had(
    room: Room, spec: RunSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.runtime.work.studies.NOTE_INTERVAL_S", 0.01)
    study = await room.bench.submit_study(StudyKind.SWEEP, grid(spec, 4_000))
    async with asyncio.timeout(60):
        while not await room.bench.points(await room.bench.study(study.id)):
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
    row = await room.bench.cancel_study(study.id)
    assert row.status is RunStatus.CANCELLED
    kept = await room.bench.points(row)
    assert 0 < len(kept) < 4_000
    assert row.done == len(kept)


async def test_a_backtest_does_not_wait_behind_a_whole_sweep(room: Room, spec: RunSpec) -> None:
    study = await room.bench.submit_study(StudyKind.SWEEP, grid(spec, 5_000))
    await working_on(room.bench, "points")
    run = await end_of(room.bench, (await room.bench.submit_run(spec)).id)
    assert run.status is RunStatus.COMPLETED
    assert (await room.bench.study(study.id)).status is RunStatus.RUNNING
    await room.bench.cancel_study(study.id)


async def test_kill_9_of_a_worker_fails_the_sweep(room: Room, long_spec: RunSpec) -> None:
    study = await room.bench.submit_study(StudyKind.SWEEP, grid(long_spec, 100))
    os.kill(await working_on(room.bench, "points"), signal.SIGKILL)
    row = await end_of_study(room.bench, study.id)
    assert row.failure is not None
    assert (row.status, row.failure.code) == (RunStatus.FAILED, "worker_died")
    assert list(itertools.islice(await room.bench.points(row), 1)) == []


async def test_other_parameters_can_be_tried_without_a_run_of_each(
    room: Room, spec: RunSpec
) -> None:
    run = await end_of(room.bench, (await room.bench.submit_run(spec)).id)
    same, other = await room.bench.try_points(run.id, ({}, {"entry_bps": 9_000.0}))
    assert same == run.metrics
    assert other["cycles"] == 0
