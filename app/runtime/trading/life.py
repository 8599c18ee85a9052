"""Life: trading while one engine lives: its recorder, gateways, leases and checks, joined.

The engine's facts and commands come in by `take`, events of committed changes go out by `tell`.
Tasks are supervised (H61): one that fails is told of and begun anew, and what it was about stands
in the database. Keeps R10's end: stopping only lets go of leases; safety never needs it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import msgspec
import structlog

from app.domain.accounting import StateRow
from app.domain.cycles import CycleView
from app.domain.events import (
    CycleChanged,
    CycleClaimed,
    DayRead,
    Event,
    PursesRead,
    TradingStateChanged,
)
from app.domain.facts import Command, Fact, SendOrder, SendTransfer
from app.domain.orders import Balance, Order
from app.domain.times import SECOND_NS
from app.domain.trading import Purse, TradingState
from app.domain.transfers import Transfer
from app.domain.venues import Venue
from app.ledger import audit, cycles, intents, leases, posting, trading_state
from app.ledger.queries import Connection
from app.runtime.trading.auditor import Auditor
from app.runtime.trading.blocks import CLOCK, DISARMED, OPENING, RECONCILING, STRANGERS, Blocks
from app.runtime.trading.clock import Clock
from app.runtime.trading.gateway import Gateway
from app.runtime.trading.joining import ids_of
from app.runtime.trading.leases import OUTWARD, CycleLeases, InitiatorLease, VenueLeases
from app.runtime.trading.limits import FOLLOW_S, MAIL_S, PLANNED_S_MAX, RETRY_S, VENUE_LEASE_S
from app.runtime.trading.port import VenuePort
from app.runtime.trading.reconcile import Reconciler
from app.runtime.trading.recorder import Recorder
from app.runtime.trading.recovery import Recovered, recover
from app.runtime.trading.store import Ledger, Store
from app.runtime.trading.strangers import Strangers
from app.runtime.trading.transactions import DayRow, Kept, day_of

log = structlog.get_logger("kimp.trading")

AUDITOR, KIMP = "auditor", "kimp"
LIVE = "live"


class Terms(msgspec.Struct, frozen=True):
    """mode: paper, live, drill. owner: of this life alone. dead: owners whose leases are free.

    opens, finishes: initiator, finalizer. in_turn: of several initiators one at a time opens.
    """

    mode: str
    owner: str
    lease_s: float
    venue_lease_s: float = VENUE_LEASE_S
    dead: tuple[str, ...] = ()
    opens: bool = True
    finishes: bool = True
    in_turn: bool = False


class Life:
    """tell(event): to the engine, never from within `take`. seen(view): for pages. mac_key: of the
    list of withdrawal addresses."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ports: Mapping[Venue, VenuePort],
        terms: Terms,
        *,
        tell: Callable[[Event], None],
        seen: Callable[[CycleView], None] | None = None,
        mac_key: bytes | None = None,
    ) -> None:
        self.mode = terms.mode
        self.terms = terms
        self.clock = clock
        self.ledger = Ledger(store, clock)
        self.state: StateRow | None = None
        self.recovered: Recovered | None = None
        self.asks_operator: dict[str, str] = {}
        """Client id → code of what a person has to do."""
        self.blocks = Blocks(self._tell_state)
        self.blocks.set(RECONCILING, on=True)
        self._ports = ports
        self._tell = tell
        self._seen = seen
        words = {"mode": terms.mode, "owner": terms.owner}
        self.recorder = Recorder(
            self.ledger,
            clock,
            self,
            lease_s=terms.lease_s,
            opens=terms.opens and not terms.in_turn,
            keeps=self._keeps,
            **words,
        )
        self.initiating = InitiatorLease(
            self.ledger, clock, self.recorder, ttl_s=terms.venue_lease_s, **words
        )
        self.venue_leases = VenueLeases(
            self.ledger,
            clock,
            list(ports),
            ttl_s=terms.venue_lease_s,
            apart=lambda is_so: self.blocks.set(CLOCK, on=is_so),
            **words,
        )
        self.cycle_leases = CycleLeases(
            self.ledger,
            clock,
            self.recorder,
            lease_s=terms.lease_s,
            states=None if terms.finishes else OUTWARD,
            barred=lambda: CLOCK in self.blocks.all(),
            **words,
        )
        self.gateways = {venue: self._gateway(venue, mac_key) for venue in ports}
        self._check(ports)
        self._tasks: list[asyncio.Task[None]] = []

    def _gateway(self, venue: Venue, mac_key: bytes | None) -> Gateway:
        return Gateway(
            venue,
            self._ports,
            self.ledger,
            self.clock,
            self,
            mode=self.mode,
            owner=self.terms.owner,
            lease=self._lease_of(venue),
            mac_key=mac_key,
        )

    def _check(self, ports: Mapping[Venue, VenuePort]) -> None:
        """Who looks at ledger and venues, and blocks or stops where they do not agree."""
        ledger, clock, mode = self.ledger, self.clock, self.mode
        self.auditor = Auditor(ledger, clock, self, mode=mode, look=audit.check)
        self.reconciler = Reconciler(
            ledger,
            clock,
            ports,
            mode=mode,
            moving=self._moving,
            changed=self._purses_changed,
            unopened=lambda is_so: self.blocks.set(OPENING, on=is_so),
        )
        self.strangers = Strangers(
            ledger,
            clock,
            ports,
            mode=mode,
            written=ids_of(mode, tuple(ports)),
            speaks=lambda venue: self.venue_leases.held(venue) is not None,
            changed=lambda is_so: self.blocks.set(STRANGERS, on=is_so),
        )

    # ------------------------------------------------------------------ life

    async def start(self, given: Mapping[Venue, Sequence[Balance]] | None = None) -> None:
        """Ports first, then recovery in a task of its own; until it is through, `RECONCILING`."""
        for venue, port in self._ports.items():
            await port.start(self.gateways[venue].hear)
        await self.read_state()
        self._keep_up("recorder", self.recorder.run)
        self._tasks.append(asyncio.create_task(self._recover(given), name="trading-recovery"))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        for venue, gateway in self.gateways.items():
            await gateway.stop()
            await self._ports[venue].stop()
        for release in (
            self.cycle_leases.release, self.venue_leases.release, self.initiating.release
        ):  # fmt: skip
            try:
                await release()
            except Exception:
                # They run out by themselves; only the next process has to wait a little.
                log.exception("leases_not_released")

    async def _recover(self, given: Mapping[Venue, Sequence[Balance]] | None) -> None:
        while True:
            try:
                if self.terms.dead:
                    await self.ledger.write(_bury, self.mode, self.terms.dead)
                await self.tell_money()
                self.recovered = await recover(self, given)
                await self.tell_money()
            except Exception:
                log.exception("recovery_failed")
                await self.clock.sleep(RETRY_S)
                continue
            break
        self.blocks.set(RECONCILING, on=False)
        self._keep_up("venue-leases", self.venue_leases.run)
        self._keep_up("cycle-leases", self.cycle_leases.run_renewal)
        self._keep_up("following", self._follow)
        self._keep_up("mail", self._read_mail)
        self._keep_up("strangers", self.strangers.run)
        if self.terms.opens and self.terms.in_turn:
            self._keep_up("initiator-lease", self.initiating.run)

    def _keep_up(self, name: str, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._tasks.append(asyncio.create_task(self._kept_up(name, run), name=f"trading-{name}"))

    async def _kept_up(self, name: str, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            try:
                await run()
            except Exception:
                log.exception("trading_task_failed", task=name)
            await self.clock.sleep(RETRY_S)

    # ------------------------------------------------------------------ from the engine

    def take(self, facts: Sequence[Fact], commands: Sequence[Command]) -> None:
        """Of one step. Never waits, and never tells the engine anything from within it."""
        self.recorder.take(facts, commands)

    # ------------------------------------------------------------------ told by the parts

    def event(self, event: Event) -> None:
        self._tell(event)
        if isinstance(event, CycleClaimed | CycleChanged):
            self._settled(event.view)
            if self._seen is not None:
                self._seen(event.view)

    def release(self, command: Command) -> None:
        """A venue that this process does not speak to has its sender elsewhere: the row is its
        mail."""
        venue = getattr(command, "venue", None)
        gateway = self.gateways.get(venue) if isinstance(venue, Venue) else None
        if gateway is not None:
            gateway.do(command)

    def changed(self, found: Kept) -> None:
        self.recorder.changed(found)

    def block(self, reason: str, *, on: bool) -> None:
        self.blocks.set(reason, on=on)

    async def halt(self, reason: str) -> None:
        """Something cannot be: nothing is sent until a person has looked (R9)."""
        log.error("trading_halted", reason=reason)
        await self.set_state(TradingState.HALTED, KIMP, reason)

    async def kill(self, reason: str) -> None:
        self._took(await self.ledger.write(trading_state.kill, self.mode, AUDITOR, reason))

    def operator(self, item: Order | Transfer, code: str) -> None:
        self.asks_operator[item.client_id] = code

    def _settled(self, view: CycleView) -> None:
        """A person need not look any more at what is over."""
        if self.asks_operator:
            over = [each.client_id for each in view.orders if each.is_over]
            over += [each.client_id for each in view.transfers if each.is_over]
            for client_id in over:
                self.asks_operator.pop(client_id, None)

    # ------------------------------------------------------------------ state

    async def set_state(self, state: TradingState, by: str, reason: str = "") -> StateRow:
        row = await self.ledger.write(trading_state.set_state, self.mode, state, by, reason)
        self._took(row)
        return row

    async def read_state(self) -> StateRow:
        """Also what another process has said."""
        row = await self.ledger.read(trading_state.read, self.mode)
        self._took(row)
        return row

    def _took(self, row: StateRow) -> None:
        before, self.state = self.state, row
        armed = self.mode != LIVE or (
            row.armed_until_ns is not None and row.armed_until_ns > self.clock.at_ns()
        )
        self.blocks.set(DISARMED, on=not armed)
        if before is None or before.version != row.version:
            self._tell_state()

    def _tell_state(self) -> None:
        if self.state is not None:
            at_ns = self.clock.at_ns()
            row = self.state
            self._tell(TradingStateChanged(at_ns, row.state, row.killed, self.blocks.first))

    # ------------------------------------------------------------------ money

    async def tell_money(self) -> None:
        """All purses and the day, as the ledger has them now."""
        purses, day = await self.ledger.read(_money, self.mode)
        at_ns = self.clock.at_ns()
        self._tell(PursesRead(at_ns, purses, whole=True))
        self._tell(DayRead(at_ns, *day))

    def _purses_changed(self, purses: Sequence[Purse]) -> None:
        if purses:
            self._tell(PursesRead(self.clock.at_ns(), tuple(purses), whole=False))

    def _moving(self, venue: Venue) -> frozenset[str]:
        """Assets of a venue that intents of any gateway may change."""
        return frozenset(
            asset
            for gateway in self.gateways.values()
            for place, asset in gateway.moving()
            if place is venue
        )

    # ------------------------------------------------------------------ other processes

    def _keeps(self, view: CycleView) -> bool:
        """Whether this process goes on with a cycle; else the finalizers' hour has come."""
        return self.terms.finishes or view.cycle.state in OUTWARD

    def _lease_of(self, venue: Venue) -> Callable[[], leases.Lease | None]:
        return lambda: self.venue_leases.held(venue)

    async def _follow(self) -> None:
        while True:
            await self.clock.sleep(FOLLOW_S)
            for asked in await self.cycle_leases.follow():
                self.event(asked)
            await self.read_state()

    async def _read_mail(self) -> None:
        """Planned intents of any owner, for the venues whose lease is here (SPEC §1)."""
        while True:
            await self.clock.sleep(MAIL_S)
            held = [venue for venue in self.gateways if self.venue_leases.held(venue) is not None]
            latest_ns = self.clock.at_ns() - round(PLANNED_S_MAX * SECOND_NS)
            mail = await self.ledger.read(_mail, self.mode, held, latest_ns)
            for command in mail:
                self.release(command)


def _bury(conn: Connection, mode: str, dead: Sequence[str]) -> None:
    """Nobody has to wait for the leases of processes that are gone."""
    for lease in leases.held(conn):
        if lease.owner in dead:
            leases.release(conn, lease)
    for owner in dead:
        ids, _ = cycles.changed_since(conn, mode, owner, {})
        cycles.release(conn, mode, owner, list(ids))


def _money(conn: Connection, mode: str) -> tuple[tuple[Purse, ...], DayRow]:
    return posting.purses(conn, mode), day_of(conn, mode)


def _mail(
    conn: Connection, mode: str, venues: Sequence[Venue], planned_since_ns: int
) -> list[Command]:
    found: list[Command] = []
    for each in intents.planned(conn, mode, venues) if venues else ():
        if each.order is None:
            found.append(SendTransfer(each.venue, each.client_id))
        elif each.order.planned_at_ns >= planned_since_ns:
            found.append(SendOrder(each.venue, each.client_id))
    return found
