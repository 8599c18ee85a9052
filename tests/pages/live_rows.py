"""A market for tests of pages and doors: builders of every live row, and a market of such rows.

Figures are consistent: (1 + kimchi) = (1 + usdlike)(1 + usdt), the waterfall sums to the net.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from app.archive.archive import Usage
from app.archive.client import Unavailable
from app.archive.queries import History, Quantiles
from app.domain.facts import BookBroke, BookRestored, Fact, OpportunityOpened, PairQuarantined
from app.domain.live import (
    BookRow,
    ChannelState,
    Explanation,
    Gate,
    IdentityRow,
    LevelUsed,
    MarketRow,
    NearMiss,
    NetworkRow,
    Opportunity,
    PremiumRow,
    PriceRow,
    RateRow,
    RateSource,
    RefusalCount,
    SizedNet,
    Status,
    Step,
    VenueRow,
    WouldPass,
)
from app.domain.markets import Instrument
from app.domain.policy import Fee, IdentityDecision, Policy
from app.domain.problems import Problem
from app.domain.venues import KOREAN, Venue
from app.runtime.feeds.outages import Outage
from app.runtime.latency import Latency

MOMENT_NS = 1_795_065_787_412_000_000
"""2026-11-19 14:23:07.412 KST"""
OFFICIAL, TETHER, COIN = 1_387.20, 1_402.50, 1_401.50
DOLLAR_VENUES = tuple(venue for venue in Venue if venue not in KOREAN)
# base: (dollars, usdlike bps, cost bps of the closed loop, network, Korean name)
COINS: dict[str, tuple[float, float, float, str, str]] = {
    "SUI": (2.6514, 108.7, 27.4, "SUI", "수이"),
    "DOGE": (0.19852, 92.5, 27.1, "DOGE", "도지코인"),
    "HBAR": (0.1894, 89.1, 27.6, "HBAR", "헤데라"),
    "XLM": (0.3127, 78.4, 26.7, "XLM", "스텔라루멘"),
    "XRP": (2.4186, 64.6, 25.5, "XRP", "리플"),
    "SOL": (178.34, 63.1, 25.5, "SOL", "솔라나"),
    "ADA": (0.6412, 52.5, 27.2, "ADA", "에이다"),
    "APT": (4.873, 52.1, 28.3, "APT", "앱토스"),
    "AVAX": (21.447, 50.1, 27.8, "AVAXC", "아발란체"),
    "ETH": (3_718.42, 47.8, 30.2, "ERC20", "이더리움"),
    "LINK": (17.826, 47.6, 32.1, "ERC20", "체인링크"),
    "TRX": (0.31285, -63.2, 25.0, "TRC20", "트론"),
    "BTC": (106_482.10, 41.0, 53.3, "BTC", "비트코인"),
    "SNT": (0.03492, 1_924.4, 31.6, "ERC20", "스테이터스"),
}
FENCED = "SNT"
TWIN = "NEIRO"


def times(bps: float) -> float:
    return 1 + bps / 10_000


def basis(rate: float, other: float) -> float:
    return (rate / other - 1) * 10_000


USDT_BPS = basis(TETHER, OFFICIAL)


def price(venue: Venue = Venue.UPBIT, base: str = "BTC", **given: Any) -> PriceRow:
    korean = venue in KOREAN
    dollars, usdlike, *_ = COINS.get(base, (1.0, 0.0, 0.0, base, ""))
    quote = "KRW" if korean else "USD" if venue is Venue.COINBASE else "USDT"
    mid = dollars * TETHER * times(usdlike) if korean else dollars
    known: dict[str, Any] = {
        "id": f"{venue}:{base}/{quote}",
        "venue": venue,
        "base": base,
        "quote": quote,
        "bid": mid,
        "bid_quantity": 12.5,
        "ask": mid * 1.0001,
        "ask_quantity": 8.25,
        "last": mid,
        "at_ns": MOMENT_NS,
        "exchange_at_ns": MOMENT_NS - 4_000_000,
        "age_ms": 46.0,
        "valid": True,
        "state": "live",
    }
    return PriceRow(**known | given)


def premium(
    base: str = "XRP", buy: Venue = Venue.BINANCE, sell: Venue = Venue.UPBIT, **given: Any
) -> PremiumRow:
    """One route of COINS; the sign follows the direction, costs are the coin's own."""
    dollars, usdlike, cost, network, _ = COINS.get(base, (1.0, 0.0, 30.0, base, ""))
    high, low = sell in KOREAN and buy not in KOREAN, buy in KOREAN and sell not in KOREAN
    net = (usdlike if high else -usdlike) - cost if high or low else -cost
    abroad = sell if low else buy
    net += (list(Venue).index(abroad) - 4) * 0.9 - (45.0 if abroad is Venue.COINBASE else 0.0)
    won = dollars * TETHER * times(usdlike)
    known: dict[str, Any] = {
        "id": f"{base}:{buy}-{sell}",
        "base": base,
        "buy_venue": buy,
        "buy_quote": _quote(buy),
        "sell_venue": sell,
        "sell_quote": _quote(sell),
        "direction": "high" if high else "low" if low else "flat",
        "buy_ask": won if buy in KOREAN else dollars,
        "sell_bid": won if sell in KOREAN else dollars,
        "raw_bps": None if high or low else 1.2,
        "usdlike_bps": usdlike if high or low else None,
        "kimchi_bps": (times(usdlike) * times(USDT_BPS) - 1) * 10_000 if high or low else None,
        "usdt_bps": USDT_BPS if high or low else None,
        "realizable_bps": net,
        "realizable_size_krw": 10_000_000.0,
        "sizes": (
            SizedNet(1_000_000.0, net - 22.5),
            SizedNet(10_000_000.0, net),
            SizedNet(100_000_000.0, None, "THIN_BOOK"),
        ),
        "break_even_bps": cost if not low else -cost,
        "withheld": None,
        "network": network,
        "withdraw": "open",
        "deposit": "open",
        "fenced": base == FENCED,
        "quarantined": base == TWIN,
        "manual_rate": False,
        "tick_bps": 2.9,
        "buy_age_ms": 46.0,
        "sell_age_ms": 71.0,
        "tether_age_ms": 400.0,
        "official_age_ms": 41_000.0,
        "wallet_age_ms": 12_000.0,
        "at_ns": MOMENT_NS,
    }
    if base == FENCED:
        known |= {"deposit": "closed", "network": None}
    return PremiumRow(**known | given)


