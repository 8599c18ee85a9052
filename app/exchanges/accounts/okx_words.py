"""OKX's words: paths, states, refusals, and the shapes of its private answers. okx.md."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Annotated, NamedTuple, TypeVar

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

ROWS = 100  # of every list [3]
SPOT = "SPOT"
FUNDING, TRADING = "6", "18"  # accounts [3]
MillisText = Annotated[str, Meta(pattern="^[0-9]{1,13}$")]
Number = Annotated[str, Meta(min_length=1)]


class Path(StrEnum):
    ORDER = "/api/v5/trade/order"
    CANCEL = "/api/v5/trade/cancel-order"
    PENDING = "/api/v5/trade/orders-pending"
    ENDED = "/api/v5/trade/orders-history"
    FILLS = "/api/v5/trade/fills"
    FILLS_OLD = "/api/v5/trade/fills-history"
    BALANCE = "/api/v5/account/balance"
    FUNDING = "/api/v5/asset/balances"
    FEE = "/api/v5/account/trade-fee"
    ADDRESS = "/api/v5/asset/deposit-address"
    TRANSFER = "/api/v5/asset/transfer"
    WITHDRAW = "/api/v5/asset/withdrawal"
    WITHDRAWALS = "/api/v5/asset/withdrawal-history"
    DEPOSITS = "/api/v5/asset/deposit-history"


TYPES = {OrderType.IOC: "ioc", OrderType.LIMIT: "limit"}
SIDES = {"buy": Side.BUY, "sell": Side.SELL}
ORDER_WORDS = {
    "live": OrderState.OPEN,
    "partially_filled": OrderState.PARTIALLY_FILLED,
    "filled": OrderState.FILLED,
    "canceled": OrderState.CANCELLED,
    "mmp_canceled": OrderState.CANCELLED,
}
WITHDRAWAL_WORDS = {
    **dict.fromkeys(("0", "7", "10", "17", "19", "1", "15", "16"), TransferState.ACCEPTED),
    **dict.fromkeys(("4", "5", "6", "8", "9", "12", "-3"), TransferState.AWAITING_VENUE),
    "2": TransferState.CREDITED,
    "-1": TransferState.RETURNED,
    "-2": TransferState.REJECTED,
}
DEPOSIT_WORDS = {
    "0": TransferState.ON_CHAIN,
    "1": TransferState.CREDITED,  # to trade with, not yet to withdraw
    "2": TransferState.CREDITED,
}

# About time, signature, key or address: nothing was looked at.
LOCKED_OUT = frozenset({"50102", "50112", "50111", "50113", "50105", "50110"})
# Not 51000, "parameter": some have seen it for an id that came before [reliability 2.3].
REFUSALS = LOCKED_OUT | {
    "50036", "51008", "51502", "51020", "51006", "51121", "51022",
}  # fmt: skip
CANCEL_REFUSALS = LOCKED_OUT | {"51603", "51400", "51401", "51402"}
WITHDRAW_REFUSALS = LOCKED_OUT | {"58350"}
ADDRESS_UNKNOWN = "58207"
NO_SUCH_ORDER = "51603"
UNCLEAR = {
    "51016": "duplicate",
    "50011": "limited",
    "50061": "limited",
    "50001": "maintenance",
    "50013": "maintenance",
    "50026": "maintenance",
    "50004": "timeout",
    "51149": "timeout",
}


class Fault(NamedTuple):
    code: str
    text: str


class Reply(msgspec.Struct):
    """data: errors about keys have none."""

    code: str
    msg: str
    data: Raw | UnsetType = UNSET


class Item(msgspec.Struct):
    """Of an answer to an order or its cancelling: each has a word of its own."""

    sCode: str | None = None
    sMsg: str = ""


class Done(msgspec.Struct):
    ordId: Number
    sCode: str


class Order(msgspec.Struct):
    ordId: Number
    clOrdId: str
    instId: str
    side: str
    state: str
    accFillSz: Written
    avgPx: Blank
    uTime: MillisText


class Pushed(Order):
    """The trade behind a push, where a trade is behind it [7]."""

    tradeId: str = ""
    fillPx: Blank = ""
    fillSz: Blank = ""
    fillFee: Blank = ""
    fillFeeCcy: str = ""
    fillTime: str = ""


class Trade(msgspec.Struct):
    tradeId: Number
    billId: str
    ordId: str
    clOrdId: str
    instId: str
    side: str
    fillPx: Written
    fillSz: Written
    fee: Written
    feeCcy: str
    ts: MillisText


class Kept(msgspec.Struct):
    """Of one coin: in the trading account, or in the funding account."""

    ccy: str
    availBal: Written
    frozenBal: Written


class Balances(msgspec.Struct):
    details: list[Kept]


class Fee(msgspec.Struct):
    taker: Written


class Address(msgspec.Struct):
    addr: str
    ccy: str
    chain: str
    to: str
    selected: bool
    tag: str = ""
    memo: str = ""


class Transferred(msgspec.Struct):
    transId: Number


class Applied(msgspec.Struct):
    wdId: Number


class Withdrawal(msgspec.Struct):
    wdId: Number
    ccy: str
    chain: str
    amt: Written
    fee: Written
    to: str
    txId: str
    state: str
    ts: MillisText
    clientId: str = ""


class Deposit(msgspec.Struct):
    depId: Number
    ccy: str
    chain: str
    amt: Written
    txId: str
    state: str
    ts: MillisText


class Channel(msgspec.Struct):
    channel: str


class Frame(msgspec.Struct):
    event: str | None = None
    code: str | None = None
    msg: str = ""
    arg: Channel | None = None
    data: Raw | UnsetType = UNSET


def fault_of(status: int, body: bytes) -> Fault | None:
    """The word of the one item decides, where it has one. Raises Unclear."""
    reply = msgspec.json.decode(heard(status, body), type=Reply)
    items = [] if reply.data is UNSET else msgspec.json.decode(reply.data, type=list[Item])
    if len(items) == 1 and items[0].sCode not in {None, "0"}:
        return Fault(str(items[0].sCode), items[0].sMsg)
    if reply.code != "0":
        return Fault(reply.code, reply.msg)
    if status >= 400:
        raise Unreadable(f"http {status} and no error")
    return None


def unclear(fault: Fault) -> Unclear:
    if fault.code in LOCKED_OUT:
        return Unclear("not_allowed", f"{fault.code} {fault.text}")
    reason = UNCLEAR.get(fault.code)
    return Unclear("refused", f"{fault.code} {fault.text}") if reason is None else Unclear(reason)


def refused(fault: Fault, refusals: Collection[str]) -> Rejection:
    """Raises Unclear."""
    if fault.code in refusals:
        return Rejection(fault.code, fault.text)
    raise unclear(fault)


def answer(fault: Fault | None, body: bytes) -> bytes:
    """Of a question. Raises Unclear for every error."""
    if fault is not None:
        raise unclear(fault)
    return body


def rows(body: bytes, kind: type[T]) -> list[T]:
    data = msgspec.json.decode(body, type=Reply).data
    if data is UNSET:  # that is not an empty list
        raise Unreadable("an answer without data")
    return msgspec.json.decode(data, type=list[kind])  # type: ignore[valid-type]


def done(body: bytes) -> Done:
    """Of an action upon one order. Raises Unreadable."""
    (item,) = rows(body, Done)
    return item


def side_of(word: str) -> Side:
    found = SIDES.get(word)
    if found is None:
        raise Unreadable(f"{word[:20]!r} is neither buy nor sell")
    return found


def before_all(request: Request, keys: Sequence[str]) -> Request | None:
    """The next page: `after` a key means older than it [3]."""
    return changed(request, after=keys[-1]) if len(keys) == ROWS else None
