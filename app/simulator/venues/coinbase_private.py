"""Coinbase's private side: refusals are 200, a used client id answers with its first order.

coinbase.md §3, §4, §7: orders by /api/v3/brokerage, coins in and out by /v2/accounts. Nothing is
found by a client id but through the lists.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from app.simulator.budget import Budget
from app.simulator.protocol import Market, Reply, Request
from app.simulator.trading import Fill, Order, Purse, Rejected
from app.simulator.venues.account import NEWEST, Account, fields, page, plain, within
from app.simulator.venues.bearer import Bearer
from app.simulator.venues.coinbase_orders import (
    NAMES,
    STATUS,
    configuration_of,
    new_order,
    order_row,
    side_of,
    stamp,
    user_row,
)
from app.simulator.venues.coinbase_wallets import FIATS, CoinbaseWallets, account_id
from app.simulator.venues.wire import number

ROOM = "/api/v3/brokerage"
PRIVATE_PER_S = 30
ROWS_USUAL, ROWS_MAX = 100, 1_000
ACCOUNTS_USUAL, ACCOUNTS_MAX = 49, 250
BATCH = 50
"""Open orders in one event of the stream's snapshot."""
REFUSALS: dict[str, tuple[str, str, str]] = {
    "insufficient": ("INSUFFICIENT_FUND", "Insufficient balance", "PREVIEW_INSUFFICIENT_FUND"),
    "minimum": ("INVALID_ARGUMENT", "Order is too small", "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL"),
    "tick": ("INVALID_PRICE_PRECISION", "Too many decimals", "PREVIEW_INVALID_PRICE_PRECISION"),
    "lot": ("INVALID_SIZE_PRECISION", "Too many decimals", "PREVIEW_INVALID_SIZE_PRECISION"),
    "price_band": ("INVALID_ARGUMENT", "Price out of range", "PREVIEW_INVALID_LIMIT_PRICE"),
    "halted": ("ORDER_ENTRY_DISABLED", "Orders cannot be entered", "PREVIEW_ORDER_ENTRY_DISABLED"),
    "post_only": (
        "INVALID_LIMIT_PRICE_POST_ONLY",
        "Post only order would cross",
        "PREVIEW_INVALID_LIMIT_PRICE_POSTONLY",
    ),
}


