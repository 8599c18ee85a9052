"""Conflicts: what databases say when two who came at once cannot both go on.

Nothing is tried again here: a server may have undone more than the last statement, so only the
caller, who knows the whole transaction, can run it anew.
"""

from __future__ import annotations

from functools import cache

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

MYSQL_CODES = frozenset({1205, 1213, 1020})
"""Lock wait timeout, deadlock, record has changed since last read (MariaDB)."""
POSTGRES_CODES = frozenset({"40001", "40P01", "55P03"})
"""Serialization failure, deadlock, lock not available."""


def is_conflict(error: BaseException) -> bool:
    """Whether the same whole transaction may well succeed when it is run again."""
    if not isinstance(error, sa.exc.DBAPIError):
        return False
    cause = error.orig
    code = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    if code in POSTGRES_CODES:
        return True
    arguments = getattr(cause, "args", ())
    if arguments and arguments[0] in MYSQL_CODES:
        return True
    return "database is locked" in str(cause)


def insert_new(conn: sa.Connection, table: sa.Table, values: dict[str, object]) -> bool:
    """Insert a row unless its key is there already; whether it was new. No error either way."""
    return conn.execute(_insert(conn.dialect.name, table), values).rowcount == 1


@cache
def _insert(dialect: str, table: sa.Table) -> sa.Insert:
    if dialect == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    if dialect == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return mysql.insert(table).prefix_with("IGNORE")
