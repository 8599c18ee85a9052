"""Hedge: a short of what was bought, for as long as it is on its way (HEDGED_TRANSFER).

The coin's own price then does not matter any more; the premium and the rate of USDT still do. The
short is as large as what the cycle holds of the base, in whole lots: opened when the first leg is
filled, closed in step with what has been sold. Whatever else becomes of a cycle, a short without
its coins is closed first: that only takes risk away, so nobody has to be asked.

Perpetuals are Binance's (USDT-M), in one-way mode. What secures them is a purse of its own that a
person fills: what a short has gained or lost stays there, and one that it cannot secure is refused
by the venue, so the cycle turns back. A short receives the funding when that is positive; it counts
in the plan's cost, but what is really paid (every eight hours) is in no order's fills, and so not
in the cycle's result.
"""

from __future__ import annotations

from decimal import Decimal

from app.domain.cycles import CycleStep, ExecutionStyle
from app.domain.markets import Instrument, Product, Side
from app.domain.orders import OrderTerms, OrderType, Role
from app.domain.times import MINUTE_NS
from app.domain.venues import Venue
from app.engine.execution.amounts import ONE, ZERO, ceil, floor, lots, takes
from app.engine.execution.failing import fail
from app.engine.execution.scene import Answer, Rest, Scene
from app.engine.execution.sight import TETHER, Perpetual

VENUE = Venue.BINANCE
BAND = Decimal("0.005")
"""From the mark: what trades at once does so at its own book's price, which nobody watches."""
STEP = Decimal("0.05")
"""Of the short: less is not closed while there are coins: the network's fee was hedged as well."""
TRIES_MAX = 3
CLOSE_TRIES_MAX = 20
REST_NS = MINUTE_NS // 30


def perpetual(base: str) -> Instrument:
    return Instrument(VENUE, base, TETHER, Product.PERPETUAL)


def cost(terms: Perpetual, minutes: float, at_ns: int) -> Decimal:
    """Share of what is hedged: both trades, less the fundings until it is closed."""
    until_ns = at_ns + round(minutes * MINUTE_NS)
    received = terms.rate if at_ns <= terms.next_at_ns <= until_ns else ZERO
    return 2 * terms.fee - received


def short(scene: Scene) -> Decimal:
    """Of the base, that is open now."""
    total = ZERO
    for each in scene.orders(Role.HEDGE):
        sold = each.terms.side is Side.SELL
        total += each.filled_quantity if sold else -each.filled_quantity
    return total


def held(scene: Scene) -> Decimal:
    """Of the base, wherever the cycle has it, on its way as well."""
    base = scene.plan.buy.base
    return sum((each.amount for each in scene.view.holdings if each.asset == base), ZERO)


def opening(scene: Scene) -> OrderTerms | str | None:
    """What is still to be sold short; a word: it cannot be; None: nothing."""
    if scene.cycle.style is not ExecutionStyle.HEDGED_TRANSFER or scene.cycle.compensating:
        return None
    terms = scene.sight.perpetual(perpetual(scene.plan.buy.base), scene.at_ns)
    tried = [each for each in scene.orders(Role.HEDGE) if each.terms.side is Side.SELL]
    if terms is None:
        return None if short(scene) else "NO_PERPETUAL"
    wanted = lots(held(scene) - short(scene), terms.grid)
    if not takes(terms.grid, wanted, terms.mark):
        return None
    if len(tried) >= TRIES_MAX:
        return "HEDGE_FAILED"
    price = ceil(terms.mark * (ONE - BAND), terms.grid.tick)
    return _terms(scene, Side.SELL, price, wanted)


def closing(scene: Scene) -> Answer | None:
    """The part of the short that covers nothing any more; None: there is none."""
    if scene.plan.hedge is None:
        return None
    excess = short(scene) - held(scene)
    if excess <= ZERO:
        return None
    terms = scene.sight.perpetual(scene.plan.hedge, scene.at_ns)
    if terms is None:
        late = scene.at_ns >= scene.since_entered(scene.policy.return_s_max)
        return fail(scene, "NO_PERPETUAL") if late else scene.pause()
    # All of it when no coins are left, however few; else whole lots, never too many.
    wanted = lots(excess, terms.grid) if _has_coins(scene) else short(scene)
    whole = wanted == short(scene)
    if not whole and (wanted < short(scene) * STEP or not takes(terms.grid, wanted, terms.mark)):
        return None
    tried = [each for each in scene.orders(Role.HEDGE) if each.terms.side is Side.BUY]
    if len(tried) >= CLOSE_TRIES_MAX:
        return fail(scene, "HEDGE_STUCK")
    if tried and scene.at_ns < tried[-1].updated_at_ns + REST_NS and not tried[-1].filled_quantity:
        return Rest(tried[-1].updated_at_ns + REST_NS)
    price = floor(terms.mark * (ONE + BAND), terms.grid.tick)
    order = scene.order(Role.HEDGE, CycleStep.HEDGE_CLOSED, _terms(scene, Side.BUY, price, wanted))
    return scene.turn(
        CycleStep.HEDGE_CLOSED, orders=(order,), wake_at_ns=scene.after(scene.policy.leg_s_max)
    )


def _has_coins(scene: Scene) -> bool:
    base = scene.plan.buy.base
    return any(
        each.asset == base
        and (each.venue is None or not scene.is_dust(each.venue, base, each.amount))
        for each in scene.view.holdings
    )


def _terms(scene: Scene, side: Side, price: Decimal, quantity: Decimal) -> OrderTerms:
    base = scene.plan.buy.base
    return OrderTerms(perpetual(base), side, OrderType.IOC, price, quantity)
