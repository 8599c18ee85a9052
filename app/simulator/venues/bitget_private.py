"""Bitget's private side: a client id is taken once, paid fees are negative.

bitget.md §3, §4, §7. The size of a withdrawal includes its fee; what arrives is less.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from app.simulator.budget import Budget
from app.simulator.protocol import Client, Listing, Reply, Request
from app.simulator.trading import Deposit, Fill, NewOrder, Order, Purse, Rejected, Withdrawal
from app.simulator.venues.account import (
    NEWEST,
    Account,
    asked_size,
    average,
    exact,
    fields,
    page,
    plain,
    within,
)
from app.simulator.venues.wire import compact, number

CLOCK_MS = 30_000
WINDOW_MS_MAX = 60_000
CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,50}")
FORCES = {"gtc": "gtc", "ioc": "ioc", "fok": "fok", "post_only": "post"}
CALLED = {force: word for word, force in FORCES.items()}
ROWS_MAX = 100
CHANNELS = frozenset({"orders", "fill", "account"})
ROOM = "/api/v2/spot"
REFUSALS: dict[str, tuple[str, str]] = {
    "insufficient": ("43012", "Insufficient balance"),
    "duplicate": ("43118", "clientOrderId duplicate"),
    "minimum": ("45110", "less than the minimum amount 1 USDT"),
    "tick": ("43011", "The parameter does not meet the specification price"),
    "lot": ("43011", "The parameter does not meet the specification size"),
    "price_band": ("43008", "The current order price cannot be outside the limit price"),
    "halted": ("45043", "Due to settlement or maintenance reasons, the trade is suspended"),
    "post_only": ("43009", "The order would be filled at once"),
    "unknown_order": ("43001", "The order does not exist"),
    "closed": ("43004", "There is no order to cancel"),
    "unknown_asset": ("40034", "Parameter coin does not exist"),
    "unknown_network": ("40034", "Parameter chain does not exist"),
    "suspended": ("43124", "The withdrawal of this coin is suspended"),
    "withdraw_minimum": ("43126", "Withdraw amount must be greater than the minimum"),
    "decimals": ("43011", "The parameter does not meet the specification size"),
    "address": ("43113", "The withdrawal address is not in the address book"),
}
WITHDRAWAL_STATUS = {"done": "success", "rejected": "fail", "returned": "fail"}
DEPOSIT_STATUS = {"credited": "success", "returned": "fail"}


class BitgetPrivate(Account):
    venue = "bitget"

    def begin(self) -> None:
        self.budgets: dict[str, Budget] = {}

    def name(self, kind: str, number: int) -> str | None:
        return f"1{number:018d}"

    # ---- who asks ----

    def http(self, request: Request) -> Reply | None:
        """None: it is no path of an account."""
        route = ROUTES.get((request.method, request.path))
        if route is None:
            return None
        limit, answer = route
        budget = self.budgets.setdefault(request.path, Budget(limit, 1))
        if budget.take("", 1, self.market.now_ms()) > limit:
            return self.refused("429", "Too Many Requests", 429)
        return self.unsigned(request) or answer(self, request)

    def unsigned(self, request: Request) -> Reply | None:
        """None: the signature is right. base64(HMAC(time + METHOD + path?query + body))."""
        keys, given = self.market.keys, request.headers
        stamp, sign = given.get("access-timestamp", ""), given.get("access-sign", "")
        if not given.get("access-key"):
            return self.refused("40001", "ACCESS_KEY cannot be empty")
        if not sign:
            return self.refused("40002", "ACCESS_SIGN cannot be empty")
        if not stamp.isdecimal():
            return self.refused("40005", "Invalid ACCESS_TIMESTAMP")
        if abs(int(stamp) - self.market.now_ms()) > CLOCK_MS:
            return self.refused("40008", "Request timestamp expired")
        if given["access-key"] != keys.key:
            return self.refused("40006", "Invalid ACCESS_KEY")
        if given.get("access-passphrase") != keys.passphrase:
            return self.refused("40012", "apikey/password is incorrect")
        head = f"{stamp}{request.method}{request.path}"
        queries = [f"?{query}" for query in (request.query, unquote(request.query)) if query]
        right = {
            signature(keys.secret, f"{head}{query}".encode() + request.body)
            for query in queries or [""]
        }
        return None if sign in right else self.refused("40009", "sign signature error")

    def login(self, given: dict[str, Any]) -> tuple[int, str] | None:
        """None: welcome; else the stream's code and text. Its time is in seconds."""
        keys, stamp = self.market.keys, str(given.get("timestamp", ""))
        if not stamp.isdecimal():
            return 30013, "Invalid timestamp"
        if abs(int(stamp) * 1_000 - self.market.now_ms()) > CLOCK_MS:
            return 30014, "Timestamp request expired"
        if given.get("apiKey") != keys.key:
            return 30011, "Invalid ACCESS_KEY"
        if given.get("passphrase") != keys.passphrase:
            return 30012, "Invalid ACCESS_PASSPHRASE"
        if given.get("sign") != signature(keys.secret, f"{stamp}GET/user/verify".encode()):
            return 30015, "Invalid signature"
        return None

    def done(self, value: Any) -> Reply:
        head = {"code": "00000", "msg": "success", "requestTime": self.market.now_ms()}
        return Reply.json({**head, "data": value})

    def refused(self, code: str, message: str, status: int = 400) -> Reply:
        now = self.market.now_ms()
        return Reply.json({"code": code, "msg": message, "requestTime": now, "data": None}, status)

    # ---- orders ----

    def create(self, request: Request) -> Reply:
        asked = fields(request)
        listing = self.listing(asked.get("symbol")) if asked is not None else None
        if asked is None or listing is None:
            return self.refused("40034", "Parameter symbol does not exist")
        if (late := self.late(asked)) is not None:
            return late
        new = new_order(asked, listing)
        if not isinstance(new, NewOrder):
            return self.refused(*new)
        try:
            order = self.market.desk.place(new)
        except Rejected as refusal:
            return self.refused(*REFUSALS[refusal.code])
        return self.done({"orderId": order.id, "clientOid": order.client_id or ""})

    def late(self, asked: dict[str, Any]) -> Reply | None:
        """`requestTime` + `receiveWindow`: after it the order is not taken any more."""
        window, sent = asked.get("receiveWindow"), asked.get("requestTime")
        if window is None or sent is None:
            return None
        window_ms, sent_ms = number(str(window), 0), number(str(sent), 0)
        if not 0 < window_ms < WINDOW_MS_MAX:
            return self.refused("40079", "receiveWindow must be less than 60 s")
        if self.market.now_ms() > sent_ms + window_ms:
            return self.refused("40078", "The request has expired: receiveWindow")
        return None

    def one(self, order_id: str, client_id: str) -> Order | None:
        desk = self.market.desk
        if order_id:
            return desk.order(order_id)
        return next(iter(desk.by_client_id(client_id)), None) if client_id else None

    def cancel(self, request: Request) -> Reply:
        """Accepted means no more than that."""
        asked = fields(request) or {}
        order = self.one(str(asked.get("orderId") or ""), str(asked.get("clientOid") or ""))
        if order is None or order.listing.symbol != asked.get("symbol"):
            return self.refused(*REFUSALS["unknown_order"])
        try:
            self.market.desk.cancel(order)
        except Rejected as refusal:
            return self.refused(*REFUSALS[refusal.code])
        return self.done({"orderId": order.id, "clientOid": order.client_id or ""})

    def order(self, request: Request) -> Reply:
        """A list of none or one."""
        order = self.one(request.asked("orderId"), request.asked("clientOid"))
        return self.done([order_row(order)] if order is not None else [])

    def open_orders(self, request: Request) -> Reply:
        return self.listed(request, is_open=True)

    def old_orders(self, request: Request) -> Reply:
        return self.listed(request, is_open=False)

    def listed(self, request: Request, *, is_open: bool) -> Reply:
        symbol, order_id = request.asked("symbol"), request.asked("orderId")
        listing = self.listing(symbol) if symbol else None
        if symbol and listing is None:
            return self.refused("40034", f"Parameter {symbol} does not exist")
        orders = [
            order
            for order in self.market.desk.orders(listing)
            if (order.status == "open") == is_open and order_id in ("", order.id)
        ]
        orders = self.timely(request, orders, lambda order: order.created_ms)
        return self.done([order_row(order) for order in self.paged(request, orders, order_number)])

    def fills(self, request: Request) -> Reply:
        listing, order_id = self.listing(request.asked("symbol")), request.asked("orderId")
        if listing is None:
            return self.refused("40034", "Parameter symbol does not exist")
        fills = self.timely(request, self.market.desk.fills(listing), lambda fill: fill.at_ms)
        fills = [fill for fill in fills if order_id in ("", fill.order.id)]
        told = self.paged(request, fills, lambda fill: fill.id)
        return self.done([fill_row(fill, fill_name(self, fill)) for fill in told])

    def timely(self, request: Request, rows: Sequence[Any], at: Callable[[Any], int]) -> list[Any]:
        start, end = (
            number(request.asked("startTime"), 0),
            number(request.asked("endTime"), 1 << 52),
        )
        return within(rows, at, start, end)

    def paged(self, request: Request, rows: list[Any], key: Callable[[Any], int]) -> list[Any]:
        """Those before `idLessThan`, which is a name; its number is what follows the first 1."""
        size = max(1, min(ROWS_MAX, number(request.asked("limit"), ROWS_MAX)))
        below = number(request.asked("idLessThan")[1:], NEWEST)
        return page(rows, key, below, size)[0]

    # ---- money ----

    def assets(self, request: Request) -> Reply:
        asked, held = request.asked("coin"), request.asked("assetType", "hold_only") == "hold_only"
        now = self.market.now_ms()
        rows = [
            coin_row(coin, purse, now)
            for coin, purse in self.market.desk.purses().items()
            if (coin == asked if asked else purse.free or purse.locked or not held)
        ]
        return self.done(rows)

    def fees(self, request: Request) -> Reply:
        if self.listing(request.asked("symbol")) is None:
            return self.refused("40034", "Parameter symbol does not exist")
        terms = self.market.desk.terms
        maker, taker = (plain(bps / 10_000) for bps in (terms.maker_bps, terms.taker_bps))
        return self.done({"makerFeeRate": maker, "takerFeeRate": taker})

    def address(self, request: Request) -> Reply:
        asset, chain = request.asked("coin"), request.asked("chain")
        networks = self.networks(asset)
        network = self.network(asset, chain) if chain else networks[0] if networks else None
        if network is None:
            return self.refused(*REFUSALS["unknown_network"])
        if not network.deposit:
            return self.refused("43111", "The deposit of this coin is suspended")
        where, tag = self.market.desk.address(asset, network.chain.key)
        row = {"address": where, "chain": self.named(network), "coin": asset, "tag": tag}
        return self.done({**row, "url": "https://example.org/address/"})

    def withdraw(self, request: Request) -> Reply:
        asked = fields(request) or {}
        asset, chain = str(asked.get("coin", "")), str(asked.get("chain", ""))
        size, address = exact(asked.get("size")), str(asked.get("address") or "")
        ticket = str(asked.get("clientOid") or "")
        if size is None or not address or asked.get("transferType") != "on_chain":
            return self.refused("40017", "Parameter size, address or transferType is invalid")
        if ticket and not CLIENT_ID.fullmatch(ticket):
            return self.refused("40304", "clientOid can not be over 50")
        if self.withdrawn_as(ticket) is not None:
            return self.refused(*REFUSALS["duplicate"])
        if asset not in self.market.wallets:
            return self.refused(*REFUSALS["unknown_asset"])
        network = self.network(asset, chain)
        if network is None:
            return self.refused(*REFUSALS["unknown_network"])
        tag, arriving = str(asked.get("tag") or ""), size - Decimal(network.fee)
        key = network.chain.key
        try:
            made = self.market.desk.withdraw(asset, key, address, tag, arriving, ticket or None)
        except Rejected as refusal:
            return self.refused(*REFUSALS[refusal.code])
        return self.done({"orderId": made.id, "clientOid": ticket})

    def withdrawals(self, request: Request) -> Reply:
        found = self.market.desk.withdrawals(request.asked("coin") or None)
        ticket, name = request.asked("clientOid"), request.asked("orderId")
        rows = self.timely(request, found, lambda one: one.created_ms)
        rows = [one for one in rows if ticket in ("", one.client_id) and name in ("", one.id)]
        told = self.paged(request, rows, lambda one: one.number)
        return self.done([self.withdrawal_row(one) for one in told])

    def deposits(self, request: Request) -> Reply:
        found = self.market.desk.deposits(request.asked("coin") or None)
        rows = self.timely(request, found, lambda one: one.created_ms)
        told = self.paged(request, rows, lambda one: one.number)
        return self.done([self.deposit_row(one) for one in told])

    def withdrawal_row(self, one: Withdrawal) -> dict[str, Any]:
        return {
            "orderId": one.id,
            "tradeId": one.txid or "",
            "coin": one.asset,
            "dest": "on_chain",
            "clientOid": one.client_id or "",
            "type": "withdraw",
            "tag": one.tag,
            "size": plain(one.amount + one.fee),
            "fee": plain(-one.fee),
            "status": WITHDRAWAL_STATUS.get(one.status, "pending"),
            "toAddress": one.address,
            "fromAddress": None,
            "confirm": "0",
            "chain": self.chain_of(one.asset, one.network),
            "cTime": str(one.created_ms),
            "uTime": str(one.updated_ms),
        }

    def deposit_row(self, one: Deposit) -> dict[str, Any]:
        address, tag = self.market.desk.address(one.asset, one.network)
        return {
            "orderId": one.id,
            "tradeId": one.txid,
            "coin": one.asset,
            "type": "deposit",
            "size": plain(one.amount),
            "status": DEPOSIT_STATUS.get(one.status, "pending"),
            "toAddress": address,
            "tag": tag,
            "dest": "on_chain",
            "chain": self.chain_of(one.asset, one.network),
            "fromAddress": None,
            "cTime": str(one.created_ms),
            "uTime": str(one.updated_ms),
        }

    # ---- the account's own stream ----

    def follow(self, client: Client, word: str, argument: dict[str, Any]) -> bool:
        """False: there is no such channel. The account is told whole at first."""
        channel = str(argument.get("channel"))
        name = str(argument.get("coin" if channel == "account" else "instId", "default"))
        known = name == "default" or name in self.market.listings or channel == "account"
        if argument.get("instType") != "SPOT" or channel not in CHANNELS or not known:
            return False
        topic = f"{channel}:{name}"
        if word == "unsubscribe":
            client.unsubscribe(topic)
            return True
        client.subscribe(topic)
        client.send(compact({"event": word, "arg": argument}))
        if channel == "account":
            now = self.market.now_ms()
            rows = [
                coin_row(coin, purse, now)
                for coin, purse in self.market.desk.purses().items()
                if name in ("default", coin)
            ]
            client.send(self.frame(channel, name, rows))
        return True

    def frame(self, channel: str, name: str, rows: list[dict[str, Any]]) -> str:
        about = "coin" if channel == "account" else "instId"
        argument = {"instType": "SPOT", "channel": channel, about: name}
        head = {"action": "snapshot", "arg": argument, "data": rows}
        return compact({**head, "ts": self.market.now_ms()})

    def order_changed(self, order: Order, fill: Fill | None) -> None:
        symbol = order.listing.symbol
        trade_id = fill_name(self, fill) if fill is not None else ""
        row = order_event(order, fill, trade_id)
        for name in ("default", symbol):
            if self.market.wanted(topic := f"orders:{name}"):
                self.tell(topic, self.frame("orders", name, [row]))
            if fill is not None and self.market.wanted(topic := f"fill:{name}"):
                self.tell(topic, self.frame("fill", name, [fill_event(fill, trade_id)]))

    def purse_changed(self, assets: Sequence[str]) -> None:
        purses, now = self.market.desk.purses(), self.market.now_ms()
        rows = [coin_row(coin, purses[coin], now) for coin in assets]
        if rows and self.market.wanted("account:default"):
            self.tell("account:default", self.frame("account", "default", rows))
        for row in rows:
            if self.market.wanted(topic := f"account:{row['coin']}"):
                self.tell(topic, self.frame("account", row["coin"], [row]))


