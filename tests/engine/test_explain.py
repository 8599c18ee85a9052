"""Explanations and rows: every number adds up, every refusal names value, limit and distance."""

from __future__ import annotations

import random
from itertools import permutations

import msgspec
import pytest

from app.domain.events import RateRead, WalletsRead
from app.domain.facts import CandidateRefused, OpportunityClosed, OpportunityOpened
from app.domain.live import Explanation, Gate, SpreadRow
from app.domain.markets import Flow, WalletNetwork
from app.engine.detection.codes import Code
from tests.engine.builders import (
    BINANCE,
    BITHUMB,
    BYBIT,
    KUCOIN,
    OKX,
    SECOND,
    UPBIT,
    World,
    fair,
    market,
)

VENUES = (UPBIT, BITHUMB, BINANCE, OKX, BYBIT, KUCOIN)


def busy(seed: int) -> World:
    """Six venues with premiums of all sizes, some wallets shut, one book too thin."""
    chance = random.Random(seed)
    world = market(*VENUES)
    world.wallets(OKX, withdraw=Flow.CLOSED)
    world.wallets(BITHUMB, deposit=Flow.UNKNOWN)
    for _ in range(60):
        world.at_ns += SECOND // 50
        venue = chance.choice(VENUES)
        if chance.random() < 0.1:
            fair_thin(world, chance)
        fair(world, venue, premium=chance.gauss(0.0, 0.012))
    return world


def fair_thin(world: World, chance: random.Random) -> None:
    mid = 2.5 * (1.0 + chance.gauss(0.0, 0.01))
    levels = ([(mid - 0.001, 100.0), (mid - 0.002, 100.0)], [(mid + 0.001, 100.0)])
    world.levels(BYBIT, "XRP", levels)


def everything(world: World) -> list[Explanation]:
    rows = (*world.views.live(world.at_ns), *world.views.refused(world.at_ns))
    found = [world.views.explain(row.id, world.at_ns) for row in rows]
    assert all(found)
    return [each for each in found if each is not None]


@pytest.mark.parametrize("seed", range(5))
def test_bars_sum_to_the_net_of_every_row(seed: int) -> None:
    explained = 0
    for found in everything(busy(seed)):
        if not found.steps:
            assert found.opportunity.code == "THIN_BOOK" or any(
                gate.name == "depth" and not gate.passed for gate in found.opportunity.gates
            )
            continue
        explained += 1
        sums = [step for step in found.steps if step.kind == "sum"]
        parts = [step.bps for step in found.steps if step.kind == "part"]
        assert sums[-1].code == "net"
        assert sums[-1].bps == pytest.approx(found.opportunity.net_bps, abs=1e-9)
        assert sums[0].bps + sum(parts) == pytest.approx(sums[-1].bps, abs=0.01)
        assert len({step.code for step in found.steps}) == len(found.steps)
    assert explained > 3


@pytest.mark.parametrize("seed", range(5))
def test_the_identity_holds_on_every_row(seed: int) -> None:
    world = busy(seed)
    rows = world.views.premiums(world.at_ns)
    assert len(rows) == len(list(permutations(VENUES, 2)))
    with_won = 0
    for row in rows:
        if row.direction == "flat":
            assert row.usdlike_bps is None
            assert row.kimchi_bps is None
            assert row.usdt_bps is None
            continue
        with_won += 1
        assert row.raw_bps is None, "won and dollars are never compared as they stand"
        assert row.kimchi_bps is not None
        assert row.usdlike_bps is not None
        assert row.usdt_bps is not None
        left = 1.0 + row.kimchi_bps / 1e4
        right = (1.0 + row.usdlike_bps / 1e4) * (1.0 + row.usdt_bps / 1e4)
        assert abs(left - right) < 1e-9
    assert with_won == 16


@pytest.mark.parametrize("seed", range(5))
def test_the_code_of_a_refusal_is_that_of_its_first_failing_gate(seed: int) -> None:
    """Gates are made a second time for people: they must say what the kernel decided."""
    world = busy(seed)
    for row in world.views.live(world.at_ns):
        assert all(gate.passed for gate in row.gates)
    refused = world.views.refused(world.at_ns)
    assert refused
    for row in refused:
        failed = [gate for gate in row.gates if not gate.passed]
        assert failed, row.code
        assert row.code == min((gate.code for gate in failed), key=lambda code: Code[code])
        assert all(names_its_distance(gate) for gate in row.gates)