def _quote(venue: Venue) -> str:
    return "KRW" if venue in KOREAN else "USD" if venue is Venue.COINBASE else "USDT"


def book(venue: Venue = Venue.BINANCE, base: str = "DOGE", **given: Any) -> BookRow:
    top = price(venue, base)
    assert top.bid is not None and top.ask is not None
    bid, ask = top.bid, top.ask
    known: dict[str, Any] = {
        "venue": venue,
        "base": base,
        "quote": top.quote,
        "bids": tuple((bid * (1 - 0.0001 * i), 1_000.0 + 350 * i) for i in range(20)),
        "asks": tuple((ask * (1 + 0.0001 * i), 900.0 + 410 * i) for i in range(20)),
        "at_ns": MOMENT_NS,
        "exchange_at_ns": MOMENT_NS - 4_000_000,
        "age_ms": 46.0,
        "valid": True,
        "state": "live",
        "sequence": 8_412_871,
        "tick": "0.00001",
        "lot": "1",
        "krw_per_quote": 1.0 if venue in KOREAN else TETHER,
    }
    return BookRow(**known | given)


def source(name: str = "upbit", rate: float | None = TETHER, **given: Any) -> RateSource:
    known: dict[str, Any] = {
        "bid": None if rate is None else rate - 0.5,
        "ask": None if rate is None else rate + 0.5,
        "at_ns": MOMENT_NS,
        "age_ms": 400.0,
        "state": "ok",
    }
    return RateSource(source=name, rate=rate, **known | given)


def rate(name: str = "USDT", value: float | None = TETHER, **given: Any) -> RateRow:
    over = None if value is None or name == "USD" else basis(value, OFFICIAL)
    known: dict[str, Any] = {
        "at_ns": MOMENT_NS,
        "age_ms": 41_000.0 if name == "USD" else 400.0,
        "withheld": None,
        "manual": False,
        "premium_bps": over,
        "sources": (source("upbit", value), source("bithumb", value)),
    }
    return RateRow(id=name, rate=value, **known | given)


