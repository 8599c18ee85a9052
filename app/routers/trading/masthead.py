"""The masthead's right side: trading state, kill switch, mode; how many cycles are open."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.accounting import StateRow
from app.domain.trading import TradingState
from app.ledger import trading_pages, trading_queries
from app.ledger.queries import Connection
from app.runtime.desk import Desk

STATES = tuple(TradingState)
LIVE = "live"


@dataclass(frozen=True, slots=True)
class Mast:
    """blocked: why nothing new begins though ACTIVE. version: of the state that is shown."""

    mode: str
    state: TradingState
    killed: bool
    armed: bool
    blocked: str | None
    version: int
    by: str
    at_ns: int
    open: int
    dead: int

    @property
    def data_mode(self) -> str:
        """As the stylesheet knows it: only an armed LIVE has the frame of real money."""
        if self.mode != LIVE:
            return self.mode
        return LIVE if self.armed else "safe"

    @property
    def may_start(self) -> bool:
        """Nothing but a person's word is missing."""
        return self.state is not TradingState.ACTIVE and not self.killed


async def masthead(here: Desk) -> Mast:
    row, counts = await here.db.read(_read, here.mode)
    life = here.trading.life
    return Mast(
        mode=here.mode,
        state=row.state,
        killed=row.killed,
        armed=row.armed_until_ns is not None and row.armed_until_ns > time.time_ns(),
        blocked="FEEDS" if life is None else life.blocks.first,
        version=row.version,
        by=row.by,
        at_ns=row.at_ns,
        open=counts[trading_queries.OPEN],
        dead=counts[trading_queries.DEAD],
    )


def _read(conn: Connection, mode: str) -> tuple[StateRow, Mapping[str, int]]:
    return trading_pages.state(conn, mode), trading_queries.count_cycles(conn, mode)
