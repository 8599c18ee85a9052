"""Old rows: cycles that were under way when the code was changed go on under the new one (H64)."""

from __future__ import annotations

import json

import msgspec
import sqlalchemy as sa
from msgspec import structs

from app.domain.cycles import Cycle, CycleState, CycleStep, CycleView, Plan
from app.domain.orders import Order, OrderState
from app.domain.transfers import Transfer, TransferState
from app.domain.venues import Venue
from app.ledger import engines, migrations
from app.ledger.database import Database
from app.ledger.trading_tables import intent
from tests.ledger.trading_builders import (
    decide,
    new_order,
    new_transfer,
    open_one,
    opened,
    seen,
    start,
)

BEFORE = "0006"
STEPS = list(CycleStep)
S = CycleState
HOME = (S.INITIAL_TRADE_COMPLETED, S.AWAITING_REBALANCE, S.REBALANCING_IN_PROGRESS)
WAYS: list[tuple[CycleState, ...]] = [
    (), HOME[:1], HOME[:2], HOME, (*HOME, S.REBALANCE_TRADE_COMPLETED), (S.FAILED,),
    (S.FAILED, S.AWAITING_RETRY), (S.FAILED, S.DEAD_LETTER),
]  # fmt: skip
"""To each state in which a cycle can be under way."""
COUNT = max(len(STEPS), len(WAYS), len(OrderState))


def _fill(conn: sa.Connection) -> None:
    """A cycle in every state, at every step, with intents in every state of theirs."""
    start(conn, usdt="100000")
    for number in range(1, COUNT + 1):
        open_one(conn, number)
        step = STEPS[number % len(STEPS)]
        decide(conn, f"c-{number}", *WAYS[number % len(WAYS)], step=step)
        row = conn.execute(sa.select(intent).where(intent.c.cycle_id == f"c-{number}")).one()
        is_in = list(OrderState)[number % len(OrderState)]
        body = structs.replace(row.order_body, state=is_in)
        conn.execute(intent.update().where(intent.c.id == row.id).values(order_body=body))


def _views(conn: sa.Connection) -> list[CycleView]:
    return [seen(conn, f"c-{number}") for number in range(1, COUNT + 1)]


async def test_every_state_and_step_is_read_as_it_was_after_the_upgrade(
    empty_sqlite: str,
) -> None:
    await migrations.migrate(engines.driver_url(empty_sqlite), BEFORE)
    db = Database.open(empty_sqlite)
    await db.write(_fill)
    before = await db.read(_views)
    await db.close()

    await Database.migrate(empty_sqlite)
    db = Database.open(empty_sqlite)
    assert await db.read(_views) == before
    assert {view.cycle.state for view in before} == set(CycleState) - {S.COMPLETED}
    assert {view.cycle.step for view in before} == set(CycleStep)
    await db.close()


def _oldest(row: msgspec.Struct) -> bytes:
    """As the first release wrote it: without any field that has come since, or was empty."""
    whole = json.loads(msgspec.json.encode(row))
    needed = {each.name for each in structs.fields(row) if each.required}
    return json.dumps({name: value for name, value in whole.items() if name in needed}).encode()


def test_bodies_without_what_came_later_are_read() -> None:
    planned = new_order("buy-1")
    order = Order("buy-1", "c-1", planned.role, planned.step, 1, Venue.BINANCE, planned.terms,
                  OrderState.SENT, 1)  # fmt: skip
    asked = new_transfer("way-1")
    way = Transfer("way-1", "c-1", asked.role, asked.step, 1, 1, asked.terms,
                   TransferState.SENT, 1)  # fmt: skip
    cycle = opened().cycle
    assert msgspec.json.decode(_oldest(order), type=Order) == order
    assert msgspec.json.decode(_oldest(way), type=Transfer) == way
    assert msgspec.json.decode(_oldest(cycle), type=Cycle) == cycle
    assert msgspec.json.decode(_oldest(cycle.plan), type=Plan).quantity == cycle.plan.quantity


def test_bodies_with_what_a_newer_release_added_are_read() -> None:
    """A rolled back release meets rows of the newer one."""
    cycle = opened().cycle
    more = json.loads(msgspec.json.encode(cycle)) | {"colour": "green"}
    assert msgspec.json.decode(json.dumps(more).encode(), type=Cycle) == cycle
