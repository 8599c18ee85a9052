"""Upbit's account (upbit.md §3, §4, §7): ids burned by any use, whole orders in every answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from app.simulator.protocol import Reply, Request
from app.simulator.trading import Fill, Order, Rejected
from app.simulator.venues.account import average
from app.simulator.venues.korean import error
from app.simulator.venues.korean_private import KoreanAccount
from app.simulator.venues.korean_words import body_of, force_word, moment
from app.simulator.venues.wire import number

WEEK_MS = 7 * 86_400_000
CLOSED_MAX, OPEN_MAX, UUIDS_MAX, CANCELS_MAX = 1_000, 100, 100, 20
BATCH_MAX = 300
ENDED = ("done", "cancel")
REFUSALS = {
    "insufficient": (400, "insufficient_funds_*"),
    "minimum": (400, "under_min_total_*"),
    "tick": (400, "invalid_price_*"),
    "price_band": (400, "invalid_price_*"),
    "lot": (400, "invalid_volume_*"),
    "post_only": (400, "create_*_error"),
    "halted": (400, "market_offline"),
    "duplicate": (400, "duplicated_identifier"),
    "closed": (404, "order_not_found"),
    "operator": (403, "open_api_withdraw_locked"),
    "address": (400, "withdraw_address_not_registered"),
    "suspended": (400, "withdraw_suspended"),
    "withdraw_minimum": (400, "withdraw_below_minimum"),
    "decimals": (400, "withdraw_decimal_exceeded"),
}


class UpbitPrivate(KoreanAccount):
    venue = "upbit"
    digests = ("HS256", "HS512")
    refusals = REFUSALS

    def routes(self) -> dict[tuple[str, str], Callable[[Request], Reply]]:
        return {
            ("POST", "/v1/orders"): self._create,
            ("POST", "/v1/orders/test"): self._test,
            ("DELETE", "/v1/order"): self._cancel,
            ("DELETE", "/v1/orders/uuids"): self._cancel_many,
            ("DELETE", "/v1/orders/open"): self._cancel_open,
            ("GET", "/v1/orders/open"): self._open_orders,
            ("GET", "/v1/orders/closed"): self._closed,
            ("GET", "/v1/orders/uuids"): self._many,
            ("GET", "/v1/deposits/chance/coin"): self._deposit_chance,
        }

    # ---- orders ------------------------------------------------------------------------------

    def _create(self, request: Request) -> Reply:
        order = self.create(body_of(request))
        return order if isinstance(order, Reply) else Reply.json(self.row(order), 201)

    def _test(self, request: Request) -> Reply:
        order = self.asked_order(body_of(request))
        return order if isinstance(order, Reply) else Reply.json({"result": "ok"}, 201)

    def _cancel(self, request: Request) -> Reply:
        """The order as it was: that it was cancelled is told later."""
        order = self.named_order(request)
        if order is None:
            return error(404, "order_not_found", "주문을 찾지 못했습니다.")
        before = self.row(order)
        try:
            self.market.desk.cancel(order)
        except Rejected as refusal:
            return self.turn_down(refusal)
        return Reply.json(before)

    def _cancel_many(self, request: Request) -> Reply:
        orders = [self.market.desk.order(name) for name in _named(request, "uuids[]")]
        for name in _named(request, "identifiers[]"):
            orders += self.market.desk.by_client_id(name)[:1]
        return self._cancelled(one for one in orders[:CANCELS_MAX] if one is not None)

    def _cancel_open(self, request: Request) -> Reply:
        most = min(BATCH_MAX, number(request.asked("count"), 20))
        side, pairs = request.asked("cancel_side", "all"), request.asked("pairs", "all")
        wanted = [
            one
            for one in self.market.desk.orders()
            if one.status == "open"
            and side in ("all", "bid" if one.bought else "ask")
            and (pairs == "all" or one.listing.symbol in pairs.split(","))
        ]
        return self._cancelled(wanted[:most])

    def _cancelled(self, orders: Iterable[Order]) -> Reply:
        told: dict[str, list[dict[str, Any]]] = {"success": [], "failed": []}
        for order in orders:
            try:
                self.market.desk.cancel(order)
            except Rejected:
                told["failed"].append({"uuid": order.id, "market": order.listing.symbol})
            else:
                told["success"].append({"uuid": order.id, "market": order.listing.symbol})
        return Reply.json(
            {name: {"count": len(rows), "orders": rows} for name, rows in told.items()}
        )

    def _open_orders(self, request: Request) -> Reply:
        rows = [
            self.row(one)
            for one in self.market.desk.orders(self.listing(request.asked("market")))
            if one.status == "open"
        ]
        states = _named(request, "states[]") or [request.asked("state", "wait")]
        if "wait" not in states:
            rows = []
        return Reply.json(_cut(request, rows, OPEN_MAX))

    def _closed(self, request: Request) -> Reply:
        """A window of at most seven days, by when the order came."""
        now = self.market.now_ms()
        start_ms, end_ms = request.asked("start_time"), request.asked("end_time")
        last = moment(end_ms, now) if end_ms else None
        first = moment(start_ms, now - WEEK_MS) if start_ms else (last or now) - WEEK_MS
        last = min(last if last is not None else first + WEEK_MS, first + WEEK_MS)
        named = _named(request, "states[]")
        states = named or ([request.asked("state")] if request.asked("state") else list(ENDED))
        rows = [
            self.row(one)
            for one in self.market.desk.orders(self.listing(request.asked("market")))
            if first <= one.created_ms <= last and self.state(one) in states
        ]
        rows = [row for row in rows if row["state"] in ENDED]
        return Reply.json(_cut(request, rows, CLOSED_MAX))

    def _many(self, request: Request) -> Reply:
        orders = [self.market.desk.order(name) for name in _named(request, "uuids[]")]
        for name in _named(request, "identifiers[]"):
            orders += self.market.desk.by_client_id(name)[:1]
        return Reply.json([self.row(one) for one in orders[:UUIDS_MAX] if one is not None])

    def _deposit_chance(self, request: Request) -> Reply:
        asset = request.asked("currency")
        network = self.network(asset, request.asked("net_type"))
        if network is None:
            return error(400, "invalid_parameter", "currency or net_type is unknown")
        return Reply.json(
            {
                "currency": asset,
                "net_type": self.named(network),
                "is_deposit_possible": network.deposit,
                "deposit_impossible_reason": None if network.deposit else "입금 중단",
                "minimum_deposit_amount": network.minimum,
                "minimum_deposit_confirmations": network.chain.confirmations,
                "decimal_precision": network.decimals,
            }
        )

    # ---- user stream -------------------------------------------------------------------------

    def order_frame(self, order: Order, fill: Fill | None, state: str) -> dict[str, Any]:
        """With `trade`, price and volume are the fill's."""
        reserved, remaining = self.fees(order)
        quantity = order.quantity
        return {
            "type": "myOrder",
            "code": order.listing.symbol,
            "uuid": order.id,
            "ask_bid": "BID" if order.bought else "ASK",
            "order_type": self.kind(order),
            "state": state,
            "trade_uuid": self.name("fill", fill.id) if fill else None,
            "price": fill.price if fill else order.price or order.funds,
            "avg_price": average(order),
            "volume": fill.quantity if fill else quantity,
            "remaining_volume": None if quantity is None else quantity - order.filled,
            "executed_volume": order.filled,
            "trades_count": len(order.fills),
            "reserved_fee": reserved,
            "remaining_fee": remaining,
            "paid_fee": order.fee,
            "locked": order.locked,
            "executed_funds": order.value,
            "time_in_force": force_word(order),
            "trade_fee": fill.fee if fill else None,
            "is_maker": fill.maker if fill else None,
            "identifier": order.client_id,
            "smp_type": None,
            "prevented_volume": Decimal(0),
            "prevented_locked": Decimal(0),
            "trade_timestamp": fill.at_ms if fill else None,
            "order_timestamp": order.created_ms,
            "timestamp": self.market.now_ms(),
            "stream_type": "REALTIME",
        }


def _named(request: Request, field: str) -> list[str]:
    return [value for name, value in request.fields if name == field]


def _cut(request: Request, rows: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """Newest first unless asked otherwise."""
    if request.asked("order_by", "desc") == "asc":
        rows = rows[::-1]
    size = min(most, max(1, number(request.asked("limit"), 100)))
    first = (max(1, number(request.asked("page"), 1)) - 1) * size
    return rows[first : first + size]
