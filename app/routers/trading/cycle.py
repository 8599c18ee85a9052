"""One cycle: what it did and asked, where its money is, and what a person may do with it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from app.domain.accounting import PostingCell, Timeline
from app.domain.cycles import CycleState
from app.domain.orders import ORDER_ENDS
from app.domain.problems import Problem
from app.domain.times import SECOND_NS
from app.domain.transfers import Transfer, TransferState
from app.domain.venues import Venue
from app.ledger import trading_pages, trading_queries
from app.ledger.queries import Connection
from app.routers.trading.comparison import comparison
from app.routers.trading.intents import Intent, intent
from app.routers.trading.journal import said
from app.routers.trading.lanes import lanes
from app.routers.trading.records import Records, Usual
from app.routers.trading.stages import track
from app.routers.trading.worth import worth
from app.runtime.desk import Desk

S = CycleState
STOPPED = frozenset({S.AWAITING_RETRY, S.DEAD_LETTER})
JOURNAL_SHOWN = 60
ACTIONS = ("retry", "compensate", "close")


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """key: of the account's text. venue: of whom, None where it is nobody's."""

    key: str
    venue: Venue | None
    amounts: tuple[Decimal, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    assets: tuple[str, ...]
    rows: tuple[MatrixRow, ...]
    sums: tuple[Decimal, ...]
    """Each is zero, or something is broken."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where some of a cycle's money is. transfer: the one that carries it. share: 0..1 of the
    time that such a transfer takes, as far as is known."""

    venue: Venue | None
    asset: str
    amount: Decimal
    value_krw: Decimal | None
    transfer: Transfer | None
    share: float | None
    usual: Usual | None


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to do about it. may: a click does it. cost_krw: at most; None: not known now.

    Closing frees what lies at venues, and gives up what is on its way.
    """

    code: str
    may: bool
    advised: bool
    cost_krw: Decimal | None


async def one(here: Desk, _: Mapping[str, str], cycle_id: str) -> dict[str, Any]:
    """All that the page of a cycle shows. Problem not_found."""
    found, cells, times = await here.db.read(_read, here.mode, cycle_id)
    if found is None:
        raise Problem("not_found")
    return context(
        found, cells, times, (await worth(here)).prices, here.trading.policies.now.loss_bps_max,
        time.time_ns(),
    ) | {"mode": here.mode}  # fmt: skip


def _read(
    conn: Connection, mode: str, cycle_id: str
) -> tuple[Timeline | None, tuple[PostingCell, ...], dict[str, list[float]]]:
    found = trading_queries.timeline(conn, mode, cycle_id)
    cells = trading_pages.cycle_matrix(conn, mode, cycle_id)
    return found, cells, trading_pages.transfer_times(conn, mode)


def context(
    found: Timeline,
    cells: Sequence[PostingCell],
    times: Mapping[str, Sequence[float]],
    prices: Mapping[str, Decimal],
    loss_bps_max: float,
    now_ns: int,
) -> dict[str, Any]:
    cycle, records = found.row.cycle, Records(times)
    places = _places(found, records, prices, now_ns)
    chosen = choices(found, places, loss_bps_max)
    return {
        "c": cycle,
        "row": found.row,
        "open_s": ((cycle.closed_at_ns or now_ns) - cycle.opened_at_ns) / SECOND_NS,
        "stages": track(cycle, found.transitions, now_ns),
        "draw": partial(lanes, found, records, now_ns),
        "intents": intents(found, now_ns),
        "matrix": matrix(cells),
        "compared": comparison(cycle),
        "places": places,
        "chances": chosen,
        "by_code": dict.fromkeys(ACTIONS) | {each.code: each for each in chosen},
        "said": said(found)[:JOURNAL_SHOWN],
        "events": len(found.venue_events),
    }


def intents(found: Timeline, now_ns: int) -> tuple[Intent, ...]:
    """In the order in which they were committed."""
    made = [intent(row, now_ns) for row in found.orders]
    made += [intent(row, now_ns) for row in found.transfers]
    return tuple(sorted(made, key=lambda each: each.item.planned_at_ns))


