"""Every start is a recovery, and what cannot be explained stops trading."""

from __future__ import annotations

import ast
from collections.abc import AsyncGenerator
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.domain.events import CycleClaimed, CycleLost, DayRead, PursesRead
from app.domain.facts import SendOrder
from app.domain.orders import OrderState
from app.domain.times import SECOND_NS
from app.domain.trading import TradingState
from app.domain.venues import Venue
from app.ledger import cycles, posting, trading_state
from app.runtime import trading
from app.runtime.trading import limits
from app.runtime.trading.reconcile import DRIFT
from tests.feeds.kit import until
from tests.ledger.trading_builders import new_order, opened
from tests.runtime.trading.bench import Bench

BINANCE, UPBIT = Venue.BINANCE, Venue.UPBIT


@pytest.fixture
async def bench() -> AsyncGenerator[Bench, None]:
    bench = Bench()
    yield bench
    await bench.end()


# The first start


@pytest.mark.parametrize(
    ("mode", "state", "blocked"),
    [
        ("paper", TradingState.HALTED, None),
        ("drill", TradingState.ACTIVE, None),
        ("live", TradingState.HALTED, "DISARMED"),
    ],
)
async def test_a_first_start(mode: str, state: TradingState, blocked: str | None) -> None:
    bench = Bench(mode)
    await bench.begin()
    assert (bench.engine.state.state, bench.engine.state.blocked) == (state, blocked)
    await bench.end()


@pytest.mark.parametrize(
    ("mode", "state"),
    [
        ("paper", TradingState.ACTIVE),
        ("drill", TradingState.REDUCING),
        ("live", TradingState.HALTED),
    ],
)
async def test_a_restart_keeps_the_state_but_live_comes_back_halted_and_disarmed(
    mode: str, state: TradingState
) -> None:
    bench = Bench(mode)
    await bench.begin()
    bench.store.now(trading_state.arm, mode, 2**62, "a test")
    wanted = TradingState.REDUCING if mode == "drill" else TradingState.ACTIVE
    bench.say(wanted)
    await bench.end()
    await bench.begin()
    row = bench.store.now(trading_state.read, mode)
    assert row.state is state
    assert (row.armed_until_ns is None) == (mode == "live")
    await bench.end()


async def test_balances_are_adopted_once(bench: Bench) -> None:
    await bench.begin()
    assert bench.life is not None
    assert bench.life.recovered is not None
    assert set(bench.life.recovered.adopted) == {BINANCE, UPBIT}
    await bench.end()
    await bench.begin()
    assert bench.life.recovered is not None
    assert bench.life.recovered.adopted == ()
    assert bench.purse(BINANCE, "USDT").available == 10_000
    whole = [event for event in bench.engine.of(PursesRead) if event.whole]
    assert {purse.asset for purse in whole[-1].purses} == {"USDT", "KRW"}
    assert bench.engine.of(DayRead)


# Restarts


async def test_nothing_begins_before_everything_was_asked(bench: Bench) -> None:
    life = await bench.begin(wait=False)
    assert life.blocks.first == "RECONCILING"
    assert bench.engine.state.blocked == "RECONCILING"
    await until(lambda: life.blocks.first is None, "recovered")


async def test_a_cycle_goes_on_with_the_next_process(bench: Bench) -> None:
    await bench.begin()
    await bench.step(opened(1, new_order("buy-1")))
    await until(lambda: bench.order("buy-1").is_over, "filled")
    fence = bench.engine.view().cycle.fence
    await bench.end()
    await bench.begin()
    (claimed,) = bench.engine.of(CycleClaimed)
    assert claimed.view.cycle.fence == fence + 1
    assert claimed.view.orders[0].state is OrderState.FILLED


async def test_a_person_is_not_asked_any_more_about_what_is_over(bench: Bench) -> None:
    life = await bench.begin()
    await bench.step(opened(1, new_order("buy-1")))
    await until(lambda: bench.order("buy-1").is_over, "filled")
    life.operator(bench.order("buy-1"), "ORDER_UNKNOWN")
    assert life.asks_operator == {"buy-1": "ORDER_UNKNOWN"}
    life.event(CycleClaimed(bench.clock.at_ns(), bench.engine.view()))
    assert life.asks_operator == {}


