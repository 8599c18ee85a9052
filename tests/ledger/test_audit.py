"""Audit: each way to spoil the books, past all code of ours, is found and named."""

from __future__ import annotations

import random

import pytest
import sqlalchemy as sa

from app.domain.cycles import Outcome
from app.domain.orders import OrderState
from app.ledger import audit, cycles, intents
from app.ledger.database import Database
from app.ledger.trading_tables import posting as lines_table
from tests.ledger.trading_builders import (
    LEASE_S,
    ME,
    MODE,
    Clock,
    S,
    complete,
    d,
    decide,
    fill,
    memory,
    new_order,
    new_transfer,
    note,
    open_one,
    opened,
    seen,
    send,
    start,
    trade,
    withdraw,
)


def books(conn: sa.Connection) -> None:
    """One cycle that came home, one with an order open, one with coins under way, one given up."""
    start(conn)
    complete(conn, 1)
    open_one(conn, 2)
    sent = send(conn, "buy-2")
    intents.post_fills(conn, MODE, "buy-2", [fill(sent, "10", trade_id="p")])
    open_one(conn, 3)
    trade(conn, "buy-3", "400")
    way = new_transfer("way-3", "399")
    decide(conn, "c-3", S.INITIAL_TRADE_COMPLETED, transfers=(way,))
    withdraw(conn, "way-3")
    open_one(conn, 4)
    trade(conn, "buy-4", "400")
    decide(conn, "c-4", S.FAILED, S.DEAD_LETTER, reason="RETRIES_SPENT")


