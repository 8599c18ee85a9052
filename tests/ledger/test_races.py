"""Races: whoever comes at the same moment, from whatever process, one wins and nothing is torn."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
from msgspec import structs

from app.domain.cycles import CycleView, Holding
from app.domain.orders import Order, OrderState
from app.domain.trading import TradingState
from app.domain.transfers import DepositReport, Transfer, TransferState
from app.ledger import audit, conflicts, cycles, intents, leases, posting, trading_state
from app.ledger.database import Database
from app.ledger.leases import Lease
from app.ledger.trading_tables import arbitrage_cycles, intent, lease, transition
from tests.ledger.builders import T0
from tests.ledger.trading_builders import (
    BINANCE,
    LEASE_S,
    ME,
    MODE,
    OTHER,
    UPBIT,
    WINDOW_MS,
    S,
    d,
    decide,
    decision,
    fill,
    lease_of,
    money,
    new_order,
    new_transfer,
    open_one,
    opened,
    seen,
    send,
    start,
    trade,
    withdraw,
)

T = TypeVar("T")
ROUNDS = 6
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
async def pair(database: Database) -> AsyncIterator[tuple[Database, Database]]:
    """Two services on one database, each with connections of its own."""
    second = Database.open(database._writer.url.render_as_string(hide_password=False))
    await database.write(start)
    yield database, second
    await second.close()


async def whole(database: Database, fn: Callable[..., T], *args: Any, **more: Any) -> T:
    """As the runtime does it: a conflict undoes everything, and everything is run again."""
    for _ in range(50):
        try:
            return await database.write(fn, *args, **more)
        except sa.exc.DBAPIError as error:
            if not conflicts.is_conflict(error):
                raise
    raise AssertionError("no end of conflicts")


async def race(pair: tuple[Database, Database], *calls: tuple[Any, ...]) -> list[Any]:
    """The calls at once, in turn from either service."""
    sides = (pair[number % 2] for number in range(len(calls)))
    running = (whole(side, *call) for side, call in zip(sides, calls, strict=True))
    return list(await asyncio.gather(*running))


async def test_one_of_two_gets_a_lease(pair: tuple[Database, Database]) -> None:
    for number in range(ROUNDS):
        names = ((leases.claim, f"l-{number}", owner, 30.0) for owner in (ME, OTHER))
        won = [held for held in await race(pair, *names) if held is not None]
        assert len(won) == 1


async def test_one_of_two_takes_over_what_ran_out(pair: tuple[Database, Database]) -> None:
    for number in range(ROUNDS):
        first = await pair[0].write(leases.claim, f"l-{number}", "gone", -1.0)
        assert first is not None
        calls = ((leases.claim, f"l-{number}", owner, 30.0) for owner in (ME, OTHER))
        won = [held for held in await race(pair, *calls) if held is not None]
        assert [held.fence for held in won] == [2]


async def test_one_of_two_runs_a_job(pair: tuple[Database, Database]) -> None:
    for number in range(ROUNDS):
        calls = ((leases.claim_slot, "daily", f"{number}", owner) for owner in (ME, OTHER))
        assert sorted(await race(pair, *calls)) == [False, True]


async def test_numbers_are_granted_once(pair: tuple[Database, Database]) -> None:
    granted = await race(pair, *((leases.grant_numbers, MODE, 10) for _ in range(8)))
    assert sorted(granted) == [(1 + 10 * n, 10 + 10 * n) for n in range(8)]


async def test_one_of_two_begins_on_the_same_chance(pair: tuple[Database, Database]) -> None:
    for number in range(1, ROUNDS + 1):
        facts = [
            opened(2 * number + n, new_order(f"buy-{number}-{n}"), dedupe=f"{number}", usdt="10")
            for n in (0, 1)
        ]
        calls = ((cycles.open_cycle, MODE, fact, ME, LEASE_S) for fact in facts)
        won = [view for view in await race(pair, *calls) if view != "DUPLICATE"]
        assert len(won) == 1
    purses = await pair[0].read(money)
    assert purses["binance", "USDT"] == ("9940.00000000", "60.00000000")


async def test_money_is_reserved_once(pair: tuple[Database, Database]) -> None:
    """Eight want 3,000 of 10,000 at the same time: three of them get it."""
    facts = [opened(n, new_order(f"buy-{n}"), usdt="3000") for n in range(1, 9)]
    calls = ((cycles.open_cycle, MODE, fact, ME, LEASE_S) for fact in facts)
    answers = await race(pair, *calls)
    assert sum(isinstance(answer, CycleView) for answer in answers) == 3
    assert Counter(a for a in answers if isinstance(a, str)) == {"INSUFFICIENT": 5}
    purses = await pair[0].read(money)
    assert purses["binance", "USDT"] == ("1000.00000000", "9000.00000000")
    assert await pair[0].read(audit.check, MODE) == []


async def test_one_of_two_decisions_on_a_version_counts(pair: tuple[Database, Database]) -> None:
    view = await pair[0].write(open_one)
    for number in range(ROUNDS):
        made = [decision(view, note=f"{number} {n}") for n in (0, 1)]
        answers = await race(pair, *((cycles.decide, MODE, one, ME) for one in made))
        [view] = [answer for answer in answers if answer is not None]


async def test_one_of_two_takes_a_cycle(pair: tuple[Database, Database]) -> None:
    for number in range(1, 11):
        await pair[0].write(open_one, number, usdt="10")
    await pair[0].write(cycles.release, MODE, ME, [f"c-{n}" for n in range(1, 11)])
    calls = ((cycles.claim, MODE, f"owner-{n}", LEASE_S, 4) for n in range(6))
    taken = await race(pair, *calls)
    ids = [view.cycle.id for views in taken for view in views]
    assert len(ids) == len(set(ids))
    more = await whole(pair[0], cycles.claim, MODE, "last", LEASE_S, 10)
    assert sorted(ids + [view.cycle.id for view in more]) == sorted(f"c-{n}" for n in range(1, 11))


async def test_a_decision_and_a_takeover_exclude_each_other(
    pair: tuple[Database, Database],
) -> None:
    for number in range(1, ROUNDS + 1):
        view = await pair[0].write(open_one, number, usdt="10")
        await pair[0].write(_let_lapse, view.cycle.id)
        made = decision(view, S.FAILED, note="race")
        decided, taken = await race(
            pair, (cycles.decide, MODE, made, ME), (cycles.claim, MODE, OTHER, LEASE_S, 1)
        )
        now = await pair[0].read(seen, view.cycle.id)
        moved = now.cycle.state is S.FAILED
        assert moved == (decided is not None)
        assert now.cycle.version == 1 + moved + len(taken)
        await whole(pair[0], cycles.claim, MODE, OTHER, LEASE_S, 1)
    assert await pair[0].read(audit.check, MODE) == []


def _let_lapse(conn: sa.Connection, cycle_id: str) -> None:
    here = arbitrage_cycles.c.id == cycle_id
    conn.execute(arbitrage_cycles.update().where(here).values(lease_until_ns=1))


async def test_an_order_is_sent_by_one(pair: tuple[Database, Database]) -> None:
    """Two gateways that both believe to hold everything: one may send."""
    await pair[0].write(open_one)
    held = await pair[0].write(lease_of)
    for number in range(ROUNDS):
        again = new_order(f"o-{number}", attempt=number + 2)
        await pair[0].write(decide, "c-1", orders=(again,))
        calls = ((intents.claim_order, MODE, f"o-{number}", ME, held, WINDOW_MS) for _ in range(4))
        answers = await race(pair, *calls)
        assert sum(isinstance(answer, Order) for answer in answers) == 1
        assert Counter(a for a in answers if isinstance(a, str)) == {"NOT_PLANNED": 3}


async def test_a_withdrawal_is_sent_by_one_and_one_at_a_time(
    pair: tuple[Database, Database],
) -> None:
    await pair[0].write(open_one)
    await pair[0].write(trade, "buy-1", "400")
    ways = tuple(new_transfer(f"way-{n}", "50", hop=n) for n in range(1, 5))
    await pair[0].write(decide, "c-1", S.INITIAL_TRADE_COMPLETED, transfers=ways)
    held = await pair[0].read(lease_of)
    calls = ((intents.claim_transfer, MODE, way.client_id, ME, held, WINDOW_MS) for way in ways)
    answers = await race(pair, *calls)
    assert sum(isinstance(answer, Transfer) for answer in answers) == 1
    assert Counter(a for a in answers if isinstance(a, str)) == {"BUSY": 3}


async def test_a_fill_is_booked_once(pair: tuple[Database, Database]) -> None:
    """Told by the stream of one service and by the sweep of the other."""
    await pair[0].write(open_one)
    sent = await pair[0].write(send, "buy-1")
    for number in range(1, ROUNDS + 1):
        told = fill(sent, "1", fee="0.001", trade_id=f"{number}")
        calls = ((intents.post_fills, MODE, "buy-1", [told]) for _ in range(3))
        assert sorted(await race(pair, *calls)) == [0, 0, 1]
    view = await pair[0].read(seen)
    assert view.orders[0].filled_quantity == ROUNDS
    assert await pair[0].read(audit.check, MODE) == []


async def test_two_notes_on_one_version_are_one(pair: tuple[Database, Database]) -> None:
    await pair[0].write(open_one)
    order = await pair[0].write(send, "buy-1")
    for _ in range(ROUNDS):
        new = structs.replace(order, state=OrderState.UNKNOWN)
        any_ = frozenset(OrderState)
        calls = ((intents.note_order, MODE, "buy-1", any_, new) for _ in range(2))
        assert sorted(await race(pair, *calls)) == [False, True]
        found = await pair[0].read(intents.get_order, MODE, "buy-1")
        assert found is not None
        order = found


async def test_a_deposit_is_credited_once(pair: tuple[Database, Database]) -> None:
    await pair[0].write(open_one)
    await pair[0].write(trade, "buy-1", "400")
    way = new_transfer("way-1", "399")
    await pair[0].write(decide, "c-1", S.INITIAL_TRADE_COMPLETED, transfers=(way,))
    await pair[0].write(withdraw, "way-1")
    report = DepositReport(UPBIT, "d-1", "XRP", "XRP", d("399"), "x", TransferState.CREDITED, T0)
    calls = ((intents.credit, MODE, "way-1", report) for _ in range(4))
    assert sorted(await race(pair, *calls)) == [False, False, False, True]
    view = await pair[0].read(seen)
    assert Holding(UPBIT, "XRP", d("399")) in view.holdings


async def test_nothing_is_sent_after_the_commit_of_a_kill(
    pair: tuple[Database, Database],
) -> None:
    """The order of commits decides: what was claimed after the kill's version is refused."""
    orders = tuple(new_order(f"o-{n}", attempt=n + 1) for n in range(12))
    await pair[0].write(open_one, 1, *orders)
    held = await pair[0].write(lease_of)
    calls: list[tuple[Any, ...]] = [
        (intents.claim_order, MODE, order.client_id, ME, held, WINDOW_MS) for order in orders
    ]
    calls.insert(6, (trading_state.kill, MODE, "kim", "smoke"))
    answers = await race(pair, *calls)
    sent = [answer for answer in answers if isinstance(answer, Order)]
    assert Counter(a for a in answers if isinstance(a, str)) == {"HALTED": 12 - len(sent)} or (
        len(sent) == 12
    )
    for order in orders:
        late = await whole(pair[1], intents.claim_order, MODE, order.client_id, ME, held, WINDOW_MS)
        assert late == "HALTED"

    def count(conn: sa.Connection) -> int:
        query = sa.select(sa.func.count()).where(intent.c.state == OrderState.SENT)
        return conn.scalar(query) or 0

    assert await pair[0].read(count) == len(sent)


