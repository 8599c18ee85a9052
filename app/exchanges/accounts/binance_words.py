"""Binance's words: paths, states, refusals, and the shapes of its private answers. binance.md."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from app.domain.decimals import Written
from app.domain.markets import Instrument, Product, Side
from app.domain.orders import (
    OrderState,
    Rejection,
)
from app.domain.transfers import (
    TransferState,
)
from app.exchanges.accounts.contract import Unclear
from app.exchanges.accounts.reading import (
    changed,
    exact,
    heard,
)
from app.exchanges.contract import Millis, Request, Unreadable

FUTURES_ROOT = "https://fapi.binance.com"
STREAM = "wss://ws-api.binance.com/ws-api/v3"
ROWS = 1_000  # of a page of orders, trades or coins


class Path(StrEnum):
    ORDER = "/api/v3/order"
    ORDERS = "/api/v3/allOrders"
    TRADES = "/api/v3/myTrades"
    ACCOUNT = "/api/v3/account"
    COMMISSION = "/api/v3/account/commission"
    WITHDRAW = "/sapi/v1/capital/withdraw/apply"
    WITHDRAWALS = "/sapi/v1/capital/withdraw/history"
    DEPOSITS = "/sapi/v1/capital/deposit/hisrec"
    ADDRESS = "/sapi/v1/capital/deposit/address"
    FUTURES_ORDER = "/fapi/v1/order"
    FUTURES_ORDERS = "/fapi/v1/allOrders"
    FUTURES_TRADES = "/fapi/v1/userTrades"
    FUTURES_COMMISSION = "/fapi/v1/commissionRate"


SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
ORDER_WORDS = {  # [3]
    "NEW": OrderState.OPEN,
    "PENDING_NEW": OrderState.OPEN,
    "PARTIALLY_FILLED": OrderState.PARTIALLY_FILLED,
    "FILLED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELLED,
    "EXPIRED": OrderState.CANCELLED,
    "EXPIRED_IN_MATCH": OrderState.CANCELLED,
    "REJECTED": OrderState.REJECTED,
}
WITHDRAWAL_WORDS = {
    0: TransferState.AWAITING_VENUE,
    1: TransferState.REJECTED,
    2: TransferState.AWAITING_VENUE,
    3: TransferState.REJECTED,
    4: TransferState.ACCEPTED,
    5: TransferState.RETURNED,
    6: TransferState.CREDITED,
}
DEPOSIT_WORDS = {
    0: TransferState.ON_CHAIN,
    1: TransferState.CREDITED,
    2: TransferState.HELD,
    6: TransferState.CREDITED,  # to trade with, not yet to withdraw
    7: TransferState.HELD,
    8: TransferState.HELD,
}

# About time, signature, key or address: nothing was looked at.
LOCKED_OUT = frozenset({-1021, -1022, -2014, -2015})
MALFORMED = frozenset({-1100, -1102, -1111, -1121})
REFUSALS = LOCKED_OUT | MALFORMED | {-1013}
# -2010 says that an order was not taken; which one, its words say: they decide [3].
NOT_TAKEN = -2010
REFUSED_FOR = frozenset({
    "Account has insufficient balance for requested action.", "Market is closed.",
    "Order would immediately match and take.",
})  # fmt: skip
DUPLICATE = "Duplicate order sent."
FUTURES_REFUSALS = REFUSALS | {-2019, -2022, -4015, -4164, -5022}
FUTURES_DUPLICATE = -4116
UNKNOWN_TO_CANCEL = -2011
NO_SUCH_ORDER = -2013


class Fault(msgspec.Struct):
    code: int
    msg: str


class Order(msgspec.Struct):
    """Spot tells its value; time: when it was placed or asked for."""

    symbol: str
    orderId: int
    clientOrderId: str
    side: str
    status: str
    executedQty: Written
    cummulativeQuoteQty: Written | None = None
    cumQuote: Written | None = None  # of futures
    updateTime: Millis | None = None
    transactTime: Millis | None = None


class Cancelled(msgspec.Struct):
    orderId: int


class Trade(msgspec.Struct):
    """side: of futures; isBuyer: of spot."""

    symbol: str
    id: int
    orderId: int
    price: Written
    qty: Written
    commission: Written
    commissionAsset: str
    time: Millis
    isBuyer: bool | None = None
    side: str | None = None


class Asset(msgspec.Struct):
    asset: str
    free: Written
    locked: Written


class AccountOf(msgspec.Struct):
    balances: list[Asset]


class Rates(msgspec.Struct):
    taker: Written
    buyer: Written = "0"
    seller: Written = "0"


class Commission(msgspec.Struct):
    """What a trade costs is the sum of these [3]."""

    standardCommission: Rates
    specialCommission: Rates | None = None
    taxCommission: Rates | None = None


class FuturesCommission(msgspec.Struct):
    takerCommissionRate: Written


class Address(msgspec.Struct):
    address: str
    coin: str
    tag: str


class Applied(msgspec.Struct):
    id: str


class Withdrawal(msgspec.Struct):
    id: str
    amount: Written
    transactionFee: Written
    coin: str
    status: int
    address: str
    network: str
    applyTime: str
    txId: str = ""
    withdrawOrderId: str | None = None


class Deposit(msgspec.Struct):
    """Older ones have no number of their own."""

    amount: Written
    coin: str
    network: str
    status: int
    txId: str
    insertTime: Millis
    id: str | None = None


class Report(
    msgspec.Struct,
    rename={
        "symbol": "s",
        "client_id": "c",
        "side": "S",
        "original_id": "C",
        "execution": "x",
        "status": "X",
        "order_id": "i",
        "last_quantity": "l",
        "quantity": "z",
        "last_price": "L",
        "fee": "n",
        "fee_asset": "N",
        "at_ms": "T",
        "trade_id": "t",
        "value": "Z",
    },
):
    symbol: str
    client_id: str
    side: str
    original_id: str
    execution: str
    status: str
    order_id: int
    last_quantity: Written
    quantity: Written
    last_price: Written
    fee: Written
    fee_asset: str | None
    at_ms: Millis
    trade_id: int
    value: Written


class Position(msgspec.Struct, rename={"asset": "a", "free": "f", "locked": "l"}):
    asset: str
    free: Written
    locked: Written


class Positions(msgspec.Struct, rename={"balances": "B"}):
    balances: list[Position]


class Kind(msgspec.Struct):
    e: str


class Frame(msgspec.Struct):
    event: Raw | UnsetType = UNSET
    id: str | int | None = None
    status: int | None = None


def is_future(instrument: Instrument) -> bool:
    return instrument.product is not Product.SPOT


def side_of(word: str) -> Side:
    found = SIDES.get(word)
    if found is None:
        raise Unreadable(f"{word[:20]!r} is neither BUY nor SELL")
    return found


def fault_of(status: int, body: bytes) -> Fault | None:
    """-1006, -1007 and their like come with a status of 500 and more [3]. Raises Unclear."""
    heard(status, body)
    return None if status < 400 else msgspec.json.decode(body, type=Fault)


def answer(fault: Fault | None, body: bytes) -> bytes:
    """Of a question. Raises Unclear for every error."""
    if fault is None:
        return body
    reason = "not_allowed" if fault.code in LOCKED_OUT else "refused"
    raise Unclear(reason, f"{fault.code} {fault.msg}")


def refused(fault: Fault, refusals: frozenset[int]) -> Rejection:
    """Raises Unclear."""
    if fault.code in refusals:
        return Rejection(str(fault.code), fault.msg)
    raise Unclear("refused", f"{fault.code} {fault.msg}")


def dearest(rates: Rates) -> Decimal:
    """A taker pays its own rate and that of its side [3]."""
    return exact(rates.taker) + max(exact(rates.buyer), exact(rates.seller))


def onward(request: Request, name: str, last: int) -> Request:
    """By number from now on: a time to start from does not go with it."""
    query: dict[str, Any] = dict(request.query) | {name: str(last + 1)}
    query.pop("startTime", None)
    return msgspec.structs.replace(request, query=tuple(query.items()))


def further(request: Request, count: int) -> Request | None:
    if count < ROWS:
        return None
    return changed(request, offset=str(int(request.asked("offset") or "0") + ROWS))
