"""One grid on a real Dask cluster of two processes: the same rows as on this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.domain.backtests import Axis, RunStatus, StudySpec
from app.domain.records import StudyKind, StudyRow
from app.ledger.database import Database
from tests.work.conftest import Room, opened
from tests.work.market import swinging_market
from tests.work.test_runs import end_of_study

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def dask(word: str, *arguments: str) -> subprocess.Popen[bytes]:
    """kimp is importable where the workers run; their folder is not ours."""
    return subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_" + word, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = str(tmp_path_factory.mktemp("dask"))
    address = f"tcp://127.0.0.1:{free_port()}"
    port = address.rpartition(":")[2]
    processes = [dask("scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard")]
    for _ in range(2):
        processes.append(
            dask("worker", address, "--nthreads", "1", "--no-dashboard", "--no-nanny",
                 "--local-directory", folder)
        )  # fmt: skip
    yield address
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
async def clustered(
    scheduler: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Room]:
    folder = tmp_path_factory.mktemp("clustered")
    url = f"sqlite:///{folder}/kimp.db"
    await Database.migrate(url)
    db = Database.open(url)
    async with opened(db, folder, dask_scheduler=scheduler) as bench:
        yield Room(bench, db, folder, set())
    await db.close()


async def grid(room: Room, days: float | None = None) -> StudySpec:
    run = await swinging_market(room.db, room.folder, 3_000)
    axes = (Axis("entry_bps", tuple(range(20, 90, 2))), Axis("exit_bps", (-60.0, -40.0, 0.0)))
    if days is None:
        return StudySpec(run, axes)
    return StudySpec(run, axes, train_days=days, test_days=days / 2, step_days=days / 2)


async def completed(room: Room, kind: StudyKind, spec: StudySpec) -> StudyRow:
    study = await room.bench.submit_study(kind, spec)
    row = await end_of_study(room.bench, study.id)
    assert row.status is RunStatus.COMPLETED, row.failure
    return row


async def test_a_sweep_gives_equal_rows_here_and_there(clustered: Room, room: Room) -> None:
    there = await completed(clustered, StudyKind.SWEEP, await grid(clustered))
    here = await completed(room, StudyKind.SWEEP, await grid(room))
    rows = [await each.bench.points(row) for each, row in ((clustered, there), (room, here))]
    assert rows[0] == rows[1]
    assert len(rows[0]) == 105
    assert there.best == here.best


async def test_a_walk_forward_gives_equal_windows_here_and_there(
    clustered: Room, room: Room
) -> None:
    there = await completed(clustered, StudyKind.WALKFORWARD, await grid(clustered, 0.5))
    here = await completed(room, StudyKind.WALKFORWARD, await grid(room, 0.5))
    assert there.windows == here.windows
    assert there.metrics == here.metrics
    assert len(there.windows or ()) > 3


async def test_a_sweep_on_the_cluster_can_be_cancelled(clustered: Room) -> None:
    spec = await grid(clustered)
    many = StudySpec(spec.run, (Axis("entry_bps", tuple(n / 100 for n in range(9_000))),))
    study = await clustered.bench.submit_study(StudyKind.SWEEP, many)
    assert (await clustered.bench.cancel_study(study.id)).status is RunStatus.CANCELLED
    await completed(clustered, StudyKind.SWEEP, spec)


async def test_a_cluster_that_nobody_keeps_is_named(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.runtime.work.cluster.CLUSTER_CONNECT_S_MAX", 1.0)
    address = f"tcp://127.0.0.1:{free_port()}"
    async with opened(sqlite_database, tmp_path, dask_scheduler=address) as bench:
        run = await swinging_market(sqlite_database, tmp_path, 100)
        study = await bench.submit_study(
            StudyKind.SWEEP, StudySpec(run, (Axis("entry_bps", (1.0,)),))
        )
        row = await end_of_study(bench, study.id)
    assert row.failure is not None
    assert (row.status, row.failure.code) == (RunStatus.FAILED, "cluster_unreachable")
    assert row.failure.values == {"address": address}
