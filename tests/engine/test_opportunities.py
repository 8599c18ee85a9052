"""Stories of opportunities and refusals: what opens, what closes, and what is never reported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from msgspec import structs

from app.domain.events import WalletsRead
from app.domain.facts import (
    AskBook,
    CandidateRefused,
    OpportunityClosed,
    OpportunityOpened,
    PairQuarantined,
)
from app.domain.live import Opportunity, Status
from app.domain.markets import Flow, Instrument, Market, WalletNetwork
from app.domain.policy import AssetName, Fee, IdentityDecision, Verdict
from app.domain.venues import Venue
from tests.engine.builders import (
    BINANCE,
    BITHUMB,
    COINBASE,
    FEES,
    KUCOIN,
    OKX,
    POLICY,
    UPBIT,
    World,
    fair,
    market,
)


def live(world: World) -> list[Opportunity]:
    return list(world.views.live(world.at_ns))


def opened(world: World) -> list[Opportunity]:
    return [fact.opportunity for fact in world.facts if isinstance(fact, OpportunityOpened)]


def closed(world: World) -> list[Opportunity]:
    return [fact.opportunity for fact in world.facts if isinstance(fact, OpportunityClosed)]


def refused(world: World) -> list[str | None]:
    return [row.code for row in world.views.refused(world.at_ns)]


# One row from first passing to first failing


def test_a_premium_that_pays_opens_and_closes_one_row() -> None:
    world = market()
    fair(world, UPBIT, premium=0.012)
    row = live(world)[0]
    assert (row.id, row.detector, row.direction) == ("o-1", "kimchi", "high")
    assert (row.buy_venue, row.sell_venue) == (BINANCE, UPBIT)
    assert row.status is Status.DETECTED
    assert all(gate.passed for gate in row.gates)
    assert row.net_bps == pytest.approx(92.0, abs=0.5)
    assert row.profit_krw == pytest.approx(row.net_bps / 1e4 * 10_000_000.0)

    world.wait(0.2)
    fair(world, UPBIT, premium=0.015)
    world.wait(0.2)
    fair(world, UPBIT, premium=0.013)
    assert [row.id for row in live(world)] == ["o-1"]

    world.wait(0.2)
    fair(world, UPBIT, premium=0.001)
    assert live(world) == []
    (row,) = closed(world)
    assert (row.id, row.status, row.code) == ("o-1", Status.MISSED, "NET_BELOW_MIN")
    assert row.updates == 3
    assert row.peak_bps > row.net_bps > 90.0, "the peak and the last net that passed"
    assert row.closed_at_ns == world.at_ns


def test_a_frame_that_waited_ends_nothing_before_it_began() -> None:
    """Behind a tick, a frame still carries the time of its receipt."""
    world = market()
    fair(world, UPBIT, premium=0.012)
    world.at_ns -= 50_000_000
    fair(world, UPBIT)
    (row,) = closed(world)
    assert row.closed_at_ns == row.opened_at_ns


def test_a_discount_in_korea_pays_the_other_way_round() -> None:
    world = market()
    fair(world, UPBIT, premium=-0.012)
    (row,) = live(world)
    assert (row.direction, row.buy_venue, row.sell_venue) == ("low", UPBIT, BINANCE)


def test_two_dollar_venues_make_a_spatial_one() -> None:
    world = market(UPBIT, BINANCE, OKX)
    fair(world, OKX, premium=0.01)
    flat = [row for row in live(world) if row.direction == "flat"]
    assert [(row.detector, row.buy_venue, row.sell_venue) for row in flat] == [
        ("spatial", BINANCE, OKX)
    ]


def test_numbers_go_on_where_the_last_life_ended() -> None:
    world = World(first_number=41)
    for venue in (UPBIT, BINANCE):
        world.open(venue, "XRP")
    world.tether()
    world.wallets()
    fair(world, BINANCE)
    world.wait(0.1)
    fair(world, UPBIT, premium=0.012)
    assert opened(world)[0].id == "o-41"


def test_the_threshold_is_the_policy_s() -> None:
    world = market()
    fair(world, UPBIT, premium=0.012)
    world.policy(structs.replace(POLICY, min_net_bps=95.0))
    assert closed(world)[0].code == "NET_BELOW_MIN"
    world.policy(POLICY)
    assert len(live(world)) == 1, "judged anew at once"


# Never on bad inputs


def test_won_against_dollars_without_a_rate_is_nothing() -> None:
    """3,500 won are not 140,000 % more than 2.5 dollars."""
    world = World()
    for venue in (UPBIT, BINANCE):
        world.open(venue, "XRP")
        fair(world, venue)
    world.wallets()
    world.official()
    world.wait(0.1)
    assert live(world) == []
    assert refused(world) == []
    for row in world.views.premiums(world.at_ns):
        assert row.raw_bps is None
        assert row.usdlike_bps is None
        assert row.realizable_bps is None
        assert row.withheld == "NO_RATE"


def test_a_rate_that_goes_closes_what_needs_it() -> None:
    world = market()
    fair(world, UPBIT, premium=0.012)
    world.book(UPBIT, "USDT", 1_410.0, 1_400.0)
    assert live(world) == [], "a crossed USDT/KRW is no price"
    assert closed(world)[0].code == "BOOK_INVALID"


def test_a_gap_makes_the_opportunity_go_before_anything_else() -> None:
    world = market()
    fair(world, UPBIT, premium=0.012)
    world.book(BINANCE, "XRP", 2.6, 2.5)
    assert live(world) == []
    world.facts.clear()
    fair(world, BINANCE)
    assert len(opened(world)) == 1


def test_a_lost_connection_ends_what_it_fed() -> None:
    world = market()
    fair(world, UPBIT, premium=0.012)
    world.lose(BINANCE)
    assert live(world) == []
    assert closed(world)[0].code in {"BOOK_INVALID", "CHANNEL_STALE"}


def test_a_channel_that_went_silent_decides_nothing() -> None:
    world = market()
    fair(world, UPBIT, premium=0.012)
    for _ in range(70):
        world.wait(1.0)
        fair(world, UPBIT, premium=0.012)
        world.tether()
    assert live(world) == []
    assert refused(world) == ["CHANNEL_STALE"]


def test_one_venue_s_fault_leaves_the_others_alone() -> None:
    world = market(UPBIT, BINANCE, OKX)
    fair(world, UPBIT, premium=0.012)
    assert len(live(world)) == 2
    world.lose(OKX)
    assert [row.buy_venue for row in live(world)] == [BINANCE]


# Quiet books


def test_a_quiet_book_is_looked_at_once_more_before_it_may_trade() -> None:
    world = market()
    world.wait(1.6)
    world.tether()
    fair(world, UPBIT, premium=0.012)
    assert refused(world) == ["QUIET_BOOK"]
    asked = [command for command in world.commands if isinstance(command, AskBook)]
    assert asked == [AskBook(Instrument(BINANCE, "XRP", "USDT"), "second look")]

    world.at_ns += 100_000_000
    world.reread(BINANCE, "XRP", ([(2.4999, 1e6), (2.4998, 1e6)], [(2.5001, 1e6), (2.5002, 1e6)]))
    (row,) = live(world)
    assert row.id == "o-2", "the refusal had a number of its own"
    assert refused(world) == []


def test_a_second_look_that_brings_nothing_makes_the_book_stale() -> None:
    world = market()
    world.wait(1.6)
    fair(world, UPBIT, premium=0.012)
    world.reread(BINANCE, "XRP", None)
    world.wait(0.1)
    fair(world, UPBIT, premium=0.012)
    assert refused(world) == ["STALE_BOOK"]
    assert len([each for each in world.commands if isinstance(each, AskBook)]) == 1
    fair(world, BINANCE)
    assert len(live(world)) == 1


def test_a_live_row_s_books_are_asked_for_before_they_are_too_old() -> None:
    world = market()
    fair(world, UPBIT, premium=0.012)
    world.wait(1.0)
    asked = {each.instrument.venue for each in world.commands if isinstance(each, AskBook)}
    assert asked == {UPBIT, BINANCE}


# Gates


@dataclass
class Shut:
    deposit: Flow
    withdraw: Flow
    venue: Venue
    code: str


@pytest.mark.parametrize(
    "shut",
    [
        Shut(Flow.CLOSED, Flow.OPEN, UPBIT, "FENCED"),
        Shut(Flow.OPEN, Flow.CLOSED, BINANCE, "WALLET_CLOSED"),
        Shut(Flow.UNKNOWN, Flow.OPEN, UPBIT, "WALLET_UNKNOWN"),
        Shut(Flow.OPEN, Flow.UNKNOWN, BINANCE, "WALLET_UNKNOWN"),
    ],
    ids=lambda shut: f"{shut.venue}-{shut.code}",
)
def test_coins_that_cannot_move_are_refused(shut: Shut) -> None:
    world = market()
    world.wallets(shut.venue, deposit=shut.deposit, withdraw=shut.withdraw)
    fair(world, UPBIT, premium=0.012)
    assert live(world) == []
    assert refused(world) == [shut.code]
    (row,) = world.views.refused(world.at_ns)
    failed = [gate for gate in row.gates if not gate.passed]
    assert shut.code in {gate.code for gate in failed}
    assert all(gate.limit is not None for gate in failed)


def test_without_keys_wallets_are_unknown_and_never_open() -> None:
    world = market()
    world.take(WalletsRead(world.at_ns, BINANCE, (), "no_keys"))
    fair(world, UPBIT, premium=0.012)
    assert refused(world) == ["WALLET_UNKNOWN"]


def test_wallets_that_were_read_long_ago_are_unknown() -> None:
    world = market()
    for _ in range(10):
        world.wait(100.0)
        world.tether()
        world.wait(0.1)
        fair(world, BINANCE)
        fair(world, UPBIT, premium=0.012)
    assert refused(world)[-1:] == ["WALLET_UNKNOWN"]
    assert live(world) == []


def test_a_wallet_that_closes_ends_the_opportunity_and_its_reopening_begins_another() -> None:
    world = market()
    fair(world, UPBIT, premium=0.012)
    world.wallets(BINANCE, withdraw=Flow.CLOSED)
    assert closed(world)[0].code == "WALLET_CLOSED"
    world.wallets(BINANCE)
    assert [row.id for row in live(world)] == ["o-3"]


def test_a_missing_fee_is_never_nothing() -> None:
    policy = structs.replace(POLICY, fees=(*FEES, Fee(OKX, None, None, "set", 0)))
    world = market(UPBIT, OKX, policy=policy)
    fair(world, UPBIT, premium=0.012)
    assert live(world) == []
    assert refused(world) == ["FEE_UNKNOWN"]
    assert {row.withheld for row in world.views.premiums(world.at_ns)} == {"FEE_UNKNOWN"}


def test_a_missing_withdrawal_fee_is_never_nothing() -> None:
    world = market()
    upset(world, UPBIT, {"USDT": {"fee": None}})
    fair(world, UPBIT, premium=0.012)
    assert refused(world) == ["FEE_UNKNOWN"]


@pytest.mark.parametrize(("premium", "venue"), [(0.012, UPBIT), (-0.012, BINANCE)])
@pytest.mark.parametrize(
    ("flow", "code"),
    [(Flow.CLOSED, "WALLET_CLOSED"), (Flow.UNKNOWN, "WALLET_UNKNOWN")],
)
def test_a_loop_whose_tether_cannot_come_back_is_not_closed(
    premium: float, venue: Venue, flow: Flow, code: str
) -> None:
    """Sold in Korea, the money stands there: without the way back nothing was earned yet."""
    other = BINANCE if venue is UPBIT else UPBIT
    for shut, end in ((venue, "withdraw"), (other, "deposit")):
        world = market()
        upset(world, shut, {"USDT": {end: flow}})
        fair(world, UPBIT, premium=premium)
        assert live(world) == []
        (row,) = world.views.refused(world.at_ns)
        assert row.code == code
        (gate,) = (gate for gate in row.gates if not gate.passed)
        assert (gate.name, gate.value, gate.limit) == (f"return_{end}", flow.value, "open")
        assert gate.detail == f"{shut.value} TRX"
        ways = {each.way_back for each in world.views.premiums(world.at_ns)
                if each.direction == row.direction}  # fmt: skip
        assert ways == {flow}


def upset(world: World, venue: Venue, changed: dict[str, dict[str, Any]]) -> None:
    """A venue's wallets, open but for these changes."""
    networks = tuple(
        structs.replace(
            WalletNetwork(venue, asset, network, Flow.OPEN, Flow.OPEN, "1"),
            **changed.get(asset, {}),
        )
        for asset, network in (("XRP", "XRP"), ("USDT", "TRX"))
    )
    world.take(WalletsRead(world.at_ns, venue, networks))


