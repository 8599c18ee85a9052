"""Cycles: opened with their money, decided about by their owner alone, ended at home."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import sqlalchemy as sa
from msgspec import structs

from app.domain.cycles import (
    MOVES,
    CycleState,
    CycleStep,
    ExecutionStyle,
    Holding,
    Outcome,
    Reservation,
)
from app.domain.markets import Side
from app.domain.orders import AssetAmount, OrderState, Role
from app.domain.trading import TradingState
from app.domain.transfers import TransferState
from app.ledger import audit, cycles, intents, posting, trading_queries, trading_state, transitions
from app.ledger.cycles import Residue
from app.ledger.database import Database
from app.ledger.trading_tables import (
    allowed_transition,
    arbitrage_cycles,
    dead_letter,
    intent,
    transition,
)
from tests.ledger import trading_builders as build
from tests.ledger.trading_builders import (
    BINANCE,
    LEASE_S,
    ME,
    MODE,
    OTHER,
    UPBIT,
    XRP_KRW,
    S,
    arrive,
    complete,
    d,
    decide,
    decision,
    memory,
    money,
    new_order,
    new_transfer,
    open_one,
    opened,
    seen,
    start,
    trade,
    withdraw,
)


def bought(conn: sa.Connection, number: int = 1) -> None:
    """Leg 1 has traded whole."""
    open_one(conn, number)
    trade(conn, f"buy-{number}", "400", fee="0.4", fee_asset="XRP")


# Opening


def test_opening_takes_the_money_and_writes_the_orders_down() -> None:
    with memory() as (conn, now):
        start(conn)
        view = open_one(conn)
        assert (view.cycle.version, view.cycle.fence, view.cycle.state) == (1, 1, S.STARTED)
        [order] = view.orders
        assert (order.client_id, order.state, order.version) == ("buy-1", OrderState.PLANNED, 1)
        assert order.planned_at_ns == now()
        assert view.holdings == (Holding(BINANCE, "USDT", d(1000)),)
        assert view.net == ()
        assert money(conn)["binance", "USDT"] == ("9000.00000000", "1000.00000000")
        assert cycles.view(conn, "paper", "c-1") is None


def test_one_chance_is_taken_once() -> None:
    with memory() as (conn, _):
        start(conn)
        open_one(conn)
        again = opened(2, new_order("buy-2"), dedupe="XRP:1")
        assert cycles.open_cycle(conn, MODE, again, OTHER, LEASE_S) == "DUPLICATE"
        same = opened(1, new_order("buy-3"), dedupe="XRP:3")
        assert cycles.open_cycle(conn, MODE, same, OTHER, LEASE_S) == "DUPLICATE"
        assert money(conn)["binance", "USDT"] == ("9000.00000000", "1000.00000000")
        assert intents.get_order(conn, MODE, "buy-2") is None


def test_more_than_there_is_is_refused_whole() -> None:
    with memory() as (conn, _):
        start(conn)
        two = (Reservation(UPBIT, "KRW", d(1000)), Reservation(BINANCE, "USDT", d("10000.01")))
        fact = opened(1, new_order("buy-1"), reservations=two)
        assert cycles.open_cycle(conn, MODE, fact, ME, LEASE_S) == "INSUFFICIENT"
        assert money(conn) == {
            ("binance", "USDT"): ("10000.00000000", "0"),
            ("upbit", "KRW"): ("5000000.00000000", "0"),
        }
        assert cycles.view(conn, MODE, "c-1") is None
        assert conn.scalar(sa.select(sa.func.count()).select_from(transition)) == 0
        assert open_one(conn, 1, usdt="10000").cycle.id == "c-1"


def test_a_frozen_purse_begins_nothing() -> None:
    with memory() as (conn, _):
        start(conn)
        posting.freeze(conn, MODE, BINANCE, "USDT", "DRIFT")
        fact = opened(1, new_order("buy-1"))
        assert cycles.open_cycle(conn, MODE, fact, ME, LEASE_S) == "INSUFFICIENT"


@pytest.mark.parametrize("state", [TradingState.REDUCING, TradingState.HALTED])
def test_nothing_begins_unless_trading_is_active(state: TradingState) -> None:
    with memory() as (conn, _):
        start(conn)
        trading_state.set_state(conn, MODE, state, "kim")
        assert cycles.open_cycle(conn, MODE, opened(), ME, LEASE_S) == "HALTED"


# Deciding


def test_a_decision_is_valid_for_one_version_and_its_owner() -> None:
    with memory() as (conn, _):
        start(conn)
        view = open_one(conn)
        made = decision(view, step=CycleStep.LEG1_PARTIAL, note="half")
        assert cycles.decide(conn, MODE, made, OTHER) is None
        assert cycles.decide(conn, "paper", made, ME) is None
        after = cycles.decide(conn, MODE, made, ME)
        assert after is not None
        assert (after.cycle.version, after.cycle.step) == (2, CycleStep.LEG1_PARTIAL)
        assert cycles.decide(conn, MODE, made, ME) is None, "the same decision again"
        assert cycles.owned(conn, MODE, "c-1", ME) == after
        assert cycles.owned(conn, MODE, "c-1", OTHER) is None


def test_whatever_is_committed_makes_earlier_decisions_void() -> None:
    with memory() as (conn, _):
        start(conn)
        view = open_one(conn)
        build.send(conn, "buy-1")
        assert cycles.decide(conn, MODE, decision(view, expire=("buy-1",)), ME) is None
        assert intents.get_order(conn, MODE, "buy-1").state is OrderState.SENT  # type: ignore[union-attr]


def test_none_in_a_decision_leaves_things_as_they_are() -> None:
    with memory() as (conn, now):
        start(conn)
        open_one(conn)
        told: dict[str, Any] = {
            "attempts": 1, "retries": 2, "wake_at_ns": now() + 5, "return_base": "TRX",
            "compensating": True, "reason": "SPREAD_GONE", "pnl_krw": d("-3.5"),
        }  # fmt: skip
        first = decide(conn, "c-1", **told).cycle
        second = decide(conn, "c-1").cycle
        assert {name: getattr(second, name) for name in told} == told
        assert second == structs.replace(first, version=3)


def test_moves_are_a_chain() -> None:
    with memory() as (conn, now):
        start(conn)
        bought(conn)
        now.pass_s(5)
        view = decide(conn, "c-1", S.INITIAL_TRADE_COMPLETED, S.FAILED, S.AWAITING_RETRY)
        assert (view.cycle.state, view.cycle.entered_at_ns) == (S.AWAITING_RETRY, now())
        timeline = trading_queries.timeline(conn, MODE, "c-1")
        assert timeline is not None
        assert [(row.was, row.to, row.seq) for row in timeline.transitions] == [
            ("NEW", S.STARTED, 1),
            (S.STARTED, S.INITIAL_TRADE_COMPLETED, 2),
            (S.INITIAL_TRADE_COMPLETED, S.FAILED, 3),
            (S.FAILED, S.AWAITING_RETRY, 4),
        ]
        assert audit.check(conn, MODE) == []


def test_the_time_to_retry_ends_with_the_waiting() -> None:
    with memory() as (conn, now):
        start(conn)
        bought(conn)
        later = now() + 300_000_000_000
        states = (S.INITIAL_TRADE_COMPLETED, S.FAILED, S.AWAITING_RETRY)
        waits = decide(
            conn, "c-1", *states, next_attempt_at_ns=later, reason="HALTED_MARKET", attempts=1
        )
        assert waits.cycle.next_attempt_at_ns == later
        goes = decide(conn, "c-1", S.AWAITING_REBALANCE)
        assert goes.cycle.next_attempt_at_ns is None
        timeline = trading_queries.timeline(conn, MODE, "c-1")
        assert timeline is not None
        [tried] = timeline.retry_history
        assert (tried["attempt"], tried["error"], tried["next_attempt_at_ns"]) == (
            1, "HALTED_MARKET", later
        )  # fmt: skip


def test_a_dead_letter_is_written_once_and_resolved_by_a_person() -> None:
    with memory() as (conn, _):
        start(conn)
        bought(conn)
        states = (S.INITIAL_TRADE_COMPLETED, S.FAILED, S.DEAD_LETTER)
        decide(conn, "c-1", *states, reason="RETRIES_SPENT", attempts=3)
        [letter], _cursor = trading_queries.list_dead_letters(conn, MODE, 10, waiting=True)
        assert (letter.cycle.cycle.id, letter.reason, letter.attempts) == (
            "c-1",
            "RETRIES_SPENT",
            3,
        )
        decide(conn, "c-1", note="still dead")
        assert conn.scalar(sa.select(sa.func.count()).select_from(dead_letter)) == 1
        move = structs.replace(
            decision(seen(conn), S.AWAITING_REBALANCE).moves[0], actor="지민", reason="OPERATOR"
        )
        asked = structs.replace(decision(seen(conn), note="try again"), moves=(move,))
        assert cycles.decide(conn, MODE, asked, ME) is not None
        assert trading_queries.list_dead_letters(conn, MODE, 10, waiting=True)[0] == []
        [letter], _cursor = trading_queries.list_dead_letters(conn, MODE, 10)
        assert (letter.resolved_by, letter.resolution) == ("지민", "try again")


def test_what_was_planned_and_not_sent_may_expire() -> None:
    with memory() as (conn, _):
        start(conn)
        open_one(conn, 1, new_order("buy-1"), new_order("buy-2", attempt=2))
        build.send(conn, "buy-1")
        view = decide(conn, "c-1", expire=("buy-1", "buy-2", "never-heard-of"))
        states = {order.client_id: order.state for order in view.orders}
        assert states == {"buy-1": OrderState.SENT, "buy-2": OrderState.EXPIRED}


def test_a_client_id_is_never_used_twice() -> None:
    with memory() as (conn, _):
        start(conn)
        open_one(conn)
        with pytest.raises(sa.exc.IntegrityError):
            decide(conn, "c-1", orders=(new_order("buy-1", attempt=2),))
        assert seen(conn).cycle.version == 1, "nothing is left of it"


def test_one_hop_is_alive_once() -> None:
    with memory() as (conn, _):
        start(conn)
        bought(conn)
        decide(conn, "c-1", S.INITIAL_TRADE_COMPLETED, transfers=(new_transfer("way-1"),))
        with pytest.raises(sa.exc.IntegrityError):
            decide(conn, "c-1", transfers=(new_transfer("way-2", attempt=2),))
        view = decide(conn, "c-1", expire=("way-1",), transfers=(new_transfer("way-2", attempt=2),))
        assert [item.state for item in view.transfers] == [
            TransferState.EXPIRED, TransferState.PLANNED
        ]  # fmt: skip


# The table of moves


def test_the_database_knows_the_same_moves_as_the_code() -> None:
    with memory() as (conn, _):
        rows = {
            (row.from_status, row.to_status) for row in conn.execute(sa.select(allowed_transition))
        }
    legal = {(was, to) for was, ends in MOVES.items() for to in ends}
    assert rows == legal | {("NEW", S.STARTED)}


async def test_the_migration_seeds_the_same_moves(database: Database) -> None:
    def read(conn: sa.Connection) -> set[tuple[str, str]]:
        rows = conn.execute(sa.select(allowed_transition))
        return {(row.from_status, row.to_status) for row in rows}

    assert await database.read(read) == set(transitions.ALLOWED)


async def test_every_move_outside_the_table_is_refused_by_the_database(database: Database) -> None:
    """With plain SQL, past all code of ours, from every state to every other."""
    names = ["NEW", *CycleState]
    illegal = set(itertools.product(names, names)) - set(transitions.ALLOWED)
    assert len(illegal) == 100 - len(transitions.ALLOWED)

    def attempt(conn: sa.Connection, was: str, to: str) -> None:
        _raw_move(conn, "c-raw", 1 if was == "NEW" else 2, was, to)

    for was, to in sorted(illegal):
        with pytest.raises(sa.exc.IntegrityError):
            await database.write(attempt, was, to)


async def test_a_move_follows_the_last_one_and_a_state_its_move(database: Database) -> None:
    """Legal pairs alone are not enough: no step is left out, repeated, or invented."""
    await database.write(start)
    await database.write(open_one)

    def move(conn: sa.Connection, seq: int, was: str, to: str) -> None:
        _raw_move(conn, "c-1", seq, was, to)

    for seq, was, to in (
        (2, "AWAITING_REBALANCE", "FAILED"),
        (3, "STARTED", "FAILED"),
        (1, "NEW", "STARTED"),
        (2, "NEW", "STARTED"),
    ):
        with pytest.raises((sa.exc.IntegrityError, sa.exc.OperationalError)):
            await database.write(move, seq, was, to)

    def pretend(conn: sa.Connection) -> None:
        conn.execute(arbitrage_cycles.update().values(state=S.COMPLETED))

    with pytest.raises(sa.exc.IntegrityError):
        await database.write(pretend)

    def skip(conn: sa.Connection) -> None:
        conn.execute(arbitrage_cycles.update().values(transitions=2, state=S.FAILED))

    with pytest.raises(sa.exc.IntegrityError):
        await database.write(skip)
    await database.write(move, 2, "STARTED", "FAILED")
    await database.write(skip)


def _raw_move(conn: sa.Connection, cycle_id: str, seq: int, was: str, to: str) -> None:
    values = {
        "cycle_id": cycle_id, "seq": seq, "prev_seq": None if seq == 1 else seq - 1, "mode": MODE,
        "from_status": was, "to_status": to, "step": "OPENED", "fence": 1, "version": 1,
        "actor": "", "reason": "", "correlation_id": "", "at_ns": 1, "prev_hash": "", "hash": "",
    }  # fmt: skip
    conn.execute(transition.insert().values(values))


async def test_an_illegal_decision_leaves_nothing(database: Database) -> None:
    await database.write(start)
    await database.write(open_one)

    def jump(conn: sa.Connection) -> None:
        decide(conn, "c-1", S.COMPLETED, outcome=Outcome.PROFIT)

    with pytest.raises(sa.exc.IntegrityError):
        await database.write(jump)

    def in_a_group(conn: sa.Connection) -> None:
        """What else is in the transaction goes on."""
        with pytest.raises(sa.exc.IntegrityError):
            decide(conn, "c-1", S.AWAITING_REBALANCE)
        decide(conn, "c-1", step=CycleStep.LEG1_PARTIAL)

    await database.write(in_a_group)
    view = await database.read(seen)
    assert (view.cycle.state, view.cycle.step) == (S.STARTED, CycleStep.LEG1_PARTIAL)


# Claims


def test_what_nobody_works_on_is_claimed_oldest_first() -> None:
    with memory() as (conn, now):
        start(conn)
        for number in (2, 1, 3):
            open_one(conn, number)
        assert cycles.claim(conn, MODE, OTHER, LEASE_S, 10) == []
        now.pass_s(LEASE_S + 1)
        first = cycles.claim(conn, MODE, OTHER, LEASE_S, 2)
        assert [view.cycle.id for view in first] == ["c-1", "c-2"]
        assert {(view.cycle.fence, view.cycle.version) for view in first} == {(2, 2)}
        assert cycles.renew(conn, MODE, ME, ["c-1", "c-2", "c-3"], LEASE_S) == {"c-3"}
        assert cycles.claim(conn, MODE, OTHER, LEASE_S, 10) == []
        assert cycles.release(conn, MODE, ME, ["c-1", "c-3"]) == 1
        [third] = cycles.claim(conn, MODE, OTHER, LEASE_S, 10)
        assert third.cycle.id == "c-3"
        assert cycles.claim(conn, "paper", OTHER, LEASE_S, 10) == []


def test_the_former_owner_decides_nothing_any_more() -> None:
    with memory() as (conn, now):
        start(conn)
        view = open_one(conn)
        now.pass_s(LEASE_S + 1)
        [taken] = cycles.claim(conn, MODE, OTHER, LEASE_S, 1)
        assert cycles.decide(conn, MODE, decision(view), ME) is None
        assert cycles.decide(conn, MODE, decision(taken), ME) is None
        assert cycles.decide(conn, MODE, decision(view), OTHER) is None
        assert cycles.decide(conn, MODE, decision(taken), OTHER) is not None


def test_ended_cycles_are_nobody_s() -> None:
    with memory() as (conn, now):
        start(conn)
        view = complete(conn)
        now.pass_s(LEASE_S + 1)
        assert cycles.claim(conn, MODE, OTHER, LEASE_S, 10) == []
        assert cycles.owned(conn, MODE, "c-1", ME) is None
        assert cycles.decide(conn, MODE, decision(view), ME) is None


def test_what_changed_is_found_by_versions() -> None:
    with memory() as (conn, _):
        start(conn)
        open_one(conn, 1)
        open_one(conn, 2)
        ids, cursor = cycles.changed_since(conn, MODE, ME, {})
        assert ids == ("c-1", "c-2")
        build.send(conn, "buy-2")
        ids, cursor = cycles.changed_since(conn, MODE, ME, cursor)
        assert ids == ("c-2",)
        assert cycles.changed_since(conn, MODE, ME, cursor) == ((), cursor)
        assert cycles.changed_since(conn, MODE, OTHER, {}) == ((), {})


# Endings


async def test_a_whole_cycle_comes_home(database: Database) -> None:
    """On every database: each amount to the last decimal, every invariant whole."""
    await database.write(start)
    view = await database.write(complete)
    cycle = view.cycle
    assert (cycle.state, cycle.outcome, cycle.pnl_krw) == (S.COMPLETED, Outcome.PROFIT, d("29000"))
    assert cycle.closed_at_ns is not None
    assert view.holdings == ()
    assert {(gain.asset, gain.amount) for gain in view.net} == {
        ("USDT", d("21")), ("KRW", d("1123.472"))
    }  # fmt: skip
    assert {(fee.asset, fee.amount) for fee in view.fees} == {
        ("USDT", d("1")), ("XRP", d("0.6")), ("KRW", d("1452.528"))
    }  # fmt: skip
    assert await database.read(money) == {
        ("binance", "USDT"): ("10021.00000000", "0"),
        ("upbit", "KRW"): ("5001123.47200000", "0"),
    }
    day, losses, peak = await database.read(cycles.day, MODE)
    assert (day.cycles, day.wins, day.pnl_krw, day.fees_krw) == (1, 1, d("29000"), d("4200"))
    assert (losses, peak, day.equity_krw) == (0, d("20029000"), d("20029000"))
    assert await database.read(audit.check, MODE) == []


def test_without_a_trade_nothing_was_done() -> None:
    with memory() as (conn, _):
        start(conn)
        open_one(conn)
        order = build.send(conn, "buy-1")
        assert build.note(conn, order.client_id, OrderState.REJECTED, code="-2010")
        view = decide(conn, "c-1", S.FAILED, outcome=Outcome.NOTHING_DONE, step=CycleStep.ENDED)
        assert view.cycle.closed_at_ns is not None
        assert money(conn)["binance", "USDT"] == ("10000.00000000", "0")
        assert cycles.day(conn, MODE)[0].cycles == 0
        assert audit.check(conn, MODE) == []


def test_nothing_done_is_not_said_of_what_traded() -> None:
    with memory() as (conn, _):
        start(conn)
        bought(conn)
        with pytest.raises(Residue, match="though nothing was done"):
            decide(conn, "c-1", S.FAILED, outcome=Outcome.NOTHING_DONE)
        assert seen(conn).cycle.state is S.STARTED


def test_no_cycle_ends_while_something_may_still_come() -> None:
    ends = (S.INITIAL_TRADE_COMPLETED, S.REBALANCE_TRADE_COMPLETED, S.COMPLETED)
    with memory() as (conn, _):
        start(conn)
        open_one(conn)
        build.send(conn, "buy-1")
        with pytest.raises(Residue, match="buy-1 is SENT"):
            decide(conn, "c-1", *ends, outcome=Outcome.LOSS)
        assert build.note(conn, "buy-1", OrderState.FILLED, filled_quantity=d("400"))
        with pytest.raises(Residue, match="buy-1 is FILLED"):
            decide(conn, "c-1", *ends, outcome=Outcome.LOSS)
        assert seen(conn).cycle.state is S.STARTED


def test_no_cycle_ends_with_money_on_its_way_or_away_from_home() -> None:
    ends = (S.REBALANCE_TRADE_COMPLETED, S.COMPLETED)
    with memory() as (conn, _):
        start(conn)
        bought(conn)
        way = new_transfer("way-1", "399.4")
        decide(conn, "c-1", S.INITIAL_TRADE_COMPLETED, transfers=(way,))
        withdraw(conn, "way-1")
        with pytest.raises(Residue, match="way-1 is ON_CHAIN"):
            decide(conn, "c-1", *ends, outcome=Outcome.PROFIT)
        assert arrive(conn, "way-1", "399.4")
        with pytest.raises(Residue, match=r"XRP 399\.4.* at upbit is not at home"):
            decide(conn, "c-1", *ends, outcome=Outcome.PROFIT)
        assert seen(conn).holdings == (Holding(UPBIT, "XRP", d("399.4")),)


def test_small_change_may_stay_where_it_is() -> None:
    """Less than any venue trades: bought 400, sold 399.9 back."""
    with memory() as (conn, _):
        start(conn)
        bought(conn)
        back = new_order("back-1", side=Side.SELL, quantity="399.5", role=Role.COMPENSATION)
        decide(conn, "c-1", S.INITIAL_TRADE_COMPLETED, orders=(back,))
        trade(conn, "back-1", "399.5", price="2.49", fee="0.994755")
        ends = (S.REBALANCE_TRADE_COMPLETED, S.COMPLETED)
        view = decide(
            conn, "c-1", *ends, outcome=Outcome.COMPENSATED, pnl_krw=d("-8200.5"),
            compensating=True,
        )  # fmt: skip
        assert view.holdings == ()
        purses = money(conn)
        assert purses["binance", "XRP"] == ("0.10000000", "0")
        assert purses["binance", "USDT"] == ("9993.76024500", "0")
        day, losses, _peak = cycles.day(conn, MODE)
        assert (day.compensated, day.pnl_krw, losses) == (1, d("-8200.5"), 1)
        assert day.drawdown_pct == pytest.approx(8200.5 / 20_000_000 * 100)
        assert audit.check(conn, MODE) == []


def test_prefunded_inventory_stays_where_it_was_traded_to() -> None:
    with memory() as (conn, _):
        start(conn)
        posting.adopt(conn, MODE, UPBIT, "XRP", d("1000"), "xrp")
        legs = (
            new_order("buy-1"),
            new_order("sell-1", XRP_KRW, Side.SELL, "400", "3640", Role.SECOND),
        )
        both = (Reservation(BINANCE, "USDT", d("1001")), Reservation(UPBIT, "XRP", d("400")))
        open_one(conn, 1, *legs, style=ExecutionStyle.PREFUNDED, reservations=both)
        trade(conn, "buy-1", "400", fee="0.4", fee_asset="XRP")
        trade(conn, "sell-1", "400", fee="728", fee_asset="KRW", venue=UPBIT)
        ends = (S.INITIAL_TRADE_COMPLETED, S.REBALANCE_TRADE_COMPLETED, S.COMPLETED)
        decide(conn, "c-1", *ends, outcome=Outcome.PROFIT, pnl_krw=d("1"))
        assert money(conn) == {
            ("binance", "USDT"): ("9000.00000000", "0"),
            ("binance", "XRP"): ("399.60000000", "0"),
            ("upbit", "KRW"): ("6455272.00000000", "0"),
            ("upbit", "XRP"): ("600.00000000", "0"),
        }
        assert audit.check(conn, MODE) == []


def test_closing_by_hand_gives_up_what_is_under_way_and_still_counts_it_when_it_comes() -> None:
    with memory() as (conn, _):
        start(conn)
        bought(conn)
        way = new_transfer("way-1", "399.4")
        decide(conn, "c-1", S.INITIAL_TRADE_COMPLETED, transfers=(way,))
        withdraw(conn, "way-1")
        decide(conn, "c-1", S.FAILED, S.DEAD_LETTER, reason="STUCK")
        view = decide(conn, "c-1", S.COMPLETED, outcome=Outcome.CLOSED_BY_HAND)
        assert view.holdings == ()
        rows, _sums = trading_queries.accounts(conn, MODE)
        left = {(row.account, row.asset): row.amount for row in rows}
        assert left["dead_letter", "XRP"] == d("399.4")
        assert audit.check(conn, MODE) == []
        assert arrive(conn, "way-1", "399.4")
        assert money(conn)["upbit", "XRP"] == ("399.40000000", "0")
        rows, _sums = trading_queries.accounts(conn, MODE)
        assert {r.amount for r in rows if r.account == "dead_letter"} == {0}
        assert audit.check(conn, MODE) == []


def test_a_third_asset_s_fee_comes_from_what_is_available_there() -> None:
    with memory() as (conn, _):
        start(conn)
        posting.adopt(conn, MODE, BINANCE, "BNB", d("0.5"), "bnb")
        open_one(conn)
        trade(conn, "buy-1", "400", fee="0.00125", fee_asset="BNB")
        assert money(conn)["binance", "BNB"] == ("0.49875000", "0")
        assert AssetAmount("BNB", d("-0.00125")) in seen(conn).net


def test_intents_belong_to_their_cycle_and_mode() -> None:
    with memory() as (conn, _):
        start(conn)
        open_one(conn)
        with pytest.raises(sa.exc.IntegrityError):
            conn.execute(
                intent.update().where(intent.c.client_id == "buy-1").values(cycle_id="c-9")
            )
        assert intents.get_order(conn, "paper", "buy-1") is None
