"""Bithumb's account (bithumb.md §3, §4, §7): an order is acknowledged first, and known later."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from app.simulator.protocol import Network, Reply, Request
from app.simulator.trading import Fill, NewOrder, Order, Purse, Rejected
from app.simulator.venues.account import plain
from app.simulator.venues.korean import error
from app.simulator.venues.korean_private import KoreanAccount
from app.simulator.venues.korean_words import Fields, body_of, force_word, kst, moment
from app.simulator.venues.wire import number

CLOCK_MS_MAX = 60_000
"""How far a token's timestamp may be off. Not documented; ours."""
READY_MS = 30
"""Before that an order is `order_not_ready`."""
CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")
WEEK_MS = 7 * 86_400_000
PENDING_MAX, HISTORY_MAX, LEGACY_MAX, SEARCH_MAX = 100, 1_000, 100, 100
CANCELS_MAX, BATCH_MAX = 30, 20
REFUSALS = {
    "insufficient": (400, "insufficient_funds_*"),
    "minimum": (400, "under_min_total"),
    "tick": (400, "invalid_price_*"),
    "price_band": (400, "invalid_price_*"),
    "lot": (400, "invalid_parameter"),
    "post_only": (400, "cross_trading"),
    "halted": (400, "market_suspended"),
    "duplicate": (400, "duplicate_client_order_id"),
    "closed": (404, "order_not_found"),
    "address": (400, "withdraw_address_not_registered"),
    "suspended": (400, "withdraw_suspended"),
    "withdraw_minimum": (400, "withdraw_below_minimum"),
    "decimals": (400, "invalid_parameter"),
}


