"""Warm: what every worker does before its first order."""

from __future__ import annotations

import shutil
from pathlib import Path

from app.runtime.work.worker import Tasks

COMPLETE = "complete"


def load() -> Tasks:
    """Imports the tasks and has all kernels compiled; from the second time on they lie on disk."""
    import polars  # noqa: F401, PLC0415 - the reader of files imports it when it first needs it

    from app.backtest.warm import warm  # noqa: PLC0415 - heavy: in workers only
    from app.runtime.work.tasks import TASKS  # noqa: PLC0415

    warm()
    return TASKS


def compile_once(kernels: Path) -> bool:
    """Fill `kernels`, unless that has been done; False then. Those of other sources go."""
    if (kernels / COMPLETE).exists():
        return False
    load()
    kernels.mkdir(parents=True, exist_ok=True)
    (kernels / COMPLETE).touch()
    for other in kernels.parent.iterdir():
        if other != kernels:
            shutil.rmtree(other) if other.is_dir() else other.unlink()
    return True
