"""Limits: one small function for each. A figure at its limit passes where more of it is spent
(exposure, age, edge); a loss at its limit refuses.

| code | unit | holds while |
|---|---|---|
| HALTED, REDUCING, KILLED, BLOCKED | word | people and the ledger let new cycles begin |
| ALERT_ONLY, NOT_ALLOWED | word | the style may open cycles, the coin is on the allow list |
| IDENTITY … FENCED, THIN_BOOK … | as its gate | the row's gates hold |
| STALE_BOOK, STALE_RATE, WALLET_UNKNOWN | s | what the price and the way rest on is young enough |
| NET_BELOW_MIN, TOO_GOOD | bps | the edge is worth it, and believable |
| SPREAD_WIDE, SPREAD_ANOMALY | bps, sigma | the books stand as close as they use to |
| FLASH_CRASH | pct | no price of the coin ran away |
| DAILY_LOSS, DRAWDOWN, LOSSES_IN_ROW | krw, pct, count | less than this was lost |
| CYCLES, CYCLES_PER_BASE | count | not too many at once |
| PURSE_FROZEN | word | the ledger and the venue agree about what it spends |
| INSUFFICIENT, YOUNG_WON | krw | there is something to spend, that may leave |
| COIN_EXPOSURE, VENUE_EXPOSURE, TOTAL_EXPOSURE | krw | so much may be at stake |
| SIZE_MIN | krw | what the others leave is worth the trouble |
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from app.domain.live import Gate
from app.domain.times import MS_NS, SECOND_NS
from app.domain.trading import Refused, TradingPolicy, TradingState

UNKNOWN = "unknown"
NOTHING = Decimal(0)
SECOND_MS = SECOND_NS / MS_NS
WORD, KRW, BPS, S, COUNT, PCT, SIGMA = "word", "krw", "bps", "s", "count", "pct", "sigma"


class Measure(NamedTuple):
    """A figure against its limit."""

    code: str
    value: float | str
    limit: float | str
    unit: str
    holds: bool

    def refused(self) -> Refused:
        return Refused(self.code, self.value, self.limit, self.unit)


class Room(NamedTuple):
    """How much of a size (KRW) a limit has left; value: what it would come to at the full size."""

    code: str
    left: Decimal
    value: float
    limit: float

    def refused(self) -> Refused:
        return Refused(self.code, self.value, self.limit, KRW)


# Who may begin


def state(now: TradingState) -> Measure:
    return _word(now.value, now.value, TradingState.ACTIVE.value)


def killed(is_killed: bool) -> Measure:
    return _word("KILLED", "killed" if is_killed else "released", "released")


def blocked(why: str | None) -> Measure:
    return _word("BLOCKED", why or "", "")


def style(asked: str, policy: TradingPolicy) -> Measure:
    holds = asked in policy.styles
    return Measure("ALERT_ONLY", asked, " ".join(policy.styles), WORD, holds)


def allowed(base: str, policy: TradingPolicy) -> Measure:
    holds = not policy.allow_list or base in policy.allow_list
    return Measure("NOT_ALLOWED", base, " ".join(policy.allow_list), WORD, holds)


# What detection found


def gate(given: Gate) -> Measure:
    """A gate that nobody could look at does not hold."""
    value = UNKNOWN if given.value is None else given.value
    limit = UNKNOWN if given.limit is None else given.limit
    return Measure(given.code, value, limit, given.unit, given.passed)


def book_age(age_ms: float | None, policy: TradingPolicy) -> Measure:
    return _age("STALE_BOOK", age_ms, policy.book_age_s_max)


def rate_age(age_ms: float | None, policy: TradingPolicy) -> Measure:
    return _age("STALE_RATE", age_ms, policy.rate_age_s_max)


def wallet_age(age_ms: float | None, policy: TradingPolicy) -> Measure:
    return _age("WALLET_UNKNOWN", age_ms, policy.wallet_age_s_max)


def net(bps: float, policy: TradingPolicy) -> Measure:
    return Measure("NET_BELOW_MIN", bps, policy.min_net_bps, BPS, bps >= policy.min_net_bps)


def too_good(bps: float, policy: TradingPolicy) -> Measure:
    return _most("TOO_GOOD", bps, policy.max_net_bps, BPS)


# What prices do


def spread(bps: float | None, policy: TradingPolicy) -> Measure:
    """None: a side of the book is empty."""
    if bps is None:
        return Measure("SPREAD_WIDE", UNKNOWN, policy.spread_bps_max, BPS, holds=False)
    return _most("SPREAD_WIDE", bps, policy.spread_bps_max, BPS)


def spread_sigma(sigma: float | None, policy: TradingPolicy) -> Measure:
    """None: the book was not seen long enough to know what it uses to be; `spread` holds it."""
    return _most("SPREAD_ANOMALY", 0.0 if sigma is None else sigma, policy.spread_sigma_max, SIGMA)


def crash(move_pct: float, policy: TradingPolicy) -> Measure:
    holds = abs(move_pct) < policy.flash_crash_pct
    return Measure("FLASH_CRASH", move_pct, policy.flash_crash_pct, PCT, holds)


# What was lost


def daily_loss(pnl_krw: Decimal, equity_krw: Decimal | None, policy: TradingPolicy) -> Measure:
    """The amount, or the share of what there is, whichever is smaller."""
    limit = policy.daily_loss_krw_max
    if equity_krw is not None:
        limit = min(limit, float(equity_krw) * policy.daily_loss_pct_max / 100.0)
    loss = max(0.0, -float(pnl_krw))
    return Measure("DAILY_LOSS", loss, limit, KRW, loss < limit)


def drawdown(pct: float, policy: TradingPolicy) -> Measure:
    return Measure(
        "DRAWDOWN", pct, policy.drawdown_pct_max, PCT, pct < policy.drawdown_pct_max
    )  # fmt: skip


def losses_in_row(count: int, policy: TradingPolicy) -> Measure:
    limit = policy.losses_in_row_max
    return Measure("LOSSES_IN_ROW", float(count), float(limit), COUNT, count < limit)


# How much at once


def cycles(open_count: int, policy: TradingPolicy) -> Measure:
    """One more must fit."""
    limit = policy.cycles_max
    return Measure("CYCLES", float(open_count), float(limit), COUNT, open_count < limit)


def cycles_per_base(open_count: int, policy: TradingPolicy) -> Measure:
    limit = policy.cycles_per_base_max
    return Measure("CYCLES_PER_BASE", float(open_count), float(limit), COUNT, open_count < limit)


def purse_frozen(why: str | None) -> Measure:
    return _word("PURSE_FROZEN", why or "", "")


def size(policy: TradingPolicy) -> Room:
    limit = _krw(policy.size_krw)
    return Room("SIZE_MAX", limit, policy.size_krw, policy.size_krw)


def funds(asked_krw: Decimal, share: Decimal) -> Room:
    """share: of what is asked that there is."""
    return Room("INSUFFICIENT", asked_krw * share, float(asked_krw), float(asked_krw * share))


def young_won(asked_krw: Decimal, share: Decimal) -> Room:
    """share: of what is asked whose coins may leave at once."""
    return Room("YOUNG_WON", asked_krw * share, float(asked_krw), float(asked_krw * share))


def coin_exposure(used: Decimal, asked_krw: Decimal, policy: TradingPolicy) -> Room:
    return _room("COIN_EXPOSURE", used, asked_krw, policy.coin_krw_max)


def venue_exposure(used: Decimal, asked_krw: Decimal, policy: TradingPolicy) -> Room:
    return _room("VENUE_EXPOSURE", used, asked_krw, policy.venue_krw_max)


def total_exposure(used: Decimal, asked_krw: Decimal, policy: TradingPolicy) -> Room:
    return _room("TOTAL_EXPOSURE", used, asked_krw, policy.total_krw_max)


def size_min(left: Decimal, policy: TradingPolicy) -> Measure:
    holds = left >= _krw(policy.size_krw_min)
    return Measure("SIZE_MIN", float(left), policy.size_krw_min, KRW, holds)


# Beneath


def first_broken(measures: Iterable[Measure]) -> Measure | None:
    """In the order of the table: what only people change is told first."""
    return next((measure for measure in measures if not measure.holds), None)


def _word(code: str, value: str, limit: str) -> Measure:
    return Measure(code, value, limit, WORD, value == limit)


def _age(code: str, age_ms: float | None, limit_s: float) -> Measure:
    if age_ms is None:
        return Measure(code, UNKNOWN, limit_s, S, holds=False)
    return _most(code, age_ms / SECOND_MS, limit_s, S)


def _most(code: str, value: float, limit: float, unit: str) -> Measure:
    """NaN holds nothing."""
    return Measure(code, value, limit, unit, value <= limit)


def _room(code: str, used: Decimal, asked: Decimal, limit: float) -> Room:
    return Room(code, max(Decimal(0), _krw(limit) - used), float(used + asked), limit)


def _krw(value: float) -> Decimal:
    return Decimal(repr(value))
