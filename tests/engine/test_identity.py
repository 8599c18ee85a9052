"""Identity: a ticker is only a label. What differs is never reported until a person says so."""

from __future__ import annotations

import csv
import gzip
import math
from pathlib import Path

import pytest

from app.domain.facts import PairQuarantined
from app.domain.live import IdentityRow
from app.domain.markets import Flow
from app.domain.policy import AssetName, IdentityDecision, Policy, Verdict
from app.domain.venues import KOREAN, Venue
from app.engine.market.identity import identity_id, pair
from app.engine.market.names import SEEDS, Names
from tests.engine.stand import T0, Stand, instrument, network

UPBIT, BITHUMB, BINANCE, GATE = Venue.UPBIT, Venue.BITHUMB, Venue.BINANCE, Venue.GATE
TETHER = 1_420.0
COINS = {"BTC": 100_000.0, "ETH": 3_700.0, "XRP": 2.4, "SOL": 180.0, "DOGE": 0.2, "ADA": 0.64}


@pytest.fixture
def stand() -> Stand:
    """Six coins on three venues, in step, at 1,420 won for a USDT."""
    stand = Stand()
    for coin, dollars in COINS.items():
        stand.price(UPBIT, coin, dollars * TETHER)
        stand.price(BINANCE, coin, dollars)
        stand.price(GATE, coin, dollars)
    stand.tick()
    return stand


def reportable(stand: Stand, asset: str, one: Venue, other: Venue) -> bool:
    """Both ways must say the same."""
    rows = [
        row
        for venue in (one, other)
        for row in stand.rack.rows()
        if (place := stand.rack.instrument(row)).venue is venue
        and stand.names.asset(venue, place.base)[0] == asset
    ]
    there, back = (
        stand.identities.judge(asset, *order, stand.at_ns) for order in (rows, rows[::-1])
    )
    assert there == back
    return there


def find(stand: Stand, base: str) -> list[IdentityRow]:
    return [row for row in stand.identities.rows(stand.at_ns) if row.base == base]


# Prices


def test_coins_in_step_are_likely_the_same(stand: Stand) -> None:
    assert stand.identities.median_krw == pytest.approx(TETHER)
    assert reportable(stand, "XRP", UPBIT, BINANCE)
    assert reportable(stand, "XRP", BINANCE, GATE)
    assert stand.identities.standing("XRP") == "likely"
    assert stand.identities.rows(stand.at_ns) == ()
    assert stand.identities.standing("NOSUCH") == "unknown"


@pytest.mark.parametrize("ratio", [14.127, 1.51, 1 / 1.51, 0.28])
def test_a_twin_is_put_aside_at_the_tick(stand: Stand, ratio: float) -> None:
    stand.price(UPBIT, "TWIN", 5.0 * TETHER * ratio)
    stand.price(GATE, "TWIN", 5.0)
    stand.wait(0.1)
    assert stand.tick()
    assert not reportable(stand, "TWIN", UPBIT, GATE)
    assert stand.identities.quarantined("TWIN", GATE, UPBIT)
    assert stand.identities.standing("TWIN") == "quarantined"
    (row,) = find(stand, "TWIN")
    assert row.id == "TWIN:upbit-gate"
    assert (row.venue, row.other, row.reason) == (UPBIT, GATE, "ratio")
    assert row.ratio == pytest.approx(ratio)
    assert row.implied_krw == pytest.approx(TETHER * ratio)
    assert row.median_krw == pytest.approx(TETHER)
    assert row.since_ns == stand.at_ns
    assert "reference=median" in row.evidence
    assert reportable(stand, "XRP", UPBIT, GATE)


@pytest.mark.parametrize("ratio", [1.48, 1 / 1.48, 1.0])
def test_a_large_premium_is_no_twin(stand: Stand, ratio: float) -> None:
    stand.price(UPBIT, "HOT", 5.0 * TETHER * ratio)
    stand.price(GATE, "HOT", 5.0)
    stand.tick()
    assert reportable(stand, "HOT", UPBIT, GATE)


def test_a_twin_is_put_aside_before_the_tick_too(stand: Stand) -> None:
    """A detector asks before it reports, at the very prices that it saw."""
    stand.price(UPBIT, "TWIN", 5.0 * TETHER)
    stand.price(GATE, "TWIN", 5.0)
    stand.tick()
    assert reportable(stand, "TWIN", UPBIT, GATE)
    stand.price(GATE, "TWIN", 2.0)
    assert not reportable(stand, "TWIN", UPBIT, GATE)