def network(
    venue: Venue = Venue.BINANCE, asset: str = "XRP", name: str = "XRP", **given: Any
) -> NetworkRow:
    known: dict[str, Any] = {
        "id": f"{venue}:{asset}:{name}",
        "chain": name,
        "deposit": "open",
        "withdraw": "open",
        "fee": "0.2",
        "minimum": "10",
        "contract": None,
        "fee_source": "list",
        "at_ns": MOMENT_NS,
        "age_ms": 12_000.0,
    }
    return NetworkRow(venue=venue, asset=asset, network=name, **known | given)


def market(base: str = "XRP", **given: Any) -> MarketRow:
    known: dict[str, Any] = {
        "korean_name": COINS[base][4] if base in COINS else None,
        "venues": {str(venue): (_quote(venue),) for venue in Venue},
        "watched": tuple(str(venue) for venue in Venue),
        "identity": "quarantined" if base == TWIN else "confirmed",
        "fenced": ("upbit",) if base == FENCED else (),
        "tick_bps": {str(venue): 2.9 for venue in Venue},
        "favourite": base in {"BTC", "XRP"},
        "routes": 72,
    }
    return MarketRow(base=base, **known | given)


def identity(
    base: str = TWIN, venue: Venue = Venue.BITHUMB, other: Venue = Venue.GATE, **given: Any
) -> IdentityRow:
    known: dict[str, Any] = {
        "ratio": 14.127,
        "implied_krw": 21_478.0,
        "median_krw": 1_520.3,
        "reason": "ratio",
        "evidence": ("ratio=14.127", "networks=none_shared"),
        "decision": None,
        "decided_by": None,
        "decided_at_ns": None,
        "since_ns": MOMENT_NS - 3_600_000_000_000,
    }
    return IdentityRow(
        id=f"{base}:{venue}-{other}", base=base, venue=venue, other=other, **known | given
    )


def venue(name: Venue = Venue.UPBIT, **given: Any) -> VenueRow:
    known: dict[str, Any] = {
        "state": ChannelState.LIVE,
        "reason": None,
        "connections": 1,
        "instruments": 20,
        "valid_books": 20,
        "book_age_ms": 38.0,
        "messages_per_s": 1_204.0,
        "updates_per_s": 1_180.0,
        "delay_p50_ms": 4.1,
        "delay_p99_ms": 11.0,
        "skew_ms": 3.0,
        "skew_error_ms": 1.5,
        "limit_used": 0.22,
        "reconnects": 0,
        "gaps": 0,
        "checksum_errors": 0,
        "fallbacks": 0,
        "conflated": 0,
        "dropped": 0,
        "breaker": "closed",
        "breaker_until_ns": None,
        "last_message_age_ms": 12.0,
        "wallets": "known",
        "wallets_reason": None,
        "markets": 240,
    }
    return VenueRow(venue=name, **known | given)


def stale_venue(name: Venue = Venue.GATE) -> VenueRow:
    return venue(
        name,
        state=ChannelState.STALE,
        reason="silent",
        book_age_ms=3_200.0,
        last_message_age_ms=3_200.0,
        delay_p50_ms=39.0,
        delay_p99_ms=212.0,
        reconnects=2,
        valid_books=0,
        skew_ms=14.0,
        wallets="unknown",
        wallets_reason="no_keys",
    )


def gate(code: str = "NET_BELOW_MIN", **given: Any) -> Gate:
    known: dict[str, Any] = {
        "passed": True,
        "value": 70.6,
        "limit": 30.0,
        "margin": 40.6,
        "unit": "bps",
    }
    return Gate(code=code, **known | given)


