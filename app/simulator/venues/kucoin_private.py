"""KuCoin's private side: HF orders, withdrawals without an id of ours. kucoin.md §3, §4, §7.

Its trade and main accounts are one purse here, told as `trade`: deposits may be led there.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from app.simulator.budget import Budget
from app.simulator.protocol import Listing, Network, Reply, Request
from app.simulator.trading import Deposit, Fill, NewOrder, Order, Rejected, Withdrawal
from app.simulator.venues.account import (
    NEWEST,
    Account,
    exact,
    fields,
    page,
    plain,
    same,
    within,
)
from app.simulator.venues.chains import chain_name
from app.simulator.venues.kucoin_orders import fill_row, new_order, order_event, order_row
from app.simulator.venues.wire import compact, number

CLOCK_MS = 5_000
POOL, POOL_S = 4_000, 30
"""Weight of the spot pool per window."""
WEIGHT = {"accounts": 5, "withdrawals": 5, "deposits": 5, "deposit-addresses": 5, "orders": 1}
ORDERS, ORDERS_V2, BALANCE = (
    "/spotMarket/tradeOrders",
    "/spotMarket/tradeOrdersV2",
    "/account/balance",
)
PAGE_USUAL, PAGE_MAX, LEDGER_USUAL, LEDGER_MAX = 20, 100, 50, 500
ROOM = "/api/v1/hf/orders"
REFUSALS = {
    "insufficient": ("200004", "Balance insufficient!"),
    "duplicate": ("400100", "validation.createOrder.clientOidDuplicated"),
    "minimum": ("400100", "Funds should more then 0.1 USDT, less than the minimum order value"),
    "tick": ("400100", "Price increment invalid."),
    "lot": ("400100", "Order size increment invalid."),
    "price_band": ("400100", "The order price is out of the price limit."),
    "halted": ("200009", "The trading pair is disabled."),
    "post_only": ("300000", "The post-only order would be filled at once."),
    "unknown_order": ("400100", "order_not_exist_or_not_allow_to_cancel"),
    "closed": ("400100", "order_not_exist_or_not_allow_to_cancel"),
    "unknown_asset": ("400100", "Unsupport currency."),
    "unknown_network": ("400100", "Unsupport chain."),
    "suspended": ("260210", "Withdrawal is suspended for this currency and chain."),
    "withdraw_minimum": ("260100", "The withdrawal amount is below the minimum."),
    "decimals": ("400100", "The precision of the amount is invalid."),
    "address": ("260200", "The withdrawal address is not in the address book."),
}
WITHDRAWAL_STATUS = {
    "accepted": "PROCESSING",
    "sent": "WALLET_PROCESSING",
    "done": "SUCCESS",
    "held": "REVIEW",
    "rejected": "FAILURE",
    "returned": "FAILURE",
}
DEPOSIT_STATUS = {
    "seen": "PROCESSING",
    "held": "PROCESSING",
    "credited": "SUCCESS",
    "returned": "FAILURE",
}


class KucoinPrivate(Account):
    venue = "kucoin"

    def begin(self) -> None:
        self.budget = Budget(POOL, POOL_S)

    def named(self, network: Network) -> str:
        """The small id of a chain, as requests name it."""
        return chain_name("kucoin-id", network.chain)

    def name(self, kind: str, number: int) -> str | None:
        return None if kind == "fill" else f"{number:024x}"

    # ---- who asks ----

    def http(self, request: Request) -> Reply | None:
        """None: it is no path of an account."""
        answer = self.route(request)
        if answer is None:
            return None
        now = self.market.now_ms()
        weight = WEIGHT.get(request.path.split("/")[3], 2)
        used = self.budget.take("", weight, now)
        headers = (
            ("gw-ratelimit-limit", str(POOL)),
            ("gw-ratelimit-remaining", str(max(0, POOL - used))),
            ("gw-ratelimit-reset", str(POOL_S * 1_000 - now % (POOL_S * 1_000))),
        )
        if used > POOL:
            return refused("429000", "Too Many Requests", 429).with_headers(*headers)
        return (self.unsigned(request) or answer(request)).with_headers(*headers)

    def route(self, request: Request) -> Callable[[Request], Reply] | None:
        method, path = request.method, request.path
        if (found := ROUTES.get((method, path))) is not None:
            return lambda asked: found(self, asked)
        room, _, name = path.removeprefix(f"{ROOM}/").rpartition("/")
        if path.startswith(f"{ROOM}/") and name:
            by_client = room.removeprefix("sync").strip("/") == "client-order"
            if room in ("", "client-order") and method == "GET":
                return lambda asked: self.order(asked, name, by_client=by_client)
            if room in ("", "client-order", "sync", "sync/client-order") and method == "DELETE":
                return lambda asked: self.cancel(asked, name, by_client=by_client)
        if method == "GET" and path.startswith("/api/v1/withdrawals/") and name != "quotas":
            return self.withdrawal
        return None

    def unsigned(self, request: Request) -> Reply | None:
        """None: the signature is right. base64(HMAC(time + METHOD + endpoint + body))."""
        keys, given = self.market.keys, request.headers
        names = ("kc-api-key", "kc-api-sign", "kc-api-timestamp", "kc-api-passphrase")
        if not all(given.get(name) for name in names):
            return refused("400001", "Please check the header of your request", 401)
        stamp = given["kc-api-timestamp"]
        if not stamp.isdecimal() or abs(int(stamp) - self.market.now_ms()) > CLOCK_MS:
            return refused("400002", "KC-API-TIMESTAMP Invalid", 401)
        if given["kc-api-key"] != keys.key:
            return refused("400003", "KC-API-KEY not exists", 401)
        hashed = given.get("kc-api-key-version") in ("2", "3")
        phrase = signature(keys.secret, keys.passphrase.encode()) if hashed else keys.passphrase
        if not same(phrase, given["kc-api-passphrase"]):
            return refused("400004", "KC-API-PASSPHRASE error", 401)
        head = f"{stamp}{request.method}{request.path}"
        queries = [f"?{query}" for query in (request.query, unquote(request.query)) if query]
        right = {
            signature(keys.secret, f"{head}{query}".encode() + request.body)
            for query in queries or [""]
        }
        if given["kc-api-sign"] not in right:
            return refused("400005", "Invalid KC-API-SIGN", 401)
        return None

    # ---- orders ----

    def create(self, request: Request) -> Reply:
        made = self.placed(request)
        if isinstance(made, Reply):
            return made
        return done({"orderId": made.id, "clientOid": made.client_id or ""})

    def create_sync(self, request: Request) -> Reply:
        """The same, and what came of it."""
        made = self.placed(request)
        if isinstance(made, Reply):
            return made
        size = made.quantity if made.quantity is not None else made.filled
        rest = size - made.filled
        is_open = made.status == "open"
        return done(
            {
                "orderId": made.id,
                "clientOid": made.client_id or "",
                "orderTime": made.created_ms,
                "originSize": plain(size),
                "dealSize": plain(made.filled),
                "remainSize": plain(rest if is_open else Decimal(0)),
                "canceledSize": plain(Decimal(0) if is_open else rest),
                "status": "open" if is_open else "done",
                "matchTime": made.updated_ms,
            }
        )

    def test(self, request: Request) -> Reply:
        new = self.asked(request)
        if isinstance(new, str):
            return refused("400100", new)
        return done({"orderId": "0" * 24, "clientOid": new.client_id or ""})

    def placed(self, request: Request) -> Order | Reply:
        new = self.asked(request)
        if isinstance(new, str):
            return refused("400100", new)
        try:
            return self.market.desk.place(new)
        except Rejected as refusal:
            return refused(*REFUSALS[refusal.code])

    def asked(self, request: Request) -> NewOrder | str:
        asked = fields(request)
        listing = self.listing(asked.get("symbol")) if asked is not None else None
        if asked is None or listing is None:
            return "symbol not exists"
        # a request that came too late is not taken
        sent, most = asked.get("clientTimestamp"), asked.get("allowMaxTimeWindow")
        last_ms = number(str(sent), 0) + number(str(most), 0)
        if sent is not None and most is not None and last_ms < self.market.now_ms():
            return "The order has expired: clientTimestamp + allowMaxTimeWindow has passed."
        return new_order(asked, listing)

    def found(self, listing: Listing, name: str, *, by_client: bool) -> Order | None:
        desk = self.market.desk
        if by_client:
            orders = desk.by_client_id(name)
        else:
            one = desk.order(name)
            orders = [one] if one is not None and one.id == name else []
        return next((order for order in orders if order.listing is listing), None)

    def order(self, request: Request, name: str, *, by_client: bool) -> Reply:
        listing = self.listing(request.asked("symbol"))
        if listing is None:
            return refused("400100", "symbol not exists")
        order = self.found(listing, name, by_client=by_client)
        return refused("404000", "order not exist.") if order is None else done(order_row(order))

    def cancel(self, request: Request, name: str, *, by_client: bool) -> Reply:
        """The answer says that it was taken, not what became of the order."""
        listing = self.listing(request.asked("symbol"))
        if listing is None:
            return refused("400100", "symbol not exists")
        order = self.found(listing, name, by_client=by_client)
        if order is None:
            return refused(*REFUSALS["unknown_order"])
        try:
            self.market.desk.cancel(order)
        except Rejected as refusal:
            return refused(*REFUSALS[refusal.code])
        return done({"clientOid": name} if by_client else {"orderId": name})

    def active(self, request: Request) -> Reply:
        listing = self.listing(request.asked("symbol"))
        if listing is None:
            return refused("400100", "symbol not exists")
        found = self.market.desk.orders(listing)
        return done([order_row(order) for order in found if order.status == "open"])

    def ended(self, request: Request) -> Reply:
        listing = self.listing(request.asked("symbol"))
        if listing is None:
            return refused("400100", "symbol not exists")
        orders = self.timely(request, self.market.desk.orders(listing), lambda o: o.created_ms)
        orders = [order for order in orders if order.status != "open"]
        told, last = self.paged(request, orders, lambda order: order.number)
        return done({"lastId": last, "items": [order_row(order) for order in told]})

    def fills(self, request: Request) -> Reply:
        listing = self.listing(request.asked("symbol"))
        if listing is None:
            return refused("400100", "symbol not exists")
        fills = self.timely(request, self.market.desk.fills(listing), lambda fill: fill.at_ms)
        if order_id := request.asked("orderId"):
            fills = [fill for fill in fills if fill.order.id == order_id]
        told, last = self.paged(request, fills, lambda fill: fill.id)
        return done({"lastId": last, "items": [fill_row(fill) for fill in told]})

    def timely(self, request: Request, rows: Sequence[Any], at: Callable[[Any], int]) -> list[Any]:
        start, end = number(request.asked("startAt"), 0), number(request.asked("endAt"), 1 << 52)
        return within(rows, at, start, end)

    def paged(
        self, request: Request, rows: list[Any], key: Callable[[Any], int]
    ) -> tuple[list[Any], int]:
        """The page and its last id: the next page is below it."""
        size = max(1, min(PAGE_MAX, number(request.asked("limit"), PAGE_USUAL)))
        told, _ = page(rows, key, number(request.asked("lastId"), 0) or NEWEST, size)
        return told, key(told[-1]) if told else 0

    # ---- money ----

    def accounts(self, request: Request) -> Reply:
        kind, asset = request.asked("type"), request.asked("currency")
        rows = []
        for index, (coin, purse) in enumerate(self.market.desk.purses().items(), 1):
            if asset not in ("", coin):
                continue
            for row, free, locked in (
                ("trade", purse.free, purse.locked),
                ("main", Decimal(0), Decimal(0)),
            ):
                if kind in ("", row, f"{row}_hf"):
                    rows.append(
                        {
                            "id": f"{index:020x}{row.encode().hex()[:4]}",
                            "currency": coin,
                            "type": kind or row,
                            "balance": plain(free + locked),
                            "available": plain(free),
                            "holds": plain(locked),
                        }
                    )
        return done(rows)

    def fees(self, request: Request) -> Reply:
        rows = []
        for symbol in request.asked("symbols").split(","):
            if (listing := self.listing(symbol)) is None:
                return refused("400100", "symbol not exists")
            taker = plain(self.market.desk.taker_bps(listing) / 10_000)
            maker = plain(self.market.desk.terms.maker_bps / 10_000)
            rows.append({"symbol": symbol, "takerFeeRate": taker, "makerFeeRate": maker})
        return done(rows)

    def move(self, request: Request) -> Reply:
        """Between main and trade: one purse here, so nothing moves."""
        asked = fields(request) or {}
        amount, asset = exact(asked.get("amount")), str(asked.get("currency", ""))
        purse = self.market.desk.purses().get(asset)
        if not asked.get("clientOid") or amount is None or purse is None:
            return refused("400100", "clientOid, currency or amount is invalid")
        if purse.free < amount:
            return refused(*REFUSALS["insufficient"])
        ticket = hashlib.sha256(str(asked["clientOid"]).encode()).hexdigest()[:24]
        return done({"orderId": ticket})

    def addresses(self, request: Request) -> Reply:
        """v3 and v2 list all of a currency, v1 tells one."""
        asset, chain = request.asked("currency"), request.asked("chain")
        rows = []
        for network in self.networks(asset):
            if chain.lower() not in ("", self.named(network).lower()) or not network.deposit:
                continue
            address, tag = self.market.desk.address(asset, network.chain.key)
            rows.append(
                {
                    "address": address,
                    "memo": tag or None,
                    "remark": "",
                    "chainId": self.named(network),
                    "chain": chain_name("kucoin", network.chain),
                    "to": "TRADE",
                    "expirationDate": 0,
                    "currency": asset,
                    "contractAddress": network.contract or "",
                    "chainName": chain_name("kucoin", network.chain),
                }
            )
        if request.path.startswith("/api/v1/"):
            return done(rows[0] if rows else None)
        return done(rows)

    def address_made(self, request: Request) -> Reply:
        asked = fields(request) or {}
        asset, chain = str(asked.get("currency", "")), str(asked.get("chain", ""))
        network = self.network(asset, chain)
        if network is None or not network.deposit:
            return refused("260000", "Deposit address creation is not possible.")
        address, tag = self.market.desk.address(asset, network.chain.key)
        names = {"chainId": self.named(network), "chainName": chain_name("kucoin", network.chain)}
        return done({"address": address, "memo": tag or None, **names, "to": "TRADE"})

    def withdraw(self, request: Request) -> Reply:
        """feeDeductType INTERNAL: the fee is part of the amount."""
        asked = fields(request) or {}
        asset, chain = str(asked.get("currency", "")), str(asked.get("chain") or "")
        amount, address = exact(asked.get("amount")), str(asked.get("toAddress") or "")
        if amount is None or not address or asked.get("withdrawType", "ADDRESS") != "ADDRESS":
            return refused("400100", "amount, toAddress or withdrawType is invalid")
        if asset not in self.market.wallets:
            return refused(*REFUSALS["unknown_asset"])
        networks = self.networks(asset)
        network = self.network(asset, chain) if chain else networks[0] if networks else None
        if network is None:
            return refused(*REFUSALS["unknown_network"])
        if asked.get("feeDeductType") == "INTERNAL":
            amount -= Decimal(network.fee)
        tag, key = str(asked.get("memo") or ""), network.chain.key
        try:
            made = self.market.desk.withdraw(asset, key, address, tag, amount, None)
        except Rejected as refusal:
            return refused(*REFUSALS[refusal.code])
        return done({"withdrawalId": made.id})

    def withdrawals(self, request: Request) -> Reply:
        found = self.market.desk.withdrawals(request.asked("currency") or None)
        rows = self.timely(request, found, lambda one: one.created_ms)
        if status := request.asked("status"):
            rows = [one for one in rows if WITHDRAWAL_STATUS[one.status] == status]
        return self.numbered(request, rows, self.withdrawal_row)

    def withdrawal(self, request: Request) -> Reply:
        name = request.path.rpartition("/")[2]
        for one in self.market.desk.withdrawals():
            if one.id == name:
                return done(self.withdrawal_row(one))
        return refused("404000", "withdrawal not exist.")

    def deposits(self, request: Request) -> Reply:
        found = self.market.desk.deposits(request.asked("currency") or None)
        rows = self.timely(request, found, lambda one: one.created_ms)
        if status := request.asked("status"):
            rows = [one for one in rows if DEPOSIT_STATUS[one.status] == status]
        return self.numbered(request, rows, self.deposit_row)

    def numbered(
        self, request: Request, rows: list[Any], row: Callable[[Any], dict[str, Any]]
    ) -> Reply:
        """Pages by number, from 1."""
        size = max(10, min(LEDGER_MAX, number(request.asked("pageSize"), LEDGER_USUAL)))
        current = max(1, number(request.asked("currentPage"), 1))
        told = rows[(current - 1) * size : current * size]
        return done(
            {
                "currentPage": current,
                "pageSize": size,
                "totalNum": len(rows),
                "totalPage": -(-len(rows) // size),
                "items": [row(one) for one in told],
            }
        )

    def withdrawal_row(self, one: Withdrawal) -> dict[str, Any]:
        return {
            "id": one.id,
            "address": one.address,
            "memo": one.tag,
            "currency": one.asset,
            "chain": self.chain_of(one.asset, one.network),
            "amount": plain(one.amount),
            "fee": plain(one.fee),
            "walletTxId": one.txid,
            "isInner": False,
            "status": WITHDRAWAL_STATUS[one.status],
            "remark": "",
            "createdAt": one.created_ms,
            "updatedAt": one.updated_ms,
        }

    def deposit_row(self, one: Deposit) -> dict[str, Any]:
        address, tag = self.market.desk.address(one.asset, one.network)
        return {
            "address": address,
            "memo": tag,
            "amount": plain(one.amount),
            "fee": "0",
            "currency": one.asset,
            "chain": self.chain_of(one.asset, one.network),
            "isInner": False,
            "walletTxId": one.txid,
            "status": DEPOSIT_STATUS[one.status],
            "remark": "",
            "createdAt": one.created_ms,
            "updatedAt": one.updated_ms,
        }

    # ---- the account's own stream ----

    def order_changed(self, order: Order, fill: Fill | None) -> None:
        """V2 begins with `received`; `match` comes before the end that it brings."""
        kinds = []
        if fill is not None:
            kinds = ["match", "filled"] if order.status == "filled" else ["match"]
        elif order.status == "open":
            kinds = ["received", "open"]
        elif order.status == "cancelled":
            kinds = ["canceled"]
        for kind in kinds:
            for topic in (ORDERS, ORDERS_V2):
                if kind == "received" and topic == ORDERS:
                    continue
                if self.market.wanted(topic):
                    self.message(topic, "orderChange", order_event(order, fill, kind))

    def purse_changed(self, assets: Sequence[str]) -> None:
        if not self.market.wanted(BALANCE):
            return
        purses, now = self.market.desk.purses(), self.market.now_ms()
        for asset in assets:
            purse = purses[asset]
            data = {
                "accountId": f"sim-trade-{asset}",
                "currency": asset,
                "total": plain(purse.free + purse.locked),
                "available": plain(purse.free),
                "hold": plain(purse.locked),
                "availableChange": "0",
                "holdChange": "0",
                "relationEvent": "trade_hf.setted",
                "relationEventId": f"{now}-{asset}",
                "relationContext": {},
                "time": str(now),
            }
            self.message(BALANCE, "account.balance", data)

    def message(self, topic: str, subject: str, data: dict[str, Any]) -> None:
        head = {"topic": topic, "type": "message", "subject": subject, "userId": "sim"}
        self.tell(topic, compact({**head, "channelType": "private", "data": data}))


ROUTES: dict[tuple[str, str], Callable[[KucoinPrivate, Request], Reply]] = {
    ("POST", ROOM): KucoinPrivate.create,
    ("POST", f"{ROOM}/sync"): KucoinPrivate.create_sync,
    ("POST", f"{ROOM}/test"): KucoinPrivate.test,
    ("GET", f"{ROOM}/active"): KucoinPrivate.active,
    ("GET", f"{ROOM}/done"): KucoinPrivate.ended,
    ("GET", "/api/v1/hf/fills"): KucoinPrivate.fills,
    ("GET", "/api/v1/accounts"): KucoinPrivate.accounts,
    ("GET", "/api/v1/trade-fees"): KucoinPrivate.fees,
    ("POST", "/api/v3/accounts/universal-transfer"): KucoinPrivate.move,
    ("POST", "/api/v2/accounts/inner-transfer"): KucoinPrivate.move,
    ("GET", "/api/v3/deposit-addresses"): KucoinPrivate.addresses,
    ("GET", "/api/v2/deposit-addresses"): KucoinPrivate.addresses,
    ("GET", "/api/v1/deposit-addresses"): KucoinPrivate.addresses,
    ("POST", "/api/v3/deposit-address/create"): KucoinPrivate.address_made,
    ("POST", "/api/v3/withdrawals"): KucoinPrivate.withdraw,
    ("GET", "/api/v1/withdrawals"): KucoinPrivate.withdrawals,
    ("GET", "/api/v1/deposits"): KucoinPrivate.deposits,
}


def signature(secret: str, text: bytes) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), text, hashlib.sha256)).decode()


def done(value: Any) -> Reply:
    return Reply.json({"code": "200000", "data": value})


def refused(code: str, message: str, status: int = 200) -> Reply:
    return Reply.json({"code": code, "msg": message}, status)
