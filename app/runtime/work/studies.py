"""Studies: sweeps and walk-forwards, from the request to every row of their grid."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from app.backtest.grid import best, points
from app.domain.backtests import RunStatus, StudySpec
from app.domain.problems import Problem
from app.domain.records import Metrics, StudyKind, StudyPoint, StudyPointRow, StudyRow
from app.ledger import queries
from app.ledger import studies as ledger
from app.ledger.database import Database
from app.runtime.work.changes import Changes
from app.runtime.work.checks import check_study
from app.runtime.work.cluster import Cluster
from app.runtime.work.evaluators import Chunk, Evaluator, LocalEvaluator, evaluate_all
from app.runtime.work.folders import Folders, new_name
from app.runtime.work.limits import NOTE_INTERVAL_S, STUDIES_AT_ONCE, STUDIES_QUEUED_MAX
from app.runtime.work.orders import Bars, Point, Span, Walk, Walked, Windows
from app.runtime.work.pool import WorkerPool
from app.runtime.work.runs import bars_of
from app.runtime.work.undertakings import Entries, Undertakings

ENTRIES = Entries(queries.get_study, ledger.fail_study, ledger.cancel_study, ledger.delete_study)


class Studies:
    """A few at a time, each on all lanes of the cluster or of this machine."""

    def __init__(
        self,
        db: Database,
        pool: WorkerPool,
        changes: Changes,
        folders: Folders,
        cluster: Cluster | None,
    ) -> None:
        self._db = db
        self._pool = pool
        self._folders = folders
        self._cluster = cluster
        self._places = asyncio.Semaphore(STUDIES_AT_ONCE)
        self._points: dict[str, dict[int, StudyPointRow]] = {}
        self.under_way: Undertakings[StudyRow] = Undertakings(
            db, changes, folders, ENTRIES, STUDIES_QUEUED_MAX
        )

    async def submit(self, kind: StudyKind, spec: StudySpec) -> StudyRow:
        """Checks and queues. Raises Problem naming every field that is wrong."""
        self.under_way.check_room()
        rows = await check_study(self._db, spec)
        total = len(points(spec.axes)) if kind is StudyKind.SWEEP else None
        row = await self._db.write(ledger.create_study, kind, spec, total, time.time_ns())
        self._launch(row, bars_of(spec.run, rows, self._folders))
        return row

    async def resume(self, row: StudyRow) -> None:
        """Takes up a study that was queued when the service stopped."""
        try:
            rows = await check_study(self._db, row.spec)
        except Problem as problem:
            await self.under_way.refuse(row, problem)
        else:
            self._launch(row, bars_of(row.spec.run, rows, self._folders))

    async def points(self, row: StudyRow) -> list[StudyPointRow]:
        """The points done so far, in the order of the grid."""
        under_way = self._points.get(row.id)
        if under_way is not None:
            return [under_way[index] for index in sorted(under_way)]
        return await self._db.read(queries.list_points, row.id)

    def _launch(self, row: StudyRow, bars: Bars) -> None:
        folder = new_name()

        async def work(row: StudyRow) -> None:
            async with self._places, self._evaluator(bars) as evaluator:
                await self._begin(row)
                if row.kind is StudyKind.SWEEP:
                    await self._sweep(row, bars, evaluator)
                else:
                    await self._walk(row, bars, evaluator, folder)

        self.under_way.launch(row, folder, work)

    @asynccontextmanager
    async def _evaluator(self, bars: Bars) -> AsyncGenerator[Evaluator]:
        if self._cluster is None:
            yield LocalEvaluator(self._pool)
        else:
            async with self._cluster.evaluator(bars) as evaluator:
                yield evaluator

    async def _begin(self, row: StudyRow) -> None:
        at_ns = time.time_ns()
        self.under_way.change(row.id, settled=True, status=RunStatus.RUNNING, started_at_ns=at_ns)
        await self._db.write(ledger.start_study, row.id, at_ns)

    async def _sweep(self, row: StudyRow, bars: Bars, evaluator: Evaluator) -> None:
        grid = points(row.spec.axes)
        done = self._points[row.id] = {}
        fresh: list[StudyPointRow] = []

        def on_rows(chunk: Chunk, rows: list[Metrics]) -> None:
            for index, metrics in enumerate(rows, chunk.first):
                done[index] = StudyPointRow(index, grid[index], metrics)
                fresh.append(done[index])
            self.under_way.change(row.id, done=len(done), total=len(grid))

        try:
            async with self._noting(row, fresh):
                await evaluate_all(evaluator, bars, row.spec.run.params, grid, [None], on_rows)
            metrics = [done[index].metrics for index in range(len(grid))]
            chosen = best(metrics, row.spec.objective)
            assert chosen is not None
            await self._db.write(
                ledger.finish_study,
                row.id,
                time.time_ns(),
                best=StudyPoint(grid[chosen], metrics[chosen]),
            )
        finally:
            del self._points[row.id]

    @asynccontextmanager
    async def _noting(self, row: StudyRow, fresh: list[StudyPointRow]) -> AsyncGenerator[None]:
        """Moves `fresh` points to the database once a second, and at the end: a cancel's too."""

        async def note() -> None:
            while True:
                await asyncio.sleep(NOTE_INTERVAL_S)
                await self._keep(row, fresh)

        noting = asyncio.create_task(note())
        try:
            yield
        finally:
            noting.cancel()
            await asyncio.gather(noting, return_exceptions=True)
            await self._keep(row, fresh)

    async def _keep(self, row: StudyRow, fresh: list[StudyPointRow]) -> None:
        kept = fresh[:]
        fresh.clear()
        if kept:
            await self._db.write(ledger.add_points, row.id, kept)

    async def _walk(self, row: StudyRow, bars: Bars, evaluator: Evaluator, folder: str) -> None:
        spec = row.spec
        params, grid = spec.run.params, points(spec.axes)
        assert spec.train_days and spec.test_days and spec.step_days
        windows: tuple[Span, ...] = await self._pool.run(
            "windows", Windows(bars, spec.train_days, spec.test_days, spec.step_days)
        )
        done = 0
        trained: list[dict[int, Metrics]] = [{} for _ in windows]
        self.under_way.change(row.id, done=0, total=len(windows) * len(grid))

        def on_rows(chunk: Chunk, rows: list[Metrics]) -> None:
            nonlocal done
            done += len(rows)
            trained[chunk.window].update(enumerate(rows, chunk.first))
            self.under_way.change(row.id, done=done)

        spans = [window[:2] for window in windows]
        await evaluate_all(evaluator, bars, params, grid, spans, on_rows)
        chosen: list[Point] = []
        figures: list[Metrics] = []
        for rows in trained:
            ordered = [rows[index] for index in range(len(grid))]
            place = best(ordered, spec.objective) or 0
            chosen.append(grid[place])
            figures.append(ordered[place])
        walked: Walked = await self._pool.run(
            "walk",
            Walk(
                bars,
                params,
                windows,
                tuple(chosen),
                tuple(figures),
                spec.axes,
                self._folders.runs / folder,
            ),
        )
        await self._db.write(ledger.progress_study, row.id, done, done)
        await self._db.write(
            ledger.finish_study,
            row.id,
            time.time_ns(),
            windows=walked.windows,
            metrics=walked.metrics,
            folder=folder,
        )
