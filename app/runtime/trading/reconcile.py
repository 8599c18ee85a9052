"""Reconcile: what venues say that we have, against what the ledger says.

Keeps R7 and R9. At the first start of a mode the venue's balances are adopted, all of a venue in
one transaction; from then on a difference is never booked away by itself. It counts when nothing
moves: no intent of ours with this asset is open there, the ledger is the same before and after
the question, and the next look sees the same difference. Then the purse is frozen and a person
decides: it may be somebody's own deposit (H36, H67), which `accept` takes into the books.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

import msgspec
import structlog

from app.domain.orders import Balance
from app.domain.trading import Purse
from app.domain.venues import Venue
from app.ledger import posting
from app.ledger.queries import Connection
from app.runtime.trading.clock import Clock
from app.runtime.trading.limits import DRIFT_LOOKS
from app.runtime.trading.port import Silent, VenuePort
from app.runtime.trading.store import Ledger

log = structlog.get_logger("kimp.trading")

# Below what any venue books: the last decimal that some of them round for themselves.
DUST = Decimal("1e-8")
DRIFT = "DRIFT"

Key = tuple[Venue, str]


class Drift(msgspec.Struct, frozen=True):
    """told − ledger ≠ 0. looks: how often in a row; frozen from `DRIFT_LOOKS` on."""

    venue: Venue
    asset: str
    ledger: Decimal
    told: Decimal
    looks: int
    since_ns: int


class Reconciler:
    """moving(venue): assets of intents under way there. changed(purses): after a freeze.

    unopened(is_so): whether a venue has no books yet because it does not answer. Nothing may begin
    until then: what arrived there meanwhile could not be told from what was there before.
    """

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        ports: Mapping[Venue, VenuePort],
        *,
        mode: str,
        moving: Callable[[Venue], frozenset[str]],
        changed: Callable[[Sequence[Purse]], None],
        unopened: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self.looked_at_ns: int | None = None
        self.silent: dict[Venue, str] = {}
        """Venues whose last answer could not be used, and why."""
        self._ledger = ledger
        self._clock = clock
        self._ports = ports
        self._mode = mode
        self._moving = moving
        self._changed = changed
        self._unopened = unopened
        self._drifts: dict[Key, Drift] = {}

    def drifts(self) -> tuple[Drift, ...]:
        return tuple(self._drifts[key] for key in sorted(self._drifts))

    async def adopt(self, given: Mapping[Venue, Sequence[Balance]] | None = None) -> list[Venue]:
        """Venues that this mode has no books of yet begin with what is there; which they were.

        given: what venues of paper begin with. A venue that does not answer begins later.
        """
        known = {purse.venue for purse in await self._purses()}
        new = [venue for venue in self._ports if venue not in known]
        async with asyncio.TaskGroup() as group:
            begins = [group.create_task(self._begin(venue, given)) for venue in new]
        begun = [venue for venue, task in zip(new, begins, strict=True) if task.result()]
        waits = any(task.result() is None for task in begins)
        self._unopened(waits)
        return begun

    async def _begin(
        self, venue: Venue, given: Mapping[Venue, Sequence[Balance]] | None
    ) -> bool | None:
        """None: it does not answer."""
        if given is not None:
            told: Sequence[Balance] = given.get(venue, ())
        else:
            try:
                told = await self._ports[venue].balances()
            except Silent as silent:
                self.silent[venue] = silent.reason
                return None
        return await self._ledger.write(_adopt_all, self._mode, venue, _summed(told))

    async def look(self) -> tuple[Drift, ...]:
        """Every venue once, all at the same time: a start waits for the slowest, not for nine.
        One that does not answer keeps what was known of it."""
        async with asyncio.TaskGroup() as group:
            for venue, port in self._ports.items():
                group.create_task(self._look_at(venue, port))
        self.looked_at_ns = self._clock.at_ns()
        return self.drifts()

    async def _look_at(self, venue: Venue, port: VenuePort) -> None:
        moving = self._moving(venue)
        before = self._totals(await self._purses(), venue)
        try:
            told = _summed(await port.balances())
        except Silent as silent:
            self.silent[venue] = silent.reason
            return
        self.silent.pop(venue, None)
        after = self._totals(await self._purses(), venue)
        moving |= self._moving(venue)
        for asset in sorted(before.keys() | told.keys()):
            if asset not in moving and before.get(asset) == after.get(asset):
                await self._judge(venue, asset, before.get(asset), told.get(asset))

    async def _judge(
        self, venue: Venue, asset: str, ours: Decimal | None, theirs: Decimal | None
    ) -> None:
        ledger, told = ours or Decimal(0), theirs or Decimal(0)
        key = venue, asset
        known = self._drifts.get(key)
        if abs(told - ledger) <= DUST:
            if known is not None:
                del self._drifts[key]
                if known.looks >= DRIFT_LOOKS:
                    await self._freeze(venue, asset, None)
            return
        same = known is not None and known.told - known.ledger == told - ledger
        looks = known.looks + 1 if known is not None and same else 1
        since_ns = known.since_ns if known is not None and same else self._clock.at_ns()
        self._drifts[key] = Drift(venue, asset, ledger, told, looks, since_ns)
        if looks == DRIFT_LOOKS:
            log.warning("balance_drifts", venue=venue, asset=asset, ledger=ledger, told=told)
            await self._freeze(venue, asset, DRIFT)

    async def accept(self, venue: Venue, asset: str) -> Drift | None:
        """A person says that the venue is right: the difference comes from, or went, outside."""
        drift = self._drifts.pop((venue, asset), None)
        if drift is None:
            return None
        number = f"accepted:{venue}:{asset}:{drift.since_ns}"
        purses = await self._ledger.write(
            _accept, self._mode, venue, asset, drift.told - drift.ledger, number
        )
        self._changed(purses)
        return drift

    async def _freeze(self, venue: Venue, asset: str, reason: str | None) -> None:
        self._changed(await self._ledger.write(_freeze, self._mode, venue, asset, reason))

    async def _purses(self) -> tuple[Purse, ...]:
        return await self._ledger.read(posting.purses, self._mode)

    @staticmethod
    def _totals(purses: Sequence[Purse], venue: Venue) -> dict[str, Decimal]:
        return {
            purse.asset: purse.available + purse.reserved
            for purse in purses
            if purse.venue is venue
        }


def _summed(told: Sequence[Balance]) -> dict[str, Decimal]:
    """A venue may have several purses of one asset."""
    found: dict[str, Decimal] = {}
    for each in told:
        found[each.asset] = found.get(each.asset, Decimal(0)) + each.free + each.locked
    return found


def _adopt_all(conn: Connection, mode: str, venue: Venue, told: Mapping[str, Decimal]) -> bool:
    done = False
    for asset, amount in told.items():
        if amount > 0:
            done |= posting.adopt(conn, mode, venue, asset, amount, f"opening:{venue}:{asset}")
    return done


def _freeze(
    conn: Connection, mode: str, venue: Venue, asset: str, reason: str | None
) -> tuple[Purse, ...]:
    if reason is None:
        posting.thaw(conn, mode, venue, asset)
    else:
        posting.freeze(conn, mode, venue, asset, reason)
    return posting.touched(conn, mode)


def _accept(
    conn: Connection, mode: str, venue: Venue, asset: str, amount: Decimal, number: str
) -> tuple[Purse, ...]:
    posting.adopt(conn, mode, venue, asset, amount, number)
    posting.thaw(conn, mode, venue, asset)
    return posting.touched(conn, mode)
