"""Sending: what must hold in the very transaction that turns PLANNED into SENT.

Read with locks, so that a halt, a kill, a takeover of the cycle or of the venue's lease comes
either before this transaction, and is seen by it, or after it.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import sqlalchemy as sa

from app.domain.accounting import VenueEvent
from app.domain.orders import OrderState
from app.ledger import clock, cycles, intent_rows, leases, rows, trading_state
from app.ledger.conflicts import insert_new
from app.ledger.leases import Lease
from app.ledger.trading_tables import KEY_CHARS, intent, venue_event

NOT_PLANNED, LOST, NO_LEASE = "NOT_PLANNED", "LOST", "NO_LEASE"
RAW_CHARS_MAX = 64 * 1024


class Cleared(msgspec.Struct, frozen=True):
    """May be sent, once. row: of the intent, locked."""

    row: rows.Fields
    cycle: rows.Fields
    at_ns: int
    signed_at_ns: int


def clear(
    conn: sa.Connection, mode: str, client_id: str, kind: str, owner: str, venue_lease: Lease,
    signed_at_ns: int | None,
) -> Cleared | str:  # fmt: skip
    """HALTED, DISARMED, NO_LEASE (of the venue), LOST (the cycle), NOT_PLANNED, or go.

    owner: of the cycle, or of a gateway that finds an intent of another process: then it counts
    only while the claim of the cycle lasts under which it was planned.
    """
    at_ns = clock.now_ns(conn)
    refused = trading_state.may_send(trading_state.read(conn, mode, lock=True), at_ns)
    if refused is not None:
        return refused
    if not leases.holds(conn, venue_lease, at_ns):
        return NO_LEASE
    seen = intent_rows.find(conn, mode, client_id, kind)
    if seen is None or seen.state != OrderState.PLANNED:
        return NOT_PLANNED
    cycle = cycles.lock(conn, mode, seen.cycle_id)
    row = intent_rows.locked(conn, mode, client_id, kind)
    if row.state != OrderState.PLANNED:
        return NOT_PLANNED
    if cycle.closed_at_ns is not None or not (cycle.owner == owner or row.fence == cycle.fence):
        return LOST
    return Cleared(row, cycle, at_ns, at_ns if signed_at_ns is None else signed_at_ns)


def confirm(conn: sa.Connection, mode: str, client_id: str, owner: str) -> bool:
    """An intent that an earlier owner had planned is this owner's wish as well: from now on the
    gateway of another process may send it."""
    found = conn.execute(
        sa.select(intent.c.cycle_id).where(intent.c.mode == mode, intent.c.client_id == client_id)
    ).first()
    if found is None:
        return False
    cycle = cycles.lock(conn, mode, found.cycle_id)
    if cycle.owner != owner or cycle.closed_at_ns is not None:
        return False
    here = (intent.c.mode == mode) & (intent.c.client_id == client_id)
    still = here & (intent.c.state == OrderState.PLANNED)
    return conn.execute(intent.update().where(still).values(fence=cycle.fence)).rowcount == 1


def record(
    conn: sa.Connection, mode: str, events: Iterable[VenueEvent], client_id: str | None = None
) -> int:
    """Keep a venue's words as they came; how many were new."""
    new = 0
    for event in events:
        values: dict[str, object] = {
            "mode": mode,
            "venue": event.venue,
            "kind": event.kind,
            "native_id": event.native_id[:KEY_CHARS],
            "client_id": client_id,
            "raw": rows.shown(event.raw, RAW_CHARS_MAX),
            "received_at_ns": event.received_at_ns,
        }
        new += insert_new(conn, venue_event, values)
    return new