async def test_a_taken_lease_stops_its_former_holder(pair: tuple[Database, Database]) -> None:
    await pair[0].write(open_one)
    for number in range(ROUNDS):
        order = new_order(f"o-{number}", attempt=number + 2)
        await pair[0].write(decide, "c-1", orders=(order,))
        name = f"sender:{number}"
        mine = await pair[0].write(leases.claim, name, ME, 30.0)
        assert mine is not None
        await pair[0].write(_lapse_lease, name)
        sent, taken = await race(
            pair,
            (intents.claim_order, MODE, f"o-{number}", ME, mine, WINDOW_MS),
            (leases.claim, name, OTHER, 30.0),
        )
        assert sent == "NO_LEASE"
        assert isinstance(taken, Lease)


def _lapse_lease(conn: sa.Connection, name: str) -> None:
    conn.execute(lease.update().where(lease.c.name == name).values(until_ns=1))


async def test_money_moves_in_a_crowd_and_adds_up(pair: tuple[Database, Database]) -> None:
    """Groups that lock the same purses in different orders: conflicts, but never a wrong sum."""

    def group(conn: sa.Connection, number: int) -> None:
        venues = (BINANCE, UPBIT) if number % 2 else (UPBIT, BINANCE)
        for venue in venues:
            posting.adopt(conn, MODE, venue, "XRP", d("1.5"), f"{venue}:{number}")

    await race(pair, *((group, number) for number in range(16)))
    purses = await pair[0].read(money)
    assert purses["binance", "XRP"] == ("24.00000000", "0")
    assert purses["upbit", "XRP"] == ("24.00000000", "0")
    assert await pair[0].read(audit.check, MODE) == []


