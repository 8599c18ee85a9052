"""Transfers: coins on their way between two venues, seen from both sides.

Amounts are exact decimals in the asset; `amount` is what should arrive, `fee` comes on top.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from app.domain.orders import Evidence, NoAnswer, Rejection, Role
from app.domain.venues import Venue


class TransferState(StrEnum):
    """ACCEPTED: the sender has it. AWAITING_VENUE: it looks at it (review, travel rule).

    NEEDS_OPERATOR: it waits for a person. ON_CHAIN: it has left. HELD: the receiver has it and
    does not credit it yet. RETURNED: it came back to the sender.
    """

    PLANNED = "PLANNED"
    SENT = "SENT"
    UNKNOWN = "UNKNOWN"
    ACCEPTED = "ACCEPTED"
    AWAITING_VENUE = "AWAITING_VENUE"
    NEEDS_OPERATOR = "NEEDS_OPERATOR"
    ON_CHAIN = "ON_CHAIN"
    HELD = "HELD"
    CREDITED = "CREDITED"
    REJECTED = "REJECTED"
    RETURNED = "RETURNED"
    EXPIRED = "EXPIRED"
    NOT_PLACED = "NOT_PLACED"


TRANSFER_ENDS = frozenset({
    TransferState.CREDITED, TransferState.REJECTED, TransferState.RETURNED, TransferState.EXPIRED,
    TransferState.NOT_PLACED,
})  # fmt: skip


class Receiver(msgspec.Struct, frozen=True):
    """Whose account the receiving one is: some venues ask, by travel rule. Ours, always."""

    name_ko: str
    name_en: str
    is_company: bool = False


class TransferTerms(msgspec.Struct, frozen=True):
    """network: as the sender spells it; to_network: as the receiver does. chain: ours.

    address and tag are the receiver's, read just before sending; empty while planned. receiver:
    told at the door, never written down.
    """

    asset: str
    from_venue: Venue
    to_venue: Venue
    chain: str
    network: str
    to_network: str
    amount: Decimal
    fee: Decimal
    address: str = ""
    tag: str = ""
    receiver: Receiver | None = None


class Transfer(msgspec.Struct, frozen=True):
    """hop: from 1 in its cycle; a hop is sent at most once, whatever its attempts."""

    client_id: str
    cycle_id: str
    role: Role
    step: str
    hop: int
    attempt: int
    terms: TransferTerms
    state: TransferState
    planned_at_ns: int
    signed_at_ns: int | None = None
    valid_until_ns: int | None = None
    withdrawal_id: str | None = None
    txid: str | None = None
    fee_paid: Decimal | None = None
    credited: Decimal | None = None
    credited_at_ns: int | None = None
    expected_at_ns: int | None = None
    """When it should be there by what this network took before."""
    evidence: tuple[Evidence, ...] = ()
    updated_at_ns: int = 0
    version: int = 1
    code: str | None = None

    @property
    def is_over(self) -> bool:
        return self.state in TRANSFER_ENDS


class DepositAddress(msgspec.Struct, frozen=True):
    venue: Venue
    asset: str
    network: str
    address: str
    tag: str = ""


class WithdrawalReport(msgspec.Struct, frozen=True):
    """What the sender says. state: ACCEPTED, AWAITING_VENUE, NEEDS_OPERATOR, ON_CHAIN, CREDITED
    (the sender calls it done), REJECTED, RETURNED; UNKNOWN for a word that we do not know."""

    venue: Venue
    withdrawal_id: str
    client_id: str | None
    asset: str
    network: str | None
    address: str | None
    amount: Decimal
    """That should arrive, without the fee."""
    fee: Decimal | None
    state: TransferState
    txid: str | None
    at_ns: int | None


class DepositReport(msgspec.Struct, frozen=True):
    """What the receiver says. state: ON_CHAIN (seen), HELD, CREDITED, RETURNED; UNKNOWN."""

    venue: Venue
    deposit_id: str
    asset: str
    network: str | None
    amount: Decimal
    txid: str | None
    state: TransferState
    at_ns: int | None


class Withdrawn(msgspec.Struct, frozen=True):
    """The sender has it."""

    withdrawal_id: str
    report: WithdrawalReport | None = None


class NeedsOperator(msgspec.Struct, frozen=True):
    """The venue did nothing and will do nothing until a person acts there. code: its own word."""

    code: str
    message: str
    url: str = ""


WithdrawAnswer = Withdrawn | Rejection | NeedsOperator | NoAnswer
