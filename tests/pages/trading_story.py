"""A day of trading for pages: cycles in every tab, an order that nobody knows of, money everywhere.

`await desk.db.write(story)`. Each look at the clock moves it by some 100 ms, from ten minutes ago.
"""

from __future__ import annotations

import time

import sqlalchemy as sa
from msgspec import structs

from app.domain.cycles import CycleStep, CycleView, Outcome
from app.domain.orders import Evidence, OrderState, Role
from app.domain.times import SECOND_NS
from app.ledger import cycles, posting
from app.ledger.clock import CLOCK
from tests.ledger import trading_builders as made
from tests.ledger.trading_builders import ME, S, d

MODE = "paper"
AGO_S = 600
STEP_NS = 150_000_000
DONE, MOVING, DEAD, RETRY, UNSURE, NOTHING = (f"c-{number}" for number in range(1, 7))
LEASE_S = 3_600.0


class Clock:
    def __init__(self) -> None:
        self.at_ns = time.time_ns() - AGO_S * SECOND_NS

    def __call__(self) -> int:
        self.at_ns += STEP_NS
        return self.at_ns


def story(conn: sa.Connection) -> None:
    clock = Clock()
    conn.info[CLOCK] = clock
    try:
        _tell(conn, clock)
    finally:
        del conn.info[CLOCK]


def _tell(conn: sa.Connection, clock: Clock) -> None:
    made.start(conn, MODE)
    posting.adopt(conn, MODE, made.BINANCE, "DOGE", d("1200.5"), "binance:DOGE:first")
    _done(conn, clock)
    clock.at_ns += 60 * SECOND_NS
    _moving(conn, clock)
    _sold(conn, 3, clock)
    made.decide(
        conn, DEAD, S.AWAITING_REBALANCE, S.FAILED, S.DEAD_LETTER, mode=MODE,
        reason="NO_WAY_HOME", attempts=3,
    )  # fmt: skip
    _sold(conn, 4, clock)
    due_ns = time.time_ns() + 300 * SECOND_NS
    made.decide(
        conn, RETRY, S.AWAITING_REBALANCE, S.FAILED, S.AWAITING_RETRY, mode=MODE,
        reason="WALLET_CLOSED", attempts=1, next_attempt_at_ns=due_ns,
    )  # fmt: skip
    _unsure(conn, clock)
    _nothing(conn, clock)


def _open(conn: sa.Connection, number: int, clock: Clock) -> CycleView:
    fact = made.opened(number, made.new_order(f"buy-{number}"))
    cycle = structs.replace(fact.cycle, opened_at_ns=clock())
    view = cycles.open_cycle(conn, MODE, structs.replace(fact, cycle=cycle), ME, LEASE_S)
    assert isinstance(view, CycleView), view
    return view


def _bought(conn: sa.Connection, number: int, clock: Clock) -> None:
    _open(conn, number, clock)
    made.trade(conn, f"buy-{number}", "400", fee="0.4", fee_asset="XRP", mode=MODE)
    way = made.new_transfer(f"way-{number}", "399.4")
    step = CycleStep.WITHDRAW_REQUESTED
    made.decide(
        conn, f"c-{number}", S.INITIAL_TRADE_COMPLETED, step=step, transfers=(way,), mode=MODE
    )
    made.withdraw(conn, f"way-{number}", MODE)


def _moving(conn: sa.Connection, clock: Clock) -> None:
    _bought(conn, 2, clock)
    made.decide(conn, MOVING, step=CycleStep.ON_CHAIN, mode=MODE)


def _sold(conn: sa.Connection, number: int, clock: Clock) -> None:
    _bought(conn, number, clock)
    clock.at_ns += 20 * SECOND_NS
    assert made.arrive(conn, f"way-{number}", "399.4", MODE)
    sale = made.new_order(
        f"sell-{number}", made.XRP_KRW, made.Side.SELL, "399.4", "3640", Role.SECOND,
        CycleStep.LEG2_SENT,
    )  # fmt: skip
    made.decide(conn, f"c-{number}", orders=(sale,), mode=MODE)
    made.trade(
        conn, f"sell-{number}", "399.4", fee="726.908", fee_asset="KRW", venue=made.UPBIT, mode=MODE
    )


def _done(conn: sa.Connection, clock: Clock) -> None:
    _sold(conn, 1, clock)
    made.decide(conn, DONE, S.AWAITING_REBALANCE, mode=MODE)
    back = made.new_order(
        "back-1", made.USDT_KRW, made.Side.BUY, "1022", "1420", Role.REBALANCE,
        CycleStep.RETURN_SENT,
    )  # fmt: skip
    made.decide(conn, DONE, S.REBALANCING_IN_PROGRESS, orders=(back,), mode=MODE)
    made.trade(conn, "back-1", "1022", fee="725.62", fee_asset="KRW", venue=made.UPBIT, mode=MODE)
    made.come_home(conn, 1, MODE)


def _unsure(conn: sa.Connection, clock: Clock) -> None:
    _open(conn, 5, clock)
    made.send(conn, "buy-5", mode=MODE)
    at_ns = clock()
    asked = (
        Evidence("place", at_ns, at_ns + SECOND_NS, None, "timeout"),
        Evidence("by_id", at_ns + 2 * SECOND_NS, at_ns + 3 * SECOND_NS, False),
    )
    assert made.note(conn, "buy-5", OrderState.UNKNOWN, MODE, evidence=asked)


def _nothing(conn: sa.Connection, clock: Clock) -> None:
    _open(conn, 6, clock)
    made.send(conn, "buy-6", mode=MODE)
    assert made.note(conn, "buy-6", OrderState.REJECTED, MODE, code="insufficient_balance")
    made.decide(
        conn, NOTHING, S.FAILED, step=CycleStep.ENDED, outcome=Outcome.NOTHING_DONE,
        reason="UNFILLED", mode=MODE,
    )  # fmt: skip
