"""Accounting: what the books of money say, and the rows that people read of them.

Amounts are exact decimals in the asset; times are ns since the epoch, UTC.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from app.domain.cycles import Cycle, CycleState, CycleStep, Holding
from app.domain.orders import AssetAmount, Order, Role
from app.domain.trading import DayResult, Purse, TradingState
from app.domain.transfers import Transfer
from app.domain.venues import Venue


class VenueEvent(msgspec.Struct, frozen=True):
    """What a venue said, as it came. native_id: unique of its kind at the venue.

    kind: order, fill, withdrawal, deposit, answer (to a request of ours; native_id then carries
    the client id and when), stream.
    """

    venue: Venue
    kind: str
    native_id: str
    raw: str
    received_at_ns: int


class Line(msgspec.Struct, frozen=True):
    """One side of a booking. amount > 0: comes to the account. cycle_id '': nobody's own."""

    account: str
    asset: str
    amount: Decimal
    cycle_id: str = ""


class StateRow(msgspec.Struct, frozen=True):
    """Whether a mode may begin and send. capital_krw: at its first adoption of balances."""

    mode: str
    state: TradingState
    killed: bool
    armed_until_ns: int | None
    by: str
    reason: str
    version: int
    at_ns: int
    capital_krw: Decimal | None = None


class StateChange(msgspec.Struct, frozen=True):
    """action: state, kill, release, arm, disarm, restart, capital."""

    id: int
    mode: str
    action: str
    state: TradingState
    killed: bool
    armed_until_ns: int | None
    by: str
    reason: str
    version: int
    at_ns: int


class Breach(msgspec.Struct, frozen=True):
    """An invariant that does not hold: I1 … I9 of the auditor, and about what."""

    rule: str
    subject: str
    detail: str


class CycleRow(msgspec.Struct, frozen=True):
    """A cycle with what it holds now. owner: who works on it, None when nobody does."""

    cycle: Cycle
    mode: str
    exposure: tuple[Holding, ...]
    owner: str | None = None


class OrderRow(msgspec.Struct, frozen=True):
    id: str
    mode: str
    order: Order


class TransferRow(msgspec.Struct, frozen=True):
    id: str
    mode: str
    transfer: Transfer


class TransitionRow(msgspec.Struct, frozen=True):
    seq: int
    was: str
    to: CycleState
    step: CycleStep
    fence: int
    version: int
    actor: str
    reason: str
    at_ns: int
    hash: str


class JournalRow(msgspec.Struct, frozen=True):
    """A line of a cycle's journal. code: OPENED, DECIDED, ORDER, TRANSFER, FILLS, CLAIMED, …"""

    id: int
    at_ns: int
    version: int
    actor: str
    code: str
    note: str


class VenueEventRow(msgspec.Struct, frozen=True):
    id: int
    venue: Venue
    kind: str
    native_id: str
    client_id: str | None
    raw: str
    received_at_ns: int


class EntryRow(msgspec.Struct, frozen=True):
    """A line of the ledger; those with the same txn_id were made together and sum to zero."""

    id: int
    txn_id: str
    account: str
    asset: str
    amount: Decimal
    cycle_id: str | None
    at_ns: int


class AccountRow(msgspec.Struct, frozen=True):
    """What an account has, over all cycles, to the last decimal that a venue told."""

    account: str
    asset: str
    amount: Decimal


class PostingCell(msgspec.Struct, frozen=True):
    """Of one cycle: what came to an account over all its bookings."""

    account: str
    asset: str
    amount: Decimal


class PortfolioLogRow(msgspec.Struct, frozen=True):
    """kind: INITIAL, TRADE (client_id says which), FINAL."""

    id: int
    cycle_id: str
    kind: str
    client_id: str | None
    purses: tuple[Purse, ...]
    at_ns: int


class Timeline(msgspec.Struct, frozen=True):
    """All that is known of one cycle."""

    row: CycleRow
    net: tuple[AssetAmount, ...]
    fees: tuple[AssetAmount, ...]
    orders: tuple[OrderRow, ...]
    transfers: tuple[TransferRow, ...]
    transitions: tuple[TransitionRow, ...]
    venue_events: tuple[VenueEventRow, ...]
    postings: tuple[PostingCell, ...]
    journal: tuple[JournalRow, ...]
    portfolio: tuple[PortfolioLogRow, ...]
    retry_history: tuple[dict[str, Any], ...]


class DeadLetterRow(msgspec.Struct, frozen=True):
    """resolved_at_ns None: it still waits for a person."""

    id: int
    cycle: CycleRow
    reason: str
    attempts: int
    at_ns: int
    resolved_at_ns: int | None
    resolved_by: str | None
    resolution: str | None


class TradeRow(msgspec.Struct, frozen=True):
    """An order or a transfer as a trader's book has it. status: PENDING, COMPLETED, FAILED,
    CANCELLED. quote, side, price: None of a transfer; to_venue: None of an order."""

    id: str
    mode: str
    cycle_id: str
    client_id: str
    role: Role
    venue: Venue
    to_venue: Venue | None
    base: str
    quote: str | None
    side: str | None
    order_type: str | None
    requested_quantity: Decimal
    requested_price: Decimal | None
    filled_quantity: Decimal
    average_price: Decimal | None
    fees: tuple[AssetAmount, ...]
    status: str
    planned_at_ns: int
    sent_at_ns: int | None
    ended_at_ns: int | None


class DayRow(msgspec.Struct, frozen=True):
    """One UTC day of one mode. sharpe: of the days until then; None under two of them."""

    mode: str
    day: DayResult
    total_pnl_krw: Decimal
    sharpe: float | None


class TradeStatistics(msgspec.Struct, frozen=True):
    """Of finished cycles of one mode. win_rate None without any; times in seconds."""

    cycles: int
    wins: int
    losses: int
    compensated: int
    nothing_done: int
    open: int
    dead_letters: int
    pnl_krw: Decimal
    volume_krw: Decimal
    fees_krw: Decimal
    win_rate: float | None
    average_pnl_krw: Decimal | None
    best_pnl_krw: Decimal | None
    worst_pnl_krw: Decimal | None
    average_s: float | None


class SnapshotRow(msgspec.Struct, frozen=True):
    """Everything that a mode had at a time; equity None where a price was missing."""

    at_ns: int
    equity_krw: Decimal | None
    purses: tuple[Purse, ...]
