"""Trading: the open cycles of this engine, and what is decided about them. Level-triggered.

A decision is a function of what is committed (CycleView), the market, the policy and the time. It
leaves as a fact with its commands; until its answer is back nothing more is decided about that
cycle: the engine's view is the database's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from app.domain.events import (
    CycleChanged,
    CycleClaimed,
    CycleLost,
    CycleRefused,
    DayRead,
    Event,
    NumbersGranted,
    OperatorAsked,
    PursesRead,
    TradingPolicyChanged,
    TradingStateChanged,
)
from app.domain.facts import Command, Fact
from app.domain.live import Opportunity
from app.engine.execution.ids import Identity


KINDS: tuple[type[Event], ...] = (
    TradingPolicyChanged, TradingStateChanged, NumbersGranted, PursesRead, DayRead,
    CycleClaimed, CycleChanged, CycleLost, CycleRefused, OperatorAsked,
)  # fmt: skip


class Trading:
    """One method per event; facts and commands are appended to the lists of the step."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.steps: dict[type[Event], Callable[[Any, list[Fact], list[Command]], None]] = (
            dict.fromkeys(KINDS, self._take)
        )

    def take(self, event: Event, facts: list[Fact], commands: list[Command]) -> None:
        self.steps[type(event)](event, facts, commands)

    def found(
        self, rows: Iterable[Opportunity], at_ns: int, facts: list[Fact], commands: list[Command]
    ) -> None:
        """Opportunities that have just begun."""

    def tick(self, at_ns: int, facts: list[Fact], commands: list[Command]) -> None:
        """Time passes: waits end, prices are looked at."""

    def _take(self, event: Event, facts: list[Fact], commands: list[Command]) -> None:
        """Taken in."""
