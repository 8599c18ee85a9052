"""Each limit at its boundary: what holds there, one step beyond, and what the refusal says."""

from __future__ import annotations

from decimal import Decimal
from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.live import Gate
from app.domain.trading import Refused, TradingPolicy, TradingState
from app.engine.risk import limits
from app.engine.risk.limits import Measure

POLICY = TradingPolicy()
D = Decimal


@pytest.mark.parametrize(
    ("holds", "breaks", "code", "unit"),
    [
        (limits.state(TradingState.ACTIVE), limits.state(TradingState.HALTED), "HALTED", "word"),
        (limits.state(TradingState.ACTIVE), limits.state(TradingState.REDUCING), "REDUCING",
         "word"),
        (limits.killed(False), limits.killed(True), "KILLED", "word"),
        (limits.blocked(None), limits.blocked("RECONCILING"), "BLOCKED", "word"),
        (limits.style("TRANSFER", POLICY), limits.style("HEDGED_TRANSFER", POLICY), "ALERT_ONLY",
         "word"),
        (limits.book_age(1_500.0, POLICY), limits.book_age(1_500.1, POLICY), "STALE_BOOK", "s"),
        (limits.rate_age(60_000.0, POLICY), limits.rate_age(60_001.0, POLICY), "STALE_RATE", "s"),
        (limits.wallet_age(900_000.0, POLICY), limits.wallet_age(900_001.0, POLICY),
         "WALLET_UNKNOWN", "s"),
        (limits.net(30.0, POLICY), limits.net(29.99, POLICY), "NET_BELOW_MIN", "bps"),
        (limits.too_good(1_500.0, POLICY), limits.too_good(1_500.1, POLICY), "TOO_GOOD", "bps"),
        (limits.spread(500.0, POLICY), limits.spread(500.1, POLICY), "SPREAD_WIDE", "bps"),
        (limits.spread_sigma(3.0, POLICY), limits.spread_sigma(3.01, POLICY), "SPREAD_ANOMALY",
         "sigma"),
        (limits.crash(9.99, POLICY), limits.crash(10.0, POLICY), "FLASH_CRASH", "pct"),
        (limits.crash(-9.99, POLICY), limits.crash(-10.0, POLICY), "FLASH_CRASH", "pct"),
        (limits.daily_loss(D(-699_999), None, POLICY), limits.daily_loss(D(-700_000), None, POLICY),
         "DAILY_LOSS", "krw"),
        (limits.drawdown(4.99, POLICY), limits.drawdown(5.0, POLICY), "DRAWDOWN", "pct"),
        (limits.losses_in_row(4, POLICY), limits.losses_in_row(5, POLICY), "LOSSES_IN_ROW",
         "count"),
        (limits.cycles(4, POLICY), limits.cycles(5, POLICY), "CYCLES", "count"),
        (limits.cycles_per_base(0, POLICY), limits.cycles_per_base(1, POLICY), "CYCLES_PER_BASE",
         "count"),
        (limits.purse_frozen(None), limits.purse_frozen("MISMATCH"), "PURSE_FROZEN", "word"),
        (limits.size_min(D(100_000), POLICY), limits.size_min(D(99_999), POLICY), "SIZE_MIN",
         "krw"),
    ],
    ids=lambda each: each if isinstance(each, str) else None,
)  # fmt: skip
def test_a_limit_holds_up_to_its_boundary(
    holds: Measure, breaks: Measure, code: str, unit: str
) -> None:
    assert holds.holds
    assert not breaks.holds
    assert breaks.refused() == Refused(code, breaks.value, breaks.limit, unit)


@pytest.mark.parametrize("age", [limits.book_age, limits.rate_age, limits.wallet_age])
def test_an_age_that_nobody_knows_is_too_old(age: object) -> None:
    measure = age(None, POLICY)  # type: ignore[operator]
    assert not measure.holds
    assert measure.refused().value == "unknown"


