"""Waiting: who was in the middle of a transaction decides on what others committed since (H56).

MySQL's own REPEATABLE READ would go on showing the old rows, and a decision would be made on them.
SQLite has one writer at a time, so there is nothing to wait for inside a transaction.
"""

from __future__ import annotations

from typing import Any

from app.ledger import cycles
from app.ledger.database import Database
from tests.ledger.trading_builders import ME, MODE, decide, decision, open_one, seen, start


async def test_postgresql_sees_what_was_committed_meanwhile(
    postgresql_database: Database,
) -> None:
    await _sees_what_was_committed(postgresql_database)


async def test_mariadb_sees_what_was_committed_meanwhile(mariadb_database: Database) -> None:
    await _sees_what_was_committed(mariadb_database)


async def _sees_what_was_committed(database: Database) -> None:
    await database.write(start)
    await database.write(open_one)
    server: Any = database._writer
    async with server._engine.connect() as slow:
        first = await slow.run_sync(seen)
        await database.write(decide, "c-1", note="meanwhile")

        again = await slow.run_sync(seen)
        assert again.cycle.version == first.cycle.version + 1
        locked = await slow.run_sync(lambda conn: cycles.lock(conn, MODE, "c-1"))
        assert locked.version == again.cycle.version
        stale = decision(first, note="late")
        assert await slow.run_sync(lambda conn: cycles.decide(conn, MODE, stale, ME)) is None
        await slow.rollback()