ROUTES: dict[tuple[str, str], tuple[int, Callable[[BitgetPrivate, Request], Reply]]] = {
    ("POST", f"{ROOM}/trade/place-order"): (10, BitgetPrivate.create),
    ("POST", f"{ROOM}/trade/cancel-order"): (10, BitgetPrivate.cancel),
    ("GET", f"{ROOM}/trade/orderInfo"): (20, BitgetPrivate.order),
    ("GET", f"{ROOM}/trade/unfilled-orders"): (20, BitgetPrivate.open_orders),
    ("GET", f"{ROOM}/trade/history-orders"): (20, BitgetPrivate.old_orders),
    ("GET", f"{ROOM}/trade/fills"): (10, BitgetPrivate.fills),
    ("GET", f"{ROOM}/account/assets"): (10, BitgetPrivate.assets),
    ("GET", "/api/v2/common/trade-rate"): (10, BitgetPrivate.fees),
    ("POST", f"{ROOM}/wallet/withdrawal"): (5, BitgetPrivate.withdraw),
    ("GET", f"{ROOM}/wallet/withdrawal-records"): (10, BitgetPrivate.withdrawals),
    ("GET", f"{ROOM}/wallet/deposit-records"): (10, BitgetPrivate.deposits),
    ("GET", f"{ROOM}/wallet/deposit-address"): (10, BitgetPrivate.address),
}
"""Requests per second, and who answers."""