def names_its_distance(gate: Gate) -> bool:
    if gate.unit == "word":
        return isinstance(gate.value, str) and isinstance(gate.limit, str)
    assert isinstance(gate.value, float)
    assert isinstance(gate.limit, float)
    assert gate.margin is not None
    # A book's age may be fine while the book is not.
    whole = gate.code not in {"BOOK_INVALID", "CHANNEL_STALE", "NO_RATE", "MINIMUM", "BELOW_LOT"}
    return gate.passed == (gate.margin >= 0.0) if whole and gate.name != "depth" else True


def test_the_names_of_gates_stand_in_their_order() -> None:
    world = market()
    fair(world, UPBIT, premium=0.012)
    (row,) = world.views.live(world.at_ns)
    assert [gate.name for gate in row.gates] == [
        "book_age_buy", "book_age_sell", "rate_age", "identity", "travel_rule", "withdraw",
        "deposit", "return_withdraw", "return_deposit", "net", "too_good", "tick", "fees", "depth",
    ]  # fmt: skip


def test_levels_show_what_is_taken() -> None:
    world = market()
    mid = 3_500.0 * 1.012
    world.levels(
        UPBIT, "XRP", ([(mid, 1_000.0), (mid - 1, 1_500.0), (mid - 2, 9_000.0)], [(mid + 1, 9.0)])
    )
    found = everything(world)[0]
    sold = [level for level in found.levels if level.side == "sell"]
    assert [level.share for level in sold[:2]] == [1.0, 1.0]
    assert 0.0 < sold[2].share < 1.0
    taken = sum(level.share * level.quantity for level in sold)
    arrived = found.inputs["arrived"]
    assert taken == pytest.approx(arrived)
    steps = {step.code: step for step in found.steps}
    assert steps["sell_slippage"].bps < 0.0
    assert steps["sell_slippage"].detail.endswith(" 3")
    assert steps["withdrawal"].detail == "0.2 XRP"
    assert steps["buy_fee"].source == "set"


def test_the_ladder_shows_each_size_with_what_it_nets() -> None:
    world = market()
    fair(world, UPBIT, premium=0.012)
    found = everything(world)[0]
    sizes = [each.size_krw for each in found.ladder]
    assert sizes == sorted(sizes)
    assert {1_000_000.0, 10_000_000.0, 100_000_000.0} <= set(sizes)
    asked = next(each for each in found.ladder if each.size_krw == 10_000_000.0)
    assert asked.net_bps == found.opportunity.net_bps
    small = next(each for each in found.ladder if each.size_krw == 500_000.0)
    assert small.net_bps is not None
    assert small.net_bps < found.opportunity.net_bps, "fixed costs weigh more on a small size"


def test_what_would_pass_is_computed_on_the_same_books() -> None:
    world = market(UPBIT, BINANCE, OKX)
    world.wallets(OKX, withdraw=Flow.CLOSED)
    fair(world, OKX, premium=-0.004)
    fair(world, UPBIT, premium=0.012)
    row = next(row for row in world.views.refused(world.at_ns) if row.buy_venue is OKX
               and row.sell_venue is UPBIT)  # fmt: skip
    found = world.views.explain(row.id, world.at_ns)
    assert found is not None
    other = next(each for each in found.would_pass if each.code == "other_buy_venue")
    assert other.passes
    assert other.values == {"venue": "binance"}
    there = next(each for each in world.views.live(world.at_ns) if each.buy_venue is BINANCE
                 and each.sell_venue is UPBIT)  # fmt: skip
    assert other.net_bps == pytest.approx(there.net_bps)


def test_without_the_official_rate_the_bars_begin_at_the_tether_basis() -> None:
    world = market()
    for source in ("one", "two"):
        world.take(RateRead(world.at_ns, source, 1_390.0 if source == "one" else 1_500.0))
    fair(world, UPBIT, premium=0.012)
    found = everything(world)[0]
    assert found.premium.kimchi_bps is None
    assert found.premium.realizable_bps is not None, "the loop never needs it"
    assert found.steps[0].code == "usdlike"


