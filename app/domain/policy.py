"""Policy: what people decide about detection: thresholds, sizes, fees, identities."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from app.domain.venues import Venue


class Fee(msgspec.Struct, frozen=True):
    """Of one venue's spot trades. taker_bps None: not known, which blocks what needs it.

    source: `list` (public price list, lowest tier), `account` (read with a key), `set` (by hand).
    """

    venue: Venue
    quote: str | None
    taker_bps: float | None
    source: str
    as_of_ns: int


class WithdrawalFee(msgspec.Struct, frozen=True):
    """What leaving costs where the venue does not say without a key; amount in the asset."""

    venue: Venue
    asset: str
    network: str
    amount: float
    source: str
    as_of_ns: int


class Verdict(StrEnum):
    """What a person said about a pair of tickers. open: the last word is undone."""

    SAME = "same"
    DIFFERENT = "different"
    OPEN = "open"


class IdentityDecision(msgspec.Struct, frozen=True):
    """A person's word on whether a base is one asset on two venues."""

    base: str
    venue: Venue
    other: Venue
    verdict: Verdict
    by: str
    at_ns: int
    note: str = ""


class IdentitySuspicion(msgspec.Struct, frozen=True):
    """What put a pair into quarantine, as it was then. reason: ratio, contract, networks."""

    base: str
    venue: Venue
    other: Venue
    reason: str
    ratio: float | None
    implied_krw: float | None
    median_krw: float | None
    evidence: tuple[str, ...]
    since_ns: int


class AssetName(msgspec.Struct, frozen=True):
    """One row of the editable table: what a venue's ticker really is.

    asset: our name; multiplier: units of the asset in one unit of the ticker (1000PEPE: 1000).
    source: `seed` (shipped), `set` (by hand).
    """

    venue: Venue
    ticker: str
    asset: str
    multiplier: float = 1.0
    source: str = "seed"
    note: str = ""


class Policy(msgspec.Struct, frozen=True):
    """Defaults: requirements §5.9. Edges and costs in bps, sizes in KRW, ages in seconds."""

    min_net_bps: float = 30.0
    near_miss_bps: float = 20.0
    """Below the threshold by no more than this is a near miss."""
    max_net_bps: float = 1_500.0
    """More than this is too good to be true."""
    size_krw: float = 10_000_000.0
    """The trader's size: what realizable premiums are asked at."""
    sizes_krw: tuple[float, ...] = (1_000_000.0, 10_000_000.0, 100_000_000.0)
    book_age_s_max: float = 1.5
    tether_age_s_max: float = 60.0
    official_age_s_max: float = 360.0
    wallet_age_s_max: float = 900.0
    fee_age_s_max: float = 86_400.0
    tick_bps_max: float = 50.0
    rate_spread_max: float = 0.005
    """Official sources further apart than this share give no rate."""
    identity_ratio_max: float = 1.5
    instruments_per_venue_max: int = 200
    opportunities_max: int = 50
    favourites: tuple[str, ...] = ()
    fx_quorum: int = 2
    """Official sources that must agree: two, unless only one is configured."""
    fx_fixed: float | None = None
    """A hand-set KRW per USD, labelled MANUAL everywhere."""
    triangular_min_bps: float = 15.0
    statistical_minutes: int = 60
    """How many one-minute mids a pair is judged by."""
    statistical_entry_z: float = 2.0
    statistical_exit_z: float = 0.5
    funding_rate_min: float = 0.00005
    """Of one interval, as a share."""
    funding_year_pct_min: float = 5.0
    funding_year_pct_exit: float = 2.0
    funding_days: float = 30.0
    """How long a position is thought to be held, for its net."""
    funding_fee_bps: float = 5.0
    """Taker, of a perpetual [Binance's public list of USDT-M futures, lowest tier]."""
    fees: tuple[Fee, ...] = ()
    withdrawal_fees: tuple[WithdrawalFee, ...] = ()
    decisions: tuple[IdentityDecision, ...] = ()
    suspicions: tuple[IdentitySuspicion, ...] = ()
    """Found before this process began; the engine adds its own."""
    names: tuple[AssetName, ...] = ()