class CoinbasePrivate(Account):
    """say: one message of the user channel to all who listen to this product."""

    venue = "coinbase"

    def __init__(self, market: Market, say: Callable[[list[dict[str, Any]], str], None]) -> None:
        self.say = say
        super().__init__(market)

    def begin(self) -> None:
        self.bearer = Bearer(self.market.keys)
        self.budget = Budget(PRIVATE_PER_S, 1)
        self.wallets = CoinbaseWallets(self.market)

    def name(self, kind: str, number: int) -> str | None:
        return str(uuid.uuid5(NAMES, f"fill {number}")) if kind == "fill" else None

    # ---- who asks ----

    def http(self, request: Request) -> Reply | None:
        """None: it is no path of an account."""
        answer = self.route(request)
        if answer is None:
            return None
        used = self.budget.take("", 1, self.market.now_ms())
        headers = (
            ("x-ratelimit-limit", str(PRIVATE_PER_S)),
            ("x-ratelimit-remaining", str(max(0, PRIVATE_PER_S - used))),
            ("x-ratelimit-reset", "1"),
        )
        if used > PRIVATE_PER_S:
            limited = {"errors": [{"id": "rate_limit_exceeded", "message": ""}]}
            return Reply.json(limited, 429).with_headers(*headers)
        if not self.bearer.right(request, self.market.now_ms()):
            unauthorized = Reply(401, b"Unauthorized\n", (("Content-Type", "text/plain"),))
            return unauthorized.with_headers(*headers)
        return answer(request).with_headers(*headers)

    def route(self, request: Request) -> Callable[[Request], Reply] | None:
        method, path = request.method, request.path
        if (found := ROUTES.get((method, path))) is not None:
            return lambda asked: found(self, asked)
        room, _, name = path.rpartition("/")
        if method == "GET" and room == f"{ROOM}/orders/historical":
            return lambda _: self.order(name)
        if method == "GET" and room == f"{ROOM}/accounts":
            return lambda _: self.one_account(name)
        return self.wallets.route(request)

    # ---- orders ----

    def create(self, request: Request) -> Reply:
        asked = fields(request)
        if asked is None or not asked.get("client_order_id"):
            return refused("INVALID_ARGUMENT", "client_order_id is required", 400)
        configuration = asked.get("order_configuration")
        listing = self.listing(asked.get("product_id"))
        if listing is None:
            return failure("INVALID_PRODUCT_ID", "The product does not trade", configuration)
        new = new_order(asked, listing)
        if new is None:
            text = "order_configuration is invalid"
            return failure("UNSUPPORTED_ORDER_CONFIGURATION", text, configuration)
        try:
            order = self.market.desk.place(new)
        except Rejected as refusal:
            first = self.market.desk.by_client_id(new.client_id or "")
            if refusal.code != "duplicate" or not first:
                error, message, preview = REFUSALS[refusal.code]
                return failure(error, message, configuration, preview)
            order = first[-1]
        success = {
            "order_id": order.id,
            "product_id": order.listing.symbol,
            "side": side_of(order),
            "client_order_id": order.client_id,
        }
        told = {"success": True, "failure_reason": "UNKNOWN_FAILURE_REASON", "order_id": order.id}
        made = {"success_response": success, "order_configuration": configuration_of(order)}
        return Reply.json({**told, **made})

    def preview(self, request: Request) -> Reply:
        asked = fields(request) or {}
        listing = self.listing(asked.get("product_id"))
        new = new_order({"client_order_id": "-", **asked}, listing) if listing is not None else None
        if listing is None or new is None:
            return Reply.json({"errs": ["PREVIEW_INVALID_ORDER_CONFIG"], "warning": []})
        price = new.price or Decimal((listing.asks if new.bought else listing.bids).prices[0])
        value = new.funds if new.funds is not None else price * (new.quantity or Decimal(0))
        fee = value * self.market.desk.taker_bps(listing) / 10_000
        total = value + fee if new.bought else value - fee
        best = {"best_bid": listing.bids.prices[0], "best_ask": listing.asks.prices[0]}
        totals = {"order_total": plain(total), "commission_total": plain(fee)}
        return Reply.json({**totals, "errs": [], "warning": [], "quote_size": plain(value), **best})

    def cancel(self, request: Request) -> Reply:
        asked = (fields(request) or {}).get("order_ids")
        if not isinstance(asked, list) or not asked:
            return refused("INVALID_ARGUMENT", "order_ids is required", 400)
        rows = []
        for name in map(str, asked):
            order = self.market.desk.order(name)
            reason = "UNKNOWN_CANCEL_FAILURE_REASON"
            if order is None:
                reason = "UNKNOWN_CANCEL_ORDER"
            else:
                try:
                    self.market.desk.cancel(order)
                except Rejected:
                    order, reason = None, "DUPLICATE_CANCEL_REQUEST"
            rows.append({"success": order is not None, "failure_reason": reason, "order_id": name})
        return Reply.json({"results": rows})

    def order(self, name: str) -> Reply:
        order = self.market.desk.order(name)
        if order is None:
            return refused("NOT_FOUND", "order with this orderID was not found", 404)
        return Reply.json({"order": order_row(order)})

    def orders(self, request: Request) -> Reply:
        statuses = several(request, "order_status")
        wanted = set(several(request, "product_ids", "product_id"))
        names = set(several(request, "order_ids"))
        found = [
            order
            for order in self.market.desk.orders()
            if (not statuses or STATUS[order.status] in statuses)
            and (not wanted or order.listing.symbol in wanted)
            and (not names or order.id in names)
            and request.asked("order_side") in ("", side_of(order))
        ]
        start, end = moment(request.asked("start_date")), moment(request.asked("end_date"))
        if start is None or end is None:
            return refused("INVALID_ARGUMENT", "start_date or end_date is invalid", 400)
        found = within(found, lambda order: order.created_ms, start or 0, end or NEWEST)
        told, cursor = paged(request, found, lambda order: order.number)
        more = {"sequence": "0", "has_next": bool(cursor), "cursor": cursor}
        return Reply.json({"orders": [order_row(order) for order in told], **more})

    def fills(self, request: Request) -> Reply:
        names = set(several(request, "order_ids", "order_id"))
        wanted = set(several(request, "product_ids", "product_id"))
        found = [
            fill
            for fill in self.market.desk.fills()
            if (not names or fill.order.id in names)
            and (not wanted or fill.order.listing.symbol in wanted)
        ]
        start = moment(request.asked("start_sequence_timestamp"))
        end = moment(request.asked("end_sequence_timestamp"))
        if start is None or end is None:
            return refused("INVALID_ARGUMENT", "start_sequence_timestamp is invalid", 400)
        found = within(found, lambda fill: fill.at_ms, start or 0, end or NEWEST)
        told, cursor = paged(request, found, lambda fill: fill.id)
        return Reply.json({"fills": [self.fill_row(fill) for fill in told], "cursor": cursor})

    def fill_row(self, fill: Fill) -> dict[str, Any]:
        """A fill of an order that was sized in quote has its size in quote."""
        order, in_quote = fill.order, fill.order.kind == "spend"
        return {
            "entry_id": uuid.uuid5(NAMES, f"entry {fill.id}").hex * 2,
            "trade_id": self.name("fill", fill.id),
            "order_id": order.id,
            "trade_time": stamp(fill.at_ms),
            "trade_type": "FILL",
            "price": plain(fill.price),
            "size": plain(fill.value if in_quote else fill.quantity),
            "commission": plain(fill.fee),
            "product_id": order.listing.symbol,
            "sequence_timestamp": stamp(fill.at_ms),
            "liquidity_indicator": "MAKER" if fill.maker else "TAKER",
            "size_in_quote": in_quote,
            "user_id": "sim",
            "side": side_of(order),
        }

    # ---- money ----

    def accounts(self, request: Request) -> Reply:
        """Every currency, in pages whose cursor is the place of the next."""
        purses = list(self.market.desk.purses().items())
        size = max(1, min(ACCOUNTS_MAX, number(request.asked("limit"), ACCOUNTS_USUAL)))
        first = number(request.asked("cursor"), 0)
        rows = [account_row(asset, purse) for asset, purse in purses[first : first + size]]
        last = first + len(rows)
        more = last < len(purses)
        tail = {"has_next": more, "cursor": str(last) if more else "", "size": len(rows)}
        return Reply.json({"accounts": rows, **tail})

    def one_account(self, name: str) -> Reply:
        for asset, purse in self.market.desk.purses().items():
            if account_id(asset) == name:
                return Reply.json({"account": account_row(asset, purse)})
        return refused("NOT_FOUND", "account not found", 404)

    def summary(self, request: Request) -> Reply:
        terms = self.market.desk.terms
        taker, maker = (plain(bps / 10_000) for bps in (terms.taker_bps, terms.maker_bps))
        tier = {"pricing_tier": "Intro 1", "usd_from": "0", "usd_to": "1000"}
        rates = {"taker_fee_rate": taker, "maker_fee_rate": maker}
        return Reply.json({"total_volume": 0, "total_fees": 0, "fee_tier": {**tier, **rates}})

    def permissions(self, request: Request) -> Reply:
        can = {"can_view": True, "can_trade": True, "can_transfer": True}
        return Reply.json({**can, "portfolio_uuid": "sim", "portfolio_type": "DEFAULT"})

    # ---- the account's own stream ----

    def snapshot(self, products: Sequence[str]) -> list[dict[str, Any]]:
        """Events of the open orders, in batches; one without any where there are none."""
        rows = [
            user_row(order)
            for order in self.market.desk.orders()
            if order.status == "open" and (not products or order.listing.symbol in products)
        ]
        batches = [rows[first : first + BATCH] for first in range(0, len(rows), BATCH)] or [[]]
        return [{"type": "snapshot", "orders": batch} for batch in batches]

    def order_changed(self, order: Order, fill: Fill | None) -> None:
        """Cumulative only: no event tells a fill."""
        self.say([{"type": "update", "orders": [user_row(order)]}], order.listing.symbol)