@pytest.mark.parametrize("judge", [limits.net, limits.too_good, limits.spread])
def test_what_is_no_number_holds_nothing(judge: object) -> None:
    assert not judge(nan, POLICY).holds  # type: ignore[operator]


def test_a_book_with_an_empty_side_has_no_spread_to_trust() -> None:
    measure = limits.spread(None, POLICY)
    assert (measure.holds, measure.value) == (False, "unknown")


def test_a_spread_without_a_history_is_held_by_its_width_alone() -> None:
    assert limits.spread_sigma(None, POLICY).holds


def test_an_empty_allow_list_allows_all_and_another_only_what_it_names() -> None:
    assert limits.allowed("XRP", POLICY).holds
    narrow = TradingPolicy(allow_list=("BTC", "XRP"))
    assert limits.allowed("XRP", narrow).holds
    refused = limits.allowed("DOGE", narrow).refused()
    assert refused == Refused("NOT_ALLOWED", "DOGE", "BTC XRP", "word")


def test_a_gate_that_does_not_hold_refuses_with_its_own_code_and_figures() -> None:
    closed = Gate("WALLET_CLOSED", False, "closed", "open", None, "word", name="withdraw")
    assert limits.gate(closed).refused() == Refused("WALLET_CLOSED", "closed", "open", "word")
    blind = Gate("IDENTITY", False, None, None, None, "word", name="identity")
    assert limits.gate(blind).refused() == Refused("IDENTITY", "unknown", "unknown", "word")
    assert limits.gate(Gate("TOO_GOOD", True, 40.0, 1_500.0, 1_460.0, "bps")).holds


def test_the_daily_loss_is_the_amount_or_the_share_of_equity_whichever_is_smaller() -> None:
    small = limits.daily_loss(D(-50_000), D(5_000_000), POLICY)
    assert (small.limit, small.holds) == (50_000.0, False)
    large = limits.daily_loss(D(-50_000), D(5_000_000_000), POLICY)
    assert (large.limit, large.holds) == (700_000.0, True)


def test_a_day_that_earned_has_lost_nothing() -> None:
    assert limits.daily_loss(D(900_000), None, POLICY).value == 0.0


@pytest.mark.parametrize(
    ("exposure", "limit"),
    [
        (limits.coin_exposure, 14_000_000.0),
        (limits.venue_exposure, 70_000_000.0),
        (limits.total_exposure, 140_000_000.0),
    ],
)
def test_an_exposure_leaves_the_room_up_to_its_limit_and_never_less_than_none(
    exposure: object, limit: float
) -> None:
    used = D(repr(limit)) - 400_000
    room = exposure(used, D(1_000_000), POLICY)  # type: ignore[operator]
    assert (room.left, room.value, room.limit) == (D(400_000), limit + 600_000, limit)
    assert exposure(D(repr(limit)), D(1), POLICY).left == 0  # type: ignore[operator]
    over = exposure(D(repr(limit)) + 5, D(1), POLICY)  # type: ignore[operator]
    assert over.left == 0
    assert over.refused().unit == "krw"


@given(
    used=st.decimals(0, D(10**9), places=2),
    asked=st.decimals(0, D(10**9), places=2),
    limit=st.floats(1.0, 1e9),
)
def test_what_is_used_and_what_is_left_never_exceed_the_limit(
    used: Decimal, asked: Decimal, limit: float
) -> None:
    room = limits.coin_exposure(used, asked, TradingPolicy(coin_krw_max=limit))
    assert room.left >= 0
    assert used + room.left <= max(used, D(repr(limit)))


def test_the_first_that_breaks_is_the_one_that_is_told() -> None:
    good, bad, worse = limits.net(40.0, POLICY), limits.net(1.0, POLICY), limits.crash(99.0, POLICY)
    assert limits.first_broken([good]) is None
    assert limits.first_broken([good, bad, worse]) == bad
