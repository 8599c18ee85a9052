"""Cycles: the table of who decides in which state. The legal moves stand in `domain.cycles`.

    STARTED → INITIAL_TRADE_COMPLETED → AWAITING_REBALANCE → REBALANCING_IN_PROGRESS
            → REBALANCE_TRADE_COMPLETED → COMPLETED
    any working state → FAILED → AWAITING_RETRY → AWAITING_REBALANCE, at last DEAD_LETTER

A decision is a pure function of what is committed, the market, the policy and the time: asked
twice it says the same, and after a crash it is asked again. While an intent is unresolved only its
time decides. A state that nobody moves is left by time: see `waiting` for intents, `leg_s_max`,
`hold_s_max`, `return_s_max` for prices and ways, `next_attempt_at` for tries. Only DEAD_LETTER,
which is a person's, and the ends stay.
"""

from __future__ import annotations

from collections.abc import Callable

from app.domain.cycles import CycleState, ExecutionStyle, check_move
from app.engine.execution import failing, homeward, outward, prefunded, settling
from app.engine.execution.scene import Answer, Rest, Scene

S = CycleState
FOREVER = failing.FOREVER
Decide = Callable[[Scene], Answer]


def _ended(scene: Scene) -> Answer:  # noqa: ARG001 - there is nothing left to look at
    return Rest(FOREVER)


DECIDE: dict[CycleState, Decide] = {
    S.STARTED: outward.started,
    S.INITIAL_TRADE_COMPLETED: outward.initial_completed,
    S.AWAITING_REBALANCE: homeward.awaiting_rebalance,
    S.REBALANCING_IN_PROGRESS: homeward.rebalancing,
    S.REBALANCE_TRADE_COMPLETED: settling.rebalanced,
    S.FAILED: failing.failed,
    S.AWAITING_RETRY: failing.awaiting_retry,
    S.DEAD_LETTER: failing.dead_letter,
    S.COMPLETED: _ended,
}
BOTH_LEGS: dict[CycleState, Decide] = {
    S.STARTED: prefunded.started,
    S.INITIAL_TRADE_COMPLETED: prefunded.initial_completed,
}
"""Where a prefunded cycle differs."""


def decide(scene: Scene) -> Answer:
    cycle = scene.cycle
    table = BOTH_LEGS if cycle.style is ExecutionStyle.PREFUNDED else DECIDE
    answer = table.get(cycle.state, DECIDE[cycle.state])(scene)
    if not isinstance(answer, Rest) and answer.decision is not None:
        state = cycle.state
        for move in answer.decision.moves:
            check_move(state, move.to)
            state = move.to
    return answer
