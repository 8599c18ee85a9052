"""Asking: what a person wants of a cycle that another process works on, left where that one looks.

The wish is a line of the cycle's journal and, by the version that it makes, a change of the cycle:
its owner reads the cycle anew and finds it. It holds for that version only, so that nobody's wish
comes true after something else has happened to the cycle, or twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import sqlalchemy as sa

from app.ledger import clock, cycles, journal
from app.ledger.trading_tables import cycle_journal

ASKED = "ASKED"


class Asked(NamedTuple):
    """version: of the cycle, with the wish."""

    cycle_id: str
    action: str
    version: int
    by: str
    note: str


def ask(
    conn: sa.Connection, mode: str, cycle_id: str, action: str, version: int, by: str, note: str
) -> int | None:
    """The version at which it is asked; None where the cycle has another version than was seen."""
    row = cycles.lock(conn, mode, cycle_id)
    if row.version != version or row.closed_at_ns is not None:
        return None
    cycles.touch(conn, cycle_id)
    at_ns = clock.now_ns(conn)
    journal.note(conn, mode, cycle_id, version + 1, at_ns, ASKED, f"{action} {note}".strip(), by)
    return version + 1


def asked(conn: sa.Connection, mode: str, versions: Mapping[str, int]) -> list[Asked]:
    """Wishes about cycles as they are now."""
    if not versions:
        return []
    line = cycle_journal.c
    query = (
        sa.select(line.cycle_id, line.version, line.actor, line.note)
        .where(line.mode == mode, line.code == ASKED, line.cycle_id.in_(sorted(versions)))
        .order_by(line.id)
    )
    found = []
    for row in conn.execute(query):
        if versions[row.cycle_id] == row.version:
            action, _, note = row.note.partition(" ")
            found.append(Asked(row.cycle_id, action, row.version, row.actor, note))
    return found
