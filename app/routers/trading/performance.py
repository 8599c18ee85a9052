"""Performance: what finished cycles came to, day by day, and the curve of their sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.domain.accounting import DayRow
from app.ledger import trading_queries
from app.routers.trading.masthead import masthead
from app.routers.trading.worth import worth
from app.runtime.desk import Desk

DAYS_MAX = 366
SPANS = (30, 90, 365)


@dataclass(frozen=True, slots=True)
class Line:
    """x, width: of the day's bar, percent of the column around zero."""

    row: DayRow
    x: float
    width: float
    ink: str


@dataclass(frozen=True, slots=True)
class Curve:
    """points: of a polyline in 0..1000 × 0..100; low, high in KRW; zero: its height."""

    points: str
    low: Decimal
    high: Decimal
    zero: float


async def performance(here: Desk, asked: Mapping[str, str], _: str = "") -> dict[str, Any]:
    asked_days = asked.get("days", "")
    span = int(asked_days) if asked_days in {str(each) for each in SPANS} else SPANS[0]
    rows = await here.db.read(trading_queries.list_days, here.mode, span)
    return {
        "lines": lines(rows),
        "curve": curve(rows),
        "stats": await here.db.read(trading_queries.statistics, here.mode),
        "portfolio": await worth(here),
        "span": span,
        "spans": SPANS,
        "asked": dict(asked),
        "mast": await masthead(here),
        "mode": here.mode,
    }


def lines(rows: Sequence[DayRow]) -> tuple[Line, ...]:
    most = max((abs(row.day.pnl_krw) for row in rows), default=Decimal(0)) or Decimal(1)
    found = []
    for row in rows:
        share = float(abs(row.day.pnl_krw) / most) * 50
        gained = row.day.pnl_krw >= 0
        found.append(
            Line(row, 50.0 if gained else round(50 - share, 2), round(max(share, 0.4), 2),
                 "f-up soft" if gained else "f-down soft")
        )  # fmt: skip
    return tuple(found)


def curve(rows: Sequence[DayRow]) -> Curve | None:
    """The running sum of the results, oldest first. None under two days."""
    totals = [row.total_pnl_krw for row in reversed(rows)]
    if len(totals) < 2:
        return None
    low, high = min(Decimal(0), *totals), max(Decimal(0), *totals)
    span = (high - low) or Decimal(1)
    step = 1_000 / (len(totals) - 1)
    points = " ".join(
        f"{index * step:.1f},{float((high - total) / span) * 100:.1f}"
        for index, total in enumerate(totals)
    )
    return Curve(points, low, high, round(float(high / span) * 100, 1))
