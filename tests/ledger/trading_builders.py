"""Cycles for the ledger's tests: coins bought at Binance, sent to Upbit, sold there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from msgspec import structs

from app.domain.cycles import (
    Cycle,
    CycleState,
    CycleStep,
    CycleView,
    Decision,
    ExecutionStyle,
    Home,
    Move,
    NewOrder,
    NewTransfer,
    Outcome,
    Part,
    Plan,
    Reservation,
    Strategy,
)
from app.domain.facts import CycleOpened
from app.domain.markets import Instrument, Side
from app.domain.orders import Fill, Order, OrderState, OrderTerms, OrderType, Role
from app.domain.trading import TradingState
from app.domain.transfers import DepositReport, Transfer, TransferState, TransferTerms
from app.domain.venues import Venue
from app.ledger import cycles, intents, leases, posting, schema, trading_state
from app.ledger.clock import CLOCK
from app.ledger.leases import Lease
from tests.ledger.builders import SECOND, T0

MODE = "drill"
ME, OTHER = "engine-1", "engine-2"
LEASE_S = 30.0
WINDOW_MS = 5_000
BINANCE, UPBIT = Venue.BINANCE, Venue.UPBIT
XRP_USDT = Instrument(BINANCE, "XRP", "USDT")
XRP_KRW = Instrument(UPBIT, "XRP", "KRW")
USDT_KRW = Instrument(UPBIT, "USDT", "KRW")
S = CycleState


def d(text: str | int) -> Decimal:
    return Decimal(text)


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.at_ns = T0

    def __call__(self) -> int:
        return self.at_ns

    def pass_s(self, seconds: float) -> None:
        self.at_ns += round(seconds * SECOND)


@contextmanager
def memory() -> Iterator[tuple[sa.Connection, Clock]]:
    """A database in memory inside one transaction, as a simulation has it."""
    engine = sa.create_engine("sqlite://")
    sa.event.listen(engine, "connect", _own_begin)
    sa.event.listen(engine, "begin", lambda conn: conn.exec_driver_sql("BEGIN IMMEDIATE"))
    clock = Clock()
    with engine.begin() as conn:
        conn.info[CLOCK] = clock
        schema.create(conn)
        yield conn, clock
    engine.dispose()


def _own_begin(dbapi: Any, _record: Any) -> None:
    dbapi.isolation_level = None
    dbapi.execute("PRAGMA foreign_keys=ON")


def plan(style: ExecutionStyle = ExecutionStyle.TRANSFER) -> Plan:
    way = None if style is ExecutionStyle.PREFUNDED else "ripple"
    return Plan(
        buy=XRP_USDT,
        sell=XRP_KRW,
        quantity=d(400),
        buy_price=d("2.5"),
        sell_price=d("3640"),
        home=Home(BINANCE, "USDT", d(1000)),
        notional_krw=d("1390000"),
        net_bps=42.0,
        parts=(Part("premium", 60.0), Part("fees", -18.0)),
        chain=way,
        network="XRP",
        to_network="XRP",
        bridge=USDT_KRW,
    )


def new_order(
    client_id: str,
    instrument: Instrument = XRP_USDT,
    side: Side = Side.BUY,
    quantity: str = "400",
    price: str = "2.5",
    role: Role = Role.INITIAL,
    step: CycleStep = CycleStep.LEG1_SENT,
    attempt: int = 1,
) -> NewOrder:
    terms = OrderTerms(instrument, side, OrderType.IOC, d(price), d(quantity))
    return NewOrder(client_id, role, step, attempt, terms)


def new_transfer(
    client_id: str, amount: str = "399", hop: int = 1, attempt: int = 1, asset: str = "XRP"
) -> NewTransfer:
    terms = TransferTerms(asset, BINANCE, UPBIT, "ripple", "XRP", "XRP", d(amount), d("0.2"))
    return NewTransfer(client_id, Role.TRANSFER, CycleStep.WITHDRAW_REQUESTED, hop, attempt, terms)


def opened(
    number: int = 1,
    *orders: NewOrder,
    usdt: str = "1000",
    dedupe: str | None = None,
    style: ExecutionStyle = ExecutionStyle.TRANSFER,
    reservations: tuple[Reservation, ...] | None = None,
) -> CycleOpened:
    cycle = Cycle(
        id=f"c-{number}",
        strategy=Strategy.HIGH_PREMIUM,
        direction="high",
        style=style,
        base="XRP",
        return_base=None,
        state=S.STARTED,
        step=CycleStep.LEG1_SENT,
        outcome=None,
        version=0,
        fence=0,
        attempts=0,
        opened_at_ns=T0 + number,
        closed_at_ns=None,
        next_attempt_at_ns=None,
        wake_at_ns=None,
        reason=None,
        signal_id=f"o-{number}",
        plan=plan(style),
    )
    taken = reservations or (Reservation(BINANCE, "USDT", d(usdt)),)
    return CycleOpened(T0, cycle, taken, orders, dedupe or f"XRP:{number}")


def start(conn: sa.Connection, mode: str = MODE, usdt: str = "10000") -> None:
    """Money, and the permission to use it."""
    trading_state.set_state(conn, mode, TradingState.ACTIVE, "kim")
    trading_state.set_capital(conn, mode, d("20000000"))
    posting.adopt(conn, mode, BINANCE, "USDT", d(usdt), f"{BINANCE}:USDT:first")
    posting.adopt(conn, mode, UPBIT, "KRW", d("5000000"), f"{UPBIT}:KRW:first")


def open_one(
    conn: sa.Connection, /, number: int = 1, *orders: NewOrder, mode: str = MODE, **more: Any
) -> CycleView:
    first = orders or (new_order(f"buy-{number}"),)
    view = cycles.open_cycle(conn, mode, opened(number, *first, **more), ME, LEASE_S)
    assert isinstance(view, CycleView), view
    return view


def lease_of(conn: sa.Connection, venue: Venue = BINANCE, owner: str = ME) -> Lease:
    name = f"sender:{venue}"
    for held in leases.held(conn):
        if held.name == name and held.until_ns:
            return held
    taken = leases.claim(conn, name, owner, 3_600.0)
    assert taken is not None
    return taken


def send(conn: sa.Connection, client_id: str, venue: Venue = BINANCE, mode: str = MODE) -> Order:
    order = intents.claim_order(
        conn, mode, client_id, ME, lease_of(conn, venue), WINDOW_MS, signed_at_ns=None
    )
    assert isinstance(order, Order), order
    return order


def fill(
    order: Order,
    quantity: str,
    price: str | None = None,
    fee: str = "0",
    fee_asset: str = "USDT",
    trade_id: str = "t-1",
) -> Fill:
    return Fill(
        venue=order.venue,
        trade_id=trade_id,
        venue_order_id="v-1",
        client_id=order.client_id,
        instrument=order.terms.instrument,
        side=order.terms.side,
        price=order.terms.price if price is None else d(price),
        quantity=d(quantity),
        fee=d(fee),
        fee_asset=fee_asset,
        at_ns=T0,
    )


ANY = frozenset(OrderState)
ANYWHERE = frozenset(TransferState)


def note(
    conn: sa.Connection, client_id: str, state: OrderState, mode: str = MODE, **changes: Any
) -> bool:
    order = intents.get_order(conn, mode, client_id)
    assert order is not None
    new = structs.replace(order, state=state, **changes)
    return intents.note_order(conn, mode, client_id, ANY, new)


def trade(
    conn: sa.Connection,
    client_id: str,
    quantity: str,
    price: str | None = None,
    fee: str = "0",
    fee_asset: str = "USDT",
    venue: Venue = BINANCE,
    mode: str = MODE,
) -> Order:
    """Send an order, let it trade and end: CANCELLED where something is left of it."""
    order = send(conn, client_id, venue, mode)
    traded = fill(order, quantity, price, fee, fee_asset, f"{client_id}-t")
    assert intents.post_fills(conn, mode, client_id, [traded]) == 1
    whole = d(quantity) == order.terms.quantity
    end = OrderState.FILLED if whole else OrderState.CANCELLED
    number = f"v-{client_id}"
    assert note(conn, client_id, end, mode, filled_quantity=d(quantity), venue_order_id=number)
    found = intents.get_order(conn, mode, client_id)
    assert found is not None
    assert found.is_over
    return found


def withdraw(
    conn: sa.Connection, client_id: str, mode: str = MODE, fee: str | None = None
) -> Transfer:
    """Send a transfer; its sender has it."""
    sent = intents.claim_transfer(conn, mode, client_id, ME, lease_of(conn, BINANCE), WINDOW_MS)
    assert isinstance(sent, Transfer), sent
    paid = None if fee is None else d(fee)
    new = structs.replace(
        sent, state=TransferState.ON_CHAIN, withdrawal_id=f"w-{client_id}", txid=f"x-{client_id}",
        fee_paid=paid,
    )  # fmt: skip
    assert intents.note_transfer(conn, mode, client_id, {TransferState.SENT}, new)
    found = intents.get_transfer(conn, mode, client_id)
    assert found is not None
    return found


def arrive(conn: sa.Connection, client_id: str, amount: str, mode: str = MODE) -> bool:
    report = DepositReport(
        UPBIT, f"d-{client_id}", "XRP", "XRP", d(amount), f"x-{client_id}", TransferState.CREDITED,
        T0,
    )  # fmt: skip
    return intents.credit(conn, mode, client_id, report)


def decision(view: CycleView, *states: CycleState, **more: Any) -> Decision:
    step = more.pop("step", view.cycle.step)
    moves = tuple(Move(state) for state in states)
    return Decision(view.cycle.id, view.cycle.version, step, moves, **more)


def decide(
    conn: sa.Connection, /, cycle_id: str, *states: CycleState, mode: str = MODE, **more: Any
) -> CycleView:
    """On the present version, as its owner."""
    now = seen(conn, cycle_id, mode)
    view = cycles.decide(conn, mode, decision(now, *states, **more), ME)
    assert view is not None
    return view


def seen(conn: sa.Connection, cycle_id: str = "c-1", mode: str = MODE) -> CycleView:
    view = cycles.view(conn, mode, cycle_id)
    assert view is not None
    return view


def complete(conn: sa.Connection, number: int = 1, mode: str = MODE) -> CycleView:
    """A whole cycle: bought, sent, sold, dollars bought back with what the sale brought, home."""
    cycle_id = f"c-{number}"
    open_one(conn, number, mode=mode)
    trade(conn, f"buy-{number}", "400", fee="0.4", fee_asset="XRP", mode=mode)
    way = new_transfer(f"way-{number}", "399.4")
    decide(conn, cycle_id, S.INITIAL_TRADE_COMPLETED, transfers=(way,), mode=mode)
    withdraw(conn, f"way-{number}", mode)
    assert arrive(conn, f"way-{number}", "399.4", mode)
    sale = new_order(
        f"sell-{number}", XRP_KRW, Side.SELL, "399.4", "3640", Role.SECOND, CycleStep.LEG2_SENT
    )
    decide(conn, cycle_id, orders=(sale,), mode=mode)
    trade(conn, f"sell-{number}", "399.4", fee="726.908", fee_asset="KRW", venue=UPBIT, mode=mode)
    decide(conn, cycle_id, S.AWAITING_REBALANCE, mode=mode)
    back = new_order(
        f"back-{number}", USDT_KRW, Side.BUY, "1022", "1420", Role.REBALANCE, CycleStep.RETURN_SENT
    )
    decide(conn, cycle_id, S.REBALANCING_IN_PROGRESS, orders=(back,), mode=mode)
    trade(conn, f"back-{number}", "1022", fee="725.62", fee_asset="KRW", venue=UPBIT, mode=mode)
    return come_home(conn, number, mode)


def come_home(conn: sa.Connection, number: int, mode: str = MODE) -> CycleView:
    """The last way: dollars from Upbit to Binance, and the end."""
    terms = TransferTerms("USDT", UPBIT, BINANCE, "tron", "TRX", "TRX", d("1021"), d("1"))
    step = CycleStep.RETURN_SENT
    home = NewTransfer(f"home-{number}", Role.REBALANCE, step, 2, 1, terms)
    decide(conn, f"c-{number}", transfers=(home,), mode=mode)
    sent = intents.claim_transfer(
        conn, mode, f"home-{number}", ME, lease_of(conn, UPBIT), WINDOW_MS
    )
    assert isinstance(sent, Transfer), sent
    new = structs.replace(sent, state=TransferState.ON_CHAIN, withdrawal_id=f"wh-{number}")
    assert intents.note_transfer(conn, mode, sent.client_id, ANYWHERE, new)
    report = DepositReport(
        BINANCE, f"dh-{number}", "USDT", "TRX", d("1021"), f"xh-{number}", TransferState.CREDITED,
        T0,
    )  # fmt: skip
    assert intents.credit(conn, mode, sent.client_id, report)
    end = {"outcome": Outcome.PROFIT, "pnl_krw": d("29000"), "fees_krw": d("4200")}
    states = (S.REBALANCE_TRADE_COMPLETED, S.COMPLETED)
    return decide(conn, f"c-{number}", *states, step=CycleStep.ENDED, mode=mode, **end)


def money(conn: sa.Connection, mode: str = MODE) -> dict[tuple[str, str], tuple[str, str]]:
    """(available, reserved) of every purse, as texts."""
    return {
        (str(purse.venue), purse.asset): (f"{purse.available:f}", f"{purse.reserved:f}")
        for purse in posting.purses(conn, mode)
    }
