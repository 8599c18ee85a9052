"""An older copy of the database: what it has forgotten is found, and nothing begins (H65)."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
from msgspec.structs import replace

from app.domain.orders import Order
from app.domain.trading import TradingState
from app.domain.venues import Venue
from app.ledger import intents, leases, strangers, trading_state
from tests.feeds.kit import until
from tests.ledger.trading_builders import new_order, opened
from tests.runtime.trading.bench import Bench, FaultyPort

BINANCE, UPBIT = Venue.BINANCE, Venue.UPBIT
KNOWN, FORGOTTEN = "known" + "a" * 15, "forgotten" + "b" * 11


@pytest.fixture
async def bench() -> AsyncGenerator[Bench, None]:
    bench = Bench()
    await bench.begin()
    await bench.step(opened(1, new_order(KNOWN)))
    await until(lambda: bench.order(KNOWN).is_over, "filled")
    await bench.end()
    yield bench
    await bench.end()


async def sent_later(bench: Bench, client_id: str = FORGOTTEN) -> Order:
    """By a process whose ledger is not this one any more."""
    like = bench.order(KNOWN)
    order = replace(
        like, client_id=client_id, signed_at_ns=bench.clock.at_ns(), venue_order_id=None
    )
    await FaultyPort(bench.venues[BINANCE], bench.clock, bench._purses).place(order)
    return order


async def test_orders_that_the_ledger_has_forgotten_block_all_that_is_new(bench: Bench) -> None:
    await sent_later(bench)
    life = await bench.begin()
    assert life.strangers.found == {BINANCE: (FORGOTTEN,)}
    assert life.blocks.all() == ("STRANGERS",)
    assert bench.engine.state.blocked == "STRANGERS"


async def test_who_says_that_it_was_restored_begins_anew_under_other_names(bench: Bench) -> None:
    await sent_later(bench)
    before = bench.store.now(leases.identity)
    after = bench.store.now(strangers.restored, (bench.mode,), "kim")
    assert (after.deployment_id, after.epoch) == (before.deployment_id, before.epoch + 1)
    row = bench.store.now(trading_state.read, bench.mode)
    assert (row.state, row.reason) == (TradingState.HALTED, strangers.RESTORED)
    life = await bench.begin()
    assert life.strangers.found == {}
    assert life.blocks.first is None


@pytest.mark.parametrize("client_id", ["by-hand-1", "x" * 21, "A" * 20])
async def test_what_others_trade_there_is_theirs(bench: Bench, client_id: str) -> None:
    """H67: a person's own orders, or another program's."""
    await sent_later(bench, client_id)
    life = await bench.begin()
    assert life.strangers.found == {}
    assert life.blocks.first is None


async def test_our_own_are_no_strangers_however_old(bench: Bench) -> None:
    life = await bench.begin()
    assert bench.store.now(intents.get_order, bench.mode, KNOWN) is not None
    assert life.strangers.left == set()
    assert life.blocks.first is None


async def test_a_venue_that_is_silent_is_looked_at_when_it_answers(bench: Bench) -> None:
    await sent_later(bench)
    bench.venues[BINANCE].is_silent = True
    life = await bench.begin()
    assert life.strangers.left == {BINANCE}
    assert "STRANGERS" not in life.blocks.all()
    bench.venues[BINANCE].is_silent = False
    await until(lambda: "STRANGERS" in life.blocks.all(), lambda: life.strangers.left)


async def test_a_ledger_that_never_sent_anything_has_forgotten_nothing() -> None:
    bench = Bench()
    life = await bench.begin()
    assert life.strangers.left == set()
    await bench.end()


async def test_gate_s_own_way_of_writing_is_known() -> None:
    from app.exchanges.accounts import ACCOUNTS
    from app.runtime.trading.strangers import _form

    for account in ACCOUNTS.values():
        form = _form(account.client_id)
        assert form.fullmatch(account.client_id("abcdefghij234567abcd"))
        assert not form.fullmatch("web-" + "a" * 10)