CLAIM_ALL = """
import asyncio, json, sys
import sqlalchemy as sa
from app.ledger import conflicts, cycles
from app.ledger.database import Database
from tests.ledger.trading_builders import decision

def step(conn, owner):
    "Claim one; decide something about it."
    found = cycles.claim(conn, "drill", owner, 60.0, 1)
    for view in found:
        assert cycles.decide(conn, "drill", decision(view, note=owner), owner) is not None
    return [view.cycle.id for view in found]

async def main(url, owner):
    db = Database.open(url)
    print("ready", flush=True)
    sys.stdin.readline()
    taken, empty = [], 0
    while empty < 3:
        try:
            found = await db.write(step, owner)
        except sa.exc.DBAPIError as error:
            if not conflicts.is_conflict(error):
                raise
            continue
        taken += found
        empty = 0 if found else empty + 1
    await db.close()
    print(json.dumps(taken))

asyncio.run(main(*sys.argv[1:]))
"""
CYCLES = 40


@pytest.mark.parametrize("count", [2, 4, 8])
async def test_each_cycle_is_taken_by_one_of_many_processes(database: Database, count: int) -> None:
    await database.write(start)
    for number in range(1, CYCLES + 1):
        await database.write(open_one, number, usdt="10")
    ids = [f"c-{number}" for number in range(1, CYCLES + 1)]
    await database.write(cycles.release, MODE, ME, ids)
    url = database._writer.url.render_as_string(hide_password=False)
    crowd = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", CLAIM_ALL, url, f"p-{n}",
            cwd=REPOSITORY, stdin=PIPE, stdout=PIPE, stderr=PIPE,
        )
        for n in range(count)
    ]  # fmt: skip
    for process in crowd:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    ends = await asyncio.gather(*(process.communicate(b"go\n") for process in crowd))
    assert [process.returncode for process in crowd] == [0] * count, ends
    taken = [cycle_id for out, _ in ends for cycle_id in json.loads(out)]
    assert sorted(taken) == sorted(ids)

    def fences(conn: sa.Connection) -> set[tuple[int, int]]:
        rows = conn.execute(sa.select(arbitrage_cycles.c.fence, arbitrage_cycles.c.version))
        return {(row.fence, row.version) for row in rows}

    assert await database.read(fences) == {(2, 3)}
    assert await database.read(audit.check, MODE) == []


async def test_halting_is_seen_by_who_opens_at_the_same_time(
    pair: tuple[Database, Database],
) -> None:
    facts = [opened(n, new_order(f"buy-{n}"), usdt="10") for n in range(1, 9)]
    calls: list[tuple[Any, ...]] = [(cycles.open_cycle, MODE, fact, ME, LEASE_S) for fact in facts]
    calls.insert(4, (trading_state.set_state, MODE, TradingState.HALTED, "kim"))
    answers = await race(pair, *calls)
    begun = [answer for answer in answers if isinstance(answer, CycleView)]

    def count(conn: sa.Connection) -> int:
        return conn.scalar(sa.select(sa.func.count()).select_from(transition)) or 0

    assert await pair[0].read(count) == len(begun)
    fact = opened(99, new_order("buy-99"))
    assert await whole(pair[1], cycles.open_cycle, MODE, fact, ME, LEASE_S) == "HALTED"
