"""Leases: which venues this process may send to, and which cycles it decides about.

Keeps R8: the database says who holds what, by its own clock. Here is only the rhythm: claim,
renew, notice the loss. A lease that is lost late does no harm, because every send and every
decision asks for it again in its own transaction (H15, H51). Who lives in another time than the
database holds no venue: its signatures would be refused, and its proofs of absence early (H52).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import structlog

from app.domain.cycles import CycleState, CycleView
from app.domain.events import OperatorAsked
from app.domain.times import SECOND_NS
from app.domain.venues import Venue
from app.ledger import asking, cycles, leases
from app.ledger import clock as ledger_clock
from app.ledger.leases import Lease
from app.ledger.queries import Connection
from app.runtime.trading.clock import Clock
from app.runtime.trading.limits import CLAIM_AT_ONCE, CLOCK_APART_S_MAX, RENEW_SHARE
from app.runtime.trading.recorder import Recorder
from app.runtime.trading.store import Ledger
from app.runtime.trading.transactions import Kept

log = structlog.get_logger("kimp.trading")

OUTWARD = frozenset({CycleState.STARTED, CycleState.INITIAL_TRADE_COMPLETED})
"""An initiator's: until both legs are traded."""


def venue_lease(mode: str, venue: Venue) -> str:
    return f"{mode}:venue:{venue}"


class VenueLeases:
    """One sender per venue account and mode."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        venues: Sequence[Venue],
        *,
        mode: str,
        owner: str,
        ttl_s: float,
        apart: Callable[[bool], None] = lambda _: None,
    ) -> None:
        """apart(is_so): whether our clock and the database's are too far from each other."""
        self._apart = apart
        self._ledger = ledger
        self._clock = clock
        self._names = {venue_lease(mode, venue): venue for venue in venues}
        self._owner = owner
        self._ttl_s = ttl_s
        self._held: dict[Venue, Lease] = {}

    def held(self, venue: Venue) -> Lease | None:
        """As last heard; the sending transaction asks the database itself."""
        return self._held.get(venue)

    def missing(self) -> list[Venue]:
        return [venue for venue in self._names.values() if venue not in self._held]

    async def turn(self) -> list[Venue]:
        """Renew what is held, claim what is free; the venues that are new here."""
        is_apart = await self._is_apart()
        self._apart(is_apart)
        if is_apart:
            await self.release()
            return []
        before = dict(self._held)
        self._held = await self._ledger.write(_turn, self._names, before, self._owner, self._ttl_s)
        for venue in before:
            if venue not in self._held:
                log.warning("venue_lease_lost", venue=venue)
        return [venue for venue in self._held if venue not in before]

    async def _is_apart(self) -> bool:
        """As the question took a while, any time within it agrees."""
        most_ns = round(CLOCK_APART_S_MAX * SECOND_NS)
        asked_ns = self._clock.at_ns()
        there_ns = await self._ledger.read(ledger_clock.now_ns)
        here_ns = self._clock.at_ns()
        if asked_ns - most_ns <= there_ns <= here_ns + most_ns:
            return False
        log.error("clocks_apart", seconds=round((there_ns - here_ns) / SECOND_NS, 3))
        return True

    async def run(self) -> None:
        while True:
            await self._clock.sleep(self._ttl_s / RENEW_SHARE)
            await self.turn()

    async def release(self) -> None:
        """So that the next process need not wait until they run out."""
        held, self._held = self._held, {}
        if held:
            await self._ledger.write(_release, list(held.values()))


def _turn(
    conn: Connection,
    names: Mapping[str, Venue],
    before: Mapping[Venue, Lease],
    owner: str,
    ttl_s: float,
) -> dict[Venue, Lease]:
    found = {}
    for name, venue in names.items():
        lease = _kept(conn, name, before.get(venue), owner, ttl_s)
        if lease is not None:
            found[venue] = lease
    return found


def _kept(
    conn: Connection, name: str, before: Lease | None, owner: str, ttl_s: float
) -> Lease | None:
    """Renewed, or claimed where it is free."""
    lease = None if before is None else leases.renew(conn, before, ttl_s)
    return lease or leases.claim(conn, name, owner, ttl_s)


