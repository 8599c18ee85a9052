"""Coinbase's orders as it writes and reads them. coinbase.md §3, §7."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from app.simulator.protocol import Listing
from app.simulator.trading import NewOrder, Order
from app.simulator.venues.account import average, exact, left, plain

NAMES = uuid.UUID("5b1dc0de-0000-4000-8000-00000000c01b")
STATUS = {"open": "OPEN", "filled": "FILLED", "cancelled": "CANCELLED"}
CONFIGURATIONS: dict[str, tuple[str, str, str]] = {
    "limit_limit_gtc": ("gtc", "GOOD_UNTIL_CANCELLED", "LIMIT"),
    "limit_limit_gtd": ("gtc", "GOOD_UNTIL_DATE_TIME", "LIMIT"),
    "limit_limit_fok": ("fok", "FILL_OR_KILL", "LIMIT"),
    "sor_limit_ioc": ("ioc", "IMMEDIATE_OR_CANCEL", "LIMIT"),
    "market_market_ioc": ("ioc", "IMMEDIATE_OR_CANCEL", "MARKET"),
}
"""Our force, the venue's words for it and for the kind."""
BY_FORCE = {"gtc": "limit_limit_gtc", "post": "limit_limit_gtc", "fok": "limit_limit_fok"}


def new_order(asked: dict[str, Any], listing: Listing) -> NewOrder | None:
    """None: it is none that this venue takes."""
    side, given = asked.get("side"), asked.get("order_configuration")
    if side not in ("BUY", "SELL") or not isinstance(given, dict) or len(given) != 1:
        return None
    [(name, body)] = given.items()
    if name not in CONFIGURATIONS or not isinstance(body, dict):
        return None
    client_id, bought = str(asked["client_order_id"]), side == "BUY"
    size, price = exact(body.get("base_size")), exact(body.get("limit_price"))
    funds, force = exact(body.get("quote_size")), CONFIGURATIONS[name][0]
    if name != "market_market_ioc":
        if size is None or price is None:
            return None
        how = "post" if body.get("post_only") is True else force
        return NewOrder(listing, client_id, bought, "limit", price, size, None, how)
    if size is not None and funds is None:
        return NewOrder(listing, client_id, bought, "market", None, size, None, force)
    if funds is not None and size is None and bought:
        return NewOrder(listing, client_id, True, "spend", None, None, funds, force)
    return None


def configuration_of(order: Order) -> dict[str, Any]:
    if order.kind == "spend":
        return {"market_market_ioc": {"quote_size": plain(order.funds or Decimal(0))}}
    size = plain(order.quantity or Decimal(0))
    if order.kind == "market" or order.price is None:
        return {"market_market_ioc": {"base_size": size}}
    body: dict[str, Any] = {"base_size": size, "limit_price": plain(order.price)}
    name = BY_FORCE.get(order.force, "sor_limit_ioc")
    if name == "limit_limit_gtc":
        body["post_only"] = order.force == "post"
    return {name: body}


def side_of(order: Order) -> str:
    return "BUY" if order.bought else "SELL"


def totals(order: Order) -> dict[str, str]:
    """Fees are in quote: on top of a buy, off a sale."""
    total = order.value + order.fee if order.bought else order.value - order.fee
    size = order.funds if order.kind == "spend" else order.quantity
    assert size is not None, order
    share = (size - left(order)) / size * 100
    return {
        "completion_percentage": plain(round(share, 2)),
        "filled_value": plain(order.value),
        "number_of_fills": str(len(order.fills)),
        "total_fees": plain(order.fee),
        "total_value_after_fees": plain(total),
        "outstanding_hold_amount": plain(order.locked),
    }


def order_row(order: Order) -> dict[str, Any]:
    [name] = configuration_of(order)
    _, force, kind = CONFIGURATIONS[name]
    return {
        "order_id": order.id,
        "product_id": order.listing.symbol,
        "user_id": "sim",
        "order_configuration": configuration_of(order),
        "side": side_of(order),
        "client_order_id": order.client_id or "",
        "status": STATUS[order.status],
        "time_in_force": force,
        "created_time": stamp(order.created_ms),
        "filled_size": plain(order.filled),
        "average_filled_price": plain(average(order)),
        "fee": "",
        "pending_cancel": False,
        "size_in_quote": order.kind == "spend",
        "size_inclusive_of_fees": False,
        "trigger_status": "INVALID_ORDER_TYPE",
        "order_type": kind,
        "reject_reason": "REJECT_REASON_UNSPECIFIED",
        "settled": order.status != "open",
        "product_type": "SPOT",
        "reject_message": "",
        "cancel_message": "User requested cancel" if order.status == "cancelled" else "",
        "last_fill_time": stamp(order.fills[-1].at_ms) if order.fills else None,
        **totals(order),
    }


def user_row(order: Order) -> dict[str, Any]:
    [name] = configuration_of(order)
    _, force, kind = CONFIGURATIONS[name]
    is_open = order.status == "open"
    return {
        "avg_price": plain(average(order)),
        "cancel_reason": "User requested cancel" if order.status == "cancelled" else "",
        "client_order_id": order.client_id or "",
        "cumulative_quantity": plain(order.filled),
        "end_time": "0001-01-01T00:00:00Z",
        "leaves_quantity": plain(left(order)) if is_open else "0",
        "limit_price": plain(order.price) if order.price is not None else "0",
        "order_id": order.id,
        "order_side": side_of(order),
        "order_type": kind.capitalize(),
        "post_only": "true" if order.force == "post" else "false",
        "product_id": order.listing.symbol,
        "product_type": "SPOT",
        "reject_reason": "",
        "status": STATUS[order.status],
        "stop_price": "",
        "time_in_force": force,
        "creation_time": stamp(order.created_ms),
        **totals(order),
    }


def stamp(at_ms: int) -> str:
    """RFC 3339 with microseconds."""
    return (
        f"{datetime.fromtimestamp(at_ms // 1_000, UTC):%Y-%m-%dT%H:%M:%S}.{at_ms % 1_000:03d}000Z"
    )