def test_evidence_stands_still_while_the_market_moves_on() -> None:
    world = market()
    fair(world, UPBIT, premium=0.012)
    row = world.views.live(world.at_ns)[0]
    began = world.engine.evidence(row.id)
    world.wait(0.2)
    fair(world, UPBIT, premium=0.02)
    now = world.views.explain(row.id, world.at_ns)
    assert now is not None
    assert began is not None
    assert now.opportunity.net_bps > began.opportunity.net_bps + 50
    assert world.engine.evidence(row.id) == began
    world.wait(0.2)
    fair(world, UPBIT)
    assert world.views.live(world.at_ns) == ()
    over = world.views.explain(row.id, world.at_ns)
    assert over is not None
    assert msgspec.structs.replace(over, opportunity=began.opportunity) == began
    assert began.at_ns == row.opened_at_ns
    assert world.views.explain("o-999", world.at_ns) is None


def test_only_the_last_captures_are_kept() -> None:
    world = market()
    for _ in range(300):
        fair(world, UPBIT, premium=0.012)
        fair(world, UPBIT)
        world.at_ns += 1_000_000
    assert world.engine.evidence("o-1") is None
    assert world.engine.evidence("o-300") is not None
    assert len(world.engine.opportunities._kept) <= 256


def test_everything_told_can_be_written_down() -> None:
    world = busy(1)
    kinds = OpportunityOpened | OpportunityClosed | CandidateRefused
    told = [fact for fact in world.facts if isinstance(fact, kinds)]
    assert told
    for fact in told:
        assert msgspec.json.decode(msgspec.json.encode(fact), type=type(fact)) == fact
    for found in everything(world):
        text = msgspec.json.encode(found)
        assert len(text) < 64 * 1024
        assert msgspec.json.decode(text, type=Explanation) == found


def test_what_is_over_is_explained_as_it_began_and_says_how_it_ended() -> None:
    world = market()
    fair(world, UPBIT, premium=0.012)
    (row,) = world.views.live(world.at_ns)
    world.wait(0.2)
    fair(world, UPBIT, premium=0.02)
    world.wait(0.2)
    fair(world, UPBIT)
    found = world.views.explain(row.id, world.at_ns)
    assert found is not None
    over = found.opportunity
    assert (over.status, over.code, over.closed_at_ns) == ("MISSED", "NET_BELOW_MIN", world.at_ns)
    assert over.net_bps == row.net_bps
    assert over.peak_bps > over.net_bps + 50.0
    assert found.steps[-1].bps == pytest.approx(over.net_bps, abs=1e-9)


def test_a_refusal_that_rests_keeps_the_net_that_its_bars_sum_to() -> None:
    world = market()
    world.wallets(BINANCE, withdraw=Flow.CLOSED)
    fair(world, UPBIT, premium=0.012)
    (row,) = world.views.refused(world.at_ns)
    world.wait(0.2)
    fair(world, UPBIT, premium=0.02)
    world.wait(0.2)
    fair(world, UPBIT)
    for seconds in (0.2, 60.0):
        world.wait(seconds)
        found = world.views.explain(row.id, world.at_ns)
        assert found is not None
        assert found.opportunity.net_bps == row.net_bps
        assert found.steps[-1].bps == pytest.approx(row.net_bps, abs=1e-9)
    assert found.opportunity.closed_at_ns is not None


def test_a_fee_that_nobody_knows_is_said_so_and_nothing_is_promised_on_it() -> None:
    world = market()
    networks = tuple(
        WalletNetwork(UPBIT, asset, network, Flow.OPEN, Flow.OPEN, fee)
        for asset, network, fee in (("XRP", "XRP", "0.2"), ("USDT", "TRX", None))
    )
    world.take(WalletsRead(world.at_ns, UPBIT, networks))
    fair(world, UPBIT, premium=0.012)
    (found,) = everything(world)
    assert found.opportunity.code == "FEE_UNKNOWN"
    step = next(step for step in found.steps if step.code == "return_withdrawal")
    assert (step.bps, step.source) == (0.0, "unknown")
    assert {each.reason for each in found.ladder} == {"FEE_UNKNOWN"}
    assert all(each.net_bps is None for each in found.ladder)
    gate = next(gate for gate in found.opportunity.gates if gate.name == "fees")
    assert (gate.value, gate.detail) == ("unknown", "return_withdrawal")


