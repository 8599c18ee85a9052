"""Intents: sent once or not at all; what venues say of them is booked once."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from app.domain.cycles import Holding
from app.domain.orders import AssetAmount, Evidence, Order, OrderState
from app.domain.trading import TradingState
from app.domain.transfers import DepositAddress, DepositReport, Transfer, TransferState
from app.domain.venues import Venue
from app.ledger import addresses, audit, cycles, intents, leases, posting, trading_state
from app.ledger.database import Database
from app.ledger.intents import VenueEvent
from app.ledger.posting import EXACT
from app.ledger.trading_tables import intent, portfolio_logs, trades, venue_event
from tests.ledger.builders import T0
from tests.ledger.trading_builders import (
    ANY,
    BINANCE,
    LEASE_S,
    ME,
    MODE,
    OTHER,
    UPBIT,
    WINDOW_MS,
    S,
    arrive,
    d,
    decide,
    fill,
    lease_of,
    memory,
    money,
    new_order,
    new_transfer,
    note,
    open_one,
    seen,
    send,
    start,
    trade,
    withdraw,
)

State, T = OrderState, TransferState
KEY = b"k" * 32


def order_of(conn: sa.Connection, client_id: str = "buy-1") -> Order:
    found = intents.get_order(conn, MODE, client_id)
    assert found is not None
    return found


def transfer_of(conn: sa.Connection, client_id: str = "way-1") -> Transfer:
    found = intents.get_transfer(conn, MODE, client_id)
    assert found is not None
    return found


def planned_way(conn: sa.Connection, amount: str = "399.4") -> None:
    start(conn)
    open_one(conn)
    trade(conn, "buy-1", "400", fee="0.4", fee_asset="XRP")
    decide(conn, "c-1", S.INITIAL_TRADE_COMPLETED, transfers=(new_transfer("way-1", amount),))


def claim(conn: sa.Connection, owner: str = ME, client_id: str = "buy-1") -> Order | str:
    return intents.claim_order(conn, MODE, client_id, owner, lease_of(conn), WINDOW_MS)


# Sending


def test_an_order_is_claimed_once_with_the_time_of_its_signature() -> None:
    with memory() as (conn, now):
        start(conn)
        open_one(conn)
        sent = send(conn, "buy-1")
        assert sent.state is State.SENT
        assert (sent.signed_at_ns, sent.valid_until_ns) == (now(), now() + 5_000_000_000)
        assert claim(conn) == "NOT_PLANNED"
        assert claim(conn, client_id="never-heard-of") == "NOT_PLANNED"
        assert seen(conn).cycle.version == 2


def test_the_signature_s_time_may_be_the_gateway_s() -> None:
    with memory() as (conn, _):
        start(conn)
        open_one(conn)
        sent = intents.claim_order(
            conn, MODE, "buy-1", ME, lease_of(conn), WINDOW_MS, signed_at_ns=T0 + 7
        )
        assert isinstance(sent, Order)
        assert (sent.signed_at_ns, sent.valid_until_ns) == (T0 + 7, T0 + 7 + 5_000_000_000)


def test_nothing_is_sent_after_a_halt_or_a_kill() -> None:
    with memory() as (conn, _):
        start(conn)
        open_one(conn)
        trading_state.set_state(conn, MODE, TradingState.HALTED, "kim")
        assert claim(conn) == "HALTED"
        trading_state.set_state(conn, MODE, TradingState.ACTIVE, "kim")
        trading_state.kill(conn, MODE, "kim")
        assert claim(conn) == "HALTED"
        trading_state.release_kill(conn, MODE, "kim")
        assert claim(conn) == "HALTED", "letting go of the switch is not starting"
        trading_state.set_state(conn, MODE, TradingState.REDUCING, "kim")
        assert isinstance(claim(conn), Order), "what is open goes on"


def test_live_sends_nothing_unless_it_is_armed() -> None:
    with memory() as (conn, now):
        trading_state.arm(conn, "live", now() + 60_000_000_000, "kim")
        start(conn, "live")
        open_one(conn, mode="live")
        held = lease_of(conn)
        now.pass_s(60)
        refused = intents.claim_order(conn, "live", "buy-1", ME, held, WINDOW_MS)
        assert refused == "DISARMED"


def test_only_the_holder_of_the_venue_s_lease_sends() -> None:
    with memory() as (conn, now):
        start(conn)
        open_one(conn)
        mine = leases.claim(conn, "sender:binance", ME, 10)
        assert mine is not None
        now.pass_s(11)
        assert intents.claim_order(conn, MODE, "buy-1", ME, mine, WINDOW_MS) == "NO_LEASE"
        taken = leases.claim(conn, "sender:binance", OTHER, 10)
        assert taken is not None
        assert intents.claim_order(conn, MODE, "buy-1", ME, mine, WINDOW_MS) == "NO_LEASE"
        forged = structs.replace(mine, fence=taken.fence)
        assert intents.claim_order(conn, MODE, "buy-1", ME, forged, WINDOW_MS) == "NO_LEASE"


def test_another_process_sends_what_the_present_owner_has_planned() -> None:
    """The intent is the mailbox, as long as nobody else has the cycle by now."""
    with memory() as (conn, now):
        start(conn)
        open_one(conn, 1, new_order("buy-1"), new_order("buy-2", attempt=2))
        waiting = intents.planned(conn, MODE, [BINANCE, UPBIT])
        assert [(each.kind, each.client_id) for each in waiting] == [
            ("order", "buy-1"), ("order", "buy-2"),
        ]  # fmt: skip
        assert intents.planned(conn, MODE, [UPBIT]) == []
        assert isinstance(claim(conn, "gateway-of-another"), Order)
        now.pass_s(LEASE_S + 1)
        assert cycles.claim(conn, MODE, OTHER, LEASE_S, 1)
        assert intents.planned(conn, MODE, [BINANCE]) == []
        assert claim(conn, ME, "buy-2") == "LOST", "its planner has lost the cycle"
        assert not intents.confirm(conn, MODE, "buy-2", ME)
        assert intents.confirm(conn, MODE, "buy-2", OTHER)
        assert isinstance(claim(conn, "gateway-of-another", "buy-2"), Order)


def test_the_new_owner_s_own_gateway_sends_what_the_old_one_has_planned() -> None:
    with memory() as (conn, now):
        start(conn)
        open_one(conn)
        now.pass_s(LEASE_S + 1)
        assert cycles.claim(conn, MODE, OTHER, LEASE_S, 1)
        assert claim(conn, ME) == "LOST"
        assert isinstance(claim(conn, OTHER), Order)


# What is known of an order


def test_a_note_is_written_on_the_version_that_it_was_made_from() -> None:
    with memory() as (conn, _):
        start(conn)
        open_one(conn)
        sent = send(conn, "buy-1")
        unknown = structs.replace(sent, state=State.UNKNOWN)
        late = structs.replace(sent, state=State.NOT_PLACED)
        assert intents.note_order(conn, MODE, "buy-1", {State.SENT}, unknown)
        assert not intents.note_order(conn, MODE, "buy-1", {State.SENT}, late)
        assert not intents.note_order(conn, MODE, "buy-1", ANY, late), (
            "an answer that was overtaken"
        )
        assert order_of(conn).state is State.UNKNOWN
        assert not intents.note_order(conn, MODE, "never-heard-of", ANY, late)


def test_a_proved_end_stays_an_end() -> None:
    with memory() as (conn, _):
        start(conn)
        open_one(conn)
        send(conn, "buy-1")
        assert note(conn, "buy-1", State.NOT_PLACED)
        for state in (State.OPEN, State.FILLED, State.UNKNOWN, State.SENT, State.PLANNED):
            assert not note(conn, "buy-1", state)
        assert order_of(conn).state is State.NOT_PLACED


def test_a_planned_order_is_sent_or_expires_and_nothing_else() -> None:
    with memory() as (conn, _):
        start(conn)
        open_one(conn)
        assert not note(conn, "buy-1", State.OPEN)
        assert not note(conn, "buy-1", State.SENT)
        with pytest.raises(sa.exc.IntegrityError):
            conn.execute(intent.update().values(state="SENT"))


def test_a_note_cannot_change_what_was_asked() -> None:
    with memory() as (conn, _):
        start(conn)
        open_one(conn)
        sent = send(conn, "buy-1")
        other = structs.replace(
            sent, state=State.OPEN, signed_at_ns=1, terms=structs.replace(sent.terms, price=d("9"))
        )
        assert intents.note_order(conn, MODE, "buy-1", {State.SENT}, other)
        kept = order_of(conn)
        assert (kept.state, kept.terms, kept.signed_at_ns) == (
            State.OPEN,
            sent.terms,
            sent.signed_at_ns,
        )


def test_a_venue_s_words_are_kept_once_and_first() -> None:
    with memory() as (conn, now):
        start(conn)
        open_one(conn)
        sent = send(conn, "buy-1")
        event = VenueEvent(BINANCE, "order", "v-1:NEW", '{"s":"NEW"}', now())
        stale = structs.replace(sent, version=99)
        assert not intents.note_order(conn, MODE, "buy-1", ANY, stale, [event])
        assert intents.record(conn, MODE, [event, event]) == 0
        row = conn.execute(sa.select(venue_event)).one()
        assert (row.raw, row.client_id) == ('{"s":"NEW"}', "buy-1")


def test_evidence_is_kept_and_bounded() -> None:
    with memory() as (conn, _):
        start(conn)
        open_one(conn)
        send(conn, "buy-1")
        looks = tuple(Evidence("by_id", n, n + 1, None) for n in range(500))
        assert note(conn, "buy-1", State.UNKNOWN, evidence=looks)
        kept = order_of(conn).evidence
        assert len(kept) == 60
        assert (kept[0], kept[-1]) == (looks[0], looks[-1])


def test_orders_are_found_by_either_number() -> None:
    with memory() as (conn, _):
        start(conn)
        open_one(conn)
        send(conn, "buy-1")
        assert note(conn, "buy-1", State.OPEN, venue_order_id="v-77")
        for name in ("v-77", "buy-1"):
            assert intents.by_venue_order(conn, MODE, BINANCE, name) == order_of(conn)
        assert intents.by_venue_order(conn, MODE, UPBIT, "v-77") is None


# Fills


def test_a_fill_is_booked_once_whoever_tells_it() -> None:
    with memory() as (conn, _):
        start(conn)
        open_one(conn)
        sent = send(conn, "buy-1")
        first = fill(sent, "100", fee="0.1", fee_asset="XRP", trade_id="1")
        second = fill(sent, "300", price="2.4", fee="0.3", fee_asset="XRP", trade_id="2")
        assert intents.post_fills(conn, MODE, "buy-1", [first]) == 1
        assert intents.post_fills(conn, MODE, "buy-1", [first, second, second]) == 1
        assert intents.post_fills(conn, MODE, "buy-1", [second]) == 0
        order = order_of(conn)
        assert (order.filled_quantity, order.average_price) == (d("400"), d("2.425"))
        assert order.fees == (AssetAmount("XRP", d("0.4")),)
        assert intents.fills_of(conn, MODE, "buy-1") == (first, second)
        assert seen(conn).holdings == (
            Holding(BINANCE, "USDT", d("30")), Holding(BINANCE, "XRP", d("399.6"))
        )  # fmt: skip
        assert audit.check(conn, MODE) == []


def test_an_order_is_complete_when_its_fills_make_up_what_was_told() -> None:
    with memory() as (conn, _):
        start(conn)
        open_one(conn)
        sent = send(conn, "buy-1")
        assert note(conn, "buy-1", State.FILLED, filled_quantity=d("400"), complete=True)
        assert not order_of(conn).complete, "nobody's word but the ledger's"
        intents.post_fills(conn, MODE, "buy-1", [fill(sent, "150", trade_id="1")])
        assert not order_of(conn).is_over
        intents.post_fills(conn, MODE, "buy-1", [fill(sent, "250", trade_id="2")])
        assert order_of(conn).is_over
        row = conn.execute(sa.select(trades)).one()
        assert (row.status, row.filled_quantity, row.average_price) == (
            "COMPLETED",
            d("400"),
            d("2.5"),
        )
        kinds = list(conn.scalars(sa.select(portfolio_logs.c.kind)))
        assert kinds == ["INITIAL", "TRADE"]


def test_a_report_never_takes_back_what_has_traded() -> None:
    with memory() as (conn, _):
        start(conn)
        open_one(conn)
        sent = send(conn, "buy-1")
        intents.post_fills(conn, MODE, "buy-1", [fill(sent, "150")])
        assert note(conn, "buy-1", State.CANCELLED, filled_quantity=d("0"))
        order = order_of(conn)
        assert (order.filled_quantity, order.complete) == (d("150"), True)


def test_a_cancel_may_be_told_before_the_trade_that_came_before_it() -> None:
    with memory() as (conn, _):
        start(conn)
        open_one(conn)
        send(conn, "buy-1")
        assert note(conn, "buy-1", State.CANCELLED)
        assert note(conn, "buy-1", State.FILLED, filled_quantity=d("400"))
        assert not order_of(conn).is_over


def test_a_fill_of_what_was_proved_absent_is_booked_and_told_by_the_audit() -> None:
    with memory() as (conn, _):
        start(conn)
        open_one(conn)
        sent = send(conn, "buy-1")
        assert note(conn, "buy-1", State.NOT_PLACED)
        assert intents.post_fills(conn, MODE, "buy-1", [fill(sent, "10")]) == 1
        assert money(conn)["binance", "XRP"] == ("0", "10.00000000")
        assert [breach.rule for breach in audit.check(conn, MODE)] == ["I1"]


def test_a_rebate_is_a_fee_below_zero() -> None:
    with memory() as (conn, _):
        start(conn)
        open_one(conn)
        sent = send(conn, "buy-1")
        intents.post_fills(conn, MODE, "buy-1", [fill(sent, "400", fee="-0.05")])
        assert money(conn)["binance", "USDT"] == ("9000.00000000", "0.05000000")
        assert seen(conn).net == (AssetAmount("USDT", d("-999.95")), AssetAmount("XRP", d("400")))


# Transfers


def test_coins_are_under_way_from_the_sender_s_word_to_the_receiver_s() -> None:
    with memory() as (conn, _):
        planned_way(conn)
        sent = withdraw(conn, "way-1")
        assert (sent.state, sent.withdrawal_id) == (T.ON_CHAIN, "w-way-1")
        assert seen(conn).holdings == (Holding(None, "XRP", d("399.4")),)
        [purse] = posting.purses(conn, MODE, [(UPBIT, "XRP")])
        assert (purse.available, purse.in_flight) == (d(0), d("399.4")), (
            "in flight is not spendable"
        )
        assert arrive(conn, "way-1", "399.4")
        assert not arrive(conn, "way-1", "399.4")
        assert seen(conn).holdings == (Holding(UPBIT, "XRP", d("399.4")),)
        assert transfer_of(conn).credited == d("399.4")
        assert audit.check(conn, MODE) == []


def test_what_is_missing_on_arrival_was_a_network_s_fee() -> None:
    with memory() as (conn, _):
        planned_way(conn)
        withdraw(conn, "way-1", fee="0.15")
        assert arrive(conn, "way-1", "399.3")
        assert AssetAmount("XRP", d("0.65")) in seen(conn).fees
        assert seen(conn).holdings == (
            Holding(BINANCE, "XRP", d("0.05")), Holding(UPBIT, "XRP", d("399.3"))
        )  # fmt: skip


def test_a_fee_that_is_told_late_is_booked_as_the_difference() -> None:
    with memory() as (conn, _):
        planned_way(conn, "399.3")
        sent = withdraw(conn, "way-1")
        late = structs.replace(sent, fee_paid=d("0.25"))
        assert intents.note_transfer(conn, MODE, "way-1", {T.ON_CHAIN}, late)
        assert arrive(conn, "way-1", "399.3")
        later = structs.replace(transfer_of(conn), fee_paid=d("0.3"))
        assert intents.note_transfer(conn, MODE, "way-1", {T.CREDITED}, later)
        assert AssetAmount("XRP", d("0.7")) in seen(conn).fees
        assert audit.check(conn, MODE) == []


def test_a_withdrawal_refused_after_all_gives_everything_back() -> None:
    with memory() as (conn, _):
        planned_way(conn)
        sent = withdraw(conn, "way-1")
        refused = structs.replace(sent, state=T.REJECTED, code="REVIEW")
        assert intents.note_transfer(conn, MODE, "way-1", {T.ON_CHAIN}, refused)
        assert seen(conn).holdings == (Holding(BINANCE, "XRP", d("399.6")),)
        again = new_transfer("way-2", "399.4", attempt=2)
        decide(conn, "c-1", transfers=(again,))
        assert withdraw(conn, "way-2").state is T.ON_CHAIN
        assert audit.check(conn, MODE) == []


def test_what_came_back_lies_at_the_sender_again() -> None:
    with memory() as (conn, _):
        planned_way(conn)
        withdraw(conn, "way-1")
        assert intents.returned(conn, MODE, "way-1", d("399.4"), "back-1")
        assert not intents.returned(conn, MODE, "way-1", d("399.4"), "back-1")
        assert transfer_of(conn).state is T.RETURNED
        assert seen(conn).holdings == (Holding(BINANCE, "XRP", d("399.4")),)
        assert audit.check(conn, MODE) == []


def test_a_deposit_counts_for_one_transfer_only() -> None:
    with memory() as (conn, _):
        planned_way(conn, "100")
        decide(conn, "c-1", transfers=(new_transfer("way-2", "100", hop=2),))
        withdraw(conn, "way-1")
        withdraw(conn, "way-2")
        report = DepositReport(UPBIT, "d-1", "XRP", "XRP", d("100"), "x", T.CREDITED, T0)
        assert intents.credit(conn, MODE, "way-1", report)
        assert not intents.credit(conn, MODE, "way-2", report)
        assert seen(conn).holdings[0] == Holding(None, "XRP", d("100"))


def test_two_transfers_cannot_be_one_withdrawal() -> None:
    with memory() as (conn, _):
        planned_way(conn, "100")
        decide(conn, "c-1", transfers=(new_transfer("way-2", "100", hop=2),))
        withdraw(conn, "way-1")
        sent = intents.claim_transfer(conn, MODE, "way-2", ME, lease_of(conn), WINDOW_MS)
        assert isinstance(sent, Transfer)
        same = structs.replace(sent, state=T.ACCEPTED, withdrawal_id="w-way-1")
        assert not intents.note_transfer(conn, MODE, "way-2", {T.SENT}, same)
        assert transfer_of(conn, "way-2").state is T.SENT


def test_one_withdrawal_of_unknown_fate_per_venue_asset_and_network() -> None:
    with memory() as (conn, _):
        planned_way(conn, "100")
        decide(conn, "c-1", transfers=(new_transfer("way-2", "100", hop=2),))
        first = intents.claim_transfer(conn, MODE, "way-1", ME, lease_of(conn), WINDOW_MS)
        assert isinstance(first, Transfer)
        again = (conn, MODE, "way-2", ME, lease_of(conn), WINDOW_MS)
        assert intents.claim_transfer(*again) == "BUSY"
        unknown = structs.replace(first, state=T.UNKNOWN)
        assert intents.note_transfer(conn, MODE, "way-1", {T.SENT}, unknown)
        assert intents.claim_transfer(*again) == "BUSY"
        known = structs.replace(transfer_of(conn), state=T.ACCEPTED, withdrawal_id="w-1")
        assert intents.note_transfer(conn, MODE, "way-1", {T.UNKNOWN}, known)
        assert isinstance(intents.claim_transfer(*again), Transfer)


def test_arrivals_are_told_by_the_receiver_alone() -> None:
    with memory() as (conn, _):
        planned_way(conn)
        sent = withdraw(conn, "way-1")
        done = structs.replace(sent, state=T.CREDITED, credited=d("399.4"))
        assert not intents.note_transfer(conn, MODE, "way-1", {T.ON_CHAIN}, done)


def test_nothing_arrives_that_the_sender_has_not_named() -> None:
    with memory() as (conn, _):
        planned_way(conn)
        assert not arrive(conn, "way-1", "399.4")
        assert not arrive(conn, "never-heard-of", "1")


def test_live_coins_go_to_active_addresses_of_the_allow_list_alone() -> None:
    with memory() as (conn, now):
        trading_state.arm(conn, "live", now() + 10**18, "kim")
        start(conn, "live")
        open_one(conn, mode="live")
        trade(conn, "buy-1", "400", mode="live")
        way = (new_transfer("way-1"),)
        decide(conn, "c-1", S.INITIAL_TRADE_COMPLETED, transfers=way, mode="live")
        there = DepositAddress(UPBIT, "XRP", "XRP", "rAddress", "42")
        key: dict[str, Any] = {"mac_key": KEY}
        ask = ("live", "way-1", ME, lease_of(conn), WINDOW_MS)
        assert intents.claim_transfer(conn, *ask, None, **key) == "ADDRESS"
        assert intents.claim_transfer(conn, *ask, there, **key) == "ADDRESS"
        addresses.add(conn, there, "kim", KEY)
        assert intents.claim_transfer(conn, *ask, there, **key) == "ADDRESS", "too new"
        now.pass_s(86_400)
        held = leases.claim(conn, "sender:binance", ME, 60.0)
        assert held is not None
        ask = ("live", "way-1", ME, held, WINDOW_MS)
        assert intents.claim_transfer(conn, *ask, there) == "ADDRESS", "nobody could check it"
        other = structs.replace(there, network="ETH")
        assert intents.claim_transfer(conn, *ask, other, **key) == "ADDRESS"
        sent = intents.claim_transfer(conn, *ask, there, **key)
        assert isinstance(sent, Transfer)
        assert (sent.terms.address, sent.terms.tag) == ("rAddress", "42")


def test_a_fingerprint_is_an_amount_that_no_other_had() -> None:
    with memory() as (conn, now):
        planned_way(conn, "100")
        asked = (conn, MODE, BINANCE, "XRP", d("100"), d("0.000001"))
        assert intents.fingerprint(*asked) == d("100")
        sent = intents.claim_transfer(
            conn, MODE, "way-1", ME, lease_of(conn), WINDOW_MS, amount=d("100")
        )
        assert isinstance(sent, Transfer)
        assert intents.fingerprint(*asked) == d("99.999999")
        assert intents.fingerprint(conn, MODE, Venue.OKX, "XRP", d("100"), d("1")) == d("100")
        now.pass_s(31 * 86_400)
        assert intents.fingerprint(*asked) == d("100")


def test_what_is_open_is_found_from_either_side() -> None:
    with memory() as (conn, _):
        planned_way(conn)
        withdraw(conn, "way-1")
        assert intents.open_intents(conn, MODE, BINANCE) == ((), (transfer_of(conn),))
        assert intents.open_intents(conn, MODE, UPBIT) == ((), (transfer_of(conn),))
        assert intents.open_intents(conn, "paper", UPBIT) == ((), ())


async def test_every_database_keeps_the_same_promises(database: Database) -> None:
    await database.write(planned_way)
    sent = await database.write(withdraw, "way-1")
    assert await database.read(intents.get_transfer, MODE, "way-1") == sent
    assert await database.write(arrive, "way-1", "399.4")
    order = await database.read(order_of)
    assert order.average_price == d("2.5")
    assert (await database.read(seen)).orders == (order,)
    assert await database.read(audit.check, MODE) == []


# Whatever order the news come in, the end is the same

PARTS = st.lists(st.integers(1, 9), min_size=1, max_size=5)


@settings(max_examples=60, deadline=None)
@given(PARTS, st.data())
def test_news_in_any_order_twice_or_late_lead_to_the_same_books(
    parts: list[int], data: st.DataObject
) -> None:
    with memory() as (conn, _):
        start(conn)
        open_one(conn)
        sent = send(conn, "buy-1")
        whole = sum(parts)
        news = [
            fill(sent, str(part), price=f"2.{n}", fee=f"0.00{n}1", trade_id=f"{n}")
            for n, part in enumerate(parts)
        ]
        end = State.CANCELLED
        told = data.draw(st.permutations([*news, *news[:2], end]))
        for each in told:
            if isinstance(each, OrderState):
                assert note(conn, "buy-1", each, filled_quantity=d(whole))
            else:
                intents.post_fills(conn, MODE, "buy-1", [each])
        order = order_of(conn)
        assert order.is_over
        assert order.filled_quantity == whole
        spent = sum(each.price * each.quantity + each.fee for each in news)
        purses = money(conn)
        assert d(purses["binance", "USDT"][1]) == 1000 - spent
        assert d(purses["binance", "XRP"][1]) == whole
        assert audit.check(conn, MODE) == []


def test_prices_and_quantities_of_many_digits_are_booked_to_the_last() -> None:
    """A venue without a lot: 25 digits times 10, beyond the 28 of plain arithmetic."""
    with memory() as (conn, _):
        start(conn)
        odd = new_order("buy-1", quantity="3.731785388754078141720147816", price="133.7351029")
        open_one(conn, 1, odd)
        sent = send(conn, "buy-1")
        whole = fill(sent, "3.731785388754078141720147816", fee="0.000000000000000000000000001")
        assert intents.post_fills(conn, MODE, "buy-1", [whole]) == 1
        assert note(conn, "buy-1", State.FILLED, filled_quantity=sent.terms.quantity)
        assert order_of(conn).is_over
        spent = EXACT.add(EXACT.multiply(whole.price, whole.quantity), whole.fee)
        holdings = {held.asset: held.amount for held in seen(conn).holdings}
        assert holdings["XRP"] == sent.terms.quantity
        assert holdings["USDT"] == EXACT.subtract(d(1000), spent)
        assert audit.check(conn, MODE) == []