def order_number(order: Order) -> int:
    return order.number


def fill_name(account: BitgetPrivate, fill: Fill) -> str:
    return account.name("fill", fill.id) or str(fill.id)


def new_order(asked: dict[str, Any], listing: Listing) -> NewOrder | tuple[str, str]:
    """A market order is in quote for a buy, in base for a sell. Or what is wrong with it."""
    side, kind = asked.get("side"), asked.get("orderType")
    # ccxt writes GTC and IOC, and is taken
    force, client_id = str(asked.get("force") or "gtc").lower(), str(asked.get("clientOid") or "")
    size, price = exact(asked.get("size")), exact(asked.get("price"))
    if client_id and not CLIENT_ID.fullmatch(client_id):
        return "40304", "Client Order Id is invalid"
    if side not in ("buy", "sell") or kind not in ("limit", "market") or force not in FORCES:
        return "43011", "The parameter does not meet the specification side, orderType, force"
    if size is None or (kind == "limit" and price is None):
        return "43011", "The parameter does not meet the specification size, price"
    bought = side == "buy"
    if kind == "limit":
        how = FORCES[force]
        return NewOrder(listing, client_id or None, bought, "limit", price, size, None, how)
    if bought:
        return NewOrder(listing, client_id or None, True, "spend", None, None, size, "ioc")
    return NewOrder(listing, client_id or None, False, "market", None, size, None, "ioc")