def test_too_good_to_be_true_is_not_reported() -> None:
    world = market()
    fair(world, UPBIT, premium=0.20)
    assert refused(world) == ["TOO_GOOD"]
    (gate,) = [gate for gate in world.views.refused(world.at_ns)[0].gates if not gate.passed]
    assert (gate.code, gate.limit) == ("TOO_GOOD", 1_500.0)
    assert gate.margin is not None
    assert gate.margin < 0


def listed(base: str = "XRP", *, tick: str | None = None) -> World:
    """Both venues list the coin, as they do outside of tests."""
    world = World()
    tether = Market(Instrument(UPBIT, "USDT", "KRW"), True)
    world.markets(UPBIT, Market(Instrument(UPBIT, base, "KRW"), True, tick=tick), tether)
    world.markets(BINANCE, Market(Instrument(BINANCE, base, "USDT"), True))
    for venue in (UPBIT, BINANCE):
        world.open(venue, base)
    world.tether()
    world.wallets(assets=(base, "USDT"))
    fair(world, BINANCE, base)
    world.wait(0.1)
    return world


def test_one_tick_that_is_the_whole_premium_is_no_premium() -> None:
    world = listed("SNT", tick="30")
    fair(world, UPBIT, "SNT", premium=0.012)
    assert refused(world) == ["TICK_COST"]
    row = world.views.refused(world.at_ns)[0]
    (gate,) = [gate for gate in row.gates if gate.name == "tick"]
    assert gate.value == pytest.approx(30 / 3541.6 * 1e4, rel=1e-3)


