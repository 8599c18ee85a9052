"""Gate's words of its private side: paths, messages, labels. gate.md; sections in brackets."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import UNSET, Raw, UnsetType

from app.domain.decimals import Written
from app.domain.markets import Side
from app.domain.orders import OrderState
from app.domain.transfers import TransferState

ABSENT = frozenset({"ORDER_NOT_FOUND", "CLIENT_ID_NOT_FOUND"})
ENDED = frozenset({"ORDER_CLOSED", "ORDER_CANCELLED", "ORDER_FINISHED", "CANCEL_FAIL"})
DUPLICATE = frozenset({"ORDER_EXISTS", "REPEATED_CREATION", "DUPLICATE_REQUEST"})
"""Which call says them is not stated [3]."""
UNAUTHORISED = frozenset({
    "REQUEST_EXPIRED", "INVALID_KEY", "INVALID_SIGNATURE", "MISSING_REQUIRED_HEADER",
    "IP_FORBIDDEN", "READ_ONLY", "FORBIDDEN", "ACCOUNT_LOCKED", "INVALID_CREDENTIALS",
    "AUTHENTICATION_FAILED",
})  # fmt: skip
BUSY = frozenset({"TOO_MANY_REQUESTS", "TOO_FAST"})
REFUSED = UNAUTHORISED | {
    "BALANCE_NOT_ENOUGH", "MARGIN_BALANCE_NOT_ENOUGH", "INSUFFICIENT_AVAILABLE",
    "INVALID_PARAM_VALUE", "INVALID_PRECISION", "AMOUNT_TOO_LITTLE", "AMOUNT_TOO_MUCH",
    "QUANTITY_NOT_ENOUGH", "INVALID_CLIENT_ORDER_ID", "SIZE_TOO_LARGE", "SIZE_TOO_SMALL",
    "PRICE_TOO_DEVIATED", "PRICE_THRESHOLD_EXCEEDED", "MISSING_REQUIRED_PARAM", "BAD_REQUEST",
    "INVALID_ARGUMENT", "INVALID_REQUEST_BODY", "INVALID_PROTOCOL",
    "POC_FILL_IMMEDIATELY", "FOK_NOT_FILL", "INVALID_CURRENCY_PAIR", "INVALID_CURRENCY",
    "TRADE_RESTRICTED", "TOO_MANY_ORDERS", "ORDER_EXPIRED",
    "API_WITHDRAW_DISABLED", "WITHDRAWAL_OVER_LIMIT", "INVALID_WITHDRAW_ID",
}  # fmt: skip
"""Definitive: funds, filters, markets, this key, this account [3]."""
PEOPLE = frozenset({"ADDRESS_NOT_USED"})
"""Nothing was sent, and will not be until a person has registered the address."""
WITHDRAWALS = {
    "REQUEST": TransferState.ACCEPTED,
    "PROCES": TransferState.ACCEPTED,
    "PEND": TransferState.ACCEPTED,
    "SPLITPEND": TransferState.ACCEPTED,
    "MANUAL": TransferState.AWAITING_VENUE,
    "VERIFY": TransferState.AWAITING_VENUE,
    "REVIEW": TransferState.AWAITING_VENUE,
    "DMOVE": TransferState.AWAITING_VENUE,
    "EXTPEND": TransferState.ON_CHAIN,
    "DONE": TransferState.CREDITED,
    "CANCEL": TransferState.REJECTED,
    "INVALID": TransferState.REJECTED,
    "FAIL": TransferState.RETURNED,
}
DEPOSITS = {
    "PEND": TransferState.ON_CHAIN,
    "PROCES": TransferState.ON_CHAIN,
    "TRACK": TransferState.ON_CHAIN,
    "REVIEW": TransferState.HELD,
    "MANUAL": TransferState.HELD,
    "VERIFY": TransferState.HELD,
    "BLOCKED": TransferState.HELD,
    "DONE": TransferState.CREDITED,
    "DEP_CREDITED": TransferState.CREDITED,
}
STATES = {
    "open": OrderState.OPEN,
    "closed": OrderState.FILLED,  # and nothing else: any other end is `cancelled` [3]
    "cancelled": OrderState.CANCELLED,
}

Id = Annotated[str, msgspec.Meta(min_length=1)]
WholeText = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,18}$")]
TimeText = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,14}(\.[0-9]+)?$")]
"""ms, with decimals in some places."""


class Path(StrEnum):
    ORDERS = "/api/v4/spot/orders"
    FILLS = "/api/v4/spot/my_trades"
    ACCOUNTS = "/api/v4/spot/accounts"
    FEE = "/api/v4/wallet/fee"
    ADDRESS = "/api/v4/wallet/deposit_address"
    WITHDRAW = "/api/v4/withdrawals"
    WITHDRAWALS = "/api/v4/wallet/withdrawals"
    DEPOSITS = "/api/v4/wallet/deposits"


class Error(msgspec.Struct):
    label: Id
    message: str = ""


class Order(msgspec.Struct):
    id: Id
    currency_pair: str
    side: Side
    amount: Written
    left: Written
    filled_total: Written
    status: str
    update_time_ms: int | TimeText
    text: str = ""


class Trade(msgspec.Struct):
    """fee_currency: not on the stream, where the fee is in what was received [6, 7]."""

    id: int | Id
    order_id: Id
    currency_pair: str
    side: Side
    amount: Written
    price: Written
    fee: Written
    create_time_ms: TimeText
    fee_currency: str | None = None
    gt_fee: Written = "0"
    point_fee: Written = "0"
    text: str = ""


class Account(msgspec.Struct):
    currency: Id
    available: Written
    locked: Written


class Fee(msgspec.Struct):
    taker_fee: Written


class ChainAddress(msgspec.Struct):
    chain: str
    address: str
    payment_id: str | None = None
    obtain_failed: int | str = 0


class Addresses(msgspec.Struct):
    currency: str
    multichain_addresses: list[ChainAddress]


class Record(msgspec.Struct):
    """Of a withdrawal or deposit. What was just requested has fewer fields than the lists."""

    id: Id
    currency: Id
    amount: Written
    status: str | None = None
    timestamp: WholeText | None = None
    fee: Written | None = None
    address: str | None = None
    txid: str | None = None
    chain: str | None = None
    withdraw_order_id: str | None = None


class Result(msgspec.Struct):
    status: str


class Frame(msgspec.Struct):
    channel: str
    event: str = ""
    error: Raw | UnsetType = UNSET  # or null
    result: Raw | UnsetType = UNSET


class OrderChange(msgspec.Struct):
    id: Id
    currency_pair: str
    side: Side
    amount: Written
    left: Written
    filled_total: Written
    event: str
    update_time_ms: TimeText
    finish_as: str = ""
    text: str = ""


class BalanceChange(msgspec.Struct):
    currency: Id
    available: Written
    freeze: Written
