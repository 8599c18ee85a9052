"""Readouts over the dashboard: today's result, equity, losses, exposure, cycles, opportunities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.domain.trading import DayResult, LimitRow
from app.ledger import trading_pages, trading_queries
from app.ledger.queries import Connection
from app.routers.trading.masthead import Mast, masthead
from app.routers.trading.worth import worth
from app.routers.watching.summary import Summary, summary
from app.runtime.desk import Desk

TOP = ("COIN_EXPOSURE", "VENUE_EXPOSURE", "TOTAL_EXPOSURE")


@dataclass(frozen=True, slots=True)
class Readouts:
    """free, reserved, in_flight: KRW of what has a price; unvalued: assets without one."""

    mast: Mast
    day: DayResult
    equity_krw: Decimal
    free_krw: Decimal
    reserved_krw: Decimal
    in_flight_krw: Decimal
    unvalued: tuple[str, ...]
    loss: LimitRow | None
    drawdown: LimitRow | None
    largest: LimitRow | None
    counts: Mapping[str, int]
    unsure: int

    def share(self, amount: Decimal) -> float:
        return float(amount / self.equity_krw * 100) if self.equity_krw else 0.0


async def readouts(here: Desk, _: Mapping[str, str], __: str = "") -> dict[str, Any]:
    """What the dashboard shows of trading, and of the market beside it."""
    return {"own": await own(here), "summary": market_summary(here), "feeds_now": here.feeds}


async def own(here: Desk) -> Readouts:
    day, counts, unsure = await here.db.read(_read, here.mode)
    found = await worth(here)
    limits = here.trading.limits()
    exposures = [row for row in limits if row.code in TOP and row.used is not None]
    return Readouts(
        mast=await masthead(here),
        day=day,
        equity_krw=found.equity_krw,
        free_krw=found.of("available"),
        reserved_krw=found.of("reserved"),
        in_flight_krw=found.of("in_flight"),
        unvalued=found.unvalued,
        loss=_limit(limits, "DAILY_LOSS"),
        drawdown=_limit(limits, "DRAWDOWN"),
        largest=max(exposures, key=lambda row: row.used or 0.0, default=None),
        counts=counts,
        unsure=unsure,
    )


def market_summary(here: Desk) -> Summary:
    return summary(here.market)


def _limit(rows: tuple[LimitRow, ...], code: str) -> LimitRow | None:
    return next((row for row in rows if row.code == code), None)


def _read(conn: Connection, mode: str) -> tuple[DayResult, Mapping[str, int], int]:
    unsure = len(trading_queries.unknown_orders(conn, mode))
    return trading_pages.today(conn, mode), trading_queries.count_cycles(conn, mode), unsure
