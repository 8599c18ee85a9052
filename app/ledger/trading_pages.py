"""Trading pages: what only they read: a cycle's whole matrix, how long transfers take."""

from __future__ import annotations

from decimal import Decimal

import sqlalchemy as sa

from app.domain.accounting import PostingCell, StateChange, StateRow, TransferRow
from app.domain.times import SECOND_NS
from app.domain.trading import DayResult
from app.domain.transfers import TransferState
from app.ledger import cycles, rows, trading_rows, trading_state
from app.ledger.trading_tables import asset_scale, intent, posting
from app.ledger.views import TRANSFER

RECORDS = 200


def today(conn: sa.Connection, mode: str) -> DayResult:
    """What the running UTC day has brought."""
    result, _losses, _peak_krw = cycles.day(conn, mode)
    return result


def state(conn: sa.Connection, mode: str) -> StateRow:
    return trading_state.read(conn, mode)


def state_changes(conn: sa.Connection, mode: str, limit: int) -> list[StateChange]:
    """Newest first."""
    changes, _more = trading_state.history(conn, mode, limit)
    return changes


def cycle_matrix(conn: sa.Connection, mode: str, cycle_id: str) -> tuple[PostingCell, ...]:
    """What the bookings that touch a cycle came to, per account and asset: each asset sums to zero.

    A booking takes from what is available, which is no cycle's own; that side belongs to it.
    """
    touched = (
        sa.select(posting.c.txn_id)
        .where(posting.c.mode == mode, posting.c.cycle_id == cycle_id)
        .distinct()
    )
    total = sa.func.sum(posting.c.amount).label("total")
    query = (
        sa.select(posting.c.account, posting.c.asset, asset_scale.c.scale, total)
        .join(asset_scale, asset_scale.c.asset == posting.c.asset)
        .where(posting.c.mode == mode, posting.c.txn_id.in_(touched))
        .group_by(posting.c.account, posting.c.asset, asset_scale.c.scale)
        .order_by(posting.c.account, posting.c.asset)
    )
    return tuple(
        PostingCell(row.account, row.asset, Decimal(int(row.total)).scaleb(-row.scale))
        for row in conn.execute(query)
    )


def transfer_times(conn: sa.Connection, mode: str) -> dict[str, list[float]]:
    """By chain the seconds from sending to credit of the last transfers, sorted."""
    query = (
        sa.select(intent.c.transfer_body, intent.c.updated_at_ns)
        .where(intent.c.mode == mode, intent.c.kind == TRANSFER)
        .where(intent.c.state == TransferState.CREDITED)
        .order_by(intent.c.id.desc())
        .limit(RECORDS)
    )
    found: dict[str, list[float]] = {}
    for transfer, ended_ns in conn.execute(query):
        if transfer.signed_at_ns is not None:
            seconds = (ended_ns - transfer.signed_at_ns) / SECOND_NS
            found.setdefault(transfer.terms.chain, []).append(seconds)
    return {chain: sorted(times) for chain, times in found.items()}


def get_transfer(conn: sa.Connection, mode: str, public_id: str) -> TransferRow | None:
    """By the number that lists give, or by its client id."""
    number = rows.number(trading_rows.TRANSFER, public_id)
    named = (intent.c.client_id == public_id) | (intent.c.id == number)
    query = sa.select(intent).where(intent.c.mode == mode, intent.c.kind == TRANSFER, named)
    row = conn.execute(query).first()
    return None if row is None else trading_rows.transfer(row)
