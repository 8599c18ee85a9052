"""Crowd: an initiator, so many finalizers, nine venues; one market is shut, one finalizer killed.

All are the product's own processes. The initiator has `KIMP_ROLES` without finalizer: it hands its
cycles over when both legs are traded. It also holds the venues' leases, so that every order of a
finalizer goes through the mailbox. A shut market makes tries fail: those cycles are tried again
three times and become dead letters; a person then rescues one from a page of another process.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.finalizers.history import History, history_of, judged
from tests.live.world import simulating, until
from tests.torture.audit import audit
from tests.torture.killer import EVERYTHING, serving
from tests.torture.stage import Kimp
from tests.torture.truth import pages, told_by, truth_of

WORLD = ("--seed", "11", "--transfer-s", "0.5", "--coins", "6", "--rate", "15")
VENUES = "upbit,bithumb,bybit"
SHUT = "bybit"
OPENS, FINISHES = "initiator,dashboard", "finalizer"
SETTINGS: dict[str, object] = {
    **EVERYTHING,
    "trading.cycles_max": 200,
    "trading.cycles_per_base_max": 50,
    "trading.hold_s_max": 1.0,
    "trading.return_s_max": 2.0,
    "trading.repeats_max": 1,
    "finalizer.every_s": 0.5,
    "cycle.lease_s": 6.0,
    "book.age_trading_ms": 20_000.0,
}
"""Much at a time; who fails, fails soon. Books of a slow machine are good enough."""
HANDED_S_MAX, DONE_S_MAX = 180.0, 240.0
RETRIES = 3


@dataclass
class Report:
    count: int
    database: str
    history: History = field(default_factory=History)
    ended: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def line(self) -> str:
        ends = ", ".join(f"{number} {end}" for end, number in sorted(self.ended.items()))
        owners = ", ".join(f"{number}" for number in sorted(self.history.claims.values()))
        return (
            f"{self.database}: {self.count} finalizers, claims of each {owners}, "
            f"{self.ended.total()} cycles ({ends}), {self.history.tries} tries, "
            f"{len(self.history.letters)} dead letters, {self.seconds:.0f} s, "
            f"{len(self.violations)} violations"
        )


def play(count: int, database: str, *, cycles: int, say: Callable[[str], object] = str) -> Report:
    report = Report(count, database)
    began_s = time.monotonic()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kimp-finalizers-")))
        world = stack.enter_context(simulating(*WORLD))
        url = stack.enter_context(serving(database, folder))

        def kimp(name: str, roles: str) -> Kimp:
            made = Kimp(folder / name, world, database=url, roles=roles)
            made.environment["KIMP_VENUES"] = VENUES
            stack.callback(made.kill)
            return made

        opener = kimp("initiator", OPENS)
        opener.start()
        opener.reconciled()
        _say_state(opener, "REDUCING")
        opener.set_up(SETTINGS)
        crowd = [kimp(f"finalizer-{number}", FINISHES) for number in range(count)]
        for each in crowd:
            each.start()
        until(lambda: all(map(_recovered, crowd)), HANDED_S_MAX, crowd[-1].tail)
        _say_state(opener, "ACTIVE")
        with opener.api() as api:
            _opened(api, url, cycles, say)
            world.fault(SHUT, "halt", seconds=3_600)
            waiting = _waiting_for_a_try(api)  # more are opened until one meets the shut market
            _say_state(opener, "REDUCING")
            _killed_between_tries(crowd[0], waiting, say)
            _all_done(api, say)
            told = told_by(api)
            report.violations = [
                each for each in audit(_truth(world), told) if not each.startswith("balance: ")
            ]
            report.history = asyncio.run(history_of(url))
            report.violations += judged(report.history, retries=RETRIES)
            world.heal(SHUT)
            report.violations += _rescued(api)
            report.ended = Counter(_end(row) for row in pages(api, "/cycles"))
    report.seconds = time.monotonic() - began_s
    return report


def _say_state(kimp: Kimp, state: str) -> None:
    with kimp.api() as api:
        api.post("/engine/state", json={"state": state}).raise_for_status()


def _recovered(kimp: Kimp) -> bool:
    """By its log: it shows no pages."""
    return "trading_recovered" in (kimp.folder / "service.log").read_text(errors="replace")


def _truth(world: Any) -> Any:
    return {venue: books for venue, books in truth_of(world).items() if venue in VENUES}


def _opened(api: httpx.Client, url: str, cycles: int, say: Callable[[str], object]) -> None:
    """Until so many were opened, and not all of them were claimed by one finalizer."""

    def took_part() -> int:
        return len(asyncio.run(history_of(url)).claims)

    rows = until(
        lambda: len(found := pages(api, "/cycles")) >= cycles and took_part() > 1 and found,
        HANDED_S_MAX,
        lambda: _states(api),
    )
    say(f"  {len(rows)} cycles opened")


def _waiting_for_a_try(api: httpx.Client) -> int:
    rows = until(
        lambda: [row for row in pages(api, "/cycles") if row["state"] == "AWAITING_RETRY"],
        DONE_S_MAX,
        lambda: _states(api),
    )
    return len(rows)


def _killed_between_tries(victim: Kimp, waiting: int, say: Callable[[str], object]) -> None:
    """kill -9 while cycles wait for their next try, and a new start."""
    victim.kill()
    say(f"  killed while {waiting} wait for a try")
    victim.start()


def _all_done(api: httpx.Client, say: Callable[[str], object]) -> None:
    def left() -> list[str]:
        return [each for each in _states(api) if not each.startswith(("DEAD_LETTER", "-"))]

    until(lambda: not left(), DONE_S_MAX, left)
    say("  all are ended, or dead letters")


def _rescued(api: httpx.Client) -> Iterator[str]:
    """By hand, on a page of a process that does not work on it."""
    letters = [row for row in pages(api, "/cycles") if row["state"] == "DEAD_LETTER"]
    if not letters:
        yield "no cycle became a dead letter"
        return
    row = letters[0]
    path = f"/cycles/{row['id']}"
    answer = api.post(f"{path}/retry", json={"version": row["version"]})
    if answer.status_code != httpx.codes.OK:
        yield f"{row['id']} was not taken up: {answer.text}"
        return
    until(
        lambda: (
            api.get(path).json()["state"] in {"COMPLETED", "DEAD_LETTER"}
            and api.get(path).json()["version"] > row["version"] + 1
        ),
        DONE_S_MAX,
        lambda: api.get(path).text[:2_000],
    )
    waiting = [each for each in pages(api, "/dead-letters") if each["cycle"]["id"] == row["id"]]
    if sum(each["resolved_at"] is not None for each in waiting) != 1:
        yield f"{row['id']} was rescued, its letter is not: {waiting}"


def _states(api: httpx.Client) -> list[str]:
    return [_end(row) for row in pages(api, "/cycles")]


def _end(row: dict[str, Any]) -> str:
    return f"- {row['outcome']}" if row["closed_at"] else f"{row['state']} {row['step']}"
