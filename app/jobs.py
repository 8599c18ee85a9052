"""The timetable: what happens by the clock. A job is a hint; what it does claims for itself."""

from __future__ import annotations

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from app.runtime.desk import Desk

# Name → seconds between two turns.
SWEEP_S = {"accounts": 600, "work": 900, "market": 3_600}
LATE_S_MAX = 60


def timetable(desk: Desk) -> AsyncIOScheduler:
    """A scheduler in memory, not yet started. A missed turn is skipped, never doubled."""
    turns = {
        "accounts": desk.accounts.sweep,
        "work": desk.work.sweep,
        "market": desk.market.sweep,
    }
    clock = AsyncIOScheduler(timezone="UTC")
    for name, turn in turns.items():
        clock.add_job(
            turn,
            "interval",
            id=name,
            seconds=SWEEP_S[name],
            max_instances=1,
            coalesce=True,
            misfire_grace_time=LATE_S_MAX,
        )
    return clock
