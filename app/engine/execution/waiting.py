"""Waiting: while something sent is unresolved, nothing is decided but how long to wait for it.

| what | for how long | then |
|---|---|---|
| an order planned and not sent | leg_s_max | it expires: its price is an old one |
| an order that rests | leg_s_max | it is cancelled, and asked about |
| an order not heard of | leg_s_max | it is asked about |
| an order unresolved | UNRESOLVED_NS | the cycle fails, and later becomes a person's |
| a transfer planned and not sent | UNSENT_NS | it expires |
| a transfer on its way | transfer_s_max | the cycle fails: nothing is sent for it, it is looked at
again with each try, and its money stays where the ledger says |
"""

from __future__ import annotations

from app.domain.cycles import CycleState, CycleStep
from app.domain.facts import AskOrder, CancelOrder, Command
from app.domain.orders import Order, OrderState
from app.domain.times import MINUTE_NS, SECOND_NS
from app.domain.transfers import Transfer, TransferState
from app.engine.execution.failing import fail
from app.engine.execution.scene import Answer, Rest, Scene, Turn

UNRESOLVED_NS = 15 * MINUTE_NS
UNSENT_NS = MINUTE_NS
RESTING = frozenset({OrderState.OPEN, OrderState.PARTIALLY_FILLED})
STEPS = {
    TransferState.SENT: CycleStep.WITHDRAW_REQUESTED,
    TransferState.UNKNOWN: CycleStep.WITHDRAW_REQUESTED,
    TransferState.ACCEPTED: CycleStep.WITHDRAW_REQUESTED,
    TransferState.AWAITING_VENUE: CycleStep.TRAVEL_RULE_HOLD,
    TransferState.NEEDS_OPERATOR: CycleStep.TRAVEL_RULE_HOLD,
    TransferState.ON_CHAIN: CycleStep.ON_CHAIN,
    TransferState.HELD: CycleStep.DEPOSIT_PENDING,
}


def waiting(scene: Scene) -> Answer | None:
    """None: everything that was sent is over."""
    orders = [each for each in scene.view.orders if not each.is_over]
    transfers = [each for each in scene.view.transfers if not each.is_over]
    if not orders and not transfers:
        return None
    expire = _expired(scene, orders, transfers)
    if expire:
        return scene.turn(expire=expire, note="EXPIRE")
    if any(_since(each) + UNRESOLVED_NS <= scene.at_ns for each in orders if _sent(each)):
        return fail(scene, "UNRESOLVED")
    late_ns = round(scene.policy.transfer_s_max * SECOND_NS)
    if any(each.planned_at_ns + late_ns <= scene.at_ns for each in transfers):
        return fail(scene, "TRANSFER_LATE")
    step = _step(scene, orders, transfers)
    if step is not scene.cycle.step:
        return scene.turn(step)
    commands = questions(scene)
    if commands:
        return Turn(None, commands)
    return Rest(_next_ns(scene, orders, transfers))


def _expired(scene: Scene, orders: list[Order], transfers: list[Transfer]) -> tuple[str, ...]:
    leg_ns = _leg_ns(scene)
    return (
        *(o.client_id for o in orders
          if o.state is OrderState.PLANNED and o.planned_at_ns + leg_ns <= scene.at_ns),
        *(t.client_id for t in transfers
          if t.state is TransferState.PLANNED and t.planned_at_ns + UNSENT_NS <= scene.at_ns),
    )  # fmt: skip


def questions(scene: Scene) -> tuple[Command, ...]:
    """Of what takes too long; whoever sends them does not repeat them at every tick."""
    commands: list[Command] = []
    for each in scene.view.orders:
        if each.is_over or not _sent(each) or _since(each) + _leg_ns(scene) > scene.at_ns:
            continue
        venue = each.terms.instrument.venue
        ask = CancelOrder if each.state in RESTING else AskOrder
        commands.append(ask(venue, each.client_id))
    return tuple(commands)


def _step(scene: Scene, orders: list[Order], transfers: list[Transfer]) -> CycleStep:
    """Only the way there has steps of its own; on the way home it is RETURN_SENT throughout."""
    state = scene.cycle.state
    if state is CycleState.STARTED and any(o.state in RESTING for o in orders):
        one = scene.cycle.step in {CycleStep.LEG1_SENT, CycleStep.LEG1_PARTIAL}
        partial = any(o.state is OrderState.PARTIALLY_FILLED for o in orders)
        return CycleStep.LEG1_PARTIAL if one and partial else scene.cycle.step
    if state is not CycleState.INITIAL_TRADE_COMPLETED or not transfers:
        return scene.cycle.step
    return STEPS.get(transfers[0].state, scene.cycle.step)


def _next_ns(scene: Scene, orders: list[Order], transfers: list[Transfer]) -> int:
    late_ns = round(scene.policy.transfer_s_max * SECOND_NS)
    times = [_since(each) + _leg_ns(scene) for each in orders]
    times += [_since(each) + UNRESOLVED_NS for each in orders if _sent(each)]
    times += [each.planned_at_ns + late_ns for each in transfers]
    times += [
        each.planned_at_ns + UNSENT_NS for each in transfers if each.state is TransferState.PLANNED
    ]
    ahead = [each for each in times if each > scene.at_ns]
    return min(ahead, default=scene.at_ns + SECOND_NS)


def _sent(order: Order) -> bool:
    return order.state is not OrderState.PLANNED


def _since(order: Order) -> int:
    return order.planned_at_ns if order.signed_at_ns is None else order.signed_at_ns


def _leg_ns(scene: Scene) -> int:
    return round(scene.policy.leg_s_max * SECOND_NS)
