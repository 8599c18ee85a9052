"""Gate's private side: `text` is found only while its order is open, and may be used again.

gate.md §3, §4, §7. The amount of a withdrawal includes its fee; what arrives is less.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from app.simulator.budget import Budget
from app.simulator.protocol import Client, Listing, Reply, Request
from app.simulator.trading import Deposit, Fill, NewOrder, Order, Rejected, Withdrawal
from app.simulator.venues.account import (
    Account,
    asked_size,
    average,
    exact,
    fields,
    left,
    plain,
    same,
    within,
)
from app.simulator.venues.wire import compact, number

BASE = "/api/v4"
CLOCK_S = 60
TEXT = re.compile(r"t-[0-9A-Za-z_.-]{1,28}")
WITHDRAW_ID = re.compile(r"[0-9A-Za-z_.-]{1,32}")
NO_TEXT = "apiv4"
"""The `text` of an order whose request gave none."""
FORCES = {"gtc": "gtc", "ioc": "ioc", "poc": "post", "fok": "fok"}
CALLED = {force: word for word, force in FORCES.items()}
PLACED_PER_S = 10
"""Per market."""
CANCELLED_PER_S = 200
REQUESTS, WINDOW_S = 200, 10
"""Per endpoint, of all others."""
WITHDRAWALS, WITHDRAWALS_S = 1, 3
ROWS_USUAL, ROWS_MAX, TRADES_MAX = 100, 100, 1_000
PRIVATE = frozenset({"spot.orders", "spot.usertrades", "spot.balances", "spot.orders_v2"})
REFUSALS: dict[str, tuple[str, str]] = {
    "insufficient": ("BALANCE_NOT_ENOUGH", "Not enough balance"),
    "minimum": ("INVALID_PARAM_VALUE", "Your order size is too small"),
    "tick": ("INVALID_PRECISION", "Invalid price precision"),
    "lot": ("INVALID_PRECISION", "Invalid amount precision"),
    "price_band": ("INVALID_PARAM_VALUE", "The price is too far from the market"),
    "halted": ("INVALID_CURRENCY_PAIR", "The currency pair is not tradable"),
    "post_only": ("POC_FILL_IMMEDIATELY", "The order would match and be filled immediately"),
    "closed": ("ORDER_CLOSED", "Order already closed"),
    "unknown_asset": ("INVALID_CURRENCY", "Invalid currency"),
    "unknown_network": ("INVALID_PARAM_VALUE", "Invalid chain"),
    "suspended": ("API_WITHDRAW_DISABLED", "Withdrawal of this chain is suspended"),
    "withdraw_minimum": ("INVALID_PARAM_VALUE", "The amount is below the minimum"),
    "decimals": ("INVALID_PRECISION", "Invalid amount precision"),
    "address": ("ADDRESS_NOT_USED", "The address is not in the address book"),
}
WITHDRAWAL_STATUS = {
    "accepted": "REQUEST",
    "sent": "EXTPEND",
    "done": "DONE",
    "held": "MANUAL",
    "rejected": "CANCEL",
    "returned": "FAIL",
}
DEPOSIT_STATUS = {"seen": "PEND", "held": "REVIEW", "credited": "DONE", "returned": "INVALID"}


class GatePrivate(Account):
    venue = "gate"

    def begin(self) -> None:
        self.placed = Budget(PLACED_PER_S, 1)
        self.cancelled = Budget(CANCELLED_PER_S, 1)
        self.withdrawn = Budget(WITHDRAWALS, WITHDRAWALS_S)
        self.others = Budget(REQUESTS, WINDOW_S)

    def name(self, kind: str, number: int) -> str | None:
        return {"withdrawal": f"w{number}", "deposit": f"d{number}"}.get(kind, str(number))

    # ---- who asks ----

    def http(self, request: Request) -> Reply | None:
        """None: it is no path of an account."""
        path = request.path.removeprefix(BASE)
        answer = ROUTES.get((request.method, path))
        budget, key = self.others, path
        if path.startswith("/spot/orders/"):
            answer = ONE_ORDER.get(request.method)
            budget, key = (
                (self.cancelled, "") if request.method == "DELETE" else (self.others, "order")
            )
        if answer is None:
            return None
        if (request.method, path) == ("POST", "/spot/orders"):
            asked = fields(request) or {}
            budget, key = self.placed, str(asked.get("currency_pair", ""))[:32]
        elif (request.method, path) == ("POST", "/withdrawals"):
            budget, key = self.withdrawn, ""
        now, limit = self.market.now_ms(), budget.limit
        used = budget.take(key, 1, now)
        reset = (now // budget.window_ms + 1) * budget.window_ms // 1_000
        headers = (
            ("X-Gate-RateLimit-Requests-Remain", str(max(0, limit - used))),
            ("X-Gate-RateLimit-Limit", str(limit)),
            ("X-Gate-RateLimit-Reset-Timestamp", str(reset)),
        )
        if used > limit and budget is self.withdrawn:
            return refused("TOO_FAST", "Too fast, try again later").with_headers(*headers)
        if used > limit:
            text = "Request Rate limit Exceeded (211)"
            return refused("TOO_MANY_REQUESTS", text, 429).with_headers(*headers)
        return (self.unsigned(request) or answer(self, request)).with_headers(*headers)

    def unsigned(self, request: Request) -> Reply | None:
        """None: the signature is right. Lines: METHOD, path, query, SHA512(body), seconds."""
        keys, given = self.market.keys, request.headers
        stamp, sign = given.get("timestamp", ""), given.get("sign", "")
        if not (stamp and sign and given.get("key")):
            return refused("MISSING_REQUIRED_HEADER", "Missing required header", 401)
        try:
            late_s = abs(float(stamp) - self.market.now_ms() / 1_000)
        except ValueError:
            late_s = CLOCK_S + 1.0
        if not late_s <= CLOCK_S:
            text = "gap between request Timestamp and server time exceeds 60"
            return refused("REQUEST_EXPIRED", text, 403)
        if given["key"] != keys.key:
            return refused("INVALID_KEY", "Invalid key provided", 401)
        hashed = hashlib.sha512(request.body).hexdigest()
        right = {
            signature(keys.secret, f"{request.method}\n{request.path}\n{query}\n{hashed}\n{stamp}")
            for query in (request.query, unquote(request.query))
        }
        return None if sign in right else refused("INVALID_SIGNATURE", "Signature mismatch", 401)

    def admits(self, given: dict[str, Any], channel: str, word: str, stamp: Any) -> bool:
        """The signature that a channel of an account carries in `auth`."""
        right = signature(self.market.keys.secret, f"channel={channel}&event={word}&time={stamp}")
        known = given.get("KEY") == self.market.keys.key
        return known and same(right, str(given.get("SIGN")))

    # ---- orders ----

    def create(self, request: Request) -> Reply:
        late = self.late(request)
        asked = fields(request)
        listing = self.listing(asked.get("currency_pair")) if asked is not None else None
        if late is not None:
            return late
        if asked is None or listing is None:
            return refused("INVALID_CURRENCY_PAIR", "Invalid currency pair")
        new = new_order(asked, listing)
        if isinstance(new, Reply):
            return new
        try:
            order = self.market.desk.place(new)
        except Rejected as refusal:
            return refused(*REFUSALS[refusal.code])
        row = order_row(order)
        if asked.get("action_mode") == "ACK":
            names = ("id", "text", "create_time", "create_time_ms", "currency_pair", "account")
            row = {name: row[name] for name in names}
        return Reply.json(row, 201)

    def late(self, request: Request) -> Reply | None:
        """`x-gate-exptime`: ms after which a request is not taken any more."""
        last = request.headers.get("x-gate-exptime")
        if last is None or (last.isdecimal() and self.market.now_ms() <= int(last)):
            return None
        return refused("REQUEST_EXPIRED", "The request has expired: x-gate-exptime")

    def found(self, request: Request) -> Order | Reply:
        """By number always, by `text` only while it is open."""
        name = request.path.rpartition("/")[2]
        listing = self.listing(request.asked("currency_pair"))
        if listing is None:
            return refused("INVALID_CURRENCY_PAIR", "Invalid currency pair")
        desk = self.market.desk
        if name.startswith("t-"):
            orders = [order for order in desk.by_client_id(name) if order.status == "open"]
        else:
            one = desk.order(name)
            orders = [one] if one is not None and one.id == name else []
        for order in orders:
            if order.listing is listing:
                return order
        return refused("ORDER_NOT_FOUND", f"Order with ID {name} not found", 404)

    def order(self, request: Request) -> Reply:
        order = self.found(request)
        return order if isinstance(order, Reply) else Reply.json(order_row(order))

    def cancel(self, request: Request) -> Reply:
        order = self.found(request)
        if isinstance(order, Reply):
            return order
        if order.status == "cancelled":
            return refused("ORDER_CANCELLED", "Order already cancelled")
        try:
            self.market.desk.cancel(order)
        except Rejected as refusal:
            return refused(*REFUSALS[refusal.code])
        return Reply.json(order_row(order))

    def open_orders(self, request: Request) -> Reply:
        """By market."""
        by_pair: dict[str, list[Order]] = {}
        for order in self.market.desk.orders():
            if order.status == "open":
                by_pair.setdefault(order.listing.symbol, []).append(order)
        rows = []
        for pair, orders in by_pair.items():
            told = self.numbered(request, orders, ROWS_MAX)
            rows.append(
                {
                    "currency_pair": pair,
                    "total": len(orders),
                    "orders": [order_row(order) for order in told],
                }
            )
        return Reply.json(rows)

    def orders(self, request: Request) -> Reply:
        asked, pair = request.asked("status"), request.asked("currency_pair")
        listing = self.listing(pair) if pair else None
        if asked not in ("open", "finished"):
            return refused("INVALID_PARAM_VALUE", "Invalid request parameter `status` value")
        if listing is None and (pair or asked == "open"):
            return refused("INVALID_CURRENCY_PAIR", "Invalid currency pair")
        found = [
            order
            for order in self.market.desk.orders(listing)
            if (order.status == "open") == (asked == "open")
            and request.asked("side") in ("", side_of(order))
        ]
        if asked == "finished":
            found = self.timely(request, found, lambda order: order.updated_ms)
        return Reply.json([order_row(o) for o in self.numbered(request, found, ROWS_MAX)])

    def trades(self, request: Request) -> Reply:
        pair, order_id = request.asked("currency_pair"), request.asked("order_id")
        listing = self.listing(pair) if pair else None
        if listing is None and (pair or order_id):
            return refused("INVALID_CURRENCY_PAIR", "Invalid currency pair")
        found = self.timely(request, self.market.desk.fills(listing), lambda fill: fill.at_ms)
        found = [fill for fill in found if order_id in ("", fill.order.id)]
        return Reply.json([fill_row(fill) for fill in self.numbered(request, found, TRADES_MAX)])

    def timely(self, request: Request, rows: Sequence[Any], at: Callable[[Any], int]) -> list[Any]:
        start, end = number(request.asked("from"), 0), number(request.asked("to"), 1 << 40)
        return within(rows, at, start * 1_000, end * 1_000 + 999)

    def numbered(self, request: Request, rows: list[Any], most: int) -> list[Any]:
        """Pages by number from 1, or by offset."""
        size = max(1, min(most, number(request.asked("limit"), ROWS_USUAL)))
        current = max(1, number(request.asked("page"), 1))
        first = number(request.asked("offset"), (current - 1) * size)
        return rows[first : first + size]

    # ---- money ----

    def accounts(self, request: Request) -> Reply:
        asked = request.asked("currency")
        rows = [
            {
                "currency": asset,
                "available": plain(purse.free),
                "locked": plain(purse.locked),
                "update_id": 1,
            }
            for asset, purse in self.market.desk.purses().items()
            if asked in ("", asset)
        ]
        return Reply.json(rows)

    def fees(self, request: Request) -> Reply:
        terms = self.market.desk.terms
        fees = {
            "user_id": 1,
            "taker_fee": plain(terms.taker_bps / 10_000),
            "maker_fee": plain(terms.maker_bps / 10_000),
            "gt_discount": False,
            "gt_taker_fee": "0",
            "gt_maker_fee": "0",
            "loan_fee": "0.18",
            "point_type": "0",
        }
        if pair := request.asked("currency_pair"):
            if self.listing(pair) is None:
                return refused("INVALID_CURRENCY_PAIR", f"Invalid currency pair {pair}")
            fees["currency_pair"] = pair
        return Reply.json(fees)

    def address(self, request: Request) -> Reply:
        asset, chains = request.asked("currency"), []
        if asset not in self.market.wallets:
            return refused("INVALID_CURRENCY", f"Invalid currency {asset}")
        for network in self.networks(asset):
            where, tag = self.market.desk.address(asset, network.chain.key)
            chains.append(
                {
                    "chain": self.named(network),
                    "address": where if network.deposit else "",
                    "payment_id": tag if network.deposit else "",
                    "payment_name": "Tag" if tag else "",
                    "obtain_failed": 0 if network.deposit else 1,
                }
            )
        first = next((chain["address"] for chain in chains if chain["address"]), "")
        return Reply.json({"currency": asset, "address": first, "multichain_addresses": chains})

    def withdraw(self, request: Request) -> Reply:
        if (late := self.late(request)) is not None:
            return late
        asked = fields(request) or {}
        asset, chain = str(asked.get("currency", "")), str(asked.get("chain", ""))
        amount, address = exact(asked.get("amount")), str(asked.get("address") or "")
        ticket = str(asked.get("withdraw_order_id") or "")
        if amount is None or not address:
            return refused("INVALID_PARAM_VALUE", "amount and address are needed")
        if ticket and (not WITHDRAW_ID.fullmatch(ticket) or self.withdrawn_as(ticket)):
            return refused("INVALID_WITHDRAW_ID", "withdraw_order_id is invalid or was used")
        if asset not in self.market.wallets:
            return refused(*REFUSALS["unknown_asset"])
        network = self.network(asset, chain)
        if network is None:
            return refused(*REFUSALS["unknown_network"])
        tag, arriving = str(asked.get("memo") or ""), amount - Decimal(network.fee)
        key = network.chain.key
        try:
            made = self.market.desk.withdraw(asset, key, address, tag, arriving, ticket or None)
        except Rejected as refusal:
            return refused(*REFUSALS[refusal.code])
        return Reply.json(self.withdrawal_row(made), 202)

    def withdrawals(self, request: Request) -> Reply:
        found = self.market.desk.withdrawals(request.asked("currency") or None)
        rows = self.timely(request, found, lambda one: one.created_ms)
        ticket, name = request.asked("withdraw_order_id"), request.asked("withdraw_id")
        rows = [one for one in rows if ticket in ("", one.client_id) and name in ("", one.id)]
        told = self.numbered(request, rows, ROWS_MAX)
        return Reply.json([self.withdrawal_row(one) for one in told])

    def deposits(self, request: Request) -> Reply:
        found = self.market.desk.deposits(request.asked("currency") or None)
        rows = self.timely(request, found, lambda one: one.created_ms)
        told = self.numbered(request, rows, ROWS_MAX)
        return Reply.json([self.deposit_row(one) for one in told])

    def withdrawal_row(self, one: Withdrawal) -> dict[str, Any]:
        """DONE is final with its block."""
        return {
            "id": one.id,
            "txid": one.txid or "",
            "block_number": str(one.number) if one.status == "done" else "",
            "withdraw_order_id": one.client_id or "",
            "timestamp": str(one.created_ms // 1_000),
            "timestamp2": str(one.updated_ms // 1_000),
            "amount": plain(one.amount + one.fee),
            "fee": plain(one.fee),
            "currency": one.asset,
            "address": one.address,
            "fail_reason": "",
            "memo": one.tag or None,
            "status": WITHDRAWAL_STATUS[one.status],
            "chain": self.chain_of(one.asset, one.network),
        }

    def deposit_row(self, one: Deposit) -> dict[str, Any]:
        address, tag = self.market.desk.address(one.asset, one.network)
        return {
            "id": one.id,
            "txid": one.txid,
            "withdraw_order_id": "",
            "timestamp": str(one.created_ms // 1_000),
            "amount": plain(one.amount),
            "currency": one.asset,
            "address": address,
            "memo": tag,
            "status": DEPOSIT_STATUS[one.status],
            "chain": self.chain_of(one.asset, one.network),
        }

    # ---- the account's own stream ----

    def follow(self, client: Client, channel: str, word: str, payload: Sequence[str]) -> str | None:
        """What is wrong with it, or None."""
        if channel != "spot.balances":
            if not payload:
                return "invalid argument: payload is needed"
            for pair in payload:
                if pair != "!all" and self.listing(pair) is None:
                    return f"unknown currency pair: {pair}"
        for name in payload if channel != "spot.balances" else ("!all",):
            topic = f"{channel}|{name}"
            (client.subscribe if word == "subscribe" else client.unsubscribe)(topic)
        return None

    def order_changed(self, order: Order, fill: Fill | None) -> None:
        word = "finish" if order.status != "open" else "put" if fill is None else "update"
        row = {**order_row(order), "user": 1, "event": word}
        # the stream says the status by its event, and every time as a text
        del row["status"]
        row |= {name: str(row[name]) for name in ("create_time_ms", "update_time_ms")}
        for channel in ("spot.orders", "spot.orders_v2"):
            self.say(channel, order.listing, [row])
        if fill is not None:
            self.say("spot.usertrades", order.listing, [trade_row(fill)])

    def purse_changed(self, assets: Sequence[str]) -> None:
        purses, now = self.market.desk.purses(), self.market.now_ms()
        rows = [
            {
                "timestamp": str(now // 1_000),
                "timestamp_ms": str(now),
                "user": "1",
                "currency": asset,
                "change": "0",
                "total": plain(purses[asset].free + purses[asset].locked),
                "available": plain(purses[asset].free),
                "freeze": plain(purses[asset].locked),
                "freeze_change": "0",
                "change_type": "order-update",
            }
            for asset in assets
        ]
        self.say("spot.balances", None, rows)

    def say(self, channel: str, listing: Listing | None, rows: list[dict[str, Any]]) -> None:
        now = self.market.now_ms()
        head = {"time": now // 1_000, "time_ms": now, "channel": channel, "event": "update"}
        for name in ("!all", listing.symbol) if listing is not None else ("!all",):
            if self.market.wanted(topic := f"{channel}|{name}"):
                self.tell(topic, compact({**head, "result": rows}))


ROUTES: dict[tuple[str, str], Callable[[GatePrivate, Request], Reply]] = {
    ("POST", "/spot/orders"): GatePrivate.create,
    ("GET", "/spot/orders"): GatePrivate.orders,
    ("GET", "/spot/open_orders"): GatePrivate.open_orders,
    ("GET", "/spot/my_trades"): GatePrivate.trades,
    ("GET", "/spot/accounts"): GatePrivate.accounts,
    ("GET", "/wallet/fee"): GatePrivate.fees,
    ("GET", "/spot/fee"): GatePrivate.fees,
    ("GET", "/wallet/deposit_address"): GatePrivate.address,
    ("POST", "/withdrawals"): GatePrivate.withdraw,
    ("GET", "/wallet/withdrawals"): GatePrivate.withdrawals,
    ("GET", "/wallet/deposits"): GatePrivate.deposits,
}
ONE_ORDER: dict[str, Callable[[GatePrivate, Request], Reply]] = {
    "GET": GatePrivate.order,
    "DELETE": GatePrivate.cancel,
}


def new_order(asked: dict[str, Any], listing: Listing) -> NewOrder | Reply:
    """A market order is in quote for a buy, in base for a sell, and ioc or fok."""
    side, kind = asked.get("side"), asked.get("type", "limit")
    force, text = str(asked.get("time_in_force", "gtc")), str(asked.get("text") or "")
    size, price = exact(asked.get("amount")), exact(asked.get("price"))
    if text and not TEXT.fullmatch(text):
        return refused("INVALID_CLIENT_ORDER_ID", "text must begin with t- and be 28 letters long")
    if side not in ("buy", "sell") or kind not in ("limit", "market") or force not in FORCES:
        return refused("INVALID_PARAM_VALUE", "Invalid side, type or time_in_force")
    if asked.get("account", "spot") != "spot" or asked.get("stp_act") is not None:
        return refused("INVALID_PARAM_VALUE", "Invalid account or stp_act")
    if size is None or (kind == "limit" and price is None):
        return refused("INVALID_PARAM_VALUE", "Invalid amount or price")
    bought, how = side == "buy", FORCES[force]
    if kind == "limit":
        return NewOrder(listing, text or None, bought, "limit", price, size, None, how)
    if force not in ("ioc", "fok"):
        return refused("INVALID_PARAM_VALUE", "A market order is ioc or fok")
    if bought:
        return NewOrder(listing, text or None, True, "spend", None, None, size, how)
    return NewOrder(listing, text or None, False, "market", None, size, None, how)


def side_of(order: Order) -> str:
    return "buy" if order.bought else "sell"


def finish_of(order: Order) -> str:
    if order.status == "cancelled" and order.force in ("ioc", "fok"):
        return order.force
    return order.status


def order_row(order: Order) -> dict[str, Any]:
    """`closed` is fully filled; any other end is `cancelled`, even with fills."""
    status = {"open": "open", "filled": "closed"}.get(order.status, "cancelled")
    return {
        "id": order.id,
        "text": order.client_id or NO_TEXT,
        "amend_text": "-",
        "create_time": str(order.created_ms // 1_000),
        "update_time": str(order.updated_ms // 1_000),
        "create_time_ms": order.created_ms,
        "update_time_ms": order.updated_ms,
        "status": status,
        "currency_pair": order.listing.symbol,
        "type": "limit" if order.kind == "limit" else "market",
        "account": "spot",
        "side": side_of(order),
        "amount": plain(asked_size(order)),
        "price": plain(order.price) if order.price is not None else "0",
        "time_in_force": CALLED[order.force],
        "iceberg": "0",
        "left": plain(left(order)),
        "filled_amount": plain(order.filled),
        "filled_total": plain(order.value),
        "fill_price": plain(order.value),
        "avg_deal_price": plain(average(order)),
        "fee": plain(order.fee),
        "fee_currency": order.fee_asset,
        "point_fee": "0",
        "gt_fee": "0",
        "gt_maker_fee": "0",
        "gt_taker_fee": "0",
        "gt_discount": False,
        "rebated_fee": "0",
        "rebated_fee_currency": order.listing.quote,
        "finish_as": finish_of(order),
    }


def fill_row(fill: Fill) -> dict[str, Any]:
    order = fill.order
    return {
        "id": str(fill.id),
        "create_time": str(fill.at_ms // 1_000),
        "create_time_ms": f"{fill.at_ms}.000000",
        "currency_pair": order.listing.symbol,
        "order_id": order.id,
        "side": side_of(order),
        "role": "maker" if fill.maker else "taker",
        "amount": plain(fill.quantity),
        "price": plain(fill.price),
        "fee": plain(fill.fee),
        "fee_currency": fill.fee_asset,
        "point_fee": "0",
        "gt_fee": "0",
        "amend_text": "-",
        "sequence_id": str(fill.id),
        "text": order.client_id or NO_TEXT,
    }


def trade_row(fill: Fill) -> dict[str, Any]:
    """Of the stream: it does not say what the fee was taken in."""
    row = fill_row(fill)
    for name in ("fee_currency", "sequence_id", "amend_text"):
        del row[name]
    number_ = {"id": fill.id, "create_time": fill.at_ms // 1_000, "id_market": fill.id}
    return {**row, **number_, "user_id": 1}


def signature(secret: str, text: str) -> str:
    return hmac.digest(secret.encode(), text.encode(), hashlib.sha512).hex()


def refused(label: str, message: str, status: int = 400) -> Reply:
    return Reply.json({"label": label, "message": message}, status)