def gates(net_bps: float = 70.6, failed: str | None = None) -> tuple[Gate, ...]:
    """In the order in which they are judged; `failed` is the code of the one that is shut."""
    known = {
        "book_age_buy": Gate("STALE_BOOK", True, 0.012, 1.5, 1.488, "s", "binance"),
        "book_age_sell": Gate("STALE_BOOK", True, 0.038, 1.5, 1.462, "s", "upbit"),
        "rate_age": Gate("STALE_RATE", True, 0.4, 60.0, 59.6, "s", "upbit"),
        "identity": Gate("IDENTITY", True, "likely", "same", None, "word", "DOGE"),
        "travel_rule": Gate("TRAVEL_RULE", True, "allowed", "allowed", None, "word"),
        "withdraw": Gate("WALLET_CLOSED", True, "open", "open", None, "word", "binance DOGE"),
        "deposit": Gate("WALLET_CLOSED", True, "open", "open", None, "word", "upbit DOGE"),
        "net": Gate("NET_BELOW_MIN", True, net_bps, 30.0, net_bps - 30.0, "bps"),
        "too_good": Gate("TOO_GOOD", True, net_bps, 1_500.0, 1_500.0 - net_bps, "bps"),
        "tick": Gate("TICK_COST", True, 35.6, 50.0, 14.4, "bps"),
        "fees": Gate("FEE_UNKNOWN", True, "known", "known", None, "word"),
        "depth": Gate("THIN_BOOK", True, 12_000_000.0, 10_000_000.0, 2_000_000.0, "krw"),
    }
    shut = {
        "STALE_BOOK": ("book_age_buy", Gate("STALE_BOOK", False, 3.2, 1.5, -1.7, "s", "gate")),
        "TICK_COST": ("tick", Gate("TICK_COST", False, 71.0, 50.0, -21.0, "bps")),
        "IDENTITY": (
            "identity",
            Gate("IDENTITY", False, "quarantined", "same", None, "word", "NEIRO"),
        ),
        "FENCED": ("deposit", Gate("FENCED", False, "closed", "open", None, "word", "upbit")),
        "NET_BELOW_MIN": (
            "net",
            Gate("NET_BELOW_MIN", False, net_bps, 30.0, net_bps - 30.0, "bps"),
        ),
    }
    if failed is not None:
        name, found = shut[failed]
        known[name] = found
    return tuple(msgspec.structs.replace(each, name=name) for name, each in known.items())


def opportunity(
    number: int = 1,
    base: str = "DOGE",
    buy: Venue = Venue.BINANCE,
    sell: Venue = Venue.UPBIT,
    **given: Any,
) -> Opportunity:
    row = premium(base, buy, sell)
    net: float = given.get("net_bps", row.realizable_bps or 0.0)
    known: dict[str, Any] = {
        "id": f"o-{number}",
        "detector": "kimchi",
        "direction": row.direction,
        "status": Status.DETECTED,
        "code": None,
        "opened_at_ns": MOMENT_NS - 41_000_000_000,
        "closed_at_ns": None,
        "updated_at_ns": MOMENT_NS - 100_000_000,
        "net_bps": net,
        "peak_bps": net + 4.2,
        "size_krw": 10_000_000.0,
        "quantity": 10_000_000.0 / TETHER / COINS.get(base, (1.0,))[0],
        "profit_krw": 1_000.0 * net,
        "network": row.network,
        "updates": 412,
        "gates": gates(net),
        "ages_ms": (12.0, 38.0, 400.0, 12_000.0),
    }
    return Opportunity(
        base=base,
        buy_venue=buy,
        buy_quote=row.buy_quote,
        sell_venue=sell,
        sell_quote=row.sell_quote,
        **known | given,
    )


def refused(number: int = 1, code: str = "STALE_BOOK", **given: Any) -> Opportunity:
    known: dict[str, Any] = {
        "id": f"r-{number}",
        "status": Status.REFUSED,
        "code": code,
        "gates": gates(70.6, code),
    }
    return opportunity(number, **known | given)