async def test_who_was_killed_is_not_waited_for(bench: Bench) -> None:
    await bench.begin(lease_s=3_600.0)
    await bench.step(opened(1))
    await bench.die()
    await bench.begin(dead=("life-1",), lease_s=3_600.0)
    await until(lambda: bool(bench.engine.of(CycleClaimed)), "claimed at once")
    assert bench.life is not None
    assert bench.life.venue_leases.missing() == []


async def test_who_only_seems_dead_is_waited_for_and_then_fenced_out(bench: Bench) -> None:
    first = await bench.begin(lease_s=600.0)
    await bench.step(opened(1, new_order("buy-1")), commands=False)
    other = Bench(bench.mode)
    other.store, other.venues, other.clock = bench.store, bench.venues, bench.clock
    other._lives = 5
    await other.begin(dead=("life-1",), lease_s=600.0)
    await until(lambda: bool(other.engine.of(CycleClaimed)), "taken over")
    first.release(SendOrder(BINANCE, "buy-1"))
    await first.cycle_leases.renew()
    assert [event.cycle_id for event in bench.engine.of(CycleLost)] == ["c-1"]
    assert bench.venues[BINANCE].placed == []
    await other.end()


async def test_cycles_whose_owner_is_late_are_taken_over(bench: Bench) -> None:
    await bench.begin()
    await bench.step(opened(1))
    await bench.end()
    (taken,) = bench.store.now(cycles.claim, bench.mode, "slow", 5.0, 10)
    life = await bench.begin()
    assert not bench.engine.of(CycleClaimed)
    await bench.clock.sleep(6)
    await life.cycle_leases.claim()
    (claimed,) = bench.engine.of(CycleClaimed)
    assert claimed.view.cycle.fence == taken.cycle.fence + 1


@pytest.mark.parametrize("hours", [-1, 1])
async def test_who_lives_in_another_time_holds_no_venue(bench: Bench, hours: int) -> None:
    """H52: its signatures would be refused, its proofs of absence early."""
    bench.ahead_ns = hours * 3_600 * SECOND_NS
    life = await bench.begin()
    assert life.blocks.all() == ("CLOCK",)
    assert life.venue_leases.missing() == list(bench.venues)
    bench.ahead_ns = 0
    await until(lambda: life.venue_leases.missing() == [], "the same time")
    assert life.blocks.all() == ()
    await bench.step(opened(1, new_order("buy-1")))
    await until(lambda: bench.order("buy-1").is_over, "filled")
    bench.ahead_ns = hours * 3_600 * SECOND_NS
    await until(lambda: life.venue_leases.missing() == list(bench.venues), "another time")
    assert life.blocks.first == "CLOCK"
    assert await life.cycle_leases.claim() == 0
    assert [lost.cycle_id for lost in bench.engine.of(CycleLost)] == ["c-1"]


async def test_what_another_process_says_of_the_state_is_heard(bench: Bench) -> None:
    await bench.begin()
    bench.store.now(trading_state.kill, bench.mode, "another process")
    await until(lambda: bench.engine.state.killed, "heard")


async def test_a_task_that_fails_is_begun_anew(bench: Bench) -> None:
    await bench.begin(lease_s=9.0)
    bench.store.faults["_turn"] = ["before"]
    await bench.step(opened(1, new_order("buy-1")))
    await until(lambda: "_turn" not in bench.store.faults or not bench.store.faults["_turn"], "")
    await until(lambda: bench.order("buy-1").is_over, "sent all the same")


async def test_a_recovery_that_cannot_read_is_tried_again(bench: Bench) -> None:
    bench.store.faults["restarted"] = ["before", "before"]
    life = await bench.begin()
    assert life.recovered is not None


# What cannot be explained


