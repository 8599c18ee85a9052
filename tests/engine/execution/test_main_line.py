"""The main line: bought abroad, sold in Korea, home by the cheapest coin; every figure adds up."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.domain.cycles import CycleState, CycleStep, ExecutionStyle, Outcome, Strategy
from app.domain.facts import CycleOpened, OpportunityClosed
from app.domain.live import Status
from app.domain.orders import Role
from app.domain.trading import TradingState
from tests.engine.builders import BINANCE, UPBIT, fair
from tests.engine.execution.kit import Desk

S = CycleState


def korea_dear(desk: Desk, premium: float = 0.02) -> None:
    fair(desk, BINANCE)
    fair(desk, UPBIT, premium=premium)


def desk() -> Desk:
    made = Desk()
    for venue in (UPBIT, BINANCE):
        made.lists(venue, "XRP")
    for venue in (UPBIT, BINANCE):
        made.open(venue, "XRP")
    made.tether()
    made.official()
    made.wallets(assets=("XRP", "USDT"))
    made.fund(BINANCE, "USDT", 10_000)
    fair(made, UPBIT)
    fair(made, BINANCE)
    made.wait(1.0)
    return made


def test_high_premium_by_transfer() -> None:
    world = desk()
    world.start()
    korea_dear(world)
    opened = world.told(CycleOpened)
    assert len(opened) == 1
    cycle = world.cycle()
    assert (cycle.strategy, cycle.style) == (Strategy.HIGH_PREMIUM, ExecutionStyle.TRANSFER)
    assert cycle.state is S.INITIAL_TRADE_COMPLETED
    assert cycle.step in {CycleStep.WITHDRAW_REQUESTED, CycleStep.ON_CHAIN}
    world.until(S.AWAITING_REBALANCE, S.REBALANCING_IN_PROGRESS, seconds=300)
    world.until(S.COMPLETED, seconds=600)
    assert world.states() == [
        "STARTED", "INITIAL_TRADE_COMPLETED", "AWAITING_REBALANCE", "REBALANCING_IN_PROGRESS",
        "REBALANCE_TRADE_COMPLETED", "COMPLETED",
    ]  # fmt: skip
    cycle = world.cycle()
    assert cycle.outcome is Outcome.PROFIT
    assert cycle.pnl_krw > 10_000
    assert world.available[BINANCE, "USDT"] > 10_000
    roles = [each.role for each in world.view().orders]
    assert roles == [Role.INITIAL, Role.SECOND, Role.REBALANCE]


def test_plan_and_actual_sum_to_their_nets() -> None:
    world = desk()
    world.start()
    korea_dear(world)
    world.until(S.COMPLETED)
    cycle = world.cycle()
    assert sum(part.bps for part in cycle.plan.parts) == pytest.approx(cycle.plan.net_bps, abs=1e-9)
    net_bps = float(cycle.pnl_krw / cycle.plan.notional_krw * 10_000)
    assert sum(part.bps for part in cycle.actual) == pytest.approx(net_bps, abs=1e-9)
    assert [each.code for each in cycle.actual] == [
        "edge", "buy_slippage", "buy_fee", "withdrawal", "sell_slippage", "sell_fee", "rates",
        "return", "residual",
    ]  # fmt: skip
    planned = {each.code: each.bps for each in cycle.plan.parts}
    for each in cycle.actual:
        if each.code in planned:
            assert each.bps == pytest.approx(planned[each.code], abs=1.0), each.code
    assert net_bps == pytest.approx(cycle.plan.net_bps, abs=2.0)


def test_the_opportunity_of_a_cycle_is_executed() -> None:
    world = desk()
    world.start()
    korea_dear(world)
    fair(world, UPBIT)
    closed = world.told(OpportunityClosed)
    assert [fact.opportunity.status for fact in closed] == [Status.EXECUTED]  # type: ignore[attr-defined]


@pytest.mark.parametrize("state", [TradingState.HALTED, TradingState.REDUCING])
def test_nothing_begins_unless_active(state: TradingState) -> None:
    world = desk()
    world.start(state)
    korea_dear(world)
    world.wait(5.0)
    assert not world.accounts


def test_it_begins_when_trading_starts_while_the_chance_is_there() -> None:
    world = desk()
    korea_dear(world)
    world.wait(2.0)
    assert not world.accounts
    world.start()
    world.wait(2.0)
    assert world.accounts


def test_what_is_spent_was_reserved_and_the_rest_comes_back() -> None:
    world = desk()
    world.start()
    korea_dear(world)
    order = world.view().orders[0]
    limit = order.terms.price * order.terms.quantity
    assert world.available[BINANCE, "USDT"] == Decimal(10_000) - limit
    world.until(S.COMPLETED)
    assert not world.accounts["c-1"].held
