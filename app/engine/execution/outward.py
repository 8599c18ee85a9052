"""Outward: buy here, bring the coin there, sell it there (TRANSFER).

| state, step | waits for | then |
|---|---|---|
| STARTED, LEG1_SENT | the first order | its coins go on, or nothing was done |
| INITIAL_TRADE_COMPLETED, WITHDRAW_REQUESTED … DEPOSIT_PENDING | the transfer | it is credited |
| INITIAL_TRADE_COMPLETED, CREDITED | the price | the coin is sold |
| INITIAL_TRADE_COMPLETED, LEG2_SENT | the second order | the rest is repeated, or homeward |

What has become impossible turns back: from AWAITING_REBALANCE on the shortest way home is taken.
"""

from __future__ import annotations

from decimal import Decimal

from app.domain.cycles import CycleState, CycleStep
from app.domain.markets import Side
from app.domain.orders import OrderState, OrderTerms, OrderType, Role
from app.domain.times import SECOND_NS
from app.domain.transfers import TransferState
from app.engine.execution import finalizer, hedge
from app.engine.execution.amounts import (
    BPS,
    ONE,
    ZERO,
    depth,
    exact,
    limit_price,
    lots,
    takes,
    trade,
)
from app.engine.execution.failing import fail
from app.engine.execution.finalizer import Hop, arriving
from app.engine.execution.scene import UNSENT_MAX, Answer, Rest, Scene, Turn, unsent_in_row
from app.engine.execution.sight import Link
from app.engine.execution.waiting import waiting

S = CycleState
REFUSALS_MAX = 3
REFUSED_REST_NS = 30 * SECOND_NS
AT_ONCE = Decimal("0.25")
"""Of the loss that is allowed at last: so much is taken without waiting for a better price."""
REPEAT_NS = SECOND_NS // 2
FRESH_NS = 30 * SECOND_NS
"""So long the prices of the plan are taken to hold."""


def started(scene: Scene) -> Answer:
    answer = waiting(scene)
    if answer is not None:
        return answer
    orders = scene.orders(Role.INITIAL)
    if not sum((each.filled_quantity for each in orders), ZERO):
        last = orders[-1].state if orders else OrderState.EXPIRED
        word = "UNFILLED" if last is OrderState.CANCELLED else last.value
        return fail(scene, f"LEG1_{word}")
    return _onward(scene, S.INITIAL_TRADE_COMPLETED)


def initial_completed(scene: Scene) -> Answer:
    answer = waiting(scene)
    if answer is not None:
        return answer
    closing = hedge.closing(scene)
    if closing is not None:
        return closing
    plan = scene.plan
    there = scene.held(plan.sell.venue, plan.buy.base)
    if not scene.is_dust(plan.sell.venue, plan.buy.base, there):
        return _second_leg(scene, there)
    went = [each for each in scene.transfers(Role.TRANSFER) if each.state is TransferState.CREDITED]
    here = scene.held(plan.buy.venue, plan.buy.base)
    if went or scene.is_dust(plan.buy.venue, plan.buy.base, here):
        return scene.turn(
            CycleStep.RETURN_WAITING, S.AWAITING_REBALANCE, retries=0, wake_at_ns=scene.at_ns
        )
    return _onward(scene)


# The way there


def _onward(scene: Scene, *moves: CycleState) -> Answer:
    plan, base = scene.plan, scene.plan.buy.base
    here = scene.held(plan.buy.venue, base)
    tried = scene.transfers(Role.TRANSFER)
    back = [each for each in tried if each.state is TransferState.RETURNED]
    refused = [
        each for each in tried if each.state in {TransferState.REJECTED, TransferState.NOT_PLACED}
    ]
    if unsent_in_row(scene) >= UNSENT_MAX and not moves:
        return fail(scene, "UNSENT")
    if back:
        return turn_back(scene, "TRANSFER_RETURNED", *moves)
    if len(refused) >= REFUSALS_MAX:
        return turn_back(scene, refused[-1].code or "TRANSFER_REJECTED", *moves)
    if refused and scene.at_ns < refused[-1].updated_at_ns + REFUSED_REST_NS:
        return Rest(refused[-1].updated_at_ns + REFUSED_REST_NS)
    short = hedge.opening(scene)
    if isinstance(short, str):
        return turn_back(scene, short, *moves)
    if short is not None:
        order = scene.order(Role.HEDGE, CycleStep.HEDGE_OPEN, short)
        return scene.turn(
            CycleStep.HEDGE_OPEN, *moves, orders=(order,),
            wake_at_ns=scene.after(scene.policy.leg_s_max),
        )  # fmt: skip
    link = _link(scene)
    if link is None:
        if moves:
            return scene.turn(CycleStep.LEG1_PARTIAL, *moves, wake_at_ns=scene.at_ns)
        until_ns = scene.since_entered(scene.policy.hold_s_max)
        late = scene.at_ns >= until_ns
        return turn_back(scene, "WALLET_CLOSED") if late else scene.pause()
    amount = arriving(here, link)
    if amount is None or not _worth_going(scene, amount):
        return turn_back(scene, "LEG1_PARTIAL", *moves)
    hop = Hop(base, plan.buy.venue, plan.sell.venue, link, amount)
    transfer = scene.transfer(Role.TRANSFER, CycleStep.WITHDRAW_REQUESTED, hop)
    return scene.turn(
        CycleStep.WITHDRAW_REQUESTED, *moves, transfers=(transfer,),
        wake_at_ns=scene.after(scene.policy.transfer_s_max),
    )  # fmt: skip


