"""Workbench: all that pages and the API may ask of this room."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, overload

from app.backtest.report_style import STYLE_SHA256
from app.domain.backtests import RunSpec, RunStatus, StudySpec
from app.domain.datasets import Hints, UploadState
from app.domain.problems import Problem
from app.domain.records import (
    DatasetRow,
    Metrics,
    RunRow,
    StudyKind,
    StudyPointRow,
    StudyRow,
    UploadRow,
)
from app.history import columns, preview
from app.ledger import datasets, queries
from app.ledger.database import Database
from app.runtime.streams.hub import Hub
from app.runtime.work.broadcast import Broadcast
from app.runtime.work.changes import Changes, Listener
from app.runtime.work.checks import check_run
from app.runtime.work.cluster import Cluster
from app.runtime.work.folders import Folders, new_name
from app.runtime.work.limits import ANSWER_S_MAX
from app.runtime.work.orders import (
    Bootstrap,
    Lookahead,
    Point,
    Points,
    Report,
    ReportWords,
    Sample,
    Stored,
)
from app.runtime.work.pool import Seat, WorkerPool
from app.runtime.work.recovery import recover
from app.runtime.work.results import Result
from app.runtime.work.runs import Runs, bars_of
from app.runtime.work.studies import Studies
from app.runtime.work.uploads import Check, Received, Uploads
from app.runtime.work.warm import load

# What a report may do where it is opened: wear its own style, nothing else.
REPORT_POLICY = f"default-src 'none'; style-src 'sha256-{STYLE_SHA256}'; base-uri 'none'"
SAMPLE_NAME = "sample"
SAMPLE_SHA256 = hashlib.sha256(b"kimp sample 1").hexdigest()
SAMPLE_DATASETS = 5


class Workbench:
    """Uploads, datasets, runs and studies, and the processes that work on them."""

    def __init__(
        self,
        db: Database,
        hub: Hub,
        *,
        data_dir: Path,
        worker_count: int,
        dask_scheduler: str | None,
    ) -> None:
        self._db = db
        self._folders = Folders(data_dir)
        self._changes = Changes()
        self._pool = WorkerPool(worker_count, load, self._folders.kernels)
        self._cluster = None if dask_scheduler is None else Cluster(dask_scheduler)
        self._uploads = Uploads(db, self._pool, self._changes, self._folders)
        self._runs = Runs(db, self._pool, self._changes, self._folders)
        self._studies = Studies(db, self._pool, self._changes, self._folders, self._cluster)
        self._making_sample = asyncio.Lock()
        self._lock: int | None = None
        self._broadcast = Broadcast(hub)
        self._changes.listen(self._broadcast.tell)

    async def start(self) -> None:
        """Repairs what a kill left, hires the workers, takes up what was queued."""
        self._folders.make()
        self._lock = self._folders.occupy()
        runs, studies = await recover(self._db, self._folders)
        self._pool.start()
        await self._broadcast.open(self._db)
        for run in runs:
            await self._runs.resume(run)
        for study in studies:
            await self._studies.resume(study)

    async def stop(self) -> None:
        """What runs is left as it is; the next start accounts for it."""
        await self._pool.stop()
        for undertakings in (self._runs.under_way, self._studies.under_way):
            await undertakings.settled()
        await self._uploads.settled()
        if self._cluster is not None:
            await self._cluster.close()
        self._changes.stop()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def sweep(self) -> None:
        """By the clock: files that wait for a mapping too long go."""
        await self._uploads.forget_unsure()

    def listen(self, listener: Listener) -> None:
        """`listener(public id, newest row, or None once deleted)`, ≤ 10 times a second each."""
        self._changes.listen(listener)

    def seats(self) -> list[Seat]:
        """The worker processes."""
        return self._pool.seats()

    @overload
    def newest(self, row: RunRow) -> RunRow: ...

    @overload
    def newest(self, row: StudyRow) -> StudyRow: ...

    def newest(self, row: RunRow | StudyRow) -> RunRow | StudyRow:
        """A row as it was read, with the progress that the database does not know yet."""
        if isinstance(row, RunRow):
            return self._runs.under_way.newest(row)
        return self._studies.under_way.newest(row)

    # ------------------------------------------------------------------ data

    async def upload_bytes_max(self) -> int:
        """The largest file that is taken."""
        return await self._uploads.bytes_max()

    async def receive(
        self,
        body: AsyncIterator[bytes],
        content_type: str,
        declared: int | None,
        besides: Mapping[str, Check] | None = None,
    ) -> Received:
        """A form with one file → datasets. See Uploads.receive."""
        return await self._uploads.receive(body, content_type, declared, besides or {})

    async def map_columns(self, upload_id: str, hints: Hints) -> Received:
        """Reads an unsure file again as a person has named its columns."""
        return await self._uploads.map_columns(upload_id, hints)

    async def discard(self, upload_id: str) -> None:
        """Gives up an unsure file."""
        await self._uploads.discard(upload_id)

    async def sniff(self, upload: UploadRow) -> preview.Sniff | None:
        """The head of an unsure file; None where it is gone or no table at all."""
        if upload.state is not UploadState.UNSURE:
            return None
        try:
            return await asyncio.to_thread(
                preview.sniff, self._folders.part(upload.id), upload.file_name
            )
        except (Problem, FileNotFoundError):
            return None

    async def head(
        self, dataset: DatasetRow, rows: int
    ) -> tuple[tuple[str, ...], list[tuple[float, ...]]]:
        """(column names, the first rows) of a dataset; times in ns."""
        first = await asyncio.to_thread(preview.head, self._folders.datasets / dataset.folder, rows)
        names = tuple(first[0]) if first else ()
        return names, [tuple(row.values()) for row in first]

    async def sample(self) -> list[DatasetRow]:
        """The built-in sample: made once, given again while all of it is still there."""
        async with self._making_sample:
            rows = await self._db.read(queries.datasets_with_sha, SAMPLE_SHA256)
            if len(rows) >= SAMPLE_DATASETS:
                return rows[-SAMPLE_DATASETS:]
            folders = tuple(new_name() for _ in range(SAMPLE_DATASETS))
            stored: tuple[Stored, ...] = await self._pool.run(
                "sample", Sample(self._folders.datasets, folders), timeout_s=ANSWER_S_MAX
            )
            return await self._db.write(
                datasets.insert_datasets,
                None,
                [(dataset.folder, dataset.facts) for dataset in stored],
                sha256=SAMPLE_SHA256,
                file_name=SAMPLE_NAME,
                file_bytes=0,
                at_ns=time.time_ns(),
            )

    async def delete_dataset(self, dataset_id: str) -> None:
        """Raises not_found, dataset_in_use."""
        row = await self._db.write(datasets.delete_dataset, dataset_id)
        if row is None:
            raise Problem("not_found")
        await asyncio.to_thread(columns.remove, self._folders.datasets / row.folder)

    # ------------------------------------------------------------------ runs

    async def submit_run(self, spec: RunSpec) -> RunRow:
        """Queues a backtest. Raises Problem naming every field that is wrong."""
        return await self._runs.submit(spec)

    async def rerun(self, run_id: str) -> RunRow:
        """The same again as a new run."""
        return await self._runs.rerun(run_id)

    async def run(self, run_id: str) -> RunRow:
        """With the newest progress. Raises not_found."""
        return await self._runs.under_way.find(run_id)

    async def cancel_run(self, run_id: str) -> RunRow:
        """Raises not_found, already_finished."""
        return await self._runs.under_way.cancel(run_id)

    async def delete_run(self, run_id: str) -> None:
        """Cancels it if need be. Raises not_found."""
        await self._runs.under_way.delete(run_id)

    async def result(self, public_id: str) -> Result:
        """What a completed run or walk-forward wrote. Raises not_found, not_finished."""
        row: RunRow | StudyRow
        if public_id.startswith("b-"):
            row = await self.run(public_id)
        else:
            row = await self.study(public_id)
        if row.status is not RunStatus.COMPLETED:
            raise Problem("not_finished", values={"id": row.id, "status": row.status})
        if row.folder is None:
            raise Problem("not_found")
        return await asyncio.to_thread(Result, self._folders.runs / row.folder)

    async def bootstrap(self, run_id: str, n: int, seed: int) -> dict[str, Any]:
        """Bands of final P&L and drawdown over `n` draws of the cycles."""
        await self.result(run_id)
        row = await self.run(run_id)
        assert row.folder is not None
        order = Bootstrap(
            self._folders.runs / row.folder, row.spec.params.initial_capital_krw, n, seed
        )
        found: dict[str, Any] = await self._pool.run("bootstrap", order, timeout_s=ANSWER_S_MAX)
        return found

    async def lookahead(self, run_id: str) -> dict[str, Any]:
        """{checked, ok, first_difference, …}: whether future rows change earlier decisions."""
        row = await self.run(run_id)
        rows = await check_run(self._db, row.spec)
        order = Lookahead(bars_of(row.spec, rows, self._folders), row.spec.params)
        found: dict[str, Any] = await self._pool.run("lookahead", order, timeout_s=ANSWER_S_MAX)
        return found

    async def try_points(self, run_id: str, grid: tuple[Point, ...]) -> list[Metrics]:
        """What a run would have given with some parameters changed; nothing is kept of it."""
        row = await self.run(run_id)
        rows = await check_run(self._db, row.spec)
        order = Points(bars_of(row.spec, rows, self._folders), row.spec.params, grid, None)
        found: list[Metrics] = await self._pool.run("points", order, timeout_s=ANSWER_S_MAX)
        return found

    async def report(self, row: RunRow, words: ReportWords) -> str:
        """A completed run as one HTML page, to be served under REPORT_POLICY."""
        assert row.folder is not None
        order = Report(self._folders.runs / row.folder, row.spec.params.initial_capital_krw, words)
        html: str = await self._pool.run("report", order, timeout_s=ANSWER_S_MAX)
        return html

    # ------------------------------------------------------------------ studies

    async def submit_study(self, kind: StudyKind, spec: StudySpec) -> StudyRow:
        """Queues a sweep or a walk-forward."""
        return await self._studies.submit(kind, spec)

    async def study(self, study_id: str) -> StudyRow:
        """With the newest progress. Raises not_found."""
        return await self._studies.under_way.find(study_id)

    async def points(self, row: StudyRow) -> list[StudyPointRow]:
        """The points of a sweep that are done, in the order of the grid."""
        return await self._studies.points(row)

    async def cancel_study(self, study_id: str) -> StudyRow:
        """Raises not_found, already_finished."""
        return await self._studies.under_way.cancel(study_id)

    async def delete_study(self, study_id: str) -> None:
        """Cancels it if need be. Raises not_found."""
        await self._studies.under_way.delete(study_id)
