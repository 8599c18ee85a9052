"""Triangular: loops on one venue, at best prices, on depth, with lots and fees; their rows."""

from __future__ import annotations

import random

import pytest
from msgspec import structs

from app.domain.events import ConnectionOpened, MarketsRead
from app.domain.facts import CandidateRefused, OpportunityClosed, OpportunityOpened, Watch
from app.domain.live import Status
from app.domain.markets import Instrument, Market, Product
from app.domain.policy import Policy
from app.domain.venues import Venue
from app.engine.detection.triangular import Triangular, loops
from app.engine.market.names import Names
from app.engine.market.universe import LEGS_MAX, choose, choose_legs
from tests.engine.builders import BINANCE, COINBASE, OKX, POLICY, UPBIT, World

ETH, CROSS, BTC = (
    Instrument(BINANCE, "ETH", "USDT"),
    Instrument(BINANCE, "ETH", "BTC"),
    Instrument(BINANCE, "BTC", "USDT"),
)
QUIET = structs.replace(POLICY, size_krw=1_400_000.0)


def world(policy: Policy = QUIET, *, lots: str = "0.000001") -> World:
    """Binance with BTC at 50,000, ETH at 2,500 and ETH/BTC at 0.05: nothing to gain."""
    made = World(policy)
    made.open(UPBIT, "BTC")
    made.tether()
    made.official()
    made._connections[BINANCE] = 2
    made.take(ConnectionOpened(made.at_ns, 2, BINANCE, "books", (BTC, CROSS, ETH)))
    made.markets(
        BINANCE,
        *(Market(each, True, "0.01", lots, lots, "5") for each in (BTC, ETH)),
        Market(CROSS, True, "0.000001", lots, lots, "0.0001"),
    )
    made.take(
        MarketsRead(made.at_ns, UPBIT, tuple(
            Market(Instrument(UPBIT, base, "KRW"), True) for base in ("BTC", "ETH", "USDT")
        ))
    )  # fmt: skip
    made.take(ConnectionOpened(made.at_ns, 2, BINANCE, "books", (BTC, CROSS, ETH)))
    prices(made, 0.05)
    made.facts.clear()
    return made


def prices(made: World, cross: float, *, quantity: float = 1e4) -> None:
    for base, quote, mid in (("BTC", "USDT", 5e4), ("ETH", "USDT", 2.5e3), ("ETH", "BTC", cross)):
        made.book(BINANCE, base, mid * 0.99999, mid * 1.00001, quote=quote, quantity=quantity)
    made.wait(0.1)


def rows(made: World) -> list[object]:
    return [row for row in made.views.live(made.at_ns) if row.detector == "triangular"]


def test_each_triangle_is_walked_both_ways_from_the_first_money() -> None:
    found = list(loops({4: ETH, 7: CROSS, 9: BTC, 5: Instrument(UPBIT, "ETH", "KRW")}))
    assert [(loop.path, loop.rows, loop.sells) for loop in found] == [
        (("USDT", "BTC", "ETH", "USDT"), (9, 7, 4), (False, False, True)),
        (("USDT", "ETH", "BTC", "USDT"), (4, 7, 9), (False, True, True)),
    ]


def test_two_moneys_and_a_coin_are_one_triangle() -> None:
    found = list(loops({
        1: Instrument(BINANCE, "USDC", "USDT"),
        2: Instrument(BINANCE, "XRP", "USDT"),
        3: Instrument(BINANCE, "XRP", "USDC"),
    }))  # fmt: skip
    assert [loop.path for loop in found] == [
        ("USDT", "USDC", "XRP", "USDT"),
        ("USDT", "XRP", "USDC", "USDT"),
    ]


def test_three_coins_without_money_are_none_and_nothing_else_than_spot_counts() -> None:
    coins = {row: Instrument(BINANCE, *pair) for row, pair in
             enumerate((("ETH", "BTC"), ("BNB", "BTC"), ("BNB", "ETH")))}  # fmt: skip
    assert list(loops(coins)) == []
    future = {1: BTC, 2: CROSS, 3: Instrument(BINANCE, "ETH", "USDT", Product.PERPETUAL)}
    assert list(loops(future)) == []


