"""Bybit's private side: an order is acknowledged before it can be found. bybit.md §3, §4, §7."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from app.simulator.budget import Budget
from app.simulator.protocol import Listing, Reply, Request
from app.simulator.trading import Deposit, Fill, NewOrder, Order, Purse, Rejected, Withdrawal
from app.simulator.venues.account import (
    NEWEST,
    Account,
    asked_size,
    average,
    exact,
    fields,
    left,
    page,
    plain,
    same,
    within,
)
from app.simulator.venues.wire import compact, number

T = TypeVar("T")
ASYNC_MS = 80
"""Between the acknowledgement of an order and its place in the lists."""
CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")
REQUEST_ID = re.compile(r"[A-Za-z0-9]{1,32}")
FORCES = {"GTC": "gtc", "IOC": "ioc", "FOK": "fok", "PostOnly": "post"}
CALLED = {force: word for word, force in FORCES.items()}
ORDERS_MAX, ORDERS_USUAL = 50, 20
FILLS_MAX, FILLS_USUAL = 100, 50
LEDGER_USUAL = 50
TOPICS = frozenset({"order", "order.spot", "execution", "execution.spot", "wallet"})
REFUSALS: dict[str, tuple[int, str]] = {
    "insufficient": (170131, "Insufficient balance."),
    "duplicate": (170141, "Duplicate clientOrderId."),
    "minimum": (170140, "Order value exceeded lower limit."),
    "tick": (170134, "Order price has too many decimals."),
    "lot": (170137, "Order quantity has too many decimals."),
    "price_band": (170132, "Order price too high."),
    "halted": (170151, "This trading pair is not available to trade on API."),
    "post_only": (170218, "The LIMIT-MAKER order is rejected due to invalid price."),
    "unknown_order": (170213, "Order does not exist."),
    "closed": (170143, "Cannot be found on order book."),
    "unknown_asset": (131002, "Parameter error: coin"),
    "unknown_network": (131002, "Parameter error: chain"),
    "suspended": (131097, "Withdrawal of this currency has been closed"),
    "withdraw_minimum": (131096, "Withdraw amount does not satisfy the lower or upper limit"),
    "decimals": (131210, "Amount accuracy error"),
    "address": (131093, "The withdrawal address is not in the whitelist"),
}
SHORT_OF_MONEY = (131085, "Withdrawal amount is greater than your available balance")
WITHDRAWAL_STATUS = {
    "accepted": "Pending",
    "sent": "BlockchainConfirmed",
    "done": "success",
    "held": "MoreInformationRequired",
    "rejected": "Reject",
    "returned": "Fail",
}
DEPOSIT_STATUS = {"seen": 1, "held": 2, "credited": 3, "returned": 4}


class BybitPrivate(Account):
    venue = "bybit"

    def begin(self) -> None:
        self.budgets: dict[str, Budget] = {}
        self.number = 0

    def name(self, kind: str, number: int) -> str | None:
        """Orders and transfers have numbers, executions UUIDs."""
        match kind:
            case "order":
                return f"1{number:018d}"
            case "fill":
                return str(UUID(int=number))
        return str(number)

    # ---- who asks ----

    def http(self, request: Request) -> Reply | None:
        """None: it is no path of an account."""
        route = ROUTES.get((request.method, request.path))
        return route and self.signed(request, lambda: route[1](self, request), route[0])

    def signed(self, request: Request, reply: Callable[[], Reply], limit: int) -> Reply:
        """The reply when the signature is right and the endpoint's budget lasts."""
        now = self.market.now_ms()
        budget = self.budgets.setdefault(request.path, Budget(limit, 1))
        used = budget.take("", 1, now)
        headers = (
            ("X-Bapi-Limit", str(limit)),
            ("X-Bapi-Limit-Status", str(max(0, limit - used))),
            ("X-Bapi-Limit-Reset-Timestamp", str((now // 1_000 + 1) * 1_000)),
        )
        if used > limit:
            return self.answer(10006, "Too many visits!").with_headers(*headers)
        return (self.unsigned(request) or reply()).with_headers(*headers)

    def unsigned(self, request: Request) -> Reply | None:
        """None: it is right. Hex HMAC of time + key + window + payload."""
        keys, given, now = self.market.keys, request.headers, self.market.now_ms()
        stamp, window = given.get("x-bapi-timestamp", ""), given.get("x-bapi-recv-window", "5000")
        sign = given.get("x-bapi-sign", "")
        if not (stamp.isdecimal() and window.isdecimal() and sign):
            return self.answer(10001, "empty value: X-BAPI-TIMESTAMP, X-BAPI-SIGN")
        if given.get("x-bapi-api-key") != keys.key:
            return self.answer(10003, "API key is invalid.")
        if not now - int(window) <= int(stamp) < now + 1_000:
            text = "invalid request, please check your server timestamp or recv_window param. req"
            text += f"_timestamp[{stamp}],server_timestamp[{now}],recv_window[{window}]"
            return self.answer(10002, text)
        payload = request.body if request.method == "POST" else request.query.encode()
        text_bytes = f"{stamp}{keys.key}{window}".encode() + payload
        if not same(signature(keys.secret, text_bytes), sign):
            return self.answer(10004, "error sign! origin_string[hidden]")
        return None

    def done(self, result: Any) -> Reply:
        return self.answer(0, "OK", result)

    def answer(self, code: int, message: str, result: Any = None) -> Reply:
        return Reply.json(
            {
                "retCode": code,
                "retMsg": message,
                "result": {} if result is None else result,
                "retExtInfo": {},
                "time": self.market.now_ms(),
            }
        )

    def refused(self, code: str) -> Reply:
        return self.answer(*REFUSALS[code])

    # ---- orders ----

    def create(self, request: Request) -> Reply:
        asked = fields(request)
        if asked is None or asked.get("category") != "spot":
            return self.answer(10001, "params error: Category is invalid")
        listing = self.listing(asked.get("symbol"))
        if listing is None:
            return self.answer(170121, "Invalid symbol.")
        new = new_order(asked, listing)
        if isinstance(new, str):
            return self.answer(10001, new)
        try:
            order = self.market.desk.place(new)
        except Rejected as refusal:
            return self.refused(refusal.code)
        return self.done({"orderId": order.id, "orderLinkId": order.client_id or ""})

    def cancel(self, request: Request) -> Reply:
        asked = fields(request) or {}
        order = self.one(str(asked.get("orderId", "")), str(asked.get("orderLinkId", "")))
        if order is None or order.listing.symbol != asked.get("symbol"):
            return self.refused("unknown_order")
        try:
            self.market.desk.cancel(order)
        except Rejected as refusal:
            return self.refused(refusal.code)
        return self.done({"orderId": order.id, "orderLinkId": order.client_id or ""})

    def one(self, order_id: str, link_id: str) -> Order | None:
        """Of those that can be found by now; the number counts before the client id."""
        if order_id:
            order = self.market.desk.order(order_id)
            found = [order] if order is not None and order_id == order.id else []
        else:
            found = self.market.desk.by_client_id(link_id) if link_id else []
        return next((order for order in found if self.known(order)), None)

    def known(self, order: Order) -> bool:
        return not 0 <= self.market.now_ms() - order.created_ms < ASYNC_MS

    def open_orders(self, request: Request) -> Reply:
        """`openOnly` does not count for a question about one order."""
        one = self.by_id(request)
        wanted = ("open",) if request.asked("openOnly", "0") == "0" else ("open", *ENDED)
        return self.listed(request, one if one is not None else self.of_status(request, wanted))

    def old_orders(self, request: Request) -> Reply:
        one = self.by_id(request)
        found = one if one is not None else self.of_status(request, ENDED)
        return self.listed(request, [order for order in found if order.status != "open"])

    def by_id(self, request: Request) -> list[Order] | None:
        order_id, link_id = request.asked("orderId"), request.asked("orderLinkId")
        if not (order_id or link_id):
            return None
        order = self.one(order_id, link_id)
        return [order] if order is not None else []

    def of_status(self, request: Request, wanted: Sequence[str]) -> list[Order]:
        symbol = request.asked("symbol")
        listing = self.listing(symbol) if symbol else None
        if symbol and listing is None:
            return []
        found = [order for order in self.market.desk.orders(listing) if order.status in wanted]
        return [order for order in found if self.known(order)]

    def listed(self, request: Request, found: Sequence[Order]) -> Reply:
        if request.asked("category") != "spot":
            return self.answer(10001, "params error: Category is invalid")
        rows = self.timely(request, found, lambda order: order.created_ms)
        told, cursor = paged(request, rows, _number, ORDERS_USUAL, ORDERS_MAX)
        fields_ = {"category": "spot", "nextPageCursor": cursor}
        return self.done({**fields_, "list": [order_row(order) for order in told]})

    def timely(self, request: Request, rows: Sequence[T], at: Callable[[T], int]) -> list[T]:
        start, end = (
            number(request.asked("startTime"), 0),
            number(request.asked("endTime"), 1 << 52),
        )
        return within(rows, at, start, end)

    def executions(self, request: Request) -> Reply:
        if request.asked("category") != "spot":
            return self.answer(10001, "params error: Category is invalid")
        symbol, one = request.asked("symbol"), self.by_id(request)
        listing = self.listing(symbol) if symbol else None
        found = [fill for fill in self.market.desk.fills(listing) if self.known(fill.order)]
        if one is not None:
            found = [fill for fill in found if any(fill.order.id == order.id for order in one)]
        rows = self.timely(request, found, lambda fill: fill.at_ms)
        told, cursor = paged(request, rows, lambda fill: fill.id, FILLS_USUAL, FILLS_MAX)
        fields_ = {"category": "spot", "nextPageCursor": cursor}
        return self.done({**fields_, "list": [fill_row(fill) for fill in told]})

    # ---- money ----

    def balance(self, request: Request) -> Reply:
        if request.asked("accountType") != "UNIFIED":
            return self.answer(10001, "accountType only support UNIFIED.")
        asked = [coin for coin in request.asked("coin").split(",") if coin]
        purses = self.market.desk.purses()
        coins = [
            coin_row(coin, purse) for coin, purse in purses.items() if not asked or coin in asked
        ]
        return self.done({"list": [{"accountType": "UNIFIED", "totalEquity": "", "coin": coins}]})

    def fees(self, request: Request) -> Reply:
        asked = request.asked("symbol")
        if asked and self.listing(asked) is None:
            return self.answer(10001, "Not supported symbols")
        desk = self.market.desk
        rows = [
            {
                "symbol": listing.symbol,
                "takerFeeRate": plain(desk.taker_bps(listing) / 10_000),
                "makerFeeRate": plain(desk.terms.maker_bps / 10_000),
            }
            for listing in self.market.listings.values()
            if asked in ("", listing.symbol)
        ]
        return self.done({"category": "spot", "list": rows})

    def addresses(self, request: Request) -> Reply:
        asset, asked = request.asked("coin"), request.asked("chainType")
        rows = []
        for network in self.networks(asset):
            if asked.lower() not in ("", self.named(network).lower()) or not network.deposit:
                continue
            address, tag = self.market.desk.address(asset, network.chain.key)
            rows.append(
                {
                    "chainType": network.chain.title,
                    "addressDeposit": address,
                    "tagDeposit": tag,
                    "chain": self.named(network),
                    "batchReleaseLimit": "-1",
                    "contractAddress": network.contract or "",
                }
            )
        if not rows:
            return self.answer(131002, "Parameter error: coin, chainType")
        return self.done({"coin": asset, "chains": rows})

    def withdraw(self, request: Request) -> Reply:
        """The same `requestId` is the same withdrawal. feeType 1: the fee is part of the amount."""
        asked = fields(request) or {}
        ticket, amount = str(asked.get("requestId", "")), exact(asked.get("amount"))
        asset, chain = str(asked.get("coin", "")), str(asked.get("chain", ""))
        if (ticket and not REQUEST_ID.fullmatch(ticket)) or amount is None:
            return self.answer(131002, "Parameter error: requestId, amount")
        if not str(asked.get("timestamp", "")).isdecimal() or not asked.get("address"):
            return self.answer(131002, "Parameter error: timestamp, address")
        if (first := self.withdrawn_as(ticket)) is not None:
            return self.done({"id": first.id})
        if asset not in self.market.wallets:
            return self.refused("unknown_asset")
        network = self.network(asset, chain) if chain else next(iter(self.networks(asset)), None)
        if network is None:
            return self.refused("unknown_network")
        if str(asked.get("feeType", "0")) == "1":
            amount -= Decimal(network.fee)
        try:
            made = self.market.desk.withdraw(
                asset,
                network.chain.key,
                str(asked["address"]),
                str(asked.get("tag") or ""),
                amount,
                ticket or None,
            )
        except Rejected as refusal:
            if refusal.code == "insufficient":
                return self.answer(*SHORT_OF_MONEY)
            return self.refused(refusal.code)
        return self.done({"id": made.id})

    def withdrawals(self, request: Request) -> Reply:
        found = self.market.desk.withdrawals(request.asked("coin") or None)
        rows = self.timely(request, found, lambda one: one.created_ms)
        withdrawal_id, txid = request.asked("withdrawID"), request.asked("txID")
        rows = [one for one in rows if withdrawal_id in ("", one.id)]
        rows = [one for one in rows if txid in ("", one.txid)]
        told, cursor = paged(request, rows, _number, LEDGER_USUAL, LEDGER_USUAL)
        named = [withdrawal_row(one, self.chain_of(one.asset, one.network)) for one in told]
        return self.done({"rows": named, "nextPageCursor": cursor})

    def deposits(self, request: Request) -> Reply:
        found = self.market.desk.deposits(request.asked("coin") or None)
        rows = self.timely(request, found, lambda one: one.updated_ms)
        if txid := request.asked("txID"):
            rows = [one for one in rows if one.txid == txid]
        told, cursor = paged(request, rows, _number, LEDGER_USUAL, LEDGER_USUAL)
        found_rows = [self.deposit_row(one) for one in told]
        return self.done({"rows": found_rows, "nextPageCursor": cursor})

    def deposit_row(self, one: Deposit) -> dict[str, Any]:
        address, tag = self.market.desk.address(one.asset, one.network)
        return {
            "id": one.id,
            "coin": one.asset,
            "chain": self.chain_of(one.asset, one.network),
            "amount": plain(one.amount),
            "txID": one.txid,
            "status": DEPOSIT_STATUS[one.status],
            "toAddress": address,
            "tag": tag,
            "depositFee": "",
            "successAt": str(one.updated_ms),
            "confirmations": str(one.confirmations),
            "txIndex": "0",
            "blockHash": "",
            "batchReleaseLimit": "-1",
            "depositType": "0",
            "travelRuleStatus": int(one.status == "held"),
        }

    def move(self, request: Request) -> Reply:
        """Between FUND and UNIFIED: one purse here."""
        asked = fields(request) or {}
        if not asked.get("transferId") or exact(asked.get("amount")) is None:
            return self.answer(131203, "Request parameter error")
        return self.done({"transferId": asked["transferId"], "status": "SUCCESS"})

    def funding(self, request: Request) -> Reply:
        kind = request.asked("accountType")
        if kind not in ("FUND", "UNIFIED"):
            return self.answer(10001, "accountType is invalid")
        rows = [
            {
                "coin": coin,
                "walletBalance": plain(purse.free + purse.locked) if kind == "UNIFIED" else "0",
                "transferBalance": plain(purse.free) if kind == "UNIFIED" else "0",
                "bonus": "",
            }
            for coin, purse in self.market.desk.purses().items()
            if request.asked("coin") in ("", coin)
        ]
        return self.done({"accountType": kind, "memberId": "1", "balance": rows})

    # ---- the account's own stream ----

    def login(self, arguments: list[Any]) -> bool:
        keys = self.market.keys
        key, expires, sign = (*map(str, arguments), "", "", "")[:3]
        right = signature(keys.secret, f"GET/realtime{expires}".encode())
        fresh = expires.isdecimal() and int(expires) > self.market.now_ms()
        return key == keys.key and fresh and same(right, sign)

    def order_changed(self, order: Order, fill: Fill | None) -> None:
        self.push("order", {**order_row(order), "category": "spot"})
        if fill is not None:
            self.push("execution", {**fill_row(fill), "category": "spot"})

    def purse_changed(self, assets: Sequence[str]) -> None:
        """Only what has changed; no snapshot at the beginning."""
        purses = self.market.desk.purses()
        coins = [coin_row(coin, purses[coin]) for coin in assets if coin in purses]
        self.push("wallet", {"accountType": "UNIFIED", "coin": coins})

    def push(self, topic: str, row: dict[str, Any]) -> None:
        self.number += 1
        head = {"id": str(UUID(int=self.number)), "creationTime": self.market.now_ms()}
        for name in (topic, f"{topic}.spot"):
            if name in TOPICS and self.market.wanted(name):
                self.tell(name, compact({**head, "topic": name, "data": [row]}))


ENDED = ("filled", "cancelled", "rejected")
ROUTES: dict[tuple[str, str], tuple[int, Callable[[BybitPrivate, Request], Reply]]] = {
    ("POST", "/v5/order/create"): (20, BybitPrivate.create),
    ("POST", "/v5/order/cancel"): (20, BybitPrivate.cancel),
    ("GET", "/v5/order/realtime"): (50, BybitPrivate.open_orders),
    ("GET", "/v5/order/history"): (50, BybitPrivate.old_orders),
    ("GET", "/v5/execution/list"): (50, BybitPrivate.executions),
    ("GET", "/v5/account/wallet-balance"): (50, BybitPrivate.balance),
    ("GET", "/v5/account/fee-rate"): (10, BybitPrivate.fees),
    ("POST", "/v5/asset/withdraw/create"): (5, BybitPrivate.withdraw),
    ("GET", "/v5/asset/withdraw/query-record"): (20, BybitPrivate.withdrawals),
    ("GET", "/v5/asset/deposit/query-record"): (20, BybitPrivate.deposits),
    ("GET", "/v5/asset/deposit/query-address"): (10, BybitPrivate.addresses),
    ("POST", "/v5/asset/transfer/inter-transfer"): (20, BybitPrivate.move),
    ("GET", "/v5/asset/transfer/query-account-coins-balance"): (10, BybitPrivate.funding),
}
"""Requests per second, and who answers."""


def _number(row: Order | Withdrawal | Deposit) -> int:
    return row.number


def new_order(asked: dict[str, Any], listing: Listing) -> NewOrder | str:
    """What is wrong with it, as a text."""
    side, kind = asked.get("side"), asked.get("orderType")
    force, link_id = str(asked.get("timeInForce", "GTC")), str(asked.get("orderLinkId", ""))
    size, price = exact(asked.get("qty")), exact(asked.get("price"))
    if side not in ("Buy", "Sell") or kind not in ("Limit", "Market") or force not in FORCES:
        return "params error: side, orderType or timeInForce is invalid"
    if link_id and not CLIENT_ID.fullmatch(link_id):
        return "params error: orderLinkId is invalid"
    if size is None or (kind == "Limit" and price is None):
        return "params error: qty or price is invalid"
    bought = side == "Buy"
    new = NewOrder(listing, link_id or None, bought, "limit", price, size, None, FORCES[force])
    if kind == "Limit":
        return new
    # a market buy is sized in quote unless it says otherwise
    unit = asked.get("marketUnit") or ("quoteCoin" if bought else "baseCoin")
    new = new._replace(kind="market", price=None, force="ioc")
    if unit == "baseCoin":
        return new
    if not bought:
        return "params error: marketUnit is not supported"
    return new._replace(kind="spend", quantity=None, funds=size)


def paged(
    request: Request, rows: list[T], key: Callable[[T], int], usual: int, most: int
) -> tuple[list[T], str]:
    """One page, newest first, and its cursor; empty: this was the last."""
    size = max(1, min(most, number(request.asked("limit"), usual)))
    found, below = page(rows, key, number(request.asked("cursor"), NEWEST), size)
    return found, "" if below is None else str(below)


def status_of(order: Order) -> str:
    match order.status:
        case "open":
            return "PartiallyFilled" if order.filled else "New"
        case "filled":
            return "Filled"
        case "cancelled":
            return "PartiallyFilledCanceled" if order.filled else "Cancelled"
    return "Rejected"


def order_row(order: Order) -> dict[str, Any]:
    is_open = order.status == "open"
    return {
        "symbol": order.listing.symbol,
        "orderId": order.id,
        "orderLinkId": order.client_id or "",
        "side": "Buy" if order.bought else "Sell",
        "orderType": "Limit" if order.kind == "limit" else "Market",
        "price": plain(order.price) if order.price is not None else "0",
        "qty": plain(asked_size(order)),
        "marketUnit": "quoteCoin" if order.kind == "spend" else "baseCoin",
        "timeInForce": CALLED[order.force],
        "orderStatus": status_of(order),
        "cancelType": "UNKNOWN",
        "rejectReason": "EC_NoError",
        "avgPrice": plain(average(order)) if order.filled else "",
        "leavesQty": plain(left(order)) if is_open else "0",
        "leavesValue": "0",
        "cumExecQty": plain(order.filled),
        "cumExecValue": plain(order.value),
        "cumExecFee": plain(order.fee),
        "feeCurrency": order.fee_asset,
        "cumFeeDetail": {order.fee_asset: plain(order.fee)} if order.fee_asset else {},
        "orderFilter": "Order",
        "isLeverage": "0",
        "createdTime": str(order.created_ms),
        "updatedTime": str(order.updated_ms),
    }


def fill_row(fill: Fill) -> dict[str, Any]:
    order = fill.order
    return {
        "symbol": order.listing.symbol,
        "orderId": order.id,
        "orderLinkId": order.client_id or "",
        "side": "Buy" if order.bought else "Sell",
        "orderType": "Limit" if order.kind == "limit" else "Market",
        "orderPrice": plain(order.price) if order.price is not None else "0",
        "orderQty": plain(asked_size(order)),
        "leavesQty": plain(left(order)),
        "execId": str(UUID(int=fill.id)),
        "execPrice": plain(fill.price),
        "execQty": plain(fill.quantity),
        "execValue": plain(fill.value),
        "execFee": plain(fill.fee),
        "feeCurrency": fill.fee_asset,
        "feeRate": "0.001",
        "execType": "Trade",
        "isMaker": fill.maker,
        "execTime": str(fill.at_ms),
        "seq": fill.id,
    }


def coin_row(coin: str, purse: Purse) -> dict[str, Any]:
    total = plain(purse.free + purse.locked)
    return {
        "coin": coin,
        "equity": total,
        "usdValue": "",
        "walletBalance": total,
        "locked": plain(purse.locked),
        "borrowAmount": "0",
        "availableToWithdraw": "",
        "spotBorrow": "0",
    }


def withdrawal_row(one: Withdrawal, chain: str) -> dict[str, Any]:
    return {
        "coin": one.asset,
        "chain": chain,
        "amount": plain(one.amount),
        "txID": one.txid or "",
        "status": WITHDRAWAL_STATUS[one.status],
        "toAddress": one.address,
        "tag": one.tag,
        "withdrawFee": plain(one.fee),
        "createTime": str(one.created_ms),
        "updateTime": str(one.updated_ms),
        "withdrawId": one.id,
        "withdrawType": 0,
    }


def signature(secret: str, text: bytes) -> str:
    return hmac.digest(secret.encode(), text, hashlib.sha256).hex()
