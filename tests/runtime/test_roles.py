"""Roles: a process runs the parts that KIMP_ROLES names, and tells the others that it is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.domain.roles import ALL, ProcessRole, told
from app.jobs import WHOSE, timetable
from app.runtime.doctor import findings
from tests.appkit import Running, running

ONE = ["feeder", "initiator", "finalizer", "dashboard"]


def jobs(kimp: Running) -> set[str]:
    return {job.id for job in timetable(kimp.desk).get_jobs()}


async def test_without_a_word_a_process_does_everything(tmp_path: Path) -> None:
    async with running(tmp_path) as kimp:
        assert kimp.desk.roles == ALL
        assert jobs(kimp) == set(WHOSE)
        (row,) = await kimp.desk.processes.all()
        assert (list(row.roles), row.here) == (ONE, True)
        assert (await kimp.client.get("/api/v1/engine")).status_code == 200


@pytest.mark.parametrize(
    ("roles", "does", "leaves"),
    [
        ("feeder", {"settings", "processes"}, {"accounts", "audit", "retry", "market"}),
        ("initiator", {"market", "audit", "reconcile"}, {"retry", "snapshot", "accounts"}),
        ("finalizer", {"finalizer", "retry", "audit", "snapshot", "day"}, {"market", "work"}),
        ("dashboard", {"accounts", "work"}, {"audit", "retry", "reconcile"}),
    ],
)
async def test_the_timetable_is_that_of_the_roles(
    tmp_path: Path, roles: str, does: set[str], leaves: set[str]
) -> None:
    async with running(tmp_path, ROLES=roles) as kimp:
        assert does <= jobs(kimp)
        assert not leaves & jobs(kimp)


async def test_only_a_dashboard_shows_pages(tmp_path: Path) -> None:
    async with running(tmp_path, ROLES="feeder,initiator,finalizer") as kimp:
        assert (await kimp.client.get("/healthz")).status_code == 200
        assert (await kimp.client.get("/readyz")).status_code == 200
        assert (await kimp.client.get("/metrics")).status_code == 200
        for path in ("/", "/api/v1/engine", "/cycles", "/docs"):
            assert (await kimp.client.get(path)).status_code == 404, path
        assert kimp.desk.work.seats() == []


async def test_a_dashboard_decides_nothing_and_says_so(tmp_path: Path) -> None:
    async with running(tmp_path, ROLES="dashboard") as kimp:
        engine = (await kimp.client.get("/api/v1/engine")).json()
        assert (engine["running"], engine["blocked"]) == (False, ["ELSEWHERE"])


async def test_processes_of_one_database_know_each_other(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'kimp.db'}"
    first = running(tmp_path / "first", DATABASE_URL=database, ROLES="dashboard")
    second = running(tmp_path / "second", DATABASE_URL=database, ROLES="initiator,finalizer")
    async with first as pages:
        async with second as trades:
            rows = await pages.desk.processes.all()
            assert {(told(frozenset(row.roles)), row.here) for row in rows} == {
                ("dashboard", True),
                ("initiator,finalizer", False),
            }
            found = await findings(tmp_path, trades.desk.dependencies, trades.desk.roles)
            lines = [str(each) for each in found]
            assert sum("runs" in line and "initiator,finalizer" in line for line in lines) == 1
            assert any("nobody has feeder" in line for line in lines)
        (left,) = await pages.desk.processes.all()
        assert left.roles == (ProcessRole.DASHBOARD,)


async def test_a_setting_of_one_process_is_followed_by_the_others(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'kimp.db'}"
    first = running(tmp_path / "first", DATABASE_URL=database, ROLES="dashboard")
    second = running(tmp_path / "second", DATABASE_URL=database, ROLES="finalizer")
    async with first as pages, second as trades:
        put = pages.client.put
        answer = await put("/api/v1/settings/trading.size_krw", json={"value": 250_000})
        assert answer.status_code == 200
        await trades.desk.preferences.follow()
        assert trades.desk.trading.policies.now.size_krw == 250_000
        await put("/api/v1/settings/trading.size_krw", json={"value": None})
        await trades.desk.preferences.follow()
        assert trades.desk.trading.policies.now.size_krw == 1_000_000
        heard: list[str] = []

        async def listener(key: str) -> None:
            heard.append(key)

        trades.desk.preferences.listen(listener)
        pages.desk.preferences.listen(listener)
        await trades.desk.preferences.follow()
        await pages.desk.preferences.follow()
        assert heard == [], "news is told once"
