"""Preferences: what Settings keeps, as JSON text under a key, with every change on record."""

from __future__ import annotations

import sqlalchemy as sa

from app.ledger.queries import get_setting
from app.ledger.tables import setting_changes


def put_setting(conn: sa.Connection, key: str, value_json: str | None, at_ns: int, by: str) -> bool:
    """Set a value, or with None go back to «not set»; False when it already is so."""
    row = get_setting(conn, key)
    if (None if row is None else row.value_json) == value_json:
        return False
    conn.execute(
        setting_changes.insert().values(key=key, value_json=value_json, at_ns=at_ns, by=by)
    )
    return True
