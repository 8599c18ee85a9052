"""Live: what the engine shows of the market, as pages, the API and the archive read it.

Prices in the instrument's quote; bps of the side that buys. Ages in ms at the time of the view.
None is "not known": the reason stands beside it, and nothing that needs it is shown as a number.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from app.domain.venues import Venue


class ChannelState(StrEnum):
    """quiet: not active, so silence says nothing yet. off: not connected by choice."""

    CONNECTING = "connecting"
    LIVE = "live"
    QUIET = "quiet"
    STALE = "stale"
    LOST = "lost"
    RESTING = "resting"
    """Its breaker is open: nothing is tried until it half-opens."""
    OFF = "off"


class PriceRow(msgspec.Struct, frozen=True):
    """Best prices of one instrument. id: `venue:base/quote`. state: why it may decide nothing.

    at_ns: receipt of its book's last frame; None, and no age, while none came.
    """

    id: str
    venue: Venue
    base: str
    quote: str
    bid: float | None
    bid_quantity: float | None
    ask: float | None
    ask_quantity: float | None
    last: float | None
    at_ns: int | None
    exchange_at_ns: int | None
    age_ms: float | None
    valid: bool
    state: str


class SizedNet(msgspec.Struct, frozen=True):
    """Net of the closed loop at one size; None: that size cannot be done, `reason` says why."""

    size_krw: float
    net_bps: float | None
    reason: str | None = None


class PremiumRow(msgspec.Struct, frozen=True):
    """One route: buy at one venue, sell at another. id: `base:buy-sell`, such as XRP:binance-upbit.

    Formulas: SPEC §4. usdlike, kimchi, usdt are Korean over dollar, None without a won side; then
    (1+kimchi) = (1+usdlike)(1+usdt) exactly. withheld: code of why realizable is None.
    direction: high (sells in Korea), low (buys in Korea), flat (no won side, or both).
    """

    id: str
    base: str
    buy_venue: Venue
    buy_quote: str
    sell_venue: Venue
    sell_quote: str
    direction: str
    buy_ask: float | None
    sell_bid: float | None
    raw_bps: float | None
    usdlike_bps: float | None
    kimchi_bps: float | None
    usdt_bps: float | None
    realizable_bps: float | None
    realizable_size_krw: float
    sizes: tuple[SizedNet, ...]
    break_even_bps: float | None
    """The usdlike premium at which the loop at the asked size nets zero."""
    withheld: str | None
    network: str | None
    """The cheapest that is open on both sides."""
    withdraw: str
    deposit: str
    """A Flow: of the base at the buying venue, at the selling venue."""
    fenced: bool
    quarantined: bool
    manual_rate: bool
    tick_bps: float | None
    """One price step of the coarser side, in bps of its price."""
    buy_age_ms: float | None
    sell_age_ms: float | None
    tether_age_ms: float | None
    official_age_ms: float | None
    wallet_age_ms: float | None
    at_ns: int
    way_back: str | None = None
    """A Flow: of USDT from the selling to the buying venue, without which the loop stays open; None
    where it ends in won, or nobody looked yet."""


class SpreadRow(msgspec.Struct, frozen=True):
    """What is kept of a route for its history: figures of its PremiumRow, by the same names."""

    id: str
    at_ns: int
    base: str
    buy_venue: Venue
    buy_quote: str
    sell_venue: Venue
    sell_quote: str
    buy_ask: float | None
    sell_bid: float | None
    raw_bps: float | None
    usdlike_bps: float | None
    kimchi_bps: float | None
    usdt_bps: float | None
    realizable_bps: float | None


class BookRow(msgspec.Struct, frozen=True):
    """One venue's book of a base, best first, at most 20 levels [price, quantity] a side."""

    venue: Venue
    base: str
    quote: str
    bids: tuple[tuple[float, float], ...]
    asks: tuple[tuple[float, float], ...]
    at_ns: int | None
    exchange_at_ns: int | None
    age_ms: float | None
    valid: bool
    state: str
    sequence: int | None
    tick: str | None
    lot: str | None
    krw_per_quote: float | None


class RateSource(msgspec.Struct, frozen=True):
    """One place that a rate comes from. state: ok, stale, missing, disagrees, manual."""

    source: str
    rate: float | None
    bid: float | None
    ask: float | None
    at_ns: int | None
    age_ms: float | None
    state: str
    detail: str = ""


class RateRow(msgspec.Struct, frozen=True):
    """KRW for one unit of a currency. id: USD (official), USDT, USDC. rate None: withheld.

    premium_bps: over the official rate. manual: set by hand.
    """

    id: str
    rate: float | None
    at_ns: int | None
    age_ms: float | None
    withheld: str | None
    manual: bool
    premium_bps: float | None
    sources: tuple[RateSource, ...]


class NetworkRow(msgspec.Struct, frozen=True):
    """One asset's network on one venue. state of each: a Flow. id: `venue:asset:network`."""

    id: str
    venue: Venue
    asset: str
    network: str
    chain: str | None
    """Our name of the network, equal on all venues; None: not known to be the same as another."""
    deposit: str
    withdraw: str
    fee: str | None
    minimum: str | None
    contract: str | None
    fee_source: str
    at_ns: int | None
    age_ms: float | None


class MarketRow(msgspec.Struct, frozen=True):
    """One base: where it is traded. listed: per venue the quotes; watched: with live books."""

    base: str
    korean_name: str | None
    venues: dict[str, tuple[str, ...]]
    watched: tuple[str, ...]
    identity: str
    """confirmed, likely, unknown, quarantined."""
    fenced: tuple[str, ...]
    tick_bps: dict[str, float | None]
    favourite: bool
    routes: int