class BithumbPrivate(KoreanAccount):
    venue = "bithumb"
    order_type = "order_type"
    client_id = "client_order_id"
    refusals = REFUSALS
    lower = True

    def routes(self) -> dict[tuple[str, str], Callable[[Request], Reply]]:
        return {
            ("POST", "/v2/orders"): self._create,
            ("POST", "/v1/orders"): self._create_old,
            ("POST", "/v2/orders/batch"): self._batch,
            ("DELETE", "/v2/order"): self._cancel,
            ("POST", "/v2/orders/cancel"): self._cancel_many,
            ("GET", "/v2/orders/pending"): self._pending,
            ("GET", "/v2/orders/history"): self._history,
            ("POST", "/v2/orders/search"): self._search,
            ("GET", "/v1/orders"): self._legacy,
        }

    def stale(self, said: Fields) -> Reply | None:
        at_ms = said.get("timestamp")
        if not isinstance(at_ms, int) or abs(at_ms - self.market.now_ms()) > CLOCK_MS_MAX:
            return error(401, "expired_jwt", "토큰이 만료되었습니다.")
        return None

    def _used(self, said: Fields) -> Reply | None:
        if not self._nonces.fresh(said.get("nonce")):
            return error(401, "jwt_verification", "Jwt 토큰 검증에 실패했습니다.")
        return None

    def name(self, kind: str, number: int) -> str | None:
        """`C0101000003152350309`; coins in and out have UUIDs."""
        letter = {"order": "C0101", "fill": "C0102"}.get(kind)
        return f"{letter}{number:015d}" if letter else super().name(kind, number)

    # ---- orders ------------------------------------------------------------------------------

    def asked_order(self, asked: Fields) -> NewOrder | Reply:
        name = asked.get(self.client_id)
        if name is not None and not CLIENT_ID.fullmatch(str(name)):
            return error(400, "invalid_parameter", self.client_id)
        return super().asked_order(asked)

    def _create(self, request: Request) -> Reply:
        """An acknowledgement only."""
        order = self.create(body_of(request))
        return order if isinstance(order, Reply) else Reply.json(_ack(order, self.kind(order)), 201)

    def _create_old(self, request: Request) -> Reply:
        """The older form: `ord_type` in, the whole order out."""
        asked = body_of(request)
        if "ord_type" in asked:
            asked["order_type"] = asked.pop("ord_type")
        order = self.create(asked)
        return order if isinstance(order, Reply) else Reply.json(self.row(order), 201)

    def _batch(self, request: Request) -> Reply:
        """Each on its own; HTTP 200 in any case."""
        rows = []
        asked = body_of(request).get("batch_orders")
        if not isinstance(asked, list) or not 0 < len(asked) <= BATCH_MAX:
            return error(400, "invalid_parameter", "batch_orders")
        for one in asked:
            order = self.create(one) if isinstance(one, dict) else _no_order()
            if isinstance(order, Reply):
                rows.append(_error_of(order))
            else:
                rows.append(_ack(order, self.kind(order)))
        return Reply.json(rows)

    def unready(self, order: Order) -> Reply | None:
        if self.market.now_ms() - order.created_ms < READY_MS:
            return error(422, "order_not_ready", "주문이 처리 중입니다.")
        return None

    def _cancel(self, request: Request) -> Reply:
        order = self.named_order(request)
        return Reply.json(done) if isinstance(done := self._ended(order), dict) else done

    def _ended(self, order: Order | None) -> Fields | Reply:
        if order is None:
            return error(404, "order_not_found", "주문을 찾지 못했습니다.")
        if (early := self.unready(order)) is not None:
            return early
        try:
            self.market.desk.cancel(order)
        except Rejected as refusal:
            return self.turn_down(refusal)
        return {"order_id": order.id, "created_at": kst(order.created_ms)}

    def _cancel_many(self, request: Request) -> Reply:
        asked = body_of(request)
        told: dict[str, list[Fields]] = {"success": [], "fail": []}
        for name, order in self._listed(asked, CANCELS_MAX):
            done = self._ended(order)
            if isinstance(done, Reply):
                told["fail"].append({"order_id": name, **_error_of(done)})
            else:
                told["success"].append(done)
        return Reply.json(told)

    def _listed(self, asked: Fields, most: int) -> Sequence[tuple[str, Order | None]]:
        desk = self.market.desk
        found = [(str(name), desk.order(str(name))) for name in asked.get("order_ids") or ()]
        for name in asked.get("client_order_ids") or ():
            orders = desk.by_client_id(str(name))
            found.append((str(name), orders[0] if orders else None))
        return found[:most]

    def _search(self, request: Request) -> Reply:
        found = self._listed(body_of(request), SEARCH_MAX)
        return Reply.json([self.row_v2(order) for _, order in found if order is not None])

    def _pending(self, request: Request) -> Reply:
        state = request.asked("state", "wait")
        orders = [
            one
            for one in self.market.desk.orders(self.listing(request.asked("market")))
            if one.status == "open" and state == "wait"
        ]
        return self._page(request, orders, PENDING_MAX)

    def _history(self, request: Request) -> Reply:
        """At most seven days."""
        now = self.market.now_ms()
        last = moment(request.asked("end_time"), now)
        first = max(moment(request.asked("start_time"), last - WEEK_MS), last - WEEK_MS)
        state = request.asked("state")
        orders = [
            one
            for one in self.market.desk.orders(self.listing(request.asked("market")))
            if one.status != "open"
            and first <= one.created_ms <= last
            and state in ("", self.state(one))
        ]
        return self._page(request, orders, HISTORY_MAX)

    def _page(self, request: Request, orders: list[Order], most: int) -> Reply:
        """next_key: the number of the last one told."""
        ascending = request.asked("order_by") == "asc"
        if ascending:
            orders = orders[::-1]
        if key := number(request.asked("next_key"), 0):
            after = (one for one in orders if one.number != key)
            orders = [one for one in after if (one.number > key) == ascending]
        size = min(most, max(1, number(request.asked("limit"), most)))
        more = len(orders) > size
        rows = [self.row_v2(one) for one in orders[:size]]
        key_text = str(orders[size - 1].number) if more else None
        return Reply.json({"data": rows, "has_next": more, "next_key": key_text})

    def _legacy(self, request: Request) -> Reply:
        given = request.fields
        uuids = {value for name, value in given if name == "uuids[]"}
        clients = {value for name, value in given if name == "client_order_ids[]"}
        states = {value for name, value in given if name == "states[]"}
        states |= {request.asked("state")} if request.asked("state") else set()
        rows = [
            self.row(one)
            for one in self.market.desk.orders(self.listing(request.asked("market")))
            if (not uuids or one.id in uuids)
            and (not clients or one.client_id in clients)
            and self.state(one) in (states or {"wait"})
        ]
        if request.asked("order_by", "desc") == "asc":
            rows = rows[::-1]
        size = min(LEGACY_MAX, max(1, number(request.asked("limit"), LEGACY_MAX)))
        first = (max(1, number(request.asked("page"), 1)) - 1) * size
        return Reply.json(rows[first : first + size])

    def state(self, order: Order) -> str:
        """§3: an IOC that found a part ends as `done`."""
        if order.status == "cancelled" and order.filled and order.force in {"ioc", "fok"}:
            return "done"
        return super().state(order)

    def row(self, order: Order) -> Fields:
        partly = order.status == "cancelled" and order.force in {"ioc", "fok"}
        row = {**super().row(order), "stp_type": "cancel_taker"}
        return {**row, "cancel_type": "tif_cancel"} if partly else row

    def row_v2(self, order: Order) -> Fields:
        row = self.row(order)
        names = {"uuid": "order_id", "ord_type": "order_type"}
        return {names.get(name, name): value for name, value in row.items()}

    # ---- coins -------------------------------------------------------------------------------

    def consent(self, asked: Fields) -> Reply | None:
        """§3: who receives it is a part of the request; the first time a person has to agree."""
        if asked.get("receiver_type") not in ("personal", "corporation"):
            return error(400, "invalid_parameter", "receiver_type")
        if not asked.get("receiver_ko_name") or not asked.get("receiver_en_name"):
            return error(400, "invalid_parameter", "receiver_ko_name, receiver_en_name")
        return None

    def turn_down(self, refusal: Rejected, *, bought: bool = True) -> Reply:
        if refusal.code != "operator":
            return super().turn_down(refusal, bought=bought)
        told = {"name": "travel_rule_consent_required", "message": "트래블룰 동의가 필요합니다."}
        url = f"https://consent.invalid/{self.market.now_ms()}"
        return Reply.json({"error": {**told, "consent_url": url}}, 422)

    def chance(self, asset: str, network: Network) -> Fields:
        told = super().chance(asset, network)
        rates = dict.fromkeys(("withdraw_rate", "withdraw_fee_min", "withdraw_fee_max"))
        return {**told, "currency": {**told["currency"], **rates}}

    # ---- user stream -------------------------------------------------------------------------

    def order_frame(self, order: Order, fill: Fill | None, state: str) -> dict[str, Any]:
        """§7: the new names, and those of the first version, which ccxt reads. No nulls."""
        reserved, remaining = self.fees(order)
        quantity, now = order.quantity, self.market.now_ms()
        left = None if quantity is None else quantity - order.filled
        old = {
            "uuid": order.id,
            "ask_bid": "BID" if order.bought else "ASK",
            "price": fill.price if fill else order.price,
            "volume": fill.quantity if fill else quantity,
            "executed_volume": order.filled,
            "remaining_volume": left,
            "executed_funds": order.value,
            "trades_count": len(order.fills),
        }
        told = {
            "type": "myOrder",
            "stream_type": "REALTIME",
            "code": order.listing.symbol,
            "order_id": order.id,
            "client_order_id": order.client_id,
            "side": "buy" if order.bought else "sell",
            "order_type": self.kind(order),
            "state": "done" if state == "cancel" and self.state(order) == "done" else state,
            "time_in_force": force_word(order),
            "order_price": order.price or 0,
            "order_quantity": quantity,
            "order_amount": order.funds,
            "order_timestamp": order.created_ms,
            "timestamp": now,
            "executed_quantity": order.filled,
            "remaining_quantity": left,
            "executed_amount": order.value,
            "paid_fee": order.fee,
            "remaining_fee": remaining,
            "reserved_fee": reserved,
            **old,
        }
        if fill:
            told |= {
                "trade_id": self.name("fill", fill.id),
                "trade_price": fill.price,
                "trade_quantity": fill.quantity,
                "trade_amount": fill.value,
                "trade_timestamp": fill.at_ms,
            }
        return {name: value for name, value in told.items() if value is not None}

    def asset_row(self, asset: str, purse: Purse) -> Fields:
        """§7: texts here."""
        return {"currency": asset, "balance": plain(purse.free), "locked": plain(purse.locked)}


def _ack(order: Order, kind: str) -> Fields:
    told = {
        "order_id": order.id,
        "market": order.listing.symbol,
        "side": "bid" if order.bought else "ask",
        "order_type": kind,
        "created_at": kst(order.created_ms),
        "stp_type": "cancel_taker",
    }
    return {**told, "client_order_id": order.client_id} if order.client_id else told


def _no_order() -> Reply:
    return error(400, "invalid_parameter", "batch_orders")


def _error_of(reply: Reply) -> Fields:
    told: Fields = json.loads(reply.body)["error"]
    return told
