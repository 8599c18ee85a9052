"""Settling: what a cycle has brought, and where it differs from its plan, in bps that sum.

| part | is |
|---|---|
| edge | what the two plan prices promised |
| buy_slippage, sell_slippage | bought and sold at other prices than planned; on the way there the
premium moves, and that is in the second |
| buy_fee, sell_fee | of both trades |
| withdrawal | what was bought and did not arrive to be sold: network fee, lots |
| rates | the moneys of both venues against each other, since the plan |
| return | the way home: trades, fees, networks |
| hedge | what the short has gained, less its fees, where there was one |
| residual | what no bar explains: rests, rounding |

Each part is the step from one product of factors to the next, so all of them together are the net.
"""

from __future__ import annotations

from decimal import Decimal
from math import fsum
from typing import NamedTuple

from app.domain.cycles import CycleState, CycleStep, Outcome, Part, Plan
from app.domain.orders import AssetAmount, Order, Role
from app.engine.execution.amounts import BPS, ONE, ZERO
from app.engine.execution.failing import fail
from app.engine.execution.scene import Answer, Scene, Turn

EDGE, RESIDUAL = "edge", "residual"


class Steps(NamedTuple):
    """Factors of one unit of what was put in, in the order of the parts."""

    edge: Decimal
    buy_slippage: Decimal = ONE
    buy_fee: Decimal = ONE
    withdrawal: Decimal = ONE
    sell_slippage: Decimal = ONE
    sell_fee: Decimal = ONE


def parts(steps: Steps, net_bps: float, beyond: tuple[Part, ...] = ()) -> tuple[Part, ...]:
    """The products' steps, what is known beyond them, and the residual; they sum to the net."""
    found: list[Part] = []
    product = ONE
    for code, factor in zip(steps._fields, steps, strict=True):
        found.append(Part(code, float(product * (factor - ONE) * BPS)))
        product *= factor
    found += beyond
    found.append(Part(RESIDUAL, net_bps - fsum(each.bps for each in found)))
    return tuple(found)


def settle(scene: Scene, *moves: CycleState) -> Turn:
    """To REBALANCE_TRADE_COMPLETED: all is where it should be, what it brought is not told yet."""
    return scene.turn(
        CycleStep.SETTLING, *moves, CycleState.REBALANCE_TRADE_COMPLETED, expire=scene.unsent(),
        wake_at_ns=scene.at_ns,
    )  # fmt: skip


def rebalanced(scene: Scene) -> Answer:
    """To COMPLETED; without prices it cannot be told what it has brought."""
    pnl = scene.net_krw()
    if pnl is None:
        until_ns = scene.since_entered(scene.policy.return_s_max)
        return fail(scene, "NO_PRICE") if scene.at_ns >= until_ns else scene.pause()
    return scene.turn(
        CycleStep.ENDED, CycleState.COMPLETED, outcome=outcome(scene, pnl), pnl_krw=pnl,
        fees_krw=fees_krw(scene), actual=actual(scene, pnl), note=f"PNL {pnl:.0f} KRW",
    )  # fmt: skip


def outcome(scene: Scene, pnl_krw: Decimal) -> Outcome:
    if scene.cycle.compensating:
        return Outcome.COMPENSATED
    return Outcome.PROFIT if pnl_krw > ZERO else Outcome.LOSS


def fees_krw(scene: Scene) -> Decimal:
    """Of what has a price now."""
    worths = (scene.worth(each.asset, each.amount) for each in scene.view.fees)
    return sum((each for each in worths if each is not None), ZERO)


def actual(scene: Scene, pnl_krw: Decimal) -> tuple[Part, ...]:
    net_bps = float(scene.bps(pnl_krw))
    plan = scene.plan
    bought = _leg(scene.orders(Role.INITIAL, Role.SECOND), plan.buy.base, plan, is_buy=True)
    sold = _leg(scene.orders(Role.INITIAL, Role.SECOND), plan.buy.base, plan, is_buy=False)
    edge = next((each.bps for each in plan.parts if each.code == EDGE), None)
    if bought is None or sold is None or edge is None:
        # It was taken home without the second trade.
        return (Part("compensation", net_bps), Part(RESIDUAL, 0.0))
    steps = Steps(
        ONE + Decimal(repr(edge)) / BPS,
        plan.buy_price / bought.price,
        bought.kept,
        sold.quantity / bought.received,
        sold.price / plan.sell_price,
        sold.kept,
    )
    product = ONE
    for factor in steps:
        product *= factor
    spent = scene.worth(plan.buy.quote, bought.quantity * bought.price)
    proceeds = scene.worth(plan.sell.quote, sold.quantity * sold.price * sold.kept)
    if not spent or proceeds is None:
        return parts(steps, net_bps)
    made = proceeds / spent
    rates = Part("rates", float((made - product) * BPS))
    hedged = (scene.hedge_krw() or ZERO) - _hedge_fees_krw(scene)
    home = Part("return", net_bps - float((made - ONE) * BPS + scene.bps(hedged)))
    if plan.hedge is None:
        return parts(steps, net_bps, (rates, home))
    return parts(steps, net_bps, (rates, home, Part("hedge", float(scene.bps(hedged)))))


def _hedge_fees_krw(scene: Scene) -> Decimal:
    fees = (fee for each in scene.orders(Role.HEDGE) for fee in each.fees)
    worths = (scene.worth(fee.asset, fee.amount) for fee in fees)
    return sum((each for each in worths if each is not None), ZERO)


class Leg(NamedTuple):
    """kept: the share that the fee left. received: of the base, after a fee in it."""

    quantity: Decimal
    price: Decimal
    kept: Decimal
    received: Decimal


def _leg(orders: list[Order], base: str, plan: Plan, *, is_buy: bool) -> Leg | None:
    instrument = plan.buy if is_buy else plan.sell
    quantity = value = in_base = in_quote = ZERO
    for each in orders:
        if each.terms.instrument != instrument or each.average_price is None:
            continue
        if (each.terms.side.value == "buy") is not is_buy:
            continue
        quantity += each.filled_quantity
        value += each.filled_quantity * each.average_price
        in_base += _fee(each.fees, base)
        in_quote += _fee(each.fees, instrument.quote)
    if not quantity or not value:
        return None
    kept = ONE - in_base / quantity - in_quote / value
    return Leg(quantity, value / quantity, kept, quantity - in_base)


def _fee(fees: tuple[AssetAmount, ...], asset: str) -> Decimal:
    return sum((each.amount for each in fees if each.asset == asset), ZERO)