def test_nothing_is_told_while_a_loop_costs_more_than_it_brings() -> None:
    made = world()
    prices(made, 0.05013)
    assert not made.told(OpportunityOpened)
    assert not made.told(CandidateRefused)


def test_a_loop_that_pays_is_told_at_the_frame_that_makes_it_pay() -> None:
    made = world()
    taken = made.book(BINANCE, "ETH", 0.0505, 0.050501, quote="BTC", quantity=1e4)
    opened = [fact for fact in taken.facts if isinstance(fact, OpportunityOpened)]
    assert len(opened) == 1
    row = opened[0].opportunity
    assert (row.detector, row.path, row.status) == (
        "triangular", "USDT-ETH-BTC-USDT", Status.DETECTED,
    )  # fmt: skip
    assert (row.base, row.buy_venue, row.sell_venue) == ("ETH", BINANCE, BINANCE)
    fees = 3 * 10.0
    assert row.net_bps == pytest.approx(100.0 - fees - 0.3, abs=1.0)
    assert row.profit_krw == pytest.approx(row.net_bps / 1e4 * 1_400_000.0)
    assert all(gate.passed for gate in row.gates)
    assert made.views.live(made.at_ns)[0].id == row.id


def test_its_steps_add_up_to_its_net_and_it_can_be_explained() -> None:
    made = world()
    prices(made, 0.0505)
    row = made.views.live(made.at_ns)[0]
    found = made.views.explain(row.id, made.at_ns)
    assert found is not None
    raw, *parts, net = found.steps
    assert (raw.code, net.code) == ("raw", "net")
    assert raw.bps + sum(step.bps for step in parts) == pytest.approx(net.bps)
    assert net.bps == row.net_bps
    assert found.premium.id == "ETH:binance-binance"
    assert {level.side for level in found.levels} == {"buy", "sell"}
    assert made.engine.evidence(row.id) is not None


def test_it_ends_when_it_does_not_pay_any_more() -> None:
    made = world()
    prices(made, 0.0505)
    prices(made, 0.05)
    closed = made.told(OpportunityClosed)
    assert len(closed) == 1
    assert closed[0].opportunity.status is Status.MISSED  # type: ignore[attr-defined]
    assert closed[0].opportunity.code == "OVER"  # type: ignore[attr-defined]
    assert not rows(made)
    kept = made.views.explain(closed[0].opportunity.id, made.at_ns)  # type: ignore[attr-defined]
    assert kept is not None
    assert kept.opportunity.closed_at_ns is not None


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("THIN_BOOK", {"quantity": 0.01}),
        ("STALE_BOOK", {"wait": 1.6}),
    ],
)
def test_what_pays_at_the_top_and_cannot_be_done_is_refused(
    code: str, change: dict[str, float]
) -> None:
    made = world()
    prices(made, 0.0505, quantity=change.get("quantity", 1e4))
    made.wait(change.get("wait", 0.1))
    refused = [row for row in made.views.refused(made.at_ns) if row.detector == "triangular"]
    assert [row.code for row in refused] == [code]
    assert refused[0].status is Status.REFUSED


def test_a_lot_that_is_too_coarse_is_below_it() -> None:
    made = world(lots="1")
    prices(made, 0.0505)
    refused = [row for row in made.views.refused(made.at_ns) if row.detector == "triangular"]
    assert [row.code for row in refused] == ["BELOW_LOT"]


def test_a_fee_that_nobody_knows_refuses() -> None:
    made = world(structs.replace(QUIET, fees=()))
    place = made.engine.rack.row(CROSS)
    assert place is not None
    prices(made, 0.0505)
    made.engine.board.live.lines[place]["fee"] = float("nan")
    made.wait(0.1)
    refused = [row for row in made.views.refused(made.at_ns) if row.detector == "triangular"]
    assert [row.code for row in refused] == ["FEE_UNKNOWN"]


def test_books_that_go_take_their_loops_with_them() -> None:
    made = world()
    prices(made, 0.0505)
    made.markets(BINANCE, Market(BTC, True), Market(ETH, True))
    assert len(made.told(OpportunityClosed)) == 1
    prices_left = made.engine.scouts.rows
    assert not prices_left


