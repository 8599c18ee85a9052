"""Intent rows: planning, locking and storing what is asked of venues. No rule of its own but one:
a stored intent is only ever replaced on the version that was read under its lock."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from msgspec import structs

from app.domain.cycles import NewOrder, NewTransfer
from app.domain.orders import Order, OrderState
from app.domain.transfers import Transfer, TransferState
from app.ledger import journal, rows
from app.ledger.trading_tables import intent
from app.ledger.views import ORDER, TRANSFER

NOTHING_LEFT = frozenset({TransferState.REJECTED, TransferState.EXPIRED, TransferState.NOT_PLACED})
"""After these the same hop may be tried again."""
EVIDENCE_KEPT = 60

# Made once: with SQLAlchemy, making a statement takes longer than running it.
_FIND = sa.select(intent).where(
    intent.c.mode == sa.bindparam("of"),
    intent.c.client_id == sa.bindparam("named"),
    intent.c.kind == sa.bindparam("of_kind"),
)
_LOCK = _FIND.with_for_update()
_INSERT = intent.insert()
_STORE = intent.update().where(
    intent.c.id == sa.bindparam("at_row"),
    intent.c.version == sa.bindparam("at_version"),
    intent.c.state == sa.bindparam("at_state"),
)


def plan(
    conn: sa.Connection, mode: str, cycle_id: str, fence: int, orders: Collection[NewOrder],
    transfers: Collection[NewTransfer], at_ns: int,
) -> None:  # fmt: skip
    """Written before anything leaves. A client id that was ever used is refused, and a hop of
    which another transfer is alive (IntegrityError)."""
    for new in orders:
        order = Order(
            client_id=new.client_id, cycle_id=cycle_id, role=new.role, step=new.step,
            attempt=new.attempt, venue=new.terms.instrument.venue, terms=new.terms,
            state=OrderState.PLANNED, planned_at_ns=at_ns, updated_at_ns=at_ns,
        )  # fmt: skip
        _insert(conn, mode, fence, order, {"venue": order.venue, "order_body": order})
    for way in transfers:
        transfer = Transfer(
            client_id=way.client_id, cycle_id=cycle_id, role=way.role, step=way.step, hop=way.hop,
            attempt=way.attempt, terms=way.terms, state=TransferState.PLANNED,
            planned_at_ns=at_ns, updated_at_ns=at_ns,
        )  # fmt: skip
        own = {
            "venue": way.terms.from_venue, "to_venue": way.terms.to_venue,
            "asset": way.terms.asset, "network": way.terms.network, "amount": way.terms.amount,
            "hop_key": f"{mode}:{cycle_id}:{way.hop}", "transfer_body": transfer,
        }  # fmt: skip
        _insert(conn, mode, fence, transfer, own)


def expire(
    conn: sa.Connection, mode: str, cycle_id: str, ids: Collection[str] | None, at_ns: int
) -> None:
    """Intents that nobody will send; what has left is not touched. ids None: all of the cycle."""
    if ids is not None and not ids:
        return
    here = (intent.c.cycle_id == cycle_id) & (intent.c.state == OrderState.PLANNED)
    if ids is not None:
        here &= intent.c.client_id.in_(sorted(ids))
    query = sa.select(intent).where(here).order_by(intent.c.id).with_for_update()
    for row in conn.execute(query).all():
        item = body(row)
        state = OrderState.EXPIRED if isinstance(item, Order) else TransferState.EXPIRED
        store(conn, mode, row, structs.replace(item, state=state), at_ns)


def find(conn: sa.Connection, mode: str, client_id: str, kind: str) -> rows.Fields | None:
    return conn.execute(_FIND, _key(mode, client_id, kind)).first()


def locked(conn: sa.Connection, mode: str, client_id: str, kind: str) -> rows.Fields:
    """Held until this transaction ends. Lock its cycle before."""
    return conn.execute(_LOCK, _key(mode, client_id, kind)).one()


def body(row: rows.Fields) -> Order | Transfer:
    found: Order | Transfer = row.order_body if row.kind == ORDER else row.transfer_body
    return found


def store(
    conn: sa.Connection, mode: str, row: rows.Fields, item: Order | Transfer, at_ns: int,
    **more: Any,
) -> Order | Transfer:  # fmt: skip
    """Replace a locked intent; the new one, its version one higher."""
    kept = item.evidence
    if len(kept) > EVIDENCE_KEPT:
        half = EVIDENCE_KEPT // 2
        kept = (*kept[:half], *kept[-half:])
    new = structs.replace(item, version=row.version + 1, updated_at_ns=at_ns, evidence=kept)
    values = more | {
        "state": new.state,
        "is_over": new.is_over,
        "version": new.version,
        "signed_at_ns": new.signed_at_ns,
        "valid_until_ns": new.valid_until_ns,
        "updated_at_ns": at_ns,
    }
    if isinstance(new, Order):
        values |= {"native_id": new.venue_order_id, "order_body": new}
    else:
        values |= _transfer_columns(mode, row, new)
    on = {"at_row": row.id, "at_version": row.version, "at_state": row.state}
    done = conn.execute(_STORE, values | on)
    assert done.rowcount == 1, f"{new.client_id} changed under our lock"
    if new.is_over or row.is_over or new.state != row.state:
        journal.update_trade(conn, mode, new)
    return new


def route_key(mode: str, transfer: Transfer) -> str:
    terms = transfer.terms
    return f"{mode}:{terms.from_venue}:{terms.asset}:{terms.network}"


def _transfer_columns(mode: str, row: rows.Fields, new: Transfer) -> dict[str, Any]:
    fate_unknown = new.state in (TransferState.SENT, TransferState.UNKNOWN)
    return {
        "native_id": new.withdrawal_id,
        "txid": new.txid,
        "amount": new.terms.amount,
        "transfer_body": new,
        "hop_key": None if new.state in NOTHING_LEFT else row.hop_key,
        "route_key": route_key(mode, new) if fate_unknown else None,
    }


def _insert(
    conn: sa.Connection, mode: str, fence: int, item: Order | Transfer, own: dict[str, Any]
) -> None:
    values = own | {
        "mode": mode, "kind": ORDER if isinstance(item, Order) else TRANSFER,
        "cycle_id": item.cycle_id, "fence": fence, "role": item.role, "step": item.step,
        "attempt": item.attempt, "client_id": item.client_id, "state": item.state,
        "is_over": False, "version": item.version, "planned_at_ns": item.planned_at_ns,
        "updated_at_ns": item.updated_at_ns, "posted_quantity": 0, "posted_value": 0,
    }  # fmt: skip
    conn.execute(_INSERT, values)
    journal.plan_trade(conn, mode, item)


def _key(mode: str, client_id: str, kind: str) -> dict[str, str]:
    return {"of": mode, "named": client_id, "of_kind": kind}
