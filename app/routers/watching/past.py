"""Past: what the archive knows of premiums: ranges and percentiles of all routes, one's history."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from app.archive.client import Unavailable
from app.archive.queries import Basis, History, Quantiles, share_below
from app.domain.live import PremiumRow
from app.domain.times import DAY_NS, SECOND_NS
from app.routers.watching.memory import DAY_S, Span

if TYPE_CHECKING:
    from app.archive.archive import Archive

Floats = npt.NDArray[np.float64]
BASES: tuple[Basis, ...] = ("kimchi", "usdt", "usdlike", "realizable")
POINTS = 720
DAY_EVERY_NS = 60 * SECOND_NS
MONTH_EVERY_NS = 15 * 60 * SECOND_NS
MONTH_DAYS = 30


class Past:
    """Asked in the background; what it does not know yet is not shown."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self._day: Quantiles = {}
        self._month: Quantiles = {}
        self._day_ns = 0
        self._month_ns = 0
        self._asking: asyncio.Task[None] | None = None

    def tend(self, archive: Archive | None, at_ns: int) -> None:
        """Begin to ask anew when it is time; one question at once."""
        due = at_ns - self._day_ns >= DAY_EVERY_NS
        if archive is None or not due or (self._asking and not self._asking.done()):
            return
        self._day_ns = at_ns
        self._asking = asyncio.create_task(self._ask(archive, at_ns))

    async def _ask(self, archive: Archive, at_ns: int) -> None:
        try:
            self._day = await archive.quantiles("usdlike", at_ns - DAY_NS)
            if at_ns - self._month_ns >= MONTH_EVERY_NS:
                self._month_ns = at_ns
                self._month = await archive.quantiles("usdlike", at_ns - MONTH_DAYS * DAY_NS)
            self.reason = None
        except Unavailable as away:
            self.reason = str(away)

    def span(self, row: PremiumRow) -> Span | None:
        values = self._day.get(_route(row))
        if values is None or not np.isfinite(values).all():
            return None
        low, first, third, high = (float(values[i]) for i in (0, 25, 75, 100))
        return Span(low, first, third, high, DAY_S // 60)

    def percentiles(self, row: PremiumRow) -> tuple[float | None, float | None]:
        """Of a day and of 30 days, 0..100."""
        if row.usdlike_bps is None:
            return None, None
        day, month = (known.get(_route(row)) for known in (self._day, self._month))
        return (
            None if day is None else 100 * share_below(day, row.usdlike_bps),
            None if month is None else 100 * share_below(month, row.usdlike_bps),
        )


def _route(row: PremiumRow) -> tuple[str, str, str]:
    return (row.base, row.buy_venue.value, row.sell_venue.value)


async def history(archive: Archive, row: PremiumRow, since_ns: int) -> tuple[Floats, ...] | None:
    """time [epoch s] and BASES of a route; None while the archive is away."""
    try:
        found = [
            await archive.premium_history(
                row.base, row.buy_venue, row.sell_venue, basis, since_ns, POINTS
            )
            for basis in BASES
        ]
    except Unavailable:
        return None
    return joined(found)


def joined(found: Sequence[History]) -> tuple[Floats, ...]:
    """Each basis at every place in time that any of them has; NaN where it has none."""
    at_ns = np.unique(np.concatenate([each.at_ns for each in found]))
    columns = []
    for each in found:
        column = np.full(len(at_ns), np.nan)
        column[np.searchsorted(at_ns, each.at_ns)] = each.mean_bps
        columns.append(column)
    return (at_ns / SECOND_NS, *columns)


def continued(before: Sequence[Floats], after: Sequence[Floats]) -> tuple[Floats, ...]:
    """Columns of the archive, and of the session from where the archive ends."""
    if not len(before[0]):
        return tuple(after)
    first = int(np.searchsorted(after[0], before[0][-1], "right"))
    return tuple(np.concatenate([a, b[first:]]) for a, b in zip(before, after, strict=True))
