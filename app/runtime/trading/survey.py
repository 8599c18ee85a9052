"""Survey: what a start asks one venue about its open orders: lists instead of one by one.

A hundred questions would take as long as the venue's budget wants; a list of each market tells the
same, and only what has traded is asked for its trades. An order that a list does not show was
asked about, no more: it stays UNKNOWN, and its gateway goes on until there is proof (R5).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import structlog
from msgspec.structs import replace

from app.domain.markets import Instrument
from app.domain.orders import Evidence, Fill, Order, OrderReport
from app.domain.times import SECOND_NS
from app.runtime.trading import outcomes
from app.runtime.trading.clock import Clock
from app.runtime.trading.keeper import Keeper
from app.runtime.trading.limits import LISTED_FROM, LISTED_S
from app.runtime.trading.port import Silent, VenuePort
from app.runtime.trading.transactions import Told

log = structlog.get_logger("kimp.trading")

Guard = Callable[[str, Awaitable[None]], Coroutine[Any, Any, None]]
"""Of one row's or market's question: what it raises is told and ends nobody else's."""


def listed(
    orders: Sequence[Order], at_ns: int, *, finds_ended: bool
) -> dict[Instrument, list[Order]]:
    """Those that a list of their market tells of sooner than a question each.

    finds_ended: the venue answers by our id; where it does not, a list is the only way. Of long
    ago there would be too much to read.
    """
    since_ns = at_ns - round(LISTED_S * SECOND_NS)
    found: dict[Instrument, list[Order]] = defaultdict(list)
    for order in orders:
        if _sent_ns(order) >= since_ns:
            found[order.terms.instrument].append(order)
    least = LISTED_FROM if finds_ended else 1
    return {instrument: group for instrument, group in found.items() if len(group) >= least}


async def survey(
    port: VenuePort,
    keeper: Keeper,
    clock: Clock,
    groups: dict[Instrument, list[Order]],
    guard: Guard,
) -> None:
    """All markets at the same time; the news of each in one commit."""
    async with asyncio.TaskGroup() as tasks:
        for instrument, orders in groups.items():
            asking = _market(port, keeper, clock, instrument, orders, guard)
            tasks.create_task(guard(f"list {instrument.base}/{instrument.quote}", asking))


async def _market(
    port: VenuePort,
    keeper: Keeper,
    clock: Clock,
    instrument: Instrument,
    orders: list[Order],
    guard: Guard,
) -> None:
    asked_ns = clock.at_ns()
    reports: list[OrderReport] | None = None
    note = ""
    try:
        reports = await port.orders(instrument, min(map(_sent_ns, orders)))
    except Silent as silent:
        note = silent.reason
    answered_ns = clock.at_ns()
    asking = []
    for order in orders:
        report = None if reports is None else outcomes.of_order(order, reports)
        found = None if reports is None else report is not None
        evidence = Evidence("list", asked_ns, answered_ns, found, note)
        asking.append(_traded(port, clock, order, report, evidence))
    told = await asyncio.gather(*asking)
    try:
        await keeper.orders(told)
    except Exception:
        # One of them cannot be kept: which one, its own commit tells.
        log.exception("orders_not_kept", venue=port.venue)
        for each in told:
            await guard(each.client_id, keeper.order(each.client_id, each.absorb, (), each.fills))


async def _traded(
    port: VenuePort, clock: Clock, order: Order, report: OrderReport | None, evidence: Evidence
) -> Told:
    """With the trades of an order that the list shows to have some."""
    fills: Sequence[Fill] = ()
    traded: Evidence | None = None
    if report is not None and report.filled_quantity != 0:
        asked_ns, note = clock.at_ns(), ""
        numbered = replace(order, venue_order_id=report.venue_order_id)
        found: bool | None = None
        try:
            fills = await port.fills(numbered)
            found = bool(fills)
        except Silent as silent:
            note = silent.reason
        traded = Evidence("fills", asked_ns, clock.at_ns(), found, note)

    def told(row: Order) -> Order:
        new = outcomes.reported(row, report, evidence)
        return new if traded is None else outcomes.noted(new, traded)

    return Told(order.client_id, told, fills)


def _sent_ns(order: Order) -> int:
    return order.signed_at_ns or order.planned_at_ns
