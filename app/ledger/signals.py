"""Signals: what the engine detected and refused. Written in batches, by the engine's numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from msgspec import json, structs

from app.domain.facts import CandidateRefused, OpportunityClosed, OpportunityOpened
from app.domain.live import Explanation, Opportunity, Status
from app.ledger import rows
from app.ledger.tables import arbitrage_signals

EVIDENCE_BYTES_MAX = 64 * 1024
STOPPED = "SERVICE_STOPPED"
"""Why a signal ended that was under way when the service did."""
CLOSED_AT_ONCE = 500

Noted = OpportunityOpened | OpportunityClosed | CandidateRefused

_COLUMNS = (
    "detector", "base", "buy_venue", "buy_quote", "sell_venue", "sell_quote", "direction",
    "status", "code", "opened_at_ns", "closed_at_ns", "net_bps", "peak_bps", "size_krw",
    "profit_krw",
)  # fmt: skip


def note_signals(
    conn: sa.Connection,
    facts: Iterable[Noted],
    evidence: Mapping[str, Explanation],
    *,
    feeds: str = "",
) -> None:
    """Insert what is new, update what is known; the last fact of an id holds. Safe to repeat.

    evidence: by id, kept from the first time that it is given.
    """
    latest = {fact.opportunity.id: fact.opportunity for fact in facts}
    numbers = {row_id: _number(row_id) for row_id in latest}
    known_ids = sa.select(arbitrage_signals.c.id).where(
        arbitrage_signals.c.id.in_(list(numbers.values()))
    )
    known = set(conn.scalars(known_ids))
    new: list[dict[str, Any]] = []
    for row_id, row in latest.items():
        if numbers[row_id] not in known:
            kept = {"id": numbers[row_id], "kind": row_id[0], "feeds": feeds}
            new.append(kept | _values(row) | {"evidence": _bounded(evidence.get(row_id))})
            continue
        conn.execute(
            arbitrage_signals.update()
            .where(arbitrage_signals.c.id == numbers[row_id])
            .values(_values(row))
        )
    if new:
        conn.execute(arbitrage_signals.insert(), new)


def next_number(conn: sa.Connection) -> int:
    """What the engine's next row is called."""
    highest = conn.scalar(sa.select(sa.func.max(arbitrage_signals.c.id)))
    return 1 if highest is None else int(highest) + 1


def close_open(conn: sa.Connection, at_ns: int | None) -> int:
    """End what was under way when the service ended; how many. at_ns None: nobody knows when, so
    it is as long as anything here was heard of: the time in between saw no market."""
    if at_ns is None:
        ended = sa.func.coalesce(arbitrage_signals.c.closed_at_ns, arbitrage_signals.c.opened_at_ns)
        at_ns = conn.scalar(sa.select(sa.func.max(ended))) or 0
    query = sa.select(arbitrage_signals.c.id, arbitrage_signals.c.opportunity).where(
        arbitrage_signals.c.closed_at_ns.is_(None)
    )
    found = 0
    while left := conn.execute(query.limit(CLOSED_AT_ONCE)).all():
        found += len(left)
        for number, row in left:
            closed = structs.replace(row, closed_at_ns=max(at_ns, row.opened_at_ns))
            if row.status is Status.DETECTED:
                closed = structs.replace(closed, status=Status.MISSED, code=STOPPED)
            conn.execute(
                arbitrage_signals.update()
                .where(arbitrage_signals.c.id == number)
                .values(_values(closed))
            )
    return found


def purge(conn: sa.Connection, before_ns: int) -> int:
    """Forget what ended before a time; how many."""
    ended = arbitrage_signals.c.closed_at_ns < before_ns
    return conn.execute(arbitrage_signals.delete().where(ended)).rowcount


def _number(row_id: str) -> int:
    key = rows.signal_key(row_id)
    assert key is not None, row_id
    return key[1]


def _values(row: Opportunity) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _COLUMNS} | {"opportunity": row}


def _bounded(evidence: Explanation | None) -> Explanation | None:
    """Without the levels of its books, should it be larger than a row may be."""
    if evidence is None or len(json.encode(evidence)) <= EVIDENCE_BYTES_MAX:
        return evidence
    return structs.replace(evidence, levels=())
