"""Trading state: who may begin and send, since when, and who said so."""

from __future__ import annotations

import pytest

from app.domain.trading import TradingState
from app.ledger import trading_state
from app.ledger.database import Database
from app.ledger.trading_state import may_open, may_send
from tests.ledger.trading_builders import d, memory

T = TradingState


@pytest.mark.parametrize(
    ("mode", "first"), [("paper", T.HALTED), ("live", T.HALTED), ("drill", T.ACTIVE)]
)
def test_how_a_mode_begins(mode: str, first: TradingState) -> None:
    with memory() as (conn, _):
        assert trading_state.read(conn, mode).state is first
        assert trading_state.read(conn, mode, lock=True).version == 1
        assert not trading_state.read(conn, mode).killed


def test_reducing_sends_but_does_not_begin() -> None:
    with memory() as (conn, now):
        active = trading_state.set_state(conn, "paper", T.ACTIVE, "kim")
        assert may_open(active, now())
        reducing = trading_state.set_state(conn, "paper", T.REDUCING, "kim", "tired")
        assert may_send(reducing, now()) is None
        assert not may_open(reducing, now())
        halted = trading_state.set_state(conn, "paper", T.HALTED, "kim")
        assert may_send(halted, now()) == "HALTED"


def test_live_sends_only_while_it_is_armed() -> None:
    with memory() as (conn, now):
        active = trading_state.set_state(conn, "live", T.ACTIVE, "kim")
        assert may_send(active, now()) == "DISARMED"
        armed = trading_state.arm(conn, "live", now() + 1_000, "kim")
        assert may_send(armed, now()) is None
        assert may_send(armed, now() + 1_000) == "DISARMED"
        assert may_send(trading_state.disarm(conn, "live", "kim", "lunch"), now()) == "DISARMED"


def test_letting_go_of_the_switch_is_not_starting() -> None:
    with memory() as (conn, now):
        trading_state.set_state(conn, "live", T.ACTIVE, "kim")
        trading_state.arm(conn, "live", now() + 1_000_000, "kim")
        killed = trading_state.kill(conn, "live", "lee", "smoke")
        assert (killed.killed, killed.state, killed.armed_until_ns) == (True, T.HALTED, None)
        free = trading_state.release_kill(conn, "live", "kim")
        assert (free.killed, free.state) == (False, T.HALTED)


def test_a_restart_stops_live_and_leaves_the_others() -> None:
    with memory() as (conn, now):
        for mode in ("paper", "drill", "live"):
            trading_state.set_state(conn, mode, T.ACTIVE, "kim")
        trading_state.arm(conn, "live", now() + 1_000_000, "kim")
        after = {mode: trading_state.restarted(conn, mode) for mode in ("paper", "drill", "live")}
        assert [after[mode].state for mode in after] == [T.ACTIVE, T.ACTIVE, T.HALTED]
        assert after["live"].armed_until_ns is None
        again = trading_state.restarted(conn, "live")
        assert again.version == after["live"].version, "nothing left to stop"


def test_every_change_is_remembered() -> None:
    with memory() as (conn, _):
        trading_state.set_state(conn, "paper", T.ACTIVE, "kim", "let us go")
        trading_state.kill(conn, "paper", "lee", "smoke")
        trading_state.set_state(conn, "drill", T.HALTED, "kim")
        changes, _cursor = trading_state.history(conn, "paper", 10)
        told = [(change.action, change.by, change.reason, change.version) for change in changes]
        assert told == [
            ("kill", "lee", "smoke", 3), ("state", "kim", "let us go", 2), ("state", "kimp", "", 1),
        ]  # fmt: skip


def test_capital_is_told_once_and_who_set_the_state_stays() -> None:
    with memory() as (conn, _):
        begun = trading_state.set_state(conn, "paper", T.ACTIVE, "kim", "let us go")
        assert trading_state.set_capital(conn, "paper", d("100")).capital_krw == d("100")
        after = trading_state.set_capital(conn, "paper", d("200"))
        assert after.capital_krw == d("100")
        assert (after.by, after.reason, after.at_ns) == ("kim", "let us go", begun.at_ns)
        newest, *_older = trading_state.history(conn, "paper", 10)[0]
        assert (newest.action, newest.by, newest.version) == ("capital", "kimp", after.version)


async def test_a_reader_sees_how_it_begins_without_writing(database: Database) -> None:
    assert (await database.read(trading_state.read, "paper")).state is T.HALTED
    changed = await database.write(trading_state.set_state, "paper", T.ACTIVE, "지민", "시작")
    assert (changed.by, changed.reason, changed.version) == ("지민", "시작", 2)
    assert await database.read(trading_state.read, "paper") == changed