def test_a_book_too_thin_for_the_size_is_refused_and_a_smaller_size_would_pass() -> None:
    world = market()
    mid = 3_500.0 * 1.012
    world.levels(UPBIT, "XRP", ([(mid, 900.0), (mid - 1, 400.0)], [(mid + 1, 900.0)]))
    assert refused(world) == ["THIN_BOOK"]
    (row,) = world.views.refused(world.at_ns)
    found = world.views.explain(row.id, world.at_ns)
    assert found is not None
    smaller = next(each for each in found.would_pass if each.code == "smaller_size")
    assert smaller.passes
    assert found.steps == ()


def test_kucoin_is_a_price_reference_for_korea_only() -> None:
    world = market(UPBIT, KUCOIN, BINANCE)
    fair(world, UPBIT, premium=0.012)
    assert [row.buy_venue for row in live(world)] == [BINANCE]
    assert refused(world) == ["TRAVEL_RULE"]


def test_the_bank_s_dollar_is_no_price_of_tether() -> None:
    """Coinbase trades in USD: without its USDT book a loop would earn USDT's own premium."""
    world = World()
    world.open(UPBIT, "XRP")
    world.open(COINBASE, "XRP", quote="USD")
    world.tether(1_450.0)
    world.official(1_390.0)
    world.wallets()
    world.book(COINBASE, "XRP", 2.4999, 2.5001, quote="USD")
    world.wait(0.1)
    world.book(UPBIT, "XRP", 2.5 * 1_450.0 - 1, 2.5 * 1_450.0)
    assert live(world) == []
    assert opened(world) == []


