"""Sweeps and walk-forwards: points arrive while they run, results when they end."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from app.domain.backtests import RunStatus
from app.domain.problems import Problem
from app.domain.records import Failure, StudyKind, StudyPoint, StudyPointRow, StudyRow, StudyWindow
from app.ledger import queries, studies
from app.ledger.database import Database
from app.ledger.tables import study_points
from tests.ledger.builders import T0, sweep_spec

SWEEP, WALKFORWARD = StudyKind.SWEEP, StudyKind.WALKFORWARD


def point(index: int) -> StudyPointRow:
    return StudyPointRow(index, {"entry_bps": 10.0 * index}, {"total_pnl_krw": index / 3})


async def start(db: Database, kind: StudyKind = SWEEP, total: int | None = 4) -> str:
    made = await db.write(studies.create_study, kind, sweep_spec(), total, T0)
    assert await db.write(studies.start_study, made.id, T0 + 1)
    return made.id


async def get(db: Database, study_id: str) -> StudyRow:
    row = await db.read(queries.get_study, study_id)
    assert row is not None
    return row


async def test_a_sweep_fills_its_grid(database: Database) -> None:
    study_id = await start(database)
    assert await database.write(studies.add_points, study_id, [point(3), point(0)])
    row = await get(database, study_id)
    assert (row.done, row.total, row.progress) == (2, 4, 0.5)
    assert row.spec == sweep_spec()

    await database.write(studies.add_points, study_id, [point(1), point(2)])
    assert await database.read(queries.list_points, study_id) == [point(n) for n in range(4)]
    best = StudyPoint(point(3).params, point(3).metrics)
    assert await database.write(studies.finish_study, study_id, T0 + 9, best=best)
    done = await get(database, study_id)
    assert (done.status, done.best, done.progress) == (RunStatus.COMPLETED, best, 1.0)
    assert (done.windows, done.metrics, done.finished_at_ns) == (None, None, T0 + 9)


async def test_a_point_is_kept_once(database: Database) -> None:
    study_id = await start(database)
    await database.write(studies.add_points, study_id, [point(0)])
    with pytest.raises(sa.exc.IntegrityError):
        await database.write(studies.add_points, study_id, [point(1), point(0)])
    assert (await get(database, study_id)).done == 1
    assert await database.read(queries.list_points, study_id) == [point(0)]


async def test_a_walk_forward_reports_its_windows(database: Database) -> None:
    study_id = await start(database, WALKFORWARD, None)
    assert (await get(database, study_id)).progress == 0.0
    assert await database.write(studies.progress_study, study_id, 30, 120)
    assert (await get(database, study_id)).progress == 0.25

    window = StudyWindow(
        T0, T0 + 5, T0 + 5, T0 + 7, {"entry_bps": 50.0}, {"cycles": 3}, {"cycles": 1}
    )
    assert await database.write(
        studies.finish_study,
        study_id,
        T0 + 9,
        windows=(window,),
        metrics={"roi_pct": 1.5},
        folder="w1",
    )
    done = await get(database, study_id)
    assert (done.windows, done.metrics) == ((window,), {"roi_pct": 1.5})
    assert await database.read(queries.run_folders) == {"w1"}


async def test_kinds_share_numbers_but_not_names(database: Database) -> None:
    made = [
        await database.write(studies.create_study, kind, sweep_spec(), 4, T0)
        for kind in (SWEEP, WALKFORWARD, SWEEP)
    ]
    assert [row.id for row in made] == ["s-1", "w-2", "s-3"]
    assert await database.read(queries.get_study, "w-1") is None
    assert not await database.write(studies.start_study, "s-2", T0)

    every, _ = await database.read(queries.list_studies, 10)
    assert every == made[::-1]
    sweeps, cursor = await database.read(queries.list_studies, 1, None, SWEEP)
    more, end = await database.read(queries.list_studies, 1, cursor, SWEEP)
    assert ([row.id for row in sweeps + more], end) == (["s-3", "s-1"], None)
    await database.write(studies.start_study, "w-2", T0)
    running, _ = await database.read(queries.list_studies, 9, None, None, {RunStatus.RUNNING})
    assert [row.id for row in running] == ["w-2"]


async def test_a_cancelled_sweep_keeps_its_points_and_takes_no_more(database: Database) -> None:
    study_id = await start(database)
    await database.write(studies.add_points, study_id, [point(0)])
    assert await database.write(studies.cancel_study, study_id, T0 + 2)
    assert not await database.write(studies.add_points, study_id, [point(1)])
    assert not await database.write(studies.finish_study, study_id, T0 + 3)
    assert not await database.write(studies.progress_study, study_id, 4, 4)
    assert await database.read(queries.list_points, study_id) == [point(0)]
    assert (await get(database, study_id)).status is RunStatus.CANCELLED


async def test_a_start_fails_what_ran_and_keeps_what_waits(database: Database) -> None:
    ran = [await start(database), await start(database, WALKFORWARD)]
    waits = await database.write(studies.create_study, SWEEP, sweep_spec(), 4, T0)
    lost = Failure("service_restarted")
    assert await database.write(studies.fail_running, lost, T0 + 5) == ran
    row = await get(database, ran[0])
    assert (row.status, row.failure) == (RunStatus.FAILED, lost)
    assert (await get(database, waits.id)).status is RunStatus.QUEUED


async def test_a_failed_study_keeps_its_reason(database: Database) -> None:
    study_id = await start(database)
    failure = Failure("cluster_failed", {"reason": "gone"})
    assert await database.write(studies.fail_study, study_id, failure, T0 + 2)
    assert (await get(database, study_id)).failure == failure


async def test_a_deleted_sweep_takes_its_points_along(database: Database) -> None:
    study_id = await start(database)
    await database.write(studies.add_points, study_id, [point(0)])
    with pytest.raises(Problem) as refused:
        await database.write(studies.delete_study, study_id)
    assert refused.value.code == "run_active"

    await database.write(studies.cancel_study, study_id, T0)
    gone = await database.write(studies.delete_study, study_id)
    assert gone is not None
    assert await database.write(studies.delete_study, study_id) is None
    count = sa.select(sa.func.count()).select_from(study_points)
    assert await database.read(lambda conn: conn.scalar(count)) == 0