class IdentityRow(msgspec.Struct, frozen=True):
    """A base on two venues that may not be one asset. id: `base:venue-other`.

    ratio: implied KRW per USDT of the pair over the median of all common coins. evidence: short
    facts, each `code=value`. decision: a person's Verdict, None while open.
    """

    id: str
    base: str
    venue: Venue
    other: Venue
    ratio: float | None
    implied_krw: float | None
    median_krw: float | None
    reason: str
    evidence: tuple[str, ...]
    decision: str | None
    decided_by: str | None
    decided_at_ns: int | None
    since_ns: int


class VenueRow(msgspec.Struct, frozen=True):
    """One venue's health. Rates per second over the last 10 s; latencies over the last minute.

    state: the worst of its channels. skew_ms: its clock minus ours. limit_used: share 0..1 of the
    venue's request budget. fallbacks: frames that the compiled scanner handed to the slow reader.
    """

    venue: Venue
    state: ChannelState
    reason: str | None
    connections: int
    instruments: int
    valid_books: int
    book_age_ms: float | None
    """Of the book that was updated last."""
    messages_per_s: float
    updates_per_s: float
    delay_p50_ms: float | None
    delay_p99_ms: float | None
    """Receipt minus the venue's own time, corrected by skew."""
    skew_ms: float | None
    skew_error_ms: float | None
    limit_used: float | None
    reconnects: int
    gaps: int
    checksum_errors: int
    fallbacks: int
    conflated: int
    dropped: int
    breaker: str
    breaker_until_ns: int | None
    last_message_age_ms: float | None
    wallets: str
    """known, unknown (with `wallets_reason`)."""
    wallets_reason: str | None
    markets: int


class Gate(msgspec.Struct, frozen=True):
    """One condition. value and limit as numbers where they are, else as words; margin > 0 passes.

    unit: bps, s, ms, krw, share, word. code: the refusal that it gives. name: what it looks at:
    book_age_buy, book_age_sell, rate_age, identity, travel_rule, withdraw, deposit,
    return_withdraw, return_deposit (of USDT), net, too_good, tick, fees, depth, in this order.
    """

    code: str
    passed: bool
    value: float | str | None
    limit: float | str | None
    margin: float | None
    unit: str
    detail: str = ""
    name: str = ""


class Step(msgspec.Struct, frozen=True):
    """One bar of the waterfall: bps added to what stands above it. kind: sum or part."""

    code: str
    bps: float
    kind: str
    detail: str = ""
    source: str = ""
    age_ms: float | None = None


class LevelUsed(msgspec.Struct, frozen=True):
    """One level of the depth walk. side: buy or sell; share: of the level that is taken, 0..1."""

    side: str
    price: float
    quantity: float
    share: float


class WouldPass(msgspec.Struct, frozen=True):
    """The same books, one thing changed. code names the change."""

    code: str
    net_bps: float | None
    passes: bool
    values: dict[str, float | str]


class Status(StrEnum):
    """Of a signal: what became of a detection. Refusals never were opportunities."""

    DETECTED = "DETECTED"
    EXECUTED = "EXECUTED"
    MISSED = "MISSED"
    REFUSED = "REFUSED"


class Opportunity(msgspec.Struct, frozen=True):
    """One row from its first passing update to the first that fails. id: `o-<n>` or `r-<n>`.

    code: why it is refused, or why it ended. quarantined and fenced ones are refused, never live.
    """

    id: str
    detector: str
    base: str
    buy_venue: Venue
    buy_quote: str
    sell_venue: Venue
    sell_quote: str
    direction: str
    status: Status
    code: str | None
    opened_at_ns: int
    closed_at_ns: int | None
    updated_at_ns: int
    net_bps: float
    peak_bps: float
    size_krw: float
    quantity: float
    profit_krw: float
    network: str | None
    updates: int
    gates: tuple[Gate, ...]
    ages_ms: tuple[float | None, float | None, float | None, float | None]
    """Buy book, sell book, rate, wallets."""
    path: str = ""
    """Of what is no route between two venues: USDT-BTC-ETH-USDT, or the two legs ETH/BTC."""


class Explanation(msgspec.Struct, frozen=True):
    """Why this net. The parts of `steps` sum to the net within 0.01 bps."""

    opportunity: Opportunity
    at_ns: int
    steps: tuple[Step, ...]
    ladder: tuple[SizedNet, ...]
    levels: tuple[LevelUsed, ...]
    would_pass: tuple[WouldPass, ...]
    premium: PremiumRow
    inputs: dict[str, float | str | None]


def as_ended(began: Explanation, row: Opportunity) -> Explanation:
    """As it was when it began, whose parts sum to the net, and how it ended since."""
    opportunity = msgspec.structs.replace(
        began.opportunity,
        status=row.status,
        code=row.code,
        closed_at_ns=row.closed_at_ns,
        updated_at_ns=row.updated_at_ns,
        peak_bps=row.peak_bps,
        updates=row.updates,
    )
    return msgspec.structs.replace(began, opportunity=opportunity)


class RefusalCount(msgspec.Struct, frozen=True):
    """How often a code refused, since `since_ns`; best: the largest net that it refused."""

    code: str
    count: int
    share: float
    best_bps: float | None
    since_ns: int


class NearMiss(msgspec.Struct, frozen=True):
    """The best that did not pass now: the gate that failed, with value, limit, distance."""

    premium: PremiumRow
    gate: Gate
