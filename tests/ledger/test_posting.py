"""Posting: integers that always sum to zero, balances that are true to the last decimal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.accounting import Line
from app.domain.venues import Venue
from app.ledger import audit, chart, posting, trading_queries
from app.ledger.database import Database
from app.ledger.posting import EXACT, Overdrawn
from app.ledger.trading_tables import balance
from app.ledger.trading_tables import posting as lines_table
from tests.ledger.trading_builders import BINANCE, MODE, UPBIT, d, memory, money

FREE = chart.available(BINANCE)


def move(here: str, there: str, amount: str, asset: str = "USDT", cycle: str = "") -> list[Line]:
    return [Line(here, asset, -d(amount), cycle), Line(there, asset, d(amount), cycle)]


def amount_of(conn: sa.Connection, account: str, asset: str = "USDT") -> Decimal:
    rows, sums = trading_queries.accounts(conn, MODE)
    assert all(row.amount == 0 for row in sums)
    return sum((r.amount for r in rows if (r.account, r.asset) == (account, asset)), Decimal(0))


def units(conn: sa.Connection) -> list[int]:
    return list(conn.scalars(sa.select(lines_table.c.amount).order_by(lines_table.c.id)))


def test_a_booking_is_made_once_under_its_key() -> None:
    with memory() as (conn, _):
        assert posting.post(conn, MODE, "a", move(chart.EXTERNAL, FREE, "10.5"))
        assert not posting.post(conn, MODE, "a", move(chart.EXTERNAL, FREE, "10.5"))
        assert posting.post(conn, "paper", "a", move(chart.EXTERNAL, FREE, "1"))
        assert amount_of(conn, FREE) == d("10.5")
        assert units(conn) == [-1_050_000_000, 1_050_000_000, -100_000_000, 100_000_000]


def test_what_does_not_sum_to_zero_is_a_bug() -> None:
    with memory() as (conn, _), pytest.raises(AssertionError, match="sum to zero"):
        posting.post(conn, MODE, "a", [Line(FREE, "USDT", d("1")), Line(FREE, "BTC", d("-1"))])


def test_nothing_of_our_own_will_goes_below_zero() -> None:
    with memory() as (conn, _):
        posting.adopt(conn, MODE, BINANCE, "USDT", d("10"), "first")
        with pytest.raises(Overdrawn):
            posting.post(conn, MODE, "a", move(FREE, chart.EXTERNAL, "10.00000001"))
        assert posting.post(conn, MODE, "b", move(FREE, chart.EXTERNAL, "10"))


async def test_the_database_itself_refuses_less_than_nothing(database: Database) -> None:
    await database.write(posting.adopt, MODE, BINANCE, "USDT", d("10"), "first")

    def overdraw(conn: sa.Connection) -> None:
        conn.execute(balance.update().where(balance.c.account == FREE).values(amount=-1))

    with pytest.raises((sa.exc.IntegrityError, sa.exc.OperationalError)):
        await database.write(overdraw)

    def twice(conn: sa.Connection) -> None:
        row = {
            "mode": MODE, "txn_id": "b", "line": 0, "cycle_id": "", "account": FREE,
            "asset": "USDT", "amount": 1, "at_ns": 1,
        }  # fmt: skip
        conn.execute(lines_table.insert().values(**row, natural_key="adopt:first/0"))

    with pytest.raises(sa.exc.IntegrityError):
        await database.write(twice)
    assert await database.read(audit.check, MODE) == []


def test_less_than_a_unit_is_carried_until_it_is_one() -> None:
    with memory() as (conn, _):
        posting.adopt(conn, MODE, BINANCE, "USDT", d("1"), "first")
        for number in range(3):
            moved = move(FREE, chart.FEE_TRADE, "0.000000004", cycle="")
            posting.post(conn, MODE, f"fee-{number}", moved)
        assert amount_of(conn, FREE) == d("0.999999988")
        assert amount_of(conn, chart.FEE_TRADE) == d("0.000000012")
        assert amount_of(conn, chart.DUST) == 0
        assert sum(units(conn)) == 0
        assert audit.check(conn, MODE) == []


def test_a_fact_is_booked_whatever_our_books_say() -> None:
    """First what is available there, then what we cannot explain."""
    with memory() as (conn, _):
        posting.adopt(conn, MODE, BINANCE, "USDT", d("10"), "first")
        held = (chart.reserved(BINANCE), "c-1")
        lines = [
            Line(held[0], "USDT", d("-12"), held[1]),
            Line(chart.trade(BINANCE), "USDT", d("12"), held[1]),
        ]
        assert posting.post(conn, MODE, "fill", lines, fact=True)
        assert amount_of(conn, FREE) == 0
        assert amount_of(conn, held[0]) == 0
        assert amount_of(conn, chart.UNCLAIMED) == d("-2")
        assert audit.check(conn, MODE) == []


def test_adopting_is_done_once_and_may_go_the_other_way() -> None:
    with memory() as (conn, now):
        assert posting.adopt(conn, MODE, UPBIT, "KRW", d("1000000"), "upbit:first")
        assert not posting.adopt(conn, MODE, UPBIT, "KRW", d("1000000"), "upbit:first")
        [purse] = posting.purses(conn, MODE, [(UPBIT, "KRW")])
        assert (purse.available, purse.young) == (d("1000000"), d(0))
        assert posting.adopt(conn, MODE, UPBIT, "KRW", d("300000"), "upbit:bank")
        assert not posting.adopt(conn, MODE, UPBIT, "KRW", d("300000"), "upbit:bank")
        assert posting.adopt(conn, MODE, UPBIT, "KRW", d("-100000"), "upbit:spent")
        [purse] = posting.purses(conn, MODE, [(UPBIT, "KRW")])
        assert (purse.available, purse.young) == (d("1200000"), d("300000"))
        assert purse.young_until_ns == now() + 86_400_000_000_000
        now.pass_s(86_400)
        [purse] = posting.purses(conn, MODE, [(UPBIT, "KRW")])
        assert (purse.young, purse.young_until_ns) == (d(0), None)


@pytest.mark.parametrize(
    ("amount", "scale"),
    [("100", 8), ("100000000", 8), ("920000000000", 4), ("90000000000000000", 0)],
)
def test_the_scale_leaves_room_for_a_hundred_times_more(amount: str, scale: int) -> None:
    with memory() as (conn, _):
        posting.adopt(conn, MODE, BINANCE, "SHIB", d(amount), "first")
        assert posting.scales(conn, ["SHIB"]) == {"SHIB": scale}
        assert amount_of(conn, FREE, "SHIB") == d(amount)


def test_what_does_not_fit_is_an_error_not_a_wrong_number() -> None:
    with memory() as (conn, _):
        posting.adopt(conn, MODE, BINANCE, "XRP", d("1"), "first")
        with pytest.raises(OverflowError, match="63 bits"):
            posting.adopt(conn, MODE, BINANCE, "XRP", d("1000000000000"), "second")


def test_only_what_changed_is_told() -> None:
    with memory() as (conn, _):
        posting.adopt(conn, MODE, BINANCE, "USDT", d("10"), "a")
        posting.adopt(conn, MODE, UPBIT, "KRW", d("5"), "b")
        told = posting.touched(conn, MODE)
        assert [(purse.venue, purse.asset) for purse in told] == [
            (BINANCE, "USDT"), (UPBIT, "KRW")
        ]  # fmt: skip
        assert posting.touched(conn, MODE) == ()
        posting.freeze(conn, MODE, UPBIT, "KRW", "DRIFT")
        [purse] = posting.touched(conn, MODE)
        assert purse.frozen == "DRIFT"
        assert posting.thaw(conn, MODE, UPBIT, "KRW")
        assert posting.purses(conn, MODE)[1].frozen is None


def test_a_purse_that_is_not_there_is_empty() -> None:
    with memory() as (conn, _):
        [purse] = posting.purses(conn, MODE, [(Venue.OKX, "BTC")])
        assert (purse.available, purse.reserved, purse.in_flight) == (d(0), d(0), d(0))
        assert money(conn) == {}


ACCOUNTS = (FREE, chart.reserved(UPBIT), chart.transit(UPBIT), chart.FEE_TRADE, chart.PNL)
# More digits than the 28 to which plain arithmetic of Decimal rounds.
AMOUNTS = st.decimals(min_value=Decimal("0.000000000001"), max_value=Decimal(1_000_000), places=27)
MOVES = st.lists(
    st.tuples(
        st.sampled_from(ACCOUNTS),
        st.sampled_from(ACCOUNTS),
        st.sampled_from(["USDT", "KRW"]),
        AMOUNTS,
        st.sampled_from(["", "c-1", "c-2"]),
    ),
    min_size=1,
    max_size=12,
)


def total(amounts: Iterable[Decimal | None]) -> Decimal:
    found = Decimal(0)
    for amount in amounts:
        found = EXACT.add(found, amount or Decimal(0))
    return found


@settings(max_examples=120, deadline=None)
@given(MOVES)
def test_whatever_is_booked_sums_are_zero_and_balances_are_exact(
    moves: Sequence[tuple[str, str, str, Decimal, str]],
) -> None:
    """Against plain decimals: what facts lack comes from `available`, then from `unclaimed`."""
    truth: dict[tuple[str, str], Decimal] = {}
    with memory() as (conn, _):
        for number, (here, there, asset, amount, cycle) in enumerate(moves):
            gone = EXACT.minus(amount)
            lines = [Line(here, asset, gone, cycle), Line(there, asset, amount, cycle)]
            assert posting.post(conn, MODE, f"{number}", lines, fact=True)
            for account, change in ((here, gone), (there, amount)):
                before = truth.get((account, asset), Decimal(0))
                truth[account, asset] = EXACT.add(before, change)
        rows, sums = trading_queries.accounts(conn, MODE)
        assert all(row.amount == 0 for row in sums)
        found = {(row.account, row.asset): row.amount for row in rows}
        for asset in ("USDT", "KRW"):
            moved = found.get((chart.UNCLAIMED, asset), Decimal(0))
            real = total(found.get((a, asset)) for a in ACCOUNTS if chart.guarded(a))
            told = total(truth.get((a, asset)) for a in ACCOUNTS if chart.guarded(a))
            assert EXACT.add(real, moved) == told
            for account in (chart.FEE_TRADE, chart.PNL):
                expected = truth.get((account, asset), Decimal(0))
                assert found.get((account, asset), Decimal(0)) == expected
        assert all(row.amount >= 0 for row in rows if chart.guarded(row.account))
        assert audit.check(conn, MODE) == []
        assert sum(units(conn)) == 0
