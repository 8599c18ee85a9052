"""Strangers: what the ledger can say of orders at a venue that look like ours (H65).

A copy of an older database has forgotten what was sent after it was made. Whoever puts one back
says so (`restored`): from then on everything has other ids, and what is older is not looked for.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import sqlalchemy as sa

from app.domain.markets import Instrument
from app.domain.trading import TradingState
from app.domain.venues import Venue
from app.ledger import leases, trading_state
from app.ledger.leases import Identity
from app.ledger.trading_tables import intent, trading_state_history
from app.ledger.views import ORDER

RESTORED = "RESTORED"
BACK = 200
"""So many orders of a venue are looked back to for the markets that it traded in."""


def knows_until_ns(conn: sa.Connection, mode: str, margin_ns: int) -> int | None:
    """From when on there may be orders that it does not know: since its own last one, with a
    margin for others' clocks, or since it was said to be restored. None: it never sent any."""
    sent = conn.scalar(sa.select(sa.func.max(intent.c.signed_at_ns)).where(intent.c.mode == mode))
    if sent is None:
        return None
    said = conn.scalar(
        sa.select(sa.func.max(trading_state_history.c.at_ns)).where(
            trading_state_history.c.mode == mode, trading_state_history.c.reason == RESTORED
        )
    )
    return max(int(sent) - margin_ns, int(said or 0))


def markets(conn: sa.Connection, mode: str, venue: Venue, most: int) -> tuple[Instrument, ...]:
    """Where the ledger has traded at a venue, the latest first."""
    query = (
        sa.select(intent.c.order_body)
        .where(intent.c.mode == mode, intent.c.venue == venue, intent.c.kind == ORDER)
        .order_by(intent.c.id.desc())
        .limit(BACK)
    )
    found = dict.fromkeys(row.order_body.terms.instrument for row in conn.execute(query))
    return tuple(found)[:most]


def unknown(conn: sa.Connection, venue: Venue, client_ids: Collection[str]) -> tuple[str, ...]:
    """Of these those that the ledger has not, in whatever mode."""
    wanted = sorted(client_ids)
    query = sa.select(intent.c.client_id).where(
        intent.c.venue == venue, intent.c.client_id.in_(wanted)
    )
    known = set(conn.scalars(query)) if wanted else set()
    return tuple(name for name in wanted if name not in known)


def restored(conn: sa.Connection, modes: Sequence[str], by: str) -> Identity:
    """This database is an older copy: ids of another epoch from now on, and nothing is sent
    until a person has compared the balances."""
    found = leases.restored(conn)
    for mode in modes:
        trading_state.set_state(conn, mode, TradingState.HALTED, by, RESTORED)
    return found
