"""Journal: what is written beside a cycle's commits for people: lines, trades, portfolio logs."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from app.domain.cycles import Holding, Plan
from app.domain.orders import AssetAmount, Order, OrderState
from app.domain.transfers import Transfer, TransferState
from app.domain.venues import Venue
from app.ledger import posting, rows
from app.ledger.columns import NOTE_CHARS, WORD_CHARS
from app.ledger.trading_tables import cycle_journal, portfolio_logs, trades

INITIAL, TRADE, FINAL = "INITIAL", "TRADE", "FINAL"
PENDING, COMPLETED, FAILED, CANCELLED = "PENDING", "COMPLETED", "FAILED", "CANCELLED"
NOTE_CHARS_MAX = 4_000

# Made once: with SQLAlchemy, making a statement takes longer than running it.
_NOTE = cycle_journal.insert()
_LOG = portfolio_logs.insert()
_TRADE = trades.insert()
_PROGRESS = trades.update().where(
    trades.c.mode == sa.bindparam("of"), trades.c.client_id == sa.bindparam("named")
)
_NO_TRADE: dict[str, Any] = dict.fromkeys(
    ("to_venue", "quote", "side", "order_type", "requested_price")
)

_STATUS: dict[str, str] = {
    OrderState.FILLED: COMPLETED,
    OrderState.CANCELLED: CANCELLED,
    OrderState.REJECTED: FAILED,
    OrderState.EXPIRED: CANCELLED,
    OrderState.NOT_PLACED: FAILED,
    TransferState.CREDITED: COMPLETED,
    TransferState.RETURNED: FAILED,
}


def note(
    conn: sa.Connection, mode: str, cycle_id: str, version: int, at_ns: int, code: str, text: str,
    actor: str = "engine",
) -> None:  # fmt: skip
    """A line of the cycle's journal."""
    values = {
        "mode": mode,
        "cycle_id": cycle_id,
        "at_ns": at_ns,
        "version": version,
        "actor": rows.shown(actor, NOTE_CHARS // 2),
        "code": rows.shown(code, WORD_CHARS),
        "note": rows.shown(text, NOTE_CHARS_MAX),
    }
    conn.execute(_NOTE, values)


def log_portfolio(
    conn: sa.Connection, mode: str, cycle_id: str, kind: str, at_ns: int,
    keys: Iterable[tuple[Venue, str]], client_id: str | None = None,
) -> None:  # fmt: skip
    """What the purses of a cycle are at this moment."""
    purses = posting.purses(conn, mode, frozenset(keys))
    values = {
        "mode": mode, "cycle_id": cycle_id, "kind": kind, "client_id": client_id,
        "purses": purses, "at_ns": at_ns,
    }  # fmt: skip
    conn.execute(_LOG, values)


def purse_keys(plan: Plan, holdings: Iterable[Holding] = ()) -> set[tuple[Venue, str]]:
    """The purses that a cycle is about."""
    keys = {(plan.home.venue, plan.home.asset)}
    for instrument in (plan.buy, plan.sell, plan.bridge):
        if instrument is not None:
            keys |= {(instrument.venue, instrument.base), (instrument.venue, instrument.quote)}
    return keys | {(held.venue, held.asset) for held in holdings if held.venue is not None}


def status(item: Order | Transfer) -> str:
    """As a trader's book says it: what traded at all is a trade."""
    if not item.is_over:
        return PENDING
    if isinstance(item, Order) and item.filled_quantity > 0:
        return COMPLETED
    return _STATUS.get(item.state, FAILED)


def plan_trade(conn: sa.Connection, mode: str, item: Order | Transfer) -> None:
    values = _order_trade(item) if isinstance(item, Order) else _transfer_trade(item)
    values |= {"mode": mode, "cycle_id": item.cycle_id, "client_id": item.client_id}
    conn.execute(_TRADE, _NO_TRADE | values | {"role": item.role} | _progress(item))


def update_trade(conn: sa.Connection, mode: str, item: Order | Transfer) -> None:
    conn.execute(_PROGRESS, _progress(item) | {"of": mode, "named": item.client_id})


def _order_trade(order: Order) -> dict[str, Any]:
    terms = order.terms
    return {
        "venue": order.venue,
        "base": terms.instrument.base,
        "quote": terms.instrument.quote,
        "side": terms.side,
        "order_type": terms.type,
        "requested_quantity": terms.quantity,
        "requested_price": terms.price,
        "planned_at_ns": order.planned_at_ns,
    }


def _transfer_trade(transfer: Transfer) -> dict[str, Any]:
    terms = transfer.terms
    return {
        "venue": terms.from_venue,
        "to_venue": terms.to_venue,
        "base": terms.asset,
        "requested_quantity": terms.amount,
        "planned_at_ns": transfer.planned_at_ns,
    }


def _progress(item: Order | Transfer) -> dict[str, Any]:
    if isinstance(item, Order):
        filled, price, fees = item.filled_quantity, item.average_price, item.fees
    else:
        filled, price = item.credited or Decimal(0), None
        paid = item.fee_paid
        fees = () if paid is None else (AssetAmount(item.terms.asset, paid),)
    return {
        "filled_quantity": filled,
        "average_price": price,
        "fees": fees,
        "status": status(item),
        "sent_at_ns": item.signed_at_ns,
        "ended_at_ns": item.updated_at_ns if item.is_over else None,
    }
