"""Rates: what a dollar is worth in won, from several places that have to agree."""

from __future__ import annotations

import math

import pytest

from app.domain.facts import RateWithheld
from app.domain.live import RateRow
from app.domain.policy import Policy
from app.domain.venues import Venue
from app.engine.market.rates import KRW, QUOTES, USD, USDC, USDT
from tests.engine.stand import Stand, instrument

TETHER_UPBIT = instrument(Venue.UPBIT, "USDT")
TETHER_BITHUMB = instrument(Venue.BITHUMB, "USDT")


@pytest.fixture
def stand() -> Stand:
    return Stand()


def row(stand: Stand, name: str) -> RateRow:
    return next(each for each in stand.rates.rows(stand.at_ns) if each.id == name)


def test_nothing_is_assumed(stand: Stand) -> None:
    assert not stand.rates.refresh(stand.at_ns)
    assert stand.rates.krw[KRW] == 1.0
    assert all(math.isnan(stand.rates.krw[quote]) for quote in (USDT, USDC, USD))
    assert math.isnan(stand.rates.official(stand.at_ns))
    for name, why in (("USD", "no_source"), ("USDT", "no_book"), ("USDC", "no_book")):
        assert row(stand, name).rate is None
        assert row(stand, name).withheld == why


# Official


def test_two_sources_that_agree_make_the_official_rate(stand: Stand) -> None:
    stand.answer("one", 1_390.0)
    stand.rates.refresh(stand.at_ns)
    assert row(stand, "USD").withheld == "quorum"
    assert math.isnan(stand.rates.krw[USD])

    stand.answer("two", 1_392.0)
    assert stand.rates.refresh(stand.at_ns)
    assert row(stand, "USD").rate == 1_391.0
    assert stand.rates.official(stand.at_ns) == 1_391.0
    assert [source.state for source in row(stand, "USD").sources] == ["ok", "ok"]


@pytest.mark.parametrize(("other", "agrees"), [(1_396.9, True), (1_397.0, False), (1_383.0, False)])
def test_sources_half_a_percent_apart_give_no_rate(
    stand: Stand, other: float, agrees: bool
) -> None:
    stand.answer("one", 1_390.0)
    stand.answer("two", other)
    stand.rates.refresh(stand.at_ns)
    assert (row(stand, "USD").rate is not None) is agrees
    if not agrees:
        assert row(stand, "USD").withheld == "disagree"
        assert {source.state for source in row(stand, "USD").sources} == {"disagrees"}


def test_of_three_sources_one_may_not_be_far_off(stand: Stand) -> None:
    """Nobody knows which one is wrong."""
    for name, rate in (("one", 1_390.0), ("two", 1_391.0), ("three", 1_420.0)):
        stand.answer(name, rate)
    stand.rates.refresh(stand.at_ns)
    assert row(stand, "USD").withheld == "disagree"


def test_an_official_rate_grows_old(stand: Stand) -> None:
    stand.answer("one", 1_390.0)
    stand.answer("two", 1_390.0)
    stand.wait(360)
    stand.rates.refresh(stand.at_ns)
    assert stand.rates.official_age_ms(stand.at_ns) == 360_000
    assert row(stand, "USD").rate == 1_390.0

    stand.wait(0.001)
    stand.rates.refresh(stand.at_ns)
    assert row(stand, "USD").withheld == "quorum"
    assert {source.state for source in row(stand, "USD").sources} == {"stale"}


def test_a_failure_keeps_the_last_answer_until_it_is_too_old(stand: Stand) -> None:
    stand.answer("one", 1_390.0)
    stand.answer("two", 1_390.0)
    stand.wait(300)
    stand.answer("one", 1_391.0)
    stand.answer("two", None, "timeout")
    stand.rates.refresh(stand.at_ns)
    assert row(stand, "USD").rate == 1_390.5
    source = row(stand, "USD").sources[1]
    assert (source.rate, source.age_ms, source.detail) == (1_390.0, 300_000, "timeout")

    stand.wait(61)
    stand.rates.refresh(stand.at_ns)
    assert row(stand, "USD").withheld == "quorum"