def explanation(shown: Opportunity | None = None, **given: Any) -> Explanation:
    """Of a route into Korea: from the headline to the net, the residual included."""
    shown = shown or opportunity()
    row = premium(shown.base, shown.buy_venue, shown.sell_venue)
    official, usdt, like = row.kimchi_bps or 0.0, row.usdt_bps or 0.0, row.usdlike_bps or 0.0
    costs = (
        ("buy_fee", -10.0, "account", 7_200_000.0),
        ("buy_slippage", -0.8, "binance", 12.0),
        ("lot", 0.0, "", None),
        ("withdrawal", -0.4, "list", 7_200_000.0),
        ("sell_fee", -5.0, "list", 7_200_000.0),
        ("sell_slippage", 0.0, "upbit", 38.0),
        ("tether_fee", -5.0, "list", 7_200_000.0),
        ("tether_slippage", 0.0, "", 400.0),
        ("return_withdrawal", -0.6, "list", 7_200_000.0),
    )
    left = shown.net_bps - like - sum(bps for _, bps, *_ in costs)
    steps = (
        Step("headline", official, "sum", "1387.2", "official", 41_000.0),
        Step("usdt_premium", -usdt, "part", "1402.5", "", 400.0),
        Step("cross", like - official + usdt, "part"),
        Step("usdlike", like, "sum"),
        *(Step(code, bps, "part", "", name, age) for code, bps, name, age in costs),
        Step("residual", left, "part"),
        Step("net", shown.net_bps, "sum"),
    )
    known: dict[str, Any] = {
        "at_ns": MOMENT_NS,
        "steps": steps,
        "ladder": row.sizes,
        "levels": (
            LevelUsed("buy", 0.19852, 18_400.0, 1.0),
            LevelUsed("buy", 0.19853, 22_150.0, 0.79),
            LevelUsed("buy", 0.19854, 31_900.0, 0.0),
            LevelUsed("sell", 281.0, 412_650.0, 0.087),
            LevelUsed("sell", 280.0, 868_120.0, 0.0),
            LevelUsed("tether", 1_403.0, 51_200.0, 0.14),
        ),
        "would_pass": (
            WouldPass("lower_threshold", shown.net_bps, True, {"min_net_bps": 20.0}),
            WouldPass("smaller_size", shown.net_bps - 3.3, True, {"size_krw": 5_000_000.0}),
            WouldPass("larger_size", shown.net_bps - 9.7, False, {"size_krw": 50_000_000.0}),
            WouldPass("other_buy_venue", shown.net_bps + 0.7, True, {"venue": "bybit"}),
        ),
        "premium": row,
        "inputs": {"official": OFFICIAL, "tether": TETHER, "buy_fee_bps": 10.0},
    }
    return Explanation(opportunity=shown, **known | given)


def refusal(code: str = "NET_BELOW_MIN", count: int = 1_305, **given: Any) -> RefusalCount:
    known: dict[str, Any] = {
        "share": 0.71,
        "best_bps": 29.8,
        "since_ns": MOMENT_NS - 86_400_000_000_000,
    }
    return RefusalCount(code=code, count=count, **known | given)


def near_miss(base: str = "APT", **given: Any) -> NearMiss:
    row = premium(base, **given)
    net = row.realizable_bps or 0.0
    return NearMiss(row, Gate("NET_BELOW_MIN", False, net, 30.0, net - 30.0, "bps"))


class FakeArchive:
    """Two hours of history of every route. away: why it does not answer."""

    def __init__(self, away: str | None = None) -> None:
        self.away = away

    def usage(self) -> Usage:
        day_ns = 86_400_000_000_000
        tables = {
            "orderbook_snapshots": (140_997, 9_700_000, MOMENT_NS - 3 * day_ns),
            "tick_trades": (119_373, 1_800_000, MOMENT_NS - 3 * day_ns),
            "spread_history": (1_103_917, 11_300_000, None),
        }
        state = "away" if self.away else "storing"
        most, used = 10 * 2**30, 22_800_000
        return Usage(state, self.away, "embedded", 77, most, used, 12, 0, 9_000, 1, tables)

    async def premium_history(self, *route: Any) -> History:
        self._ask()
        at_ns = MOMENT_NS + np.arange(-120, 0, dtype=np.int64) * 60_000_000_000
        values = np.sin(np.arange(120) / 9) * 20 + 40
        return History(at_ns, values, values - 1, values + 1)

    async def quantiles(self, basis: str, since_ns: int) -> Quantiles:
        self._ask()
        return {("XRP", "binance", "upbit"): np.linspace(0.0, 100.0, 101)}

    def _ask(self) -> None:
        if self.away:
            raise Unavailable(self.away)


class FakePolicies:
    """What people decided, as far as pages ask."""

    def __init__(self) -> None:
        self.words: dict[str, list[IdentityDecision]] = {}

    def fees(self) -> tuple[Fee, ...]:
        return tuple(
            Fee(each, "KRW" if each is Venue.UPBIT else None, 10.0, "list", MOMENT_NS)
            for each in Venue
        )

    async def decisions_of(self, row: IdentityRow) -> list[IdentityDecision]:
        return self.words.get(row.id, [])


@dataclass
class FakeOutside:
    """feeds: what the environment says; None: Settings may choose."""

    feeds: str | None = None


class FakeOutages:
    """Bithumb is shut; none begins or ends."""

    def now(self) -> tuple[Outage, ...]:
        return (Outage(Venue.BITHUMB, MOMENT_NS),)


