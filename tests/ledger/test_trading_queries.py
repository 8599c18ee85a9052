"""What pages and the API read: cycles by tab, one cycle's whole story, orders, money, days."""

from __future__ import annotations

from decimal import Decimal

import pytest
import sqlalchemy as sa

from app.domain.accounting import Timeline
from app.domain.cycles import Holding, Outcome
from app.domain.orders import OrderState, Role
from app.domain.trading import TradingState
from app.domain.transfers import TransferState
from app.domain.venues import Venue
from app.ledger import cycles, days, leases, posting, trading_queries, trading_state
from app.ledger.database import Database
from app.ledger.trading_tables import exchanges
from tests.ledger.trading_builders import (
    BINANCE,
    MODE,
    UPBIT,
    S,
    complete,
    d,
    decide,
    memory,
    note,
    open_one,
    send,
    start,
    trade,
)


def desk(conn: sa.Connection) -> None:
    """c-1 came home, c-2 is open with an unknown order, c-3 is a dead letter, c-4 did nothing."""
    start(conn)
    complete(conn, 1)
    open_one(conn, 2)
    send(conn, "buy-2")
    note(conn, "buy-2", OrderState.UNKNOWN)
    open_one(conn, 3)
    trade(conn, "buy-3", "400")
    decide(conn, "c-3", S.FAILED, S.DEAD_LETTER, reason="RETRIES_SPENT", attempts=3)
    open_one(conn, 4)
    decide(conn, "c-4", S.FAILED, outcome=Outcome.NOTHING_DONE)


@pytest.mark.parametrize(
    ("tab", "ids"),
    [
        (None, ["c-4", "c-3", "c-2", "c-1"]),
        (trading_queries.OPEN, ["c-2"]),
        (trading_queries.FINISHED, ["c-4", "c-1"]),
        (trading_queries.DEAD, ["c-3"]),
    ],
)
def test_cycles_come_by_tab(tab: str | None, ids: list[str]) -> None:
    with memory() as (conn, _):
        desk(conn)
        found, cursor = trading_queries.list_cycles(conn, MODE, 10, tab=tab)
        assert [row.cycle.id for row in found] == ids
        assert cursor is None
        assert trading_queries.list_cycles(conn, "paper", 10, tab=tab) == ([], None)


def test_cycles_are_counted_filtered_and_paged() -> None:
    with memory() as (conn, _):
        desk(conn)
        assert trading_queries.count_cycles(conn, MODE) == {"open": 1, "finished": 2, "dead": 1}
        first, cursor = trading_queries.list_cycles(conn, MODE, 3)
        second, end = trading_queries.list_cycles(conn, MODE, 3, cursor)
        assert [row.cycle.id for row in first + second] == ["c-4", "c-3", "c-2", "c-1"]
        assert (cursor is not None, end) == (True, None)
        failed, _cursor = trading_queries.list_cycles(conn, MODE, 10, state=S.FAILED)
        assert [row.cycle.id for row in failed] == ["c-4"]
        assert trading_queries.list_cycles(conn, MODE, 10, base="BTC")[0] == []


def test_a_cycle_says_what_it_holds() -> None:
    with memory() as (conn, _):
        desk(conn)
        held = {}
        for row in trading_queries.list_cycles(conn, MODE, 10)[0]:
            held[row.cycle.id] = row.exposure
        assert held["c-2"] == (Holding(BINANCE, "USDT", d("1000")),)
        assert held["c-3"] == (Holding(BINANCE, "XRP", d("400")),)
        assert held["c-1"] == held["c-4"] == ()
        row = trading_queries.get_cycle(conn, MODE, "c-3")
        assert row is not None
        assert row.exposure == held["c-3"]
        assert trading_queries.get_cycle(conn, MODE, "c-9") is None


