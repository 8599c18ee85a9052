"""Breakers: what opens them, how long they rest, and that each turn is told once."""

from __future__ import annotations

from decimal import Decimal

from app.domain.events import DayRead
from app.domain.facts import BreakerTurned, Fact
from app.domain.times import SECOND_NS, from_iso
from app.domain.trading import DayResult, TradingPolicy
from app.engine.risk.breakers import FOREVER_NS, Breakers

NOON = from_iso("2026-03-02T12:00:00Z")
MIDNIGHT = from_iso("2026-03-03T00:00:00Z")
POLICY = TradingPolicy(losses_in_row_max=3, loss_rest_s=900.0)


def day(
    at_ns: int = NOON,
    *,
    losses: int = 0,
    pnl: int = 0,
    equity: int | None = None,
    peak: float | None = None,
    drawdown: float = 0.0,
    date: str = "2026-03-02",
) -> DayRead:
    worth = None if equity is None else Decimal(equity)
    result = DayResult(
        date, 1, 0, 1, 0, Decimal(pnl), Decimal(0), Decimal(0), drawdown, worth
    )  # fmt: skip
    return DayRead(at_ns, result, losses, peak)


def opened(policy: TradingPolicy = POLICY) -> Breakers:
    breakers = Breakers()
    breakers.policy(policy)
    return breakers


def broken(breakers: Breakers, at_ns: int, base: str = "XRP") -> list[str]:
    return [measure.code for measure in breakers.measures(base, at_ns) if not measure.holds]


def turned(breakers: Breakers, at_ns: int) -> list[tuple[str, int | None]]:
    facts: list[Fact] = []
    breakers.tick(at_ns, facts)
    assert all(isinstance(fact, BreakerTurned) for fact in facts)
    return [(f.code, f.open_until_ns) for f in facts if isinstance(f, BreakerTurned)]


def test_nothing_is_open_before_anything_was_lost() -> None:
    breakers = opened()
    assert broken(breakers, NOON) == []
    assert turned(breakers, NOON) == []
    assert [row.open_until_ns for row in breakers.rows(NOON)] == [None, None, None]


def test_losses_in_a_row_make_it_rest_and_then_it_counts_anew() -> None:
    breakers = opened()
    breakers.day(day(losses=2))
    assert broken(breakers, NOON) == []
    breakers.day(day(losses=3))
    until = NOON + 900 * SECOND_NS
    assert broken(breakers, NOON) == ["LOSSES_IN_ROW"]
    assert turned(breakers, NOON) == [("LOSSES_IN_ROW", until)]
    assert turned(breakers, until - 1) == [], "an open breaker is told once"
    assert broken(breakers, until - 1) == ["LOSSES_IN_ROW"]
    assert broken(breakers, until) == []
    assert turned(breakers, until) == [("LOSSES_IN_ROW", None)]
    breakers.day(day(until, losses=5))
    assert broken(breakers, until) == [], "two more since it rested"
    breakers.day(day(until, losses=6))
    assert broken(breakers, until) == ["LOSSES_IN_ROW"]


def test_a_gain_forgets_the_row() -> None:
    breakers = opened()
    breakers.day(day(losses=3))
    later = NOON + 1_000 * SECOND_NS
    breakers.day(day(later, losses=0))
    breakers.day(day(later, losses=2))
    assert broken(breakers, later) == []
    breakers.day(day(later, losses=3))
    assert broken(breakers, later) == ["LOSSES_IN_ROW"]


def test_a_cycle_that_lost_nothing_does_not_prolong_the_rest() -> None:
    breakers = opened()
    breakers.day(day(losses=3))
    breakers.day(day(NOON + 100 * SECOND_NS, losses=3))
    assert broken(breakers, NOON + 900 * SECOND_NS) == []


def test_a_start_with_a_row_of_losses_begins_with_a_rest() -> None:
    breakers = opened()
    breakers.day(day(losses=7))
    assert broken(breakers, NOON) == ["LOSSES_IN_ROW"]


def test_a_daily_loss_closes_the_door_until_midnight_utc() -> None:
    breakers = opened()
    breakers.day(day(pnl=-700_000))
    assert broken(breakers, NOON) == ["DAILY_LOSS"]
    assert turned(breakers, NOON) == [("DAILY_LOSS", MIDNIGHT)]
    assert broken(breakers, MIDNIGHT - 1) == ["DAILY_LOSS"]
    assert broken(breakers, MIDNIGHT) == []
    assert turned(breakers, MIDNIGHT) == [("DAILY_LOSS", None)]


def test_who_raises_the_limit_opens_the_door_again() -> None:
    breakers = opened()
    breakers.day(day(pnl=-700_000))
    breakers.policy(TradingPolicy(daily_loss_krw_max=2_000_000.0))
    assert broken(breakers, NOON) == []


def test_a_drawdown_rests_until_somebody_acts_or_equity_recovers() -> None:
    breakers = opened()
    breakers.day(day(equity=95_000_000, peak=100_000_000.0))
    assert broken(breakers, NOON) == ["DRAWDOWN"]
    assert turned(breakers, NOON) == [("DRAWDOWN", FOREVER_NS)]
    assert broken(breakers, MIDNIGHT + 1) == ["DRAWDOWN"]
    breakers.day(day(MIDNIGHT, equity=96_000_000, peak=100_000_000.0, date="2026-03-03"))
    assert broken(breakers, MIDNIGHT) == []


def test_a_drawdown_is_where_equity_stands_and_only_unknown_the_worst_of_the_day() -> None:
    breakers = opened()
    breakers.day(day(equity=99_000_000, peak=100_000_000.0, drawdown=6.0))
    assert breakers.drawdown().value == 1.0
    breakers.day(day(equity=101_000_000, peak=100_000_000.0))
    assert breakers.drawdown().value == 0.0
    breakers.day(day(equity=None, peak=None, drawdown=2.0))
    assert breakers.drawdown().value == 2.0


def test_a_crash_rests_its_own_coin_until_it_has_been_calm() -> None:
    breakers = opened()
    breakers.crashed("XRP", "upbit", -12.5, NOON)
    assert broken(breakers, NOON) == ["FLASH_CRASH"]
    assert broken(breakers, NOON, "BTC") == []
    until = NOON + 300 * SECOND_NS
    assert turned(breakers, NOON) == [("FLASH_CRASH:XRP", until)]
    assert breakers.rows(NOON)[-1].reason == "XRP upbit"
    breakers.crashed("XRP", "upbit", -12.6, NOON + SECOND_NS)
    assert turned(breakers, NOON + SECOND_NS) == [], "the rest grows; that is no news"
    assert broken(breakers, until) == ["FLASH_CRASH"]
    assert broken(breakers, until + SECOND_NS) == []
    assert turned(breakers, until + SECOND_NS) == [("FLASH_CRASH:XRP", None)]
    assert len(breakers.rows(until + SECOND_NS)) == 3


def test_a_crash_of_the_tether_rests_every_coin() -> None:
    breakers = opened()
    breakers.crashed("USDT", "upbit", 11.0, NOON)
    assert broken(breakers, NOON, "BTC") == ["FLASH_CRASH"]
