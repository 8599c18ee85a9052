"""Undertakings: runs and studies under way, one task each, every end written down."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec
import structlog

from app.domain.backtests import FINAL, RunStatus
from app.domain.problems import Problem
from app.domain.records import Failure, RunRow, StudyRow
from app.history import columns
from app.ledger.database import Database
from app.ledger.queries import Connection
from app.runtime.work.changes import Changes
from app.runtime.work.folders import Folders
from app.runtime.work.pool import PoolClosed

Row = TypeVar("Row", RunRow, StudyRow)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Entries(Generic[Row]):
    """The ledger's functions for one kind."""

    get: Callable[[Connection, str], Row | None]
    fail: Callable[[Connection, str, Failure, int], bool]
    cancel: Callable[[Connection, str, int], bool]
    delete: Callable[[Connection, str], Row | None]


class Undertakings(Generic[Row]):
    """All of one kind in this process. What the database says is late; `newest` is not."""

    def __init__(
        self,
        db: Database,
        changes: Changes,
        folders: Folders,
        entries: Entries[Row],
        waiting_max: int,
    ) -> None:
        self._db = db
        self._changes = changes
        self._folders = folders
        self._entries: Entries[Row] = entries
        self._waiting_max = waiting_max
        self._rows: dict[str, Row] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ending: set[str] = set()  # their last writes are under way: nobody cuts in
        self._notes: set[asyncio.Task[Any]] = set()

    def check_room(self) -> None:
        """Raises too_much_work."""
        if len(self._tasks) >= self._waiting_max:
            raise Problem("too_much_work", values={"limit": self._waiting_max}, retry_after_s=10)

    async def find(self, public_id: str) -> Row:
        """The row with the newest progress. Raises not_found."""
        row = await self._db.read(self._entries.get, public_id)
        if row is None:
            raise Problem("not_found")
        return self.newest(row)

    def newest(self, row: Row) -> Row:
        """A row as it was read, or the newer one that is under way here."""
        return row if row.status in FINAL else self._rows.get(row.id, row)

    def launch(
        self, row: Row, folder: str, work: Callable[[Row], Coroutine[Any, Any, None]]
    ) -> None:
        """Starts its task. `work` starts, tells and finishes the row; it may write `folder`."""
        self._rows[row.id] = row
        self._tasks[row.id] = asyncio.create_task(self._conduct(row, folder, work))
        self._changes.settle(row)

    async def refuse(self, row: Row, problem: Problem) -> None:
        """A queued row that cannot be started any more."""
        await self._fail(row, problem)

    def change(self, public_id: str, *, settled: bool = False, **fields: object) -> None:
        """Newer figures of a row under way, told at once when `settled`."""
        row = self._rows[public_id] = msgspec.structs.replace(self._rows[public_id], **fields)
        if settled:
            self._changes.settle(row)
        else:
            self._changes.progress(row)

    def note(self, writing: Coroutine[Any, Any, Any]) -> None:
        """Writes something down on the side."""
        task = asyncio.create_task(writing)
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    async def cancel(self, public_id: str) -> Row:
        """Ends it wherever it stands; its row then. Raises not_found, already_finished."""
        row = await self.find(public_id)
        if row.status not in FINAL:
            await self._stop(public_id)
            row = await self.find(public_id)
        if row.status is not RunStatus.CANCELLED:
            raise Problem("already_finished", values={"id": row.id, "status": row.status})
        return row

    async def delete(self, public_id: str) -> None:
        """Cancels it if need be, then row and folder go. Raises not_found."""
        await self._stop(public_id)
        row = await self._db.write(self._entries.delete, public_id)
        if row is None:
            raise Problem("not_found")
        if row.folder is not None:
            await asyncio.to_thread(columns.remove, self._folders.runs / row.folder)
        self._changes.gone(public_id)

    async def settled(self) -> None:
        """Waits for the tasks to see that the pool has closed."""
        await asyncio.gather(*self._tasks.values(), *self._notes, return_exceptions=True)

    async def _stop(self, public_id: str) -> None:
        task = self._tasks.get(public_id)
        if task is None:
            await self._db.write(self._entries.cancel, public_id, time.time_ns())
            return
        if public_id not in self._ending:
            task.cancel()
        await asyncio.wait((task,))

    async def _conduct(self, row: Row, folder: str, work: Callable[[Row], Awaitable[None]]) -> None:
        """However it ends, the row says so, and a folder stays only with a row that names it."""
        problem: Problem | None = None
        cancelled = False
        try:
            await work(row)
        except PoolClosed:
            # The next start finds the row as it is.
            del self._tasks[row.id], self._rows[row.id]
            return
        except asyncio.CancelledError:
            cancelled = True
        except Problem as refused:
            problem = refused
        except Exception:
            log.exception("work failed", id=row.id)
            problem = Problem("internal_error")
        self._ending.add(row.id)
        try:
            if cancelled:
                await self._db.write(self._entries.cancel, row.id, time.time_ns())
            elif problem is not None:
                await self._fail(row, problem)
            await self._settle(row, folder)
        finally:
            self._ending.remove(row.id)
            del self._tasks[row.id], self._rows[row.id]

    async def _settle(self, row: Row, folder: str) -> None:
        end = await self._db.read(self._entries.get, row.id)
        if end is None or end.folder != folder:
            await asyncio.to_thread(columns.remove, self._folders.runs / folder)
        if end is not None:
            self._changes.settle(end)

    async def _fail(self, row: Row, problem: Problem) -> None:
        failure = Failure(problem.code, problem.values, problem.errors)
        await self._db.write(self._entries.fail, row.id, failure, time.time_ns())