def test_the_quick_look_never_misses_what_the_walk_would_take() -> None:
    """At best prices after fees no size nets more: with depth and lots only less is left."""
    chance = random.Random(5)
    made = world(structs.replace(QUIET, triangular_min_bps=-200.0, min_net_bps=-200.0))
    triangular = Triangular(made.engine.board.live)
    triangular.policy(structs.replace(QUIET, triangular_min_bps=-1e5))
    triangular.place()
    for _ in range(40):
        prices(made, 0.05 * (1.0 + chance.gauss(0.0, 0.01)), quantity=chance.uniform(0.5, 50.0))
        for row in triangular.rows:
            triangular.turned(row)
        for place in triangular.heard():
            seen = triangular.look(place, made.at_ns)
            assert seen is not None
            steps = {step.code: step.bps for step in seen.steps}
            if steps:
                top = steps["raw"] + steps["trade_fees"]
                assert steps["net"] <= top + 0.5
                assert steps["depth"] <= 1e-6
                assert steps["lot"] <= 1e-6


# Which markets are watched for it


def listed(venue: Venue, *pairs: str) -> list[Market]:
    named = (pair.partition("/") for pair in pairs)
    return [Market(Instrument(venue, base, quote), True) for base, _, quote in named]


def legs(found: dict[Venue, list[Market]], policy: Policy | None = None) -> list[str]:
    policy = policy or Policy()
    chosen = choose_legs(found, choose(found, policy, Names()), policy)
    return [f"{each.base}/{each.quote}" for each in chosen[BINANCE]]


OTHERS = listed(OKX, "BTC/USDT", "ETH/USDT", "XRP/USDT", "USDC/USDT")


def test_markets_that_close_a_loop_are_watched_too() -> None:
    found = {
        OKX: OTHERS,
        BINANCE: listed(
            BINANCE, "BTC/USDT", "ETH/USDT", "ETH/BTC", "XRP/USDT", "XRP/USDC", "USDC/USDT",
            "XRP/BTC", "XRP/EUR", "DOGE/BTC",
        ),
    }  # fmt: skip
    assert legs(found) == ["ETH/BTC", "XRP/BTC", "XRP/USDC"]
    assert legs(found, Policy(favourites=("XRP",)))[:2] == ["XRP/BTC", "XRP/USDC"]


def test_they_fill_what_room_a_venue_has_left_and_no_more() -> None:
    found = {
        OKX: OTHERS,
        BINANCE: listed(BINANCE, "BTC/USDT", "ETH/USDT", "XRP/USDT", "ETH/BTC", "XRP/BTC"),
    }
    for most in range(1, 8):
        policy = Policy(instruments_per_venue_max=most)
        routed = choose(found, policy, Names())[BINANCE]
        assert len(routed) + len(legs(found, policy)) <= most
    assert len(legs(found)) == 2
    many = [f"C{n}" for n in range(40)]
    wide = {
        OKX: listed(OKX, "BTC/USDT", *(f"{each}/USDT" for each in many)),
        BINANCE: listed(BINANCE, "BTC/USDT", *(f"{each}/USDT" for each in many),
                        *(f"{each}/BTC" for each in many)),
    }  # fmt: skip
    assert len(legs(wide)) == LEGS_MAX


def test_a_second_name_of_the_same_book_is_no_market() -> None:
    found = {
        COINBASE: listed(COINBASE, "BTC/USD", "BTC/USDC", "BTC/USDT", "USDT/USD", "USDC/USD"),
        OKX: OTHERS,
    }
    chosen = choose_legs(found, choose(found, Policy(), Names()), Policy())
    assert [f"{each.base}/{each.quote}" for each in chosen[COINBASE]] == ["BTC/USD"]


def test_they_make_no_routes_and_are_nobody_s_asset() -> None:
    made = world()
    watched = [command for command in made.commands if isinstance(command, Watch)]
    assert any(CROSS in command.instruments for command in watched)
    row = made.engine.rack.row(CROSS)
    assert row is not None
    assert made.engine.board.routes_of_row(row) == []
    assert CROSS in made.engine.universe.unrouted
    assert all(CROSS not in each for each in made.engine.universe.assets().values())
