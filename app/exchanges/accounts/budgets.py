"""Budgets: what an account may ask of each venue. Section 5 of each document.

The public side is counted by address, this one by account: neither uses up the other. Paths that
hold a number of an order are counted as one.
"""

from __future__ import annotations

from collections.abc import Callable

from app.domain.times import MINUTE_NS, MS_NS, SECOND_NS
from app.domain.venues import Venue
from app.exchanges.contract import Request
from app.exchanges.limits import Count, Left, Limiter, Reply, Rules, TokenBucket, Weight

BINANCE_BUDGET, SAPI_BUDGET, FUTURES_BUDGET = 6_000, 12_000, 2_400
BINANCE_WEIGHTS = {
    "GET /api/v3/order": 4,
    "GET /api/v3/openOrders": 6,
    "GET /api/v3/allOrders": 20,
    "GET /api/v3/myTrades": 20,
    "GET /api/v3/account": 20,
    "GET /api/v3/account/commission": 20,
    "GET /fapi/v1/allOrders": 5,
    "GET /fapi/v1/userTrades": 5,
    "GET /fapi/v1/commissionRate": 20,
}
BINANCE_USED = {
    "sapi": ("x-sapi-used-ip-weight-1m", SAPI_BUDGET),
    "api": ("x-mbx-used-weight-1m", BINANCE_BUDGET),
    "fapi": ("x-mbx-used-weight-1m", FUTURES_BUDGET),
}
KUCOIN_WEIGHTS = {
    "POST /api/v1/hf/orders": 1,
    "POST /api/v1/bullet-private": 10,
    "GET /api/v1/withdrawals": 20,
    "GET /api/v1/deposits": 5,
}
KUCOIN_TRADING = "/api/v1/hf/"


def _is_order(request: Request) -> bool:
    """Creates one: the path ends with it, whatever the venue."""
    last = request.path.rpartition("/")[2]
    return request.method == "POST" and last in {"orders", "order"}


def _upbit_charges(request: Request) -> dict[str, int]:
    return {"order" if _is_order(request) else "default": 1}


