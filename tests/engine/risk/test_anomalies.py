"""Prices that run and spreads that gape, against their own past."""

from __future__ import annotations

import pytest

from app.domain.events import TradingPolicyChanged
from app.domain.trading import TradingPolicy
from app.engine.risk.anomalies import SAMPLES_MIN, WINDOW_S_MAX
from tests.engine.builders import BINANCE, UPBIT
from tests.engine.risk.stands import BUY, SELL, Stand


@pytest.fixture
def stand() -> Stand:
    stand = Stand()
    stand.world.facts.clear()
    return stand


def moves(stand: Stand, won: float) -> list[tuple[str, float]]:
    stand.world.wait(1.0)
    stand.prices(0.5, won)
    return [(c.instrument.venue.value, round(c.move_pct, 3)) for c in
            stand.anomalies.sample(stand.at_ns)]  # fmt: skip


def test_a_price_that_runs_within_the_minute_is_a_crash(stand: Stand) -> None:
    assert moves(stand, 700.0) == []
    assert moves(stand, 630.1) == []
    assert moves(stand, 629.9) == [("upbit", -10.014)]
    assert moves(stand, 700.0) == [("upbit", 11.129)], "as far up from its lowest"


def test_a_slow_fall_is_none(stand: Stand) -> None:
    price = 700.0
    for _ in range(120):
        assert moves(stand, price) == []
        price *= 0.9985


def test_the_window_is_the_policy_s(stand: Stand) -> None:
    stand.policy(TradingPolicy(crash_window_s=5.0))
    moves(stand, 700.0)
    for _ in range(5):
        moves(stand, 680.0)
    assert moves(stand, 629.0) == [], "where it stood is forgotten"
    assert stand.anomalies.largest() == pytest.approx(7.5, abs=0.01)


def test_it_looks_once_a_second(stand: Stand) -> None:
    moves(stand, 700.0)
    stand.world.wait(0.5)
    stand.prices(0.5, 600.0)
    assert stand.anomalies.sample(stand.at_ns) == ()


def test_a_long_silence_compares_with_nothing(stand: Stand) -> None:
    moves(stand, 700.0)
    stand.world.wait(WINDOW_S_MAX + 1.0)
    stand.prices(0.5, 500.0)
    assert stand.anomalies.sample(stand.at_ns) == ()


def test_a_book_that_came_anew_is_watched_from_anew(stand: Stand) -> None:
    moves(stand, 700.0)
    stand.world.lose(UPBIT)
    stand.world.wait(1.0)
    assert stand.anomalies.sample(stand.at_ns) == ()
    stand.world.open(UPBIT, "XRP")
    assert moves(stand, 600.0) == [("upbit", -14.286)], "the same book, and the window remembers"


def test_a_spread_is_known_at_once_and_its_usual_only_after_a_minute(stand: Stand) -> None:
    bps, sigma = stand.anomalies.spread(BUY)
    assert bps == pytest.approx(2.0)
    assert sigma is None
    stand.seconds(SAMPLES_MIN)
    _, sigma = stand.anomalies.spread(BUY)
    assert sigma == pytest.approx(0.0, abs=1e-6)


def test_a_spread_that_gapes_is_told_in_standard_deviations(stand: Stand) -> None:
    for _ in range(40):
        stand.seconds(1, spread=0.0002)
        stand.seconds(1, spread=0.0006)
    stand.prices(0.5, 700.0, spread=0.0010)
    bps, sigma = stand.anomalies.spread(SELL)
    assert bps == pytest.approx(10.0)
    assert sigma == pytest.approx(3.0, rel=0.05), "mean 4, deviation 2"


def test_a_book_that_never_moves_may_move_a_little(stand: Stand) -> None:
    stand.seconds(SAMPLES_MIN + 5)
    stand.prices(0.5, 700.0, spread=0.0004)
    _, sigma = stand.anomalies.spread(BUY)
    assert sigma == pytest.approx(2.0, abs=0.01), "two bps over a floor of one"


def test_nobody_knows_the_spread_of_a_book_that_is_not_there(stand: Stand) -> None:
    assert stand.anomalies.spread(BUY.__class__(BINANCE, "BTC", "USDT")) == (None, None)


def test_a_policy_reaches_it_through_the_risk_manager(stand: Stand) -> None:
    policy = TradingPolicy(flash_crash_pct=1.0)
    stand.risk.policy(TradingPolicyChanged(stand.at_ns, policy))
    moves(stand, 700.0)
    assert moves(stand, 690.0) == [("upbit", -1.429)]