def test_a_source_that_never_answered_is_missing(stand: Stand) -> None:
    stand.answer("one", None, "HTTP 503")
    stand.rates.refresh(stand.at_ns)
    assert row(stand, "USD").sources[0].state == "missing"


def test_one_configured_source_is_enough_when_it_is_the_only_one() -> None:
    stand = Stand(Policy(fx_quorum=1))
    stand.answer("one", 1_390.0)
    stand.rates.refresh(stand.at_ns)
    assert row(stand, "USD").rate == 1_390.0


def test_a_rate_set_by_hand_says_so_and_does_not_age() -> None:
    stand = Stand(Policy(fx_fixed=1_400.0))
    stand.answer("one", 1_390.0)
    stand.wait(86_400)
    stand.rates.refresh(stand.at_ns)
    assert stand.rates.manual
    assert row(stand, "USD").rate == 1_400.0
    assert row(stand, "USD").manual
    assert row(stand, "USD").sources[0].state == "manual"
    assert not row(stand, "USDT").manual


# USDT


def test_tether_is_the_mean_of_the_korean_mids(stand: Stand) -> None:
    stand.set(TETHER_UPBIT, 1_419.0, 1_421.0)
    stand.rates.refresh(stand.at_ns)
    assert stand.rates.krw[USDT] == 1_420.0
    stand.set(TETHER_BITHUMB, 1_421.0, 1_423.0)
    assert stand.rates.refresh(stand.at_ns)
    assert stand.rates.krw[USDT] == 1_421.0
    assert not stand.rates.refresh(stand.at_ns)
    assert [source.source for source in row(stand, "USDT").sources] == ["upbit", "bithumb"]
    rows = {stand.row(TETHER_UPBIT), stand.row(TETHER_BITHUMB)}
    assert set(stand.rates.tether_rows) == rows
    assert stand.rates.rows_of_interest() == rows
    assert stand.rates.tether_row(Venue.UPBIT) == stand.row(TETHER_UPBIT)
    assert stand.rates.tether_row(Venue.OKX) == -1


def test_korean_books_that_disagree_are_both_left_alone(stand: Stand) -> None:
    stand.set(TETHER_UPBIT, 1_420.0, 1_420.0 + 1e-9)
    stand.set(TETHER_BITHUMB, 1_428.0, 1_428.0 + 1e-9)
    stand.rates.refresh(stand.at_ns)
    assert row(stand, "USDT").withheld == "disagree"
    assert math.isnan(stand.rates.krw[USDT])
    assert {source.state for source in row(stand, "USDT").sources} == {"disagrees"}


def test_a_tether_book_that_is_old_invalid_or_lost_gives_no_rate(stand: Stand) -> None:
    stand.set(TETHER_UPBIT, 1_419.0, 1_421.0)
    connection = stand.connections[TETHER_UPBIT]
    stand.rates.refresh(stand.at_ns)
    assert stand.rates.tether_age_ms(stand.at_ns) == 0

    stand.rack.tops[stand.row(TETHER_UPBIT)]["valid"] = 0
    stand.rates.refresh(stand.at_ns)
    assert row(stand, "USDT").withheld == "stale"
    stand.rack.tops[stand.row(TETHER_UPBIT)]["valid"] = 1

    stand.wait(60)
    stand.rates.refresh(stand.at_ns)
    assert row(stand, "USDT").rate == 1_420.0
    stand.wait(0.001)
    stand.rates.refresh(stand.at_ns)
    assert row(stand, "USDT").rate is None

    stand.set(TETHER_UPBIT, 1_419.0, 1_421.0)
    stand.lose(connection)
    stand.rates.refresh(stand.at_ns)
    assert row(stand, "USDT").withheld == "stale"


def test_a_row_that_was_given_to_another_book_makes_no_rate(stand: Stand) -> None:
    stand.set(TETHER_UPBIT, 1_419.0, 1_421.0)
    stand.rates.refresh(stand.at_ns)
    stand.rack.remove(stand.row(TETHER_UPBIT))
    stand.price(Venue.UPBIT, "BTC", 150_000_000.0)
    stand.rates.refresh(stand.at_ns)
    assert row(stand, "USDT").withheld == "no_book"


# USDC and the dollar that Coinbase quotes in


