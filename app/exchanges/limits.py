"""Limits: what each venue lets us ask, counted as it counts and corrected by what it says.

State machines with `at`: ask `wait_ns`, then `spend`, then tell `answered`. Sections [n] are of the
venue's own document; 5 where none is named.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from app.domain.times import MINUTE_NS, MS_NS, SECOND_NS
from app.domain.venues import Venue
from app.exchanges.contract import Request

RESERVE = 0.3
"""Of every budget: kept for reads that mend a book."""
REST_NS = 30 * SECOND_NS
REST_NS_MAX = 15 * MINUTE_NS


class Limiter(Protocol):
    """reserve: the share 0..1 that must stay unspent. used: the share 0..1 that is spent."""

    def wait_ns(self, at_ns: int, cost: int, reserve: float) -> int: ...

    def spend(self, at_ns: int, cost: int) -> None: ...

    def used(self, at_ns: int) -> float: ...

    def told(self, at_ns: int, remaining: int, of: int | None, reset_ns: int | None) -> None:
        """The venue says how much is left, of how much, and when there is all of it again."""
        ...


class Weight:
    """A budget for each fixed window of time, such as a minute of the clock."""

    def __init__(self, budget: int, window_ns: int) -> None:
        self.budget = budget
        self._window_ns = window_ns
        self._spent = 0
        self._ends_ns = 0

    def wait_ns(self, at_ns: int, cost: int, reserve: float) -> int:
        self._turn(at_ns)
        is_free = self._spent == 0  # a call dearer than the budget is asked once
        if is_free or self._spent + cost <= self.budget * (1 - reserve):
            return 0
        return self._ends_ns - at_ns

    def spend(self, at_ns: int, cost: int) -> None:
        self._turn(at_ns)
        self._spent += cost

    def used(self, at_ns: int) -> float:
        self._turn(at_ns)
        return min(self._spent / self.budget, 1.0)

    def told(self, at_ns: int, remaining: int, of: int | None, reset_ns: int | None) -> None:
        """Others may share our address: what the venue counts is more than what we asked."""
        self._turn(at_ns)
        if of is not None and of > 0:
            self.budget = of
        self._spent = max(self.budget - remaining, 0)
        if reset_ns is not None and reset_ns > at_ns:
            self._ends_ns = reset_ns

    def _turn(self, at_ns: int) -> None:
        if at_ns >= self._ends_ns:
            self._ends_ns = (at_ns // self._window_ns + 1) * self._window_ns
            self._spent = 0


class Count:
    """So many calls within any stretch of time as long as the window."""

    def __init__(self, count: int, window_ns: int) -> None:
        self.count = count
        self._window_ns = window_ns
        self._at_ns: deque[int] = deque()
        self._shut_until_ns = 0

    def wait_ns(self, at_ns: int, cost: int, reserve: float) -> int:
        self._forget(at_ns)
        if at_ns < self._shut_until_ns:
            return self._shut_until_ns - at_ns
        allowed = max(int(self.count * (1 - reserve)), 1)
        over = len(self._at_ns) + min(cost, allowed) - allowed
        return 0 if over <= 0 else self._at_ns[over - 1] + self._window_ns - at_ns

    def spend(self, at_ns: int, cost: int) -> None:
        self._forget(at_ns)
        self._at_ns.extend([at_ns] * min(cost, self.count))

    def used(self, at_ns: int) -> float:
        self._forget(at_ns)
        return 1.0 if at_ns < self._shut_until_ns else min(len(self._at_ns) / self.count, 1.0)

    def told(self, at_ns: int, remaining: int, of: int | None, reset_ns: int | None) -> None:
        if of is not None and of > 0:
            self.count = of
        if remaining <= 0:
            self._shut_until_ns = max(reset_ns or 0, at_ns + self._window_ns)

    def _forget(self, at_ns: int) -> None:
        while self._at_ns and self._at_ns[0] <= at_ns - self._window_ns:
            self._at_ns.popleft()


class TokenBucket:
    """Tokens come at a steady rate up to `burst`; a call takes as many as it costs."""

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._tokens = burst
        self._at_ns = 0

    def wait_ns(self, at_ns: int, cost: int, reserve: float) -> int:
        self._fill(at_ns)
        missing = min(cost + self._burst * reserve, self._burst) - self._tokens
        return 0 if missing <= 1e-9 else max(round(missing / self._per_s * SECOND_NS), 1)

    def spend(self, at_ns: int, cost: int) -> None:
        self._fill(at_ns)
        self._tokens -= cost

    def used(self, at_ns: int) -> float:
        self._fill(at_ns)
        return min(max(1 - self._tokens / self._burst, 0.0), 1.0)

    def told(self, at_ns: int, remaining: int, of: int | None, reset_ns: int | None) -> None:
        self._fill(at_ns)
        self._tokens = min(self._tokens, float(remaining))

    def _fill(self, at_ns: int) -> None:
        passed_ns = max(at_ns - self._at_ns, 0)
        self._tokens = min(self._burst, self._tokens + passed_ns / SECOND_NS * self._per_s)
        self._at_ns = max(at_ns, self._at_ns)


class Left(NamedTuple):
    """What a reply's headers say of one limit."""

    limit: str
    remaining: int
    of: int | None = None
    reset_ns: int | None = None


