"""Orders and transfers as lists: those of which nobody knows whether they are there come first."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.accounting import OrderRow, TransferRow, VenueEventRow
from app.domain.orders import Evidence, OrderState
from app.domain.problems import Problem
from app.domain.times import SECOND_NS
from app.domain.transfers import TransferState
from app.domain.venues import Venue
from app.ledger import trading_pages, trading_queries
from app.ledger.queries import Connection
from app.routers.trading.intents import Intent, intent
from app.runtime.desk import Desk

SHOWN = 50
TURNS = 2
"""So many kinds of questions take turns: withdrawals and deposits."""
KINDS = ("orders", "transfers")
STATES: dict[str, tuple[str, ...]] = {
    "orders": tuple(OrderState),
    "transfers": tuple(TransferState),
}


@dataclass(frozen=True, slots=True)
class Unsure:
    """An order that nobody knows of; since_s: since it was sent. asked: its last question."""

    each: Intent
    since_s: float | None
    asked: Evidence | None
    times: int


async def orders(here: Desk, asked: Mapping[str, str], _: str = "") -> dict[str, Any]:
    kind = asked["kind"] if asked.get("kind") in KINDS else "orders"
    state = asked.get("state") if asked.get("state") in STATES[kind] else None
    venue = Venue(asked["venue"]) if asked.get("venue") in set(Venue) else None
    cycle_id, cursor = asked.get("cycle"), asked.get("cursor")
    now_ns = time.time_ns()
    rows: list[Intent]
    if kind == "orders":
        found, following = await here.db.read(
            trading_queries.list_orders, here.mode, SHOWN, cursor,
            state=OrderState(state) if state else None, venue=venue, cycle_id=cycle_id,
        )  # fmt: skip
        rows = [intent(row, now_ns) for row in found]
    else:
        moved, following = await here.db.read(
            trading_queries.list_transfers, here.mode, SHOWN, cursor,
            state=TransferState(state) if state else None, cycle_id=cycle_id,
        )  # fmt: skip
        rows = [intent(row, now_ns) for row in moved]
    unknown = await here.db.read(trading_queries.unknown_orders, here.mode)
    return {
        "kind": kind,
        "kinds": KINDS,
        "states": STATES[kind],
        "state": state or "",
        "venue": venue or "",
        "venues": tuple(Venue),
        "cycle": cycle_id or "",
        "rows": rows,
        "following": following,
        "unsure": [_unsure(row, now_ns) for row in unknown],
        "asked": dict(asked),
        "operators": {} if here.trading.life is None else dict(here.trading.life.asks_operator),
    }


async def intent_of(here: Desk, public_id: str) -> dict[str, Any]:
    """One order (or-8) or transfer (tr-3) with every question about it. Problem not_found."""
    found = await here.db.read(_read_one, here.mode, public_id)
    if found is None:
        raise Problem("not_found")
    item, said = found
    now_ns = time.time_ns()
    each = intent(item, now_ns)
    return {"each": each, "asked": runs(each.item.evidence), "said": said}


def _read_one(
    conn: Connection, mode: str, public_id: str
) -> tuple[OrderRow | TransferRow, list[VenueEventRow]] | None:
    item: OrderRow | TransferRow | None = trading_queries.get_order(conn, mode, public_id)
    if item is None:
        item = trading_pages.get_transfer(conn, mode, public_id)
    if item is None:
        return None
    inner = item.order if isinstance(item, OrderRow) else item.transfer
    found = trading_queries.timeline(conn, mode, inner.cycle_id)
    said = () if found is None else found.venue_events
    return item, [row for row in said if row.client_id == inner.client_id]


def runs(evidence: Sequence[Evidence]) -> list[tuple[Evidence, int]]:
    """The last of each row of equal questions and answers, and how many there were.

    Questions of two kinds that take turns are two such rows.
    """
    found: list[tuple[Evidence, int]] = []
    for each in evidence:
        same = next((old for old in found[-TURNS:] if _same(old[0], each)), None)
        if same is not None:
            found.remove(same)
        found.append((each, 1 if same is None else same[1] + 1))
    return found


def _same(one: Evidence, other: Evidence) -> bool:
    return (one.source, one.found, one.note) == (other.source, other.found, other.note)


def _unsure(row: OrderRow, now_ns: int) -> Unsure:
    order = row.order
    since = None if order.signed_at_ns is None else (now_ns - order.signed_at_ns) / SECOND_NS
    questions = [each for each in order.evidence if each.source != "place"]
    last = questions[-1] if questions else None
    return Unsure(intent(row, now_ns), since, last, len(questions))
