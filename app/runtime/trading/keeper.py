"""Keeper: answers of one venue on their way into the ledger, with what its stream has told.

Keeps R7 (answer, fills and money in one transaction, from the row as it is then) and R4 (nothing
that was heard is thrown away because a database was away for a moment; when it stays away, the row
is asked about as if the answer had never come, H24).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import msgspec
import structlog

from app.domain.orders import Evidence, Fill, Order, OrderReport, PlaceAnswer
from app.domain.transfers import DepositReport, Transfer, WithdrawAnswer
from app.domain.venues import Venue
from app.ledger.intents import VenueEvent
from app.ledger.queries import Connection
from app.runtime.trading import outcomes
from app.runtime.trading.clock import Clock
from app.runtime.trading.limits import BACKOFF_S, BACKOFF_S_MAX, HEARD_MAX, KEEP_TRIES_MAX
from app.runtime.trading.store import Ledger
from app.runtime.trading.transactions import (
    Kept,
    Told,
    is_open,
    keep_order,
    keep_orders,
    keep_transfer,
)

log = structlog.get_logger("kimp.trading")

P = ParamSpec("P")
T = TypeVar("T")
Heard = OrderReport | Fill


class Hears(Protocol):
    def changed(self, found: Kept) -> None:
        """A cycle was changed by a commit."""


class Keeper:
    """open: intents of this venue that were sent and are not over, as last committed."""

    def __init__(
        self, venue: Venue, ledger: Ledger, clock: Clock, told: Hears, *, mode: str
    ) -> None:
        self.open: dict[str, Order | Transfer] = {}
        self._venue = venue
        self._ledger = ledger
        self._clock = clock
        self._told = told
        self._mode = mode
        self._heard: dict[str, list[Heard]] = {}
        self._heard_count = 0

    # What the stream tells

    def hear(self, client_id: str, row: Heard) -> bool:
        """Until the next commit about this order; False where too much waits already."""
        if self._heard_count >= HEARD_MAX:
            return False
        self._heard.setdefault(client_id, []).append(row)
        self._heard_count += 1
        return True

    def has_heard(self, client_id: str) -> bool:
        return client_id in self._heard

    def named(self, row: Heard) -> str | None:
        """Our id of the open order that a row is about."""
        if row.client_id is not None and row.client_id in self.open:
            return row.client_id
        for item in self.open.values():
            if isinstance(item, Order) and item.venue_order_id == row.venue_order_id:
                return item.client_id
        return None

    # Commits

    async def order(
        self,
        client_id: str,
        absorb: Callable[[Order], Order],
        events: Sequence[VenueEvent] = (),
        fills: Sequence[Fill] = (),
    ) -> None:
        rows = self._heard.pop(client_id, [])
        self._heard_count -= len(rows)
        told = [row for row in rows if isinstance(row, Fill)]
        reports = [row for row in rows if isinstance(row, OrderReport)]
        at_ns = self._clock.at_ns()

        def all_of_it(order: Order) -> Order:
            new = absorb(order)
            for report in reports:
                new = outcomes.reported(new, report, Evidence("stream", at_ns, at_ns, True))
            return new

        seen = [*events, *(self.event("stream", _name(each), each, at_ns) for each in reports)]
        order, found = await self._kept(
            keep_order, self._mode, client_id, all_of_it, seen, [*fills, *told]
        )
        self._hold(order)
        self._told.changed(found)

    async def orders(self, told: Sequence[Told]) -> None:
        """Of many at once. Their stream's rows wait for the next commit of each."""
        for order, found in await self._kept(keep_orders, self._mode, told):
            self._hold(order)
            self._told.changed(found)

    async def transfer(
        self,
        client_id: str,
        absorb: Callable[[Transfer], Transfer],
        events: Sequence[VenueEvent] = (),
        deposit: DepositReport | None = None,
    ) -> None:
        transfer, found = await self._kept(
            keep_transfer, self._mode, client_id, absorb, events, deposit
        )
        self._hold(transfer)
        self._told.changed(found)

    def event(
        self,
        kind: str,
        native_id: str,
        row: PlaceAnswer | WithdrawAnswer | OrderReport,
        at_ns: int,
    ) -> VenueEvent:
        """As it came, for those who ask later why (reliability 2.5)."""
        raw = msgspec.json.encode(row).decode()
        return VenueEvent(self._venue, kind, native_id, raw, at_ns)

    async def _kept(
        self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        wait_s = BACKOFF_S
        for _ in range(KEEP_TRIES_MAX):
            try:
                return await self._ledger.write(fn, *args, **kwargs)
            except (AssertionError, outcomes.Contradiction):
                raise
            except Exception as error:  # noqa: BLE001 - whatever a database says
                log.warning("answer_not_kept", venue=self._venue, reason=str(error)[:200])
            await self._clock.sleep(wait_s)
            wait_s = min(wait_s * 2, BACKOFF_S_MAX)
        return await self._ledger.write(fn, *args, **kwargs)

    def _hold(self, item: Order | Transfer) -> None:
        if is_open(item):
            self.open[item.client_id] = item
        else:
            self.open.pop(item.client_id, None)


def _name(report: OrderReport) -> str:
    """The same news twice is one event."""
    return f"{report.venue_order_id}:{report.state}:{report.filled_quantity}"