ROUTES: dict[tuple[str, str], Callable[[CoinbasePrivate, Request], Reply]] = {
    ("POST", f"{ROOM}/orders"): CoinbasePrivate.create,
    ("POST", f"{ROOM}/orders/preview"): CoinbasePrivate.preview,
    ("POST", f"{ROOM}/orders/batch_cancel"): CoinbasePrivate.cancel,
    ("GET", f"{ROOM}/orders/historical/batch"): CoinbasePrivate.orders,
    ("GET", f"{ROOM}/orders/historical/fills"): CoinbasePrivate.fills,
    ("GET", f"{ROOM}/accounts"): CoinbasePrivate.accounts,
    ("GET", f"{ROOM}/transaction_summary"): CoinbasePrivate.summary,
    ("GET", f"{ROOM}/key_permissions"): CoinbasePrivate.permissions,
}


def account_row(asset: str, purse: Purse) -> dict[str, Any]:
    is_fiat = asset in FIATS
    return {
        "uuid": account_id(asset),
        "name": f"{asset} Wallet",
        "currency": asset,
        "available_balance": {"value": plain(purse.free), "currency": asset},
        "default": True,
        "active": True,
        "created_at": "2024-01-01T00:00:00Z",
        "updated_at": "2024-01-01T00:00:00Z",
        "deleted_at": None,
        "type": "ACCOUNT_TYPE_FIAT" if is_fiat else "ACCOUNT_TYPE_CRYPTO",
        "ready": True,
        "hold": {"value": plain(purse.locked), "currency": asset},
        "retail_portfolio_id": "sim",
    }


