"""Evening out: who gets what from whom, by the network that both sides have."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from app.domain.trading import Purse
from app.domain.venues import Venue
from app.engine.execution.rebalance import IMBALANCE, LEAST_KRW, plan, score
from app.engine.execution.sight import Link
from tests.engine.execution.sights import TableSight

D = Decimal
ZERO = D(0)
TRON = Link("TRON", "TRX", "TRC20", D(1), None, 3.0)
ETHEREUM = Link("ETHEREUM", "ETH", "ERC20", D(6), None, 12.0)
LIGHTNING = Link("LIGHTNING", "LN", "LN", D("0.00001"), None, 1.0)
BITCOIN = Link("BITCOIN", "BTC", "BTC", D("0.0005"), None, 40.0)


def purse(venue: Venue, asset: str, amount: str, frozen: str | None = None) -> Purse:
    return Purse(venue, asset, D(amount), ZERO, ZERO, frozen)


def sight() -> TableSight:
    made = TableSight(prices={"USDT": D(1_400), "BTC": D(140_000_000), "KRW": D(1)})
    for one in Venue:
        for other in Venue:
            if one is not other:
                made.ways["USDT", one, other] = (ETHEREUM, TRON)
    return made


def test_the_full_venue_gives_to_the_empty_one() -> None:
    rows = plan([purse(Venue.BINANCE, "USDT", "9000"), purse(Venue.OKX, "USDT", "1000")], sight())
    (row,) = rows
    assert (row.from_venue, row.to_venue, row.chain) == (Venue.BINANCE, Venue.OKX, "TRON")
    assert (row.amount, row.worth_krw) == (D(3999), D(5_600_000))
    assert row.imbalance == 0.8
    assert row.others == ("ETHEREUM",)


def test_what_is_nearly_even_is_left() -> None:
    assert not plan(
        [purse(Venue.BINANCE, "USDT", "1200"), purse(Venue.OKX, "USDT", "1000")], sight()
    )
    assert not plan(
        [purse(Venue.BINANCE, "USDT", "100"), purse(Venue.OKX, "USDT", "1")], sight()
    ), "not worth a transfer"


def test_the_network_is_what_both_sides_have() -> None:
    world = sight()
    purses = [purse(Venue.BINANCE, "BTC", "2"), purse(Venue.OKX, "BTC", "0.01")]
    world.ways["BTC", Venue.BINANCE, Venue.OKX] = (BITCOIN, LIGHTNING)
    assert [row.chain for row in plan(purses, world) if row.asset == "BTC"] == ["LIGHTNING"]
    world.ways["BTC", Venue.BINANCE, Venue.OKX] = (BITCOIN,)
    assert [row.chain for row in plan(purses, world) if row.asset == "BTC"] == ["BITCOIN"]
    del world.ways["BTC", Venue.BINANCE, Venue.OKX]
    (row,) = [row for row in plan(purses, world) if row.asset == "BTC"]
    assert (row.chain, row.reason) == (None, "NO_NETWORK")


def test_the_score_weighs_fee_and_time() -> None:
    assert score(TRON, D(1_000)) > score(ETHEREUM, D(1_000))
    slow = TRON._replace(minutes=30.0)
    assert score(TRON, D(1_000)) > score(slow, D(1_000))
    unknown = TRON._replace(chain="SOMETHING")
    assert score(TRON, D(1_000)) > score(unknown, D(1_000))


def test_what_is_frozen_or_without_a_price_is_not_moved() -> None:
    purses = [purse(Venue.BINANCE, "USDT", "9000", "UNEXPLAINED"), purse(Venue.OKX, "USDT", "10")]
    assert not plan(purses, sight())
    purses = [purse(Venue.BINANCE, "NEW", "9000"), purse(Venue.OKX, "NEW", "10")]
    assert not plan(purses, sight())


@given(
    amounts=st.lists(
        st.decimals(0, 1_000_000, places=2), min_size=2, max_size=6
    )
)  # fmt: skip
def test_after_the_plan_nobody_is_far_from_his_share(amounts: list[Decimal]) -> None:
    venues = [venue for venue in Venue if venue not in {Venue.COINBASE, *list(Venue)[:2]}]
    purses = [purse(venue, "USDT", str(a)) for venue, a in zip(venues, amounts, strict=False)]
    rows = [row for row in plan(purses, sight()) if row.asset == "USDT"]
    held = {each.venue: each.available for each in purses}
    share = sum(held.values(), ZERO) / len(held)
    for row in rows:
        assert row.worth_krw is not None
        moved = row.worth_krw / 1_400
        held[row.from_venue] -= moved
        held[row.to_venue] += moved
        assert row.worth_krw >= LEAST_KRW
    for amount in held.values():
        assert amount >= 0
        lacks = share - amount
        # Several that have each a little too much are not worth a transfer each.
        assert lacks < max(share * IMBALANCE, LEAST_KRW / 1_400 * len(held))
