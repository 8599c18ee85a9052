"""Warm: what every worker does before its first order."""

from __future__ import annotations

from app.runtime.work.worker import Tasks


def load() -> Tasks:
    """Imports the tasks and has all kernels compiled; from the second time on they lie on disk."""
    from app.backtest.warm import warm  # noqa: PLC0415 - heavy: in workers only
    from app.runtime.work.tasks import TASKS  # noqa: PLC0415

    warm()
    return TASKS
