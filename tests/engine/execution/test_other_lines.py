"""LOW_PREMIUM, SPATIAL, PREFUNDED, and what becomes of one leg."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec import structs

from app.domain.cycles import CycleState, ExecutionStyle, Outcome, Strategy
from app.domain.facts import CycleOpened, TradeRefused
from app.domain.markets import Side
from app.domain.orders import Role
from app.domain.venues import Venue
from tests.engine.builders import BINANCE, BYBIT, UPBIT, fair
from tests.engine.execution.kit import TRADING, Desk

S = CycleState
PREFUNDED = structs.replace(TRADING, styles=("PREFUNDED",))


def desk(*venues: Venue, policy: object = TRADING) -> Desk:
    made = Desk(policy)  # type: ignore[arg-type]
    for venue in venues:
        made.lists(venue, "XRP")
    for venue in venues:
        made.open(venue, "XRP")
    made.tether()
    made.official()
    made.wallets(assets=("XRP", "USDT"))
    for venue in venues:
        fair(made, venue)
    made.wait(1.0)
    return made


def even(world: Desk) -> Decimal:
    """What the cycle's base nets to."""
    return sum((each.amount for each in world.view().net if each.asset == "XRP"), Decimal(0))


def test_low_premium_by_transfer() -> None:
    world = desk(UPBIT, BINANCE)
    world.fund(UPBIT, "KRW", 5_000_000)
    world.start()
    fair(world, BINANCE)
    fair(world, UPBIT, premium=-0.02)
    assert world.cycle().strategy is Strategy.LOW_PREMIUM
    world.until(S.COMPLETED)
    assert world.cycle().outcome is Outcome.PROFIT
    assert world.available[UPBIT, "KRW"] > 5_010_000
    hops = [(each.terms.asset, each.terms.to_venue) for each in world.view().transfers]
    assert hops == [("XRP", BINANCE), ("USDT", UPBIT)]


def test_spatial_by_transfer_comes_home_as_money() -> None:
    world = desk(UPBIT, BINANCE, BYBIT)
    world.fund(BINANCE, "USDT", 5_000)
    fair(world, UPBIT, premium=-0.01)
    fair(world, BINANCE, premium=-0.01)
    world.start()
    fair(world, BYBIT, premium=0.01)
    world.wait(2.0)
    cycle = world.cycle()
    assert (cycle.strategy, cycle.direction) == (Strategy.SPATIAL, "flat")
    world.until(S.COMPLETED)
    assert world.cycle().outcome is Outcome.PROFIT
    assert world.cycle().return_base == "USDT"
    assert [each.terms.asset for each in world.view().transfers] == ["XRP", "USDT"]
    assert world.available[BINANCE, "USDT"] > 5_000


def prefunded() -> Desk:
    world = desk(UPBIT, BINANCE, policy=PREFUNDED)
    world.fund(BINANCE, "USDT", 5_000)
    world.fund(UPBIT, "XRP", 2_000)
    world.start()
    return world


def korea_dear(world: Desk) -> None:
    fair(world, BINANCE)
    fair(world, UPBIT, premium=0.02)


def test_prefunded_buys_and_sells_at_once() -> None:
    world = prefunded()
    korea_dear(world)
    cycle = world.cycle()
    assert cycle.style is ExecutionStyle.PREFUNDED
    assert world.states() == [
        "STARTED", "INITIAL_TRADE_COMPLETED", "REBALANCE_TRADE_COMPLETED", "COMPLETED",
    ]  # fmt: skip
    assert cycle.outcome is Outcome.PROFIT
    assert not world.view().transfers
    assert abs(even(world)) < Decimal("0.02")
    assert world.available[UPBIT, "KRW"] > 1_000_000
    net_bps = float(cycle.pnl_krw / cycle.plan.notional_krw * 10_000)
    assert sum(part.bps for part in cycle.actual) == pytest.approx(net_bps, abs=1e-9)


def test_prefunded_without_a_fill_did_nothing() -> None:
    world = prefunded()
    world.script["LEGS_SENT"].extend(("none", "none"))
    korea_dear(world)
    assert world.states() == ["STARTED", "FAILED"]
    assert world.cycle().outcome is Outcome.NOTHING_DONE
    assert world.available[UPBIT, "XRP"] == 2_000


def test_one_leg_is_repeated_at_its_price() -> None:
    world = prefunded()
    world.script["LEGS_SENT"].extend(("fill", "part"))
    korea_dear(world)
    roles = [each.role for each in world.view().orders]
    assert roles == [Role.INITIAL, Role.INITIAL, Role.SECOND]
    assert world.cycle().state is S.COMPLETED
    assert abs(even(world)) < Decimal("0.02")


@pytest.mark.parametrize("unfilled", [("fill", "none"), ("none", "fill")])
def test_one_leg_that_cannot_be_repeated_is_unwound(unfilled: tuple[str, str]) -> None:
    world = prefunded()
    world.script["LEGS_SENT"].extend(unfilled)
    world.script["ONE_LEG"].extend(["none"] * 6)
    korea_dear(world)
    world.until(S.COMPLETED, seconds=120)
    assert world.cycle().outcome is Outcome.COMPENSATED
    assert world.states()[1:4] == [
        "INITIAL_TRADE_COMPLETED", "AWAITING_REBALANCE", "REBALANCING_IN_PROGRESS",
    ]  # fmt: skip
    assert abs(even(world)) < Decimal("0.5")
    sides = {each.terms.side for each in world.view().orders if each.role is Role.COMPENSATION}
    assert sides == ({Side.SELL} if unfilled[0] == "fill" else {Side.BUY})
    lost = -world.cycle().pnl_krw / world.cycle().plan.notional_krw
    assert lost < Decimal("0.03")


def test_without_coins_to_sell_nothing_is_prefunded() -> None:
    world = desk(UPBIT, BINANCE, policy=PREFUNDED)
    world.fund(BINANCE, "USDT", 5_000)
    world.start()
    korea_dear(world)
    assert not world.told(CycleOpened)
    refused = world.told(TradeRefused)
    assert len(refused) == 1
    world.wait(3.0)
    assert len(world.told(TradeRefused)) == 1, "told once, not at every look"


def test_styles_are_tried_in_their_order() -> None:
    policy = structs.replace(TRADING, styles=("PREFUNDED", "TRANSFER"))
    world = desk(UPBIT, BINANCE, policy=policy)
    world.fund(BINANCE, "USDT", 5_000)
    world.start()
    korea_dear(world)
    assert world.cycle().style is ExecutionStyle.TRANSFER