# Identity


def test_the_same_letters_on_two_venues_are_not_one_coin() -> None:
    """BEAM here and there: the pair's implied rate is far from every other coin's."""
    world = market(base="BEAM")
    fair(world, UPBIT, "BEAM", premium=-0.7)
    assert live(world) == []
    assert refused(world) == ["IDENTITY"]
    assert world.told(PairQuarantined)
    fair(world, UPBIT, "BEAM", premium=0.012)
    assert live(world) == [], "it stays in quarantine until a person speaks"
    row = next(row for row in world.views.premiums(world.at_ns) if row.direction == "high")
    assert (row.quarantined, row.withheld, row.realizable_bps) == (True, "IDENTITY", None)
    decision = IdentityDecision("BEAM", UPBIT, BINANCE, Verdict.SAME, "me", world.at_ns)
    world.policy(structs.replace(POLICY, decisions=(decision,)))
    assert len(live(world)) == 1


def test_a_thousand_of_a_coin_in_one_ticker_are_counted_as_such() -> None:
    names = (AssetName(BINANCE, "1000PEPE", "PEPE", 1000.0),)
    world = World(structs.replace(POLICY, names=names))
    world.open(UPBIT, "PEPE")
    world.open(BINANCE, "1000PEPE")
    world.tether()
    world.wallets(assets=("PEPE", "USDT"), fee="1000")
    world.book(BINANCE, "1000PEPE", 0.0099999, 0.0100001, quantity=1e9)
    world.wait(0.1)
    world.book(UPBIT, "PEPE", 0.01416, 0.01417, quantity=1e12)
    (row,) = live(world)
    assert row.base == "PEPE"
    assert row.net_bps == pytest.approx(0.01416 / 0.014 * 1e4 - 1e4, abs=30)
    assert row.quantity == pytest.approx(10_000_000 / 0.014, rel=0.01)


