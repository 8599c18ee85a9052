"""Intents: what is asked of venues, sent at most once, and what the venues say of it.

Nobody ever sends what is found in SENT. A note is written only on the very version that it was
made from; what a venue did is booked once, under the venue's own number, in the transaction that
notes it. `complete`, `fees` and `average_price` of an order are the ledger's own sums of fills.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import sqlalchemy as sa

from app.domain.accounting import VenueEvent
from app.domain.orders import Order, OrderState
from app.domain.transfers import Transfer
from app.domain.venues import Venue
from app.ledger.order_intents import claim_order, fills_of, get_order, note_order, post_fills
from app.ledger.sending import confirm, record
from app.ledger.trading_tables import arbitrage_cycles, intent
from app.ledger.transfer_intents import (
    claim_transfer,
    credit,
    fingerprint,
    get_transfer,
    note_transfer,
    returned,
)
from app.ledger.views import ORDER, TRANSFER

__all__ = [
    "VenueEvent", "by_venue_order", "claim_order", "claim_transfer", "confirm", "credit",
    "fills_of", "fingerprint", "get_order", "get_transfer", "note_order", "note_transfer",
    "open_intents", "planned", "post_fills", "record", "returned",
]  # fmt: skip


class Planned(NamedTuple):
    """order: of a withdrawal None."""

    kind: str
    venue: Venue
    client_id: str
    order: Order | None


def open_intents(
    conn: sa.Connection, mode: str, venue: Venue
) -> tuple[tuple[Order, ...], tuple[Transfer, ...]]:
    """What may still become something: orders there, transfers from there or to there."""
    here = (intent.c.venue == venue) | (intent.c.to_venue == venue)
    query = sa.select(intent).where(intent.c.mode == mode, intent.c.is_over.is_(False), here)
    found = conn.execute(query.order_by(intent.c.id)).all()
    return (
        tuple(row.order_body for row in found if row.kind == ORDER),
        tuple(row.transfer_body for row in found if row.kind == TRANSFER),
    )


def planned(conn: sa.Connection, mode: str, venues: Collection[Venue]) -> list[Planned]:
    """What waits to be sent from these venues, whichever process planned it: only what its
    cycle's present owner has planned or confirmed."""
    query = (
        sa.select(intent.c.kind, intent.c.venue, intent.c.client_id, intent.c.order_body)
        .join(arbitrage_cycles, arbitrage_cycles.c.id == intent.c.cycle_id)
        .where(
            intent.c.mode == mode,
            intent.c.is_over.is_(False),
            intent.c.venue.in_(venues),
            intent.c.state == OrderState.PLANNED,
            intent.c.fence == arbitrage_cycles.c.fence,
            arbitrage_cycles.c.closed_at_ns.is_(None),
        )
        .order_by(intent.c.id)
    )
    return [Planned(*row) for row in conn.execute(query)]


def by_venue_order(conn: sa.Connection, mode: str, venue: Venue, known_as: str) -> Order | None:
    """An order by its venue's number, or by our client id."""
    named = (intent.c.native_id == known_as) | (intent.c.client_id == known_as)
    here = (intent.c.mode == mode) & (intent.c.venue == venue) & (intent.c.kind == ORDER)
    row = conn.execute(sa.select(intent.c.order_body).where(here & named)).first()
    return None if row is None else row.order_body