def status_of(order: Order) -> str:
    if order.status == "open":
        return "partially_filled" if order.filled else "live"
    return order.status


def fee_text(order: Order) -> str:
    """A JSON text inside the JSON, negative where it was paid."""
    if not order.filled:
        return ""
    fee, coin = plain(-order.fee), order.fee_asset
    new = f'{{"c":0,"d":0,"deduction":false,"r":{fee},"t":{fee},"totalDeductionFee":0}}'
    old = f'{{"deduction":false,"feeCoinCode":"{coin}","totalDeductionFee":0,"totalFee":{fee}}}'
    return f'{{"newFees":{new},"{coin}":{old}}}'


def order_row(order: Order) -> dict[str, Any]:
    return {
        "userId": "1",
        "symbol": order.listing.symbol,
        "orderId": order.id,
        "clientOid": order.client_id or order.id,
        "price": plain(order.price) if order.price is not None else "0",
        "size": plain(asked_size(order)),
        "orderType": "limit" if order.kind == "limit" else "market",
        "side": "buy" if order.bought else "sell",
        "status": status_of(order),
        "priceAvg": plain(average(order)),
        "baseVolume": plain(order.filled),
        "quoteVolume": plain(order.value),
        "enterPointSource": "API",
        "feeDetail": fee_text(order),
        "orderSource": "normal" if order.kind == "limit" else "market",
        "cancelReason": "normal_cancel" if order.status == "cancelled" else "",
        "cTime": str(order.created_ms),
        "uTime": str(order.updated_ms),
    }


