"""Prefunded: both legs at the same moment, and what becomes of it when only one of them trades.

| after both legs | then |
|---|---|
| nothing traded | FAILED, nothing done |
| both traded alike | INITIAL_TRADE_COMPLETED → REBALANCE_TRADE_COMPLETED → COMPLETED at once |
| one traded more | ONE_LEG: the rest of the other is repeated within the band of the plan, for
leg_s_max; then the longer one is unwound where that costs least, at a bounded loss |

The measure is the cycle's net of the base, by the ledger: fees and rests are in it.
"""

from __future__ import annotations

from decimal import Decimal

from app.domain.cycles import CycleState, CycleStep
from app.domain.markets import Instrument, Side
from app.domain.orders import OrderTerms, OrderType, Role
from app.domain.times import SECOND_NS
from app.engine.execution.amounts import BPS, ONE, ZERO, depth, exact, lots, takes, trade
from app.engine.execution.failing import exposed, fail
from app.engine.execution.finalizer import Trade
from app.engine.execution.scene import Answer, Rest, Scene
from app.engine.execution.settling import settle
from app.engine.execution.waiting import waiting

S = CycleState


def started(scene: Scene) -> Answer:
    answer = waiting(scene)
    if answer is not None:
        return answer
    if not exposed(scene):
        return fail(scene, "LEGS_UNFILLED")
    uneven = imbalance(scene)
    if uneven is None:
        return settle(scene, S.INITIAL_TRADE_COMPLETED)
    until_ns = _sent_ns(scene) + round(scene.policy.leg_s_max * SECOND_NS)
    repeats = len(scene.orders(Role.SECOND))
    if scene.at_ns < until_ns and repeats < scene.policy.repeats_max:
        terms = _rest(scene, uneven)
        if terms is None:
            return Rest(min(until_ns, scene.pause().until_ns))
        order = scene.order(Role.SECOND, CycleStep.ONE_LEG, terms)
        return scene.turn(
            CycleStep.ONE_LEG, orders=(order,), retries=repeats + 1, wake_at_ns=until_ns
        )
    # The rest does not trade at its price: what has traded too much is unwound.
    return scene.turn(
        CycleStep.RETURN_WAITING, S.INITIAL_TRADE_COMPLETED, S.AWAITING_REBALANCE,
        reason="ONE_LEG", compensating=True, wake_at_ns=scene.at_ns,
    )  # fmt: skip


def initial_completed(scene: Scene) -> Answer:
    """Only where a person or an owner that is gone left it so."""
    answer = waiting(scene)
    if answer is not None:
        return answer
    if imbalance(scene) is None:
        return settle(scene)
    return scene.turn(
        CycleStep.RETURN_WAITING, S.AWAITING_REBALANCE, reason="ONE_LEG", compensating=True,
        wake_at_ns=scene.at_ns,
    )  # fmt: skip


def imbalance(scene: Scene) -> Decimal | None:
    """Of the base: > 0 too much was bought, < 0 too much was sold; None: even, but for dust."""
    base = scene.plan.buy.base
    net = sum((each.amount for each in scene.view.net if each.asset == base), ZERO)
    if scene.is_dust(scene.plan.sell.venue, base, net):
        return None
    # A rest that neither venue takes cannot be evened out.
    return net if _instruments(scene, net) else None


def balance(scene: Scene, uneven: Decimal) -> Trade | None:
    """The trade that evens it out for the most money; None: no book is fit for it."""
    found: list[tuple[Decimal, Trade]] = []
    for instrument, side in _instruments(scene, uneven):
        trade_now = _walk(scene, instrument, side, abs(uneven))
        price = scene.sight.price(instrument.quote)
        if trade_now is None or price is None:
            continue
        sign = ONE if side is Side.SELL else -ONE
        found.append((sign * trade_now.gets * price, trade_now))
    return max(found, key=lambda each: each[0])[1] if found else None


def _instruments(scene: Scene, uneven: Decimal) -> list[tuple[Instrument, Side]]:
    """Where it may be evened out, with what the cycle itself holds there."""
    plan = scene.plan
    side = Side.SELL if uneven > ZERO else Side.BUY
    found: list[tuple[Instrument, Side]] = []
    for instrument in (plan.sell, plan.buy):
        grid = scene.sight.grid(instrument)
        price = instrument_price(scene, instrument)
        if grid is None or price is None:
            found.append((instrument, side))
            continue
        if not takes(grid, lots(abs(uneven), grid), price):
            continue
        asset = plan.buy.base if side is Side.SELL else instrument.quote
        needed = abs(uneven) if side is Side.SELL else abs(uneven) * price
        if scene.held(instrument.venue, asset) * Decimal("1.02") >= needed:
            found.append((instrument, side))
    return found


def instrument_price(scene: Scene, instrument: Instrument) -> Decimal | None:
    """Of the base in its quote, by today's marks."""
    base, quote = scene.sight.price(instrument.base), scene.sight.price(instrument.quote)
    return None if base is None or quote is None else base / quote


def _walk(scene: Scene, instrument: Instrument, side: Side, quantity: Decimal) -> Trade | None:
    sight = scene.sight
    book, grid = sight.book(instrument, scene.at_ns), sight.grid(instrument)
    fee, traits = sight.fee(instrument, scene.at_ns), sight.traits(instrument.venue)
    if book is None or grid is None or fee is None or traits is None:
        return None
    levels = book.bids if side is Side.SELL else book.asks
    if side is Side.BUY and traits.fee_in_base:
        quantity = quantity / (ONE - fee)
    quantity = lots(min(quantity, depth(levels)), grid)
    walked = trade(levels, quantity) if quantity > ZERO else None
    if walked is None or not takes(grid, quantity, walked.last):
        return None
    value = walked.value * (ONE - fee if side is Side.SELL else ONE + fee)
    return Trade(instrument, side, quantity, walked.last, value)


def _rest(scene: Scene, uneven: Decimal) -> OrderTerms | None:
    """What the shorter leg still lacks, no worse than the plan by more than the slippage."""
    plan, policy = scene.plan, scene.policy
    band = exact(policy.slippage_bps) / BPS
    instrument, side = (plan.sell, Side.SELL) if uneven > ZERO else (plan.buy, Side.BUY)
    found = _walk(scene, instrument, side, abs(uneven))
    traits = scene.sight.traits(instrument.venue)
    if found is None or traits is None:
        return None
    if side is Side.SELL and found.last < plan.sell_price * (ONE - band):
        return None
    if side is Side.BUY and found.last > plan.buy_price * (ONE + band):
        return None
    asset = instrument.base if side is Side.SELL else instrument.quote
    needs = found.quantity if side is Side.SELL else found.quantity * found.last
    if needs > scene.held(instrument.venue, asset):
        return None
    kind = OrderType.IOC if traits.has_ioc else OrderType.LIMIT
    return OrderTerms(instrument, side, kind, found.last, found.quantity)


def _sent_ns(scene: Scene) -> int:
    return max(
        (each.signed_at_ns or each.planned_at_ns for each in scene.orders(Role.INITIAL)),
        default=scene.cycle.opened_at_ns,
    )
