"""Statistical: pairs by their minutes, opened far from their mean and closed near it."""

from __future__ import annotations

from math import exp

import numpy as np
import pytest
from msgspec import structs

from app.domain.facts import CandidateRefused, Fact, OpportunityClosed, OpportunityOpened
from app.domain.live import Opportunity
from app.domain.policy import Fee
from app.domain.venues import KOREAN, Venue
from app.engine.detection.statistical import COINS_MAX, MINUTES_MAX, PAIRS_PER_TICK, Statistical
from tests.engine.builders import BINANCE, OKX, POLICY, T0, UPBIT, World

CHEAP = tuple(Fee(venue, None, 0.1, "set", T0) for venue in Venue)
LOOSE = structs.replace(POLICY, fees=CHEAP, statistical_minutes=120, min_net_bps=1.0)


def world(policy: object = LOOSE, *bases: str) -> World:
    made = World(policy)  # type: ignore[arg-type]
    for venue in (UPBIT, BINANCE, OKX):
        made.open(venue, *(bases or ("AAA", "BBB")))
    made.tether()
    made.official()
    made.wallets(assets=(*(bases or ("AAA", "BBB")), "USDT"))
    return made


def minute(made: World, **mids: float) -> list[Fact]:
    """One minute later, with these prices everywhere."""
    made.wait(59.0, tick=False)
    made.tether()
    for base, mid in mids.items():
        for venue in (UPBIT, BINANCE, OKX):
            worth = mid * (1_400.0 if venue in KOREAN else 1.0)
            made.book(venue, base, worth * 0.99999, worth * 1.00001)
    before = len(made.facts)
    for _ in range(4):
        made.wait(0.25)
    return [fact for fact in made.facts[before:] if _ours(fact)]


def _ours(fact: Fact) -> bool:
    row = getattr(fact, "opportunity", None)
    return isinstance(row, Opportunity) and row.detector == "statistical"


def paired(made: World, minutes: int, seed: int = 3) -> float:
    """Two coins that return to each other at once. The last price of the second."""
    chance = np.random.default_rng(seed)
    x = rest = 0.0
    for _ in range(minutes):
        x += chance.normal(0.0, 0.004)
        rest = 0.1 * rest + chance.normal(0.0, 0.0005)
        minute(made, AAA=10.0 * exp(x + rest), BBB=4.0 * exp(x))
    return 4.0 * exp(x)


def live(made: World) -> list[Opportunity]:
    return [row for row in made.views.live(made.at_ns) if row.detector == "statistical"]


def test_nothing_is_said_before_there_are_minutes_enough() -> None:
    made = world()
    paired(made, 110)
    minute(made, AAA=12.0, BBB=4.0)
    assert not [fact for fact in made.facts if _ours(fact)]


def test_a_pair_opens_far_from_its_mean_and_closes_near_it() -> None:
    made = world()
    last = paired(made, 130)
    assert not live(made)
    facts = minute(made, AAA=2.5 * last * exp(0.002), BBB=last)
    opened = [fact for fact in facts if isinstance(fact, OpportunityOpened)]
    assert len(opened) == 1
    row = opened[0].opportunity
    assert (row.base, row.path) == ("BBB", "BBB/AAA"), "AAA is dear: BBB is bought"
    assert (row.buy_venue, row.sell_venue) == (BINANCE, BINANCE)
    gates = {gate.name: gate for gate in row.gates}
    assert gates["cointegrated"].passed
    assert gates["zscore"].limit == 2.0
    found = made.views.explain(row.id, made.at_ns)
    assert found is not None
    assert found.inputs["beta"] == pytest.approx(1.0, abs=0.3)
    began = made.engine.evidence(row.id)
    assert began is not None
    head, *parts, net = began.steps
    assert head.bps + sum(step.bps for step in parts) == pytest.approx(net.bps)
    ended: list[Fact] = []
    for _ in range(3):
        ended += minute(made, AAA=2.5 * last, BBB=last)
    assert [fact for fact in ended if isinstance(fact, OpportunityClosed)]
    assert not live(made)


def test_a_pair_whose_fees_eat_it_is_a_refused_candidate() -> None:
    made = world(structs.replace(LOOSE, fees=POLICY.fees))
    last = paired(made, 130)
    minute(made, AAA=2.5 * last * exp(0.002), BBB=last)
    refused = [fact for fact in made.told(CandidateRefused) if _ours(fact)]
    assert {fact.opportunity.code for fact in refused} == {"NET_BELOW_MIN"}  # type: ignore[attr-defined]
    assert not live(made)


def test_a_price_that_is_silent_for_long_begins_anew() -> None:
    made = world()
    paired(made, 130)
    made.wait(600.0)
    made.facts.clear()
    facts: list[Fact] = []
    for _ in range(30):
        facts += minute(made, AAA=12.0, BBB=4.0)
    assert not facts


def test_what_it_keeps_is_bounded_and_no_tick_is_long() -> None:
    bases = tuple(f"C{n:02d}" for n in range(COINS_MAX + 4))
    made = world(structs.replace(LOOSE, statistical_minutes=30), *bases)
    watcher = Statistical(made.engine.board.live)
    watcher.policy(structs.replace(LOOSE, statistical_minutes=30))
    chance = np.random.default_rng(1)
    looked = 0
    for _ in range(34):
        made.at_ns += 60 * 10**9
        made.wait(0.0)
        for base in bases:
            mid = 10.0 + float(chance.normal(0.0, 0.01))
            for venue in (BINANCE, OKX):
                made.book(venue, base, mid, mid + 1e-3)
        looked = max(looked, len(list(watcher.tick(made.at_ns))))
    assert len(watcher._mids) == COINS_MAX
    assert {len(each) for each in watcher._mids.values()} == {30}
    assert 0 < looked <= PAIRS_PER_TICK
    assert MINUTES_MAX >= 60
