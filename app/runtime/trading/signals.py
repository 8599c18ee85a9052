"""Signals: what the engine detected and refused, written down in batches beside the hot path."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog

from app.domain.facts import CandidateRefused, Fact, OpportunityClosed, OpportunityOpened
from app.domain.live import Explanation
from app.domain.times import DAY_NS
from app.ledger import signals as ledger
from app.ledger.database import Database

log = structlog.get_logger("kimp.signals")

EVERY_S = 0.25
# More than this waiting means that the database stands still: newer ones are given up, counted.
WAITING_MAX = 10_000
KEPT_DAYS = 30
BATCH_MAX = 500
# So long a batch is tried again: longer than a database needs to be back.
TRIES_S_MAX = 60.0
TOLD_EVERY_S = 15.0

Noted = OpportunityOpened | OpportunityClosed | CandidateRefused


class Signals:
    """Takes facts without waiting; a task of its own writes them in order."""

    def __init__(self, db: Database, evidence: Callable[[str], Explanation | None]) -> None:
        """evidence(id): why, as it was when it opened."""
        self.dropped = 0
        self.feeds = ""
        """Where the facts come from now: demo or live, which are never mixed."""
        self._db = db
        self._evidence = evidence
        self._waiting: list[Noted] = []
        self._turn = asyncio.Lock()
        self._failing_since_s: float | None = None
        self._told_s = 0.0
        self._task: asyncio.Task[None] | None = None

    def take(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            if not isinstance(fact, Noted):
                continue
            if len(self._waiting) < WAITING_MAX:
                self._waiting.append(fact)
            else:
                self.dropped += 1

    def start(self) -> None:
        self._task = asyncio.create_task(self._write_on(), name="signals")

    async def stop(self) -> None:
        """Everything that was taken is written before this returns."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self.flush()

    async def _write_on(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            await asyncio.shield(self.flush())

    async def flush(self) -> None:
        """Write what waits. A batch that the database refuses stays for the next turn."""
        async with self._turn:
            await self._write()

    async def _write(self) -> None:
        while self._waiting:
            batch = self._waiting[:BATCH_MAX]
            ids = {fact.opportunity.id for fact in batch}
            found = {each: why for each in ids if (why := self._evidence(each)) is not None}
            try:
                await self._db.write(ledger.note_signals, batch, found, feeds=self.feeds)
            except Exception as error:  # noqa: BLE001 - whatever a database says: it stays here
                if not self._given_up(error, len(batch)):
                    return
            else:
                self._failing_since_s = None
            del self._waiting[: len(batch)]

    async def purge(self, now_ns: int) -> int:
        """Forget what ended long ago; how many."""
        return await self._db.write(ledger.purge, now_ns - KEPT_DAYS * DAY_NS)

    def _given_up(self, error: Exception, count: int) -> bool:
        """Whether a batch was tried for so long that the next ones must not wait any more."""
        now_s = time.monotonic()
        if self._failing_since_s is None:
            self._failing_since_s = now_s
        if now_s - self._told_s >= TOLD_EVERY_S:
            self._told_s = now_s
            told = " ".join(str(error).split())[:200]
            log.warning("signals_not_written", waiting=len(self._waiting), reason=told)
        if now_s - self._failing_since_s < TRIES_S_MAX:
            return False
        self._failing_since_s = None
        self.dropped += count
        log.error("signals_given_up", count=count)
        return True
