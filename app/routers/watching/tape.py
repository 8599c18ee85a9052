"""The tape under the masthead: rates with source and age, BTC's premium, nine lamps; the foot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.domain.live import ChannelState, PremiumRow, RateRow, RateSource, VenueRow
from app.domain.venues import Venue

if TYPE_CHECKING:
    from app.runtime.market import Market

LEADER = "BTC"
# The route whose premium stands for the market, the first that has figures.
ABROAD = (Venue.BINANCE, Venue.OKX, Venue.BYBIT, Venue.BITGET, Venue.GATE, Venue.COINBASE)
HOME = (Venue.UPBIT, Venue.BITHUMB)
LEADER_IDS = frozenset(
    f"{LEADER}:{abroad}-{home}" for home in HOME for abroad in (*ABROAD, Venue.KUCOIN)
)
# In the mockup's order: Korea, then by weight; KuCoin is reference only.
LAMPS = (*HOME, *ABROAD, Venue.KUCOIN)
# A lamp's shape: "" unlit, c caution, f fault, u unknown.
SHAPES: dict[ChannelState, str] = {
    ChannelState.LIVE: "",
    ChannelState.QUIET: "",
    ChannelState.CONNECTING: "u",
    ChannelState.OFF: "u",
    ChannelState.STALE: "c",
    ChannelState.LOST: "f",
    ChannelState.RESTING: "f",
}


@dataclass(frozen=True, slots=True)
class Lamp:
    """One venue. shape: of SHAPES; age_ms: of its last message, where that is the trouble."""

    venue: Venue
    shape: str
    state: str
    age_ms: float | None


@dataclass(frozen=True, slots=True)
class Tape:
    """usd, tether, coin: KRW for one unit. homes: USDT/KRW of each Korean venue."""

    feeds: str
    usd: RateRow | None
    tether: RateRow | None
    coin: RateRow | None
    homes: tuple[RateSource, ...]
    premium_bps: float | None
    usdlike_bps: float | None
    kimchi_bps: float | None
    lamps: tuple[Lamp, ...]

    @property
    def manual(self) -> bool:
        return self.usd is not None and self.usd.manual


@dataclass(frozen=True, slots=True)
class Foot:
    """What stands in the foot of every page; None is not known yet."""

    frames: int
    decided_us: tuple[float, float] | None
    skew_ms: float | None


def tape(market: Market) -> Tape:
    rates = {row.id: row for row in market.rates()}
    tether = rates.get("USDT")
    lead = leader(market.premiums((LEADER,), LEADER_IDS))
    return Tape(
        feeds=market.feeds,
        usd=rates.get("USD"),
        tether=tether,
        coin=rates.get("USDC"),
        homes=tuple(
            source
            for home in HOME
            for source in (tether.sources if tether else ())
            if source.source == home and source.rate is not None
        ),
        premium_bps=tether.premium_bps if tether else None,
        usdlike_bps=lead.usdlike_bps if lead else None,
        kimchi_bps=lead.kimchi_bps if lead else None,
        lamps=lamps(market.venues()),
    )


def leader(rows: Sequence[PremiumRow]) -> PremiumRow | None:
    """The row of the market's premium: bought at the first dollar venue, sold in Korea."""
    found = {(row.buy_venue, row.sell_venue): row for row in rows if row.usdlike_bps is not None}
    for home in HOME:
        for abroad in (*ABROAD, Venue.KUCOIN):
            if (abroad, home) in found:
                return found[abroad, home]
    return None


def lamps(rows: Sequence[VenueRow]) -> tuple[Lamp, ...]:
    known = {row.venue: row for row in rows}
    return tuple(
        Lamp(venue, SHAPES[row.state], row.state.value, row.last_message_age_ms)
        for venue in LAMPS
        if (row := known.get(venue)) is not None
    )


def foot(market: Market) -> Foot:
    """skew_ms: the largest of the venues' clock errors."""
    skews = [abs(row.skew_ms) for row in market.venues() if row.skew_ms is not None]
    return Foot(
        frames=market.frames,
        decided_us=market.latencies().get("decided"),
        skew_ms=max(skews, default=None),
    )
