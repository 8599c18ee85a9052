"""Warm: what every worker does before its first order."""

from __future__ import annotations

import multiprocessing
import shutil
from pathlib import Path

from app.runtime.work.worker import Tasks

COMPLETE = "complete"


class NotCompiled(Exception):
    """A kernel that does not compile: told with the process's own words above it."""


def load() -> Tasks:
    """Imports the tasks and has all kernels compiled; from the second time on they lie on disk."""
    import polars  # noqa: F401, PLC0415 - the reader of files imports it when it first needs it

    from app.backtest.warm import warm  # noqa: PLC0415 - heavy: in workers only
    from app.engine.warm import warm as warm_detection  # noqa: PLC0415
    from app.runtime.work.tasks import TASKS  # noqa: PLC0415

    warm()
    warm_detection()
    return TASKS


def load_market() -> None:
    """The same for the kernels of live books and detection."""
    from app.runtime.trading.warm import warm  # noqa: PLC0415 - heavy: where they are needed only

    warm()


def compile_once(kernels: Path) -> bool:
    """Fill `kernels`, unless that has been done; False then. Those of other sources go.

    On two cores at once: the kernels of both halves do not call each other.
    """
    if (kernels / COMPLETE).exists():
        return False
    half = multiprocessing.get_context("spawn").Process(target=load, daemon=True)
    half.start()
    load_market()
    half.join()
    if half.exitcode != 0:
        raise NotCompiled(f"compiling ended with {half.exitcode}")
    kernels.mkdir(parents=True, exist_ok=True)
    (kernels / COMPLETE).touch()
    for other in kernels.parent.iterdir():
        if other != kernels:
            shutil.rmtree(other) if other.is_dir() else other.unlink()
    return True