def turn_back(scene: Scene, reason: str, *moves: CycleState) -> Turn:
    """Home by the shortest way, at a bounded loss."""
    return scene.turn(
        CycleStep.COMPENSATING, *moves, S.AWAITING_REBALANCE, reason=reason, compensating=True,
        retries=0, wake_at_ns=scene.at_ns,
    )  # fmt: skip


def _link(scene: Scene) -> Link | None:
    """The plan's network while it is open, else the cheapest other."""
    plan = scene.plan
    links = scene.sight.links(plan.buy.base, plan.buy.venue, plan.sell.venue)
    same = [each for each in links if each.chain == plan.chain]
    return next(iter((*same, *links)), None)


def _worth_going(scene: Scene, amount: Decimal) -> bool:
    """Whether it brings more there than sold where it is: a part of what was planned, or all of
    it where the first leg was long unknown."""
    plan = scene.plan
    here = scene.held(plan.buy.venue, plan.buy.base)
    fresh = scene.at_ns < scene.cycle.opened_at_ns + FRESH_NS
    if here >= plan.quantity * Decimal("0.9") and fresh:
        return True
    best = scene.sight.best(plan.sell, scene.at_ns)
    price = plan.sell_price if best is None else best.bid
    grid = scene.sight.grid(plan.sell)
    if grid is not None and not takes(grid, lots(amount, grid), price):
        return False
    sold = finalizer.Ways(plan.home, scene.sight, scene.at_ns).sell(
        finalizer.Purse(plan.buy.venue, plan.buy.base, here), plan.buy.quote
    )
    worth_there = scene.worth(plan.sell.quote, amount * price)
    worth_here = None if sold is None else scene.worth(plan.buy.quote, sold.amount)
    if sold is None or worth_there is None or worth_here is None:
        return True
    # The way home costs about what the plan says of it.
    planned = exact(-sum(each.bps for each in plan.parts if each.code == "return"))
    return worth_there * (ONE - planned / BPS) >= worth_here


# The second leg


def _second_leg(scene: Scene, there: Decimal) -> Answer:
    plan, policy, sight = scene.plan, scene.policy, scene.sight
    orders = scene.orders(Role.SECOND)
    if len(orders) > policy.repeats_max:
        unsent = unsent_in_row(scene) >= policy.repeats_max
        return fail(scene, "UNSENT" if unsent else "LEG2_STUCK")
    if orders and scene.at_ns < orders[-1].updated_at_ns + REPEAT_NS * len(orders):
        return Rest(orders[-1].updated_at_ns + REPEAT_NS * len(orders))
    if scene.cycle.step not in {CycleStep.CREDITED, CycleStep.LEG2_SENT}:
        return scene.turn(CycleStep.CREDITED, wake_at_ns=scene.after(policy.hold_s_max))
    arrived_ns = max(
        (each.credited_at_ns or each.updated_at_ns for each in scene.transfers(Role.TRANSFER)),
        default=scene.cycle.entered_at_ns,
    )
    until_ns = arrived_ns + round(policy.hold_s_max * SECOND_NS)
    late = scene.at_ns >= until_ns
    book, grid = sight.book(plan.sell, scene.at_ns), sight.grid(plan.sell)
    fee, traits = sight.fee(plan.sell, scene.at_ns), sight.traits(plan.sell.venue)
    if book is None or grid is None or fee is None or traits is None:
        return fail(scene, "NO_BOOK") if late else scene.pause()
    quantity = lots(min(there, depth(book.bids)), grid)
    walked = trade(book.bids, quantity) if quantity > ZERO else None
    if walked is None or not takes(grid, quantity, walked.last):
        return fail(scene, "THIN_BOOK") if late else scene.pause()
    least = _least_price(scene, there, fee, arrived_ns)
    if least is None or walked.last < least:
        return fail(scene, "PRICE_GONE") if late else scene.pause()
    # Beyond the worst level that is touched by a band that widens, never below the least.
    band = exact(policy.slippage_bps) / BPS * (len(orders) + 1) / 2
    bound = max(walked.last * (ONE - band), least)
    price = limit_price(Side.SELL, bound, walked.last, book.bids, grid)
    kind = OrderType.IOC if traits.has_ioc else OrderType.LIMIT
    terms = OrderTerms(plan.sell, Side.SELL, kind, price, quantity)
    return scene.turn(
        CycleStep.LEG2_SENT, orders=(scene.order(Role.SECOND, CycleStep.LEG2_SENT, terms),),
        retries=len(orders), wake_at_ns=scene.after(policy.leg_s_max),
    )  # fmt: skip


def _least_price(scene: Scene, there: Decimal, fee: Decimal, arrived_ns: int) -> Decimal | None:
    """At which the cycle, with the planned way home, loses what it may by now: a quarter of
    `loss_bps_max` at once, all of it when `hold_s_max` is over; None: a rate is missing."""
    policy, plan = scene.policy, scene.plan
    rate, coin = scene.sight.price(plan.sell.quote), scene.sight.price(plan.buy.base)
    net = scene.net_krw()
    if rate is None or coin is None or net is None:
        return None
    waited = Decimal(scene.at_ns - arrived_ns) / (exact(policy.hold_s_max) * SECOND_NS)
    tolerance = AT_ONCE + (ONE - AT_ONCE) * min(max(waited, ZERO), ONE)
    return_bps = -sum(each.bps for each in plan.parts if each.code == "return")
    loss_bps = exact(policy.loss_bps_max) * tolerance - exact(return_bps)
    # net counts the coins that are there at their mark; instead they bring price · (1 − fee).
    without = net - there * coin
    needed = -loss_bps / BPS * scene.put_in_krw() - without
    return needed / (there * (ONE - fee) * rate)