class FakeMarket:
    """Stands for the market of the desk; every list may be replaced, `tell()` calls listeners."""

    def __init__(self, *, feeds: str = "demo", at_ns: int = MOMENT_NS) -> None:
        self.feeds = feeds
        self.state = "off" if feeds == "off" else "running"
        self.reason: str | None = None
        self.frames = 8_412_907
        self.started_at_ns = MOMENT_NS - 3_600_000_000_000
        self.policy = Policy()
        self.archive = FakeArchive() if feeds != "off" else None
        self.outages = FakeOutages() if feeds == "demo" else None
        self.policies = FakePolicies()
        self.outside = FakeOutside()
        self.latency = Latency(lambda: 0.0)
        for stage, ns in (("receive", 40_000), ("parse", 1_700), ("decided", 400_000)):
            self.latency.observe(stage, ns)
        self.decided: list[tuple[str, str, str, str]] = []
        self.listeners: list[tuple[int, Callable[[Any], None]]] = []
        on = feeds != "off"
        routes = [
            (home, abroad) for home in (Venue.UPBIT, Venue.BITHUMB) for abroad in DOLLAR_VENUES
        ]
        self.price_rows = tuple(price(v, b) for b in COINS for v in Venue) if on else ()
        self.premium_rows = (
            tuple(
                premium(base, *pair)
                for base in COINS
                for home, abroad in routes
                for pair in ((abroad, home), (home, abroad))
            )
            if on
            else ()
        )
        self.rate_rows: tuple[RateRow, ...] = (
            (
                rate("USD", OFFICIAL, sources=(source("er-api", OFFICIAL), source("dunamu", 1387))),
                rate("USDT", sources=(source("upbit", 1_402.5), source("bithumb", 1_403.0))),
                rate("USDC", COIN, age_ms=1_100.0),
            )
            if on
            else ()
        )
        self.venue_rows = tuple(
            stale_venue(each) if each is Venue.GATE else venue(each) for each in Venue if on
        )
        self.market_rows = tuple(market(base) for base in (*COINS, TWIN)) if on else ()
        self.network_rows = (
            tuple(network(v, base, COINS[base][3]) for base in COINS for v in Venue) if on else ()
        )
        self.identity_rows: tuple[IdentityRow, ...] = (identity(),) if on else ()
        shown = ("SUI", "DOGE", "HBAR", "XLM", "XRP", "SOL")
        self.opportunity_rows = tuple(
            opportunity(
                i + 1,
                b,
                opened_at_ns=at_ns - (i + 1) * 7_000_000_000,
                updated_at_ns=at_ns - 100_000_000,
            )
            for i, b in enumerate(shown)
            if on
        )
        self.refused_rows = (
            (
                refused(1, "STALE_BOOK", base="AVAX", buy=Venue.GATE),
                refused(2, "TICK_COST", base="HBAR", buy=Venue.OKX),
                refused(3, "FENCED", base=FENCED),
                refused(4, "IDENTITY", base=TWIN, buy=Venue.GATE, sell=Venue.BITHUMB),
            )
            if on
            else ()
        )
        self.near_rows = tuple(near_miss(b) for b in ("ADA", "APT", "AVAX") if on)
        self.refusal_rows = (
            (
                refusal(),
                refusal("STALE_BOOK", 121, share=0.066, best_bps=88.2),
                refusal("TICK_COST", 52, share=0.028, best_bps=61.0),
            )
            if on
            else ()
        )
        self.facts = _journal(at_ns) if on else ()
        self.closed_rows = (
            (
                opportunity(
                    90,
                    "ADA",
                    net_bps=33.1,
                    closed_at_ns=MOMENT_NS - 60_000_000_000,
                    status=Status.MISSED,
                    code="NET_BELOW_MIN",
                ),
            )
            if on
            else ()
        )

    # what pages ask

    def prices(self) -> tuple[PriceRow, ...]:
        return self.price_rows

    def premiums(
        self, bases: Collection[str] | None = None, ids: Collection[str] | None = None
    ) -> tuple[PremiumRow, ...]:
        return tuple(
            row
            for row in self.premium_rows
            if (bases is None or row.base in bases) and (ids is None or row.id in ids)
        )

    def books(self, base: str) -> tuple[BookRow, ...]:
        if self.feeds == "off" or base not in COINS:
            return ()
        return tuple(book(each, base) for each in Venue)

    def rates(self) -> tuple[RateRow, ...]:
        return self.rate_rows

    def venues(self) -> tuple[VenueRow, ...]:
        return self.venue_rows

    def markets(self) -> tuple[MarketRow, ...]:
        return self.market_rows

    def networks(self, asset: str | None = None) -> tuple[NetworkRow, ...]:
        return tuple(row for row in self.network_rows if asset in (None, row.asset))

    def identities(self) -> tuple[IdentityRow, ...]:
        return self.identity_rows

    def opportunities(self) -> tuple[Opportunity, ...]:
        return self.opportunity_rows

    def refused(self) -> tuple[Opportunity, ...]:
        return self.refused_rows

    def near_misses(self) -> tuple[NearMiss, ...]:
        return self.near_rows

    def refusals(self) -> tuple[RefusalCount, ...]:
        return self.refusal_rows

    def journal(self) -> tuple[Fact, ...]:
        """Newest first."""
        return self.facts

    def latencies(self) -> dict[str, tuple[float, float]]:
        """µs: p50, p99 of each stage."""
        if self.feeds == "off":
            return {}
        return {
            "receive": (40.0, 180.0),
            "parse": (1.7, 4.0),
            "state": (0.4, 1.1),
            "detect": (0.9, 2.4),
            "publish": (310.0, 900.0),
            "decided": (400.0, 1_700.0),
        }

    async def closed(
        self,
        limit: int,
        cursor: str | None = None,
        *,
        status: str | None = None,
        base: str | None = None,
    ) -> tuple[tuple[Opportunity, ...], str | None]:
        found = [
            row
            for row in self.closed_rows
            if status in (None, row.status) and base in (None, row.base)
        ]
        start = int(cursor or 0)
        rest = str(start + limit) if len(found) > start + limit else None
        return tuple(found[start : start + limit]), rest

    async def explain(self, opportunity_id: str) -> Explanation:
        for row in (*self.opportunity_rows, *self.refused_rows, *self.closed_rows):
            if row.id == opportunity_id:
                return explanation(row)
        raise Problem("not_found")

    async def decide(self, identity_id: str, verdict: str, *, by: str, note: str) -> None:
        self.decided.append((identity_id, verdict, by, note))

    async def switch_feeds(self, feeds: str, *, by: str) -> None:
        self.feeds = feeds

    def listen(self, hz: float, call: Callable[[Any], None]) -> None:
        self.listeners.append((int(hz), call))

    # what tests do

    def tell(self) -> None:
        """Something changed: everybody who listens is called."""
        for _, call in self.listeners:
            call(self)

    def move(self, chance: random.Random) -> None:
        """One step of a market that moves: every net and age drifts a little."""
        self.frames += 40
        shift = {base: chance.gauss(0, 0.8) for base in COINS}
        self.premium_rows = tuple(_moved(row, shift[row.base], chance) for row in self.premium_rows)


