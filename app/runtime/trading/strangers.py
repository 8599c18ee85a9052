"""Strangers: orders at the venues that look like ours and that the ledger does not know (H65).

Every order is in the ledger before it leaves. One that is not was sent after this copy of the
database was made, or by another kimp on the same account: either way nothing may begin, because
ids would be used twice and money is not where the ledger says. The way out is a person's: put the
newest database back, or say `python -m app restored`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping

import structlog

from app.domain.times import SECOND_NS
from app.domain.venues import Venue
from app.engine.execution import ids
from app.ledger import strangers
from app.runtime.trading.clock import Clock
from app.runtime.trading.limits import (
    MARKETS_LOOKED_MAX,
    RECONCILE_S,
    STRANGERS_BACK_S,
    STRANGERS_S,
)
from app.runtime.trading.port import Silent, VenuePort
from app.runtime.trading.store import Ledger

log = structlog.get_logger("kimp.trading")

SHOWN_MAX = 5
LETTER = "a"


class Strangers:
    """written: how venues want our ids. speaks(venue): whether its lease, and so its budget, is
    here. changed(is_so): whether there are any.

    A venue that does not answer is looked at again with the next round, until it has.
    """

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        ports: Mapping[Venue, VenuePort],
        *,
        mode: str,
        written: Mapping[Venue, Callable[[str], str]],
        speaks: Callable[[Venue], bool],
        changed: Callable[[bool], None],
    ) -> None:
        self.found: dict[Venue, tuple[str, ...]] = {}
        self.left = set(written) & set(ports)
        """Venues that have not been looked at."""
        self._ledger = ledger
        self._clock = clock
        self._ports = ports
        self._mode = mode
        self._ours = {venue: _form(written[venue]) for venue in self.left}
        self._speaks = speaks
        self._changed = changed

    async def look(self) -> None:
        """At every venue that is left, all at the same time."""
        venues = [venue for venue in sorted(self.left) if self._speaks(venue)]
        if not venues:
            return
        margin_ns = round(STRANGERS_S * SECOND_NS)
        last_ns = await self._ledger.read(strangers.knows_until_ns, self._mode, margin_ns)
        if last_ns is None:
            self.left.clear()
            return
        back_ns = self._clock.at_ns() - round(STRANGERS_BACK_S * SECOND_NS)
        since_ns = max(last_ns, back_ns)
        async with asyncio.TaskGroup() as tasks:
            for venue in venues:
                tasks.create_task(self._look_at(venue, since_ns))
        self._changed(bool(self.found))

    async def run(self) -> None:
        while True:
            await self._clock.sleep(RECONCILE_S)
            await self.look()

    async def _look_at(self, venue: Venue, since_ns: int) -> None:
        markets = await self._ledger.read(strangers.markets, self._mode, venue, MARKETS_LOOKED_MAX)
        asking = [self._ports[venue].orders(market, since_ns) for market in markets]
        answers = await asyncio.gather(*asking, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, Silent):
                return
            if isinstance(answer, BaseException):
                raise answer
        self.left.discard(venue)
        named = {
            row.client_id
            for answer in answers
            if not isinstance(answer, BaseException)
            for row in answer
            if row.client_id is not None
            and self._ours[venue].fullmatch(row.client_id)
            and (row.at_ns is None or row.at_ns >= since_ns)
        }
        found = await self._ledger.read(strangers.unknown, venue, named)
        if found:
            self.found[venue] = found
            log.error("orders_unknown", venue=venue, count=len(found), first=found[:SHOWN_MAX])


def _form(written: Callable[[str], str]) -> re.Pattern[str]:
    """What one of our ids looks like there."""
    sample = re.escape(written(LETTER * ids.LENGTH))
    letters = f"[a-z2-7]{{{ids.LENGTH}}}"
    return re.compile(sample.replace(LETTER * ids.LENGTH, letters))
