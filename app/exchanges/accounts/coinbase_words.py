"""Coinbase's words of its private side. coinbase.md; sections in brackets."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

from app.domain.decimals import Written
from app.domain.orders import OrderState
from app.domain.transfers import TransferState
from app.exchanges.accounts.reading import Blank

UNAUTHORISED = b"Unauthorized"  # a word without a shape, with status 401 [3]
REFUSED = frozenset({
    "INSUFFICIENT_FUND", "INSUFFICIENT_FUNDS", "INVALID_LIMIT_PRICE_POST_ONLY", "INVALID_ARGUMENT",
    "UNSUPPORTED_ORDER_CONFIGURATION", "INVALID_SIZE_PRECISION", "INVALID_PRICE_PRECISION",
    "ORDER_ENTRY_DISABLED", "INVALID_PRODUCT_ID", "PERMISSION_DENIED", "NOT_FOUND",
    "INVALID_REQUEST",
})  # fmt: skip
"""Definitive. So is all that the preview found, before there was an order: PREVIEW_… [3]."""
WALLET_REFUSED = frozenset({
    "param_required", "validation_error", "invalid_request", "not_found", "authentication_error",
    "unauthorized", "invalid_token", "revoked_token", "expired_token", "invalid_scope",
    "invalid_authentication_method",
})  # fmt: skip
PEOPLE = frozenset({
    "two_factor_required", "personal_details_required", "identity_verification_required",
    "jumio_verification_required", "jumio_face_match_verification_required", "unverified_email",
})  # fmt: skip
"""Nothing was sent; a person has to prove something [ccxt]."""
BUSY = frozenset({"rate_limit_exceeded", "resource_exhausted", "RESOURCE_EXHAUSTED"})
STATES = {
    "PENDING": OrderState.OPEN,
    "OPEN": OrderState.OPEN,
    "QUEUED": OrderState.OPEN,
    "CANCEL_QUEUED": OrderState.OPEN,
    "FILLED": OrderState.FILLED,
    "CANCELLED": OrderState.CANCELLED,
    "EXPIRED": OrderState.CANCELLED,
    "FAILED": OrderState.REJECTED,
}
WITHDRAWALS = {
    "pending": TransferState.ACCEPTED,
    "created": TransferState.ACCEPTED,
    "waiting_for_clearing": TransferState.AWAITING_VENUE,
    "waiting_for_signature": TransferState.AWAITING_VENUE,
    "completed": TransferState.CREDITED,
    "failed": TransferState.RETURNED,
    "expired": TransferState.REJECTED,
    "canceled": TransferState.REJECTED,
}
DEPOSITS = {
    "pending": TransferState.ON_CHAIN,
    "waiting_for_clearing": TransferState.HELD,
    "completed": TransferState.CREDITED,
}

Id = Annotated[str, msgspec.Meta(min_length=1)]
Moment = Annotated[str, msgspec.Meta(min_length=1)]


class Path(StrEnum):
    ORDERS = "/api/v3/brokerage/orders"
    CANCEL = "/api/v3/brokerage/orders/batch_cancel"
    ORDER = "/api/v3/brokerage/orders/historical"
    LIST = "/api/v3/brokerage/orders/historical/batch"
    FILLS = "/api/v3/brokerage/orders/historical/fills"
    ACCOUNTS = "/api/v3/brokerage/accounts"
    SUMMARY = "/api/v3/brokerage/transaction_summary"
    WALLETS = "/v2/accounts"


class Success(msgspec.Struct):
    order_id: Id


class Failure(msgspec.Struct):
    error: str = ""
    message: str = ""
    preview_failure_reason: str = ""
    new_order_failure_reason: str = ""


class Placed(msgspec.Struct):
    success: bool
    success_response: Success | None = None
    error_response: Failure | None = None


class Cancelled(msgspec.Struct):
    success: bool
    order_id: str
    failure_reason: str = ""


class Cancels(msgspec.Struct):
    results: Annotated[list[Cancelled], msgspec.Meta(min_length=1)]


class WalletError(msgspec.Struct):
    id: str
    message: str = ""


class Error(msgspec.Struct):
    """Of the trading calls a word, of the wallet's a list."""

    error: str = ""
    message: str = ""
    errors: list[WalletError] = []


class Order(msgspec.Struct):
    order_id: Id
    product_id: str
    client_order_id: str
    side: str
    status: str
    filled_size: Written
    average_filled_price: Blank
    created_time: Moment
    last_fill_time: str | None = None


class One(msgspec.Struct):
    order: Order


class Orders(msgspec.Struct):
    orders: list[Order]
    has_next: bool = False
    cursor: str = ""


class Trade(msgspec.Struct):
    """trade_type: FILL; a reversal or correction is no trade of ours to be posted."""

    trade_id: Id
    order_id: Id
    product_id: str
    side: str
    trade_time: Moment
    trade_type: str
    price: Written
    size: Written
    commission: Written
    size_in_quote: bool


class Trades(msgspec.Struct):
    fills: list[Trade]
    cursor: str = ""


class Money(msgspec.Struct):
    """Of the trading calls."""

    value: Written


class Account(msgspec.Struct):
    currency: Id
    available_balance: Money
    hold: Money
    type: str = ""


class Accounts(msgspec.Struct):
    accounts: list[Account]
    has_next: bool
    cursor: str = ""


class FeeTier(msgspec.Struct):
    taker_fee_rate: Written


class Summary(msgspec.Struct):
    fee_tier: FeeTier


class Pages(msgspec.Struct):
    next_starting_after: str | None = None


class AddressParts(msgspec.Struct, frozen=True):
    destination_tag: str | None = None


class Address(msgspec.Struct):
    address: Id
    network: str
    destination_tag: str | None = None
    address_info: AddressParts = AddressParts()


class Addresses(msgspec.Struct):
    data: list[Address]
    pagination: Pages | None = None


class Sum(msgspec.Struct):
    """Of the wallet's calls."""

    amount: Written
    currency: str


class Chain(msgspec.Struct, frozen=True):
    """network: missing hash and fees are of what has not left, or went no further than here."""

    status: str = ""
    hash: str | None = None
    network_name: str | None = None
    transaction_fee: Sum | None = None
    transaction_amount: Sum | None = None


class Party(msgspec.Struct):
    address: str | None = None


class Transaction(msgspec.Struct):
    """A send; its amount is negative where it left, with the fee in it."""

    id: Id
    type: str
    status: str
    amount: Sum
    created_at: Moment
    idem: str | None = None
    network: Chain = Chain()
    to: Party | None = None


class Transactions(msgspec.Struct):
    data: list[Transaction]
    pagination: Pages | None = None


class OneTransaction(msgspec.Struct):
    data: Transaction


class OrderChange(msgspec.Struct):
    order_id: Id
    product_id: str
    order_side: str
    status: str
    cumulative_quantity: Written
    client_order_id: str = ""
    avg_price: Blank = ""


class Event(msgspec.Struct):
    orders: list[OrderChange] = []


class Frame(msgspec.Struct):
    channel: str = ""
    type: str = ""
    timestamp: str | None = None
    events: list[Event] = []
