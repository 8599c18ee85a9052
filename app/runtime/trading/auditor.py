"""Auditor: the invariants of the ledger, looked at while it trades.

Keeps R9: a breach flips the kill switch by itself, with what it found as the reason; no page, no
restart and no timer lets go of it, only a person.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from app.domain.accounting import Breach
from app.domain.times import SECOND_NS
from app.ledger.queries import Connection
from app.runtime.trading.clock import Clock
from app.runtime.trading.limits import AUDIT_BACK_S, AUDIT_S, AUDIT_START_S
from app.runtime.trading.store import Ledger

log = structlog.get_logger("kimp.trading")

SHOWN_MAX = 3


class Told(Protocol):
    async def kill(self, reason: str) -> None:
        """Nothing is sent after this; by the auditor."""


class Auditor:
    """look(conn, mode, since_ns): all that is broken of what was open or ended since then."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        told: Told,
        *,
        mode: str,
        look: Callable[[Connection, str, int], Sequence[Breach]],
    ) -> None:
        self.checks = 0
        self.checked_at_ns: int | None = None
        self.breaches: tuple[Breach, ...] = ()
        self._ledger = ledger
        self._clock = clock
        self._told = told
        self._mode = mode
        self._look = look

    async def check(self) -> tuple[Breach, ...]:
        """One look at what the database can see (I1 to I9); the first one looks further back."""
        back_s = AUDIT_BACK_S if self.checks else AUDIT_START_S
        since_ns = self._clock.at_ns() - back_s * SECOND_NS
        found = tuple(await self._ledger.read(self._look, self._mode, since_ns))
        self.checks += 1
        self.checked_at_ns = self._clock.at_ns()
        if found and found != self.breaches:
            log.error("invariants_broken", count=len(found), first=str(found[0]))
            await self._told.kill(f"AUDIT {_words(found)}")
        self.breaches = found
        return found

    def is_late(self) -> bool:
        """Whether the last look is too long ago to be relied on."""
        if self.checked_at_ns is None:
            return True
        return self._clock.at_ns() - self.checked_at_ns > 3 * AUDIT_S * SECOND_NS


def _words(found: Sequence[Breach]) -> str:
    shown = "; ".join(str(each) for each in found[:SHOWN_MAX])
    return shown if len(found) <= SHOWN_MAX else f"{shown}; and {len(found) - SHOWN_MAX} more"
