"""Identities: what people decided about tickers, and the withdrawal fees that they know."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from app.domain.policy import (
    AssetName,
    IdentityDecision,
    IdentitySuspicion,
    Verdict,
    WithdrawalFee,
)
from app.domain.venues import Venue
from app.ledger import rows
from app.ledger.tables import (
    NOTE_CHARS,
    asset_names,
    identity_decisions,
    identity_suspicions,
    withdrawal_fees,
)

SET = "set"
SUSPICIONS_MAX = 10_000
"""Of one market; no more are kept, the engine finds them again."""


def put_decision(conn: sa.Connection, feeds: str, decision: IdentityDecision) -> None:
    """A person's word; the next one on the same pair takes its place, none is forgotten."""
    conn.execute(
        identity_decisions.insert().values(
            feeds=feeds,
            base=decision.base,
            venue=decision.venue,
            other=decision.other,
            verdict=decision.verdict,
            note=rows.shown(decision.note, NOTE_CHARS),
            by=decision.by,
            at_ns=decision.at_ns,
        )
    )


def list_decisions(conn: sa.Connection, feeds: str) -> list[IdentityDecision]:
    """The newest of each pair in one market, demo or live, unless it was undone; oldest first."""
    table = identity_decisions
    newest = _newest(
        table, table.c.base, table.c.venue, table.c.other, where=table.c.feeds == feeds
    )
    found = (_decision(row) for row in conn.execute(newest))
    return [each for each in found if each.verdict is not Verdict.OPEN]


def decisions_of(
    conn: sa.Connection, feeds: str, base: str, venue: Venue, other: Venue
) -> list[IdentityDecision]:
    """All that was ever said about one pair, newest first."""
    table = identity_decisions
    query = sa.select(table).where(
        table.c.feeds == feeds,
        table.c.base == base,
        table.c.venue == venue,
        table.c.other == other,
    )
    return [_decision(row) for row in conn.execute(query.order_by(table.c.id.desc()))]


def put_suspicions(
    conn: sa.Connection, feeds: str, suspicions: Sequence[IdentitySuspicion]
) -> None:
    """What was found; of a pair that is known already the first finding stays."""
    known = {
        (row.base, row.venue, row.other)
        for row in conn.execute(
            sa.select(identity_suspicions).where(identity_suspicions.c.feeds == feeds)
        )
    }
    for each in suspicions[: max(0, SUSPICIONS_MAX - len(known))]:
        key = each.base, each.venue, each.other
        if key not in known:
            known.add(key)
            conn.execute(
                identity_suspicions.insert().values(
                    feeds=feeds,
                    base=each.base,
                    venue=each.venue,
                    other=each.other,
                    suspicion=each,
                )
            )


def list_suspicions(conn: sa.Connection, feeds: str) -> list[IdentitySuspicion]:
    """Oldest first."""
    table = identity_suspicions
    query = sa.select(table.c.suspicion).where(table.c.feeds == feeds).order_by(table.c.id)
    return list(conn.execute(query).scalars())


def put_name(
    conn: sa.Connection,
    venue: Venue,
    ticker: str,
    asset: str | None,
    multiplier: float,
    *,
    by: str,
    at_ns: int,
    note: str = "",
) -> None:
    """What a venue's ticker really is; asset None goes back to what is shipped."""
    conn.execute(
        asset_names.insert().values(
            venue=venue,
            ticker=ticker,
            asset=asset,
            multiplier=repr(multiplier),
            note=rows.shown(note, NOTE_CHARS),
            by=by,
            at_ns=at_ns,
        )
    )


def list_names(conn: sa.Connection) -> list[AssetName]:
    """The newest of each ticker that is set."""
    newest = _newest(asset_names, asset_names.c.venue, asset_names.c.ticker)
    return [
        AssetName(row.venue, row.ticker, row.asset, float(row.multiplier), SET, row.note)
        for row in conn.execute(newest)
        if row.asset is not None
    ]


def put_withdrawal_fee(
    conn: sa.Connection,
    venue: Venue,
    asset: str,
    network: str,
    amount: float | None,
    *,
    by: str,
    at_ns: int,
) -> None:
    """In the asset; amount None goes back to what the venue says."""
    conn.execute(
        withdrawal_fees.insert().values(
            venue=venue,
            asset=asset,
            network=network,
            amount=None if amount is None else repr(amount),
            by=by,
            at_ns=at_ns,
        )
    )


def list_withdrawal_fees(conn: sa.Connection) -> list[WithdrawalFee]:
    """The newest of each network that is set."""
    table = withdrawal_fees
    return [
        WithdrawalFee(row.venue, row.asset, row.network, float(row.amount), SET, row.at_ns)
        for row in conn.execute(_newest(table, table.c.venue, table.c.asset, table.c.network))
        if row.amount is not None
    ]


def _decision(row: rows.Fields) -> IdentityDecision:
    return IdentityDecision(
        row.base, row.venue, row.other, row.verdict, row.by, row.at_ns, row.note
    )


def _newest(
    table: sa.Table, *key: sa.Column[str], where: sa.ColumnElement[bool] | None = None
) -> rows.Query:
    newest = sa.select(sa.func.max(table.c.id)).group_by(*key)
    if where is not None:
        newest = newest.where(where)
    return sa.select(table).where(table.c.id.in_(newest)).order_by(table.c.id)
