"""Funding: the coin and its perpetual, as fundings are read."""

from __future__ import annotations

import pytest
from msgspec import structs

from app.domain.events import FundingRate, FundingRead
from app.domain.facts import CandidateRefused, Fact, OpportunityClosed, OpportunityOpened
from app.domain.live import Opportunity
from app.domain.markets import Instrument, Product
from app.domain.policy import Fee
from app.domain.venues import Venue
from tests.engine.builders import BINANCE, POLICY, T0, UPBIT, World, fair, market

HOUR_NS = 3_600 * 10**9
PERPETUAL = Instrument(BINANCE, "XRP", "USDT", Product.PERPETUAL)


@pytest.fixture
def world() -> World:
    return market(UPBIT, BINANCE)


def read(made: World, rate: float, *, mark: float = 2.5, every_ns: int | None = None,
         perpetual: Instrument = PERPETUAL) -> list[Fact]:  # fmt: skip
    row = FundingRate(perpetual, rate, mark, 2.5, made.at_ns + HOUR_NS, every_ns)
    taken = made.take(FundingRead(made.at_ns, perpetual.venue, (row,)))
    return list(taken.facts)


def opened(facts: list[Fact]) -> Opportunity:
    (fact,) = facts
    assert isinstance(fact, OpportunityOpened)
    return fact.opportunity


def test_a_funding_that_pays_for_its_four_trades_is_told(world: World) -> None:
    row = opened(read(world, 0.0002))
    assert (row.detector, row.base, row.path) == ("funding", "XRP", "XRP/USDT XRP-PERP")
    earned = 2.0 * 3 * 30
    fees = 2 * (10.0 + 5.0)
    basis = 1e4 * (2.5 / (2.5 * 1.0001) - 1.0)
    assert row.net_bps == pytest.approx(earned - fees + basis, abs=0.01)
    found = world.views.explain(row.id, world.at_ns)
    assert found is not None
    assert found.inputs["year_pct"] == pytest.approx(0.02 * 3 * 365)
    head, *parts, net = found.steps
    assert head.bps + sum(step.bps for step in parts) == pytest.approx(net.bps)


def test_the_interval_that_a_venue_tells_is_the_one_that_counts(world: World) -> None:
    slow = opened(read(world, 0.0004, every_ns=8 * HOUR_NS))
    read(world, 0.0)
    fast = opened(read(world, 0.0002, every_ns=4 * HOUR_NS))
    assert fast.net_bps == pytest.approx(slow.net_bps)


@pytest.mark.parametrize("rate", [0.0000499, -0.001, 0.0])
def test_what_is_too_low_or_paid_the_other_way_is_nothing(world: World, rate: float) -> None:
    assert read(world, rate, every_ns=HOUR_NS) == []


def test_it_opens_at_five_percent_a_year_and_closes_below_two() -> None:
    world = market(UPBIT, BINANCE, policy=structs.replace(
        POLICY, funding_rate_min=0.0, min_net_bps=-100.0))  # fmt: skip
    year = 365 * 3
    assert read(world, 0.0499 / year) == []
    opened(read(world, 0.0501 / year))
    assert read(world, 0.0201 / year) == []
    (closed,) = read(world, 0.0199 / year)
    assert isinstance(closed, OpportunityClosed)


def test_a_rate_that_does_not_pay_its_fees_is_refused(world: World) -> None:
    (fact,) = read(world, 0.00006)
    assert isinstance(fact, CandidateRefused)
    assert fact.opportunity.code == "NET_BELOW_MIN"


def test_a_fee_that_nobody_knows_refuses() -> None:
    world = market(UPBIT, BINANCE)
    row = world.engine.rack.row(Instrument(BINANCE, "XRP", "USDT"))
    assert row is not None
    world.engine.board.live.lines[row]["fee"] = float("nan")
    (fact,) = read(world, 0.0002)
    assert isinstance(fact, CandidateRefused)
    assert fact.opportunity.code == "FEE_UNKNOWN"


def test_a_book_that_is_old_refuses(world: World) -> None:
    world.wait(2.0)
    (fact,) = read(world, 0.0002)
    assert isinstance(fact, CandidateRefused)
    assert fact.opportunity.code == "STALE_BOOK"


def test_what_is_not_read_again_ends(world: World) -> None:
    opened(read(world, 0.0002))
    world.facts.clear()
    for _ in range(3):
        world.wait(110.0, tick=False)
        world.take(FundingRead(world.at_ns, BINANCE, (), "http_503"))
        world.wait(0.1)
    assert len(world.told(OpportunityClosed)) == 1


def test_a_coin_whose_perpetual_is_gone_ends(world: World) -> None:
    opened(read(world, 0.0002))
    (fact,) = world.take(FundingRead(world.at_ns, BINANCE, ())).facts
    assert isinstance(fact, OpportunityClosed)


def test_perpetuals_without_a_book_of_ours_or_in_another_money_are_nothing(world: World) -> None:
    for perpetual in (
        Instrument(BINANCE, "DOGE", "USDT", Product.PERPETUAL),
        Instrument(BINANCE, "XRP", "USDC", Product.PERPETUAL),
        Instrument(Venue.OKX, "XRP", "USDT", Product.PERPETUAL),
    ):
        assert read(world, 0.0005, perpetual=perpetual) == []


def test_a_better_fee_makes_a_better_net(world: World) -> None:
    first = opened(read(world, 0.0002))
    cheap = tuple(Fee(venue, None, 2.0, "set", T0) for venue in Venue)
    world.policy(structs.replace(POLICY, fees=cheap))
    fair(world, BINANCE)
    read(world, 0.0002)
    (row,) = [each for each in world.views.live(world.at_ns) if each.detector == "funding"]
    assert row.id == first.id
    assert row.net_bps == pytest.approx(first.net_bps + 16.0, abs=0.01)
    assert row.peak_bps == row.net_bps


def test_only_the_best_of_many_are_told(world: World) -> None:
    bases = tuple(f"C{n}" for n in range(6))
    made = World(POLICY)
    for venue in (UPBIT, BINANCE):
        made.open(venue, *bases)
    made.tether()
    for base in bases:
        made.book(BINANCE, base, 2.4999, 2.5001)
    made.wait(0.1)

    def told(*rates: float) -> list[tuple[str, str]]:
        rows = tuple(
            FundingRate(Instrument(BINANCE, base, "USDT", Product.PERPETUAL), rate, 2.5, 2.5, 0)
            for base, rate in zip(bases, rates, strict=True)
        )
        facts = made.take(FundingRead(made.at_ns, BINANCE, rows)).facts
        return [(type(f).__name__[11:], f.opportunity.base) for f in facts
                if isinstance(f, OpportunityOpened | OpportunityClosed)]  # fmt: skip

    first = told(0.0001, 0.0002, 0.0003, 0.0004, 0.0005, 0.0)
    assert sorted(first) == [("Opened", "C2"), ("Opened", "C3"), ("Opened", "C4")]
    assert told(0.0009, 0.0002, 0.0003, 0.0004, 0.0005, 0.0) == [("Closed", "C2"), ("Opened", "C0")]