def test_usdc_is_priced_in_korea_or_across_tether(stand: Stand) -> None:
    stand.set(TETHER_UPBIT, 1_419.0, 1_421.0)
    stand.price(Venue.BINANCE, "USDC", 0.9990)
    stand.price(Venue.OKX, "USDC", 0.9992)
    stand.price(Venue.BYBIT, "USDC", 0.9994)
    stand.rates.refresh(stand.at_ns)
    assert stand.rates.krw[USDC] == pytest.approx(1_420.0 * 0.9992)

    stand.set(instrument(Venue.UPBIT, "USDC"), 1_415.0, 1_417.0)
    stand.rates.refresh(stand.at_ns)
    assert stand.rates.krw[USDC] == 1_416.0


def test_usdc_across_a_tether_without_a_rate_has_none(stand: Stand) -> None:
    stand.price(Venue.BINANCE, "USDC", 0.9990)
    stand.rates.refresh(stand.at_ns)
    assert math.isnan(stand.rates.krw[USDC])
    assert row(stand, "USDC").withheld == "no_book"


def test_a_depegged_coin_is_priced_not_assumed(stand: Stand) -> None:
    """USDC in March 2023: 0.88."""
    stand.set(TETHER_UPBIT, 1_319.0, 1_321.0)
    stand.price(Venue.BINANCE, "USDC", 0.88)
    stand.rates.refresh(stand.at_ns)
    assert stand.rates.krw[USDC] == pytest.approx(0.88 * 1_320.0)


def test_coinbase_s_dollar_is_what_tether_costs_there(stand: Stand) -> None:
    stand.set(TETHER_UPBIT, 1_419.0, 1_421.0)
    stand.answer("one", 1_390.0)
    stand.answer("two", 1_390.0)
    stand.rates.refresh(stand.at_ns)
    assert stand.rates.krw[USD] == 1_390.0, "without a book, the official rate"

    book = instrument(Venue.COINBASE, "USDT", "USD")
    stand.set(book, 0.9989, 0.9991)
    stand.rates.refresh(stand.at_ns)
    assert stand.rates.krw[USD] == pytest.approx(1_420.0 / 0.999)

    stand.lose(stand.connections[book])
    stand.rates.refresh(stand.at_ns)
    assert math.isnan(stand.rates.krw[USD]), "a book that is silent is not replaced by a guess"


def test_premiums_of_stablecoins_are_over_the_official_rate(stand: Stand) -> None:
    stand.set(TETHER_UPBIT, 1_420.0, 1_420.0 + 1e-9)
    stand.rates.refresh(stand.at_ns)
    assert row(stand, "USDT").premium_bps is None
    stand.answer("one", 1_390.0)
    stand.answer("two", 1_390.0)
    stand.rates.refresh(stand.at_ns)
    assert row(stand, "USDT").premium_bps == pytest.approx((1_420 / 1_390 - 1) * 1e4)
    assert row(stand, "USD").premium_bps is None


def test_turning_is_told_once(stand: Stand) -> None:
    stand.rates.refresh(stand.at_ns)
    stand.rates.refresh(stand.at_ns)
    told = [fact for fact in stand.rates.take_facts() if isinstance(fact, RateWithheld)]
    assert [(fact.id, fact.reason) for fact in told] == [
        ("USD", "no_source"),
        ("USDT", "no_book"),
        ("USDC", "no_book"),
    ]
    stand.set(TETHER_UPBIT, 1_419.0, 1_421.0)
    stand.rates.refresh(stand.at_ns)
    (fact,) = stand.rates.take_facts()
    assert isinstance(fact, RateWithheld)
    assert (fact.id, fact.reason) == ("USDT", None)
    assert stand.rates.take_facts() == ()


def test_more_sources_than_anybody_configures_are_not_remembered(stand: Stand) -> None:
    for number in range(50):
        stand.answer(f"source {number}", 1_390.0)
    stand.rates.refresh(stand.at_ns)
    assert len(row(stand, "USD").sources) == 8


def test_every_quote_has_a_place() -> None:
    assert QUOTES.index("KRW") == KRW
    assert [QUOTES[place] for place in (USDT, USDC, USD)] == ["USDT", "USDC", "USD"]
