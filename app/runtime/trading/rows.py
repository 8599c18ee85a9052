"""Rows: cycles, orders and transfers as the JSON API and the event stream tell them (SPEC §9).

Exact decimals become strings, times ISO 8601 with Z; the names are a contract.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from app.domain.accounting import CycleRow, OrderRow, TransferRow
from app.domain.cycles import CycleView
from app.domain.orders import Evidence
from app.runtime.items import moment


def exact(amount: Decimal) -> str:
    """Without an exponent and without zeros that say nothing."""
    text = format(amount, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def exact_or_none(amount: Decimal | None) -> str | None:
    return None if amount is None else exact(amount)


class ExposureItem(msgspec.Struct, frozen=True):
    """venue null: in transit."""

    venue: str | None
    asset: str
    amount: str


class PartItem(msgspec.Struct, frozen=True):
    code: str
    bps: float


class CycleItem(msgspec.Struct, frozen=True):
    """exposure: what it holds now and where. plan, actual: bps of what was put in, which sum."""

    id: str
    mode: str
    strategy: str
    direction: str
    style: str
    base: str
    return_base: str | None
    state: str
    step: str
    outcome: str | None
    exposure: list[ExposureItem]
    attempts: int
    next_attempt_at: str | None
    version: int
    opened_at: str
    closed_at: str | None
    pnl_krw: str | None
    reason: str | None
    compensating: bool
    quantity: str
    notional_krw: str
    net_bps: float
    plan: list[PartItem]
    actual: list[PartItem]
    signal_id: str | None


class EvidenceItem(msgspec.Struct, frozen=True):
    source: str
    asked_at: str
    answered_at: str
    found: bool | None
    note: str


class FeeItem(msgspec.Struct, frozen=True):
    asset: str
    amount: str


class OrderItem(msgspec.Struct, frozen=True):
    """evidence: what was asked about it and what was answered, oldest first."""

    id: str
    cycle_id: str
    mode: str
    role: str
    step: str
    attempt: int
    venue: str
    client_id: str
    venue_order_id: str | None
    base: str
    quote: str
    product: str
    side: str
    type: str
    price: str
    quantity: str
    filled_quantity: str
    average_price: str | None
    fees: list[FeeItem]
    state: str
    complete: bool
    code: str | None
    planned_at: str
    sent_at: str | None
    updated_at: str | None
    evidence: list[EvidenceItem]


class TransferItem(msgspec.Struct, frozen=True):
    """amount: that should arrive; fee comes on top."""

    id: str
    cycle_id: str
    mode: str
    role: str
    step: str
    hop: int
    attempt: int
    asset: str
    network: str
    chain: str
    from_venue: str
    to_venue: str
    client_id: str
    withdrawal_id: str | None
    txid: str | None
    amount: str
    fee: str
    fee_paid: str | None
    credited: str | None
    state: str
    code: str | None
    planned_at: str
    sent_at: str | None
    credited_at: str | None
    expected_at: str | None
    evidence: list[EvidenceItem]


def cycle_row(view: CycleView, mode: str) -> CycleRow:
    return CycleRow(view.cycle, mode, view.holdings)


def cycle_item(row: CycleRow) -> CycleItem:
    cycle = row.cycle
    return CycleItem(
        id=cycle.id,
        mode=row.mode,
        strategy=cycle.strategy,
        direction=cycle.direction,
        style=cycle.style,
        base=cycle.base,
        return_base=cycle.return_base,
        state=cycle.state,
        step=cycle.step,
        outcome=cycle.outcome,
        exposure=[
            ExposureItem(each.venue, each.asset, exact(each.amount)) for each in row.exposure
        ],
        attempts=cycle.attempts,
        next_attempt_at=moment(cycle.next_attempt_at_ns),
        version=cycle.version,
        opened_at=moment(cycle.opened_at_ns),
        closed_at=moment(cycle.closed_at_ns),
        pnl_krw=exact_or_none(cycle.pnl_krw),
        reason=cycle.reason,
        compensating=cycle.compensating,
        quantity=exact(cycle.plan.quantity),
        notional_krw=exact(cycle.plan.notional_krw),
        net_bps=cycle.plan.net_bps,
        plan=[PartItem(part.code, part.bps) for part in cycle.plan.parts],
        actual=[PartItem(part.code, part.bps) for part in cycle.actual],
        signal_id=cycle.signal_id,
    )


def order_item(row: OrderRow) -> OrderItem:
    order = row.order
    terms = order.terms
    return OrderItem(
        id=row.id,
        cycle_id=order.cycle_id,
        mode=row.mode,
        role=order.role,
        step=order.step,
        attempt=order.attempt,
        venue=order.venue,
        client_id=order.client_id,
        venue_order_id=order.venue_order_id,
        base=terms.instrument.base,
        quote=terms.instrument.quote,
        product=terms.instrument.product,
        side=terms.side,
        type=terms.type,
        price=exact(terms.price),
        quantity=exact(terms.quantity),
        filled_quantity=exact(order.filled_quantity),
        average_price=exact_or_none(order.average_price),
        fees=[FeeItem(fee.asset, exact(fee.amount)) for fee in order.fees],
        state=order.state,
        complete=order.complete,
        code=order.code,
        planned_at=moment(order.planned_at_ns),
        sent_at=moment(order.signed_at_ns),
        updated_at=moment(order.updated_at_ns or None),
        evidence=_evidence(order.evidence),
    )


def transfer_item(row: TransferRow) -> TransferItem:
    transfer = row.transfer
    terms = transfer.terms
    return TransferItem(
        id=row.id,
        cycle_id=transfer.cycle_id,
        mode=row.mode,
        role=transfer.role,
        step=transfer.step,
        hop=transfer.hop,
        attempt=transfer.attempt,
        asset=terms.asset,
        network=terms.network,
        chain=terms.chain,
        from_venue=terms.from_venue,
        to_venue=terms.to_venue,
        client_id=transfer.client_id,
        withdrawal_id=transfer.withdrawal_id,
        txid=transfer.txid,
        amount=exact(terms.amount),
        fee=exact(terms.fee),
        fee_paid=exact_or_none(transfer.fee_paid),
        credited=exact_or_none(transfer.credited),
        state=transfer.state,
        code=transfer.code,
        planned_at=moment(transfer.planned_at_ns),
        sent_at=moment(transfer.signed_at_ns),
        credited_at=moment(transfer.credited_at_ns),
        expected_at=moment(transfer.expected_at_ns),
        evidence=_evidence(transfer.evidence),
    )


def _evidence(found: tuple[Evidence, ...]) -> list[EvidenceItem]:
    return [
        EvidenceItem(
            each.source,
            moment(each.asked_at_ns),
            moment(each.answered_at_ns),
            each.found,
            each.note,
        )
        for each in found
    ]