def fill_row(fill: Fill, trade_id: str) -> dict[str, Any]:
    order = fill.order
    return {
        "userId": "1",
        "symbol": order.listing.symbol,
        "orderId": order.id,
        "tradeId": trade_id,
        "orderType": "limit" if order.kind == "limit" else "market",
        "side": "buy" if order.bought else "sell",
        "priceAvg": plain(fill.price),
        "size": plain(fill.quantity),
        "amount": plain(fill.value),
        "feeDetail": {
            "deduction": "no",
            "feeCoin": fill.fee_asset,
            "totalDeductionFee": "",
            "totalFee": plain(-fill.fee),
        },
        "tradeScope": "maker" if fill.maker else "taker",
        "cTime": str(fill.at_ms),
        "uTime": str(fill.at_ms),
    }


def fill_event(fill: Fill, trade_id: str) -> dict[str, Any]:
    """On the stream the fees are a list."""
    row = fill_row(fill, trade_id)
    del row["userId"]
    return {**row, "feeDetail": [row["feeDetail"]]}


def order_event(order: Order, fill: Fill | None, trade_id: str) -> dict[str, Any]:
    """`baseVolume` is of this fill, `accBaseVolume` of all."""
    size = asked_size(order)
    row: dict[str, Any] = {
        "instId": order.listing.symbol,
        "orderId": order.id,
        "clientOid": order.client_id or order.id,
        "size": plain(size),
        "newSize": plain(size),
        "notional": plain(order.value),
        "orderType": "limit" if order.kind == "limit" else "market",
        "force": CALLED[order.force],
        "side": "buy" if order.bought else "sell",
        "price": plain(order.price) if order.price is not None else "0",
        "accBaseVolume": plain(order.filled),
        "priceAvg": plain(average(order)),
        "status": status_of(order),
        "cTime": str(order.created_ms),
        "uTime": str(order.updated_ms),
        "feeDetail": [{"feeCoin": order.fee_asset, "fee": plain(-order.fee)}],
        "stpMode": "none",
        "enterPointSource": "API",
    }
    if fill is not None:
        row |= {
            "fillPrice": plain(fill.price),
            "tradeId": trade_id,
            "baseVolume": plain(fill.quantity),
            "fillTime": str(fill.at_ms),
            "fillFee": plain(-fill.fee),
            "fillFeeCoin": fill.fee_asset,
            "tradeScope": "M" if fill.maker else "T",
        }
    return row


def coin_row(coin: str, purse: Purse, at_ms: int) -> dict[str, Any]:
    return {
        "coin": coin,
        "available": plain(purse.free),
        "frozen": plain(purse.locked),
        "locked": "0",
        "limitAvailable": "0",
        "uTime": str(at_ms),
    }


def signature(secret: str, text: bytes) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), text, hashlib.sha256)).decode()
