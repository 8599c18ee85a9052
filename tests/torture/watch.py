"""Watch: what is under way, read from kimp's database by somebody else, every few milliseconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from app.ledger.engines import driver_url
from app.ledger.trading_tables import arbitrage_cycles, intent, lease

LOOK_S = 0.003
FREE_MS = 100
SENT = frozenset({"SENT", "UNKNOWN"})
FLYING = SENT | {"ACCEPTED", "AWAITING_VENUE", "ON_CHAIN", "HELD"}
HOMEWARD = frozenset({"REBALANCE", "COMPENSATION"})
PLACES = ("leg 1", "sender", "receiver", "return")

Cell = tuple[str, str]
"""Venue, and what it was."""


class Intent(NamedTuple):
    kind: str
    role: str
    venue: str
    to_venue: str | None
    state: str
    client_id: str
    cycle_id: str

    def cells(self) -> set[Cell]:
        """What is hit when kimp dies now."""
        home = self.role in HOMEWARD
        if self.kind == "order":
            if self.state not in SENT:
                return set()
            return {(self.venue, "return" if home else "leg 1")} if self._counts else set()
        if self.state not in FLYING or self.to_venue is None:
            return set()
        ends = {(self.venue, "sender"), (self.to_venue, "receiver")}
        return ends | ({(self.venue, "return"), (self.to_venue, "return")} if home else set())

    @property
    def _counts(self) -> bool:
        return self.role == "INITIAL" or self.role in HOMEWARD

    @property
    def is_hit(self) -> bool:
        """Its fate is not known, or its money is nowhere."""
        return self.state in (SENT if self.kind == "order" else FLYING)


_UNDER_WAY = sa.select(
    intent.c.kind, intent.c.role, intent.c.venue, intent.c.to_venue, intent.c.state,
    intent.c.client_id, intent.c.cycle_id,
).where(
    intent.c.mode == "drill", intent.c.is_over == sa.false(), intent.c.state != "PLANNED"
)  # fmt: skip


_OPEN_CYCLES = sa.select(arbitrage_cycles.c.id, arbitrage_cycles.c.owner).where(
    arbitrage_cycles.c.mode == "drill", arbitrage_cycles.c.closed_at_ns.is_(None)
)


class Watch:
    """Of one database, whatever becomes of the processes that write to it."""

    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner()
        self._engine: AsyncEngine = create_async_engine(
            driver_url(url), poolclass=NullPool, isolation_level="AUTOCOMMIT"
        )

    def close(self) -> None:
        self._runner.run(self._engine.dispose())
        self._runner.close()

    def under_way(self) -> list[Intent]:
        return self._runner.run(self._once())

    def owners(self) -> dict[str, str]:
        """Of the venues' leases and of the open cycles that have one."""
        return self._runner.run(self._owned())

    def is_free(self) -> bool:
        """Whether others may write: a file stays locked while its writer stands still."""
        return self._runner.run(self._free())

    def hunt(
        self,
        stop: Callable[[], None],
        go_on: Callable[[], None],
        wanted: Callable[[list[Intent]], bool],
        seconds: float,
    ) -> list[Intent] | None:
        """Wait for what is wanted. It is looked for again while kimp stands still, so that what
        is returned is how things are when it dies. None: not within these seconds."""
        return self._runner.run(self._hunt(stop, go_on, wanted, seconds))

    async def _once(self) -> list[Intent]:
        async with self._engine.connect() as conn:
            return [_intent(row) for row in await conn.execute(_UNDER_WAY)]

    async def _free(self) -> bool:
        if self._engine.dialect.name != "sqlite":
            return True
        async with self._engine.connect() as conn:
            try:
                await conn.exec_driver_sql(f"PRAGMA busy_timeout={FREE_MS}")
                await conn.exec_driver_sql("BEGIN IMMEDIATE")
                await conn.exec_driver_sql("ROLLBACK")
            except SQLAlchemyError:
                return False
            return True

    async def _owned(self) -> dict[str, str]:
        async with self._engine.connect() as conn:
            leases = await conn.execute(sa.select(lease.c.name, lease.c.owner))
            cycles = await conn.execute(_OPEN_CYCLES)
            held = {name: owner for name, owner in leases if ":venue:" in name}
            return held | {name: owner for name, owner in cycles if owner is not None}

    async def _hunt(
        self,
        stop: Callable[[], None],
        go_on: Callable[[], None],
        wanted: Callable[[list[Intent]], bool],
        seconds: float,
    ) -> list[Intent] | None:
        latest_s = time.monotonic() + seconds
        while time.monotonic() < latest_s:
            try:
                async with self._engine.connect() as conn:
                    while time.monotonic() < latest_s:
                        found = [_intent(row) for row in await conn.execute(_UNDER_WAY)]
                        if wanted(found):
                            stop()
                            rows = await conn.execute(_UNDER_WAY)
                            found = [_intent(row) for row in rows]
                            if wanted(found):
                                return found
                            go_on()
                        await asyncio.sleep(LOOK_S)
            except SQLAlchemyError:
                await asyncio.sleep(LOOK_S)  # its line was cut: another one
        return None


def _intent(row: Sequence[Any]) -> Intent:
    kind, role, venue, to_venue, state, client_id, cycle_id = row
    return Intent(
        kind, str(role), str(venue), to_venue and str(to_venue), state, client_id, cycle_id
    )


@contextmanager
def watching(url: str) -> Iterator[Watch]:
    watch = Watch(url)
    try:
        yield watch
    finally:
        watch.close()
