"""Kill switch: after its commit nothing is sent, whoever was about to, in whatever process."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Mapping
from typing import Any

import pytest
import sqlalchemy as sa

from app.domain.orders import Order, OrderState
from app.domain.trading import TradingState
from app.ledger import conflicts, intents, trading_state
from app.ledger.database import Database
from app.ledger.leases import Lease
from app.ledger.trading_tables import intent
from tests.appkit import Running
from tests.ledger.trading_builders import (
    ME,
    MODE,
    WINDOW_MS,
    lease_of,
    memory,
    new_order,
    open_one,
    send,
    start,
)
from tests.security.strongroom import Strongroom

TRIALS = int(os.environ.get("KILL_TRIALS", "340"))
"""On each of three databases: more than a thousand in all; KILL_TRIALS=1000 for each."""
SENDERS = 3
ORDERS = 6
Rows = list[Mapping[str, Any]]


def prepared(conn: sa.Connection) -> tuple[Lease, Rows]:
    """One cycle with orders that wait to be sent, and how their rows look while they wait."""
    start(conn, usdt="100000")
    orders = [new_order(f"buy-{number}", quantity="10") for number in range(ORDERS)]
    open_one(conn, 1, *orders)
    lease = lease_of(conn)
    return lease, [dict(row._mapping) for row in conn.execute(sa.select(intent))]


def sent(conn: sa.Connection) -> int:
    query = sa.select(sa.func.count()).select_from(intent)
    return conn.scalar(query.where(intent.c.state != OrderState.PLANNED)) or 0


def anew(conn: sa.Connection, rows: Rows) -> int:
    """The kill is let go of and everything waits again; how many had been sent."""
    found = sent(conn)
    trading_state.release_kill(conn, MODE, "kim")
    trading_state.set_state(conn, MODE, TradingState.ACTIVE, "kim")
    for row in rows:
        conn.execute(intent.update().where(intent.c.id == row["id"]).values(row))
    return found


async def again(write: Any) -> Any:
    """As the ledger of the service: gives way to others and comes back."""
    while True:
        try:
            return await write()
        except sa.exc.DBAPIError as error:
            if not conflicts.is_conflict(error):
                raise


class Load:
    """Senders that never stop, and what each send came to while the switch was pulled."""

    def __init__(self, db: Database, lease: Lease) -> None:
        self.db = db
        self.lease = lease
        self.killed = False
        self.over = False
        self.late: list[object] = []
        """Answers to those who began after the kill had returned."""
        self.orders = 0

    async def run(self, rng: random.Random) -> None:
        while not self.over:
            began_late = self.killed
            client_id = f"buy-{rng.randrange(ORDERS)}"
            found = await again(lambda: self.claim(client_id))  # noqa: B023
            self.orders += isinstance(found, Order)
            if began_late and self.killed:
                self.late.append(found)
            await asyncio.sleep(0)

    async def claim(self, client_id: str) -> Order | str:
        return await self.db.write(intents.claim_order, MODE, client_id, ME, self.lease, WINDOW_MS)


async def test_killswitch_lets_nothing_be_sent_after_its_commit(database: Database) -> None:
    """Under load, the switch pulled at any moment of the sends around it."""
    rng = random.Random(7)
    lease, rows = await database.write(prepared)
    load = Load(database, lease)
    senders = [asyncio.create_task(load.run(random.Random(n))) for n in range(SENDERS)]
    after: list[tuple[int, int]] = []
    for _ in range(TRIALS):
        for _ in range(rng.randrange(12)):
            await asyncio.sleep(0)
        await again(lambda: database.write(trading_state.kill, MODE, "kim"))
        load.killed = True
        at_once = await database.read(sent)
        seen = len(load.late)
        while len(load.late) < seen + 1:
            await asyncio.sleep(0)
        load.killed = False
        after.append((at_once, await again(lambda: database.write(anew, rows))))
    load.over = True
    await asyncio.gather(*senders)
    assert [(first, last) for first, last in after if first != last] == []
    assert set(load.late) == {"HALTED"}
    assert len(load.late) >= TRIALS
    assert load.orders > TRIALS / 10, "there was something to stop"


def test_killswitch_stops_transfers_like_orders() -> None:
    """The same reading in the same transaction: one place, `sending.clear`, for both."""
    with memory() as (conn, _):
        start(conn)
        open_one(conn)
        trading_state.kill(conn, MODE, "kim")
        lease = lease_of(conn)
        assert intents.claim_order(conn, MODE, "buy-1", ME, lease, WINDOW_MS) == "HALTED"
        assert intents.claim_transfer(conn, MODE, "buy-1", ME, lease, WINDOW_MS) == "HALTED"


def test_killswitch_outlives_every_state_that_is_set_over_it() -> None:
    """Only letting go of it on purpose ends it."""
    with memory() as (conn, now):
        start(conn)
        open_one(conn)
        lease = lease_of(conn)
        trading_state.kill(conn, MODE, "kim")
        trading_state.set_state(conn, MODE, TradingState.ACTIVE, "lee")
        trading_state.arm(conn, MODE, now() + 10**15, "lee")
        assert intents.claim_order(conn, MODE, "buy-1", ME, lease, WINDOW_MS) == "HALTED"
        trading_state.release_kill(conn, MODE, "kim")
        assert isinstance(send(conn, "buy-1"), Order)


async def test_killswitch_disarms_and_halts(room: Strongroom) -> None:
    await room.db.write(trading_state.arm, "live", 2**62, "kim")
    await room.db.write(trading_state.set_state, "live", TradingState.ACTIVE, "kim")
    row = await room.trading.kill(by="kim", reason="news")
    assert (row.killed, row.state, row.armed_until_ns) == (True, TradingState.HALTED, None)
    assert (row.by, row.reason) == ("kim", "news")
    survived = await (await room.again().open()).trading.engine()
    assert survived.killed, "a restart is no way to let go of it"


@pytest.mark.parametrize("body", [b"", b"{}", b"not json", b'{"reason": 1}', b"x" * 100_000])
async def test_killswitch_asks_no_questions(kimp: Running, body: bytes) -> None:
    """Whatever is sent with it, it is done."""
    answer = await kimp.client.post("/api/v1/engine/kill", content=body)
    assert (answer.status_code, answer.json()["killed"]) == (200, True)
    halted = await kimp.client.post("/api/v1/engine/state", json={"state": "HALTED"})
    assert halted.json()["killed"] is False


async def test_killswitch_is_let_go_of_on_purpose(kimp: Running) -> None:
    await kimp.client.post("/api/v1/engine/kill")
    refused = await kimp.client.post("/api/v1/engine/state", json={"state": "ACTIVE"})
    assert (refused.status_code, refused.json()["code"]) == (409, "engine_killed")
    await kimp.client.post("/api/v1/engine/state", json={"state": "HALTED"})