def test_quarantine_stays_when_prices_meet_by_chance(stand: Stand) -> None:
    stand.price(UPBIT, "TWIN", 50.0 * TETHER)
    stand.price(GATE, "TWIN", 5.0)
    stand.tick()
    stand.price(GATE, "TWIN", 50.0)
    stand.wait(3_600)
    stand.tick()
    assert not reportable(stand, "TWIN", UPBIT, GATE)


def test_only_the_odd_one_of_three_is_put_aside(stand: Stand) -> None:
    stand.price(UPBIT, "TWIN", 5.0 * TETHER)
    stand.price(BINANCE, "TWIN", 5.0)
    stand.price(GATE, "TWIN", 40.0)
    stand.tick()
    assert reportable(stand, "TWIN", UPBIT, BINANCE)
    assert not reportable(stand, "TWIN", UPBIT, GATE)
    assert not reportable(stand, "TWIN", BINANCE, GATE)
    rows = {row.id: row for row in find(stand, "TWIN")}
    assert rows["TWIN:upbit-gate"].ratio == pytest.approx(1 / 8)
    assert rows["TWIN:upbit-gate"].implied_krw == pytest.approx(TETHER / 8)
    assert rows["TWIN:binance-gate"].ratio == pytest.approx(1 / 8), (
        "the first venue's over the other's"
    )
    assert rows["TWIN:binance-gate"].implied_krw is None


def test_two_dollar_venues_and_two_won_venues_are_compared_too(stand: Stand) -> None:
    stand.price(UPBIT, "TON", 3.0 * TETHER)
    stand.price(BITHUMB, "TON", 700.0)
    stand.place()
    stand.tick()
    # Upbit's TON is another asset by name already: nothing is compared with it.
    assert find(stand, "TON") == []
    stand.price(UPBIT, "SOC2", 3_000.0)
    stand.price(BITHUMB, "SOC2", 700.0)
    stand.tick()
    assert not reportable(stand, "SOC2", UPBIT, BITHUMB)
    (row,) = find(stand, "SOC2")
    assert row.implied_krw is None, "two won prices imply no rate"


def test_a_thin_book_with_a_wide_spread_is_no_twin(stand: Stand) -> None:
    """Its mid means little: what counts is whether the nearest prices are far apart."""
    stand.price(UPBIT, "THIN", 5.0 * TETHER)
    stand.set(instrument(GATE, "THIN"), 4.0, 40.0)
    stand.tick()
    assert reportable(stand, "THIN", UPBIT, GATE)


def test_a_book_in_trouble_puts_nothing_aside(stand: Stand) -> None:
    stand.price(UPBIT, "XRP", 1.0)
    stand.rack.tops[stand.row(instrument(UPBIT, "XRP"))]["valid"] = 0
    stand.tick()
    assert find(stand, "XRP") == []


def test_few_coins_make_no_median(stand: Stand) -> None:
    """The only coin that both list may be the twin itself; then USDT/KRW is asked."""
    alone = Stand()
    alone.price(UPBIT, "TWIN", 21_478.0)
    alone.price(GATE, "TWIN", 1.0)
    alone.tick()
    assert math.isnan(alone.identities.median_krw)
    assert not reportable(alone, "TWIN", UPBIT, GATE), "nothing to compare with, nothing passes"
    assert find(alone, "TWIN") == []
    assert alone.identities.standing("TWIN") == "unknown"

    alone.price(UPBIT, "USDT", TETHER)
    alone.tick()
    assert not reportable(alone, "TWIN", UPBIT, GATE)
    (row,) = find(alone, "TWIN")
    assert row.ratio == pytest.approx(21_478.0 / TETHER)
    assert "reference=rate" in row.evidence


def test_many_twins_do_not_bend_the_median(stand: Stand) -> None:
    """One vote a coin: a twin on nine venues is still one coin."""
    for venue in Venue:
        stand.price(venue, "TWIN", 1e6 if venue in KOREAN else 1.0)
    for twin in ("AAA", "BBB", "CCC", "DDD"):
        stand.price(UPBIT, twin, 9e6)
        stand.price(GATE, twin, 1.0)
    stand.tick()
    assert stand.identities.median_krw == pytest.approx(TETHER)
    assert {row.base for row in stand.identities.rows(stand.at_ns)} == {
        "TWIN", "AAA", "BBB", "CCC", "DDD",
    }  # fmt: skip


def test_a_depegged_quote_is_priced(stand: Stand) -> None:
    """With USDC at 0.6 USDT a coin costs more of them, and is the same coin."""
    stand.price(UPBIT, "USDT", TETHER)
    stand.price(BINANCE, "USDC", 0.6)
    stand.set(instrument(Venue.OKX, "XRP", "USDC"), 2.4 / 0.6, 2.4 / 0.6 * 1.0001)
    stand.tick()
    assert reportable(stand, "XRP", UPBIT, Venue.OKX)