SPOILT = {
    "I1 a row that lies about its order": (
        "UPDATE intent SET state = 'OPEN' WHERE client_id = 'buy-2'", "I1",
    ),
    "I4 a quantity nobody booked": (
        "UPDATE intent SET posted_quantity = '11' WHERE client_id = 'buy-2'", "I4",
    ),
    "I4 a fill that was thrown away": ("DELETE FROM venue_event WHERE kind = 'booked_fill'", "I4"),
    "I5 a line that was changed": (
        "UPDATE posting SET amount = amount + 1 WHERE natural_key = 'open:c-2/0'", "I5",
    ),
    "I5 a line that is gone": ("DELETE FROM posting WHERE natural_key = 'open:c-2/1'", "I5"),
    "I5 a balance that was helped": (
        "UPDATE balance SET amount = amount + 1 WHERE account = 'venue:binance:available'", "I5",
    ),
    "I5 a balance that is gone": ("DELETE FROM balance WHERE account = 'pnl'", "I5"),
    "I5 a rest that cannot be": (
        "UPDATE balance SET rest = '1.5' WHERE account = 'venue:binance:available'", "I5",
    ),
    "I7 an end without how": (
        "UPDATE arbitrage_cycles SET outcome = NULL WHERE id = 'c-1'", "I7",
    ),
    "I7 an end that is none": (
        "UPDATE arbitrage_cycles SET closed_at_ns = 2000000000000000000 WHERE id = 'c-2'", "I7",
    ),
    "I7 given up without why": ("DELETE FROM dead_letter", "I7"),
    "I8 a reason that was edited": (
        "UPDATE transition SET reason = 'x' WHERE cycle_id = 'c-3' AND seq = 2", "I8",
    ),
    "I8 a time that was edited": ("UPDATE transition SET at_ns = at_ns - 1 WHERE seq = 1", "I8"),
    "I8 a fence that went back": (
        "UPDATE arbitrage_cycles SET fence = 1 WHERE id = 'c-5'", "I8",
    ),
    "I9 an ended cycle that holds something": (
        "INSERT INTO balance VALUES ('drill', 'venue:upbit:reserved', 'XRP', 'c-1', 5, '0', 1, 1)",
        "I9",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("edit", "rule"), SPOILT.values(), ids=SPOILT.keys())
def test_what_is_spoilt_is_found(edit: str, rule: str) -> None:
    with memory() as (conn, now):
        books(conn)
        _taken_over(conn, now)
        assert audit.check(conn, MODE) == []
        conn.exec_driver_sql(edit)
        assert rule in {breach.rule for breach in audit.check(conn, MODE)}
        assert audit.check(conn, "paper") == []


def _taken_over(conn: sa.Connection, now: Clock) -> None:
    """A cycle that moved under its second owner."""
    open_one(conn, 5)
    now.pass_s(LEASE_S + 1)
    cycles.claim(conn, MODE, ME, LEASE_S, 10)
    decide(conn, "c-5", S.FAILED)


def test_more_than_was_asked_is_told() -> None:
    with memory() as (conn, _):
        start(conn)
        open_one(conn)
        sent = send(conn, "buy-1")
        intents.post_fills(conn, MODE, "buy-1", [fill(sent, "400.1")])
        assert [breach.rule for breach in audit.check(conn, MODE)] == ["I2"]


def test_two_orders_with_one_number_are_told() -> None:
    with memory() as (conn, _):
        start(conn)
        open_one(conn, 1, new_order("buy-1"), new_order("buy-2", attempt=2))
        for name in ("buy-1", "buy-2"):
            send(conn, name)
            assert note(conn, name, OrderState.OPEN, venue_order_id="v-1")
        assert [breach.rule for breach in audit.check(conn, MODE)] == ["I1"]


def test_one_hop_sent_twice_is_told() -> None:
    with memory() as (conn, _):
        start(conn)
        open_one(conn)
        trade(conn, "buy-1", "400")
        ways = (new_transfer("way-1", "100"), new_transfer("way-2", "100", hop=2))
        decide(conn, "c-1", S.INITIAL_TRADE_COMPLETED, transfers=ways)
        withdraw(conn, "way-1")
        withdraw(conn, "way-2")
        edit = "UPDATE intent SET transfer_body = replace(transfer_body, '\"hop\":2', '\"hop\":1')"
        conn.exec_driver_sql(edit)
        assert [breach.rule for breach in audit.check(conn, MODE)] == ["I3"]


def test_what_ended_long_ago_may_be_left_out() -> None:
    with memory() as (conn, now):
        start(conn)
        complete(conn, 1)
        now.pass_s(100)
        conn.exec_driver_sql("UPDATE transition SET reason = 'x' WHERE cycle_id = 'c-1'")
        assert audit.check(conn, MODE, since_ns=now()) == []
        assert [breach.rule for breach in audit.check(conn, MODE)] == ["I8"]


async def test_every_database_audits_alike(database: Database) -> None:
    await database.write(books)
    assert await database.read(audit.check, MODE) == []
    now = (await database.read(seen, "c-2")).orders[0].updated_at_ns
    assert await database.read(audit.check, MODE, now - 10**12) == []

    def spoil(conn: sa.Connection) -> None:
        line = lines_table.c.natural_key == "open:c-2/0"
        conn.execute(lines_table.update().where(line).values(amount=lines_table.c.amount + 1))

    await database.write(spoil)
    assert {breach.rule for breach in await database.read(audit.check, MODE)} == {"I5"}


@pytest.mark.parametrize("seed", range(12))
def test_whatever_happens_in_whatever_order_the_books_stand(seed: int) -> None:
    """Cycles interleaved at random: opened, traded in parts, sent, refused, credited, given up."""
    chance = random.Random(seed)
    with memory() as (conn, now):
        start(conn, usdt="100000")
        for number in range(1, 7):
            open_one(conn, number)
        for _ in range(60):
            now.pass_s(chance.random())
            _something(conn, chance, f"{chance.randint(1, 6)}")
            assert audit.check(conn, MODE) == []


def _something(conn: sa.Connection, chance: random.Random, number: str) -> None:
    view = seen(conn, f"c-{number}")
    if view.cycle.closed_at_ns is not None:
        return
    orders = {order.client_id: order for order in view.orders}
    last = list(orders.values())[-1]
    if last.state is OrderState.PLANNED:
        if chance.random() < 0.2:
            decide(conn, view.cycle.id, expire=(last.client_id,))
        else:
            send(conn, last.client_id)
    elif last.state in (OrderState.SENT, OrderState.UNKNOWN, OrderState.OPEN):
        left = last.terms.quantity - last.filled_quantity
        part = (left * d(chance.choice(["0.123456789", "0.5", "1"]))).quantize(d("0.00000001"))
        told = fill(last, f"{part}", fee=f"{part / 777:.13f}", trade_id=f"{last.version}")
        intents.post_fills(conn, MODE, last.client_id, [told] if part else [])
        state = chance.choice([OrderState.UNKNOWN, OrderState.OPEN, OrderState.CANCELLED])
        note(conn, last.client_id, state)
    elif view.cycle.state is S.STARTED and last.is_over:
        _go_on(conn, chance, number)


def _go_on(conn: sa.Connection, chance: random.Random, number: str) -> None:
    view = seen(conn, f"c-{number}")
    if not view.net:
        decide(conn, view.cycle.id, S.FAILED, outcome=Outcome.NOTHING_DONE)
        return
    held = next(each.amount for each in view.holdings if each.asset == "XRP")
    if held < 2 or chance.random() < 0.5:
        attempt = len(view.orders) + 1
        again = new_order(f"buy-{number}-{attempt}", quantity="7.7", attempt=attempt)
        decide(conn, view.cycle.id, orders=(again,))
        return
    amount = f"{held - 1:.8f}"
    way = new_transfer(f"way-{number}", amount)
    decide(conn, view.cycle.id, S.INITIAL_TRADE_COMPLETED, transfers=(way,))
    withdraw(conn, f"way-{number}")


def test_opened_again_with_the_same_facts_is_the_same_refusal() -> None:
    with memory() as (conn, _):
        start(conn)
        fact = opened(1, new_order("buy-1"))
        first = cycles.open_cycle(conn, MODE, fact, ME, LEASE_S)
        assert not isinstance(first, str)
        assert cycles.open_cycle(conn, MODE, fact, ME, LEASE_S) == "DUPLICATE"
        assert cycles.owned(conn, MODE, "c-1", ME) == first
        assert audit.check(conn, MODE) == []
