"""Clock: the database's, so that every process on it agrees who is late."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import sqlalchemy as sa

CLOCK = "clock_ns"
"""Key of `conn.info` under which a simulation puts its own clock."""

# SQLite's own time ends at the millisecond. UTC_TIMESTAMP: MySQL's NOW() goes twice through the
# last hour of summer time, and both stand still within a transaction or statement elsewhere.
_NOW = {
    "sqlite": "SELECT CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) * 1000",
    "postgresql": "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)",
    "mysql": "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))",
}


def now_ns(conn: sa.Connection) -> int:
    """ns since the epoch, UTC."""
    own = conn.info.get(CLOCK)
    if own is not None:
        return cast("Callable[[], int]", own)()
    return int(conn.exec_driver_sql(_NOW[conn.dialect.name]).scalar_one()) * 1000