async def test_a_broken_invariant_kills(bench: Bench) -> None:
    await bench.begin()
    await bench.step(opened(1, new_order("buy-1")))
    await until(lambda: bench.order("buy-1").is_over, "filled")
    bench.store.now(lambda conn: conn.execute(sa.text("UPDATE balance SET amount = amount + 1")))
    assert bench.life is not None
    found = await bench.life.auditor.check()
    assert found
    await until(lambda: bench.engine.state.killed, "killed")
    assert bench.life.state is not None
    assert bench.life.state.by == "auditor"
    assert bench.life.state.reason.startswith("AUDIT")


async def test_a_difference_freezes_its_purse_and_a_person_may_accept_it(bench: Bench) -> None:
    life = await bench.begin()
    bench.venues[BINANCE].balances = {"USDT": Decimal(10_500)}
    for look in range(1, limits.DRIFT_LOOKS + 1):
        (drift,) = await life.reconciler.look()
        assert drift.looks == look
    assert bench.purse(BINANCE, "USDT").frozen == DRIFT
    told = bench.engine.of(PursesRead)[-1]
    assert told.purses[0].frozen == DRIFT
    accepted = await life.reconciler.accept(BINANCE, "USDT")
    assert accepted is not None
    purse = bench.purse(BINANCE, "USDT")
    assert (purse.available, purse.frozen) == (10_500, None)
    assert await life.reconciler.look() == ()
    assert await life.reconciler.accept(BINANCE, "USDT") is None


async def test_a_difference_that_goes_away_was_none(bench: Bench) -> None:
    life = await bench.begin()
    bench.venues[BINANCE].balances = {"USDT": Decimal(9_000)}
    for _ in range(limits.DRIFT_LOOKS):
        await life.reconciler.look()
    bench.venues[BINANCE].balances = {"USDT": Decimal(10_000)}
    assert await life.reconciler.look() == ()
    assert bench.purse(BINANCE, "USDT").frozen is None


async def test_what_moves_is_not_compared(bench: Bench) -> None:
    life = await bench.begin()
    await bench.step(opened(1, new_order("buy-1")), commands=False)
    bench.venues[BINANCE].faults.append("lost")
    life.release(SendOrder(BINANCE, "buy-1"))
    await until(lambda: bench.order("buy-1").state is OrderState.UNKNOWN, "unknown")
    bench.venues[BINANCE].balances = {"USDT": Decimal(9_000)}
    assert await life.reconciler.look() == ()


async def test_a_venue_that_does_not_answer_keeps_what_was_known(bench: Bench) -> None:
    life = await bench.begin()
    bench.venues[BINANCE].is_silent = True
    assert await life.reconciler.look() == ()
    assert life.reconciler.silent == {BINANCE: "timeout"}


async def test_a_balance_appears_that_the_ledger_never_had(bench: Bench) -> None:
    life = await bench.begin()
    bench.venues[BINANCE].balances = {"USDT": Decimal(10_000), "XRP": Decimal(5)}
    (drift,) = await life.reconciler.look()
    assert (drift.asset, drift.ledger, drift.told) == ("XRP", 0, 5)
    assert bench.store.now(posting.purses, bench.mode, [(BINANCE, "XRP")])[0].available == 0


# The house


def test_time_and_chance_come_from_the_clock_alone() -> None:
    """So that a simulation can run all of it on a clock of its own."""
    folder = Path(trading.__path__[0])
    for name in (
        "auditor", "blocks", "errands", "fingerprint", "gateway", "joining", "keeper", "leases",
        "life", "outcomes", "pages", "reconcile", "recorder", "recovery", "rows", "store",
        "transactions", "ports/paper",
    ):  # fmt: skip
        tree = ast.parse((folder / f"{name}.py").read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                assert not {each.name for each in node.names} & {"time", "random", "uuid", "os"}
            if isinstance(node, ast.ImportFrom):
                assert node.module not in {"time", "random", "uuid", "secrets", "datetime", "os"}
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert (node.value.id, node.attr) not in {
                    ("asyncio", "sleep"), ("asyncio", "timeout"), ("asyncio", "to_thread"),
                    ("time", "time_ns"),
                }, f"{name}: line {node.lineno}"  # fmt: skip
