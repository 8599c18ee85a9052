"""Bybit's words: paths, states, refusals, and the shapes of its private answers. bybit.md."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Annotated, TypeVar
from urllib.parse import unquote

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from app.domain.decimals import Written
from app.domain.markets import Side
from app.domain.orders import OrderState, OrderType, Rejection
from app.domain.transfers import TransferState
from app.exchanges.accounts.contract import Unclear
from app.exchanges.accounts.reading import Blank, changed, heard
from app.exchanges.contract import Request, Unreadable

T = TypeVar("T")

SPOT = "spot"
ROWS = "50"  # of every list; 100 of executions would be allowed too
MillisText = Annotated[str, Meta(pattern="^[0-9]{1,13}$")]
Number = Annotated[str, Meta(min_length=1)]


class Path(StrEnum):
    CREATE = "/v5/order/create"
    CANCEL = "/v5/order/cancel"
    RECENT = "/v5/order/realtime"
    ENDED = "/v5/order/history"
    FILLS = "/v5/execution/list"
    BALANCE = "/v5/account/wallet-balance"
    FEE = "/v5/account/fee-rate"
    ADDRESS = "/v5/asset/deposit/query-address"
    WITHDRAW = "/v5/asset/withdraw/create"
    WITHDRAWALS = "/v5/asset/withdraw/query-record"
    DEPOSITS = "/v5/asset/deposit/query-record"


FORCES = {OrderType.IOC: "IOC", OrderType.LIMIT: "GTC"}
SIDES = {"Buy": Side.BUY, "Sell": Side.SELL}
SPELLED = {side: word for word, side in SIDES.items()}
ORDER_WORDS = {
    "New": OrderState.OPEN,
    "Untriggered": OrderState.OPEN,
    "PartiallyFilled": OrderState.PARTIALLY_FILLED,
    "Filled": OrderState.FILLED,
    "Cancelled": OrderState.CANCELLED,
    "PartiallyFilledCanceled": OrderState.CANCELLED,
    "Deactivated": OrderState.CANCELLED,
    "Rejected": OrderState.REJECTED,
}
WITHDRAWAL_WORDS = {
    "SecurityCheck": TransferState.AWAITING_VENUE,
    "MoreInformationRequired": TransferState.NEEDS_OPERATOR,
    "Pending": TransferState.ACCEPTED,
    "BlockchainConfirmed": TransferState.ON_CHAIN,
    "success": TransferState.CREDITED,
    "CancelByUser": TransferState.REJECTED,
    "Reject": TransferState.REJECTED,
    "Fail": TransferState.RETURNED,
}
DEPOSIT_WORDS = {
    "1": TransferState.ON_CHAIN,
    "2": TransferState.ON_CHAIN,
    "3": TransferState.CREDITED,
    "4": TransferState.HELD,
}

# About time, signature, key, address or country: nothing was looked at.
LOCKED_OUT = frozenset({10002, 10003, 10004, 10005, 10007, 10009, 10010, 10024})
REFUSALS = LOCKED_OUT | {
    170131, 170136, 170140, 170124, 170134, 170137, 170151, 170157,
}  # fmt: skip
CANCEL_REFUSALS = LOCKED_OUT | {170213, 170143}
# Of the family 131xxx those that say what was wrong with the request, or that it is closed.
WITHDRAW_REFUSALS = LOCKED_OUT | {131001, 131002, 131085, 131096, 131097}
ADDRESS_UNKNOWN = 131093
NOT_FOUND = frozenset({170213})
UNCLEAR = {
    170141: "duplicate",
    10006: "limited",
    170222: "limited",
    170005: "limited",
    170007: "timeout",
    170146: "timeout",
    170147: "timeout",
    10000: "timeout",
    10016: "maintenance",
}


class Reply(msgspec.Struct):
    retCode: int
    retMsg: str
    result: Raw


class Placed(msgspec.Struct):
    orderId: Number


class Order(msgspec.Struct):
    orderId: Number
    orderLinkId: str
    symbol: str
    side: str
    orderStatus: str
    cumExecQty: Written
    avgPrice: Blank
    updatedTime: MillisText


class Execution(msgspec.Struct):
    """execType: also fees and settlements of other products are listed here."""

    symbol: str
    orderId: str
    orderLinkId: str
    side: str
    execId: Number
    execPrice: Written
    execQty: Written
    execFee: Written
    execType: str
    execTime: MillisText
    feeCurrency: str = ""


class Coin(msgspec.Struct):
    coin: str
    walletBalance: Written
    locked: Written


class Wallet(msgspec.Struct):
    coin: list[Coin]


class Fee(msgspec.Struct):
    takerFeeRate: Written


class Chain(msgspec.Struct):
    chain: str
    addressDeposit: str
    tagDeposit: str


class Addresses(msgspec.Struct):
    coin: str
    chains: list[Chain]


class Applied(msgspec.Struct):
    id: Number


class Withdrawal(msgspec.Struct):
    withdrawId: Number
    coin: str
    chain: str
    amount: Written
    withdrawFee: Written
    toAddress: str
    txID: str
    status: str
    createTime: MillisText


class Deposit(msgspec.Struct):
    """Without a number of its own: a transaction and its place in it make one."""

    coin: str
    chain: str
    amount: Written
    txID: Number
    txIndex: str
    status: int | str
    successAt: str


class List(msgspec.Struct):
    """Orders, executions and wallets: `list`; coins in and out: `rows`."""

    list: Raw | UnsetType = UNSET
    rows: Raw | UnsetType = UNSET
    nextPageCursor: str | None = None


class Frame(msgspec.Struct):
    topic: str | None = None
    op: str | None = None
    success: bool | None = None
    ret_msg: str = ""
    data: Raw | UnsetType = UNSET


def reply_of(status: int, body: bytes) -> Reply:
    """Raises Unclear."""
    reply = msgspec.json.decode(heard(status, body), type=Reply)
    if status >= 400 and reply.retCode == 0:
        raise Unreadable(f"http {status} and no error")
    return reply


def unclear(reply: Reply) -> Unclear:
    text = f"{reply.retCode} {reply.retMsg}"
    if reply.retCode in LOCKED_OUT:
        return Unclear("not_allowed", text)
    reason = UNCLEAR.get(reply.retCode)
    return Unclear("refused", text) if reason is None else Unclear(reason)


def refused(reply: Reply, refusals: Collection[int]) -> Rejection:
    """Raises Unclear."""
    if reply.retCode in refusals:
        return Rejection(str(reply.retCode), reply.retMsg)
    raise unclear(reply)


def result(status: int, body: bytes) -> bytes:
    """Of a question. Raises Unclear for every error."""
    reply = reply_of(status, body)
    if reply.retCode:
        raise unclear(reply)
    return bytes(reply.result)


def listed(told: bytes, kind: type[T]) -> list[T]:
    parts = msgspec.json.decode(told, type=List)
    raw = parts.rows if parts.list is UNSET else parts.list
    if raw is UNSET:  # that is not an empty list
        raise Unreadable("a list without rows")
    return msgspec.json.decode(raw, type=list[kind])  # type: ignore[valid-type]


def onward(request: Request, told: bytes, count: int) -> Request | None:
    """The cursor comes percent-encoded, and is encoded once when it is sent."""
    cursor = msgspec.json.decode(told, type=List).nextPageCursor
    return changed(request, cursor=unquote(cursor)) if cursor and count else None


def side_of(word: str) -> Side:
    found = SIDES.get(word)
    if found is None:
        raise Unreadable(f"{word[:20]!r} is neither Buy nor Sell")
    return found
