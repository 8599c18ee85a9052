"""Recorder: facts of trading become rows before anything that follows from them leaves.

Keeps R1 (a command is released only after the commit of the step that made it), R7 and R8 (what
the engine is told is what the database holds, read in the committing transaction) and its part of
R9: a fact that the database will not take is a bug of ours, and trading is halted with its text.
Facts queue in order and are committed in groups; the engine never waits. A database that is away
stops new cycles, and nothing is lost: the queue stays, and a group that may have gone through is
recognised when it is tried again (H25).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import structlog

from app.domain.cycles import CycleView
from app.domain.events import (
    CycleChanged,
    CycleClaimed,
    CycleLost,
    CycleRefused,
    DayRead,
    Event,
    NumbersGranted,
    PursesRead,
)
from app.domain.facts import (
    Command,
    CycleDecided,
    CycleOpened,
    Fact,
    SendOrder,
    SendTransfer,
)
from app.ledger import cycles, leases, trading_state
from app.runtime.trading.clock import Clock
from app.runtime.trading.limits import (
    BACKOFF_S,
    BACKOFF_S_MAX,
    GROUP_MAX,
    GROUP_S,
    NUMBERS_AT_ONCE,
    TRIES_MAX,
    WAITING_MAX,
)
from app.runtime.trading.store import Ledger
from app.runtime.trading.transactions import Answer, Kept, LedgerFact, commit_facts, has_ended

log = structlog.get_logger("kimp.trading")

FULL, AWAY = "RECORDER_FULL", "DATABASE"
NO_NUMBERS = 1, 0


class Step(NamedTuple):
    """What one step of the engine wants of trading."""

    facts: tuple[LedgerFact, ...]
    commands: tuple[Command, ...]


class Told(Protocol):
    """Who hears of commits."""

    def event(self, event: Event) -> None:
        """For the engine."""

    def release(self, command: Command) -> None:
        """For the gateway of its venue."""

    def block(self, reason: str, *, on: bool) -> None:
        """Nothing new begins while any reason is on."""

    async def halt(self, reason: str) -> None:
        """Trading stops until a person says otherwise."""


class Recorder:
    """fences: of this owner's claims, by cycle. It is told of every claim and loss."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        told: Told,
        *,
        mode: str,
        owner: str,
        lease_s: float,
        opens: bool = True,
        keeps: Callable[[CycleView], bool] = lambda _: True,
    ) -> None:
        """opens: whether new cycles begin here. keeps(view): whether this owner goes on with it;
        else it is let go of, for others."""
        self.fences: dict[str, int] = {}
        self.commits = 0
        self._ledger = ledger
        self._clock = clock
        self._told = told
        self._mode = mode
        self._owner = owner
        self._lease_s = lease_s
        self._opens = opens
        self._keeps = keeps
        self._given_up: list[str] = []
        self._steps: deque[Step] = deque()
        self._refused: deque[CycleOpened] = deque()
        self._facts = 0
        self._numbers_left = 0
        self._some = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def take(self, facts: Sequence[Fact], commands: Sequence[Command]) -> None:
        """Of one step. Never waits, never calls back."""
        found = tuple(fact for fact in facts if isinstance(fact, CycleOpened | CycleDecided))
        if self._facts >= WAITING_MAX:
            self._refused += (fact for fact in found if isinstance(fact, CycleOpened))
            found = tuple(fact for fact in found if isinstance(fact, CycleDecided))
        if found or commands:
            self._steps.append(Step(found, tuple(commands)))
            self._facts += len(found)
        if self._steps or self._refused:
            self._idle.clear()
            self._some.set()

    def claimed(self, view: CycleView) -> None:
        """This owner has it, by a commit that was not the recorder's."""
        self.fences[view.cycle.id] = view.cycle.fence
        self._told.event(CycleClaimed(self._clock.at_ns(), view))

    def lost(self, cycle_id: str) -> None:
        if self.fences.pop(cycle_id, None) is not None:
            self._told.event(CycleLost(self._clock.at_ns(), cycle_id))

    def changed(self, found: Kept) -> None:
        """A commit of a gateway has changed a cycle."""
        at_ns = self._clock.at_ns()
        cycle = found.view.cycle
        self._tell_money(found, at_ns)
        if self.fences.get(cycle.id) == cycle.fence:
            self._go_on(found.view, at_ns)

    async def open(self, *, is_so: bool) -> None:
        """Whether new cycles begin here from now on."""
        if is_so != self._opens:
            self._opens = is_so
            if is_so:
                await self._grant()
            else:
                self._numbers_left = 0
                self._told.event(NumbersGranted(self._clock.at_ns(), *NO_NUMBERS))

    async def settled(self) -> None:
        """Everything that was taken is committed and told."""
        await self._idle.wait()

    async def run(self) -> None:
        """For ever: commit what waits."""
        if self._opens:
            await self._grant()
        while True:
            await self._some.wait()
            self._some.clear()
            await self._clock.sleep(GROUP_S)
            while self._steps or self._refused:
                await self._turn()
            await self._let_go()
            self._idle.set()

    async def _turn(self) -> None:
        if self._facts >= WAITING_MAX:
            self._told.block(FULL, on=True)
        while self._refused:
            cycle_id = self._refused.popleft().cycle.id
            self._told.event(CycleRefused(self._clock.at_ns(), cycle_id, FULL))
        group: list[Step] = []
        count = 0
        while self._steps and count + len(self._steps[0].facts) <= GROUP_MAX:
            count += len(self._steps[0].facts)
            group.append(self._steps.popleft())
        if not group:  # one step larger than a group is a group
            group.append(self._steps.popleft())
        answers = iter(await self._committed([fact for step in group for fact in step.facts]))
        for step in group:
            self._facts -= len(step.facts)
            self._answered(step, [next(answers) for _ in step.facts])
        if self._facts < WAITING_MAX // 2:
            self._told.block(FULL, on=False)
        if self._opens and self._numbers_left < NUMBERS_AT_ONCE // 2:
            await self._grant()

    async def _committed(self, facts: list[LedgerFact]) -> list[Answer | None]:
        """One answer each. None: the database takes it on no account; trading is halted."""
        if not facts:
            return []
        try:
            return [*await self._commit(facts)]
        except Exception as error:  # noqa: BLE001 - whatever a database says: told apart below
            log.warning("group_not_committed", facts=len(facts), reason=_line(error))
        return [await self._alone(fact) for fact in facts]

    async def _alone(self, fact: LedgerFact) -> Answer | None:
        """Until it is committed, or known to be impossible while the database is well."""
        tries, wait_s = 0, BACKOFF_S
        while True:
            try:
                (answer,) = await self._commit([fact])
            except Exception as error:
                reason = _line(error)
                is_away = not await self._is_there()
                tries += not is_away
                self._told.block(AWAY, on=is_away)
                if tries >= TRIES_MAX:
                    log.exception("fact_impossible", fact=type(fact).__name__)
                    await self._told.halt(f"BUG {type(fact).__name__}: {reason}")
                    return None
                await self._clock.sleep(wait_s)
                wait_s = min(wait_s * 2, BACKOFF_S_MAX)
            else:
                self._told.block(AWAY, on=False)
                return answer

    async def _commit(self, facts: Sequence[LedgerFact]) -> list[Answer]:
        answers = await self._ledger.write(
            commit_facts, self._mode, self._owner, self._lease_s, facts
        )
        self.commits += 1
        return answers

    async def _is_there(self) -> bool:
        try:
            await self._ledger.read(trading_state.read, self._mode)
        except Exception as error:  # noqa: BLE001 - any reason means that it is away
            log.warning("database_away", reason=_line(error))
            return False
        return True

    async def _grant(self) -> None:
        """Numbers for cycles to come; a database that is away is asked again later."""
        try:
            first, last = await self._ledger.write(
                leases.grant_numbers, self._mode, NUMBERS_AT_ONCE
            )
        except Exception as error:  # noqa: BLE001 - as above
            log.warning("numbers_not_granted", reason=_line(error))
            return
        self._numbers_left = last - first + 1
        self._told.event(NumbersGranted(self._clock.at_ns(), first, last))

    def _answered(self, step: Step, answers: list[Answer | None]) -> None:
        """Tell the engine, then release what may leave: only that whose plan is in the database."""
        refused: set[str] = set()
        for fact, answer in zip(step.facts, answers, strict=True):
            planned = _planned(fact)
            if answer is None or answer.kept is None:
                refused |= planned
            elif answer.stale:
                there = answer.kept.view
                refused |= planned - {
                    *(order.client_id for order in there.orders),
                    *(transfer.client_id for transfer in there.transfers),
                }
            if answer is not None:
                self._tell(answer)
        for command in step.commands:
            if isinstance(command, SendOrder | SendTransfer) and command.client_id in refused:
                continue
            self._told.release(command)

    def _tell(self, answer: Answer) -> None:
        """Money first: what the engine decides about the cycle counts with it."""
        at_ns = self._clock.at_ns()
        if answer.kept is not None:
            self._tell_money(answer.kept, at_ns)
        if isinstance(answer.fact, CycleOpened):
            self._numbers_left -= 1
            if answer.kept is None:
                code = answer.code or "REFUSED"
                self._told.event(CycleRefused(at_ns, answer.fact.cycle.id, code))
            else:
                self.claimed(answer.kept.view)
        elif answer.kept is None:
            self.lost(answer.fact.decision.cycle_id)
        else:
            self._go_on(answer.kept.view, at_ns)

    def _go_on(self, view: CycleView, at_ns: int) -> None:
        """With a cycle of ours; or it is others' from here on, and nothing is decided about it."""
        if has_ended(view) or self._keeps(view):
            self._told.event(CycleChanged(at_ns, view))
            self._forget_ended(view)
            return
        self.lost(view.cycle.id)
        self._given_up.append(view.cycle.id)
        self._some.set()

    async def _let_go(self) -> None:
        """Of what others shall go on with; where the database is away, its leases run out."""
        given_up, self._given_up = self._given_up, []
        if not given_up:
            return
        try:
            await self._ledger.write(cycles.release, self._mode, self._owner, given_up)
        except Exception as error:  # noqa: BLE001 - whatever a database says
            log.warning("cycles_not_released", cycles=given_up, reason=_line(error))

    def _tell_money(self, found: Kept, at_ns: int) -> None:
        if found.purses:
            self._told.event(PursesRead(at_ns, found.purses, whole=False))
        if found.day is not None:
            self._told.event(DayRead(at_ns, *found.day))

    def _forget_ended(self, view: CycleView) -> None:
        if has_ended(view):
            self.fences.pop(view.cycle.id, None)


def _planned(fact: LedgerFact) -> set[str]:
    if isinstance(fact, CycleOpened):
        return {order.client_id for order in fact.orders}
    decision = fact.decision
    return {
        *(order.client_id for order in decision.orders),
        *(transfer.client_id for transfer in decision.transfers),
    }


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
