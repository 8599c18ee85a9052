"""Standing still: a process that sleeps inside a transaction does not keep the others out (H16)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.exc import SQLAlchemyError

from app.domain.trading import TradingState
from app.ledger import engines, trading_state
from app.ledger.database import TRANSACTION_S_MAX, Database
from tests.ledger.trading_builders import MODE, start

USUAL_MS = engines.IDLE_IN_TRANSACTION_MS_MAX


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "IDLE_IN_TRANSACTION_MS_MAX", 1_000)


@pytest.mark.servers
async def test_postgresql_lets_go_of_what_a_sleeper_holds(empty_postgresql: str) -> None:
    await _lets_go(empty_postgresql)


@pytest.mark.servers
async def test_mariadb_lets_go_of_what_a_sleeper_holds(empty_mariadb: str) -> None:
    await _lets_go(empty_mariadb)


async def _lets_go(url: str) -> None:
    await Database.migrate(url)
    database, sleeper = Database.open(url), Database.open(url)
    await database.write(start)
    server: Any = sleeper._writer
    asleep = await server._engine.connect()
    await asleep.run_sync(lambda conn: trading_state.read(conn, MODE, lock=True))
    row = await database.write(trading_state.set_state, MODE, TradingState.HALTED, "kim")
    assert row.state is TradingState.HALTED
    with pytest.raises(SQLAlchemyError):  # what it had is gone when it wakes
        await asleep.run_sync(
            lambda conn: trading_state.set_state(conn, MODE, TradingState.ACTIVE, "late")
        )
    await asleep.invalidate()
    await asleep.close()
    assert (await database.read(trading_state.read, MODE)).state is TradingState.HALTED
    await database.close()
    await sleeper.close()


def test_others_wait_longer_than_the_server_lets_anybody_sleep() -> None:
    assert USUAL_MS / 1_000 * 2 < TRANSACTION_S_MAX
    assert engines.LOCK_WAIT_S_MAX < TRANSACTION_S_MAX
