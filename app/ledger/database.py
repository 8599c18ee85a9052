"""The one way to the database: transactions as plain functions, on SQLite, PostgreSQL and MySQL.

A function gets a `sqlalchemy.Connection` and its own arguments; what it does is one transaction,
committed when it returns and rolled back when it raises. Nothing is ever tried twice here, and
a server that no longer answers is given up after TRANSACTION_S_MAX.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.ledger import engines, revision

P = ParamSpec("P")
T = TypeVar("T")

PING_S_MAX = 5.0
TRANSACTION_S_MAX = 60.0
CLOSE_S_MAX = 10.0


class Server:
    """An engine whose driver waits on the loop."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.url = engine.url
        self._engine = engine

    async def run(
        self,
        limit_s: float,
        fn: Callable[Concatenate[sa.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        async with asyncio.timeout(limit_s), self._engine.begin() as conn:
            return await conn.run_sync(fn, *args, **kwargs)

    async def dispose(self) -> None:
        await self._engine.dispose()


class File:
    """SQLite in threads of its own: a whole transaction there, not a trip for each statement.

    One thread writes, so writers queue in fair order. A file answers or fails (busy_timeout), so
    only the waiting has a limit: a write that is given up may still be committed (H25).
    """

    def __init__(self, engine: sa.Engine, threads: int) -> None:
        self.url = engine.url
        self._engine = engine
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="sqlite")

    async def run(
        self,
        limit_s: float,
        fn: Callable[Concatenate[sa.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        def transaction() -> T:
            with self._engine.begin() as conn:
                return fn(conn, *args, **kwargs)

        # What the caller's context says of logs and decimals is so in the thread as well.
        context = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(limit_s):
            return await loop.run_in_executor(self._threads, context.run, transaction)

    async def dispose(self) -> None:
        await asyncio.to_thread(self._engine.dispose)


class Database:
    """Two ways into one database: readers that cannot write, and writers."""

    def __init__(self, reader: Server | File, writer: Server | File) -> None:
        self._reader = reader
        self._writer = writer
        self._open: set[asyncio.Task[Any]] = set()

    @staticmethod
    def open(url: str) -> Database:
        """Make the engines; nothing is connected yet. ValueError when the URL is not ours."""
        driven = engines.driver_url(url)
        if driven.get_backend_name() == "sqlite":
            reading, writing = (engines.file(driven, writes=writes) for writes in (False, True))
            return Database(File(reading, engines.READERS), File(writing, 1))
        reader, writer = (engines.server(driven, writes=writes) for writes in (False, True))
        return Database(Server(reader), Server(writer))

    @staticmethod
    async def migrate(url: str) -> None:
        """Bring the database to the newest schema under its lock; DatabaseUnusable with a line."""
        if not await Database._is_newest(url):
            from app.ledger import migrations  # noqa: PLC0415 - brings alembic (see revision.py)

            await migrations.migrate(engines.driver_url(url))

    @staticmethod
    async def _is_newest(url: str) -> bool:
        """Whatever keeps us from knowing is told by the one who migrates."""
        db = Database.open(url)
        try:
            return await db.read(revision.current) == revision.NEWEST
        except (SQLAlchemyError, OSError, TimeoutError):
            return False
        finally:
            await db.close()

    async def read(
        self, fn: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run fn in a transaction that sees one state and may change nothing."""
        return await self._whole(self._reader.run(TRANSACTION_S_MAX, fn, *args, **kwargs))

    async def write(
        self, fn: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run fn in a transaction; when this returns, it is on disk."""
        return await self._whole(self._writer.run(TRANSACTION_S_MAX, fn, *args, **kwargs))

    async def ping(self) -> None:
        """One round trip; DatabaseUnusable says what is wrong."""
        try:
            await self._reader.run(PING_S_MAX, _select_one)
        except (SQLAlchemyError, OSError, TimeoutError) as reason:
            raise engines.DatabaseUnusable(engines.one_line(self._reader.url, reason)) from reason

    async def close(self) -> None:
        """Let what has begun come to its end, then close every connection."""
        if self._open:
            await asyncio.wait(self._open, timeout=CLOSE_S_MAX)
        await self._reader.dispose()
        await self._writer.dispose()

    async def _whole(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for a transaction that its caller's cancellation cannot cut in two.

        A cancelled statement would leave a connection with locks in the pool. The cancelled
        caller waits for the end as well, so what it does next sees the outcome.
        """
        task = asyncio.create_task(work)
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait({task})
            raise


def _select_one(conn: sa.Connection) -> None:
    conn.execute(sa.select(1))
