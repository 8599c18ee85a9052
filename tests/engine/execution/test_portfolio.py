"""The portfolio: what may be spent, what is at stake, what it is all worth."""

from __future__ import annotations

from decimal import Decimal
from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.cycles import CycleState, CycleView, Reservation
from app.domain.events import PursesRead
from app.domain.facts import CycleOpened
from app.domain.trading import Purse
from app.domain.venues import Venue
from app.engine.execution.marks import Marks
from app.engine.execution.portfolio import Portfolio
from tests.engine.builders import BINANCE, OKX, UPBIT, World, fair, market
from tests.engine.risk.stands import D, cycle, purse

PRICES = {"USDT": 1_400.0, "XRP": 700.0, "BTC": 100_000_000.0}


@pytest.fixture
def portfolio() -> Portfolio:
    return Portfolio(lambda asset: PRICES.get(asset, nan))


def read(portfolio: Portfolio, *purses: Purse, whole: bool = False) -> None:
    portfolio.read(PursesRead(0, purses, whole))


def test_what_the_ledger_does_not_name_is_nothing(portfolio: Portfolio) -> None:
    assert portfolio.available(UPBIT, "KRW") == 0
    assert portfolio.purse(UPBIT, "KRW") is None
    assert portfolio.frozen(UPBIT, "KRW") is None


def test_what_is_reserved_or_in_flight_is_never_spendable(portfolio: Portfolio) -> None:
    read(portfolio, purse(BINANCE, "USDT", "100", reserved="40", in_flight="500"))
    assert portfolio.available(BINANCE, "USDT") == 100


def test_a_reading_of_one_commit_changes_its_purses_and_a_whole_one_all(
    portfolio: Portfolio,
) -> None:
    read(portfolio, purse(BINANCE, "USDT", "100"), purse(UPBIT, "KRW", "5"))
    read(portfolio, purse(BINANCE, "USDT", "60"))
    assert portfolio.available(BINANCE, "USDT") == 60
    assert portfolio.available(UPBIT, "KRW") == 5
    read(portfolio, purse(BINANCE, "USDT", "60"), whole=True)
    assert portfolio.available(UPBIT, "KRW") == 0


def opened(number: int, venue: Venue, asset: str, amount: str) -> CycleOpened:
    return CycleOpened(0, cycle(number), (Reservation(venue, asset, D(amount)),), (), "d")


def test_a_cycle_that_the_ledger_has_not_answered_for_has_its_reservation_taken(
    portfolio: Portfolio,
) -> None:
    read(portfolio, purse(BINANCE, "USDT", "100"))
    portfolio.opening(opened(1, BINANCE, "USDT", "70"))
    assert portfolio.available(BINANCE, "USDT") == 30
    portfolio.opening(opened(2, BINANCE, "USDT", "70"))
    assert portfolio.available(BINANCE, "USDT") == 0, "never less than nothing"
    portfolio.dropped("c-2")
    assert portfolio.available(BINANCE, "USDT") == 30
    read(portfolio, purse(BINANCE, "USDT", "30", reserved="70"))
    portfolio.claimed(CycleView(cycle(1)))
    assert portfolio.available(BINANCE, "USDT") == 30
    assert portfolio.cycles() == 1


def test_a_cycle_counts_until_it_is_closed_refused_or_another_s(portfolio: Portfolio) -> None:
    for number in (1, 2, 3):
        portfolio.claimed(CycleView(cycle(number)))
    assert (portfolio.cycles(), portfolio.cycles_of("XRP")) == (3, 3)
    portfolio.claimed(CycleView(cycle(1, state=CycleState.COMPLETED, closed_at_ns=9)))
    portfolio.dropped("c-2")
    assert (portfolio.cycles(), portfolio.total_krw()) == (1, D(1_000_000))
    portfolio.claimed(CycleView(cycle(3, state=CycleState.DEAD_LETTER)))
    assert portfolio.cycles() == 1, "a dead letter still holds what it holds"


def test_a_stake_counts_for_its_coin_for_both_its_venues_and_once_in_total(
    portfolio: Portfolio,
) -> None:
    portfolio.claimed(CycleView(cycle(1, krw=2_000_000)))
    portfolio.claimed(CycleView(cycle(2, base="BTC", krw=3_000_000, buy=OKX)))
    assert portfolio.coin_krw("XRP") == 2_000_000
    assert portfolio.venue_krw(UPBIT) == 5_000_000
    assert portfolio.venue_krw(OKX) == 3_000_000
    assert portfolio.total_krw() == 5_000_000
    assert portfolio.bases() == ("BTC", "XRP")
    assert portfolio.venues() == (UPBIT, BINANCE, OKX)


