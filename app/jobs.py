"""The timetable: what happens by the clock. A job is a hint; what it does claims for itself."""

from __future__ import annotations

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from app.domain.roles import ALL, DECIDERS, ProcessRole
from app.runtime.desk import Desk

# Name → seconds between two turns.
SWEEP_S = {
    "accounts": 600.0,
    "work": 900.0,
    "market": 3_600.0,
    "reconcile": 60.0,
    "audit": 60.0,
    "snapshot": 300.0,
    "day": 3_600.0,
    "trading": 3_600.0,
    "settings": 2.0,
    "processes": 10.0,
}
FEEDER, INITIATOR, FINALIZER, DASHBOARD = (frozenset({role}) for role in ProcessRole)
WHOSE = {
    "accounts": DASHBOARD,
    "work": DASHBOARD,
    "market": INITIATOR,
    "finalizer": ALL,
    "retry": FINALIZER,
    "reconcile": DECIDERS,
    "audit": DECIDERS,
    "snapshot": FINALIZER,
    "day": FINALIZER,
    "trading": FINALIZER,
    "settings": ALL,
    "processes": ALL,
}
"""Each turn runs where one of its roles is."""
LATE_S_MAX = 60


def timetable(desk: Desk) -> AsyncIOScheduler:
    """A scheduler in memory, not yet started. A missed turn is skipped, never doubled."""
    turns = {
        "accounts": desk.accounts.sweep,
        "work": desk.work.sweep,
        "market": desk.market.sweep,
        "finalizer": desk.trading.finalize,
        "retry": desk.trading.finalize,
        "reconcile": desk.trading.reconcile,
        "audit": desk.trading.audit,
        "snapshot": desk.trading.snapshot,
        "day": desk.trading.settle_day,
        "trading": desk.trading.sweep,
        "settings": desk.preferences.follow,
        "processes": desk.processes.tell,
    }
    every_s = SWEEP_S | dict.fromkeys(
        ("finalizer", "retry"), desk.trading.policies.pace.finalizer_every_s
    )
    clock = AsyncIOScheduler(timezone="UTC")
    for name, turn in turns.items():
        if not WHOSE[name] & desk.roles:
            continue
        clock.add_job(
            turn,
            "interval",
            id=name,
            seconds=every_s[name],
            max_instances=1,
            coalesce=True,
            misfire_grace_time=LATE_S_MAX,
        )
    return clock
