"""A start asks about a hundred open orders in few rounds; nobody is forgotten or asked twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from app.domain.cycles import NewOrder
from app.domain.orders import Order, OrderState
from app.domain.venues import Venue
from app.ledger import intents, leases
from app.ledger.queries import Connection
from app.runtime.trading.leases import venue_lease
from tests.feeds.kit import until
from tests.ledger.trading_builders import new_order, opened
from tests.runtime.trading.bench import Bench, FaultyPort

BINANCE = Venue.BINANCE
COUNT = 100
FOR_STRANGERS = 1
"""A list of the market that was traded in last is asked for at every start (H65)."""
LOST = 5
"""One order in so many never arrived."""


@pytest.fixture
async def bench() -> AsyncGenerator[Bench, None]:
    bench = Bench()
    yield bench
    await bench.end()


def named(number: int) -> NewOrder:
    return new_order(f"buy-{number:03}", quantity="10")


async def strand(bench: Bench, count: int) -> None:
    """So many orders in SENT, of a process that is gone; most of them are at the venue."""
    await bench.begin()
    await bench.step(
        *(opened(number, named(number), usdt="30") for number in range(count)), commands=False
    )
    await bench.end()
    sent = bench.store.now(_send_all, bench.mode, count)
    port = FaultyPort(bench.venues[BINANCE], bench.clock, bench._purses)
    for order in sent:
        if int(order.client_id[-3:]) % LOST:
            await port.place(order)
    bench.venues[BINANCE].questions.clear()


def _send_all(conn: Connection, mode: str, count: int) -> list[Order]:
    lease = leases.claim(conn, venue_lease(mode, BINANCE), "gone", 60.0)
    assert lease is not None
    found = []
    for number in range(count):
        name = f"buy-{number:03}"
        order = intents.claim_order(conn, mode, name, "life-1", lease, 60_000)
        assert isinstance(order, Order), order
        found.append(order)
    leases.release(conn, lease)
    return found


async def test_a_hundred_orders_are_one_list_and_the_trades_of_those_that_have_some(
    bench: Bench,
) -> None:
    await strand(bench, COUNT)
    life = await bench.begin(wait=False)
    await until(lambda: life.recovered is not None, "recovered")
    assert life.recovered is not None
    assert life.recovered.asked == COUNT
    arrived = COUNT - COUNT // LOST
    orders = [bench.order(f"buy-{number:03}") for number in range(COUNT)]
    assert Counter(order.state for order in orders) == {
        OrderState.FILLED: arrived, OrderState.SENT: COUNT - arrived,
    }  # fmt: skip
    assert all("list" in {each.source for each in order.evidence} for order in orders)
    asked = bench.venues[BINANCE].questions
    until_compared = Counter(asked[: asked.index("balances")])
    assert until_compared == {"list": 1 + FOR_STRANGERS, "fills": arrived}


async def test_few_are_asked_about_by_their_ids(bench: Bench) -> None:
    await strand(bench, 2)
    life = await bench.begin(wait=False)
    await until(lambda: life.recovered is not None, "recovered")
    asked = bench.venues[BINANCE].questions
    assert Counter(asked[: asked.index("balances")]) == {
        "by_id": 2, "fills": 2, "list": FOR_STRANGERS,
    }  # fmt: skip


async def test_what_the_list_does_not_show_stays_open_until_there_is_proof(bench: Bench) -> None:
    await strand(bench, LOST)
    life = await bench.begin(wait=False)
    await until(lambda: life.recovered is not None, "recovered")
    (lost,) = (await _open(bench)).values()
    assert lost.state is OrderState.SENT
    assert life.blocks.first is None
    await until(lambda: bench.order(lost.client_id).is_over, "proved")
    assert bench.order(lost.client_id).state is OrderState.NOT_PLACED


async def test_a_list_that_nobody_answers_holds_nobody_up(bench: Bench) -> None:
    await strand(bench, LOST)
    bench.venues[BINANCE].is_silent = True
    life = await bench.begin(wait=False)
    await until(lambda: life.recovered is not None, "recovered")
    assert len(await _open(bench)) == LOST
    bench.venues[BINANCE].is_silent = False
    await until(lambda: all(_ended(bench)), lambda: _ended(bench))


async def test_one_order_that_cannot_be_kept_does_not_take_the_others_along(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own commit fails: the others get theirs."""
    await strand(bench, LOST)
    post = intents.post_fills

    def poisoned(conn: Connection, mode: str, client_id: str, fills: Any) -> int:
        assert client_id != "buy-001", "poison"
        return post(conn, mode, client_id, fills)

    monkeypatch.setattr(intents, "post_fills", poisoned)
    life = await bench.begin(wait=False)
    await until(lambda: life.recovered is not None, "recovered")
    found = {name: order.state for name, order in (await _open(bench)).items()}
    assert set(found) == {"buy-000", "buy-001"}
    monkeypatch.undo()
    await until(lambda: all(_ended(bench)), lambda: _ended(bench))


async def _open(bench: Bench) -> dict[str, Order]:
    orders, _ = bench.store.now(intents.open_intents, bench.mode, BINANCE)
    return {order.client_id: order for order in orders}


def _ended(bench: Bench) -> list[bool]:
    return [bench.order(f"buy-{number:03}").is_over for number in range(LOST)]
