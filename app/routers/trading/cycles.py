"""Cycles as a list: tabs, each with its route, its stage, what it holds, what it came to."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.domain.accounting import CycleRow
from app.domain.cycles import CycleState
from app.domain.times import SECOND_NS
from app.ledger import trading_queries
from app.routers.trading.masthead import Mast, masthead
from app.routers.trading.stages import Miniature, miniature
from app.runtime.desk import Desk

# Tab → (the list's own tab, its state). Retry is a part of the open ones.
TABS: dict[str, tuple[str | None, CycleState | None]] = {
    "open": (trading_queries.OPEN, None),
    "retry": (trading_queries.OPEN, CycleState.AWAITING_RETRY),
    "dead": (trading_queries.DEAD, None),
    "finished": (trading_queries.FINISHED, None),
}
SHOWN = 50


@dataclass(frozen=True, slots=True)
class Line:
    """for_s: how long it was, or is, open. next: what it waits for, a key of the texts, or ''."""

    row: CycleRow
    stage: Miniature
    for_s: float
    next: str
    due_s: float | None

    @property
    def locked_krw(self) -> Decimal:
        return self.row.cycle.plan.notional_krw


def tab_of(asked: Mapping[str, str]) -> str:
    return asked["tab"] if asked.get("tab") in TABS else "open"


async def listed(here: Desk, asked: Mapping[str, str], _: str = "") -> dict[str, Any]:
    tab = tab_of(asked)
    within, state = TABS[tab]
    base = asked.get("base", "").upper() or None
    rows, following = await here.db.read(
        trading_queries.list_cycles, here.mode, SHOWN, asked.get("cursor"),
        tab=within, state=state, base=base,
    )  # fmt: skip
    waiting, _more = await here.db.read(
        trading_queries.list_cycles, here.mode, SHOWN, None, state=CycleState.AWAITING_RETRY
    )
    counts = await here.db.read(trading_queries.count_cycles, here.mode)
    now_ns = time.time_ns()
    return {
        "tab": tab,
        "all_tabs": tuple(TABS),
        "counts": counts | {"retry": len(waiting)},
        "lines": lines(rows, now_ns),
        "following": following,
        "asked": dict(asked),
        "base": base or "",
        "mast": await masthead(here),
        "feeds_now": here.feeds,
    }


def lines(rows: Sequence[CycleRow], now_ns: int) -> tuple[Line, ...]:
    return tuple(_line(row, now_ns) for row in rows)


def _line(row: CycleRow, now_ns: int) -> Line:
    cycle = row.cycle
    end_ns = cycle.closed_at_ns or now_ns
    waits, due_ns = _next(row)
    due_s = None if due_ns is None else max(due_ns - now_ns, 0) / SECOND_NS
    return Line(
        row, miniature(cycle), max(end_ns - cycle.opened_at_ns, 0) / SECOND_NS, waits, due_s
    )


def _next(row: CycleRow) -> tuple[str, int | None]:
    cycle = row.cycle
    if cycle.closed_at_ns is not None:
        return "", None
    if cycle.state is CycleState.DEAD_LETTER:
        return "person", None
    if cycle.state is CycleState.AWAITING_RETRY:
        return "retry", cycle.next_attempt_at_ns
    return cycle.step.value, None


def may_start(mast: Mast) -> bool:
    """Whether the page offers to begin: only what a click can do."""
    return mast.may_start and mast.mode != "live"