def _release(conn: Connection, held: Sequence[Lease]) -> None:
    for lease in held:
        leases.release(conn, lease)


class InitiatorLease:
    """Of several processes that may open cycles, one does; another goes on when it is gone."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        recorder: Recorder,
        *,
        mode: str,
        owner: str,
        ttl_s: float,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._recorder = recorder
        self._name = f"{mode}:initiator"
        self._owner = owner
        self._ttl_s = ttl_s
        self._lease: Lease | None = None
        self.held = False
        """Whether it is this process's turn, as far as the database could be asked."""

    async def run(self) -> None:
        while True:
            await self.turn()
            await self._clock.sleep(self._ttl_s / RENEW_SHARE)

    async def turn(self) -> None:
        """While the database is away nothing is opened; the lease may still be ours after that."""
        was, self.held = self.held, False
        try:
            self._lease = await self._ledger.write(
                _kept, self._name, self._lease, self._owner, self._ttl_s
            )
            self.held = self._lease is not None
        finally:
            if self.held != was:
                log.info("initiating", is_so=self.held)
            await self._recorder.open(is_so=self.held)

    async def release(self) -> None:
        lease, self._lease, self.held = self._lease, None, False
        if lease is not None:
            await self._ledger.write(_release, [lease])


class CycleLeases:
    """The cycles of this owner: claimed, kept, and followed where others commit to them.

    states: that are claimed; None: all. barred(): whether this process may keep none.
    """

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        recorder: Recorder,
        *,
        mode: str,
        owner: str,
        lease_s: float,
        states: frozenset[CycleState] | None = None,
        barred: Callable[[], bool] = lambda: False,
    ) -> None:
        self.claimed = 0
        self._barred = barred
        self._states = states
        self._ledger = ledger
        self._clock = clock
        self._recorder = recorder
        self._mode = mode
        self._owner = owner
        self._lease_s = lease_s
        self._cursor: Mapping[str, int] = {}

    async def claim(self) -> int:
        """Take what nobody owns or whose owner is late: how many."""
        if self._barred():
            await self.release()
            return 0
        found = await self._ledger.write(
            cycles.claim, self._mode, self._owner, self._lease_s, CLAIM_AT_ONCE, self._states
        )
        for view in found:
            self._recorder.claimed(view)
        self.claimed += len(found)
        return len(found)

    async def renew(self) -> None:
        held = list(self._recorder.fences)
        if not held:
            return
        kept = await self._ledger.write(cycles.renew, self._mode, self._owner, held, self._lease_s)
        for cycle_id in held:
            if cycle_id not in kept:
                self._recorder.lost(cycle_id)

    async def follow(self) -> list[OperatorAsked]:
        """What gateways of other processes have committed; what people asked for elsewhere."""
        views, asked, self._cursor = await self._ledger.read(
            _changed, self._mode, self._owner, self._cursor
        )
        for view in views:
            self._recorder.changed(Kept(view, ()))
        at_ns = self._clock.at_ns()
        return [
            OperatorAsked(at_ns, each.cycle_id, each.action, each.version, each.by, each.note)
            for each in asked
        ]

    async def run_renewal(self) -> None:
        while True:
            await self._clock.sleep(self._lease_s / RENEW_SHARE)
            await self.renew()

    async def release(self) -> None:
        """Others may go on with them at once."""
        held = list(self._recorder.fences)
        if held:
            await self._ledger.write(cycles.release, self._mode, self._owner, held)
        for cycle_id in held:
            self._recorder.lost(cycle_id)


def _changed(
    conn: Connection, mode: str, owner: str, cursor: Mapping[str, int]
) -> tuple[list[CycleView], list[asking.Asked], Mapping[str, int]]:
    ids, onward = cycles.changed_since(conn, mode, owner, cursor)
    found = [view for each in ids if (view := cycles.view(conn, mode, each)) is not None]
    versions = {view.cycle.id: view.cycle.version for view in found}
    return found, asking.asked(conn, mode, versions), onward
