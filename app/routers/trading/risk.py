"""Risk: whether trading may begin and send, each limit with its use, breakers, who changed what."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.times import SECOND_NS
from app.domain.trading import BreakerRow, LimitRow
from app.ledger import trading_pages
from app.routers.trading.masthead import masthead
from app.runtime.desk import Desk

CHANGES_SHOWN = 30
FOREVER_NS = 2**61
"""A breaker that is open until then waits for a person."""
# Where a limit is set, by its code.
SETTINGS: dict[str, str] = {
    "COIN_EXPOSURE": "risk.coin_krw_max",
    "VENUE_EXPOSURE": "risk.venue_krw_max",
    "TOTAL_EXPOSURE": "risk.total_krw_max",
    "DAILY_LOSS": "risk.daily_loss_krw_max",
    "DRAWDOWN": "risk.drawdown_pct_max",
    "CYCLES": "trading.cycles_max",
    "CYCLES_PER_BASE": "trading.cycles_per_base_max",
    "LOSSES_IN_ROW": "risk.losses_in_row_max",
    "FLASH_CRASH": "risk.flash_crash_pct",
    "SPREAD_WIDE": "risk.spread_bps_max",
    "SPREAD_ANOMALY": "risk.spread_sigma_max",
    "TOO_GOOD": "risk.max_net_bps",
    "NET_BELOW_MIN": "trading.min_net_bps",
    "SIZE_MIN": "trading.size_krw_min",
    "SIZE_MAX": "trading.size_krw",
}


OUTAGE_S = (60, 180, 600)
"""For how long a venue of the demo may be shut."""
# As many cycles as are allowed is how it works, not a fault.
FULL_IS_NORMAL = ("CYCLES", "CYCLES_PER_BASE")


@dataclass(frozen=True, slots=True)
class Breaker:
    """left_s None: closed, or until a person acts (forever)."""

    row: BreakerRow
    is_open: bool
    forever: bool
    left_s: float | None


async def risk(here: Desk, _: Mapping[str, str], __: str = "") -> dict[str, Any]:
    now_ns = time.time_ns()
    changes = await here.db.read(trading_pages.state_changes, here.mode, CHANGES_SHOWN)
    engine = await here.trading.engine()
    return {
        "mast": await masthead(here),
        "engine": engine,
        "limits": tuple(sorted(here.trading.limits(), key=_order)),
        "breakers": tuple(breaker(row, now_ns) for row in here.trading.breakers()),
        "changes": changes,
        "setting_of": SETTINGS,
        "full_is_normal": FULL_IS_NORMAL,
        "policy": here.trading.policies.now,
        "outages": None if here.market.outages is None else here.market.outages.now(),
        "outage_s": OUTAGE_S,
        "feeds_now": here.feeds,
        "mode": here.mode,
    }


def _order(row: LimitRow) -> tuple[bool, float]:
    """What is nearest to its limit first; then what refused most."""
    return (row.used is None, -(row.used or 0.0) - row.refused_today * 1e-9)


def breaker(row: BreakerRow, now_ns: int) -> Breaker:
    until = row.open_until_ns
    is_open = until is not None and until > now_ns
    forever = until is not None and until >= FOREVER_NS
    left = (until - now_ns) / SECOND_NS if until is not None and is_open and not forever else None
    return Breaker(row, is_open, forever, left)
