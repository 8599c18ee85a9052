"""Asked: what a person may want of a cycle. Each is a decision like any other, by who clicked.

| action | from | does |
|---|---|---|
| retry | AWAITING_RETRY, DEAD_LETTER | one more try now |
| compensate | the same, and any state with nothing under way | home by the shortest way |
| close | AWAITING_RETRY, DEAD_LETTER | COMPLETED as it is, with a note |

The version that the person saw must be the one that is there: a second click does nothing.
"""

from __future__ import annotations

from app.domain.cycles import CycleState, CycleStep, Outcome
from app.domain.events import OperatorAsked
from app.domain.orders import ORDER_ENDS
from app.engine.execution.failing import begin_try
from app.engine.execution.scene import Scene, Turn

RETRY, COMPENSATE, CLOSE = "retry", "compensate", "close"
ACTIONS = (RETRY, COMPENSATE, CLOSE)
S = CycleState
STOPPED = frozenset({S.AWAITING_RETRY, S.DEAD_LETTER})


def asked(scene: Scene, event: OperatorAsked) -> Turn | None:
    """None: it cannot be done as things are."""
    if event.version != scene.cycle.version or event.action not in ACTIONS:
        return None
    if event.action == CLOSE:
        return _close(scene, event)
    if scene.cycle.state in STOPPED:
        compensating = True if event.action == COMPENSATE else None
        return begin_try(scene, actor=event.by, why=event.note, compensating=compensating)
    return _compensate(scene, event) if event.action == COMPENSATE else None


def _compensate(scene: Scene, event: OperatorAsked) -> Turn | None:
    state = scene.cycle.state
    if state is S.INITIAL_TRADE_COMPLETED and not _under_way(scene):
        return scene.turn(
            CycleStep.COMPENSATING, S.AWAITING_REBALANCE, reason="COMPENSATE", actor=event.by,
            compensating=True, note=event.note,
        )  # fmt: skip
    if state in {S.AWAITING_REBALANCE, S.REBALANCING_IN_PROGRESS}:
        return scene.turn(reason="COMPENSATE", compensating=True, note=event.note)
    return None


def _close(scene: Scene, event: OperatorAsked) -> Turn | None:
    """Not while an order may still trade: nobody would own what it brings."""
    state = scene.cycle.state
    open_orders = any(each.state not in ORDER_ENDS for each in scene.view.orders)
    if state not in STOPPED or open_orders:
        return None
    moves = (S.DEAD_LETTER, S.COMPLETED) if state is S.AWAITING_RETRY else (S.COMPLETED,)
    return scene.turn(
        CycleStep.ENDED, *moves, reason="CLOSED_BY_HAND", actor=event.by,
        outcome=Outcome.CLOSED_BY_HAND, pnl_krw=scene.net_krw(), note=event.note,
        expire=scene.unsent(),
    )  # fmt: skip


def _under_way(scene: Scene) -> bool:
    orders = any(not each.is_over for each in scene.view.orders)
    return orders or any(not each.is_over for each in scene.view.transfers)
