"""Trading: what the desk knows of it (`desk.trading`): people's orders, and what pages ask.

It outlives the engine: with feeds off there are still cycles to read and a state to set. While an
engine runs, a `Life` carries out what it decides. First start: PAPER and LIVE are HALTED, DRILL is
ACTIVE; a restart keeps the state in PAPER and DRILL, LIVE comes back HALTED and disarmed (R10).
What a person does with a cycle carries the version that the person saw (H68).
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec
import structlog

from app.domain.accounting import StateRow
from app.domain.cycles import CycleView
from app.domain.events import Event, OperatorAsked, TradingPolicyChanged
from app.domain.facts import Command, Fact
from app.domain.orders import Balance
from app.domain.problems import FieldError, Problem
from app.domain.roles import ALL, DECIDERS, ProcessRole, Roles
from app.domain.times import SECOND_NS
from app.domain.trading import (
    BreakerRow,
    LimitRow,
    Purse,
    RebalanceRow,
    TradingPolicy,
    TradingState,
)
from app.domain.transfers import DepositAddress
from app.domain.venues import Venue
from app.engine.core import Engine
from app.engine.execution.portfolio import Equity
from app.exchanges.accounts.contract import Rules
from app.ledger import asking, clock, cycles, days, leases, posting, trading_queries, trading_state
from app.ledger.database import Database
from app.ledger.queries import Connection
from app.runtime.streams.hub import Hub
from app.runtime.trading.blocks import ELSEWHERE, FEEDS
from app.runtime.trading.clock import Clock
from app.runtime.trading.life import Life, Terms
from app.runtime.trading.limits import ASKED_S_MAX, FOLLOW_S
from app.runtime.trading.port import Silent, VenuePort
from app.runtime.trading.presence import Presence
from app.runtime.trading.reading import Reading
from app.runtime.trading.reconcile import Drift
from app.runtime.trading.recovery import Recovered
from app.runtime.trading.rows import cycle_item, cycle_row
from app.runtime.trading.transactions import has_ended
from app.runtime.trading_policy import TradingPolicies

log = structlog.get_logger("kimp.trading")

PAPER = "paper"
ACTIONS = ("retry", "compensate", "close")
SLOTS_KEPT_S = 7 * 86_400
ENDED_TOLD_MAX = 100
SNAPSHOT_NS = 300 * SECOND_NS


class Joined(NamedTuple):
    """What a life needs of the engine it trades for. block: why it may not begin anything."""

    engine: Engine
    tell: Callable[[Event], None]
    clock: Clock
    ports: Mapping[Venue, VenuePort]
    given: Mapping[Venue, Sequence[Balance]] | None
    block: str | None = None


class EngineRow(msgspec.Struct, frozen=True):
    """blocked: reasons why nothing new begins though ACTIVE; the first one counts.

    running: whether an engine decides. drifts, operators: what waits for a person.
    """

    mode: str
    state: TradingState
    killed: bool
    armed_until_ns: int | None
    blocked: tuple[str, ...]
    running: bool
    feeds: str
    by: str
    reason: str
    version: int
    at_ns: int
    recovered: Recovered | None
    drifts: tuple[Drift, ...]
    operators: dict[str, str]
    open_intents: int
    breaches: tuple[str, ...]
    audited_at_ns: int | None


class Trading:
    """presence: of this process among those that share its data folder."""

    def __init__(
        self,
        db: Database,
        hub: Hub,
        policies: TradingPolicies,
        presence: Presence,
        *,
        mode: str,
        roles: Roles = ALL,
    ) -> None:
        self.mode = mode
        self.roles = roles
        self.policies = policies
        self.mac_key: bytes | None = None
        """Of the list of withdrawal addresses; without it LIVE withdraws nothing."""
        self.life: Life | None = None
        self.feeds = "off"
        self.reading = Reading(db, mode, self.value_krw)
        """What the JSON API and pages read."""
        self._db = db
        self._hub = hub
        self._presence = presence
        self._name = secrets.token_hex(6)
        self._lives = 0
        self._dead: tuple[str, ...] | None = None
        self._joined: Joined | None = None
        self._ended: deque[str] = deque()
        self._stats_due = True
        self._waiting: dict[str, list[asyncio.Future[CycleView]]] = {}
        policies.listen(self._policy_changed)

    # ------------------------------------------------------------------ life

    async def open(self) -> None:
        """Before the first engine: whose leases are free, and what a start leaves of the state."""
        self._dead = self._presence.enter(self._name)
        await self._db.write(trading_state.restarted, self.mode)
        await self.policies.load()

    async def close(self) -> None:
        await self.end()
        self._presence.leave()

    async def identity(self) -> tuple[str, int]:
        """Deployment and epoch: what goes into every client id."""
        found = await self._db.write(leases.identity)
        return found.deployment_id, found.epoch

    async def begin(self, joined: Joined, feeds: str) -> None:
        """An engine has begun. Nothing of trading waits for the market, nor it for trading."""
        self.feeds = feeds
        self._joined = joined
        joined.tell(TradingPolicyChanged(joined.clock.at_ns(), self.policies.now))
        if not self.roles & DECIDERS:
            return
        self._lives += 1
        dead = tuple(f"{name}-{n}" for name in self._dead or () for n in range(1, LIVES_TOLD_MAX))
        self._dead = ()
        terms = Terms(
            mode=self.mode,
            owner=f"{self._name}-{self._lives}",
            lease_s=self.policies.pace.lease_s,
            venue_lease_s=min(15.0, self.policies.pace.lease_s),
            dead=dead,
            opens=ProcessRole.INITIATOR in self.roles,
            finishes=ProcessRole.FINALIZER in self.roles,
            in_turn=True,
        )
        self.life = Life(
            self._db,
            joined.clock,
            joined.ports,
            terms,
            tell=joined.tell,
            seen=self._seen,
            mac_key=self.mac_key,
        )
        if joined.block is not None:
            self.life.blocks.set(joined.block, on=True)
        await self.life.start(joined.given)

    async def end(self) -> None:
        """Before the engine goes."""
        life, self.life, self._joined = self.life, None, None
        if life is not None:
            await life.stop()

    def take(self, facts: Sequence[Fact], commands: Sequence[Command]) -> None:
        if self.life is not None:
            self.life.take(facts, commands)

    def _policy_changed(self, policy: TradingPolicy) -> None:
        joined = self._joined
        if joined is not None:
            joined.tell(TradingPolicyChanged(joined.clock.at_ns(), policy))

    def _seen(self, view: CycleView) -> None:
        """A cycle has changed: who listens, and who waits for an answer."""
        item = cycle_item(cycle_row(view, self.mode))
        self._hub.publish("cycles", {view.cycle.id: item}, self._forgotten(view))
        for answer in self._waiting.pop(view.cycle.id, []):
            if not answer.done():
                answer.set_result(view)

    def _forgotten(self, view: CycleView) -> list[str]:
        """Ended cycles that the topic does not carry any more."""
        if not has_ended(view):
            return []
        self._stats_due = True
        self._ended.append(view.cycle.id)
        return [self._ended.popleft()] if len(self._ended) > ENDED_TOLD_MAX else []

    async def _tell_statistics(self) -> None:
        if self._stats_due:
            self._stats_due = False
            self._hub.publish("stats", {self.mode: await self.reading.statistics()})

    # ------------------------------------------------------------------ by the clock

    async def finalize(self) -> None:
        """Claim what nobody works on: new mail of other processes, leases that ran out."""
        await self._tell_statistics()
        if self.life is not None and not self.roles >= DECIDERS:
            await self.life.tell_money()  # others move it as well
        if self.life is not None and self.life.recovered is not None:
            await self.life.cycle_leases.claim()
            if self.life.state is not None and self.life.state.capital_krw is None:
                await self.snapshot()

    async def reconcile(self) -> None:
        if self.life is not None and self.life.recovered is not None:
            await self.life.reconciler.adopt(self._given())
            await self.life.reconciler.look()

    async def audit(self) -> None:
        if self.life is not None and self.life.recovered is not None:
            await self.life.auditor.check()

    async def snapshot(self) -> None:
        """What everything is worth now; of the first one, what the mode began with."""
        joined, life = self._joined, self.life
        if joined is None or life is None or life.recovered is None:
            return
        equity = joined.engine.trading.portfolio.equity()
        if equity.krw <= 0:
            return
        now_ns = joined.clock.at_ns()
        await self._db.write(_snapshot, self.mode, self._name, now_ns, equity)

    async def settle_day(self) -> None:
        """Every day has a row, whether anything ended in it or not."""
        await self._db.write(days.settle, self.mode)

    async def sweep(self) -> None:
        """What nobody looks back to any more is forgotten."""
        await self._db.write(leases.purge_slots, time.time_ns() - SLOTS_KEPT_S * SECOND_NS)

    def _given(self) -> Mapping[Venue, Sequence[Balance]] | None:
        return None if self._joined is None else self._joined.given

    # ------------------------------------------------------------------ what people do

    async def set_state(self, state: TradingState, *, by: str, reason: str = "") -> EngineRow:
        """A kill is let go of by HALTED first, said by a person; then the other states."""
        now = await self._db.read(trading_state.read, self.mode)
        if now.killed and state is not TradingState.HALTED:
            raise Problem("engine_killed")
        if now.killed:
            await self._db.write(trading_state.release_kill, self.mode, by, reason)
        row = await self._db.write(trading_state.set_state, self.mode, state, by, reason)
        await self._told(row)
        return await self.engine()

    async def kill(self, *, by: str, reason: str = "") -> EngineRow:
        """Nothing is sent after this returns: it is read inside every sending transaction."""
        row = await self._db.write(trading_state.kill, self.mode, by, reason)
        await self._told(row)
        return await self.engine()

    async def arm(self, hours: float, version: int, *, by: str) -> EngineRow:
        """LIVE may send for so long, unless its state is another one than was shown: a kill that
        came in between stands. Problem engine_killed, conflict, orders_unknown."""
        if self.life is not None and self.life.strangers.found:
            raise Problem("orders_unknown")
        row = await self._db.write(_arm, self.mode, hours, version, by)
        await self._told(row)
        return await self.engine()

    async def disarm(self, *, by: str) -> EngineRow:
        """Nothing new is sent; cancels, questions and postings go on."""
        row = await self._db.write(trading_state.disarm, self.mode, by, "")
        await self._told(row)
        return await self.engine()

    async def deposit_address(
        self, venue: Venue, asset: str, network: str
    ) -> DepositAddress | None:
        """The venue's own word, now; None where this process does not speak to it, or it is
        silent."""
        joined = self._joined
        port = None if joined is None else joined.ports.get(venue)
        if port is None or self.mode == PAPER:
            return None
        try:
            found = await port.address(asset, network)
        except Silent:
            return None
        return found if isinstance(found, DepositAddress) else None

    def venues(self) -> tuple[Venue, ...]:
        """Whose accounts this process trades with."""
        return () if self._joined is None else tuple(self._joined.ports)

    async def _told(self, row: StateRow) -> None:
        log.info("trading_state", state=row.state, killed=row.killed, by=row.by)
        if self.life is not None:
            await self.life.read_state()

    async def ask(
        self, cycle_id: str, action: str, version: int, *, by: str, note: str = ""
    ) -> CycleView:
        """retry, compensate or close a cycle; how it is after the engine has answered.

        Problem not_found, cycle_changed (it has another version), not_ready (no engine
        decides now), action_impossible (the engine did nothing).
        """
        assert action in ACTIONS, action
        view = await self._db.read(cycles.view, self.mode, cycle_id)
        if view is None:
            raise Problem("not_found")
        if view.cycle.version != version:
            raise _changed(cycle_id, version, str(view.cycle.version))
        life, joined = self.life, self._joined
        if life is None and not self.roles & DECIDERS:
            return await self._leave(cycle_id, action, version, by, note)
        if life is None or joined is None or life.recovered is None:
            raise Problem("not_ready")
        if cycle_id not in life.recorder.fences:
            await life.cycle_leases.claim()
            view = await self._db.read(cycles.view, self.mode, cycle_id)
        if view is None or cycle_id not in life.recorder.fences:
            return await self._leave(cycle_id, action, version, by, note)
        answer: asyncio.Future[CycleView] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(cycle_id, []).append(answer)
        at_ns = joined.clock.at_ns()
        joined.tell(OperatorAsked(at_ns, cycle_id, action, view.cycle.version, by, note))
        await asyncio.wait({answer}, timeout=ASKED_S_MAX)
        if not answer.done():
            waiting = self._waiting.get(cycle_id, [])
            if answer in waiting:
                waiting.remove(answer)
            raise Problem("action_impossible", values={"action": action})
        return answer.result()

    async def _leave(
        self, cycle_id: str, action: str, version: int, by: str, note: str
    ) -> CycleView:
        """For the process that works on it; how it is after that one has answered."""
        left = await self._db.write(asking.ask, self.mode, cycle_id, action, version, by, note)
        if left is None:
            raise _changed(cycle_id, version, "?")
        latest_s = time.monotonic() + ASKED_S_MAX
        while time.monotonic() < latest_s:
            await asyncio.sleep(FOLLOW_S)
            view = await self._db.read(cycles.view, self.mode, cycle_id)
            if view is not None and view.cycle.version > left:
                return view
        raise Problem("action_impossible", values={"action": action})

    async def accept_drift(self, venue: Venue, asset: str, *, by: str) -> None:
        """The venue is right. Problem not_found."""
        drift = None if self.life is None else await self.life.reconciler.accept(venue, asset)
        if drift is None:
            raise Problem("not_found")
        log.info("drift_accepted", venue=venue, asset=asset, by=by)

    # ------------------------------------------------------------------ what is asked

    async def engine(self) -> EngineRow:
        row = await self._db.read(trading_state.read, self.mode)
        life = self.life
        return EngineRow(
            mode=self.mode,
            state=row.state,
            killed=row.killed,
            armed_until_ns=_still(row.armed_until_ns),
            blocked=self._blocked(),
            running=life is not None,
            feeds=self.feeds if life is not None else "off",
            by=row.by,
            reason=row.reason,
            version=row.version,
            at_ns=row.at_ns,
            recovered=None if life is None else life.recovered,
            drifts=() if life is None else life.reconciler.drifts(),
            operators={} if life is None else dict(life.asks_operator),
            open_intents=0
            if life is None
            else sum(len(gateway.open()) for gateway in life.gateways.values()),
            breaches=() if life is None else tuple(map(str, life.auditor.breaches)),
            audited_at_ns=None if life is None else life.auditor.checked_at_ns,
        )

    def _blocked(self) -> tuple[str, ...]:
        if self.life is not None:
            return self.life.blocks.all()
        return (FEEDS,) if self.roles & DECIDERS else (ELSEWHERE,)

    async def purses(self) -> tuple[Purse, ...]:
        return await self._db.read(posting.purses, self.mode)

    def value_krw(self, asset: str, amount: Decimal) -> Decimal | None:
        """In KRW at the engine's price; None while there is none."""
        joined = self._joined
        if joined is None:
            return amount if asset == "KRW" else None
        return joined.engine.trading.portfolio.value_krw(asset, amount)

    def limits(self) -> tuple[LimitRow, ...]:
        """Empty while no engine runs."""
        joined = self._joined
        return () if joined is None else joined.engine.trading.risk.limits(joined.clock.at_ns())

    def breakers(self) -> tuple[BreakerRow, ...]:
        joined = self._joined
        return () if joined is None else joined.engine.trading.risk.breakers(joined.clock.at_ns())

    def rebalance(self) -> tuple[RebalanceRow, ...]:
        """What would even out the venues; empty while no engine runs."""
        joined = self._joined
        return () if joined is None else joined.engine.trading.rebalance()


