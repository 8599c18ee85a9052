"""Bitget's words of its private side: paths, messages, codes. bitget.md; sections in brackets."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import UNSET, Raw, UnsetType

from app.domain.decimals import Written
from app.domain.markets import Side
from app.domain.orders import OrderState
from app.domain.transfers import TransferState
from app.exchanges.accounts.reading import Blank

WELL = "00000"
ABSENT = frozenset({"43001", "40768"})
ENDED = frozenset({"43001", "40768", "45057", "43004", "22001"})
DUPLICATE = frozenset({"43118", "45034"})
UNAUTHORISED = frozenset({
    "40001", "40002", "40003", "40004", "40005", "40006", "40008", "40009", "40011", "40012",
    "40014", "40016", "40018", "40036", "40037", "40038",
})  # fmt: skip
"""Key, signature, passphrase, time, permission, IP [3]. 40010 may also mean that it was late."""
REFUSED = UNAUTHORISED | {
    "43012", "40754", "40762", "45002", "43132",
    "45110", "45111", "43006", "43027", "43037", "43008", "43009", "43010", "43011", "45113",
    "41117", "40706", "40304", "40305", "40402", "40017", "40019", "40020", "40708",
    "40078", "40079",
    "41114", "45043", "43120", "43115", "40024", "40710", "40026", "40031", "40013",
    "43113", "43114", "43124", "43126",
}  # fmt: skip
"""Definitive: funds, filters, ids, the request's own deadline, closed markets, this account [3]."""
PEOPLE = frozenset({"43111", "40021", "40052"})
"""Nothing was sent: the address is in no book, or this account has withdrawals locked [3]."""
WITHDRAWALS = {
    "pending": TransferState.ACCEPTED,
    "pending_review": TransferState.AWAITING_VENUE,
    "success": TransferState.CREDITED,
    "fail": TransferState.RETURNED,
    "reject": TransferState.REJECTED,
    "pending_review_fail": TransferState.REJECTED,
}
DEPOSITS = {
    "pending": TransferState.ON_CHAIN,
    "pending_review": TransferState.HELD,
    "success": TransferState.CREDITED,
}
STATES = {
    "init": OrderState.OPEN,
    "new": OrderState.OPEN,
    "live": OrderState.OPEN,
    "partially_filled": OrderState.PARTIALLY_FILLED,
    "filled": OrderState.FILLED,
    "cancelled": OrderState.CANCELLED,
    "canceled": OrderState.CANCELLED,
}

Id = Annotated[str, msgspec.Meta(min_length=1)]
MillisText = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,13}$")]


class Path(StrEnum):
    PLACE = "/api/v2/spot/trade/place-order"
    CANCEL = "/api/v2/spot/trade/cancel-order"
    ORDER = "/api/v2/spot/trade/orderInfo"
    OPEN = "/api/v2/spot/trade/unfilled-orders"
    ENDED = "/api/v2/spot/trade/history-orders"
    FILLS = "/api/v2/spot/trade/fills"
    ASSETS = "/api/v2/spot/account/assets"
    FEE = "/api/v2/common/trade-rate"
    ADDRESS = "/api/v2/spot/wallet/deposit-address"
    WITHDRAW = "/api/v2/spot/wallet/withdrawal"
    WITHDRAWALS = "/api/v2/spot/wallet/withdrawal-records"
    DEPOSITS = "/api/v2/spot/wallet/deposit-records"


class Reply(msgspec.Struct):
    code: str
    msg: str | None = None
    data: Raw | UnsetType = UNSET


class Numbered(msgspec.Struct):
    """Of an order or a withdrawal that was accepted."""

    orderId: Id


class Order(msgspec.Struct):
    """priceAvg is the limit in one list and the average in the other [captures of ccxt]."""

    symbol: str
    orderId: Id
    side: Side
    status: str
    baseVolume: Blank
    quoteVolume: Blank
    uTime: MillisText
    clientOid: str | None = None


class FeeDetail(msgspec.Struct):
    """fee: negative what was paid. deduction `yes`: some of it was paid in another coin."""

    feeCoin: Id
    totalFee: Written
    deduction: str = "no"


class Trade(msgspec.Struct):
    symbol: str
    orderId: Id
    tradeId: Id
    side: Side
    priceAvg: Written
    size: Written
    feeDetail: FeeDetail | list[FeeDetail]
    cTime: MillisText


class Asset(msgspec.Struct):
    coin: Id
    available: Written
    frozen: Written
    locked: Written


class Fee(msgspec.Struct):
    takerFeeRate: Written


class Address(msgspec.Struct):
    coin: str
    address: str | None = None
    tag: str | None = None


class Record(msgspec.Struct):
    """Of a withdrawal or deposit. tradeId: the transaction's hash, when it left by a chain."""

    orderId: Id
    coin: Id
    size: Written
    status: str
    dest: str
    cTime: MillisText
    tradeId: str | None = None
    clientOid: str | None = None
    fee: Blank | None = None
    chain: str | None = None
    toAddress: str | None = None


class Subject(msgspec.Struct):
    channel: str


class Frame(msgspec.Struct):
    event: str | None = None
    code: int | str | None = None
    arg: Subject | None = None
    data: Raw | UnsetType = UNSET


class OrderChange(msgspec.Struct):
    instId: str
    orderId: Id
    side: Side
    status: str
    accBaseVolume: Written
    priceAvg: Blank
    uTime: MillisText
    clientOid: str | None = None
