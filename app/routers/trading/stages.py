"""Stages: where a cycle stands on the main line, as the state track and its miniature draw it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.accounting import TransitionRow
from app.domain.cycles import Cycle, CycleState, CycleStep

S = CycleState
MAIN = (
    S.STARTED,
    S.INITIAL_TRADE_COMPLETED,
    S.AWAITING_REBALANCE,
    S.REBALANCING_IN_PROGRESS,
    S.REBALANCE_TRADE_COMPLETED,
    S.COMPLETED,
)
BESIDE = frozenset({S.FAILED, S.AWAITING_RETRY, S.DEAD_LETTER})
"""States beside the main line: something went wrong."""
# How far a step is along the main line, for a cycle that stands beside it.
_BY_STEP: dict[CycleStep, int] = {
    CycleStep.OPENED: 0,
    CycleStep.LEG1_SENT: 0,
    CycleStep.LEG1_PARTIAL: 0,
    CycleStep.LEGS_SENT: 0,
    CycleStep.ONE_LEG: 0,
    CycleStep.HEDGE_OPEN: 0,
    CycleStep.WITHDRAW_REQUESTED: 1,
    CycleStep.ON_CHAIN: 1,
    CycleStep.DEPOSIT_PENDING: 1,
    CycleStep.TRAVEL_RULE_HOLD: 1,
    CycleStep.CREDITED: 1,
    CycleStep.LEG2_SENT: 1,
    CycleStep.HEDGE_CLOSED: 2,
    CycleStep.RETURN_WAITING: 2,
    CycleStep.RETURN_SENT: 3,
    CycleStep.COMPENSATING: 3,
    CycleStep.SETTLING: 4,
    CycleStep.ENDED: 5,
}


@dataclass(frozen=True, slots=True)
class Stage:
    """One stop of the track. kind: done, now, ahead; for_s: how long it was, or is, there.

    ill: the cycle stands beside the main line here.
    """

    state: CycleState
    kind: str
    at_ns: int | None = None
    for_s: float | None = None
    times: int = 0
    ill: bool = False


@dataclass(frozen=True, slots=True)
class Miniature:
    """How many stops are behind; ill: c it will go on by itself, F it waits for a person."""

    done: int
    ill: str
    over: bool


def miniature(cycle: Cycle) -> Miniature:
    over = cycle.closed_at_ns is not None
    if cycle.state in MAIN:
        return Miniature(MAIN.index(cycle.state), "", over)
    ill = "F" if cycle.state is S.DEAD_LETTER else "c" if not over else ""
    return Miniature(_BY_STEP[cycle.step] if not over else 0, ill, over)


def track(cycle: Cycle, moves: Sequence[TransitionRow], now_ns: int) -> tuple[Stage, ...]:
    """The six stops of the main line, and the one beside it where the cycle is just now."""
    seen: dict[CycleState, list[tuple[int, int | None]]] = {}
    ends = [*(row.at_ns for row in moves[1:]), cycle.closed_at_ns or now_ns]
    for row, end_ns in zip(moves, ends, strict=True):
        seen.setdefault(row.to, []).append((row.at_ns, end_ns))
    last = max((MAIN.index(state) for state in seen if state in MAIN), default=0)
    beside = cycle.state in BESIDE
    if beside:
        before = [MAIN.index(row.to) for row in moves if row.to in MAIN]
        last = before[-1] if before else 0
    found = []
    for index, state in enumerate(MAIN):
        spans = seen.get(state, [])
        if not beside and state is cycle.state:
            kind = "now"
        else:
            kind = "done" if spans and index <= last else "ahead"
        found.append(_stage(state, kind, spans))
        if beside and index == last:
            found.append(_stage(cycle.state, "now", seen.get(cycle.state, []), ill=True))
    return tuple(found)


def _stage(
    state: CycleState, kind: str, spans: Sequence[tuple[int, int | None]], *, ill: bool = False
) -> Stage:
    if not spans or kind == "ahead":
        return Stage(state, kind, ill=ill)
    at_ns, end_ns = spans[-1]
    for_s = None if end_ns is None else max(end_ns - at_ns, 0) / 1e9
    return Stage(state, kind, at_ns, for_s, len(spans), ill)