async def test_the_whole_story_of_a_cycle(database: Database) -> None:
    await database.write(desk)
    told = await database.read(trading_queries.timeline, MODE, "c-1")
    assert isinstance(told, Timeline)
    assert [row.order.role for row in told.orders] == [Role.INITIAL, Role.SECOND, Role.REBALANCE]
    assert [row.transfer.state for row in told.transfers] == [TransferState.CREDITED] * 2
    assert [row.to for row in told.transitions] == [
        S.STARTED, S.INITIAL_TRADE_COMPLETED, S.AWAITING_REBALANCE, S.REBALANCING_IN_PROGRESS,
        S.REBALANCE_TRADE_COMPLETED, S.COMPLETED,
    ]  # fmt: skip
    assert [row.kind for row in told.venue_events] == ["booked_fill"] * 3
    assert [row.kind for row in told.portfolio] == ["INITIAL", *["TRADE"] * 5, "FINAL"]
    assert {line.code for line in told.journal} == {"OPENED", "DECIDED", "ORDER", "TRANSFER"}
    cells = {(cell.account, cell.asset): cell.amount for cell in told.postings}
    assert cells["venue:binance:reserved", "USDT"] == 0
    assert cells["fee:trade", "XRP"] == d("0.4")
    assert cells["pnl", "USDT"] == d("-22")
    assert (await database.read(trading_queries.timeline, MODE, "c-77")) is None
    letters, _cursor = await database.read(trading_queries.list_dead_letters, MODE, 10)
    assert [letter.cycle.cycle.id for letter in letters] == ["c-3"]


def test_unknown_orders_come_first() -> None:
    with memory() as (conn, _):
        desk(conn)
        assert [row.order.client_id for row in trading_queries.unknown_orders(conn, MODE)] == [
            "buy-2"
        ]
        rows, _cursor = trading_queries.list_orders(conn, MODE, 50)
        assert [row.order.client_id for row in rows][:2] == ["buy-4", "buy-3"]
        assert trading_queries.get_order(conn, MODE, rows[0].id) == rows[0]
        assert trading_queries.get_order(conn, MODE, "buy-4") == rows[0]
        assert trading_queries.get_order(conn, MODE, "or-999") is None
        of_cycle, _cursor = trading_queries.list_orders(conn, MODE, 50, cycle_id="c-1")
        assert len(of_cycle) == 3
        at_upbit, _cursor = trading_queries.list_orders(conn, MODE, 50, venue=Venue.UPBIT)
        assert len(at_upbit) == 2
        expired, _cursor = trading_queries.list_orders(conn, MODE, 50, state=OrderState.EXPIRED)
        assert [row.order.client_id for row in expired] == ["buy-4"]


def test_transfers_and_trades() -> None:
    with memory() as (conn, _):
        desk(conn)
        rows, _cursor = trading_queries.list_transfers(conn, MODE, 10)
        assert [row.transfer.client_id for row in rows] == ["home-1", "way-1"]
        assert trading_queries.list_transfers(conn, MODE, 10, open_only=True)[0] == []
        trades, _cursor = trading_queries.recent_trades(conn, MODE, 50)
        told = {row.client_id: (row.role, row.status) for row in trades}
        assert told["buy-1"] == (Role.INITIAL, "COMPLETED")
        assert told["way-1"] == (Role.TRANSFER, "COMPLETED")
        assert told["buy-2"] == (Role.INITIAL, "PENDING")
        assert told["buy-4"] == (Role.INITIAL, "CANCELLED")
        mine, _cursor = trading_queries.recent_trades(conn, MODE, 50, cycle_id="c-1")
        assert [row.client_id for row in mine] == ["home-1", "back-1", "sell-1", "way-1", "buy-1"]
        assert mine[-1].fees[0].asset == "XRP"


