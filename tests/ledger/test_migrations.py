"""The schema grows in steps: on empty and on filled databases, alone and in a crowd."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.datasets import Hints, Kind
from app.domain.records import StudyKind, StudyPointRow
from app.ledger import accounts, datasets, engines, migrations, preferences, queries, runs, studies
from app.ledger.database import Database
from app.ledger.engines import DatabaseUnusable
from app.ledger.revision import NEWEST
from app.ledger.tables import metadata
from tests.ledger.builders import T0, facts, spec, sweep_spec

REPOSITORY = Path(__file__).resolve().parents[2]
MIGRATE = """
import asyncio, sys
from app.ledger.database import Database

print("ready", flush=True)
sys.stdin.readline()
asyncio.run(Database.migrate(sys.argv[1]))
"""


@pytest.fixture
async def database_engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = migrations._engine(engines.driver_url(database_url))
    yield engine
    await engine.dispose()


async def revision(engine: AsyncEngine) -> str | None:
    async with engine.connect() as conn:
        return await conn.run_sync(lambda c: MigrationContext.configure(c).get_current_revision())


async def differences(engine: AsyncEngine) -> list[object]:
    """What alembic would still change to reach the tables of app/ledger."""
    async with engine.connect() as conn:
        return await conn.run_sync(
            lambda c: compare_metadata(
                MigrationContext.configure(c, opts={"compare_type": True}), metadata
            )
        )


async def to(url: str, step: str) -> None:
    await migrations.migrate(engines.driver_url(url), step)


async def test_an_empty_database_comes_to_the_newest_schema(
    database_url: str, database_engine: AsyncEngine
) -> None:
    await Database.migrate(database_url)
    assert await revision(database_engine) == NEWEST
    assert await differences(database_engine) == []

    await Database.migrate(database_url)
    assert await revision(database_engine) == NEWEST


async def test_a_missing_column_would_be_noticed(
    database_url: str, database_engine: AsyncEngine
) -> None:
    await Database.migrate(database_url)
    async with database_engine.begin() as conn:
        await conn.exec_driver_sql("ALTER TABLE uploads DROP COLUMN sha256")
    [(change, _, table, column)] = await differences(database_engine)
    assert (change, table, column.name) == ("add_column", "uploads", "sha256")


async def test_every_step_keeps_the_rows_of_the_one_before(database_url: str) -> None:
    db = Database.open(database_url)

    await to(database_url, "0001")
    user = await db.write(accounts.create_user, "지민", "hash", ("read", "admin"), T0)
    await db.write(preferences.put_setting, "display.tz", '"Asia/Seoul"', T0, "지민")
    await db.write(accounts.record_event, T0, "지민", "127.0.0.1", "login", "ok")

    await to(database_url, "0002")
    upload = await db.write(datasets.create_upload, "업비트.csv", Hints(), 123, T0)
    stored = await db.write(
        datasets.insert_datasets,
        upload.id,
        [("f00d", facts()), ("beef", facts(Kind.FX, base=None))],
        sha256="ab" * 32,
        file_name="업비트.csv",
        file_bytes=123,
        at_ns=T0,
    )

    await to(database_url, "0003")
    assert await db.read(accounts.user_by_name, "지민") == user
    setting = await db.read(queries.get_setting, "display.tz")
    assert setting is not None
    assert setting.value_json == '"Asia/Seoul"'
    events, _ = await db.read(queries.list_events, 10)
    assert [event.action for event in events] == ["login"]
    assert await db.read(queries.datasets_of_upload, upload.id) == stored

    run = await db.write(runs.create_run, spec(name="첫 번째"), T0)
    study = await db.write(studies.create_study, StudyKind.SWEEP, sweep_spec(), 4, T0)
    await db.write(studies.start_study, study.id, T0)
    point = StudyPointRow(0, {"entry_bps": 50.0}, {"cycles": 2, "sharpe": None})
    await db.write(studies.add_points, study.id, [point])
    assert await db.read(queries.get_run, run.id) == run
    assert await db.read(queries.list_points, study.id) == [point]
    await db.close()


async def test_processes_that_start_together_all_end_well(
    database_url: str, database_engine: AsyncEngine
) -> None:
    crowd = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            MIGRATE,
            database_url,
            cwd=REPOSITORY,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
        )
        for _ in range(6)
    ]
    for process in crowd:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    ends = await asyncio.gather(*(process.communicate(b"go\n") for process in crowd))
    assert [process.returncode for process in crowd] == [0] * 6, ends
    assert await differences(database_engine) == []


async def test_an_upgrade_that_was_killed_half_way_goes_on(
    database_url: str, database_engine: AsyncEngine
) -> None:
    """MySQL keeps each statement at once: tables without their index, without the new number."""
    await Database.migrate(database_url)
    async with database_engine.begin() as conn:
        for statement in (
            "UPDATE alembic_version SET version_num = '0002'",
            "DROP TABLE study_points",
            "DROP TABLE study_datasets",
            "DROP TABLE studies",
            f"DROP INDEX runs_status{' ON runs' if conn.dialect.name == 'mysql' else ''}",
        ):
            await conn.exec_driver_sql(statement)

    await Database.migrate(database_url)
    assert await revision(database_engine) == NEWEST
    assert await differences(database_engine) == []


def test_a_start_without_news_does_without_alembic(tmp_path: Path) -> None:
    start = f"""
import asyncio, sys
import app.main
from app.ledger.database import Database

asyncio.run(Database.migrate("sqlite:///{tmp_path}/kimp.db"))
print("alembic" in sys.modules)
"""
    told = [
        subprocess.run(
            [sys.executable, "-c", start],
            cwd=REPOSITORY,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        for _ in range(2)
    ]
    assert told == [["True"], ["False"]]


async def test_a_database_of_a_newer_kimp_is_refused_in_one_line(
    database_url: str, database_engine: AsyncEngine
) -> None:
    await Database.migrate(database_url)
    async with database_engine.begin() as conn:
        await conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseUnusable) as refused:
        await Database.migrate(database_url)
    assert "9999" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    ["postgresql://kimp:secret@127.0.0.1:1/kimp", "mysql://kimp:secret@127.0.0.1:1/kimp"],
)
async def test_a_server_that_is_not_there_is_named_without_its_password(url: str) -> None:
    with pytest.raises(DatabaseUnusable) as refused:
        await Database.migrate(url)
    assert "127.0.0.1:1" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_the_steps_are_one_line_and_go_forward_only() -> None:
    script = ScriptDirectory(str(migrations.SCRIPTS))
    assert script.get_heads() == [NEWEST]
    for step in script.walk_revisions():
        with pytest.raises(RuntimeError, match="forward only"):
            step.module.downgrade()


async def test_a_table_rebuilt_on_the_way_does_not_take_its_children(tmp_path: Path) -> None:
    """SQLite rebuilds a table by dropping it; with foreign keys on, that would cascade."""
    engine = migrations._engine(engines.driver_url(f"sqlite:///{tmp_path}/kimp.db"))
    async with engine.connect() as conn:
        assert await conn.scalar(sa.text("PRAGMA foreign_keys")) == 0
    await engine.dispose()