@pytest.mark.parametrize("premium", [0.012, -0.012])
@pytest.mark.parametrize("end", ["deposit", "withdraw"])
def test_a_fence_is_told_at_the_venue_that_stands_behind_it(premium: float, end: str) -> None:
    world = market()
    xrp = WalletNetwork(UPBIT, "XRP", "XRP", Flow.OPEN, Flow.OPEN, "1")
    usdt = msgspec.structs.replace(xrp, asset="USDT", network="TRX")
    fenced = msgspec.structs.replace(xrp, **{end: Flow.CLOSED})
    world.take(WalletsRead(world.at_ns, UPBIT, (fenced, usdt)))
    fair(world, UPBIT, premium=premium)
    (row,) = world.views.refused(world.at_ns)
    assert row.code == "FENCED"
    (gate,) = [gate for gate in row.gates if not gate.passed]
    in_the_way = ("deposit" if premium > 0 else "withdraw") == end
    assert gate.detail.split()[0] == "upbit"
    assert gate.value == ("closed" if in_the_way else "fenced")


@pytest.mark.parametrize("premium", [0.012, -0.012])
@pytest.mark.parametrize("thin", ["XRP", "USDT", "BINANCE"])
def test_a_book_that_is_too_thin_says_how_much_is_missing(premium: float, thin: str) -> None:
    """Whichever of the three books it is; each alone holds less than the size."""
    world = market()
    fair(world, UPBIT, premium=premium)
    mid = 2.5 * 1_400.0 * (1.0 + premium)
    if thin == "XRP":
        world.book(UPBIT, "XRP", mid * 0.9999, mid * 1.0001, quantity=100.0)
    elif thin == "USDT":
        world.book(UPBIT, "USDT", 1_399.5, 1_400.5, quantity=100.0)
    else:
        world.book(BINANCE, "XRP", 2.49975, 2.50025, quantity=100.0)
    (row,) = world.views.refused(world.at_ns)
    assert row.code == "THIN_BOOK"
    (gate,) = [gate for gate in row.gates if not gate.passed]
    assert gate.name == "depth"
    assert isinstance(gate.value, float)
    assert gate.margin == gate.value - 10_000_000.0 < 0.0
    assert gate.value == pytest.approx(300 * (1_400.0 if thin == "USDT" else 3_500.0), rel=0.02)


def test_what_a_venue_accepts_at_least_is_named() -> None:
    world = market()
    world.wallets(BINANCE)
    least = WalletNetwork(BINANCE, "XRP", "XRP", Flow.OPEN, Flow.OPEN, "0.2", "4000")
    usdt = WalletNetwork(BINANCE, "USDT", "TRX", Flow.OPEN, Flow.OPEN, "1")
    world.take(WalletsRead(world.at_ns, BINANCE, (least, usdt)))
    fair(world, UPBIT, premium=0.012)
    (row,) = world.views.refused(world.at_ns)
    (gate,) = [gate for gate in row.gates if not gate.passed]
    assert (row.code, gate.code) == ("MINIMUM", "MINIMUM")
    assert gate.limit == pytest.approx(4_000 * 3_500, rel=1e-3)
    assert gate.value == pytest.approx(10_000_000, rel=5e-3)
    assert isinstance(gate.value, float)
    assert gate.margin == gate.value - gate.limit < 0.0


def test_what_is_kept_of_a_route_is_what_its_row_shows() -> None:
    broken = market()
    broken.book(BINANCE, "XRP", 2.6, 2.5)
    for world in (busy(1), broken):
        rows = world.views.premiums(world.at_ns)
        kept = world.views.spreads(world.at_ns, world.views.bases())
        names = SpreadRow.__struct_fields__
        assert [[getattr(row, name) for name in names] for row in rows] == [
            [getattr(row, name) for name in names] for row in kept
        ]


def test_a_broken_book_has_no_premium_and_a_stale_one_keeps_its_last() -> None:
    world = market()
    world.book(BINANCE, "XRP", 2.6, 2.5)
    rows = world.views.premiums(world.at_ns)
    assert {row.withheld for row in rows} == {"BOOK_INVALID"}
    for row in rows:
        assert (row.raw_bps, row.usdlike_bps, row.kimchi_bps) == (None, None, None)
        assert row.realizable_bps is None
    fair(world, BINANCE)
    assert all(row.usdlike_bps is not None for row in world.views.premiums(world.at_ns))
