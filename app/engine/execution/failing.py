"""Failing: what a cycle becomes when it cannot go on, and when it is tried again.

FAILED with nothing at stake is an end. Otherwise it is tried again from what the ledger says that
it holds: `retry_max` times, each try counted when it begins, then DEAD_LETTER for a person. The
wait doubles, and differs from cycle to cycle by a share made of its name, so that cycles which
failed together do not come back together.
"""

from __future__ import annotations

from typing import Any

from app.domain.cycles import CycleState, CycleStep, Outcome
from app.domain.orders import OrderState
from app.domain.times import SECOND_NS
from app.domain.trading import TradingPolicy
from app.domain.transfers import TransferState
from app.engine.execution.ids import Identity, share
from app.engine.execution.scene import Answer, Rest, Scene, Turn

NOT_MOVED = frozenset({
    TransferState.PLANNED, TransferState.EXPIRED, TransferState.REJECTED,
    TransferState.NOT_PLACED,
})  # fmt: skip
FOREVER = 2**62


def delay_ns(policy: TradingPolicy, identity: Identity, cycle_id: str, attempts: int) -> int:
    """Before the try after so many: base · factor^attempts, ± jitter."""
    chance = 2.0 * share(identity, cycle_id, "retry", attempts) - 1.0
    seconds = policy.retry_base_s * policy.retry_factor**attempts
    return round(seconds * (1.0 + policy.retry_jitter * chance) * SECOND_NS)


def exposed(scene: Scene) -> bool:
    """Whether anything was traded or moved, or may have been."""
    return any(
        order.filled_quantity or (not order.is_over and order.state is not OrderState.PLANNED)
        for order in scene.view.orders
    ) or any(transfer.state not in NOT_MOVED for transfer in scene.view.transfers)


def fail(scene: Scene, reason: str, **fields: Any) -> Turn:
    """From any working state."""
    failed = CycleState.FAILED
    unsent = scene.unsent()
    if not exposed(scene):
        return scene.turn(
            CycleStep.ENDED, failed, reason=reason, expire=unsent,
            outcome=Outcome.NOTHING_DONE, **fields,
        )  # fmt: skip
    return _again(scene, reason, (failed,), expire=unsent, **fields)


def _again(scene: Scene, reason: str, moves: tuple[CycleState, ...], **fields: Any) -> Turn:
    cycle, policy = scene.cycle, scene.policy
    if cycle.attempts >= policy.retry_max:
        moves = (*moves, CycleState.DEAD_LETTER)
        return scene.turn(None, *moves, reason=reason, note=f"DEAD_LETTER {reason}", **fields)
    at_ns = scene.at_ns + delay_ns(policy, scene.identity, cycle.id, cycle.attempts)
    moves = (*moves, CycleState.AWAITING_RETRY)
    return scene.turn(
        None, *moves, reason=reason, next_attempt_at_ns=at_ns, wake_at_ns=at_ns,
        note=f"RETRY {cycle.attempts + 1}/{policy.retry_max} {reason}", **fields,
    )  # fmt: skip


def failed(scene: Scene) -> Answer:
    """Found so: by the decision of an owner that is gone."""
    if scene.cycle.outcome is not None or not exposed(scene):
        return Rest(FOREVER)
    return _again(scene, scene.cycle.reason or "FAILED", ())


def awaiting_retry(scene: Scene) -> Answer:
    at_ns = scene.cycle.next_attempt_at_ns
    if at_ns is not None and scene.at_ns < at_ns:
        return Rest(at_ns)
    if scene.cycle.attempts >= scene.policy.retry_max:
        # Fewer tries are allowed now than when it was put to wait.
        return scene.turn(
            None, CycleState.DEAD_LETTER, reason=scene.cycle.reason or "RETRIES_SPENT"
        )
    return begin_try(scene)


def begin_try(scene: Scene, *, actor: str = "engine", why: str = "", **fields: Any) -> Turn:
    """A try is counted when it begins: one that breaks the process is not tried for ever."""
    attempts = scene.cycle.attempts + 1
    return scene.turn(
        CycleStep.RETURN_WAITING, CycleState.AWAITING_REBALANCE, reason="RETRY",
        keeps_reason=True, actor=actor,
        attempts=attempts, retries=0, wake_at_ns=scene.at_ns, note=f"TRY {attempts} {why}".strip(),
        **fields,
    )  # fmt: skip


def dead_letter(scene: Scene) -> Answer:  # noqa: ARG001 - only a person moves it
    return Rest(FOREVER)
