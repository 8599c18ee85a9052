"""Runs: one backtest from the request to its result."""

from __future__ import annotations

import time
from pathlib import Path

from app.domain.backtests import RunSpec, RunStatus
from app.domain.problems import Problem
from app.domain.records import RunRow
from app.ledger import queries
from app.ledger import runs as ledger
from app.ledger.database import Database
from app.runtime.work.changes import Changes
from app.runtime.work.checks import Rows, check_run, timeframe_s
from app.runtime.work.folders import Folders, new_name
from app.runtime.work.limits import NOTE_INTERVAL_S, RUNS_QUEUED_MAX
from app.runtime.work.orders import Backtest, Backtested, Bars, CoinFolders
from app.runtime.work.pool import WorkerPool
from app.runtime.work.undertakings import Entries, Undertakings

ENTRIES = Entries(queries.get_run, ledger.fail_run, ledger.cancel_run, ledger.delete_run)


class Runs:
    """Queued, run by a worker, finished: the columns first, then the row that names them."""

    def __init__(self, db: Database, pool: WorkerPool, changes: Changes, folders: Folders) -> None:
        self._db = db
        self._pool = pool
        self._folders = folders
        self.under_way: Undertakings[RunRow] = Undertakings(
            db, changes, folders, ENTRIES, RUNS_QUEUED_MAX
        )

    async def submit(self, spec: RunSpec) -> RunRow:
        """Checks and queues. Raises Problem naming every field that is wrong."""
        self.under_way.check_room()
        rows = await check_run(self._db, spec)
        row = await self._db.write(ledger.create_run, spec, time.time_ns())
        self._launch(row, bars_of(spec, rows, self._folders))
        return row

    async def rerun(self, run_id: str) -> RunRow:
        """The same again as a new run, on the same data."""
        return await self.submit((await self.under_way.find(run_id)).spec)

    async def resume(self, row: RunRow) -> None:
        """Takes up a run that was queued when the service stopped."""
        try:
            rows = await check_run(self._db, row.spec)
        except Problem as problem:
            await self.under_way.refuse(row, problem)
        else:
            self._launch(row, bars_of(row.spec, rows, self._folders))

    def _launch(self, row: RunRow, bars: Bars) -> None:
        folder = new_name()

        async def work(row: RunRow) -> None:
            await self._work(row, bars, folder)

        self.under_way.launch(row, folder, work)

    async def _work(self, row: RunRow, bars: Bars, folder: str) -> None:
        noted_at_s = time.monotonic()

        def advance(progress: tuple[int, int]) -> None:
            nonlocal noted_at_s
            done, total = progress
            self.under_way.change(row.id, bars_done=done, bars_total=total)
            if time.monotonic() - noted_at_s >= NOTE_INTERVAL_S:
                noted_at_s = time.monotonic()
                self.under_way.note(self._db.write(ledger.progress_run, row.id, done, total))

        order = Backtest(bars, row.spec.params, self._folders.runs / folder)
        async with self._pool.job("backtest", order, advance) as job:
            if await job.begun():
                at_ns = time.time_ns()
                self.under_way.change(
                    row.id, settled=True, status=RunStatus.RUNNING, started_at_ns=at_ns
                )
                await self._db.write(ledger.start_run, row.id, at_ns)
            outcome: Backtested = await job.result()
        await self._db.write(
            ledger.finish_run,
            row.id,
            metrics=outcome.metrics,
            bars=outcome.bars,
            open_cycle=outcome.open_cycle,
            folder=folder,
            at_ns=time.time_ns(),
        )


def bars_of(spec: RunSpec, rows: Rows, folders: Folders) -> Bars:
    """Where the checked datasets of a run lie."""

    def path(dataset_id: str) -> Path:
        return folders.datasets / rows[dataset_id].folder

    if spec.fx.dataset is not None:
        fx: Path | float = path(spec.fx.dataset)
    else:
        assert spec.fx.rate is not None
        fx = float(spec.fx.rate)
    return Bars(
        coins=tuple(
            CoinFolders(m.base, path(m.krw_dataset), path(m.global_dataset)) for m in spec.markets
        ),
        fx=fx,
        timeframe_s=timeframe_s(rows),
        start_ns=spec.start_ns,
        end_ns=spec.end_ns,
    )