class Reply(NamedTuple):
    """headers: names in small letters."""

    request: Request
    headers: Mapping[str, str]
    at_ns: int

    def whole(self, name: str) -> int | None:
        """A header that is a whole number."""
        text = self.headers.get(name, "")
        return int(text) if text.isascii() and text.isdigit() else None


class Rules(NamedTuple):
    """limits: made anew for each address. charges: what a request costs of which limits.

    read: what a reply's headers say; for `each`, limits of one path are made as paths are asked.
    """

    limits: dict[str, Callable[[], Limiter]]
    charges: Callable[[Request], dict[str, int]]
    read: Callable[[Reply], list[Left]]
    each: Callable[[], Limiter] | None = None


class Budget:
    """The requests of one venue from one address."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._limits = {name: make() for name, make in rules.limits.items()}
        self._refusals = 0
        self.resting_until_ns: int | None = None
        """The venue refused to answer for so long."""

    def wait_ns(self, request: Request, at_ns: int, *, urgent: bool = False) -> int:
        """0: ask now. urgent: may spend what is reserved for mending."""
        if self.resting_until_ns is not None:
            if at_ns < self.resting_until_ns:
                return self.resting_until_ns - at_ns
            self.resting_until_ns = None
        reserve = 0.0 if urgent else RESERVE
        waits = [limit.wait_ns(at_ns, cost, reserve) for limit, cost in self._charged(request)]
        return max(waits, default=0)

    def spend(self, request: Request, at_ns: int) -> None:
        for limit, cost in self._charged(request):
            limit.spend(at_ns, cost)

    def answered(self, reply: Reply, status: int) -> None:
        """Too many requests: nothing is asked until it may be."""
        at_ns = reply.at_ns
        lefts = [left for left in self._rules.read(reply) if left.limit in self._limits]
        for left in lefts:
            self._limits[left.limit].told(at_ns, left.remaining, left.of, left.reset_ns)
        if status not in {418, 429}:
            self._refusals = 0
            return
        self._refusals += 1
        after_s = reply.whole("retry-after")
        resets = [left.reset_ns for left in lefts if left.reset_ns and left.remaining <= 0]
        if after_s is not None:
            rest_ns = after_s * SECOND_NS
        elif resets:
            rest_ns = max(resets) - at_ns
        else:  # grows with every refusal, as the venues' own blocks do
            rest_ns = min(REST_NS * 2 ** min(self._refusals - 1, 10), REST_NS_MAX)
        until_ns = at_ns + max(rest_ns, SECOND_NS)
        self.resting_until_ns = max(until_ns, self.resting_until_ns or 0)

    def used(self, at_ns: int) -> float:
        """Share 0..1 of the limit that is nearest to its end."""
        if self.resting_until_ns is not None and at_ns < self.resting_until_ns:
            return 1.0
        return max((limit.used(at_ns) for limit in self._limits.values()), default=0.0)

    def _charged(self, request: Request) -> list[tuple[Limiter, int]]:
        charged: list[tuple[Limiter, int]] = []
        for name, cost in self._rules.charges(request).items():
            if name not in self._limits and self._rules.each is not None:
                self._limits[name] = self._rules.each()
            charged.append((self._limits[name], cost))
        return charged


def _upbit_charges(request: Request) -> dict[str, int]:
    return {_upbit_group(request): 1}


def _upbit_group(request: Request) -> str:
    if request.signed:
        return "default"
    for word in ("orderbook", "candles", "market", "trades"):
        if f"/{word}" in request.path:
            return word
    return "default"


def _upbit_left(reply: Reply) -> list[Left]:
    """`Remaining-Req: group=default; min=1800; sec=29`; `min` is no longer kept [5]."""
    parts = reply.headers.get("remaining-req", "").split(";")
    fields = dict(part.strip().split("=", 1) for part in parts if "=" in part)
    second = fields.get("sec", "")
    if not second.isdigit():
        return []
    reset_ns = (reply.at_ns // SECOND_NS + 1) * SECOND_NS
    return [Left(_upbit_group(reply.request), int(second), None, reset_ns)]


BINANCE_BUDGET, SAPI_BUDGET, FUTURES_BUDGET = 6_000, 12_000, 2_400
BINANCE_WEIGHTS = {
    "/api/v3/exchangeInfo": 20,
    "/api/v3/depth": 50,
    "/api/v3/klines": 2,
    "/sapi/v1/capital/config/getall": 10,
    "/fapi/v1/premiumIndex": 10,
}
BINANCE_GROUPS = {
    "/sapi/": ("sapi", "x-sapi-used-ip-weight-1m", SAPI_BUDGET),
    "/fapi/": ("fapi", "x-mbx-used-weight-1m", FUTURES_BUDGET),
}
"""What begins with these has a budget of its own, and a header that tells of it."""


def _binance_group(request: Request) -> tuple[str, str, int]:
    spot = "api", "x-mbx-used-weight-1m", BINANCE_BUDGET
    return BINANCE_GROUPS.get(request.path[:6], spot)


def _binance_charges(request: Request) -> dict[str, int]:
    return {_binance_group(request)[0]: BINANCE_WEIGHTS.get(request.path, 1)}


def _binance_left(reply: Reply) -> list[Left]:
    group, name, budget = _binance_group(reply.request)
    used = reply.whole(name)
    return [] if used is None else [Left(group, budget - used)]


def _by_path(cost: int = 1, *, beside: str | None = None) -> Callable[[Request], dict[str, int]]:
    def charges(request: Request) -> dict[str, int]:
        own = {str(request.path): cost}
        return own if beside is None else own | {beside: 1}

    return charges


def _bybit_left(reply: Reply) -> list[Left]:
    remaining = reply.whole("x-bapi-limit-status")
    if remaining is None:
        return []
    reset_ns = _scaled(reply.whole("x-bapi-limit-reset-timestamp"), MS_NS)
    of = reply.whole("x-bapi-limit")
    return [Left(str(reply.request.path), remaining, of, reset_ns)]


KUCOIN_WEIGHTS = {
    "/api/v1/bullet-public": 10,
    "/api/v2/symbols": 4,
    "/api/v3/currencies": 3,
    "/api/v1/market/candles": 3,
    "/api/v1/timestamp": 3,
    "/api/v1/market/orderbook/level2_100": 2,
}


def _kucoin_left(reply: Reply) -> list[Left]:
    """`reset` is how long it still takes, in ms."""
    remaining = reply.whole("gw-ratelimit-remaining")
    if remaining is None:
        return []
    after_ns = _scaled(reply.whole("gw-ratelimit-reset"), MS_NS)
    reset_ns = None if after_ns is None else reply.at_ns + after_ns
    return [Left("pool", remaining, reply.whole("gw-ratelimit-limit"), reset_ns)]


def _gate_left(reply: Reply) -> list[Left]:
    remaining = reply.whole("x-gate-ratelimit-requests-remain")
    if remaining is None:
        return []
    reset_ns = _scaled(reply.whole("x-gate-ratelimit-reset-timestamp"), SECOND_NS)
    of = reply.whole("x-gate-ratelimit-limit")
    return [Left(str(reply.request.path), remaining, of, reset_ns)]


def _coinbase_left(reply: Reply) -> list[Left]:
    remaining = reply.whole("x-ratelimit-remaining")
    return [] if remaining is None else [Left("public", remaining)]


def _silent(_: Reply) -> list[Left]:
    """A venue whose headers tell nothing."""
    return []


def _scaled(number: int | None, unit_ns: int) -> int | None:
    return None if number is None else number * unit_ns


RULES: dict[Venue, Rules] = {
    Venue.UPBIT: Rules(
        {
            **{
                group: lambda: Count(10, SECOND_NS)
                for group in ("market", "orderbook", "candles", "trades")
            },
            "default": lambda: Count(30, SECOND_NS),
        },
        _upbit_charges,
        _upbit_left,
    ),
    # 150/s and 140/s by category, lowered without notice: half of it.
    Venue.BITHUMB: Rules(
        {"public": lambda: Count(75, SECOND_NS), "private": lambda: Count(70, SECOND_NS)},
        lambda request: {"private" if request.signed else "public": 1},
        _silent,
    ),
    Venue.BINANCE: Rules(
        {
            "api": lambda: Weight(BINANCE_BUDGET, MINUTE_NS),
            "sapi": lambda: Weight(SAPI_BUDGET, MINUTE_NS),
            "fapi": lambda: Weight(FUTURES_BUDGET, MINUTE_NS),
        },
        _binance_charges,
        _binance_left,
    ),
    # Books and candles 40, lists 20, time 10 in 2 s, currencies 12: the least of them for all.
    Venue.OKX: Rules({}, _by_path(), _silent, lambda: Count(10, 2 * SECOND_NS)),
    Venue.BYBIT: Rules(
        {"address": lambda: Count(600, 5 * SECOND_NS)},
        _by_path(beside="address"),
        _bybit_left,
        lambda: Count(50, SECOND_NS),
    ),
    Venue.KUCOIN: Rules(
        {"pool": lambda: Weight(2_000, 30 * SECOND_NS)},
        lambda request: {"pool": KUCOIN_WEIGHTS.get(request.path, 5)},
        _kucoin_left,
    ),
    Venue.GATE: Rules({}, _by_path(), _gate_left, lambda: Count(200, 10 * SECOND_NS)),
    Venue.BITGET: Rules(
        {"address": lambda: Count(6_000, MINUTE_NS)},
        _by_path(beside="address"),
        _silent,
        lambda: Count(10, SECOND_NS),
    ),
    Venue.COINBASE: Rules(
        {"public": lambda: TokenBucket(10.0, 10.0)}, lambda _: {"public": 1}, _coinbase_left
    ),
}

# What one public connection may send; pings count [1 of each document], and they arrive closer
# together than they left: four fifths of what is allowed. Where nothing is said, ten a second are
# more than we need.
FRAMES: dict[Venue, tuple[tuple[int, int], ...]] = {
    Venue.UPBIT: ((4, SECOND_NS), (80, MINUTE_NS)),
    Venue.BITHUMB: ((4, SECOND_NS),),
    Venue.BINANCE: ((4, SECOND_NS),),
    Venue.OKX: ((4, SECOND_NS), (384, 60 * MINUTE_NS)),
    Venue.BYBIT: ((10, SECOND_NS),),
    Venue.KUCOIN: ((80, 10 * SECOND_NS),),
    Venue.GATE: ((25, SECOND_NS),),  # one frame for each book [1]
    Venue.BITGET: ((8, SECOND_NS), (192, 60 * MINUTE_NS)),
    Venue.COINBASE: ((6, SECOND_NS),),
}


def frame_limits(venue: Venue) -> tuple[Limiter, ...]:
    """For the frames of one connection."""
    return tuple(Count(count, window_ns) for count, window_ns in FRAMES[venue])
