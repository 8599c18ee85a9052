"""Record before you act: what leaves is in the database, and what is told is what it holds."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from decimal import Decimal

import pytest

from app.domain.cycles import CycleState, CycleStep, Decision, Move
from app.domain.events import (
    CycleChanged,
    CycleClaimed,
    CycleLost,
    CycleRefused,
    NumbersGranted,
    PursesRead,
)
from app.domain.facts import CycleDecided
from app.domain.orders import OrderState
from app.domain.trading import TradingState
from app.domain.venues import Venue
from app.ledger import cycles
from app.runtime.trading import limits, recorder
from tests.feeds.kit import until
from tests.ledger.trading_builders import new_order, opened
from tests.runtime.trading.bench import Bench


@pytest.fixture
async def bench() -> AsyncGenerator[Bench, None]:
    bench = Bench()
    await bench.begin()
    yield bench
    await bench.end()


def wish(bench: Bench, version: int, *states: CycleState, **more: object) -> CycleDecided:
    decision = Decision(
        "c-1",
        version,
        CycleStep.LEG1_SENT,
        tuple(Move(state) for state in states),
        **more,  # type: ignore[arg-type]
    )
    return CycleDecided(bench.clock.at_ns(), decision)


async def test_a_new_cycle_is_reserved_told_and_only_then_sent(bench: Bench) -> None:
    await bench.step(opened(1, new_order("buy-1")))
    events = bench.engine.events
    claimed = next(n for n, event in enumerate(events) if isinstance(event, CycleClaimed))
    money = max(n for n, event in enumerate(events[:claimed]) if isinstance(event, PursesRead))
    told = events[money]
    assert isinstance(told, PursesRead)
    (purse,) = (each for each in told.purses if each.asset == "USDT")
    assert (purse.available, purse.reserved) == (9_000, 1_000)
    await until(lambda: bench.order("buy-1").state is OrderState.FILLED, "sent")


async def test_numbers_are_there_before_the_first_cycle(bench: Bench) -> None:
    await until(lambda: bool(bench.engine.of(NumbersGranted)), "numbers")
    granted = bench.engine.of(NumbersGranted)[0]
    assert granted.last - granted.first + 1 == limits.NUMBERS_AT_ONCE


async def test_what_the_ledger_refuses_is_never_sent(bench: Bench) -> None:
    await bench.step(opened(1, new_order("buy-1"), usdt="99999"))
    (refused,) = bench.engine.of(CycleRefused)
    assert (refused.cycle_id, refused.code) == ("c-1", "INSUFFICIENT")
    assert bench.venues[Venue.BINANCE].placed == []
    assert bench.purse(Venue.BINANCE, "USDT").available == 10_000


async def test_two_engines_that_saw_one_chance_open_one_cycle(bench: Bench) -> None:
    await bench.step(opened(1, new_order("buy-1"), dedupe="one"))
    await bench.step(opened(2, new_order("buy-2"), dedupe="one"))
    (refused,) = bench.engine.of(CycleRefused)
    assert (refused.cycle_id, refused.code) == ("c-2", "DUPLICATE")


async def test_a_halted_mode_opens_nothing(bench: Bench) -> None:
    bench.say(TradingState.HALTED)
    await bench.step(opened(1, new_order("buy-1")))
    assert [event.code for event in bench.engine.of(CycleRefused)] == ["HALTED"]


async def test_a_decision_on_an_older_version_gets_the_present_view_and_sends_nothing(
    bench: Bench,
) -> None:
    await bench.step(opened(1, new_order("buy-1")))
    await until(lambda: bench.order("buy-1").is_over, "filled")
    count = len(bench.engine.of(CycleChanged))
    await bench.step(wish(bench, 1, orders=(new_order("late-1", attempt=2),)))
    latest = bench.engine.of(CycleChanged)[count:]
    assert latest[-1].view.cycle.version > 1
    assert not bench.engine.of(CycleLost)
    assert bench.venues[Venue.BINANCE].placed == ["buy-1"]


async def test_a_cycle_of_another_owner_is_lost(bench: Bench) -> None:
    await bench.step(opened(1))
    bench.store.now(cycles.release, bench.mode, "life-1", ["c-1"])
    (taken,) = bench.store.now(cycles.claim, bench.mode, "somebody", 60.0, 10)
    await bench.step(wish(bench, taken.cycle.version, orders=(new_order("late-1"),)))
    assert [event.cycle_id for event in bench.engine.of(CycleLost)] == ["c-1"]
    assert bench.venues[Venue.BINANCE].placed == []


async def test_while_the_database_is_away_nothing_leaves_and_nothing_is_lost(
    bench: Bench,
) -> None:
    bench.store.is_away = True
    assert bench.life is not None
    bench.life.take([opened(1, new_order("buy-1"))], [])
    await until(lambda: recorder.AWAY in bench.life.blocks.all(), "blocked")  # type: ignore[union-attr]
    assert bench.engine.state.blocked == recorder.AWAY
    assert not bench.engine.of(CycleClaimed)
    bench.store.is_away = False
    await until(lambda: bool(bench.engine.of(CycleClaimed)), "committed after all")
    await until(lambda: bench.engine.state.blocked is None, "unblocked")


async def test_a_commit_whose_answer_was_lost_counts_once(bench: Bench) -> None:
    bench.store.faults["commit_facts"] = ["after"]
    await bench.step(opened(1, new_order("buy-1")))
    await until(lambda: bool(bench.engine.of(CycleClaimed)), "recognised")
    await until(lambda: bench.order("buy-1").is_over, "sent")
    assert not bench.engine.of(CycleRefused)
    assert bench.venues[Venue.BINANCE].placed == ["buy-1"]
    assert bench.purse(Venue.BINANCE, "USDT").reserved == 0


async def test_a_decision_whose_answer_was_lost_counts_once(bench: Bench) -> None:
    await bench.step(opened(1))
    bench.store.faults["commit_facts"] = ["after"]
    await bench.step(wish(bench, bench.engine.view().cycle.version, orders=(new_order("buy-1"),)))
    await until(lambda: bench.venues[Venue.BINANCE].placed == ["buy-1"], "sent once")
    assert len(bench.engine.view().orders) == 1


async def test_a_fact_that_cannot_be_halts_trading_and_spares_its_neighbours(
    bench: Bench,
) -> None:
    await bench.step(opened(1), opened(2))
    version = bench.engine.view("c-1").cycle.version
    assert bench.life is not None
    bench.life.take([wish(bench, version, CycleState.COMPLETED), opened(3, new_order("buy-3"))], [])
    await until(lambda: bench.engine.state.state is TradingState.HALTED, "halted")
    assert bench.life.state is not None
    assert bench.life.state.reason.startswith("BUG CycleDecided")
    assert bench.engine.view("c-1").cycle.state is CycleState.STARTED


async def test_a_full_queue_begins_nothing_new_and_keeps_every_decision(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "WAITING_MAX", 2)
    await bench.step(opened(1))
    assert bench.life is not None
    version = bench.engine.view().cycle.version
    for number in (2, 3, 4):
        bench.life.take([opened(number, usdt="10")], [])
    bench.life.take([wish(bench, version, note="kept")], [])
    await bench.life.recorder.settled()
    refused = [(event.cycle_id, event.code) for event in bench.engine.of(CycleRefused)]
    assert refused == [("c-4", recorder.FULL)]
    assert bench.engine.view("c-1").cycle.version == version + 1
    await until(lambda: bench.engine.state.blocked is None, "open again")


async def test_many_facts_are_few_transactions(bench: Bench) -> None:
    assert bench.life is not None
    before = bench.life.recorder.commits
    for number in range(1, 41):
        bench.life.take([opened(number, usdt="10")], [])
    await bench.life.recorder.settled()
    assert len(bench.engine.of(CycleClaimed)) == 40
    assert bench.life.recorder.commits - before <= 4
    assert bench.purse(Venue.BINANCE, "USDT").reserved == Decimal(400)
