"""Orders: claimed for sending, noted as the venue tells, their fills booked once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal

import msgspec
import sqlalchemy as sa
from msgspec import structs

from app.domain.accounting import VenueEvent
from app.domain.orders import ORDER_ENDS, AssetAmount, Fill, Order, OrderState
from app.domain.times import MS_NS
from app.ledger import bookings, clock, cycles, intent_rows, journal, posting, rows, sending
from app.ledger.leases import Lease
from app.ledger.posting import EXACT
from app.ledger.trading_tables import venue_event
from app.ledger.views import ORDER

BOOKED_FILL = "booked_fill"
"""Kind of the venue events that hold our reading of a fill, as it was booked."""
ZERO = Decimal(0)


def claim_order(
    conn: sa.Connection, mode: str, client_id: str, owner: str, venue_lease: Lease,
    window_ms: int, *, signed_at_ns: int | None = None,
) -> Order | str:  # fmt: skip
    """PLANNED → SENT, with the time of its signature. An Order: send it, once. Else why not:
    HALTED, DISARMED, NO_LEASE, LOST, NOT_PLANNED."""
    clear = sending.clear(conn, mode, client_id, ORDER, owner, venue_lease, signed_at_ns)
    if isinstance(clear, str):
        return clear
    order: Order = clear.row.order_body
    sent = structs.replace(
        order,
        state=OrderState.SENT,
        signed_at_ns=clear.signed_at_ns,
        valid_until_ns=clear.signed_at_ns + window_ms * MS_NS,
    )
    return _keep(conn, mode, clear.row, sent, clear.at_ns, "SENT")


def note_order(
    conn: sa.Connection, mode: str, client_id: str, expected: Collection[OrderState], new: Order,
    events: Sequence[VenueEvent] = (),
) -> bool:  # fmt: skip
    """Write down what is known of an order now. False: it is not (any more) the one that `new`
    was made from, or its end is proved already. The events are kept in any case."""
    sending.record(conn, mode, events, client_id)
    row = _locked(conn, mode, client_id)
    if row is None or not may_follow(row.order_body, expected, new):
        return False
    _keep(conn, mode, row, _summed(row, new), clock.now_ns(conn), str(new.state))
    return True


def post_fills(conn: sa.Connection, mode: str, client_id: str, fills: Sequence[Fill]) -> int:
    """Book the fills of an order that are not booked yet; how many those were."""
    row = _locked(conn, mode, client_id)
    assert row is not None, client_id
    order: Order = row.order_body
    cycle = cycles.lock(conn, mode, row.cycle_id)
    at_ns = clock.now_ns(conn)
    new = [fill for fill in fills if _book(conn, mode, fill, order, at_ns, cycle)]
    if not new:
        return 0
    quantity, value, fees = row.posted_quantity, row.posted_value, order.fees
    for fill in new:
        quantity = EXACT.add(quantity, fill.quantity)
        value = EXACT.add(value, bookings.value(fill.price, fill.quantity))
        fees = _with_fee(fees, fill)
    more = structs.replace(order, fees=fees)
    kept = {"posted_quantity": quantity, "posted_value": value}
    summed = _complete(more, quantity, value)
    _keep(conn, mode, row, summed, at_ns, f"FILLS {len(new)}", **kept)
    return len(new)


def fills_of(conn: sa.Connection, mode: str, client_id: str) -> tuple[Fill, ...]:
    """Those that are booked, in their order."""
    here = (venue_event.c.mode == mode) & (venue_event.c.client_id == client_id)
    query = sa.select(venue_event.c.raw).where(here & (venue_event.c.kind == BOOKED_FILL))
    raws = conn.scalars(query.order_by(venue_event.c.id))
    return tuple(msgspec.json.decode(raw, type=Fill) for raw in raws)


def get_order(conn: sa.Connection, mode: str, client_id: str) -> Order | None:
    row = intent_rows.find(conn, mode, client_id, ORDER)
    return None if row is None else row.order_body


def may_follow(stored: Order, expected: Collection[OrderState], new: Order) -> bool:
    """An order is noted on the version that it was read at; planned ones leave by a claim or
    expire, and what is proved to have ended stays as it ended. (A cancel may be told before the
    trade that came just before it.)"""
    if stored.state not in expected or stored.version != new.version:
        return False
    if stored.state is OrderState.PLANNED or new.state is OrderState.PLANNED:
        return False
    if stored.state is OrderState.CANCELLED and new.state is OrderState.FILLED:
        return True
    return stored.state not in ORDER_ENDS or new.state is stored.state


def _locked(conn: sa.Connection, mode: str, client_id: str) -> rows.Fields | None:
    """The cycle first, then the intent: everybody locks in this order."""
    seen = intent_rows.find(conn, mode, client_id, ORDER)
    if seen is None:
        return None
    cycles.lock(conn, mode, seen.cycle_id)
    return intent_rows.locked(conn, mode, client_id, ORDER)


def _summed(row: rows.Fields, new: Order) -> Order:
    """What the ledger knows better than who notes: what was asked, its fills and their sums."""
    stored: Order = row.order_body
    ours = structs.replace(
        new, client_id=stored.client_id, cycle_id=stored.cycle_id, role=stored.role,
        step=stored.step, attempt=stored.attempt, venue=stored.venue, terms=stored.terms,
        planned_at_ns=stored.planned_at_ns, signed_at_ns=stored.signed_at_ns,
        valid_until_ns=stored.valid_until_ns, fees=stored.fees,
        filled_quantity=max(new.filled_quantity, stored.filled_quantity),
    )  # fmt: skip
    return _complete(ours, row.posted_quantity, row.posted_value)


def _complete(order: Order, quantity: Decimal, value: Decimal) -> Order:
    filled = max(order.filled_quantity, quantity)
    return structs.replace(
        order,
        filled_quantity=filled,
        average_price=value / quantity if quantity else order.average_price,
        complete=order.state in ORDER_ENDS and filled == quantity,
    )


def _keep(
    conn: sa.Connection, mode: str, row: rows.Fields, order: Order, at_ns: int, said: str,
    **more: Decimal,
) -> Order:  # fmt: skip
    kept = intent_rows.store(conn, mode, row, order, at_ns, **more)
    assert isinstance(kept, Order)
    cycles.touch(conn, row.cycle_id)
    note = f"{kept.venue} {kept.client_id} {said} {kept.filled_quantity}/{kept.terms.quantity}"
    journal.note(conn, mode, row.cycle_id, kept.version, at_ns, "ORDER", note, "gateway")
    if kept.is_over and not row.is_over and kept.filled_quantity > 0:
        _log_trade(conn, mode, kept, at_ns)
    return kept


def _log_trade(conn: sa.Connection, mode: str, order: Order, at_ns: int) -> None:
    instrument = order.terms.instrument
    keys = {(order.venue, instrument.base), (order.venue, instrument.quote)}
    keys |= {(order.venue, fee.asset) for fee in order.fees}
    journal.log_portfolio(conn, mode, order.cycle_id, journal.TRADE, at_ns, keys, order.client_id)


def _book(
    conn: sa.Connection, mode: str, fill: Fill, order: Order, at_ns: int, cycle: rows.Fields
) -> bool:
    market = fill.instrument
    number = f"{market.base}-{market.quote}:{market.product}:{fill.trade_id}"
    closed = cycle.closed_at_ns is not None
    lines = bookings.fill(fill, order.cycle_id, closed=closed)
    if not posting.post(conn, mode, f"fill:{fill.venue}:{number}", lines, fact=True):
        return False
    raw = msgspec.json.encode(fill).decode()
    event = VenueEvent(fill.venue, BOOKED_FILL, number, raw, at_ns)
    sending.record(conn, mode, [event], order.client_id)
    return True


def _with_fee(fees: tuple[AssetAmount, ...], fill: Fill) -> tuple[AssetAmount, ...]:
    sums = {fee.asset: fee.amount for fee in fees}
    sums[fill.fee_asset] = EXACT.add(sums.get(fill.fee_asset, ZERO), fill.fee)
    return tuple(AssetAmount(asset, sums[asset]) for asset in sorted(sums))
