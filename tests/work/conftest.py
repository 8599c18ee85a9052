"""A workbench of its own, with real workers, for tests that break it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from app.ledger.database import Database
from app.runtime.streams.hub import Hub
from app.runtime.work.workbench import Workbench


@asynccontextmanager
async def opened(
    db: Database, folder: Path, workers: int = 1, dask_scheduler: str | None = None
) -> AsyncIterator[Workbench]:
    bench = Workbench(
        db, Hub(), data_dir=folder, worker_count=workers, dask_scheduler=dask_scheduler
    )
    await bench.start()
    try:
        yield bench
    finally:
        await bench.stop()


@dataclass
class Room:
    """A workbench that many tests use one after the other, and what one of them left behind."""

    bench: Workbench
    db: Database
    folder: Path
    before: set[Path]

    def everything(self) -> set[Path]:
        rooms = ("uploads", "datasets", "runs")
        return {path for room in rooms for path in (self.folder / room).iterdir()}

    def left(self) -> list[str]:
        """Names of files and folders that were not there when the test began."""
        return sorted(path.name for path in self.everything() - self.before)


@pytest.fixture(scope="session")
async def _room(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Room]:
    folder = tmp_path_factory.mktemp("room")
    url = f"sqlite:///{folder}/kimp.db"
    await Database.migrate(url)
    db = Database.open(url)
    async with opened(db, folder) as bench:
        yield Room(bench, db, folder, set())
    await db.close()


@pytest.fixture
def room(_room: Room) -> Room:
    return replace(_room, before=_room.everything())
