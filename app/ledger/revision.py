"""Revision: which tables a database has, and which this kimp brings; known without alembic.

Most starts find nothing to do, and alembic alone costs each of them half a second.
"""

from __future__ import annotations

import sqlalchemy as sa

NEWEST = "0007"
"""The last file of alembic/versions."""

_HAS = sa.text("SELECT version_num FROM alembic_version")


def current(conn: sa.Connection) -> str | None:
    """None before the first start."""
    if not sa.inspect(conn).has_table("alembic_version"):
        return None
    found: str | None = conn.scalar(_HAS)
    return found
