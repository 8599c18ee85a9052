"""The risk manager: who may begin, how much of it, and what is kept of those it refused."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.cycles import CycleView, ExecutionStyle, Reservation, Strategy
from app.domain.events import DayRead
from app.domain.facts import BreakerTurned
from app.domain.live import Gate
from app.domain.markets import Instrument
from app.domain.trading import (
    Approved,
    DayResult,
    LimitRow,
    Purse,
    Refused,
    TradingPolicy,
    TradingState,
)
from app.domain.venues import Venue
from tests.engine.builders import BINANCE, UPBIT
from tests.engine.risk.stands import BUY, FRESH, SELL, D, Stand, cycle, purse


@pytest.fixture
def stand() -> Stand:
    return Stand()


def code(answer: Approved | Refused) -> str:
    assert isinstance(answer, Refused), answer
    return answer.code


def ask(stand: Stand, krw: int = 1_000_000, /, **changes: object) -> Approved | Refused:
    return stand.risk.judge(stand.candidate(krw, **changes), stand.at_ns)


def limit(stand: Stand, name: str, detail: str = "") -> LimitRow:
    rows = stand.risk.limits(stand.at_ns)
    return next(row for row in rows if (row.code, row.detail) == (name, detail))


def test_what_passes_everything_is_approved_as_it_was_asked(stand: Stand) -> None:
    asked = stand.candidate()
    assert stand.risk.judge(asked, stand.at_ns) == Approved(asked.quantity, D(1_000_000))


def test_nothing_begins_before_anybody_said_that_it_may() -> None:
    stand = Stand()
    stand.state(TradingState.HALTED)
    assert code(ask(stand)) == "HALTED"
    stand.state(TradingState.REDUCING)
    assert code(ask(stand)) == "REDUCING"
    stand.state(TradingState.ACTIVE, killed=True)
    assert code(ask(stand)) == "KILLED"
    stand.state(TradingState.ACTIVE, blocked="RECONCILING")
    assert ask(stand) == Refused("BLOCKED", "RECONCILING", "", "word")
    stand.state(TradingState.ACTIVE)
    assert stand.risk.may_begin() is None


CHANGES: list[tuple[str, dict[str, object]]] = [
    ("ALERT_ONLY", {"style": ExecutionStyle.ALERT_ONLY}),
    ("IDENTITY", {"gates": (Gate("IDENTITY", False, "quarantined", "same", None, "word"),)}),
    ("WALLET_CLOSED", {"gates": (Gate("WALLET_CLOSED", False, "closed", "open", None, "word"),)}),
    ("STALE_BOOK", {"ages_ms": (1_501.0, 1.0, 1.0, 1.0)}),
    ("STALE_BOOK", {"ages_ms": (1.0, None, 1.0, 1.0)}),
    ("STALE_RATE", {"ages_ms": (1.0, 1.0, 60_001.0, 1.0)}),
    ("WALLET_UNKNOWN", {"ages_ms": (1.0, 1.0, 1.0, None)}),
    ("NET_BELOW_MIN", {"net_bps": 29.9}),
    ("TOO_GOOD", {"net_bps": 1_500.1}),
    ("SPREAD_WIDE", {"buy": Instrument(Venue.OKX, "XRP", "USDT")}),
    ("SIZE_MIN", {"notional_krw": D(99_999), "spends": ()}),
]


@pytest.mark.parametrize(("expected", "changes"), CHANGES)
def test_one_thing_wrong_is_enough(stand: Stand, expected: str, changes: dict[str, object]) -> None:
    assert code(ask(stand, **changes)) == expected


def test_who_has_the_coins_already_needs_no_wallet(stand: Stand) -> None:
    answer = ask(stand, style=ExecutionStyle.PREFUNDED, ages_ms=(*FRESH[:3], None))
    assert isinstance(answer, Approved)


def test_a_coin_that_is_not_on_the_allow_list_is_refused(stand: Stand) -> None:
    stand.policy(TradingPolicy(allow_list=("BTC",)))
    assert code(ask(stand)) == "NOT_ALLOWED"
    stand.policy(TradingPolicy(allow_list=("BTC", "XRP")))
    assert isinstance(ask(stand), Approved)


def test_only_so_many_cycles_at_once_and_of_one_coin(stand: Stand) -> None:
    stand.claim(cycle(1))
    assert code(ask(stand)) == "CYCLES_PER_BASE"
    stand.portfolio.dropped("c-1")
    for number in range(5):
        stand.claim(cycle(number, base=f"C{number}", krw=1))
    assert code(ask(stand)) == "CYCLES"
    stand.portfolio.dropped("c-0")
    assert isinstance(ask(stand), Approved)


def test_a_purse_that_does_not_agree_with_its_venue_is_not_spent(stand: Stand) -> None:
    stand.purses(purse(BINANCE, "USDT", "50000", frozen="MISMATCH"))
    assert ask(stand) == Refused("PURSE_FROZEN", "MISMATCH", "", "word")


def test_the_policy_s_size_is_the_most(stand: Stand) -> None:
    answer = ask(stand, 3_000_000)
    assert isinstance(answer, Approved)
    assert (answer.notional_krw, answer.limited_by) == (D("1000000.0"), "SIZE_MAX")
    assert answer.quantity <= D(3_000_000) / 700 / 3
    assert answer.quantity == pytest.approx(D(1_000_000) / 700)


def test_what_is_there_limits_the_size_and_too_little_of_it_refuses(stand: Stand) -> None:
    stand.purses(purse(BINANCE, "USDT", "357.142857142857142857"))
    answer = ask(stand)
    assert isinstance(answer, Approved)
    assert answer.limited_by == "INSUFFICIENT"
    assert answer.notional_krw == pytest.approx(D(500_000))
    stand.purses(purse(BINANCE, "USDT", "71"))
    assert code(ask(stand)) == "INSUFFICIENT"


def test_what_is_in_flight_or_asked_for_already_is_not_there(stand: Stand) -> None:
    stand.purses(purse(BINANCE, "USDT", "0", in_flight="50000"))
    assert code(ask(stand)) == "INSUFFICIENT"


def test_won_that_is_too_young_buys_nothing_that_leaves(stand: Stand) -> None:
    young = Purse(
        UPBIT, "KRW", D(2_000_000), D(0), D(0), None, D(1_600_000), stand.at_ns + 10
    )  # fmt: skip
    stand.purses(young)
    low: dict[str, object] = {
        "strategy": Strategy.LOW_PREMIUM, "buy": SELL, "sell": BUY,
        "spends": (Reservation(UPBIT, "KRW", D(1_000_000)),),
    }  # fmt: skip
    answer = ask(stand, **low)
    assert isinstance(answer, Approved)
    assert (answer.notional_krw, answer.limited_by) == (D(400_000), "YOUNG_WON")
    high = ask(stand, **low | {"strategy": Strategy.HIGH_PREMIUM})
    assert isinstance(high, Approved)
    assert high.limited_by is None, "what stays in Korea may be bought with any won"


@pytest.mark.parametrize(
    ("name", "policy"),
    [
        ("COIN_EXPOSURE", TradingPolicy(coin_krw_max=1_400_000.0, cycles_per_base_max=9)),
        ("VENUE_EXPOSURE", TradingPolicy(venue_krw_max=1_400_000.0, cycles_per_base_max=9)),
        ("TOTAL_EXPOSURE", TradingPolicy(total_krw_max=1_400_000.0, cycles_per_base_max=9)),
    ],
)
def test_what_is_at_stake_already_limits_what_may_be_added(
    stand: Stand, name: str, policy: TradingPolicy
) -> None:
    stand.policy(policy)
    stand.claim(cycle(1))
    answer = ask(stand)
    assert isinstance(answer, Approved)
    assert (answer.notional_krw, answer.limited_by) == (D("400000.0"), name)
    stand.claim(cycle(2, krw=300_001))
    assert ask(stand) == Refused(name, 2_300_001.0, 1_400_000.0, "krw")
    stand.claim(cycle(2, krw=300_000))
    assert isinstance(ask(stand), Approved), "the smallest size fits exactly"


def test_a_lost_day_refuses_and_tells_its_breaker(stand: Stand) -> None:
    lost = DayResult("2023-11-14", 3, 0, 3, 0, D(-700_000), D(1), D(1), 0.0, None)
    stand.risk.day(DayRead(stand.at_ns, lost, 3, None))
    assert code(ask(stand)) == "DAILY_LOSS"
    stand.risk.tick(stand.at_ns, stand.facts)
    assert [f.code for f in stand.facts if isinstance(f, BreakerTurned)] == ["DAILY_LOSS"]
    row = limit(stand, "DAILY_LOSS")
    assert (row.value, row.used, row.warned) == (700_000.0, 1.0, True)


def test_a_crash_of_the_coin_refuses_it(stand: Stand) -> None:
    stand.seconds(3)
    stand.seconds(1, won=629.0)
    assert code(ask(stand)) == "FLASH_CRASH"
    assert [row.code for row in stand.risk.breakers(stand.at_ns)][-1] == "FLASH_CRASH"


def test_a_gaping_book_is_refused_by_its_own_history(stand: Stand) -> None:
    stand.seconds(70)
    assert isinstance(ask(stand), Approved)
    stand.prices(0.5, 700.0, spread=0.002)
    assert code(ask(stand)) == "SPREAD_ANOMALY"


def test_a_limit_warns_at_seven_tenths(stand: Stand) -> None:
    stand.policy(TradingPolicy(total_krw_max=10_000_000.0))
    stand.claim(cycle(1, krw=6_999_999))
    assert not limit(stand, "TOTAL_EXPOSURE").warned
    stand.claim(cycle(1, krw=7_000_000))
    row = limit(stand, "TOTAL_EXPOSURE")
    assert (row.value, row.limit, row.used, row.warned) == (7e6, 1e7, 0.7, True)
    assert limit(stand, "VENUE_EXPOSURE", "upbit").value == 7e6
    assert limit(stand, "COIN_EXPOSURE", "XRP").value == 7e6


def test_a_limit_without_a_use_has_none(stand: Stand) -> None:
    row = limit(stand, "TOO_GOOD")
    assert (row.value, row.used, row.warned, row.limit) == (None, None, False, 1_500.0)


def test_a_refusal_is_told_once_per_signal_and_counted_until_midnight(stand: Stand) -> None:
    asked = stand.candidate(net_bps=1.0)
    refused = stand.risk.judge(asked, stand.at_ns)
    assert isinstance(refused, Refused)
    fact = stand.risk.told(asked, refused, stand.at_ns)
    assert fact is not None
    assert (fact.signal_id, fact.strategy, fact.refused) == ("o-1", "HIGH_PREMIUM", refused)
    assert stand.risk.told(asked, refused, stand.at_ns) is None
    other = msgspec.structs.replace(asked, signal_id="o-2")
    assert stand.risk.told(other, refused, stand.at_ns) is not None
    assert limit(stand, "NET_BELOW_MIN").refused_today == 2
    tomorrow = stand.at_ns + 86_400 * 10**9
    third = msgspec.structs.replace(asked, signal_id="o-3")
    assert stand.risk.told(third, refused, tomorrow) is not None
    assert limit(stand, "NET_BELOW_MIN").refused_today == 1


AMOUNT = st.integers(0, 3_000_000)


@settings(max_examples=60, deadline=None)
@given(asked=st.integers(1, 5_000_000), there=AMOUNT, staked=AMOUNT)
def test_no_approval_is_larger_than_any_limit_allows(asked: int, there: int, staked: int) -> None:
    stand = Stand(
        TradingPolicy(coin_krw_max=2e6, venue_krw_max=2.5e6, total_krw_max=2.2e6, size_krw=1.5e6,
                      cycles_per_base_max=9)
    )  # fmt: skip
    stand.purses(purse(BINANCE, "USDT", str(D(there) / 1400)))
    stand.portfolio.claimed(CycleView(cycle(1, krw=staked)))
    candidate = stand.candidate(asked)
    answer = stand.risk.judge(candidate, stand.at_ns)
    if isinstance(answer, Refused):
        room = min(asked, there + 1, 2_000_000 - staked, 1_500_000)
        assert room <= 100_001
        return
    spent = candidate.spends[0].amount * answer.notional_krw / candidate.notional_krw
    assert answer.notional_krw + staked <= 2_000_000
    assert 100_000 <= answer.notional_krw <= min(asked, 1_500_000)
    assert spent <= stand.portfolio.available(BINANCE, "USDT") + Decimal("1e-12")
    assert answer.quantity <= candidate.quantity
