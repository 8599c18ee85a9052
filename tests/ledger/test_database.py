"""Transactions: whole or not at all, whoever cancels, kills, or comes at the same time."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.util import await_only

from app.domain.datasets import Hints
from app.ledger import accounts, datasets, engines, preferences, queries
from app.ledger import database as database_module
from app.ledger.database import Database
from app.ledger.engines import DatabaseUnusable
from app.ledger.tables import setting_changes, uploads
from tests.ledger.builders import T0

REPOSITORY = Path(__file__).resolve().parents[2]
COUNT = "SELECT count(*) FROM uploads"


def count_uploads(conn: sa.Connection) -> int:
    return conn.scalar(sa.select(sa.func.count()).select_from(uploads)) or 0


def make_uploads(conn: sa.Connection, number: int, begun: list[int] | None = None) -> None:
    for n in range(number):
        datasets.create_upload(conn, f"{n}.csv", Hints(), None, T0)
        if begun is not None:
            begun.append(n)


async def test_what_a_write_returns_from_is_kept(database: Database) -> None:
    await database.write(make_uploads, 3)
    assert await database.read(count_uploads) == 3


async def test_a_write_that_raises_leaves_nothing(database: Database) -> None:
    def half_way(conn: sa.Connection) -> None:
        make_uploads(conn, 2)
        raise LookupError("the second half")

    with pytest.raises(LookupError, match="the second half"):
        await database.write(half_way)
    assert await database.read(count_uploads) == 0


async def test_a_read_cannot_write(database: Database) -> None:
    with pytest.raises(sa.exc.DBAPIError, match=r"(?i)read.?only"):
        await database.read(make_uploads, 1)
    assert await database.read(count_uploads) == 0
    await database.write(make_uploads, 1)
    assert await database.read(count_uploads) == 1


async def test_a_read_sees_one_state(database: Database) -> None:
    loop = asyncio.get_running_loop()

    def twice(conn: sa.Connection) -> tuple[int, int]:
        first = count_uploads(conn)
        if conn.dialect.is_async:
            await_only(database.write(make_uploads, 3))
        else:  # a thread of its own: the other one's commit goes through the loop
            asyncio.run_coroutine_threadsafe(database.write(make_uploads, 3), loop).result()
        return first, count_uploads(conn)

    assert await database.read(twice) == (0, 0)
    assert await database.read(count_uploads) == 3


async def test_a_cancelled_caller_leaves_a_whole_write_behind(database: Database) -> None:
    begun: list[int] = []
    caller = asyncio.create_task(database.write(make_uploads, 20, begun))
    while not begun:
        await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert len(begun) == 20
    assert await database.read(count_uploads) == 20


async def test_closing_waits_for_what_an_impatient_caller_left(database: Database) -> None:
    begun: list[int] = []
    caller = asyncio.create_task(database.write(make_uploads, 20, begun))
    while not begun:
        await asyncio.sleep(0)
    for _ in range(2):
        caller.cancel()
        await asyncio.sleep(0)
    await asyncio.wait({caller})
    await database.close()
    assert len(begun) == 20
    assert await database.read(count_uploads) == 20


async def test_many_at_once_wait_their_turn(database: Database) -> None:
    """More callers than connections: nobody fails, nothing is lost."""
    writes = [database.write(make_uploads, 2) for _ in range(60)]
    reads = [database.read(count_uploads) for _ in range(60)]
    seen = (await asyncio.gather(*writes, *reads))[60:]
    assert all(count is not None and count % 2 == 0 for count in seen)
    assert await database.read(count_uploads) == 120


async def test_text_comes_back_as_it_went_in(database: Database) -> None:
    """Hangul, emoji, case, more than MySQL's 64 KiB of TEXT, and what PostgreSQL refuses."""
    long = '"' + "김프🚀" * 50_000 + '"'
    await database.write(preferences.put_setting, "note", long, T0, "지민")
    kept = await database.read(queries.get_setting, "note")
    assert kept is not None
    assert (kept.value_json, kept.by) == (long, "지민")

    await database.write(accounts.create_user, "kim", "hash", ("read",), T0)
    await database.write(accounts.create_user, "Kim", "hash", ("read",), T0)
    assert await database.read(accounts.user_by_name, "KIM") is None

    odd = await database.write(
        datasets.create_upload, f"a\x00b\ud800{'c' * 300}.csv", Hints(), None, T0
    )
    assert odd.file_name == "ab" + "c" * 253


async def test_ping_says_what_is_wrong(database: Database) -> None:
    await database.ping()
    gone = Database.open("postgresql://kimp:secret@127.0.0.1:1/kimp")
    with pytest.raises(DatabaseUnusable, match=r"127\.0\.0\.1:1") as refused:
        await gone.ping()
    assert "secret" not in str(refused.value)
    await gone.close()


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
async def test_ping_gives_up_on_a_server_that_never_answers(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "PING_S_MAX", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        db = Database.open(f"{scheme}://kimp:secret@127.0.0.1:{port}/kimp")
        with pytest.raises(DatabaseUnusable, match=f"127.0.0.1:{port}"):
            await db.ping()
        await db.close()


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("sqlite:///var/kimp.db", "sqlite+aiosqlite:///var/kimp.db"),
        ("postgres://u:p@h/kimp", "postgresql+asyncpg://u:p@h/kimp"),
        ("postgresql://u:p@h:5433/kimp", "postgresql+asyncpg://u:p@h:5433/kimp"),
        ("postgresql+psycopg://u@h/kimp", "postgresql+asyncpg://u@h/kimp"),
        ("postgresql://h/kimp?sslmode=require", "postgresql+asyncpg://h/kimp?ssl=require"),
        ("mysql://u:p@h/kimp", "mysql+aiomysql://u:p@h/kimp"),
        ("mariadb+pymysql://u:p@h/kimp", "mysql+aiomysql://u:p@h/kimp"),
    ],
)
def test_plain_urls_get_our_driver(given: str, used: str) -> None:
    assert engines.driver_url(given).render_as_string(hide_password=False) == used