def _upbit_left(reply: Reply) -> list[Left]:
    """`Remaining-Req: group=order; min=1800; sec=7`."""
    parts = reply.headers.get("remaining-req", "").split(";")
    told = dict(part.strip().split("=", 1) for part in parts if "=" in part)
    second, group = told.get("sec", ""), told.get("group", "")
    if not second.isdigit() or group not in {"order", "default"}:
        return []
    reset_ns = (reply.at_ns // SECOND_NS + 1) * SECOND_NS
    return [Left(group, int(second), None, reset_ns)]


def _binance_group(request: Request) -> str:
    return request.path.split("/", 2)[1]


def _binance_charges(request: Request) -> dict[str, int]:
    group = _binance_group(request)
    if _is_order(request):
        return {group: 1, "orders": 1}
    return {group: BINANCE_WEIGHTS.get(f"{request.method} {request.path}", 1)}


def _binance_left(reply: Reply) -> list[Left]:
    """The weight is the address's: what the public side has asked is in it too."""
    group = _binance_group(reply.request)
    name, budget = BINANCE_USED[group]
    used = reply.whole(name)
    return [] if used is None else [Left(group, budget - used)]


def _by_path(*, beside: str | None = None) -> Callable[[Request], dict[str, int]]:
    def charges(request: Request) -> dict[str, int]:
        own = {f"{request.method} {request.path}": 1}
        return own if beside is None else own | {beside: 1}

    return charges


def _okx_charges(request: Request) -> dict[str, int]:
    """Orders, cancels and their questions 60 in 2 s each; money by far less."""
    group = "trade" if request.path.startswith("/api/v5/trade/") else "money"
    return {f"{request.method} {request.path}": 1} if group == "trade" else {group: 1}


def _bybit_charges(request: Request) -> dict[str, int]:
    group = "withdraw" if request.path.endswith("/withdraw/create") else request.path
    return {group: 1, "address": 1}


def _bybit_left(reply: Reply) -> list[Left]:
    remaining = reply.whole("x-bapi-limit-status")
    if remaining is None:
        return []
    reset_ms = reply.whole("x-bapi-limit-reset-timestamp")
    reset_ns = None if reset_ms is None else reset_ms * MS_NS
    return [Left(reply.request.path, remaining, reply.whole("x-bapi-limit"), reset_ns)]


def _kucoin_group(request: Request) -> str:
    return "spot" if request.path.startswith(KUCOIN_TRADING) else "management"


def _kucoin_charges(request: Request) -> dict[str, int]:
    usual = 2 if request.path.startswith(KUCOIN_TRADING) else 5
    return {_kucoin_group(request): KUCOIN_WEIGHTS.get(f"{request.method} {request.path}", usual)}


def _kucoin_left(reply: Reply) -> list[Left]:
    """`reset` is how long it still takes, in ms."""
    remaining = reply.whole("gw-ratelimit-remaining")
    if remaining is None:
        return []
    after_ms = reply.whole("gw-ratelimit-reset")
    reset_ns = None if after_ms is None else reply.at_ns + after_ms * MS_NS
    of = reply.whole("gw-ratelimit-limit")
    return [Left(_kucoin_group(reply.request), remaining, of, reset_ns)]


def _gate_group(request: Request) -> str:
    """Orders are counted by market, of which kimp trades few: all of them as one."""
    if request.path.startswith("/api/v4/spot/orders"):
        return {"POST": "place", "DELETE": "cancel"}.get(request.method, "orders")
    return "withdraw" if request.path == "/api/v4/withdrawals" else request.path


def _gate_left(reply: Reply) -> list[Left]:
    remaining = reply.whole("x-gate-ratelimit-requests-remain")
    if remaining is None:
        return []
    reset_s = reply.whole("x-gate-ratelimit-reset-timestamp")
    reset_ns = None if reset_s is None else reset_s * SECOND_NS
    of = reply.whole("x-gate-ratelimit-limit")
    return [Left(_gate_group(reply.request), remaining, of, reset_ns)]


def _coinbase_left(reply: Reply) -> list[Left]:
    remaining = reply.whole("x-ratelimit-remaining")
    return [] if remaining is None else [Left("private", remaining)]


def _silent(_: Reply) -> list[Left]:
    """A venue whose headers tell nothing."""
    return []


def _count(count: int, window_ns: int = SECOND_NS) -> Callable[[], Limiter]:
    return lambda: Count(count, window_ns)


PRIVATE: dict[Venue, Rules] = {
    Venue.UPBIT: Rules({"order": _count(8), "default": _count(30)}, _upbit_charges, _upbit_left),
    # 140/s by category, lowered without notice; more than 10 orders/s have been held back.
    Venue.BITHUMB: Rules({"order": _count(10), "default": _count(70)}, _upbit_charges, _silent),
    Venue.BINANCE: Rules(
        {
            "api": lambda: Weight(BINANCE_BUDGET, MINUTE_NS),
            "sapi": lambda: Weight(SAPI_BUDGET, MINUTE_NS),
            "fapi": lambda: Weight(FUTURES_BUDGET, MINUTE_NS),
            "orders": _count(100, 10 * SECOND_NS),
        },
        _binance_charges,
        _binance_left,
    ),
    Venue.OKX: Rules({"money": _count(6)}, _okx_charges, _silent, _count(60, 2 * SECOND_NS)),
    Venue.BYBIT: Rules(
        {"address": _count(600, 5 * SECOND_NS), "withdraw": _count(5)},
        _bybit_charges,
        _bybit_left,
        _count(20),
    ),
    Venue.KUCOIN: Rules(
        {
            "spot": lambda: Weight(4_000, 30 * SECOND_NS),
            "management": lambda: Weight(2_000, 30 * SECOND_NS),
        },
        _kucoin_charges,
        _kucoin_left,
    ),
    Venue.GATE: Rules(
        {
            "place": _count(10),
            "cancel": _count(200),
            "withdraw": _count(1, 3 * SECOND_NS),
        },
        lambda request: {_gate_group(request): 1},
        _gate_left,
        _count(200, 10 * SECOND_NS),
    ),
    Venue.BITGET: Rules(
        {"address": _count(6_000, MINUTE_NS)},
        _by_path(beside="address"),
        _silent,
        _count(10),
    ),
    Venue.COINBASE: Rules(
        {"private": lambda: TokenBucket(30.0, 30.0)}, lambda _: {"private": 1}, _coinbase_left
    ),
}
