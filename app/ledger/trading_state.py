"""Trading state: whether a mode may begin cycles and send orders, and who said so.

The row is read, with a lock, in the transaction that sends: after the commit of a halt or a kill
nothing leaves any more, in whatever process. Each change leaves a row of history.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from msgspec.structs import replace

from app.domain.accounting import StateChange, StateRow
from app.domain.trading import TradingState
from app.ledger import clock, rows
from app.ledger.columns import NOTE_CHARS
from app.ledger.conflicts import insert_new
from app.ledger.trading_tables import trading_state, trading_state_history

LIVE = "live"
FIRST = {"paper": TradingState.HALTED, LIVE: TradingState.HALTED, "drill": TradingState.ACTIVE}
KIMP = "kimp"


def read(conn: sa.Connection, mode: str, *, lock: bool = False) -> StateRow:
    """The row of a mode, made at its first reading by a writer. lock: it stays as it is until
    this transaction ends; others may read it with a lock at the same time."""
    query = sa.select(trading_state).where(trading_state.c.mode == mode)
    if lock:
        query = query.with_for_update(read=True)
    row = conn.execute(query).first()
    if row is not None:
        return _built(row)
    first = _first(mode, clock.now_ns(conn))
    if not lock:
        return first
    _make(conn, first)
    return _built(conn.execute(query).one())


def may_open(row: StateRow, at_ns: int) -> bool:
    return row.state is TradingState.ACTIVE and may_send(row, at_ns) is None


def may_send(row: StateRow, at_ns: int) -> str | None:
    """None: yes. HALTED: stopped or killed. DISARMED: LIVE without a valid arming."""
    if row.killed or row.state is TradingState.HALTED:
        return "HALTED"
    if row.mode == LIVE and (row.armed_until_ns is None or row.armed_until_ns <= at_ns):
        return "DISARMED"
    return None


def set_state(
    conn: sa.Connection, mode: str, state: TradingState, by: str, reason: str = ""
) -> StateRow:
    return _change(conn, mode, "state", by, reason, state=state)


def kill(conn: sa.Connection, mode: str, by: str, reason: str = "") -> StateRow:
    """Nothing is sent after the commit. It also disarms and halts: letting go is not starting."""
    stopped = {"killed": True, "state": TradingState.HALTED, "armed_until_ns": None}
    return _change(conn, mode, "kill", by, reason, **stopped)


def release_kill(conn: sa.Connection, mode: str, by: str, reason: str = "") -> StateRow:
    return _change(conn, mode, "release", by, reason, killed=False)


def arm(conn: sa.Connection, mode: str, until_ns: int, by: str, reason: str = "") -> StateRow:
    return _change(conn, mode, "arm", by, reason, armed_until_ns=until_ns)


def disarm(conn: sa.Connection, mode: str, by: str, reason: str = "") -> StateRow:
    return _change(conn, mode, "disarm", by, reason, armed_until_ns=None)


def restarted(conn: sa.Connection, mode: str) -> StateRow:
    """What a start of the service leaves: LIVE halted and disarmed, the others as they were."""
    now = _locked(conn, mode)
    stands_still = now.state is TradingState.HALTED and now.armed_until_ns is None
    if mode != LIVE or stands_still:
        return now
    halted = {"state": TradingState.HALTED, "armed_until_ns": None}
    return _change(conn, mode, "restart", KIMP, "", **halted)


def set_capital(conn: sa.Connection, mode: str, capital_krw: Decimal) -> StateRow:
    """What a mode began with, told once: later calls change nothing. Who set the state stays."""
    now = _locked(conn, mode)
    if now.capital_krw is not None:
        return now
    changes = {"capital_krw": capital_krw, "version": now.version + 1}
    conn.execute(trading_state.update().where(trading_state.c.mode == mode).values(**changes))
    after = _built(conn.execute(_of(mode)).one())
    _note(conn, replace(after, by=KIMP, reason="", at_ns=clock.now_ns(conn)), "capital")
    return after


def history(
    conn: sa.Connection, mode: str, limit: int, cursor: str | None = None
) -> tuple[list[StateChange], str | None]:
    """Newest first."""
    of_mode = trading_state_history.c.mode == mode
    query = sa.select(trading_state_history).where(of_mode)
    column = trading_state_history.c.id
    return rows.page(conn, query, column, lambda r: StateChange(**r._mapping), limit, cursor)


def _change(
    conn: sa.Connection, mode: str, action: str, by: str, reason: str, **changes: Any
) -> StateRow:
    before = _locked(conn, mode)
    said = {
        "by": rows.shown(by, NOTE_CHARS // 2),
        "reason": rows.shown(reason, NOTE_CHARS),
        "version": before.version + 1,
        "at_ns": clock.now_ns(conn),
    }
    conn.execute(
        trading_state.update().where(trading_state.c.mode == mode).values(**changes, **said)
    )
    after = _built(conn.execute(_of(mode)).one())
    _note(conn, after, action)
    return after


def _locked(conn: sa.Connection, mode: str) -> StateRow:
    row = conn.execute(_of(mode).with_for_update()).first()
    if row is None:
        _make(conn, _first(mode, clock.now_ns(conn)))
        row = conn.execute(_of(mode).with_for_update()).one()
    return _built(row)


def _of(mode: str) -> rows.Query:
    return sa.select(trading_state).where(trading_state.c.mode == mode)


def _first(mode: str, at_ns: int) -> StateRow:
    return StateRow(mode, FIRST[mode], False, None, KIMP, "", 1, at_ns)


def _make(conn: sa.Connection, first: StateRow) -> None:
    values = {name: getattr(first, name) for name in first.__struct_fields__}
    if insert_new(conn, trading_state, values):
        _note(conn, first, "state")


def _note(conn: sa.Connection, row: StateRow, action: str) -> None:
    values = {name: getattr(row, name) for name in row.__struct_fields__ if name != "capital_krw"}
    conn.execute(trading_state_history.insert().values(action=action, **values))


def _built(row: rows.Fields) -> StateRow:
    return StateRow(**row._mapping)
