"""Trading: the portfolio, the limits and the answer of the risk manager, in exact decimals."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from app.domain.venues import Venue


class TradingState(StrEnum):
    """REDUCING: nothing new begins, what is open goes on. HALTED: nothing is sent but cancels and
    questions. It is stopped inside the sending transaction, not by good will."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


class Purse(msgspec.Struct, frozen=True):
    """One asset on one venue, by the ledger. frozen: why nothing may begin with it, else None."""

    venue: Venue
    asset: str
    available: Decimal
    reserved: Decimal
    in_flight: Decimal
    """On its way to this venue."""
    frozen: str | None = None
    young: Decimal = Decimal(0)
    """Of available: won that came from a bank so lately that what it buys may not leave yet."""
    young_until_ns: int | None = None


class Approved(msgspec.Struct, frozen=True):
    """Only this can become a cycle. quantity: of the base, after every limit."""

    quantity: Decimal
    notional_krw: Decimal
    limited_by: str | None = None


class Refused(msgspec.Struct, frozen=True):
    """code names the limit; value and limit in its unit (krw, bps, s, count, share, word)."""

    code: str
    value: float | str
    limit: float | str
    unit: str


class LimitRow(msgspec.Struct, frozen=True):
    """One limit and its use now. used: share 0..1 of it, None where it has none."""

    code: str
    value: float | None
    limit: float | None
    unit: str
    used: float | None
    warned: bool
    refused_today: int
    detail: str = ""
    """The coin or venue that it is about, empty where it is about all."""


class BreakerRow(msgspec.Struct, frozen=True):
    """open_until_ns None while closed."""

    code: str
    value: float
    limit: float
    open_until_ns: int | None
    reason: str = ""


class DayResult(msgspec.Struct, frozen=True):
    """One UTC day of one mode: finished cycles."""

    date: str
    cycles: int
    wins: int
    losses: int
    compensated: int
    pnl_krw: Decimal
    volume_krw: Decimal
    fees_krw: Decimal
    drawdown_pct: float
    equity_krw: Decimal | None


class RebalanceRow(msgspec.Struct, frozen=True):
    """A transfer that would even out what lies at two venues. id: `asset:from-to`.

    amount: what would arrive. imbalance: how far the receiver is from its share, 1 is empty.
    chain None: no network is open for it, `reason` says so. others: chains that would do as well,
    the better first.
    """

    id: str
    asset: str
    from_venue: Venue
    to_venue: Venue
    amount: Decimal
    worth_krw: Decimal | None
    imbalance: float
    chain: str | None
    network: str | None
    fee: Decimal | None
    fee_krw: Decimal | None
    minutes: float | None
    score: float | None
    reason: str | None
    others: tuple[str, ...] = ()


class TradingPolicy(msgspec.Struct, frozen=True):
    """What people set about trading. Amounts in KRW, times in seconds. requirements §1.Z2, §5.9."""

    styles: tuple[str, ...] = ("TRANSFER", "PREFUNDED")
    """That may open cycles, in order of preference; all others alert only."""
    size_krw: float = 1_000_000.0
    size_krw_min: float = 100_000.0
    min_net_bps: float = 30.0
    slippage_bps: float = 15.0
    """How far a limit price may lie beyond the plan's."""
    cycles_max: int = 5
    cycles_per_base_max: int = 1
    coin_krw_max: float = 14_000_000.0
    venue_krw_max: float = 70_000_000.0
    total_krw_max: float = 140_000_000.0
    daily_loss_krw_max: float = 700_000.0
    drawdown_pct_max: float = 5.0
    warn_share: float = 0.7
    flash_crash_pct: float = 10.0
    spread_sigma_max: float = 3.0
    losses_in_row_max: int = 5
    loss_rest_s: float = 900.0
    max_net_bps: float = 1_500.0
    book_age_s_max: float = 1.5
    rate_age_s_max: float = 60.0
    wallet_age_s_max: float = 900.0
    daily_loss_pct_max: float = 1.0
    """Of the day's equity; the smaller of it and the amount holds."""
    crash_window_s: float = 60.0
    """A price that moves by `flash_crash_pct` within this is a crash, up or down."""
    crash_rest_s: float = 300.0
    spread_bps_max: float = 500.0
    """Between a book's best bid and ask, whatever it was before."""
    leg_s_max: float = 5.0
    transfer_s_max: float = 1_800.0
    hold_s_max: float = 1_800.0
    """How long arrived coins wait for their price before the way home is taken at a loss."""
    loss_bps_max: float = 150.0
    """What a compensation may cost of what was put in."""
    repeats_max: int = 6
    return_s_max: float = 1_200.0
    """How long proceeds wait for a cheaper way back."""
    return_bps_max: float = 40.0
    """What the way back may cost before waiting is tried."""
    retry_max: int = 3
    retry_base_s: float = 300.0
    retry_factor: float = 2.0
    retry_jitter: float = 0.25
    allow_list: tuple[str, ...] = ()
    """Bases that may be traded; empty: all."""
    won_age_s_min: float = 86_400.0
