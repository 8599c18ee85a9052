"""Recovery: every start goes through here, after a crash and after a good night alike.

Keeps R10 and R5's beginning. In order: LIVE comes back halted and disarmed; the ledger is checked;
the venues' leases are claimed (nobody else sends while we look); every intent that is open is
asked about once, and orders like ours are looked for that the ledger does not know (H65);
balances are adopted or compared; then cycles are claimed, and only then may new
ones begin. What a venue does not answer stays as it is, is asked again by its gateway, and keeps
its money reserved; it does not hold up the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec
import structlog

from app.domain.orders import Balance
from app.domain.times import SECOND_NS
from app.domain.venues import Venue
from app.ledger import trading_state
from app.runtime.trading.auditor import Auditor
from app.runtime.trading.clock import Clock
from app.runtime.trading.gateway import Gateway
from app.runtime.trading.leases import CycleLeases, VenueLeases
from app.runtime.trading.limits import RECOVERY_S_MAX
from app.runtime.trading.reconcile import Reconciler
from app.runtime.trading.store import Ledger
from app.runtime.trading.strangers import Strangers

log = structlog.get_logger("kimp.trading")


class Recovered(msgspec.Struct, frozen=True):
    """What a start found. asked: open intents that were asked about; seconds: all of it."""

    at_ns: int
    seconds: float
    asked: int
    breaches: int
    adopted: tuple[Venue, ...]
    drifts: int
    claimed: int


class Parts(Protocol):
    """What a recovery works with: the parts of one trading life."""

    mode: str
    clock: Clock
    ledger: Ledger
    auditor: Auditor
    reconciler: Reconciler
    strangers: Strangers
    venue_leases: VenueLeases
    cycle_leases: CycleLeases
    gateways: dict[Venue, Gateway]


async def recover(
    parts: Parts, given: Mapping[Venue, Sequence[Balance]] | None = None
) -> Recovered:
    """given: what venues of paper begin with, at the first start of the mode."""
    began_ns = parts.clock.at_ns()
    await parts.ledger.write(trading_state.restarted, parts.mode)
    breaches = await parts.auditor.check()
    await parts.venue_leases.turn()
    asked, _ = await asyncio.gather(_ask_all(parts), parts.strangers.look())
    adopted = await parts.reconciler.adopt(given)
    drifts = await parts.reconciler.look()
    claimed = await parts.cycle_leases.claim()
    for gateway in parts.gateways.values():
        gateway.start()
    now_ns = parts.clock.at_ns()
    found = Recovered(
        now_ns,
        (now_ns - began_ns) / SECOND_NS,
        asked,
        len(breaches),
        tuple(adopted),
        len(drifts),
        claimed,
    )
    log.info("trading_recovered", **msgspec.structs.asdict(found))
    return found


async def _ask_all(parts: Parts) -> int:
    """Every open intent once, all venues at the same time; within reason of time.

    Nobody else asks meanwhile: the same question twice would spend the budget twice."""
    await asyncio.gather(*(gateway.sync() for gateway in parts.gateways.values()))
    asking = [
        asyncio.create_task(gateway.ask_all(), name=f"recovery-{venue}")
        for venue, gateway in parts.gateways.items()
    ]
    if not asking:
        return 0
    timer = asyncio.create_task(parts.clock.sleep(RECOVERY_S_MAX))
    waits: set[asyncio.Task[int]] = set(asking)
    while waits and not timer.done():
        done, _ = await asyncio.wait({timer, *waits}, return_when=asyncio.FIRST_COMPLETED)
        waits -= done
    timer.cancel()
    for late in waits:
        log.warning("recovery_unfinished", task=late.get_name())
        late.cancel()
    await asyncio.gather(timer, *asking, return_exceptions=True)
    for task in asking:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("recovery_failed_of", task=task.get_name(), exc_info=error)
    return sum(task.result() for task in asking if not task.cancelled() and not task.exception())