def matrix(cells: Sequence[PostingCell]) -> Matrix:
    """Accounts of one kind stand together; a row that came to nothing is left out."""
    assets = tuple(sorted({cell.asset for cell in cells}))
    groups: dict[tuple[str, Venue | None], dict[str, Decimal]] = {}
    for cell in cells:
        amounts = groups.setdefault(_group(cell.account), {})
        amounts[cell.asset] = amounts.get(cell.asset, Decimal(0)) + cell.amount
    rows = [
        MatrixRow(key, venue, tuple(amounts.get(asset, Decimal(0)) for asset in assets))
        for (key, venue), amounts in groups.items()
        if any(amounts.values())
    ]
    order = ("available", "reserved", "transit", "trade", "fee", "pnl")
    rows.sort(key=lambda row: (order.index(row.key) if row.key in order else 9, row.venue or ""))
    sums = tuple(
        sum((cell.amount for cell in cells if cell.asset == asset), Decimal(0)) for asset in assets
    )
    return Matrix(assets, tuple(rows), sums)


def _group(account: str) -> tuple[str, Venue | None]:
    """venue:upbit:reserved → (reserved, upbit); fee:trade → (fee, None)."""
    first, _, rest = account.partition(":")
    venue, _, last = rest.partition(":")
    owner = Venue(venue) if venue in set(Venue) else None
    return (last if first == "venue" else first), owner


def _places(
    found: Timeline, records: Records, prices: Mapping[str, Decimal], now_ns: int
) -> tuple[Place, ...]:
    moving = [row.transfer for row in found.transfers if _moves(row.transfer)]
    places = []
    for held in found.row.exposure:
        carried = next(
            (each for each in moving if held.venue is None and each.terms.asset == held.asset), None
        )
        usual = None if carried is None else records.usual(carried.terms.chain)
        share = None
        if carried is not None and usual is not None and carried.signed_at_ns is not None:
            share = min((now_ns - carried.signed_at_ns) / SECOND_NS / max(usual.p95, 0.001), 1.0)
        price = prices.get(held.asset)
        value = None if price is None else price * held.amount
        places.append(Place(held.venue, held.asset, held.amount, value, carried, share, usual))
    return tuple(places)


def _moves(transfer: Transfer) -> bool:
    return not transfer.is_over and transfer.state is not TransferState.PLANNED


def choices(found: Timeline, places: Sequence[Place], loss_bps_max: float) -> tuple[Choice, ...]:
    """None once it is over. What the engine would do by itself comes first."""
    cycle = found.row.cycle
    if cycle.closed_at_ns is not None:
        return ()
    held, moving = _worth(places), _worth([place for place in places if place.venue is None])
    bound = None if held is None else -held * Decimal(str(loss_bps_max)) / 10_000
    stopped, dead = cycle.state in STOPPED, cycle.state is S.DEAD_LETTER
    orders_open = any(row.order.state not in ORDER_ENDS for row in found.orders)
    return (
        Choice("wait", False, not dead, Decimal(0)),
        Choice("retry", stopped, dead, Decimal(0)),
        Choice("compensate", may_compensate(found), False, bound),
        Choice("close", stopped and not orders_open, False, None if moving is None else -moving),
    )


def _worth(places: Sequence[Place]) -> Decimal | None:
    """KRW; None where something has no price."""
    values = [place.value_krw for place in places]
    return None if None in values else sum((each or Decimal(0) for each in values), Decimal(0))


def may_compensate(found: Timeline) -> bool:
    cycle = found.row.cycle
    if cycle.compensating:
        return False
    idle = all(row.order.is_over for row in found.orders) and all(
        row.transfer.is_over for row in found.transfers
    )
    return (
        cycle.state in STOPPED | {S.AWAITING_REBALANCE, S.REBALANCING_IN_PROGRESS}
        or (cycle.state is S.INITIAL_TRADE_COMPLETED and idle)
    )  # fmt: skip
