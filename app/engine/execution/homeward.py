"""Homeward: from AWAITING_REBALANCE on, the way home of whatever the ledger says a cycle holds.

Nothing here remembers how the cycle got there: each decision looks at the holdings, takes the
finalizer's cheapest way for one of them, and does its first stage.

The way is taken at once where it costs no more than `return_bps_max` or than the plan has set
aside for it, or where what is already secured leaves what the plan wanted. Otherwise it is waited
for, and at last taken at a loss of no more than `loss_bps_max`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from app.domain.cycles import CycleState, CycleStep, ExecutionStyle, Holding
from app.domain.markets import Side
from app.domain.orders import Order, OrderTerms, OrderType, Role
from app.domain.times import SECOND_NS
from app.domain.transfers import TransferState
from app.engine.execution import finalizer, hedge, prefunded
from app.engine.execution.amounts import BPS, ONE, ZERO, exact, limit_price, lots, takes
from app.engine.execution.failing import fail
from app.engine.execution.finalizer import Hop, Trade, Way
from app.engine.execution.scene import LEFT_SHARE, UNSENT_MAX, Answer, Rest, Scene, unsent_in_row
from app.engine.execution.settling import settle
from app.engine.execution.waiting import waiting

REFUSALS_MAX = 3
"""Transfers of one try that the venue refuses or that prove not to have arrived."""
REFUSED_REST_NS = 30 * SECOND_NS
REPEAT_NS = SECOND_NS // 2
S = CycleState


class Next(NamedTuple):
    """What to do for one holding. cost_bps: of what was put in; None: a price is not known."""

    stage: Trade | Hop
    base: str
    cost_bps: Decimal | None


def awaiting_rebalance(scene: Scene) -> Answer:
    answer = waiting(scene) or hedge.closing(scene)
    if answer is not None:
        return answer
    found = _next(scene)
    if found is None:
        return settle(scene, S.REBALANCING_IN_PROGRESS)
    patience_ns = scene.since_entered(scene.policy.return_s_max)
    if isinstance(found, str):
        return fail(scene, found) if scene.at_ns >= patience_ns else scene.pause()
    if is_welcome(scene, found.cost_bps) or (
        (scene.at_ns >= patience_ns or scene.cycle.compensating or scene.cycle.attempts)
        and is_bounded(scene, found.cost_bps)
    ):
        return _act(scene, found, S.REBALANCING_IN_PROGRESS)
    return fail(scene, _against(scene, found)) if scene.at_ns >= patience_ns else scene.pause()


def rebalancing(scene: Scene) -> Answer:
    answer = waiting(scene) or hedge.closing(scene)
    if answer is not None:
        return answer
    since_ns = scene.cycle.entered_at_ns
    orders = scene.orders(Role.REBALANCE, Role.COMPENSATION, since_ns=since_ns)
    transfers = scene.transfers(Role.REBALANCE, Role.COMPENSATION, since_ns=since_ns)
    states = [each.state.value for each in orders] + [each.state.value for each in transfers]
    if states and all(state == "EXPIRED" for state in states) and _loose(scene):
        if unsent_in_row(scene) >= UNSENT_MAX:
            return fail(scene, "UNSENT")
        return scene.turn(
            CycleStep.RETURN_WAITING, S.AWAITING_REBALANCE, reason="UNSENT",
            wake_at_ns=scene.at_ns,
        )  # fmt: skip
    refused = [
        each
        for each in transfers
        if each.state in {TransferState.REJECTED, TransferState.NOT_PLACED, TransferState.RETURNED}
    ]
    if len(refused) >= REFUSALS_MAX:
        return fail(scene, "TRANSFER_REJECTED")
    if refused and scene.at_ns < refused[-1].updated_at_ns + REFUSED_REST_NS:
        return Rest(refused[-1].updated_at_ns + REFUSED_REST_NS)
    found = _next(scene)
    if found is None:
        return settle(scene)
    updated = [each.updated_at_ns for each in orders] + [each.updated_at_ns for each in transfers]
    patience_ns = max(since_ns, *updated) if updated else since_ns
    patience_ns += scene.after(scene.policy.return_s_max) - scene.at_ns
    if isinstance(found, str) or not is_bounded(scene, found.cost_bps):
        reason = found if isinstance(found, str) else _against(scene, found)
        return fail(scene, reason) if scene.at_ns >= patience_ns else scene.pause()
    last = orders[-1] if orders else None
    if last is not None and not last.filled_quantity:
        # What did not trade, or was refused, is not repeated in the same moment.
        again_ns = last.updated_at_ns + REPEAT_NS * len(orders)
        if scene.at_ns < again_ns:
            return Rest(again_ns)
    if isinstance(found.stage, Trade) and _tried(orders, found.stage) > scene.policy.repeats_max:
        return fail(scene, "RETURN_STUCK")
    return _act(scene, found)


# What is to be done next


def _loose(scene: Scene) -> bool:
    if scene.cycle.style is ExecutionStyle.PREFUNDED:
        return prefunded.imbalance(scene) is not None
    return bool(scene.loose())


def _next(scene: Scene) -> Next | str | None:
    """None: all is at home. A word: why nothing can be done about what is not."""
    if scene.cycle.style is ExecutionStyle.PREFUNDED:
        return _balance(scene)
    found: list[tuple[bool, Next]] = []
    reason: str | None = None
    for holding in scene.loose():
        way = finalizer.choose(
            holding, scene.plan.home, scene.sight, scene.at_ns, scene.cycle.return_base
        )
        if way is None:
            reason = reason or _why_not(scene, holding)
            continue
        found.append((isinstance(way.first, Hop), Next(way.first, way.base, _cost(scene, way))))
    # Trades before transfers: what is bought with the rest goes with the same transfer.
    return min(found, key=lambda each: each[0])[1] if found else reason


def _balance(scene: Scene) -> Next | str | None:
    uneven = prefunded.imbalance(scene)
    if uneven is None:
        return None
    trade = prefunded.balance(scene, uneven)
    if trade is None:
        return "NO_BOOK"
    coins = scene.worth(trade.instrument.base, trade.quantity)
    paid = scene.worth(trade.instrument.quote, trade.gets)
    cost = None if coins is None or paid is None else scene.bps(coins - paid)
    if cost is not None and trade.side is Side.BUY:
        cost = -cost
    return Next(trade, trade.instrument.base, cost)


def _why_not(scene: Scene, holding: Holding) -> str | None:
    """None: so little that no venue takes it; it stays where it is."""
    worth = scene.worth(holding.asset, holding.amount)
    if worth is not None and worth < scene.plan.notional_krw * LEFT_SHARE:
        return None
    return "NO_WAY_HOME"


def _cost(scene: Scene, way: Way) -> Decimal | None:
    cost = finalizer.cost_bps(way, scene.sight, scene.plan.home)
    worth = scene.worth(way.holding.asset, way.holding.amount)
    return None if cost is None or worth is None else cost * worth / scene.put_in_krw()


def _secured(scene: Scene) -> Decimal | None:
    net = scene.net_krw()
    return None if net is None else scene.bps(net)


def _against(scene: Scene, found: Next) -> str:
    """Why it is not done, when its cost is the reason."""
    is_known = found.cost_bps is not None and _secured(scene) is not None
    return "WAY_TOO_DEAR" if is_known else "NO_PRICE"


def is_welcome(scene: Scene, cost_bps: Decimal | None) -> bool:
    """Cheap enough to be taken without waiting."""
    secured = _secured(scene)
    if cost_bps is None or secured is None:
        return False
    policy, plan = scene.policy, scene.plan
    planned = -sum(each.bps for each in plan.parts if each.code == "return")
    budget = max(policy.return_bps_max, planned + policy.slippage_bps)
    return cost_bps <= exact(budget) or secured - cost_bps >= exact(plan.net_bps)


def is_bounded(scene: Scene, cost_bps: Decimal | None) -> bool:
    """At its end the cycle will not have lost more than it may."""
    secured = _secured(scene)
    if cost_bps is None or secured is None:
        return False
    loss_max = exact(scene.policy.loss_bps_max)
    return secured - cost_bps >= -loss_max or cost_bps <= exact(scene.policy.return_bps_max)


def _tried(orders: list[Order], trade: Trade) -> int:
    return sum(
        each.terms.instrument == trade.instrument and each.terms.side is trade.side
        for each in orders
    )


def _act(scene: Scene, found: Next, *moves: CycleState) -> Answer:
    """The first stage of the way, planned and sent."""
    role = Role.COMPENSATION if scene.cycle.compensating else Role.REBALANCE
    step, stage = CycleStep.RETURN_SENT, found.stage
    if isinstance(stage, Hop):
        transfer = scene.transfer(role, step, stage)
        return scene.turn(
            step, *moves, transfers=(transfer,), return_base=found.base,
            wake_at_ns=scene.after(scene.policy.transfer_s_max),
        )  # fmt: skip
    since_ns = scene.cycle.entered_at_ns if not moves else scene.at_ns
    count = _tried(scene.orders(Role.REBALANCE, Role.COMPENSATION, since_ns=since_ns), stage)
    terms = terms_of(scene, stage, count)
    if terms is None:
        return scene.pause()
    carried = stage.instrument.base if stage.side is Side.BUY else found.base
    return scene.turn(
        step, *moves, orders=(scene.order(role, step, terms),), retries=count,
        return_base=carried, wake_at_ns=scene.after(scene.policy.leg_s_max),
    )  # fmt: skip


def terms_of(scene: Scene, trade: Trade, count: int) -> OrderTerms | None:
    """Limit at the worst price that a walk touches now, and a band beyond it that widens with each
    repetition; a purchase never costs more than is held, with its fee."""
    sight, instrument = scene.sight, trade.instrument
    book, grid = sight.book(instrument, scene.at_ns), sight.grid(instrument)
    fee, traits = sight.fee(instrument, scene.at_ns), sight.traits(instrument.venue)
    if book is None or grid is None or fee is None or traits is None:
        return None
    band = exact(scene.policy.slippage_bps) * count / max(scene.policy.repeats_max, 1) / BPS
    quantity = trade.quantity
    levels = book.asks if trade.side is Side.BUY else book.bids
    beyond = trade.last * (ONE + band if trade.side is Side.BUY else ONE - band)
    price = limit_price(trade.side, beyond, trade.last, levels, grid)
    if trade.side is Side.BUY:
        held = scene.held(instrument.venue, instrument.quote)
        budget = held if traits.fee_in_base else held / (ONE + fee)
        quantity = min(quantity, lots(budget / price, grid))
    if price <= ZERO or not takes(grid, quantity, price):
        return None
    kind = OrderType.IOC if traits.has_ioc else OrderType.LIMIT
    return OrderTerms(instrument, trade.side, kind, price, quantity)
