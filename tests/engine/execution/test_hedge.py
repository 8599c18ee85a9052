"""HEDGED_TRANSFER: a short while the coins are on their way, closed in step with their sale."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec import structs

from app.domain.cycles import CycleState, CycleStep, ExecutionStyle, Outcome
from app.domain.facts import TradeRefused
from app.domain.markets import Product, Side
from app.domain.orders import Role
from app.engine.execution.hedge import perpetual
from tests.engine.builders import BINANCE, UPBIT
from tests.engine.execution.kit import TRADING, Desk
from tests.engine.execution.test_main_line import desk as plain
from tests.engine.execution.test_main_line import korea_dear

S = CycleState
HEDGED = structs.replace(TRADING, styles=("HEDGED_TRANSFER",))


def desk(**script: list[str]) -> Desk:
    world = plain()
    world.take_policy(HEDGED)
    for step, answers in script.items():
        world.script[step].extend(answers)
    world.funding("XRP", "2.5")
    world.start()
    korea_dear(world)
    return world


def hedges(world: Desk) -> list[tuple[Side, Decimal]]:
    return [(each.terms.side, each.filled_quantity) for each in world.view().orders
            if each.role is Role.HEDGE]  # fmt: skip


def moved(world: Desk, share: float) -> None:
    """The coin's own price, everywhere alike."""
    mid = 2.5 * (1 + share)
    world.book(BINANCE, "XRP", mid * 0.9999, mid * 1.0001)
    world.book(UPBIT, "XRP", mid * 1_400 * 1.02 * 0.9999, mid * 1_400 * 1.02 * 1.0001)
    world.funding("XRP", f"{mid:.6f}")


def test_what_is_bought_is_sold_short_until_it_is_sold() -> None:
    world = desk()
    assert world.cycle().style is ExecutionStyle.HEDGED_TRANSFER
    assert world.cycle().plan.hedge.product is Product.PERPETUAL
    (opened,) = hedges(world)
    assert opened[0] is Side.SELL
    assert abs(world.held_of("XRP") - opened[1]) < Decimal("0.3"), "a lot, and the network's fee"
    assert len(world.view().transfers) == 1
    moved(world, 0.0)
    world.wait(100.0)
    moved(world, 0.0)
    world.until(S.COMPLETED)
    assert [side for side, _ in hedges(world)] == [Side.SELL, Side.BUY]
    assert hedges(world)[0][1] == hedges(world)[1][1]


@pytest.mark.parametrize("share", [-0.10, 0.10])
def test_the_coin_s_own_price_does_not_matter(share: float) -> None:
    world = desk()
    world.wait(110.0)
    moved(world, share)
    world.until(S.COMPLETED)
    cycle = world.cycle()
    net_bps = float(cycle.pnl_krw / cycle.plan.notional_krw * 10_000)
    assert net_bps == pytest.approx(cycle.plan.net_bps, abs=35.0), "without it 1,000 more or less"
    assert sum(part.bps for part in cycle.actual) == pytest.approx(net_bps, abs=1e-9)
    bars = {part.code: part.bps for part in cycle.actual}
    assert bars["hedge"] * share < 0
    planned = next(part.bps for part in cycle.plan.parts if part.code == "return")
    assert bars["return"] == pytest.approx(planned, abs=5.0), "the short's fees are the short's"


def test_a_part_of_the_sale_closes_a_part_of_the_short() -> None:
    world = desk(LEG2_SENT=["part"])
    world.wait(110.0)
    moved(world, 0.0)
    world.until(S.COMPLETED)
    sides = [side for side, _ in hedges(world)]
    assert sides == [Side.SELL, Side.BUY, Side.BUY]


def test_without_a_short_it_turns_back() -> None:
    world = desk(HEDGE_OPEN=["none"] * 3)
    world.until(S.COMPLETED, seconds=120)
    assert world.cycle().outcome is Outcome.COMPENSATED
    assert world.cycle().reason == "HEDGE_FAILED"
    assert not world.view().transfers


def test_coins_that_come_back_close_it() -> None:
    world = desk(WITHDRAW_REQUESTED=["return"])
    world.wait(110.0)
    moved(world, 0.0)
    world.until(S.COMPLETED, seconds=900)
    assert world.accounts["c-1"].short == 0
    assert world.cycle().outcome is Outcome.COMPENSATED


def test_what_has_no_perpetual_is_not_hedged() -> None:
    world = plain()
    world.take_policy(HEDGED)
    world.start()
    korea_dear(world)
    assert not world.accounts
    (refused,) = world.told(TradeRefused)
    assert refused.refused.code == "NO_PERPETUAL"  # type: ignore[attr-defined]


def test_what_only_has_its_name_is_not_sold_short() -> None:
    world = plain()
    world.take_policy(HEDGED)
    world.funding("XRP", "3.2")
    world.start()
    world.lose(BINANCE)
    sight = world.engine.trading.sight
    assert sight.perpetual(perpetual("XRP"), world.at_ns) is None, "another XRP, or another price"
    world.funding("XRP", "2.51")
    assert sight.perpetual(perpetual("XRP"), world.at_ns) is not None


def test_the_mark_goes_on_with_the_coin() -> None:
    """It is read once a minute; the order has to be near what is traded now."""
    world = plain()
    world.funding("XRP", "2.5")
    world.book(BINANCE, "XRP", 2.549, 2.551)
    terms = world.engine.trading.sight.perpetual(perpetual("XRP"), world.at_ns)
    assert terms is not None
    assert terms.mark == Decimal("2.55")


def test_a_late_transfer_keeps_its_short() -> None:
    world = desk(WITHDRAW_REQUESTED=["hang"])
    for _ in range(20):
        world.wait(100.0, step_s=20.0)
        moved(world, 0.0)
    assert world.cycle().state is S.AWAITING_RETRY
    assert world.accounts["c-1"].short > 200
    assert world.cycle().step in {CycleStep.ON_CHAIN, CycleStep.WITHDRAW_REQUESTED}
