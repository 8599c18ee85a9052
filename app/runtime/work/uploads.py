"""Uploads: request body → part file → worker → columns → rows; whole or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect

from app.domain.datasets import Hints, UploadState
from app.domain.problems import Problem
from app.domain.records import DatasetRow, Failure, UploadRow
from app.domain.times import SECOND_NS
from app.history import columns
from app.ledger import datasets as ledger
from app.ledger import queries
from app.ledger.database import Database
from app.runtime.work.arrival import Arrival, check_room, too_large
from app.runtime.work.changes import Changes
from app.runtime.work.folders import Folders, new_name
from app.runtime.work.hints import FIELDS, hints_of
from app.runtime.work.limits import (
    FORM_BYTES_MAX,
    GIB,
    INGEST_S_MAX,
    NOTE_INTERVAL_S,
    UNSURE_KEPT_MAX,
    UNSURE_KEPT_S,
    UPLOAD_GIB_DEFAULT,
    UPLOADS_AT_ONCE_MAX,
    UPLOADS_LISTED_MAX,
)
from app.runtime.work.multipart import UploadForm
from app.runtime.work.orders import FileRefused, Ingest, Stored
from app.runtime.work.pool import PoolClosed, WorkerPool

LIMIT_SETTING = "uploads.max_gib"
DATASETS_PER_FILE_MAX = 3

Check = Callable[[str | None], None]


class Received(msgspec.Struct, frozen=True):
    """What an upload became. twins: datasets that the same bytes had become before."""

    upload: UploadRow
    datasets: tuple[DatasetRow, ...]
    twins: tuple[DatasetRow, ...]


class Uploads:
    """Files on their way in. Every one ends as stored, refused, unsure or interrupted."""

    def __init__(self, db: Database, pool: WorkerPool, changes: Changes, folders: Folders) -> None:
        self._db = db
        self._pool = pool
        self._changes = changes
        self._folders = folders
        self._receiving = 0
        self._reading: dict[str, asyncio.Task[Received]] = {}

    async def bytes_max(self) -> int:
        """The largest file that is taken."""
        setting = await self._db.read(queries.get_setting, LIMIT_SETTING)
        gib = UPLOAD_GIB_DEFAULT if setting is None else float(setting.value_json)
        return int(gib * GIB)

    async def receive(
        self,
        body: AsyncIterator[bytes],
        content_type: str,
        declared: int | None,
        besides: Mapping[str, Check],
    ) -> Received:
        """Takes in a form with a file and reads it. Raises Problem; `values.upload` names the row.

        besides: further fields that the form may hold, each with what judges its value (None when
        it was not sent) once the form is complete and before the file is looked at.
        """
        bytes_max = await self.bytes_max()
        if declared is not None and declared > bytes_max + FORM_BYTES_MAX:
            raise too_large(bytes_max)
        check_room(self._folders.root, declared or 0)
        if self._receiving >= UPLOADS_AT_ONCE_MAX:
            raise Problem(
                "too_many_uploads", values={"limit": UPLOADS_AT_ONCE_MAX}, retry_after_s=5
            )
        self._receiving += 1
        try:
            pieces = _pieces(body, bytes_max + FORM_BYTES_MAX)
            row = await self._take_in(pieces, content_type, declared, besides, bytes_max)
        finally:
            self._receiving -= 1
        return await self._read_to_the_end(row)

    async def map_columns(self, upload_id: str, hints: Hints) -> Received:
        """Reads a file again whose columns a person has named. Raises Problem as `receive`."""
        row = await self._db.read(queries.get_upload, upload_id)
        if row is None:
            raise Problem("not_found")
        if row.state is not UploadState.UNSURE or upload_id in self._reading:
            raise Problem("upload_settled", values={"id": row.id, "state": row.state})
        row = await self._change(row, state=UploadState.READING, hints=hints)
        return await self._read_to_the_end(row)

    async def discard(self, upload_id: str) -> None:
        """Gives up a file whose columns nobody named."""
        row = await self._db.read(queries.get_upload, upload_id)
        if row is None:
            raise Problem("not_found")
        if row.state is not UploadState.UNSURE or upload_id in self._reading:
            raise Problem("upload_settled", values={"id": row.id, "state": row.state})
        await self._change(row, state=UploadState.REFUSED, finished_at_ns=time.time_ns())
        self._folders.part(row.id).unlink(missing_ok=True)

    async def forget_unsure(self) -> None:
        """Files wait for a mapping only so long and only so many."""
        rows = await self._db.read(queries.list_uploads, UPLOADS_LISTED_MAX)
        unsure = [row for row in rows if row.state is UploadState.UNSURE]
        oldest_ns = time.time_ns() - UNSURE_KEPT_S * SECOND_NS
        for place, row in enumerate(unsure):
            if place >= UNSURE_KEPT_MAX or row.created_at_ns < oldest_ns:
                await self.discard(row.id)

    async def settled(self) -> None:
        """Waits until nothing is being read; after the pool has stopped that is at once."""
        await asyncio.gather(*self._reading.values(), return_exceptions=True)

    async def _take_in(
        self,
        pieces: AsyncGenerator[bytes],
        content_type: str,
        declared: int | None,
        besides: Mapping[str, Check],
        bytes_max: int,
    ) -> UploadRow:
        """Receives to the end; the row is then READING and its part file complete."""
        arrival = Arrival(bytes_max)
        form = UploadForm(content_type, FIELDS | besides.keys(), arrival.add)
        async for chunk in pieces:
            form.feed(chunk)
            if form.file_name:
                break
        else:
            form.finish()
        row = await self._begin(form, declared)
        async with self._accounted(row):
            try:
                arrival.open(self._folders.part(row.id))
                await self._store(pieces, form, arrival, row)
                form.finish()
                for name, check in besides.items():
                    check(form.fields.get(name))
                return await self._change(
                    row,
                    state=UploadState.READING,
                    hints=_hints(form),
                    sha256=arrival.sha256,
                    bytes_done=arrival.size,
                    bytes_total=arrival.size,
                )
            finally:
                await arrival.close()

    async def _begin(self, form: UploadForm, declared: int | None) -> UploadRow:
        row = await self._db.write(
            ledger.create_upload, form.file_name or "", _hints(form), declared, time.time_ns()
        )
        self._changes.settle(row)
        return row

    async def _store(
        self, pieces: AsyncGenerator[bytes], form: UploadForm, arrival: Arrival, row: UploadRow
    ) -> None:
        """The rest of the body goes through the form to the disk."""
        noted_at_s = time.monotonic()
        await arrival.write()
        async for chunk in pieces:
            form.feed(chunk)
            await arrival.write()
            self._changes.progress(msgspec.structs.replace(row, bytes_done=arrival.size))
            if time.monotonic() - noted_at_s >= NOTE_INTERVAL_S:
                noted_at_s = time.monotonic()
                await self._db.write(ledger.update_upload, row.id, bytes_done=arrival.size)
        await arrival.write(rest=True)

    async def _read_to_the_end(self, row: UploadRow) -> Received:
        """A file that is here is read even if whoever sent it does not wait for the answer."""
        task = self._reading[row.id] = asyncio.create_task(self._read(row))
        task.add_done_callback(lambda _: self._reading.pop(row.id))
        return await asyncio.shield(task)

    async def _read(self, row: UploadRow) -> Received:
        async with self._accounted(row):
            assert row.sha256 is not None
            folders = tuple(new_name() for _ in range(DATASETS_PER_FILE_MAX))
            twins = await self._db.read(queries.datasets_with_sha, row.sha256)
            try:
                stored: tuple[Stored, ...] = await self._pool.run(
                    "ingest",
                    Ingest(
                        self._folders.part(row.id),
                        row.file_name,
                        row.hints,
                        self._folders.datasets,
                        folders,
                    ),
                    lambda progress: self._changes.progress(_advanced(row, progress)),
                    INGEST_S_MAX,
                )
                made = await self._db.write(
                    ledger.insert_datasets,
                    row.id,
                    [(dataset.folder, dataset.facts) for dataset in stored],
                    sha256=row.sha256,
                    file_name=row.file_name,
                    file_bytes=row.bytes_done,
                    at_ns=time.time_ns(),
                )
            except Problem:
                # After any other end the next start compares folders with rows: a transaction
                # whose answer was lost may have been committed.
                for folder in folders:
                    await asyncio.to_thread(columns.remove, self._folders.datasets / folder)
                raise
        self._folders.part(row.id).unlink(missing_ok=True)
        row = await self._fresh(row)
        self._changes.settle(row)
        return Received(row, tuple(made), tuple(twins))

    @contextlib.asynccontextmanager
    async def _accounted(self, row: UploadRow) -> AsyncGenerator[None]:
        """However it ends, the row says so, and only an unsure file is kept."""
        try:
            yield
        except PoolClosed:
            # The next start finds the row as it is and calls it interrupted.
            raise Problem("not_ready") from None
        except Problem as problem:
            problem.values["upload"] = row.id
            unsure = problem.code == "columns_unsure"
            await self._end(row, UploadState.UNSURE if unsure else UploadState.REFUSED, problem)
            if unsure:
                await self.forget_unsure()
            raise
        except asyncio.CancelledError:
            await self._end(row, UploadState.INTERRUPTED, Problem("upload_interrupted"))
            raise
        except Exception:
            await self._end(row, UploadState.REFUSED, Problem("internal_error"))
            raise

    async def _end(self, row: UploadRow, state: UploadState, problem: Problem) -> None:
        if state is not UploadState.UNSURE:
            self._folders.part(row.id).unlink(missing_ok=True)
        interrupted = problem.code == "upload_interrupted"
        await self._change(
            row,
            state=UploadState.INTERRUPTED if interrupted else state,
            failure=Failure(
                problem.code,
                problem.values,
                problem.errors,
                problem.lines if isinstance(problem, FileRefused) else (),
            ),
            finished_at_ns=None if state is UploadState.UNSURE else time.time_ns(),
        )

    async def _change(self, row: UploadRow, **changes: Any) -> UploadRow:
        await self._db.write(ledger.update_upload, row.id, **changes)
        row = await self._fresh(row)
        self._changes.settle(row)
        return row

    async def _fresh(self, row: UploadRow) -> UploadRow:
        fresh = await self._db.read(queries.get_upload, row.id)
        assert fresh is not None
        return fresh


def _hints(form: UploadForm) -> Hints:
    return hints_of({name: text for name, text in form.fields.items() if name in FIELDS})


def _advanced(row: UploadRow, progress: tuple[int, int]) -> UploadRow:
    done, total = progress
    return msgspec.structs.replace(row, bytes_done=done, bytes_total=total)


async def _pieces(body: AsyncIterator[bytes], bytes_max: int) -> AsyncGenerator[bytes]:
    """The body, bounded. Who hangs up in the middle has sent nothing."""
    total = 0
    try:
        async for piece in body:
            total += len(piece)
            if total > bytes_max:
                raise too_large(bytes_max)
            yield piece
    except ClientDisconnect:
        raise Problem("upload_interrupted") from None
