"""One cycle: what it did and asked, where its money is, and what a person may do with it."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Any

from app.domain.accounting import PostingCell, Timeline
from app.domain.cycles import MOVES, CycleState
from app.domain.orders import ORDER_ENDS, Evidence, Order
from app.domain.problems import Problem
from app.domain.times import SECOND_NS
from app.domain.transfers import Transfer, TransferState
from app.domain.venues import Venue
from app.ledger import trading_pages, trading_queries
from app.ledger.queries import Connection
from app.routers.trading.comparison import comparison
from app.routers.trading.lanes import lanes
from app.routers.trading.records import Records, Usual
from app.routers.trading.stages import track
from app.routers.trading.worth import worth
from app.runtime.desk import Desk

S = CycleState
STOPPED = frozenset({S.AWAITING_RETRY, S.DEAD_LETTER})
JOURNAL_SHOWN = 60
REPEATS = 4
"""A line that came so few lines ago already is told once, with how often."""
OUR_ID = re.compile(r"\b[a-z0-9]{20}\b")
ACTIONS = ("retry", "compensate", "close")


@dataclass(frozen=True, slots=True)
class Intent:
    """An order or a transfer, as it was committed before it was sent. took_s: until it was over."""

    id: str
    item: Order | Transfer
    took_s: float | None

    @property
    def is_order(self) -> bool:
        return isinstance(self.item, Order)


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
    """Something to do about it. cost_krw: about what it costs now; may: whether a click does it."""

    code: str
    may: bool
    advised: bool
    cost_krw: Decimal | None


@dataclass(frozen=True, slots=True)
class Said:
    """A line of the journal; times: so often the same in a row. answer: found, absent, silent."""

    at_ns: int
    code: str
    actor: str
    note: str
    kind: str
    answer: str = ""
    times: int = 1

    @property
    def short(self) -> str:
        """With our ids cut to their beginnings."""
        return OUR_ID.sub(lambda found: f"{found[0][:6]}…", self.note)

    def same(self, other: Said) -> bool:
        return (self.code, self.note, self.answer) == (other.code, other.note, other.answer)


async def one(here: Desk, _: Mapping[str, str], cycle_id: str) -> dict[str, Any]:
    """All that the page of a cycle shows. Problem not_found."""
    found, cells, times = await here.db.read(_read, here.mode, cycle_id)
    if found is None:
        raise Problem("not_found")
    return context(
        found, cells, times, (await worth(here)).prices, here.trading.policies.now.loss_bps_max,
        time.time_ns(),
    ) | {"running": here.trading.life is not None, "mode": here.mode}  # fmt: skip


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
        "now_ns": now_ns,
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
        "retries": found.retry_history,
    }


def intents(found: Timeline, now_ns: int) -> tuple[Intent, ...]:
    """In the order in which they were committed."""
    made = [Intent(row.id, row.order, _took(row.order, now_ns)) for row in found.orders]
    made += [Intent(row.id, row.transfer, _took(row.transfer, now_ns)) for row in found.transfers]
    return tuple(sorted(made, key=lambda each: each.item.planned_at_ns))


def _took(item: Order | Transfer, now_ns: int) -> float | None:
    if item.signed_at_ns is None:
        return None
    over = item.state in ORDER_ENDS if isinstance(item, Order) else item.is_over
    end_ns = item.updated_at_ns if over else now_ns
    return max(end_ns - item.signed_at_ns, 0) / SECOND_NS


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
    held = sum((place.value_krw for place in places if place.value_krw is not None), Decimal(0))
    bound = held * Decimal(str(loss_bps_max)) / 10_000
    stopped, dead = cycle.state in STOPPED, cycle.state is S.DEAD_LETTER
    orders_open = any(row.order.state not in ORDER_ENDS for row in found.orders)
    return (
        Choice("wait", False, not dead, Decimal(0)),
        Choice("retry", stopped, dead, Decimal(0)),
        Choice("compensate", may_compensate(found), False, -bound),
        Choice("close", stopped and not orders_open, False, -held),
    )


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


def said(found: Timeline) -> tuple[Said, ...]:
    """Newest first: the journal, every move, and what was asked and answered of each intent."""
    lines = [
        Said(row.at_ns, row.code, row.actor, row.note, _kind(row.code, row.note))
        for row in found.journal
        if not (row.code == "DECIDED" and row.note.split(" ")[0] in MOVES)
    ]
    lines += [
        Said(row.at_ns, "MOVED", row.actor, f"{row.was} → {row.to} {row.reason}".strip(),
             "c" if row.to in {S.FAILED, *STOPPED} else "")
        for row in found.transitions
    ]  # fmt: skip
    for order in found.orders:
        lines += [_asked(order.order.client_id, each) for each in order.order.evidence]
    for transfer in found.transfers:
        lines += [_asked(transfer.transfer.client_id, each) for each in transfer.transfer.evidence]
    lines.sort(key=lambda line: line.at_ns)
    joined: list[Said] = []
    for line in lines:
        same = next((each for each in joined[-REPEATS:] if each.same(line)), None)
        if same is not None:
            joined.remove(same)
        joined.append(replace(line, times=1 if same is None else same.times + 1))
    return tuple(reversed(joined))


def _asked(client_id: str, evidence: Evidence) -> Said:
    answer = {True: "found", False: "absent", None: "silent"}[evidence.found]
    note = f"{client_id} {evidence.source} {evidence.note}".strip()
    kind = "c" if evidence.found is None else ""
    return Said(evidence.answered_at_ns, "ASKED", "gateway", note, kind, answer)


def _kind(code: str, note: str) -> str:
    if "REJECTED" in note or code in {"DEAD_LETTER", "BREACH"}:
        return "f"
    return "c" if "UNKNOWN" in note or "NEEDS_OPERATOR" in note else ""