@pytest.mark.parametrize(
    "given",
    [
        "",
        "kimp.db",
        "oracle://u:secret@h/kimp",
        "postgresql://u:secret@h",
        "mysql://u:secret@h:port/kimp",
        "sqlite://",
        "sqlite:///:memory:",
    ],
)
def test_other_urls_are_refused_without_their_password(given: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        Database.open(given)
    assert "secret" not in str(refused.value)


# SQLite's own promises


async def test_sqlite_is_durable_and_checks_references(sqlite_database: Database) -> None:
    def pragmas(conn: sa.Connection) -> dict[str, object]:
        asked = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        return {name: conn.exec_driver_sql(f"PRAGMA {name}").scalar() for name in asked}

    expected = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    for found in (await sqlite_database.read(pragmas), await sqlite_database.write(pragmas)):
        assert found == {**expected, "busy_timeout": engines.BUSY_MS_MAX}


async def test_the_file_is_its_owner_s_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "kimp.db"
    await Database.migrate(f"sqlite:///{path}")
    db = Database.open(f"sqlite:///{path}")
    path.chmod(0o644)
    await db.write(make_uploads, 1)
    modes = {file.name: oct(file.stat().st_mode & 0o777) for file in path.parent.iterdir()}
    await db.close()
    assert modes == dict.fromkeys(("kimp.db", "kimp.db-shm", "kimp.db-wal"), "0o600")


async def test_a_visitor_who_leaves_does_not_take_the_log_with_him(
    sqlite_database: Database, tmp_path: Path
) -> None:
    """A second connection of ours must not drop the locks of the first: SQLite would take the
    visitor for the last one, and delete the log into which we go on writing."""
    await sqlite_database.read(count_uploads)
    await sqlite_database.write(make_uploads, 1)
    visit = f"import sqlite3; sqlite3.connect({str(tmp_path / 'kimp.db')!r}).execute({COUNT!r})"
    visitor = await asyncio.create_subprocess_exec(sys.executable, "-c", visit)
    assert await visitor.wait() == 0
    await sqlite_database.write(make_uploads, 2)
    with contextlib.closing(sqlite3.connect(tmp_path / "kimp.db")) as other:
        assert other.execute(COUNT).fetchone() == (3,)


COUNT_UP = """
import asyncio, sys
from app.ledger import preferences, queries
from app.ledger.database import Database

def count_up(conn):
    row = queries.get_setting(conn, "count")
    number = 0 if row is None else int(row.value_json)
    preferences.put_setting(conn, "count", str(number + 1), number, "child")

async def main():
    db = Database.open(sys.argv[1])
    await asyncio.gather(*(db.write(count_up) for _ in range(100)))
    await db.close()

asyncio.run(main())
"""


async def test_sqlite_writers_of_two_processes_queue(
    sqlite_database: Database, tmp_path: Path
) -> None:
    """Each reads, then writes: a deferred BEGIN would fail with «database is locked»."""
    url = f"sqlite:///{tmp_path}/kimp.db"
    pair = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", COUNT_UP, url, cwd=REPOSITORY, stderr=asyncio.subprocess.PIPE
        )
        for _ in range(2)
    ]
    ends = [await process.communicate() for process in pair]
    assert [process.returncode for process in pair] == [0, 0], ends
    total = await sqlite_database.read(queries.get_setting, "count")
    assert total is not None
    assert total.value_json == "200"


WRITE_PAIRS = """
import asyncio, sys
from app.ledger import preferences
from app.ledger.database import Database

def pair(conn, number):
    preferences.put_setting(conn, "left", str(number), number, "child")
    preferences.put_setting(conn, "right", str(number), number, "child")

async def main():
    db = Database.open(sys.argv[1])
    for number in range(1_000_000):
        await db.write(pair, number)
        print(number, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("acknowledged", [0, 1, 7, 40, 111])
async def test_kill_9_leaves_old_or_new_never_half(tmp_path: Path, acknowledged: int) -> None:
    path = tmp_path / "kimp.db"
    await Database.migrate(f"sqlite:///{path}")
    with subprocess.Popen(
        [sys.executable, "-c", WRITE_PAIRS, f"sqlite:///{path}"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        told = [child.stdout.readline() for _ in range(acknowledged + 1)]
        child.kill()
        told += child.stdout.readlines()
    last = int(told[-1])
    with sqlite3.connect(path) as plain:
        assert plain.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = plain.execute(
            f"SELECT key, max(id), value_json FROM {setting_changes.name} GROUP BY key"
        ).fetchall()
    values = {key: int(value) for key, _, value in rows}
    assert values["left"] == values["right"]
    assert values["left"] - last in (0, 1), "what was acknowledged is there"