def _snapshot(conn: Connection, mode: str, owner: str, at_ns: int, equity: Equity) -> None:
    """One of several processes writes it."""
    trading_state.set_capital(conn, mode, equity.krw)
    if leases.claim_slot(conn, f"snapshot:{mode}", str(at_ns // SNAPSHOT_NS), owner):
        trading_queries.write_snapshot(conn, mode, equity.krw)


def _still(until_ns: int | None) -> int | None:
    """An arming that has run out is none."""
    return until_ns if until_ns is not None and until_ns > time.time_ns() else None


def _arm(conn: Connection, mode: str, hours: float, version: int, by: str) -> StateRow:
    """What it raises undoes it."""
    until_ns = clock.now_ns(conn) + round(hours * 3_600 * SECOND_NS)
    row = trading_state.arm(conn, mode, until_ns, by)
    if row.killed:
        raise Problem("engine_killed")
    if row.version != version + 1:
        raise Problem("conflict", values={"reason": f"version {row.version - 1}"})
    return row


LIVES_TOLD_MAX = 64
"""Of a process that is gone: engines begin anew a few times, never often."""


def same_rules(ports: Mapping[Venue, VenuePort]) -> dict[Venue, Rules]:
    """For the engine: what each venue's ids are worth."""
    return {venue: port.rules for venue, port in ports.items()}


def _changed(cycle_id: str, seen: int, now: str) -> Problem:
    """now: the version that is there, `?` where it has just become another one."""
    error = FieldError(column="version", value=str(seen), expected=now)
    values: dict[str, str | int | float] = {"seen": seen, "now": now, "cycle": cycle_id}
    return Problem("cycle_changed", values=values, errors=(error,))
