"""Pages: what the JSON API and the pages ask of trading, as items that can be sent (SPEC §9)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from app.domain.accounting import (
    AccountRow,
    DayRow,
    DeadLetterRow,
    EntryRow,
    JournalRow,
    PostingCell,
    Timeline,
    TradeRow,
    TradeStatistics,
    TransitionRow,
    VenueEventRow,
)
from app.domain.cycles import CycleView
from app.runtime.items import moment
from app.runtime.trading.rows import (
    CycleItem,
    FeeItem,
    OrderItem,
    TransferItem,
    cycle_item,
    cycle_row,
    exact,
    exact_or_none,
    order_item,
    transfer_item,
)

if TYPE_CHECKING:
    from app.runtime.trading.trading import EngineRow


class RecoveredItem(msgspec.Struct, frozen=True):
    """What the last start found. asked: open intents that were asked about."""

    at: str
    seconds: float
    asked: int
    breaches: int
    adopted: list[str]
    drifts: int
    claimed: int


class DriftItem(msgspec.Struct, frozen=True):
    """A venue tells another balance than the ledger has."""

    venue: str
    asset: str
    ledger: str
    told: str
    looks: int
    since: str


class EngineItem(msgspec.Struct, frozen=True):
    """by, reason, at: of the last change. operators: intent → code of what a person has to do."""

    mode: str
    state: str
    killed: bool
    armed: bool
    armed_until: str | None
    blocked: list[str]
    running: bool
    feeds: str
    by: str
    reason: str
    version: int
    at: str
    open_intents: int
    breaches: list[str]
    audited_at: str | None
    drifts: list[DriftItem]
    operators: dict[str, str]
    recovered: RecoveredItem | None


class NetItem(msgspec.Struct, frozen=True):
    asset: str
    amount: str


class TransitionItem(msgspec.Struct, frozen=True):
    """hash: of this step and the one before it."""

    seq: int
    was: str
    to: str
    step: str
    fence: int
    version: int
    actor: str
    reason: str
    at: str
    hash: str


class JournalItem(msgspec.Struct, frozen=True):
    at: str
    version: int
    actor: str
    code: str
    note: str


class VenueEventItem(msgspec.Struct, frozen=True):
    """raw: as the venue wrote it, or as we read it."""

    at: str
    venue: str
    kind: str
    native_id: str
    client_id: str | None
    raw: str


class AccountItem(msgspec.Struct, frozen=True):
    account: str
    asset: str
    amount: str


class CycleDetail(CycleItem, frozen=True):
    """The cycle's own fields, and: net, gained and spent so far per asset; postings, what came to
    each account."""

    net: list[NetItem]
    fees: list[FeeItem]
    orders: list[OrderItem]
    transfers: list[TransferItem]
    transitions: list[TransitionItem]
    postings: list[AccountItem]
    journal: list[JournalItem]
    venue_events: list[VenueEventItem]
    retry_history: list[dict[str, Any]]


class DeadLetterItem(msgspec.Struct, frozen=True):
    """resolved_at null: it waits for a person."""

    id: int
    cycle: CycleItem
    reason: str
    attempts: int
    at: str
    resolved_at: str | None
    resolved_by: str | None
    resolution: str | None


class TradeItem(msgspec.Struct, frozen=True):
    """side, quote, price null and to_venue given: a transfer."""

    id: str
    mode: str
    cycle_id: str
    client_id: str
    role: str
    venue: str
    to_venue: str | None
    base: str
    quote: str | None
    side: str | None
    type: str | None
    quantity: str
    price: str | None
    filled_quantity: str
    average_price: str | None
    fees: list[FeeItem]
    status: str
    planned_at: str
    sent_at: str | None
    ended_at: str | None


class EntryItem(msgspec.Struct, frozen=True):
    id: int
    txn_id: str
    account: str
    asset: str
    amount: str
    cycle_id: str | None
    at: str


class SumItem(msgspec.Struct, frozen=True):
    asset: str
    amount: str


class LedgerItem(msgspec.Struct, frozen=True):
    accounts: list[AccountItem]
    sums: list[SumItem]


class PurseItem(msgspec.Struct, frozen=True):
    """value_krw null: there is no price. frozen: why nothing may begin with it."""

    venue: str
    asset: str
    available: str
    reserved: str
    in_flight: str
    frozen: str | None
    value_krw: str | None


class PortfolioItem(msgspec.Struct, frozen=True):
    """equity_krw: of all that has a price; unvalued: what has none."""

    mode: str
    equity_krw: str
    unvalued: list[str]
    purses: list[PurseItem]


class DayItem(msgspec.Struct, frozen=True):
    date: str
    mode: str
    cycles: int
    wins: int
    losses: int
    compensated: int
    pnl_krw: str
    total_pnl_krw: str
    volume_krw: str
    fees_krw: str
    drawdown_pct: float
    equity_krw: str | None
    sharpe: float | None


class Statistics(msgspec.Struct, frozen=True):
    """Of one mode. win_rate null without finished cycles."""

    mode: str
    cycles: int
    wins: int
    losses: int
    compensated: int
    nothing_done: int
    open: int
    dead_letters: int
    pnl_krw: str
    volume_krw: str
    fees_krw: str
    win_rate: float | None
    average_pnl_krw: str | None
    best_pnl_krw: str | None
    worst_pnl_krw: str | None
    average_s: float | None


class CycleList(msgspec.Struct, frozen=True):
    items: list[CycleItem]
    next_cursor: str | None = None


class OrderList(msgspec.Struct, frozen=True):
    items: list[OrderItem]
    next_cursor: str | None = None


class TransferList(msgspec.Struct, frozen=True):
    items: list[TransferItem]
    next_cursor: str | None = None


class DeadLetterList(msgspec.Struct, frozen=True):
    items: list[DeadLetterItem]
    next_cursor: str | None = None


class TradeList(msgspec.Struct, frozen=True):
    items: list[TradeItem]
    next_cursor: str | None = None


class EntryList(msgspec.Struct, frozen=True):
    items: list[EntryItem]
    next_cursor: str | None = None


class DayList(msgspec.Struct, frozen=True):
    items: list[DayItem]
    next_cursor: str | None = None


# From rows


def cycle_of(view: CycleView, mode: str) -> CycleItem:
    return cycle_item(cycle_row(view, mode))


def engine_item(row: EngineRow) -> EngineItem:
    found = row.recovered
    return EngineItem(
        mode=row.mode,
        state=row.state,
        killed=row.killed,
        armed=row.armed_until_ns is not None,
        armed_until=moment(row.armed_until_ns),
        blocked=list(row.blocked),
        running=row.running,
        feeds=row.feeds,
        by=row.by,
        reason=row.reason,
        version=row.version,
        at=moment(row.at_ns),
        open_intents=row.open_intents,
        breaches=list(row.breaches),
        audited_at=moment(row.audited_at_ns),
        drifts=[
            DriftItem(
                each.venue, each.asset, exact(each.ledger), exact(each.told), each.looks,
                moment(each.since_ns),
            )
            for each in row.drifts
        ],
        operators=row.operators,
        recovered=None
        if found is None
        else RecoveredItem(
            moment(found.at_ns), found.seconds, found.asked, found.breaches,
            [str(venue) for venue in found.adopted], found.drifts, found.claimed,
        ),
    )  # fmt: skip


def _fees(row: TradeRow) -> list[FeeItem]:
    return [FeeItem(fee.asset, exact(fee.amount)) for fee in row.fees]


def trade_item(row: TradeRow) -> TradeItem:
    return TradeItem(
        id=row.id,
        mode=row.mode,
        cycle_id=row.cycle_id,
        client_id=row.client_id,
        role=row.role,
        venue=row.venue,
        to_venue=row.to_venue,
        base=row.base,
        quote=row.quote,
        side=row.side,
        type=row.order_type,
        quantity=exact(row.requested_quantity),
        price=exact_or_none(row.requested_price),
        filled_quantity=exact(row.filled_quantity),
        average_price=exact_or_none(row.average_price),
        fees=_fees(row),
        status=row.status,
        planned_at=moment(row.planned_at_ns),
        sent_at=moment(row.sent_at_ns),
        ended_at=moment(row.ended_at_ns),
    )


def entry_item(row: EntryRow) -> EntryItem:
    at = moment(row.at_ns)
    return EntryItem(
        row.id, row.txn_id, row.account, row.asset, exact(row.amount), row.cycle_id or None, at
    )


def dead_letter_item(row: DeadLetterRow) -> DeadLetterItem:
    return DeadLetterItem(
        row.id,
        cycle_item(row.cycle),
        row.reason,
        row.attempts,
        moment(row.at_ns),
        moment(row.resolved_at_ns),
        row.resolved_by,
        row.resolution,
    )


def account_item(row: AccountRow | PostingCell) -> AccountItem:
    return AccountItem(row.account, row.asset, exact(row.amount))


def day_item(row: DayRow) -> DayItem:
    day = row.day
    return DayItem(
        date=day.date,
        mode=row.mode,
        cycles=day.cycles,
        wins=day.wins,
        losses=day.losses,
        compensated=day.compensated,
        pnl_krw=exact(day.pnl_krw),
        total_pnl_krw=exact(row.total_pnl_krw),
        volume_krw=exact(day.volume_krw),
        fees_krw=exact(day.fees_krw),
        drawdown_pct=day.drawdown_pct,
        equity_krw=exact_or_none(day.equity_krw),
        sharpe=row.sharpe,
    )


def _transition(row: TransitionRow) -> TransitionItem:
    at = moment(row.at_ns)
    return TransitionItem(
        row.seq, row.was, row.to, row.step, row.fence, row.version, row.actor, row.reason, at,
        row.hash,
    )  # fmt: skip


def _line(row: JournalRow) -> JournalItem:
    return JournalItem(moment(row.at_ns), row.version, row.actor, row.code, row.note)


def _said(row: VenueEventRow) -> VenueEventItem:
    at = moment(row.received_at_ns)
    return VenueEventItem(at, row.venue, row.kind, row.native_id, row.client_id, row.raw)


def cycle_detail(found: Timeline) -> CycleDetail:
    return CycleDetail(
        **msgspec.structs.asdict(cycle_item(found.row)),
        net=[NetItem(each.asset, exact(each.amount)) for each in found.net],
        fees=[FeeItem(each.asset, exact(each.amount)) for each in found.fees],
        orders=[order_item(row) for row in found.orders],
        transfers=[transfer_item(row) for row in found.transfers],
        transitions=[_transition(row) for row in found.transitions],
        postings=[account_item(row) for row in found.postings],
        journal=[_line(row) for row in found.journal],
        venue_events=[_said(row) for row in found.venue_events],
        retry_history=list(found.retry_history),
    )


def statistics_item(row: TradeStatistics, mode: str) -> Statistics:
    told: dict[str, Any] = {
        name: exact(value) if isinstance(value, Decimal) else value
        for name, value in msgspec.structs.asdict(row).items()
    }
    return Statistics(mode=mode, **told)
