"""Orders and transfers as lists: those of which nobody knows whether they are there come first."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.accounting import OrderRow, TransferRow, VenueEventRow
from app.domain.orders import ORDER_ENDS, Evidence, Order, OrderState
from app.domain.problems import Problem
from app.domain.times import SECOND_NS
from app.domain.transfers import TRANSFER_ENDS, Transfer, TransferState
from app.domain.venues import Venue
from app.ledger import trading_pages, trading_queries
from app.ledger.queries import Connection
from app.routers.trading.cycle import Intent
from app.runtime.desk import Desk

SHOWN = 50
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
        rows = [order_intent(row, now_ns) for row in found]
    else:
        moved, following = await here.db.read(
            trading_queries.list_transfers, here.mode, SHOWN, cursor,
            state=TransferState(state) if state else None, cycle_id=cycle_id,
        )  # fmt: skip
        rows = [transfer_intent(row, now_ns) for row in moved]
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
    made = order_intent if isinstance(item, OrderRow) else transfer_intent
    return {"each": made(item, now_ns), "said": said, "now_ns": now_ns}  # type: ignore[arg-type]


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


def order_intent(row: OrderRow, now_ns: int) -> Intent:
    return Intent(row.id, row.order, took(row.order, now_ns))


def transfer_intent(row: TransferRow, now_ns: int) -> Intent:
    return Intent(row.id, row.transfer, took(row.transfer, now_ns))


def took(item: Order | Transfer, now_ns: int) -> float | None:
    """From sending until it was over, or until now."""
    if item.signed_at_ns is None:
        return None
    ended = item.state in ORDER_ENDS or item.state in TRANSFER_ENDS
    return max((item.updated_at_ns if ended else now_ns) - item.signed_at_ns, 0) / SECOND_NS


def _unsure(row: OrderRow, now_ns: int) -> Unsure:
    order = row.order
    since = None if order.signed_at_ns is None else (now_ns - order.signed_at_ns) / SECOND_NS
    questions = [each for each in order.evidence if each.source != "place"]
    last = questions[-1] if questions else None
    return Unsure(order_intent(row, now_ns), since, last, len(questions))
