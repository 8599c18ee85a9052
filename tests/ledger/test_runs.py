"""A backtest's life: who comes first decides, and a final state is final."""

from __future__ import annotations

import asyncio

import pytest

from app.domain.backtests import FxRef, MarketRef, RunStatus
from app.domain.problems import Problem
from app.domain.records import Failure, RunRow
from app.ledger import queries, runs
from app.ledger.database import Database
from tests.ledger.builders import T0, spec

RESTARTED = Failure("service_restarted")


async def queue(db: Database, name: str = "") -> str:
    return (await db.write(runs.create_run, spec(name=name), T0)).id


async def start(db: Database, name: str = "") -> str:
    run_id = await queue(db, name)
    assert await db.write(runs.start_run, run_id, T0 + 1)
    return run_id


async def finish(db: Database, run_id: str, folder: str = "r1") -> bool:
    return await db.write(
        runs.finish_run,
        run_id,
        metrics={"cycles": 3, "total_pnl_krw": 0.1 + 0.2, "sharpe": None},
        bars=1440,
        open_cycle={"base": "BTC", "mark_krw": -12.5},
        folder=folder,
        at_ns=T0 + 9,
    )


async def get(db: Database, run_id: str) -> RunRow:
    row = await db.read(queries.get_run, run_id)
    assert row is not None
    return row


async def test_a_run_from_queue_to_result(database: Database) -> None:
    made = await database.write(runs.create_run, spec(name="첫 번째"), T0)
    assert (made.id, made.status, made.progress) == ("b-1", RunStatus.QUEUED, 0.0)
    assert made.spec == spec(name="첫 번째")

    await database.write(runs.start_run, "b-1", T0 + 1)
    assert await database.write(runs.progress_run, "b-1", 360, 1440)
    half = await get(database, "b-1")
    assert (half.status, half.progress, half.started_at_ns) == (RunStatus.RUNNING, 0.25, T0 + 1)

    assert await finish(database, "b-1")
    done = await get(database, "b-1")
    assert (done.status, done.progress, done.bars) == (RunStatus.COMPLETED, 1.0, 1440)
    assert done.metrics == {"cycles": 3, "total_pnl_krw": 0.1 + 0.2, "sharpe": None}
    assert done.open_cycle == {"base": "BTC", "mark_krw": -12.5}
    assert (done.folder, done.finished_at_ns, done.failure) == ("r1", T0 + 9, None)


async def test_a_result_without_an_open_cycle_says_so(database: Database) -> None:
    run_id = await start(database)
    await database.write(
        runs.finish_run, run_id, metrics={}, bars=0, open_cycle=None, folder="r1", at_ns=T0
    )
    done = await get(database, run_id)
    assert (done.open_cycle, done.bars, done.metrics) == (None, 0, {})


async def test_figures_that_are_no_numbers_become_null(database: Database) -> None:
    run_id = await start(database)
    await database.write(
        runs.finish_run,
        run_id,
        metrics={"sharpe": float("nan"), "profit_factor": float("inf")},
        bars=1,
        open_cycle=None,
        folder="r1",
        at_ns=T0,
    )
    assert (await get(database, run_id)).metrics == {"sharpe": None, "profit_factor": None}


async def test_a_cancelled_run_takes_no_result(database: Database) -> None:
    run_id = await start(database)
    assert await database.write(runs.cancel_run, run_id, T0 + 2)
    assert not await database.write(runs.progress_run, run_id, 5, 10)
    assert not await finish(database, run_id)
    assert not await database.write(runs.fail_run, run_id, RESTARTED, T0)
    assert not await database.write(runs.cancel_run, run_id, T0 + 3)
    row = await get(database, run_id)
    assert (row.status, row.metrics, row.folder) == (RunStatus.CANCELLED, None, None)
    assert row.finished_at_ns == T0 + 2


async def test_a_run_starts_once(database: Database) -> None:
    run_id = await queue(database)
    starts = await asyncio.gather(
        *(database.write(runs.start_run, run_id, T0 + n) for n in range(6))
    )
    assert sum(starts) == 1


async def test_a_cancel_and_a_result_at_once_leave_one_of_them(database: Database) -> None:
    for n in range(10):
        run_id = await start(database)
        cancelled, finished = await asyncio.gather(
            database.write(runs.cancel_run, run_id, T0), finish(database, run_id, f"r{n}")
        )
        assert cancelled != finished
        row = await get(database, run_id)
        assert row.status is (RunStatus.CANCELLED if cancelled else RunStatus.COMPLETED)


async def test_a_failure_keeps_its_reason(database: Database) -> None:
    run_id = await queue(database)
    failure = Failure("work_timeout", {"seconds": 600})
    assert await database.write(runs.fail_run, run_id, failure, T0 + 4)
    row = await get(database, run_id)
    assert (row.status, row.failure) == (RunStatus.FAILED, failure)


async def test_a_start_fails_what_ran_and_keeps_what_waits(database: Database) -> None:
    ran, done = await start(database), await start(database)
    waits = await queue(database)
    await finish(database, done)

    assert await database.write(runs.fail_running, RESTARTED, T0 + 5) == [ran]
    assert await database.write(runs.fail_running, RESTARTED, T0 + 6) == []
    row = await get(database, ran)
    assert (row.status, row.failure, row.finished_at_ns) == (RunStatus.FAILED, RESTARTED, T0 + 5)
    queued, _ = await database.read(queries.list_runs, 10, None, {RunStatus.QUEUED})
    assert [row.id for row in queued] == [waits]
    assert (await get(database, done)).status is RunStatus.COMPLETED


async def test_runs_are_listed_in_pages_newest_first(database: Database) -> None:
    made = [await queue(database, str(n)) for n in range(5)]
    first, cursor = await database.read(queries.list_runs, 2)
    await queue(database, "later")
    second, cursor = await database.read(queries.list_runs, 2, cursor)
    third, end = await database.read(queries.list_runs, 2, cursor)
    assert [row.id for row in first + second + third] == made[::-1]
    assert end is None


async def test_only_finished_runs_can_be_deleted(database: Database) -> None:
    run_id = await start(database)
    with pytest.raises(Problem) as refused:
        await database.write(runs.delete_run, run_id)
    assert (refused.value.code, refused.value.values) == ("run_active", {"run": run_id})

    await finish(database, run_id)
    assert await database.read(queries.run_folders) == {"r1"}
    gone = await database.write(runs.delete_run, run_id)
    assert gone is not None
    assert gone.folder == "r1"
    assert await database.write(runs.delete_run, run_id) is None
    assert await database.read(queries.get_run, run_id) is None
    assert await database.read(queries.run_folders) == frozenset()


async def test_a_run_on_what_is_not_there_is_refused(database: Database) -> None:
    lost = spec(MarketRef("BTC", "d-1", "d-2"), fx=FxRef(dataset="d-3"))
    with pytest.raises(Problem) as refused:
        await database.write(runs.create_run, lost, T0)
    assert (refused.value.code, refused.value.values) == ("dataset_unknown", {"dataset": "d-1"})
    assert await database.read(queries.list_runs, 10) == ([], None)
