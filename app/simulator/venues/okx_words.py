"""How OKX writes orders, money and refusals (okx.md §3, §5, §6)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from decimal import Decimal
from typing import Any

from app.simulator.protocol import Network, Reply, Request, Wallet
from app.simulator.trading import Order, Purse
from app.simulator.venues.account import plain
from app.simulator.venues.wire import number

Fields = dict[str, Any]
LIMITS = {
    ("POST", "/api/v5/trade/order"): 60,
    ("POST", "/api/v5/trade/cancel-order"): 60,
    ("GET", "/api/v5/trade/order"): 60,
    ("GET", "/api/v5/trade/orders-pending"): 60,
    ("GET", "/api/v5/trade/fills"): 60,
    ("POST", "/api/v5/trade/batch-orders"): 300,
    ("POST", "/api/v5/trade/cancel-batch-orders"): 300,
    ("GET", "/api/v5/trade/orders-history"): 40,
    ("GET", "/api/v5/account/balance"): 10,
    ("POST", "/api/v5/asset/withdrawal"): 12,
    ("GET", "/api/v5/asset/withdrawal-history"): 12,
    ("GET", "/api/v5/asset/deposit-history"): 12,
    ("GET", "/api/v5/asset/deposit-address"): 12,
    ("GET", "/api/v5/asset/currencies"): 12,
}
"""Requests in two seconds; others 20."""
REFUSALS = {
    "insufficient": ("51008", "Order failed. Insufficient balance in account"),
    "duplicate": ("51016", "Client order ID already exists."),
    "minimum": ("51020", "Your order should meet or exceed the minimum order amount."),
    "tick": ("51000", "Parameter px error"),
    "lot": ("51121", "Order quantity must be a multiple of the lot size."),
    "price_band": ("51006", "Order price is not within the price limit"),
    "halted": ("51022", "Instrument suspended."),
    "post_only": ("51000", "Parameter px error"),
    "closed": ("51402", "Cancellation failed as the order has been completed."),
}
FUNDS_REFUSALS = {
    "insufficient": ("58350", "Insufficient balance."),
    "operator": ("58207", "Withdrawal address isn't on the verified address list."),
    "address": ("58207", "Withdrawal address isn't on the verified address list."),
    "suspended": ("58213", "Withdrawal of this currency is suspended."),
    "withdraw_minimum": ("58215", "The amount is below the minimum withdrawal amount."),
    "decimals": ("58216", "The amount has too many decimals."),
    "unknown_asset": ("51000", "Parameter ccy error"),
    "unknown_network": ("51000", "Parameter chain error"),
}
STATES = {"filled": "filled", "cancelled": "canceled"}
WITHDRAWAL_STATES = {
    "accepted": "0",
    "held": "4",
    "sent": "1",
    "done": "2",
    "rejected": "-2",
    "returned": "-1",
}
DEPOSIT_STATES = {"seen": "0", "held": "8", "credited": "2", "returned": "12"}
PERMISSIONS = "read_only,withdraw,trade"


def signature(secret: str, text: bytes) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), text, hashlib.sha256)).decode()


def done(rows: list[Any]) -> Reply:
    return Reply.json({"code": "0", "msg": "", "data": rows})


def refused(code: str, message: str, status: int = 200) -> Reply:
    return Reply.json({"code": code, "msg": message, "data": []}, status)


def body_of(request: Request) -> Any:
    """An object or an array; an empty object where it is neither."""
    try:
        return json.loads(request.body or b"{}", parse_float=Decimal)
    except ValueError:
        return {}


def times(request: Request) -> tuple[int, int]:
    return number(request.asked("begin"), 0), number(request.asked("end"), 1 << 62)


def state(order: Order) -> str:
    if order.status == "open":
        return "partially_filled" if order.filled else "live"
    return STATES[order.status]


def kind(order: Order) -> str:
    if order.kind != "limit":
        return "market"
    return {"gtc": "limit", "post": "post_only"}.get(order.force, order.force)


def negative(fee: Decimal) -> str:
    """§6: what is charged is below zero."""
    return f"-{plain(fee)}" if fee else "0"


def detail(asset: str, purse: Purse, now: str) -> Fields:
    whole = plain(purse.free + purse.locked)
    return {
        "ccy": asset,
        "availBal": plain(purse.free),
        "availEq": plain(purse.free),
        "cashBal": whole,
        "eq": whole,
        "frozenBal": plain(purse.locked),
        "ordFrozen": plain(purse.locked),
        "uTime": now,
    }


def currency(wallet: Wallet, network: Network, name: str) -> Fields:
    return {
        "ccy": wallet.asset,
        "chain": name,
        "name": wallet.title,
        "canDep": network.deposit,
        "canWd": network.withdraw,
        "canInternal": True,
        "minDep": network.minimum,
        "minWd": network.minimum,
        "maxWd": "1000000",
        "minFee": network.fee,
        "maxFee": network.fee,
        "minFeeForCtAddr": network.fee,
        "fee": network.fee,
        "burningFeeRate": "",
        "needTag": network.chain.key == "ripple",
        "mainNet": network.contract is None,
        "wdTickSz": str(network.decimals),
        "minDepArrivalConfirm": str(network.chain.confirmations),
        "minWdUnlockConfirm": str(network.chain.confirmations),
        "depQuotaFixed": "",
        "wdQuota": "10000000",
        "usedWdQuota": "0",
        "ctAddr": network.contract or "",
        "depEstOpenTime": "",
        "wdEstOpenTime": "",
    }