# Refusals


def test_a_refusal_that_comes_back_soon_is_the_same_one() -> None:
    world = market()
    world.wallets(BINANCE, withdraw=Flow.CLOSED)
    for _ in range(3):
        fair(world, UPBIT, premium=0.012)
        assert [row.id for row in world.views.refused(world.at_ns)] == ["r-1"]
        world.wait(0.5)
        fair(world, BINANCE)
        fair(world, UPBIT)
        assert world.views.refused(world.at_ns) == ()
        world.wait(0.5)
    told = [fact for fact in world.facts if isinstance(fact, CandidateRefused)]
    assert [(fact.opportunity.id, fact.ended) for fact in told] == [("r-1", False)]
    world.wait(60.0)
    told = [fact for fact in world.facts if isinstance(fact, CandidateRefused)]
    assert [(fact.opportunity.id, fact.ended) for fact in told][1:] == [("r-1", True)]
    assert told[-1].opportunity.updates == 6
    (count,) = world.views.refusals(world.at_ns)
    assert (count.code, count.count, count.share) == ("WALLET_CLOSED", 1, 1.0)


def test_refusals_are_forgotten_after_a_day() -> None:
    world = market()
    world.wallets(BINANCE, withdraw=Flow.CLOSED)
    fair(world, UPBIT, premium=0.012)
    world.wait(23 * 3_600)
    assert len(world.views.refusals(world.at_ns)) == 1
    world.wait(2 * 3_600)
    assert world.views.refusals(world.at_ns) == ()


def test_a_near_miss_names_what_is_short() -> None:
    world = market()
    fair(world, UPBIT, premium=0.0045)
    assert live(world) == []
    (miss,) = world.views.near_misses(world.at_ns)
    assert miss.premium.id == "XRP:binance-upbit"
    assert miss.gate.code == "NET_BELOW_MIN"
    assert miss.gate.limit == 30.0
    assert isinstance(miss.gate.value, float)
    assert miss.gate.margin == pytest.approx(miss.gate.value - 30.0)
    assert -20.0 <= miss.gate.value - 30.0 < 0.0


# Markets that come and go


def test_a_market_that_is_no_longer_watched_ends_its_rows() -> None:
    world = listed()
    fair(world, UPBIT, premium=0.012)
    assert len(live(world)) == 1
    world.markets(BINANCE, Market(Instrument(BINANCE, "DOGE", "USDT"), True))
    assert live(world) == []
    assert closed(world)[0].code == "DELISTED"
    assert world.engine.board.rows_of("XRP") == ()


def test_a_book_over_another_channel_is_the_same_book() -> None:
    world = market()
    for _ in range(3):
        world.open(BINANCE, "XRP")
        fair(world, BINANCE)
        fair(world, UPBIT, premium=0.012)
        assert len(live(world)) == 1
    assert len(world.engine.board.live.routes_of["XRP"]) == 2


def test_bithumb_returns_by_its_own_tether() -> None:
    world = market(UPBIT, BITHUMB, BINANCE)
    world.book(BITHUMB, "USDT", 1_419.0, 1_420.0, quantity=1e7)
    fair(world, UPBIT, premium=0.012)
    fair(world, BITHUMB, premium=0.012)
    assert [row.sell_venue for row in live(world)] == [UPBIT]


def test_the_next_one_begins_when_the_last_one_is_over() -> None:
    """A frame that waited behind the tick that ended it may begin another."""
    world = market()
    fair(world, UPBIT, premium=0.012)
    world.wait(0.3)
    fair(world, UPBIT)
    world.at_ns -= 100_000_000
    fair(world, UPBIT, premium=0.012)
    (row,) = live(world)
    assert row.opened_at_ns == closed(world)[0].closed_at_ns
