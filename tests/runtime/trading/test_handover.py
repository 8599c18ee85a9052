"""Handover: an initiator's cycles go to a finalizer when both legs are traded, and never before."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import partial

import pytest
import sqlalchemy as sa

from app.domain.cycles import CycleState
from app.domain.events import CycleChanged, CycleClaimed, CycleLost, NumbersGranted, OperatorAsked
from app.domain.facts import CycleDecided
from app.ledger import asking
from app.ledger.trading_tables import arbitrage_cycles
from tests.feeds.kit import until
from tests.ledger.trading_builders import decision, new_order, opened
from tests.runtime.trading.bench import MODE, Bench

S = CycleState


@pytest.fixture
async def bench() -> AsyncGenerator[Bench, None]:
    bench = Bench()
    yield bench
    await bench.end()


def owner(bench: Bench) -> str | None:
    return bench.store.now(_owner)


def _owner(conn: sa.Connection) -> str | None:
    return conn.scalar(sa.select(arbitrage_cycles.c.owner))


async def decide(bench: Bench, *states: CycleState) -> None:
    fact = CycleDecided(bench.clock.at_ns(), decision(bench.engine.view(), *states))
    await bench.step(fact)


async def test_an_initiator_lets_go_when_both_legs_are_traded(bench: Bench) -> None:
    life = await bench.begin(finishes=False)
    await bench.step(opened(1, new_order("buy-1")))
    await until(lambda: bench.order("buy-1").is_over, "filled")
    await decide(bench, S.INITIAL_TRADE_COMPLETED)
    assert "c-1" in life.recorder.fences
    assert bench.engine.of(CycleLost) == []
    await decide(bench, S.AWAITING_REBALANCE)
    assert [event.cycle_id for event in bench.engine.of(CycleLost)] == ["c-1"]
    states = {event.view.cycle.state for event in bench.engine.of(CycleChanged)}
    assert S.AWAITING_REBALANCE not in states, "nothing more is decided here"
    assert "c-1" not in life.recorder.fences
    assert owner(bench) is None
    await life.cycle_leases.claim()
    assert owner(bench) is None, "it is not an initiator's any more"
    await bench.end()
    await bench.begin(opens=False)
    (claimed,) = bench.engine.of(CycleClaimed)
    assert claimed.view.cycle.state is S.AWAITING_REBALANCE


async def test_a_finalizer_opens_nothing(bench: Bench) -> None:
    await bench.begin(opens=False)
    assert bench.engine.of(NumbersGranted) == []


async def test_of_several_initiators_one_opens_at_a_time(bench: Bench) -> None:
    first = await bench.begin(in_turn=True, lease_s=600.0)
    await until(lambda: first.initiating.held, "it has its turn")
    numbers = bench.engine
    await until(lambda: bool(numbers.of(NumbersGranted)), "numbers")
    second = await bench.begin(in_turn=True, lease_s=600.0)
    await second.initiating.turn()
    assert not second.initiating.held
    assert bench.engine.of(NumbersGranted) == []
    await first.stop()
    await until(lambda: second.initiating.held, "the next one's turn")
    await until(lambda: bool(bench.engine.of(NumbersGranted)), "its numbers")
    await first.initiating.turn()
    last = numbers.of(NumbersGranted)[-1]
    assert last.first > last.last, "who has lost its turn has no numbers left"


async def test_what_a_person_asks_elsewhere_reaches_the_owner_once(bench: Bench) -> None:
    life = await bench.begin()
    await bench.step(opened(1, new_order("buy-1")))
    await until(lambda: bench.order("buy-1").is_over, "filled")
    await until(lambda: bench.engine.view().orders[0].is_over, "told")
    version = bench.engine.view().cycle.version
    ask = partial(asking.ask, mode=MODE, cycle_id="c-1", action="compensate", by="kim")
    assert bench.store.now(ask, version=version, note="too slow") == version + 1
    assert bench.store.now(ask, version=version, note="again") is None, "it is another version"
    await until(lambda: bool(bench.engine.of(OperatorAsked)), "heard")
    (heard,) = bench.engine.of(OperatorAsked)
    assert (heard.cycle_id, heard.action, heard.by) == ("c-1", "compensate", "kim")
    assert (heard.version, heard.note) == (version + 1, "too slow")
    assert bench.engine.view().cycle.version == version + 1
    await life.cycle_leases.follow()
    assert len(bench.engine.of(OperatorAsked)) == 1
