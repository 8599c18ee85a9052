"""Outcomes: what an answer makes of an order or a transfer. Pure: rows in, rows out.

Keeps R4 (whatever is no clear yes or no is UNKNOWN or leaves things as they are) and its half of
R9: a row that was proved to be over is never opened again; a venue that says otherwise raises
`Contradiction`, and trading stops.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from msgspec.structs import replace

from app.domain.orders import (
    ORDER_ENDS,
    Evidence,
    NoAnswer,
    Order,
    OrderReport,
    OrderState,
    PlaceAnswer,
    Placed,
    Rejection,
)
from app.domain.transfers import (
    TRANSFER_ENDS,
    DepositReport,
    NeedsOperator,
    Transfer,
    TransferState,
    WithdrawalReport,
    WithdrawAnswer,
    Withdrawn,
)
from app.ledger.posting import EXACT

# The first show how it began, the last what is known now; a long wait asks thousands of times.
EVIDENCE_FIRST, EVIDENCE_LAST = 8, 40

PROVED_ABSENT = frozenset({
    OrderState.REJECTED, OrderState.EXPIRED, OrderState.NOT_PLACED,
})  # fmt: skip
# How far an order is: reports that come late or twice never take it back.
ORDER_RANK = {
    OrderState.PLANNED: 0,
    OrderState.SENT: 1,
    OrderState.UNKNOWN: 2,
    OrderState.OPEN: 3,
    OrderState.PARTIALLY_FILLED: 4,
    OrderState.CANCELLED: 5,
    OrderState.FILLED: 6,
}
MOVING = (
    TransferState.PLANNED,
    TransferState.SENT,
    TransferState.UNKNOWN,
    TransferState.ACCEPTED,
    TransferState.AWAITING_VENUE,
    TransferState.NEEDS_OPERATOR,
    TransferState.ON_CHAIN,
    TransferState.HELD,
)
TRANSFER_RANK = {state: rank for rank, state in enumerate(MOVING)}
# A venue looks at a withdrawal before and after it has accepted it, in any order.
LOOKING = frozenset({
    TransferState.ACCEPTED, TransferState.AWAITING_VENUE, TransferState.NEEDS_OPERATOR,
})  # fmt: skip


class Contradiction(Exception):
    """A venue knows something that was proved not to exist. Nobody guesses: trading stops."""


def with_evidence(item: Order | Transfer, evidence: Evidence) -> tuple[Evidence, ...]:
    found = (*item.evidence, evidence)
    if len(found) <= EVIDENCE_FIRST + EVIDENCE_LAST:
        return found
    middle = found[EVIDENCE_FIRST:-EVIDENCE_LAST]
    told = tuple(each for each in middle if each.source == "operator")
    return found[:EVIDENCE_FIRST] + told + found[-EVIDENCE_LAST:]


def noted(order: Order, evidence: Evidence) -> Order:
    """An answer that changes nothing but what was asked."""
    return replace(
        order, evidence=with_evidence(order, evidence), updated_at_ns=evidence.answered_at_ns
    )


def placed(order: Order, answer: PlaceAnswer, asked_at_ns: int, answered_at_ns: int) -> Order:
    """After `place`. order: as SENT."""
    match answer:
        case Placed(venue_order_id=number, report=report):
            evidence = Evidence("place", asked_at_ns, answered_at_ns, True)
            known = replace(order, venue_order_id=number, state=OrderState.OPEN)
            return noted(known, evidence) if report is None else reported(known, report, evidence)
        case Rejection(code=code, message=message):
            evidence = Evidence("place", asked_at_ns, answered_at_ns, False, message[:200])
            return noted(replace(order, state=OrderState.REJECTED, code=code[:80]), evidence)
        case NoAnswer(reason=reason):
            evidence = Evidence("place", asked_at_ns, answered_at_ns, None, reason[:200])
            return noted(replace(order, state=OrderState.UNKNOWN), evidence)


def cancelled(order: Order, answer: PlaceAnswer, asked_at_ns: int, answered_at_ns: int) -> Order:
    """After `cancel`: it tells neither the state nor what was filled; the order is asked next."""
    match answer:
        case Placed():
            note = "accepted"
        case Rejection(code=code):
            note = code[:200]
        case NoAnswer(reason=reason):
            note = reason[:200]
    return noted(order, Evidence("cancel", asked_at_ns, answered_at_ns, None, note))


def reported(order: Order, report: OrderReport | None, evidence: Evidence) -> Order:
    """What the venue says of it; None: it says that it knows none (one look, no proof)."""
    if report is None:
        return noted(order, evidence)
    filled = max(order.filled_quantity, report.filled_quantity or Decimal(0))
    if order.state in PROVED_ABSENT:
        if filled > 0 or report.state is not OrderState.REJECTED:
            raise Contradiction(
                f"{order.client_id} is {order.state}, {report.state} says the venue"
            )
        return order
    state = report.state
    if state is OrderState.REJECTED and order.state in ORDER_ENDS:
        state = order.state
    elif state is OrderState.REJECTED:
        # Refused after its acceptance: nothing traded, or what traded stays (then: cancelled).
        state = OrderState.REJECTED if filled == 0 else OrderState.CANCELLED
    elif state is OrderState.UNKNOWN or ORDER_RANK[state] < ORDER_RANK[order.state]:
        state = order.state
    if state is OrderState.OPEN and filled > 0:
        state = OrderState.PARTIALLY_FILLED
    return noted(
        replace(
            order,
            state=state,
            venue_order_id=order.venue_order_id or report.venue_order_id or None,
            filled_quantity=filled,
            average_price=report.average_price if filled else order.average_price,
        ),
        evidence,
    )


def of_order(order: Order, reports: Iterable[OrderReport]) -> OrderReport | None:
    """The one of a list that is this order."""
    for report in reports:
        if order.venue_order_id is not None and report.venue_order_id == order.venue_order_id:
            return report
        if report.client_id is not None and report.client_id == order.client_id:
            return report
    return None


def resolved(order: Order, state: OrderState, note: str, at_ns: int) -> Order:
    """A proof is complete (R5). Never of an order that is over."""
    assert order.state not in ORDER_ENDS, f"{order.client_id} is over: {order.state}"
    return noted(replace(order, state=state), Evidence("proof", at_ns, at_ns, False, note[:200]))


# Transfers


def moved(transfer: Transfer, evidence: Evidence) -> Transfer:
    return replace(
        transfer,
        evidence=with_evidence(transfer, evidence),
        updated_at_ns=evidence.answered_at_ns,
    )


def withdrawn(
    transfer: Transfer, answer: WithdrawAnswer, asked_at_ns: int, answered_at_ns: int
) -> Transfer:
    """After `withdraw`. transfer: as SENT. NeedsOperator means that nothing was done: it is over,
    and its code says what a person has to do before another attempt can go through."""
    match answer:
        case Withdrawn(withdrawal_id=number, report=report):
            evidence = Evidence("place", asked_at_ns, answered_at_ns, True)
            known = replace(transfer, withdrawal_id=number, state=TransferState.ACCEPTED)
            return moved(known, evidence) if report is None else sent(known, report, evidence)
        case Rejection(code=code, message=message) | NeedsOperator(code=code, message=message):
            evidence = Evidence("place", asked_at_ns, answered_at_ns, False, message[:200])
            return moved(replace(transfer, state=TransferState.REJECTED, code=code[:80]), evidence)
        case NoAnswer(reason=reason):
            evidence = Evidence("place", asked_at_ns, answered_at_ns, None, reason[:200])
            return moved(replace(transfer, state=TransferState.UNKNOWN), evidence)


def of_transfer(transfer: Transfer, reports: Iterable[WithdrawalReport]) -> WithdrawalReport | None:
    """By its ids; where the venue takes none, by its fingerprint: an amount that no other has."""
    for report in reports:
        if transfer.withdrawal_id is not None:
            if report.withdrawal_id == transfer.withdrawal_id:
                return report
        elif report.client_id is not None:
            if report.client_id == transfer.client_id:
                return report
        elif _has_fingerprint(transfer, report):
            return report
    return None


def _has_fingerprint(transfer: Transfer, report: WithdrawalReport) -> bool:
    terms = transfer.terms
    return (
        report.asset == terms.asset
        and report.amount == terms.amount
        and report.network in {None, terms.network}
        and report.address in {None, terms.address}
        and (report.at_ns is None or report.at_ns >= (transfer.signed_at_ns or 0) - 60_000_000_000)
    )


def sent(transfer: Transfer, report: WithdrawalReport | None, evidence: Evidence) -> Transfer:
    """What the sender says; that it calls it done is not yet that it has arrived."""
    if report is None:
        return moved(transfer, evidence)
    if transfer.state in TRANSFER_ENDS:
        if transfer.state in {TransferState.CREDITED, TransferState.RETURNED}:
            return moved(transfer, evidence)
        if report.state in {TransferState.REJECTED, TransferState.UNKNOWN}:
            return transfer
        raise Contradiction(
            f"{transfer.client_id} is {transfer.state}, {report.state} says the sender"
        )
    state = report.state
    txid = transfer.txid or report.txid
    if state is TransferState.CREDITED:
        state = TransferState.ON_CHAIN
    elif state is TransferState.REJECTED and txid is not None:
        state = TransferState.RETURNED  # it had left: what came back is without the fee
    return moved(
        replace(
            transfer,
            state=_further(transfer.state, state),
            withdrawal_id=transfer.withdrawal_id or report.withdrawal_id,
            txid=txid,
            fee_paid=transfer.fee_paid if report.fee is None else _taken(transfer, report),
        ),
        evidence,
    )


def _taken(transfer: Transfer, report: WithdrawalReport) -> Decimal:
    """All that the sender took beside our amount: where the fee is inside what is asked for, a
    smaller fee than planned lets more arrive, and stays taken."""
    assert report.fee is not None
    return EXACT.add(report.fee, EXACT.subtract(report.amount, transfer.terms.amount))


def of_deposit(transfer: Transfer, reports: Iterable[DepositReport]) -> DepositReport | None:
    """By the transaction alone: somebody else's deposit may have our amount (H36)."""
    if transfer.txid is None:
        return None
    ours = transfer.txid.casefold()
    for report in reports:
        if report.txid is not None and report.txid.casefold() == ours:
            return report
    return None


def received(transfer: Transfer, report: DepositReport | None, evidence: Evidence) -> Transfer:
    """What the receiver says. An amount that differs by more than the fee waits for a person."""
    if report is None or transfer.state in TRANSFER_ENDS:
        return moved(transfer, evidence)
    if report.state is not TransferState.CREDITED:
        return moved(replace(transfer, state=_further(transfer.state, report.state)), evidence)
    terms = transfer.terms
    if not terms.amount - terms.fee <= report.amount <= terms.amount + terms.fee:
        asks = replace(transfer, state=TransferState.NEEDS_OPERATOR, code="amount_differs")
        return moved(asks, evidence)
    return moved(
        replace(
            transfer,
            state=TransferState.CREDITED,
            credited=report.amount,
            credited_at_ns=evidence.answered_at_ns,
        ),
        evidence,
    )


def _further(now: TransferState, told: TransferState) -> TransferState:
    """Words that we do not know, and words that come late, change nothing."""
    if told is TransferState.UNKNOWN:
        return now
    if told in TRANSFER_ENDS:
        return told
    if now in LOOKING and told in LOOKING:
        return told
    return told if TRANSFER_RANK[told] > TRANSFER_RANK[now] else now
