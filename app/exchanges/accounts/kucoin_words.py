"""KuCoin's words of its private side: paths, messages, codes. kucoin.md; sections in brackets."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import UNSET, Raw, UnsetType

from app.domain.decimals import Written
from app.domain.markets import Side
from app.domain.orders import OrderState
from app.domain.transfers import TransferState

ABSENT = frozenset({"100001", "126043", "404000"})
ABSENT_TEXTS = frozenset({
    "order not exist", "order not exist.", "order_not_exist", "The order does not exist.",
    "order_not_exist_or_not_allow_to_cancel", "error.getOrder.orderNotExist",
    "Order not exist or not allow to be cancelled",
})  # fmt: skip
DUPLICATE = frozenset({"126033", "126044"})
UNAUTHORISED = frozenset(f"40000{digit}" for digit in range(1, 8))
"""Headers, key, passphrase, signature, time, IP, permission [3]."""
REFUSED = UNAUTHORISED | {
    "200004", "230003", "210021", "126013", "260100",
    "400100", "400200", "400303", "400330", "400350", "400370", "400400", "400500", "400600",
    "400760", "411100", "600100", "600101", "300000", "200009", "900001", "900014",
}  # fmt: skip
"""Definitive: balance, parameters and filters, closed markets, this account [3]."""
WITHDRAWALS = {
    "PROCESSING": TransferState.ACCEPTED,
    "WALLET_PROCESSING": TransferState.ACCEPTED,
    "REVIEW": TransferState.AWAITING_VENUE,
    "SUCCESS": TransferState.CREDITED,
    "FAILURE": TransferState.RETURNED,
}
DEPOSITS = {
    "PROCESSING": TransferState.ON_CHAIN,
    "WAIT_TRM_MGT": TransferState.HELD,
    "SUCCESS": TransferState.CREDITED,
}
TRADING = frozenset({"trade", "trade_hf"})

Id = Annotated[str, msgspec.Meta(min_length=1)]
Millis = Annotated[int, msgspec.Meta(ge=0, lt=2**43)]


class Path(StrEnum):
    ORDERS = "/api/v1/hf/orders"
    BY_CLIENT_ID = "/api/v1/hf/orders/client-order"
    ACTIVE = "/api/v1/hf/orders/active"
    DONE = "/api/v1/hf/orders/done"
    FILLS = "/api/v1/hf/fills"
    ACCOUNTS = "/api/v1/accounts"
    FEES = "/api/v1/trade-fees"
    MOVE = "/api/v3/accounts/universal-transfer"
    ADDRESSES = "/api/v3/deposit-addresses"
    WITHDRAW = "/api/v3/withdrawals"
    WITHDRAWALS = "/api/v1/withdrawals"
    DEPOSITS = "/api/v1/deposits"
    ENTRY = "/api/v1/bullet-private"


ORDERS_TOPIC = "/spotMarket/tradeOrdersV2"
BALANCES_TOPIC = "/account/balance"


class Reply(msgspec.Struct):
    code: str
    msg: str = ""
    data: Raw | UnsetType = UNSET


class Placed(msgspec.Struct):
    orderId: Id


class Order(msgspec.Struct):
    id: Id
    symbol: str
    side: Side
    size: Written
    dealSize: Written
    dealFunds: Written
    active: bool
    cancelExist: bool
    createdAt: Millis
    cancelledSize: Written | None = None
    clientOid: str | None = None
    lastUpdatedAt: Millis | None = None


class Done(msgspec.Struct):
    items: list[Order]
    lastId: int | None = None


class Fill(msgspec.Struct):
    symbol: str
    tradeId: int | Id  # a number here, a text on the stream
    orderId: Id
    side: Side
    price: Written
    size: Written
    fee: Written
    feeCurrency: Id
    createdAt: Millis


class Fills(msgspec.Struct):
    items: list[Fill]
    lastId: int | None = None


class Account(msgspec.Struct):
    currency: Id
    type: str
    balance: Written
    available: Written
    holds: Written


class Fee(msgspec.Struct):
    symbol: str
    takerFeeRate: Written


class Address(msgspec.Struct):
    address: Id
    chainId: str
    to: str
    memo: str | None = None


class Withdrawn(msgspec.Struct):
    withdrawalId: Id


class Withdrawal(msgspec.Struct):
    id: Id
    currency: Id
    amount: Decimal  # a number in older replies
    status: str
    createdAt: Millis
    fee: Decimal | None = None
    chain: str | None = None
    address: str | None = None
    walletTxId: str | None = None
    remark: str | None = None


class Deposit(msgspec.Struct):
    currency: Id
    amount: Decimal
    status: str
    createdAt: Millis
    chain: str | None = None
    walletTxId: str | None = None


class Paged(msgspec.Struct):
    currentPage: int
    totalPage: int
    items: Raw


class Server(msgspec.Struct):
    endpoint: Annotated[str, msgspec.Meta(pattern=r"^wss?://\S+$")]


class Bullet(msgspec.Struct):
    token: Id
    instanceServers: Annotated[list[Server], msgspec.Meta(min_length=1)]


class Frame(msgspec.Struct):
    type: str
    topic: str = ""
    data: Raw | UnsetType = UNSET


class Changed(msgspec.Struct):
    orderId: Id
    symbol: str
    side: Side
    type: str
    ts: int  # ns
    clientOid: str | None = None
    filledSize: Written | None = None


class Purse(msgspec.Struct):
    currency: Id
    available: Written
    hold: Written
    relationEvent: str


CHANGES = {
    "received": OrderState.OPEN,
    "open": OrderState.OPEN,
    "match": OrderState.PARTIALLY_FILLED,
    "filled": OrderState.FILLED,
    "canceled": OrderState.CANCELLED,
}