# People


def decided(stand: Stand, verdict: Verdict, base: str = "TWIN") -> None:
    decision = IdentityDecision(base, UPBIT, GATE, verdict, "trader", T0, "looked it up")
    stand.policy(Policy(decisions=(decision,)))


def test_a_person_ends_a_quarantine(stand: Stand) -> None:
    stand.price(UPBIT, "TWIN", 50.0 * TETHER)
    stand.price(GATE, "TWIN", 5.0)
    stand.tick()
    decided(stand, Verdict.SAME)
    stand.tick()
    assert reportable(stand, "TWIN", UPBIT, GATE)
    (row,) = find(stand, "TWIN")
    assert (row.decision, row.decided_by, row.decided_at_ns) == ("same", "trader", T0)
    assert "note=looked it up" in row.evidence

    decided(stand, Verdict.DIFFERENT)
    assert not reportable(stand, "TWIN", UPBIT, GATE)
    stand.policy(Policy())
    assert not reportable(stand, "TWIN", UPBIT, GATE), "without a word the suspicion holds"


def test_a_person_parts_what_looks_the_same(stand: Stand) -> None:
    decided(stand, Verdict.DIFFERENT, "XRP")
    assert not reportable(stand, "XRP", UPBIT, GATE)
    assert reportable(stand, "XRP", UPBIT, BINANCE)
    (row,) = find(stand, "XRP")
    assert row.reason == "person"


def test_open_questions_come_first(stand: Stand) -> None:
    decided(stand, Verdict.SAME, "XRP")
    stand.price(UPBIT, "TWIN", 50.0 * TETHER)
    stand.price(GATE, "TWIN", 5.0)
    stand.tick()
    assert [row.base for row in stand.identities.rows(stand.at_ns)] == ["TWIN", "XRP"]


def test_quarantine_is_told_once_and_can_be_kept(stand: Stand) -> None:
    stand.price(UPBIT, "TWIN", 50.0 * TETHER)
    stand.price(GATE, "TWIN", 5.0)
    for _ in range(3):
        stand.tick()
        reportable(stand, "TWIN", UPBIT, GATE)
    (fact,) = stand.identities.take_facts()
    assert isinstance(fact, PairQuarantined)
    assert (fact.base, fact.venue, fact.other, fact.reason) == ("TWIN", UPBIT, GATE, "ratio")
    assert fact.suspicion is not None

    # The next process begins with what was kept, at prices that look harmless.
    again = Stand(Policy(suspicions=(fact.suspicion,)))
    again.price(UPBIT, "USDT", TETHER)
    again.price(UPBIT, "TWIN", 5.0 * TETHER)
    again.price(GATE, "TWIN", 5.0)
    again.tick()
    assert not reportable(again, "TWIN", UPBIT, GATE)
    assert again.identities.take_facts() == ()
    assert find(again, "TWIN") == find(stand, "TWIN")


# Metadata


def test_equal_contracts_confirm(stand: Stand) -> None:
    contract = "0x514910771AF9Ca656af840dff83E8264EcF986CA"
    stand.price(GATE, "LINK", 17.8)
    stand.price(BINANCE, "LINK", 17.8)
    stand.wallet(BINANCE, network(BINANCE, "LINK", "ETH", contract=contract))
    stand.wallet(GATE, network(GATE, "LINK", "ETH", contract=contract.lower()))
    stand.tick()
    assert stand.identities.standing("LINK") == "confirmed"
    assert reportable(stand, "LINK", BINANCE, GATE)


def test_the_end_of_a_contract_is_enough_to_compare(stand: Stand) -> None:
    """OKX tells the last six characters."""
    contract = "0x514910771AF9Ca656af840dff83E8264EcF986CA"
    for base in ("LINK", "LINX"):
        stand.price(Venue.OKX, base, 17.8)
        stand.price(BINANCE, base, 17.8)
    stand.wallet(
        BINANCE,
        *(network(BINANCE, base, "ETH", contract=contract) for base in ("LINK", "LINX")),
    )
    stand.wallet(
        Venue.OKX,
        network(Venue.OKX, "LINK", "LINK-ERC20", contract="f986ca"),
        network(Venue.OKX, "LINX", "LINX-ERC20", contract="000001"),
    )
    stand.tick()
    assert stand.identities.standing("LINK") == "confirmed"
    assert not reportable(stand, "LINX", BINANCE, Venue.OKX)
    assert find(stand, "LINX")[0].reason == "contract"


