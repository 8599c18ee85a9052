"""Engines: how each database is connected so that all of them keep the same promises."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

CONNECT_S_MAX = 10
POOL_WAIT_S_MAX = 30
CONNECTIONS_MAX = 10
READERS = 4
"""Of a file: threads that read at the same time."""
BUSY_MS_MAX = 10_000
# A process that stands still in the middle of a transaction keeps its locks: the server lets go of
# them well before anybody else gives up waiting (database.TRANSACTION_S_MAX).
IDLE_IN_TRANSACTION_MS_MAX = 20_000
LOCK_WAIT_S_MAX = 50

DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
    "mysql": "mysql+aiomysql",
    "mariadb": "mysql+aiomysql",
}


class DatabaseUnusable(Exception):
    """The database cannot be used as it is; the message is one line without its password."""


def driver_url(text: str) -> sa.URL:
    """A user's URL with our driver in it; ValueError, without the password, when it is not ours.

    A driver named by the user is dropped. `sslmode=` is what PostgreSQL's own tools say.
    """
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        raise ValueError("not a database URL such as postgresql://user@host/kimp") from None
    backend = url.get_backend_name()
    if backend not in DRIVERS:
        raise ValueError(f"{backend}: is none of {', '.join(DRIVERS)}")
    if not url.database or url.database == ":memory:":
        raise ValueError(f"{backend}: the URL must name a database")
    url = url.set(drivername=DRIVERS[backend])
    if "sslmode" in url.query and backend.startswith("postgres"):
        url = url.difference_update_query(["sslmode"]).update_query_dict(
            {"ssl": url.query["sslmode"]}
        )
    return url


def one_line(url: sa.URL, reason: BaseException) -> str:
    """What went wrong with which database, on one line, its password hidden."""
    cause = getattr(reason, "orig", None) or reason
    words = " ".join(str(cause).split()) or type(cause).__name__
    return f"{url.render_as_string(hide_password=True)}: {words}"


def file(url: sa.URL, *, writes: bool) -> sa.Engine:
    """Of SQLite, for threads. Readers never wait (WAL); there is one writing connection."""
    engine = sa.create_engine(
        url.set(drivername="sqlite+pysqlite"),
        pool_size=1 if writes else READERS,
        max_overflow=0,
        pool_timeout=POOL_WAIT_S_MAX,
    )
    prepare_sqlite(engine, BUSY_MS_MAX, begin="BEGIN IMMEDIATE" if writes else "BEGIN")
    if not writes:
        sa.event.listen(engine, "connect", _query_only)
    return engine


def prepare_sqlite(
    engine: sa.Engine, busy_ms: int, *, begin: str, foreign_keys: bool = True
) -> None:
    """Own BEGIN instead of the driver's: a deferred one fails at once when it has to upgrade."""
    path = Path(str(engine.url.database))

    def connect(dbapi: Any, _record: Any) -> None:
        dbapi.isolation_level = None
        cursor = dbapi.cursor()
        for pragma in (
            f"busy_timeout={busy_ms}",
            "journal_mode=WAL",
            "synchronous=FULL",
            f"foreign_keys={'ON' if foreign_keys else 'OFF'}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    sa.event.listen(engine, "do_connect", lambda *_: _make_private(path))
    sa.event.listen(engine, "connect", connect)
    sa.event.listen(engine, "begin", lambda conn: conn.exec_driver_sql(begin))


def _query_only(dbapi: Any, _record: Any) -> None:
    cursor = dbapi.cursor()
    cursor.execute("PRAGMA query_only=ON")
    cursor.close()


def _make_private(path: Path) -> None:
    """The file is its owner's alone (0600) before SQLite opens it; -wal and -shm follow it.

    A file that exists is never opened here: closing it would drop every lock that this process's
    connections hold, and the next other process to leave would delete the log under them.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)


def server(url: sa.URL, *, writes: bool) -> AsyncEngine:
    """A reader sees one state from its first to its last statement.

    Writers are READ COMMITTED: MySQL's own default shows them stale rows after a lock wait.
    """
    postgres = url.get_backend_name() == "postgresql"
    engine = create_async_engine(
        url,
        isolation_level="READ COMMITTED" if writes else "REPEATABLE READ",
        connect_args=_postgres_arguments() if postgres else _mysql_arguments(),
        pool_size=CONNECTIONS_MAX,
        max_overflow=0,
        pool_timeout=POOL_WAIT_S_MAX,
        pool_pre_ping=True,
    )
    if writes:
        return engine
    if postgres:
        return engine.execution_options(postgresql_readonly=True)
    sa.event.listen(engine.sync_engine, "begin", _begin_read_only)
    return engine


def _postgres_arguments() -> dict[str, Any]:
    limit = str(IDLE_IN_TRANSACTION_MS_MAX)
    return {
        "timeout": CONNECT_S_MAX,
        "server_settings": {
            "application_name": "kimp",
            "idle_in_transaction_session_timeout": limit,
        },
    }


def _mysql_arguments() -> dict[str, Any]:
    """MySQL has no limit of this kind; what only MariaDB reads stands in a comment of its own."""
    limit_s = -(-IDLE_IN_TRANSACTION_MS_MAX // 1_000)
    return {
        "connect_timeout": CONNECT_S_MAX,
        "charset": "utf8mb4",
        "init_command": (
            f"SET SESSION innodb_lock_wait_timeout={LOCK_WAIT_S_MAX}"
            f" /*M!100300 , SESSION idle_transaction_timeout={limit_s} */"
        ),
    }


def _begin_read_only(conn: sa.Connection) -> None:
    conn.exec_driver_sql("START TRANSACTION READ ONLY")
