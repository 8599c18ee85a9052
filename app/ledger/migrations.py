"""Migrations: alembic run from inside, one process at a time, forward only."""

from __future__ import annotations

import asyncio
from pathlib import Path

import sqlalchemy as sa
from alembic import command, op
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.ledger import engines
from app.ledger.engines import DatabaseUnusable
from app.ledger.tables import TABLE_OPTIONS

SCRIPTS = Path(__file__).resolve().parents[2] / "alembic"
LOCK_S_MAX = 120
POSTGRES_LOCK = 0x6B696D70  # "kimp"; PostgreSQL's advisory locks belong to one database
MYSQL_LOCK = "kimp.migrate."  # MySQL's belong to the server, so the database's name follows

FORWARD_ONLY = "kimp's migrations go forward only: to go back, restore the backup made before"


async def migrate(url: sa.URL, revision: str = "head") -> None:
    """Upgrade to the revision. Others who start meanwhile wait, then find nothing to do."""
    engine = _engine(url)
    try:
        async with engine.begin() as conn:
            await conn.run_sync(_lock)
            await conn.run_sync(_upgrade, revision)
    except (SQLAlchemyError, CommandError, OSError, TimeoutError) as reason:
        raise DatabaseUnusable(engines.one_line(url, reason)) from reason
    finally:
        await asyncio.shield(engine.dispose())


def _engine(url: sa.URL) -> AsyncEngine:
    if url.get_backend_name() != "sqlite":
        return engines.server(url, writes=True)
    engine = create_async_engine(url, poolclass=sa.NullPool)
    # A rebuilt table is dropped on the way: with foreign keys on, its children's rows would go.
    begin = "BEGIN IMMEDIATE"
    engines.prepare_sqlite(engine.sync_engine, LOCK_S_MAX * 1000, begin=begin, foreign_keys=False)
    return engine


def _lock(conn: sa.Connection) -> None:
    """Held until the connection ends its transaction (MySQL: until it closes).

    SQLite needs none: its BEGIN IMMEDIATE is the lock, and its DDL rolls back.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(sa.text(f"SET LOCAL lock_timeout = '{LOCK_S_MAX}s'"))
        conn.execute(sa.select(sa.func.pg_advisory_xact_lock(POSTGRES_LOCK)))
    elif conn.dialect.name == "mysql":
        name = sa.func.concat(MYSQL_LOCK, sa.func.left(sa.func.sha1(sa.func.database()), 40))
        if conn.scalar(sa.select(sa.func.get_lock(name, LOCK_S_MAX))) != 1:
            raise TimeoutError(f"another process has been migrating for {LOCK_S_MAX} s")


def _upgrade(conn: sa.Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = conn
    command.upgrade(config, revision)
    if conn.dialect.name == "sqlite":
        broken = conn.exec_driver_sql("PRAGMA foreign_key_check").first()
        assert broken is None, f"a migration left {broken} without its parent"


def create_table(name: str, *items: sa.schema.SchemaItem) -> None:
    """What a migration calls. MySQL commits each statement by itself, so an upgrade that was
    killed half-way begins again: a table that is there already is left as it is."""
    op.create_table(name, *items, if_not_exists=True, **TABLE_OPTIONS)


def create_index(name: str, table: str, columns: list[str]) -> None:
    """Like create_table. MySQL has no CREATE INDEX IF NOT EXISTS, so we look."""
    known = sa.inspect(op.get_bind()).get_indexes(table)
    if name not in {index["name"] for index in known}:
        op.create_index(name, table, columns)
