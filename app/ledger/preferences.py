"""Preferences: what Settings keeps, as JSON text under a key, with every change on record."""

from __future__ import annotations

import sqlalchemy as sa

from app.ledger.tables import setting_changes, settings


def put_setting(conn: sa.Connection, key: str, value_json: str | None, at_ns: int, by: str) -> bool:
    """Set a value, or with None go back to «not set»; False when it already is so."""
    row = conn.execute(
        sa.select(settings.c.value_json).where(settings.c.key == key).with_for_update()
    ).first()
    old = None if row is None else row.value_json
    if old == value_json:
        return False
    now = {"previous_json": old, "at_ns": at_ns, "by": by}
    if value_json is None:
        conn.execute(settings.delete().where(settings.c.key == key))
    elif row is None:
        conn.execute(settings.insert().values(key=key, value_json=value_json, **now))
    else:
        conn.execute(
            settings.update().where(settings.c.key == key).values(value_json=value_json, **now)
        )
    conn.execute(
        setting_changes.insert().values(
            key=key, old_json=old, new_json=value_json, at_ns=at_ns, by=by
        )
    )
    return True
