"""Rehearsal: PAPER beside a recording, from its first event on and on a ledger of its own.

What the engine is told of trading (policies, states, numbers, money, committed views) are events as
any other: they are in the file, and a replay decides the same without a ledger.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from app.domain.events import Event
from app.domain.facts import Command, Fact
from app.domain.trading import TradingState
from app.domain.venues import Venue
from app.engine.core import Engine
from app.ledger.database import Database
from app.runtime.preferences import Preferences
from app.runtime.streams.hub import Hub
from app.runtime.trading import joining
from app.runtime.trading.clock import Clock
from app.runtime.trading.presence import Presence
from app.runtime.trading.trading import Joined, Trading
from app.runtime.trading_policy import TradingPolicies

log = structlog.get_logger("kimp.trading")

BY = "recording"
CHECKS_S = 60.0


class Rehearsal:
    """Made by `rehearsing`."""

    def __init__(self, trading: Trading, db: Database, deployment: str, epoch: int) -> None:
        self.deployment = deployment
        self.epoch = epoch
        self._trading = trading
        self._db = db
        self._turning: asyncio.Task[None] | None = None

    def take(self, facts: Sequence[Fact], commands: Sequence[Command]) -> None:
        self._trading.take(facts, commands)

    async def begin(
        self, engine: Engine, tell: Callable[[Event], None], clock: Clock, venues: Sequence[Venue]
    ) -> None:
        paper = await self._trading.policies.paper()
        ports = await joining.paper_ports(engine, self._db, clock, venues, paper)
        given = joining.opening(paper, venues)
        await self._trading.begin(Joined(engine, tell, clock, ports, given), "demo")
        self._turning = asyncio.create_task(self._turn(clock), name="trading-rehearsal")

    async def end(self) -> None:
        if self._turning is not None:
            self._turning.cancel()
            await asyncio.gather(self._turning, return_exceptions=True)
            self._turning = None
        await self._trading.end()

    async def _turn(self, clock: Clock) -> None:
        """What the timetable does in the service."""
        every_s = self._trading.policies.pace.finalizer_every_s
        slept_s = 0.0
        while True:
            await clock.sleep(every_s)
            slept_s += every_s
            try:
                await self._trading.finalize()
                if slept_s >= CHECKS_S:
                    slept_s = 0.0
                    await self._trading.reconcile()
                    await self._trading.audit()
            except Exception:
                log.exception("rehearsal_turn_failed")


@asynccontextmanager
async def rehearsing(settings: Mapping[str, object]) -> AsyncGenerator[Rehearsal, None]:
    """A ledger that is gone afterwards, with these settings, ACTIVE from the beginning."""
    with tempfile.TemporaryDirectory(prefix="kimp-rehearsal-") as folder:
        url = f"sqlite:///{Path(folder) / 'kimp.db'}"
        await Database.migrate(url)
        db = Database.open(url)
        try:
            preferences = Preferences(db)
            for key, value in settings.items():
                await preferences.put(key, value, BY)
            policies = TradingPolicies(preferences)
            trading = Trading(
                db, Hub(), policies, Presence(Path(folder) / "trading"), mode=joining.PAPER
            )
            await trading.open()
            await trading.set_state(TradingState.ACTIVE, by=BY)
            yield Rehearsal(trading, db, *await trading.identity())
            await trading.close()
        finally:
            await db.close()
