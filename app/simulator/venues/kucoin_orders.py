"""KuCoin's orders as it writes and reads them. kucoin.md §3, §7."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from app.simulator.protocol import Listing
from app.simulator.trading import Fill, NewOrder, Order
from app.simulator.venues.account import asked_size, exact, plain

CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
FORCES = {"GTC": "gtc", "GTT": "gtc", "IOC": "ioc", "FOK": "fok"}


def new_order(asked: dict[str, Any], listing: Listing) -> NewOrder | str:
    """What is wrong with it, as a text."""
    side, kind = asked.get("side"), asked.get("type", "limit")
    force = str(asked.get("timeInForce") or "GTC")
    client_id = str(asked.get("clientOid") or "")
    size, funds = exact(asked.get("size")), exact(asked.get("funds"))
    price = exact(asked.get("price"))
    if side not in ("buy", "sell") or kind not in ("limit", "market"):
        return "side or type is invalid"
    if force not in FORCES or (client_id and not CLIENT_ID.fullmatch(client_id)):
        return "timeInForce or clientOid is invalid"
    bought = side == "buy"
    if kind == "limit":
        if price is None or size is None:
            return "price and size are needed"
        how = "post" if asked.get("postOnly") is True else FORCES[force]
        return NewOrder(listing, client_id or None, bought, "limit", price, size, None, how)
    if (size is None) == (funds is None):
        return "size or funds, one of them"
    if size is not None:
        return NewOrder(listing, client_id or None, bought, "market", None, size, None, "ioc")
    if not bought:
        return "size is needed"
    return NewOrder(listing, client_id or None, bought, "spend", None, None, funds, "ioc")


def order_row(order: Order) -> dict[str, Any]:
    is_open, size = order.status == "open", order.quantity
    rest = (size if size is not None else order.filled) - order.filled
    rest_funds = order.funds - order.value if order.funds is not None else Decimal(0)
    return {
        "id": order.id,
        "clientOid": order.client_id or "",
        "symbol": order.listing.symbol,
        "opType": "DEAL",
        "type": "limit" if order.kind == "limit" else "market",
        "side": "buy" if order.bought else "sell",
        "price": plain(order.price) if order.price is not None else "0",
        "size": plain(size) if size is not None else "0",
        "funds": plain(order.funds) if order.funds is not None else "0",
        "dealSize": plain(order.filled),
        "dealFunds": plain(order.value),
        "remainSize": plain(rest) if is_open else "0",
        "remainFunds": "0",
        "cancelledSize": "0" if is_open else plain(rest),
        "cancelledFunds": "0" if is_open else plain(rest_funds),
        "fee": plain(order.fee),
        "feeCurrency": order.listing.quote,
        "stp": None,
        "timeInForce": {"ioc": "IOC", "fok": "FOK"}.get(order.force, "GTC"),
        "postOnly": order.force == "post",
        "hidden": False,
        "iceberg": False,
        "visibleSize": "0",
        "cancelAfter": 0,
        "channel": "API",
        "remark": None,
        "tags": None,
        "tradeType": "TRADE",
        "inOrderBook": is_open,
        "active": is_open,
        "cancelExist": order.status == "cancelled",
        "createdAt": order.created_ms,
        "lastUpdatedAt": order.updated_ms,
    }


def fill_row(fill: Fill) -> dict[str, Any]:
    order = fill.order
    return {
        "id": fill.id,
        "symbol": order.listing.symbol,
        "tradeId": fill.id,
        "orderId": order.id,
        "counterOrderId": f"{fill.id:024x}",
        "side": "buy" if order.bought else "sell",
        "liquidity": "maker" if fill.maker else "taker",
        "forceTaker": False,
        "price": plain(fill.price),
        "size": plain(fill.quantity),
        "funds": plain(fill.value),
        "fee": plain(fill.fee),
        "feeRate": "0.001",
        "feeCurrency": fill.fee_asset,
        "stop": "",
        "tradeType": "TRADE",
        "type": "limit" if order.kind == "limit" else "market",
        "createdAt": fill.at_ms,
    }


def order_event(order: Order, fill: Fill | None, kind: str) -> dict[str, Any]:
    """`filled` tells no trade: those are the `match` events."""
    status = {"received": "new", "open": "open", "match": "match"}.get(kind, "done")
    size = order.quantity if order.quantity is not None else order.filled
    rest, is_over = size - order.filled, status == "done"
    data: dict[str, Any] = {
        "clientOid": order.client_id or "",
        "orderId": order.id,
        "symbol": order.listing.symbol,
        "side": "buy" if order.bought else "sell",
        "orderType": "limit" if order.kind == "limit" else "market",
        "originSize": plain(size),
        "size": plain(size),
        "filledSize": plain(order.filled),
        "canceledSize": plain(rest) if kind == "canceled" else "0",
        "remainSize": "0" if is_over else plain(rest),
        "status": status,
        "type": kind,
        "orderTime": order.created_ms,
        "ts": (fill.at_ms if fill is not None else order.updated_ms) * 1_000_000,
    }
    if order.price is not None:
        data["price"] = plain(order.price)
    if order.funds is not None:
        data["originFunds"] = plain(asked_size(order))
    if kind == "match" and fill is not None:
        data |= {
            "matchPrice": plain(fill.price),
            "matchSize": plain(fill.quantity),
            "tradeId": str(fill.id),
            "liquidity": "maker" if fill.maker else "taker",
            "feeType": "makerFee" if fill.maker else "takerFee",
        }
    return data