def test_different_contracts_at_equal_prices_are_put_aside(stand: Stand) -> None:
    stand.price(GATE, "NEIRO", 0.001)
    stand.price(BINANCE, "NEIRO", 0.001)
    stand.wallet(BINANCE, network(BINANCE, "NEIRO", "ETH", contract="0x" + "81" * 20))
    stand.wallet(GATE, network(GATE, "NEIRO", "ETH", contract="0x" + "ee" * 20))
    stand.tick()
    assert not reportable(stand, "NEIRO", BINANCE, GATE)
    (row,) = find(stand, "NEIRO")
    assert row.reason == "contract"
    assert row.ratio is None


def test_coins_without_a_shared_network_are_put_aside(stand: Stand) -> None:
    stand.price(GATE, "ACA", 1.0)
    stand.price(BINANCE, "ACA", 1.0)
    stand.wallet(BINANCE, network(BINANCE, "ACA", "SOL"))
    stand.wallet(GATE, network(GATE, "ACA", "BSC"), network(GATE, "ACA", "ETH"))
    stand.tick()
    assert not reportable(stand, "ACA", BINANCE, GATE)
    (row,) = find(stand, "ACA")
    assert row.reason == "networks"
    assert "networks=none_shared" in row.evidence
    assert "networks=binance SOLANA" in row.evidence


def test_prices_speak_after_metadata_too(stand: Stand) -> None:
    """Wallets come before books: the page shows both, and what was first stays the reason."""
    stand.wallet(UPBIT, network(UPBIT, "TWIN", "ETH"))
    stand.wallet(GATE, network(GATE, "TWIN", "SOL"))
    stand.open(instrument(UPBIT, "TWIN"))
    stand.open(instrument(GATE, "TWIN"))
    stand.tick()
    (row,) = find(stand, "TWIN")
    assert (row.reason, row.ratio) == ("networks", None)
    stand.price(UPBIT, "TWIN", 50.0 * TETHER)
    stand.price(GATE, "TWIN", 5.0)
    stand.tick()
    (row,) = find(stand, "TWIN")
    assert row.reason == "networks"
    assert row.ratio == pytest.approx(10.0)
    assert row.implied_krw == pytest.approx(10 * TETHER)
    assert len(stand.identities.take_facts()) == 1


def test_an_unknown_spelling_of_a_network_proves_nothing(stand: Stand) -> None:
    stand.price(GATE, "ACA", 1.0)
    stand.price(BINANCE, "ACA", 1.0)
    stand.wallet(BINANCE, network(BINANCE, "ACA", "SOL"))
    stand.wallet(GATE, network(GATE, "ACA", "SOMECHAIN"), network(GATE, "ACA", "ETH"))
    stand.tick()
    assert reportable(stand, "ACA", BINANCE, GATE)


def test_closed_networks_are_networks_all_the_same(stand: Stand) -> None:
    stand.price(GATE, "ACA", 1.0)
    stand.price(BINANCE, "ACA", 1.0)
    shut = Flow.CLOSED
    stand.wallet(BINANCE, network(BINANCE, "ACA", "ETH", shut, shut))
    stand.wallet(GATE, network(GATE, "ACA", "ETH", shut, shut))
    stand.tick()
    assert reportable(stand, "ACA", BINANCE, GATE)


def test_wallets_that_came_before_the_books_count_too() -> None:
    stand = Stand()
    stand.wallet(BINANCE, network(BINANCE, "ACA", "SOL"))
    stand.wallet(GATE, network(GATE, "ACA", "BSC"))
    stand.price(UPBIT, "USDT", TETHER)
    stand.tick()
    stand.price(GATE, "ACA", 1.0)
    stand.price(BINANCE, "ACA", 1.0)
    stand.tick()
    assert not reportable(stand, "ACA", BINANCE, GATE)


# Names


def test_a_multiplied_ticker_is_compared_by_the_unit(stand: Stand) -> None:
    stand.price(UPBIT, "PEPE", 0.00001 * TETHER)
    stand.price(BINANCE, "1000PEPE", 0.01)
    stand.tick()
    assert stand.names.asset(BINANCE, "1000PEPE") == ("PEPE", 1000.0)
    assert reportable(stand, "PEPE", UPBIT, BINANCE)
    assert find(stand, "PEPE") == []


