"""Modes: a row of one mode is nothing to another, whoever asks for it and however (H66)."""

from __future__ import annotations

import pytest

from app.domain.orders import OrderState
from app.domain.trading import TradingState
from app.ledger import cycles, intents, posting, trading_state
from tests.ledger.builders import T0
from tests.ledger.trading_builders import (
    BINANCE,
    LEASE_S,
    ME,
    MODE,
    OTHER,
    WINDOW_MS,
    decision,
    fill,
    lease_of,
    memory,
    open_one,
    seen,
    start,
)

YEAR_NS = 365 * 86_400 * 10**9


@pytest.mark.parametrize("other", ["live", "paper"])
def test_what_one_mode_has_planned_no_other_sends_or_sees(other: str) -> None:
    with memory() as (conn, clock):
        start(conn)
        open_one(conn)
        trading_state.set_state(conn, other, TradingState.ACTIVE, "kim")
        trading_state.arm(conn, other, T0 + YEAR_NS, "kim")
        held = lease_of(conn)

        asked = intents.claim_order(conn, other, "buy-1", ME, held, WINDOW_MS, signed_at_ns=None)
        assert asked == "NOT_PLANNED"
        assert intents.planned(conn, other, [BINANCE]) == []
        assert intents.open_intents(conn, other, BINANCE) == ((), ())
        assert intents.get_order(conn, other, "buy-1") is None
        assert cycles.view(conn, other, "c-1") is None
        assert cycles.changed_since(conn, other, ME, {}) == ((), {})
        assert posting.purses(conn, other) == ()
        clock.pass_s(2 * LEASE_S)
        assert cycles.claim(conn, other, OTHER, LEASE_S, 10) == []
        assert cycles.decide(conn, other, decision(seen(conn)), ME) is None

        order = intents.get_order(conn, MODE, "buy-1")
        assert order is not None
        assert order.state is OrderState.PLANNED


def test_what_was_sent_in_one_mode_is_not_booked_in_another() -> None:
    with memory() as (conn, _):
        start(conn)
        open_one(conn)
        sent = intents.claim_order(conn, MODE, "buy-1", ME, lease_of(conn), WINDOW_MS)
        assert not isinstance(sent, str)
        done = intents.note_order(conn, "live", "buy-1", frozenset(OrderState), sent)
        assert done is False
        with pytest.raises(AssertionError):
            intents.post_fills(conn, "live", "buy-1", [fill(sent, "400")])
        assert posting.purses(conn, "live") == ()