def several(request: Request, *names: str) -> list[str]:
    """A parameter that may come more than once, or with commas."""
    found = [value.split(",") for name, value in request.fields if name in names]
    return [one for values in found for one in values if one]


def moment(text: str) -> int | None:
    """RFC 3339 as ms, 0 where nothing was given; None: it is no time."""
    if not text:
        return 0
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    since = at.replace(tzinfo=at.tzinfo or UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return since // timedelta(milliseconds=1)


def paged(request: Request, rows: list[Any], key: Callable[[Any], int]) -> tuple[list[Any], str]:
    """One page, newest first, and its cursor; empty: this was the last."""
    size = max(1, min(ROWS_MAX, number(request.asked("limit"), ROWS_USUAL)))
    told, below = page(rows, key, number(request.asked("cursor"), NEWEST), size)
    return told, "" if below is None else str(below)


def failure(error: str, message: str, configuration: Any, preview: str = "") -> Reply:
    """A refused order is HTTP 200."""
    response = {
        "error": error,
        "message": message,
        "error_details": message,
        "preview_failure_reason": preview or "UNKNOWN_PREVIEW_FAILURE_REASON",
        "new_order_failure_reason": error,
    }
    told = {"success": False, "failure_reason": "UNKNOWN_FAILURE_REASON", "order_id": ""}
    return Reply.json({**told, "error_response": response, "order_configuration": configuration})


def refused(error: str, message: str, status: int) -> Reply:
    return Reply.json({"error": error, "error_details": message, "message": message}, status)