def test_the_coin_of_the_way_back_counts_from_when_the_way_back_begins(
    portfolio: Portfolio,
) -> None:
    portfolio.claimed(CycleView(cycle(1, return_base="DOGE")))
    assert portfolio.bases() == ("XRP",)
    portfolio.claimed(CycleView(cycle(1, return_base="DOGE", state=CycleState.AWAITING_REBALANCE)))
    assert portfolio.bases() == ("DOGE", "XRP")
    assert (portfolio.cycles_of("XRP"), portfolio.cycles_of("DOGE")) == (1, 0)


def test_what_other_engines_cycles_hold_is_exposure_at_today_s_price(portfolio: Portfolio) -> None:
    read(
        portfolio,
        purse(UPBIT, "XRP", "0", reserved="1000", in_flight="500"),
        purse(BINANCE, "USDT", "9000", reserved="2000"),
    )
    assert portfolio.coin_krw("XRP") == 1_050_000
    assert portfolio.venue_krw(BINANCE) == 2_800_000
    assert portfolio.total_krw() == 3_850_000
    assert portfolio.venues() == (UPBIT, BINANCE)
    portfolio.claimed(CycleView(cycle(1, krw=2_000_000)))
    assert portfolio.coin_krw("XRP") == 2_000_000, "the larger of plan and holding"


def test_young_won_is_there_but_may_not_leave(portfolio: Portfolio) -> None:
    young = Purse(UPBIT, "KRW", D(100), D(0), D(0), None, young=D(30), young_until_ns=1_000)
    read(portfolio, young)
    assert portfolio.available(UPBIT, "KRW") == 100
    assert portfolio.withdrawable(UPBIT, "KRW", 999) == 70
    assert portfolio.withdrawable(UPBIT, "KRW", 1_000) == 100
    assert portfolio.withdrawable(BINANCE, "USDT", 0) == 0


def test_equity_is_everything_and_says_what_it_leaves_out(portfolio: Portfolio) -> None:
    read(
        portfolio,
        purse(UPBIT, "KRW", "1000.5"),
        purse(BINANCE, "USDT", "1", reserved="1", in_flight="1"),
        purse(BINANCE, "NEW", "12"),
        purse(BINANCE, "OLD", "0"),
    )
    assert portfolio.equity() == (D("5200.5"), ("NEW",))


def test_a_price_that_pauses_is_the_last_one() -> None:
    prices = {"XRP": 700.0}
    portfolio = Portfolio(lambda asset: prices.get(asset, nan))
    assert portfolio.value_krw("XRP", D("0.1")) == D("70.00")
    prices["XRP"] = nan
    assert portfolio.value_krw("XRP", D("0.1")) == D("70.00")
    assert portfolio.value_krw("BTC", D(1)) is None
    assert portfolio.value_krw("KRW", D("12.34")) == D("12.34")


AMOUNTS = st.decimals(0, D(10**12), places=8)


@given(available=AMOUNTS, reserved=AMOUNTS, taken=st.lists(AMOUNTS, max_size=4))
def test_what_is_available_is_never_more_than_the_ledger_s_less_what_is_asked(
    available: Decimal, reserved: Decimal, taken: list[Decimal]
) -> None:
    portfolio = Portfolio(lambda _: nan)
    read(portfolio, Purse(BINANCE, "USDT", available, reserved, D(0)))
    for number, amount in enumerate(taken):
        portfolio.opening(opened(number, BINANCE, "USDT", str(amount)))
    left = portfolio.available(BINANCE, "USDT")
    assert left == max(D(0), available - sum(taken, D(0)))


def test_marks_take_the_median_of_the_books_that_may_decide() -> None:
    world = market(UPBIT, BINANCE, OKX)
    marks = Marks(world.engine.board, world.engine.rates)
    fair(world, UPBIT, premium=0.10)
    assert marks.krw("XRP") == pytest.approx(3_500.0)
    assert marks.krw("USDT") == pytest.approx(1_400.0)
    assert marks.krw("KRW") == 1.0
    world.lose(BINANCE)
    assert marks.krw("XRP") == pytest.approx(3_500.0 * 1.05), "two are left"
    assert marks.krw("NONE") != marks.krw("NONE"), "nobody says: no number"


def test_marks_know_a_ticker_of_a_thousand() -> None:
    world = World()
    world.open(BINANCE, "1000PEPE")
    world.open(UPBIT, "PEPE")
    world.tether()
    world.book(BINANCE, "1000PEPE", 0.0099, 0.0101)
    world.wait(0.1)
    marks = Marks(world.engine.board, world.engine.rates)
    assert marks.krw("PEPE") == pytest.approx(0.01 * 1_400.0 / 1_000.0)