def _journal(at_ns: int) -> tuple[Fact, ...]:
    lost = Instrument(Venue.GATE, "AVAX", "USDT")
    return (
        OpportunityOpened(at_ns - 1_000_000_000, opportunity(2)),
        BookRestored(at_ns - 3_000_000_000, lost, 812.0),
        BookBroke(at_ns - 4_000_000_000, lost, "gap"),
        PairQuarantined(at_ns - 9_000_000_000, TWIN, Venue.BITHUMB, Venue.GATE, "ratio"),
    )


def _moved(row: PremiumRow, shift: float, chance: random.Random) -> PremiumRow:
    known = {name: getattr(row, name) for name in row.__struct_fields__}
    like = row.usdlike_bps
    if like is not None:
        known["usdlike_bps"] = like + shift
        known["kimchi_bps"] = (times(like + shift) * times(USDT_BPS) - 1) * 10_000
    if row.realizable_bps is not None:
        net = row.realizable_bps + (shift if row.direction != "low" else -shift)
        known["realizable_bps"] = net
        known["sizes"] = tuple(
            SizedNet(s.size_krw, None if s.net_bps is None else s.net_bps + shift, s.reason)
            for s in row.sizes
        )
    known["buy_age_ms"] = math.floor(chance.uniform(5, 900))
    return PremiumRow(**known)
