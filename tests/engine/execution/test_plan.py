"""Plans: the whole way walked at the size of trading, exact, and refused by name."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from app.domain.cycles import ExecutionStyle, Strategy
from app.domain.markets import Instrument, Side
from app.domain.trading import Refused, TradingPolicy
from app.domain.venues import Venue
from app.engine.execution.amounts import Grid, ceil, floor, limit_price, spend, trade
from app.engine.execution.plan import Asked, Draft, draft
from app.engine.execution.sight import Book, Link
from tests.engine.builders import BINANCE, UPBIT, fair
from tests.engine.execution.sights import TableSight
from tests.engine.execution.test_main_line import desk, korea_dear

D = Decimal
TRANSFER, PREFUNDED = ExecutionStyle.TRANSFER, ExecutionStyle.PREFUNDED
COIN = Instrument(Venue.BINANCE, "XRP", "USDT")
WON = Instrument(Venue.UPBIT, "XRP", "KRW")
TETHER = Instrument(Venue.UPBIT, "USDT", "KRW")
ASKED = Asked("XRP", COIN, WON)
POLICY = TradingPolicy()


def sight(premium: str = "1.02") -> TableSight:
    made = TableSight(prices={"KRW": D(1), "USDT": D(1_400), "XRP": D(3_500)})
    made.fees = {Venue.UPBIT: D("0.0005"), Venue.BINANCE: D("0.001")}
    deep = D(100_000)
    mid = D(3_500) * D(premium)
    for each, bid, ask in (
        (COIN, D("2.499"), D("2.5")),
        (WON, mid, mid + 1),
        (TETHER, D("1399.5"), D(1_400)),
    ):
        made.books[each] = Book(((bid, deep),), ((ask, deep),))
        made.grids[each] = Grid(D("0.0001") if each is COIN else D("0.5"), D("0.01"), None, D(5))
    made.ways["XRP", Venue.BINANCE, Venue.UPBIT] = (Link("RIPPLE", "X", "X", D("0.2"), D(1), 3.0),)
    made.ways["USDT", Venue.UPBIT, Venue.BINANCE] = (Link("TRON", "T", "T", D(1), None, 3.0),)
    return made


def made(world: TableSight, style: ExecutionStyle = TRANSFER, size: int = 1_000_000) -> Draft:
    found = draft(ASKED, style, world, POLICY, D(size), 0)
    assert isinstance(found, Draft), found
    return found


def test_by_hand() -> None:
    """1,000,000 won at 1,400 buy 285.71 XRP at 2.5; 0.1 % fee, 0.2 network, sold at 3,570."""
    found = made(sight())
    plan = found.plan
    assert plan.quantity == D("285.71")
    arrives = D("285.71") * D("0.999") - D("0.2")
    sold = floor(floor(arrives, D("1e-6")), D("0.01"))
    won = sold * 3_570 * D("0.9995")
    usdt = floor(won / D("1.0005") / 1_400, D("0.01")) - 1
    net = (usdt / (D("285.71") * D("2.5")) - 1) * 10_000
    assert plan.net_bps == pytest.approx(float(net), abs=1e-9)
    assert sum(part.bps for part in plan.parts) == pytest.approx(plan.net_bps, abs=1e-9)
    (order,) = found.terms
    assert (order.side, order.price, order.quantity) == (Side.BUY, D("2.5037"), D("285.71"))
    (reserved,) = found.reservations
    assert reserved.amount == D("2.5037") * D("285.71")
    assert found.strategy is Strategy.HIGH_PREMIUM


def test_prefunded_sets_aside_a_share_of_evening_out() -> None:
    found = made(sight(), PREFUNDED)
    buy, sell = found.terms
    assert sell.quantity == floor(buy.quantity * D("0.999"), D("0.01"))
    assert sell.price == ceil(D(3_570) * (1 - D("0.0015")), D("0.5"))
    aside = next(part.bps for part in found.plan.parts if part.code == "rebalance")
    assert -5.0 < aside < -1.0
    assert {(each.venue, each.asset) for each in found.reservations} == {
        (Venue.BINANCE, "USDT"), (Venue.UPBIT, "XRP"),
    }  # fmt: skip
    assert sum(part.bps for part in found.plan.parts) == pytest.approx(found.plan.net_bps, abs=1e-9)


def without(world: TableSight, what: str) -> TableSight:
    match what:
        case "book":
            del world.books[COIN]
        case "grid":
            del world.grids[WON]
        case "fee":
            del world.fees[Venue.UPBIT]
        case "rate":
            del world.prices["USDT"]
        case "network":
            world.ways.pop(("XRP", Venue.BINANCE, Venue.UPBIT))
        case "way home":
            world.ways.pop(("USDT", Venue.UPBIT, Venue.BINANCE))
        case "minimum":
            world.ways["XRP", Venue.BINANCE, Venue.UPBIT] = (
                Link("RIPPLE", "X", "X", D("0.2"), D(10_000), 3.0),
            )
        case "depth":
            world.books[COIN] = Book(((D("2.499"), D(1)),), ((D("2.5"), D(1)),))
    return world


@pytest.mark.parametrize(
    ("what", "code"),
    [("book", "STALE_BOOK"), ("grid", "NOT_LISTED"), ("fee", "FEE_UNKNOWN"), ("rate", "NO_RATE"),
     ("network", "WALLET_CLOSED"), ("way home", "NO_WAY_HOME"), ("minimum", "MINIMUM"),
     ("depth", "THIN_BOOK")],
)  # fmt: skip
def test_what_is_missing_is_a_refusal_and_never_a_guess(what: str, code: str) -> None:
    found = draft(ASKED, TRANSFER, without(sight(), what), POLICY, D(1_000_000), 0)
    assert isinstance(found, Refused)
    assert found.code == code


def test_the_plan_agrees_with_detection_at_its_size() -> None:
    """Two readings of one loop: compiled floats over arrays, and decimals over levels."""
    world = desk()
    korea_dear(world)
    (row,) = world.engine.opportunities.live(world.at_ns)
    asked = Asked("XRP", Instrument(BINANCE, "XRP", "USDT"), Instrument(UPBIT, "XRP", "KRW"))
    sight_now = world.engine.trading.sight
    found = draft(asked, TRANSFER, sight_now, POLICY, D(10_000_000), world.at_ns)
    assert isinstance(found, Draft)
    assert found.plan.net_bps == pytest.approx(row.net_bps, abs=0.5)


def test_a_smaller_size_pays_more_for_its_fixed_fees() -> None:
    nets = [made(sight(), size=size).plan.net_bps for size in (100_000, 1_000_000, 10_000_000)]
    assert nets == sorted(nets)


prices = st.decimals(D("0.01"), D(1_000), places=2)
quantities = st.decimals(D("0.01"), D(1_000), places=2)
ladders = st.lists(st.tuples(prices, quantities), min_size=1, max_size=20)


@settings(deadline=None)
@given(levels=ladders, share=st.decimals(D("0.01"), D(1), places=2))
def test_walks_agree_with_each_other(levels: list[tuple[Decimal, Decimal]], share: Decimal) -> None:
    asks = sorted(levels)
    whole = sum((held for _, held in asks), D(0))
    sold = trade(asks, whole * share)
    assert sold is not None
    assert asks[0][0] <= sold.price <= sold.last <= asks[-1][0]
    back = spend(asks, sold.value)
    assert back is not None
    assert abs(back.quantity - sold.quantity) <= whole * D("1e-20")
    assert trade(asks, whole + 1) is None


@given(
    bound=st.decimals(D("0.5"), D(2), places=4), last=st.decimals(D("0.5"), D(2), places=2),
    tick=st.sampled_from([None, D("0.01"), D("0.05")]), levels=ladders,
    side=st.sampled_from(list(Side)),
)  # fmt: skip
def test_a_limit_is_on_the_tick_and_not_beyond_its_bound(
    bound: Decimal, last: Decimal, tick: Decimal | None,
    levels: list[tuple[Decimal, Decimal]], side: Side,
) -> None:  # fmt: skip
    last = floor(last, D("0.05")) or D("0.05")
    price = limit_price(side, bound, last, levels, Grid(tick))
    if tick is None:
        assert price == last or price in {each for each, _ in levels}
    else:
        assert price % tick == 0
    if side is Side.BUY:
        assert last <= price <= max(bound, last)
    else:
        assert min(bound, last) <= price <= last


def test_low_premium_begins_with_won() -> None:
    world = desk()
    world.fund(UPBIT, "KRW", 5_000_000)
    fair(world, UPBIT, premium=-0.02)
    asked = Asked("XRP", Instrument(UPBIT, "XRP", "KRW"), Instrument(BINANCE, "XRP", "USDT"))
    policy = structs.replace(POLICY)
    found = draft(asked, TRANSFER, world.engine.trading.sight, policy, D(1_000_000), world.at_ns)
    assert isinstance(found, Draft)
    assert found.strategy is Strategy.LOW_PREMIUM
    assert found.plan.home.asset == "KRW"
    assert found.plan.net_bps > 100
    # The fee of a purchase in won comes on top, and is reserved with it.
    (order,) = found.terms
    assert found.reservations[0].amount == order.price * order.quantity * D("1.0005")
