"""Trading: the open cycles of this engine, and what is decided about them. Level-triggered.

A decision is a function of what is committed (CycleView), the market, the policy and the time. It
leaves as a fact with its commands; until its answer is back nothing more is decided about that
cycle: the engine's view is the database's.

| event | what it does |
|---|---|
| an opportunity begins, or lives on at a tick | planned, judged, opened: CycleOpened |
| CycleClaimed, CycleChanged | the view is taken, and decided about: CycleDecided |
| Ticked | waits end, prices are looked at |
| CycleLost, CycleRefused | it is another's, or nobody's |
| OperatorAsked | a person's decision, on the version that the person saw |
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

from app.domain.cycles import Cycle, CycleState, CycleStep, CycleView, ExecutionStyle, Reservation
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
from app.domain.facts import Command, CycleDecided, CycleOpened, Fact, TradeRefused
from app.domain.live import Opportunity
from app.domain.markets import Instrument
from app.domain.times import SECOND_NS
from app.domain.trading import RebalanceRow, Refused, TradingPolicy, TradingState
from app.engine.detection import TRADED
from app.engine.execution import rebalance
from app.engine.execution.amounts import exact
from app.engine.execution.asked import asked
from app.engine.execution.cycles import decide
from app.engine.execution.ids import Identity, cycle_id
from app.engine.execution.live import LiveSight
from app.engine.execution.plan import Asked, Draft, draft, opening
from app.engine.execution.portfolio import Portfolio
from app.engine.execution.scene import Rest, Scene, Turn, sends
from app.engine.execution.waiting import questions
from app.engine.risk.candidates import Candidate
from app.engine.risk.manager import RiskManager

PURSUE_NS = SECOND_NS
"""What still pays is looked at again as often as this: limits and purses change."""
ASK_AGAIN_NS = 10 * SECOND_NS
DEDUPE_NS = 10 * SECOND_NS
"""Engines that see one chance within this time open one cycle."""
ROUNDS = 3
"""Of planning: a limit may leave less than was asked for, and fixed fees then weigh more."""
SIGNALS_MAX = 4_096

KINDS: tuple[type[Event], ...] = (
    TradingPolicyChanged, TradingStateChanged, NumbersGranted, PursesRead, DayRead,
    CycleClaimed, CycleChanged, CycleLost, CycleRefused, OperatorAsked,
)  # fmt: skip
STYLES = {style.value: style for style in ExecutionStyle}
Lists = tuple[list[Fact], list[Command]]


class Trading:
    """One method per event; facts and commands are appended to the lists of the step."""

    def __init__(
        self,
        identity: Identity,
        sight: LiveSight,
        portfolio: Portfolio,
        risk: RiskManager,
        executed: Callable[[str], None],
    ) -> None:
        self.identity = identity
        self.sight = sight
        self.portfolio = portfolio
        self.risk = risk
        self.policy = TradingPolicy()
        self.cycles: dict[str, CycleView] = {}
        """Claimed, as committed."""
        self._executed = executed
        self._state = TradingStateChanged(0, TradingState.HALTED, killed=False)
        self._next_number, self._last_number = 1, 0
        self._pending: dict[str, int] = {}
        """By cycle: the version that a decision was made on, which is not answered yet."""
        self._openings: dict[str, CycleOpened] = {}
        """Asked of the ledger, not answered yet."""
        self._rests: dict[str, int] = {}
        self._asked: dict[tuple[type[Command], str], int] = {}
        self._signals: OrderedDict[str, str] = OrderedDict()
        """Signals that have become cycles."""
        self._pursued_ns = 0
        self._steps: dict[type[Event], Callable[[Any, Lists], None]] = {
            TradingPolicyChanged: self._policy_changed,
            TradingStateChanged: self._state_changed,
            NumbersGranted: self._granted,
            PursesRead: lambda event, _: portfolio.read(event),
            DayRead: lambda event, _: risk.day(event),
            CycleClaimed: self._claimed,
            CycleChanged: self._changed,
            CycleLost: self._lost,
            CycleRefused: self._refused,
            OperatorAsked: self._operator,
        }
        sight.policy(self.policy)

    def take(self, event: Event, facts: list[Fact], commands: list[Command]) -> None:
        self._steps[type(event)](event, (facts, commands))

    @property
    def may_begin(self) -> bool:
        """Cheap: whether any opportunity is worth a look."""
        return self._next_number <= self._last_number and self.risk.may_begin() is None

    @property
    def may_send(self) -> bool:
        state = self._state
        blocked = state.blocked not in {None, "RECORDER_FULL"}
        return state.state is not TradingState.HALTED and not state.killed and not blocked

    def rebalance(self) -> tuple[RebalanceRow, ...]:
        """What would even out the venues, for people."""
        return rebalance.plan(self.portfolio.purses(), self.sight)

    # New cycles

    def found(
        self, rows: Iterable[Opportunity], at_ns: int, facts: list[Fact], commands: list[Command]
    ) -> None:
        """Opportunities that have begun, or that are still there."""
        for row in rows:
            if self.may_begin and row.detector in TRADED and row.id not in self._signals:
                self._consider(row, at_ns, (facts, commands))

    def pursues(self, at_ns: int) -> bool:
        """Whether it is time to look at what is still there."""
        if at_ns - self._pursued_ns < PURSUE_NS or not self.may_begin:
            return False
        self._pursued_ns = at_ns
        return True

    def _consider(self, row: Opportunity, at_ns: int, lists: Lists) -> None:
        """The styles that may be used, in order of preference; the first that is approved."""
        wanted = Asked(
            row.base,
            Instrument(row.buy_venue, row.base, row.buy_quote),
            Instrument(row.sell_venue, row.base, row.sell_quote),
        )
        first: tuple[Candidate, Refused] | None = None
        crowded = self.risk.crowded(row.base)
        for word in self.policy.styles:
            style = STYLES.get(word, ExecutionStyle.ALERT_ONLY)
            if style is ExecutionStyle.ALERT_ONLY:
                continue
            if crowded is not None:
                first = _candidate(row, wanted, style, crowded), crowded
                break
            found = self._approved(row, wanted, style, at_ns)
            if isinstance(found, Draft):
                self._open(row, found, at_ns, lists)
                return
            first = first or found
        if first is not None:
            told = self.risk.told(*first, at_ns)
            if told is not None:
                lists[0].append(told)

    def _approved(
        self, row: Opportunity, wanted: Asked, style: ExecutionStyle, at_ns: int
    ) -> Draft | tuple[Candidate, Refused]:
        size_krw = exact(self.policy.size_krw)
        limit = "SIZE"
        for _ in range(ROUNDS):
            made = draft(wanted, style, self.sight, self.policy, size_krw, at_ns)
            candidate = _candidate(row, wanted, style, made)
            if isinstance(made, Refused):
                return candidate, made
            judged = self.risk.judge(candidate, at_ns)
            if isinstance(judged, Refused):
                return candidate, judged
            if judged.limited_by is None:
                return made
            size_krw, limit = judged.notional_krw, judged.limited_by
        return candidate, Refused(limit, float(size_krw), self.policy.size_krw, "krw")

    def _open(self, row: Opportunity, made: Draft, at_ns: int, lists: Lists) -> None:
        name = cycle_id(self._next_number)
        self._next_number += 1
        both = made.style is ExecutionStyle.PREFUNDED
        cycle = Cycle(
            id=name, strategy=made.strategy, direction=row.direction, style=made.style,
            base=row.base, return_base=None, state=CycleState.STARTED,
            step=CycleStep.LEGS_SENT if both else CycleStep.LEG1_SENT, outcome=None, version=1,
            fence=0, attempts=0, opened_at_ns=at_ns, closed_at_ns=None, next_attempt_at_ns=None,
            wake_at_ns=at_ns + round(self.policy.leg_s_max * SECOND_NS), reason=None,
            signal_id=row.id, plan=made.plan, entered_at_ns=at_ns,
        )  # fmt: skip
        orders = opening(made, self.identity, name)
        bucket = at_ns // DEDUPE_NS
        dedupe = f"{row.base}:{row.buy_venue}-{row.sell_venue}:{bucket}"
        fact = CycleOpened(at_ns, cycle, made.reservations, orders, dedupe)
        self._pending[name] = 0
        self._openings[name] = fact
        self._signals[row.id] = name
        if len(self._signals) > SIGNALS_MAX:
            self._signals.popitem(last=False)
        self.portfolio.opening(fact)
        self._executed(row.id)
        lists[0].append(fact)
        lists[1].extend(sends(orders, ()))

    # Cycles

    def tick(self, at_ns: int, facts: list[Fact], commands: list[Command]) -> None:
        """Time passes: waits end, prices are looked at."""
        self.risk.tick(at_ns, facts)
        for name in tuple(self.cycles):
            if at_ns >= self._rests.get(name, 0):
                self._decide(name, at_ns, (facts, commands))

    def _decide(self, name: str, at_ns: int, lists: Lists) -> None:
        if name in self._pending:
            return
        scene = self._scene(name, at_ns)
        if not self.may_send:
            self._emit(Turn(None, questions(scene)), at_ns, lists)
            return
        answer = decide(scene)
        if isinstance(answer, Rest):
            self._rests[name] = answer.until_ns
        else:
            self._emit(answer, at_ns, lists)

    def _emit(self, turn: Turn, at_ns: int, lists: Lists) -> None:
        facts, commands = lists
        decision = turn.decision
        if decision is not None:
            self._pending[decision.cycle_id] = decision.version
            facts.append(CycleDecided(at_ns, decision))
            commands += turn.commands
            return
        for command in turn.commands:
            key = type(command), getattr(command, "client_id", "")
            if at_ns - self._asked.get(key, -ASK_AGAIN_NS) >= ASK_AGAIN_NS:
                self._asked[key] = at_ns
                commands.append(command)

    def _scene(self, name: str, at_ns: int) -> Scene:
        return Scene(self.cycles[name], self.sight, self.policy, at_ns, self.identity)

    def _take_view(self, view: CycleView, at_ns: int, lists: Lists) -> None:
        cycle = view.cycle
        held = self.cycles.get(cycle.id)
        if held is not None and cycle.version <= held.cycle.version:
            return
        if cycle.version > self._pending.get(cycle.id, -1):
            self._pending.pop(cycle.id, None)
        self.portfolio.claimed(view)
        if cycle.closed_at_ns is not None:
            self._forget(cycle.id)
            return
        self.cycles[cycle.id] = view
        self._rests.pop(cycle.id, None)
        self._decide(cycle.id, at_ns, lists)

    def _forget(self, name: str) -> None:
        view = self.cycles.pop(name, None)
        self._pending.pop(name, None)
        self._rests.pop(name, None)
        if view is not None:
            names = {each.client_id for each in view.orders}
            self._asked = {key: at for key, at in self._asked.items() if key[1] not in names}

    # Events

    def _policy_changed(self, event: TradingPolicyChanged, _: Lists) -> None:
        self.policy = event.policy
        self.sight.policy(event.policy)
        self.risk.policy(event)
        self._rests.clear()

    def _state_changed(self, event: TradingStateChanged, _: Lists) -> None:
        self._state = event
        self.risk.state(event)
        self._rests.clear()

    def _granted(self, event: NumbersGranted, _: Lists) -> None:
        """A new block; what is left of the last one is never used: gaps harm nobody."""
        self._next_number, self._last_number = event.first, event.last

    def _claimed(self, event: CycleClaimed, lists: Lists) -> None:
        # A claim is a new fence: what was decided under the last one has lost.
        self.cycles.pop(event.view.cycle.id, None)
        self._openings.pop(event.view.cycle.id, None)
        self._pending.pop(event.view.cycle.id, None)
        self._take_view(event.view, event.at_ns, lists)

    def _changed(self, event: CycleChanged, lists: Lists) -> None:
        if event.view.cycle.id in self.cycles:
            self._take_view(event.view, event.at_ns, lists)

    def _lost(self, event: CycleLost, _: Lists) -> None:
        self._forget(event.cycle_id)
        self.portfolio.dropped(event.cycle_id)

    def _refused(self, event: CycleRefused, lists: Lists) -> None:
        """The ledger knew better: another engine was first, or the money is not there."""
        self._forget(event.cycle_id)
        self.portfolio.dropped(event.cycle_id)
        opening_ = self._openings.pop(event.cycle_id, None)
        if opening_ is not None and opening_.cycle.signal_id is not None:
            cycle = opening_.cycle
            refused = Refused(event.code, "ledger", "", "word")
            lists[0].append(
                TradeRefused(
                    event.at_ns, opening_.cycle.signal_id, cycle.base, cycle.strategy, refused
                )
            )

    def _operator(self, event: OperatorAsked, lists: Lists) -> None:
        name = event.cycle_id
        if name not in self.cycles or name in self._pending:
            return
        turn = asked(self._scene(name, event.at_ns), event)
        if turn is not None:
            self._emit(turn, event.at_ns, lists)


def _candidate(
    row: Opportunity, wanted: Asked, style: ExecutionStyle, made: Draft | Refused
) -> Candidate:
    """What could not be planned is refused under its own name as well."""
    if isinstance(made, Refused):
        quantity, notional_krw = exact(row.quantity), exact(row.size_krw)
        net_bps = row.net_bps
        spends: tuple[Reservation, ...] = ()
    else:
        quantity, notional_krw = made.plan.quantity, made.plan.notional_krw
        net_bps, spends = made.plan.net_bps, made.reservations
    return Candidate(
        row.id, wanted.strategy, style, row.base, wanted.buy, wanted.sell, quantity, notional_krw,
        net_bps, row.ages_ms, spends, row.gates,
    )  # fmt: skip
