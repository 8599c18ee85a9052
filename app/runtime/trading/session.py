"""Session: events in, one engine step each, facts and commands out. The only caller of `step`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import structlog

from app.domain.events import Event, FrameReceived
from app.domain.facts import (
    AskOrder,
    CancelOrder,
    Command,
    Fact,
    SendOrder,
    SendTransfer,
    Taken,
)
from app.engine.core import Engine
from app.runtime.latency import Latency

log = structlog.get_logger("kimp.session")

# One frame in so many is timed: two clock readings cost more than what they would measure.
TIMED_EVERY = 16
# What goes to the recorder with its step's facts, and leaves after their commit; feeds do the rest.
TRADING = frozenset({SendOrder, CancelOrder, SendTransfer, AskOrder})


class Session:
    """Not awaited anywhere: a step begins and ends within one turn of the loop."""

    def __init__(
        self,
        engine: Engine,
        latency: Latency,
        *,
        do: Callable[[Command], None],
        changed: Callable[[int, int], None],
        stopped: Callable[[str], None],
        trade: Callable[[Sequence[Fact], Sequence[Command]], None] | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """changed(row, at_ns): a book has changed. stopped(reason): a bug of ours ended it.

        trade(facts, commands): all facts of a step, with those of its commands that are trading's.
        """
        self.frames = 0
        self.record: Callable[[Event], None] | None = None
        """Called with every event before its step, while a recording runs."""
        self._step = engine.step
        self._latency = latency
        self._do = do
        self._changed = changed
        self._stopped = stopped
        self._trade = trade
        self._clock_ns = clock_ns
        self._listeners: list[Callable[[Sequence[Fact]], None]] = []
        self._is_over = False

    def listen(self, call: Callable[[Sequence[Fact]], None]) -> None:
        """`call(facts)` after every step that found something out, in order."""
        self._listeners.append(call)

    def take(self, event: Event) -> None:
        """Play one event. After a bug nothing more is decided: a wrong state must not trade."""
        if self._is_over:
            return
        try:
            self._play(event)
        except Exception as bug:
            self._is_over = True
            log.exception("session_stopped", after=type(event).__name__)
            self._stopped(f"{type(bug).__name__}: {bug}")

    def end(self) -> None:
        """Whatever still arrives is not looked at."""
        self._is_over = True

    def _play(self, event: Event) -> None:
        if self.record is not None:
            self.record(event)
        if isinstance(event, FrameReceived):
            self.frames += 1
            taken = self._timed(event) if self.frames % TIMED_EVERY == 0 else self._step(event)
        else:
            taken = self._step(event)
        if taken.row >= 0:
            self._changed(taken.row, event.at_ns)
        if taken.commands or taken.facts:
            self._route(taken)

    def _route(self, taken: Taken) -> None:
        sends: list[Command] = []
        for command in taken.commands:
            if type(command) in TRADING:
                sends.append(command)
            else:
                self._do(command)
        if self._trade is not None:
            self._trade(taken.facts, sends)
        if taken.facts:
            for listener in self._listeners:
                listener(taken.facts)

    def _timed(self, frame: FrameReceived) -> Taken:
        """One step with its stages. decided: from the socket to the end of detection."""
        observe = self._latency.observe
        waited_ns = self._clock_ns() - frame.at_ns
        began_ns = last_ns = time.perf_counter_ns()

        def lap(stage: str) -> None:
            nonlocal last_ns
            now_ns = time.perf_counter_ns()
            observe(stage, now_ns - last_ns)
            last_ns = now_ns

        taken = self._step(frame, lap)
        observe("receive", waited_ns)
        observe("decided", waited_ns + time.perf_counter_ns() - began_ns)
        return taken
