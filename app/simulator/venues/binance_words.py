"""How Binance writes orders, trades, coins and refusals (binance.md §3, §6)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from app.simulator.protocol import Client, Listing, Network, Reply
from app.simulator.trading import ZERO, Deposit, Fill, Order, Rejected, Withdrawal
from app.simulator.venues.account import plain
from app.simulator.venues.wire import compact, number

CLIENT_ID = re.compile(r"[A-Za-z0-9_.:/-]{1,36}")
Fields = dict[str, str]
Rows = list[dict[str, Any]]
LIMIT_USUAL, LIMIT_MAX = 500, 1_000
DAY_MS = 86_400_000
REFUSALS = {
    "insufficient": (-2010, "Account has insufficient balance for requested action."),
    "duplicate": (-2010, "Duplicate order sent."),
    "halted": (-2010, "Market is closed."),
    "post_only": (-2010, "Order would immediately match and take."),
    "minimum": (-1013, "Filter failure: NOTIONAL"),
    "tick": (-1013, "Filter failure: PRICE_FILTER"),
    "lot": (-1013, "Filter failure: LOT_SIZE"),
    "price_band": (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    "closed": (-2011, "Unknown order sent."),
}
FUNDS_REFUSALS = {
    "insufficient": (-4026, "The user has insufficient balance available"),
    "address": (-4001, "Invalid operation: address"),
    "withdraw_minimum": (-4007, "The withdrawal amount must be greater than the minimum"),
    "suspended": (-4019, "The current currency is not open for withdrawal"),
    "decimals": (-4064, "The withdrawal amount has too many decimals"),
    "unknown_asset": (-4018, "There is no such coin"),
    "unknown_network": (-4035, "This network is not open for this coin"),
}


def say(client: Client, identity: Any, status_: int, **more: Any) -> None:
    client.send(compact({"id": identity, "status": status_, **more}))


def failed(status_: int, code: int, message: str) -> Reply:
    return Reply.json({"code": code, "msg": message}, status_)


def missing(name: str) -> Reply:
    text = f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    return failed(400, -1102, text)


def illegal(name: str) -> Reply:
    return failed(400, -1100, f"Illegal characters found in parameter '{name}'.")


def turned_down(refusal: Rejected) -> Reply:
    return failed(400, *REFUSALS[refusal.code])


def turned_away(refusal: Rejected) -> Reply:
    return failed(400, *FUNDS_REFUSALS[refusal.code])


def fixed(value: Decimal) -> str:
    """§6: eight decimals, more where the number has more."""
    text = plain(value)
    whole, _, rest = text.partition(".")
    return f"{whole}.{rest:0<8}"


def client_id(order: Order) -> str:
    return order.client_id or f"sim{order.number}"


def kind(order: Order) -> str:
    if order.kind != "limit":
        return "MARKET"
    return "LIMIT_MAKER" if order.force == "post" else "LIMIT"


def force(order: Order) -> str:
    return {"ioc": "IOC", "fok": "FOK"}.get(order.force, "GTC") if order.kind == "limit" else "GTC"


def status(order: Order) -> str:
    """What the venue ends by itself has expired."""
    match order.status:
        case "open":
            return "PARTIALLY_FILLED" if order.filled else "NEW"
        case "filled":
            return "FILLED"
    return "EXPIRED" if order.force in ("ioc", "fok") else "CANCELED"


def worth(listing: Listing, funds: Decimal) -> Decimal:
    """So much base brings about so much quote now."""
    return funds // Decimal(listing.bids.prices[0]) // listing.lot * listing.lot


def created(one: Order | Withdrawal | Deposit) -> int:
    return one.created_ms


def trade(fill: Fill) -> dict[str, Any]:
    return {
        "symbol": fill.order.listing.symbol,
        "id": fill.id,
        "orderId": fill.order.number,
        "orderListId": -1,
        "price": fixed(fill.price),
        "qty": fixed(fill.quantity),
        "quoteQty": fixed(fill.value),
        "commission": fixed(fill.fee),
        "commissionAsset": fill.fee_asset,
        "time": fill.at_ms,
        "isBuyer": fill.order.bought,
        "isMaker": fill.maker,
        "isBestMatch": True,
    }


def windowed(
    rows: list[Any], asked: Fields, cursor: str, key: Callable[[Any], int], at: Callable[[Any], int]
) -> list[Any] | Reply:
    """Oldest first: those from an id on, those of a day, or the newest."""
    most = min(LIMIT_MAX, max(1, number(asked.get("limit", ""), LIMIT_USUAL)))
    start, end = number(asked.get("startTime", ""), 0), number(asked.get("endTime", ""), 0)
    if start and end and not 0 <= end - start <= DAY_MS:
        return failed(400, -1127, "More than 24 hours between startTime and endTime.")
    if asked.get(cursor) and not (start or end):
        return [one for one in rows if key(one) >= number(asked[cursor], 0)][:most]
    if start or end:
        last = end or start + DAY_MS
        first = start or end - DAY_MS
        return [one for one in rows if first <= at(one) <= last][:most]
    return rows[-most:]


def between(rows: Sequence[Any], asked: Fields, at: Callable[[Any], int], now_ms: int) -> list[Any]:
    start = number(asked.get("startTime", ""), 0)
    days = 7 if asked.get("withdrawOrderId") else 90
    start = start or number(asked.get("endTime", ""), now_ms) - days * DAY_MS
    end = number(asked.get("endTime", ""), 1 << 62)
    return [one for one in rows if start <= at(one) <= end]


def cut(rows: Rows, asked: Fields) -> Rows:
    first = number(asked.get("offset", ""), 0)
    return rows[first : first + min(LIMIT_MAX, number(asked.get("limit", ""), LIMIT_MAX))]


def network_row(asset: str, network: Network, name: str, *, default: bool) -> dict[str, Any]:
    chain = network.chain
    tagged = chain.key in {"ripple", "stellar"}
    return {
        "network": name,
        "coin": asset,
        "name": f"{chain.title} ({chain.standard})" if chain.standard else chain.title,
        "isDefault": default,
        "depositEnable": network.deposit,
        "withdrawEnable": network.withdraw,
        "depositDesc": "" if network.deposit else "Wallet Maintenance, Deposit Suspended",
        "withdrawDesc": "" if network.withdraw else "Wallet Maintenance, Withdrawal Suspended",
        "withdrawFee": network.fee,
        "withdrawMin": network.minimum,
        "withdrawMax": "9999999",
        "withdrawIntegerMultiple": f"{Decimal(1).scaleb(-network.decimals):f}",
        "depositDust": "0",
        "minConfirm": chain.confirmations,
        "unLockConfirm": 0,
        "addressRegex": "^.+$",
        "memoRegex": "^[0-9]{1,10}$" if tagged else "",
        "sameAddress": tagged,
        "estimatedArrivalTime": 5,
        "busy": False,
        "resetAddressStatus": False,
        "contractAddressUrl": "https://explorer.invalid/",
        "contractAddress": network.contract or "",
    }


def report(order: Order, fill: Fill | None, at_ms: int) -> dict[str, Any]:
    """An `executionReport`; a cancel has its own id in `c` and the order's in `C`."""
    word = "TRADE" if fill else status(order)
    cancelled = word == "CANCELED"
    quantity = order.quantity if order.quantity is not None else order.filled
    return {
        "e": "executionReport",
        "E": at_ms,
        "s": order.listing.symbol,
        "c": f"cancel{order.number}" if cancelled else client_id(order),
        "S": "BUY" if order.bought else "SELL",
        "o": kind(order),
        "f": force(order),
        "q": fixed(quantity),
        "p": fixed(order.price or ZERO),
        "P": fixed(ZERO),
        "F": fixed(ZERO),
        "g": -1,
        "C": client_id(order) if cancelled else "",
        "x": word,
        "X": status(order),
        "r": "NONE",
        "i": order.number,
        "l": fixed(fill.quantity if fill else ZERO),
        "z": fixed(order.filled),
        "L": fixed(fill.price if fill else ZERO),
        "n": fixed(fill.fee if fill else ZERO),
        "N": fill.fee_asset if fill else None,
        "T": order.updated_ms,
        "t": fill.id if fill else -1,
        "I": order.number * 2,
        "w": order.status == "open",
        "m": bool(fill and fill.maker),
        "M": False,
        "O": order.created_ms,
        "Z": fixed(order.value),
        "Y": fixed(fill.value if fill else ZERO),
        "Q": fixed(order.funds or ZERO),
        "W": order.created_ms,
        "V": "EXPIRE_MAKER",
    }