async def test_accounts_sum_to_nothing_and_entries_explain_them(database: Database) -> None:
    await database.write(desk)
    rows, sums = await database.read(trading_queries.accounts, MODE)
    assert {row.asset for row in sums} == {"USDT", "XRP", "KRW"}
    assert all(row.amount == 0 for row in sums)
    amounts = {(row.account, row.asset): row.amount for row in rows}
    assert amounts["external", "USDT"] == d("-10000")
    entries: list[tuple[str, Decimal]] = []
    cursor: str | None = None
    while True:
        page, cursor = await database.read(
            trading_queries.list_entries, MODE, 7, cursor, account="venue:binance:available"
        )
        entries += [(row.txn_id, row.amount) for row in page]
        if cursor is None:
            break
    assert entries[-1] == ("adopt:binance:USDT:first", d("10000"))
    assert sum(amount for _, amount in entries) == amounts["venue:binance:available", "USDT"]
    of_cycle, _cursor = await database.read(
        trading_queries.list_entries, MODE, 1000, cycle_id="c-1", asset="KRW"
    )
    assert sum(row.amount for row in of_cycle if row.account == "pnl") == d("-2576")


def test_days_and_statistics() -> None:
    with memory() as (conn, now):
        desk(conn)
        for number in (5, 6):
            now.pass_s(86_400)
            trading_state.set_state(conn, MODE, TradingState.ACTIVE, "kim")
            for venue in (BINANCE, UPBIT):
                leases.claim(conn, f"sender:{venue}", "engine-1", 3_600.0)
            complete(conn, number)
            days.settle(conn, MODE)
        found = trading_queries.list_days(conn, MODE, 10)
        assert [row.day.date for row in found] == ["2023-11-16", "2023-11-15", "2023-11-14"]
        assert [row.day.cycles for row in found] == [1, 1, 1]
        assert [row.total_pnl_krw for row in found] == [d("87000"), d("58000"), d("29000")]
        assert found[0].day.equity_krw == d("20087000")
        assert found[-1].sharpe is None
        assert found[0].sharpe is not None
        stats = trading_queries.statistics(conn, MODE)
        assert (stats.cycles, stats.wins, stats.nothing_done) == (3, 3, 1)
        assert (stats.open, stats.dead_letters, stats.win_rate) == (1, 1, 1.0)
        assert (stats.pnl_krw, stats.average_pnl_krw) == (d("87000"), d("29000"))
        assert trading_queries.statistics(conn, "paper").win_rate is None


def test_losses_in_a_row_end_with_a_win() -> None:
    with memory() as (conn, now):
        start(conn)
        results = [("-5", Outcome.LOSS), ("-1", Outcome.COMPENSATED), ("3", Outcome.PROFIT)]
        rows = []
        for pnl, outcome in results:
            days.finish(conn, MODE, now(), outcome, d(pnl), d("100"), None)
            rows.append(cycles.day(conn, MODE))
        assert [losses for _, losses, _ in rows] == [1, 2, 0]
        now.pass_s(86_400)
        today, losses, peak = cycles.day(conn, MODE)
        assert (today.cycles, losses, peak) == (0, 0, d("20000000"))
        assert today.equity_krw == d("19999997")


def test_snapshots_and_what_there_is() -> None:
    with memory() as (conn, now):
        desk(conn)
        posting.freeze(conn, MODE, UPBIT, "KRW", "DRIFT")
        purses = trading_queries.portfolio(conn, MODE)
        assert [(p.venue, p.asset, p.frozen) for p in purses] == [
            (BINANCE, "USDT", None), (BINANCE, "XRP", None), (UPBIT, "KRW", "DRIFT")
        ]  # fmt: skip
        shot = trading_queries.write_snapshot(conn, MODE, d("20000001.5"))
        assert trading_queries.list_snapshots(conn, MODE, now(), 10) == [shot]
        assert trading_queries.list_snapshots(conn, MODE, now() + 1, 10) == []


async def test_the_nine_exchanges_come_with_the_schema(database: Database) -> None:
    def read(conn: sa.Connection) -> dict[str, tuple[str, ...]]:
        return {row.venue: row.quotes for row in conn.execute(sa.select(exchanges))}

    found = await database.read(read)
    assert set(found) == set(Venue)
    assert found[Venue.UPBIT] == ("KRW",)
    with memory() as (conn, _):
        assert read(conn) == found