def test_people_s_names_lie_over_the_shipped_ones() -> None:
    names = Names()
    assert names.asset(UPBIT, "TON") == ("TOKAMAK", 1.0)
    assert names.ticker(UPBIT, "TOKAMAK") == "TON"
    names.set((AssetName(UPBIT, "TON", "TON", source="set"),))
    assert names.asset(UPBIT, "TON") == ("TON", 1.0)
    assert names.asset(BINANCE, "TON") == ("TON", 1.0)
    names.set(())
    assert names.asset(UPBIT, "TON") == ("TOKAMAK", 1.0)
    assert AssetName(UPBIT, "TON", "TOKAMAK") in names.rows()


def test_a_wallet_knows_no_multiplied_ticker() -> None:
    assert Names().ticker(BINANCE, "PEPE") == "PEPE"


COLLISIONS = [row for row in SEEDS if row.multiplier == 1.0]


def test_the_known_collisions_are_there() -> None:
    """39 of the library and 7 of the Rust table, of which GTC and BIFI of Gate stand in both."""
    assert len({(row.venue, row.ticker) for row in COLLISIONS}) == 39 + 7 - 2
    assert {(row.venue, row.ticker) for row in COLLISIONS} >= {
        (UPBIT, "TON"),
        (GATE, "GTC"),
        (GATE, "QI"),
        (GATE, "TST"),
        (Venue.COINBASE, "VELO"),
        (Venue.BYBIT, "U"),
        (Venue.COINBASE, "CGLD"),
        (Venue.KUCOIN, "KALT"),
    }


@pytest.mark.parametrize("row", COLLISIONS, ids=lambda row: f"{row.venue}-{row.ticker}")
def test_a_known_collision_is_never_reported(row: AssetName) -> None:
    """With the table it is not even compared; without, its price puts it aside."""
    other = BINANCE if row.venue is not BINANCE else GATE
    for kept in (True, False):
        names = () if kept else (AssetName(row.venue, row.ticker, row.ticker, source="set"),)
        stand = Stand(Policy(names=names))
        stand.price(UPBIT, "USDT", TETHER)
        stand.price(BITHUMB, "USDT", TETHER)
        unit = TETHER if row.venue in KOREAN else 1.0
        stand.price(row.venue, row.ticker, 0.031 * unit)
        stand.price(other, row.ticker, 1.9)
        stand.place()
        stand.tick()
        one, two = (stand.names.asset(venue, row.ticker)[0] for venue in (row.venue, other))
        assert one != two or stand.identities.quarantined(row.ticker, row.venue, other)
        if not kept:
            assert not reportable(stand, row.ticker, row.venue, other)


def test_an_id_is_the_same_from_both_sides() -> None:
    assert pair("XRP", GATE, UPBIT) == pair("XRP", UPBIT, GATE) == ("XRP", UPBIT, GATE)
    assert identity_id("XRP", GATE, UPBIT) == "XRP:upbit-gate"


# What really happened


def test_no_real_collision_is_reported(shared_data: Path) -> None:
    """Live readings of June 2026: implied KRW/USDT from 409 to 21,478 where 1,520 was right."""
    path = shared_data / "events/bithumb_autotrade_202606/crossex_events.csv.gz"
    columns = {BITHUMB: "bh_price", UPBIT: "up_price", BINANCE: "bn_price"}
    stand, rate = Stand(), 1_520.0
    stand.price(UPBIT, "USDT", rate)
    off: set[tuple[str, Venue, Venue]] = set()
    fine = checked = 0
    with gzip.open(path, "rt") as lines:
        for number, event in enumerate(csv.DictReader(lines)):
            read = {venue: float(event[name] or 0) for venue, name in columns.items()}
            seen = {venue: price for venue, price in read.items() if price > 0}
            for venue, price in seen.items():
                stand.price(venue, event["coin"], price)
            if number % 20 == 0:
                stand.wait(0.1)
                stand.price(UPBIT, "USDT", rate)
                stand.tick()
            asset = event["coin"]
            if BINANCE not in seen or stand.names.asset(UPBIT, asset)[0] != asset:
                continue
            for korean in seen.keys() & KOREAN:
                ratio = seen[korean] / seen[BINANCE] / rate
                key = pair(asset, korean, BINANCE)
                if not 1 / 1.5 <= ratio <= 1.5:
                    off.add(key)
                checked += 1
                told = reportable(stand, *key)
                assert not (told and key in off), (event, ratio)
                fine += told
    assert checked > 3_500
    assert len(off) >= 2
    assert fine > 0.95 * checked, "and the others are not held back"
    assert stand.identities.median_krw == pytest.approx(1_518, rel=0.01)
    implied = [row.implied_krw for row in stand.identities.rows(stand.at_ns) if row.implied_krw]
    assert max(implied) > 2_280
    assert min(implied) < 1_014
