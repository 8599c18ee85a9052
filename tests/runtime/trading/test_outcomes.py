"""What answers make of rows: no guess ever becomes a fact, no fact is ever taken back."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.domain.orders import Evidence, NoAnswer, OrderState, Placed, Rejection
from app.domain.transfers import (
    DepositReport,
    NeedsOperator,
    TransferState,
    WithdrawalReport,
    Withdrawn,
)
from app.domain.venues import Venue
from app.exchanges.accounts.contract import IdClass, Rules
from app.runtime.trading import outcomes
from app.runtime.trading.fingerprint import fingerprint
from tests.runtime.trading.rows import SECOND, T0, order, report, transfer

LOOK = Evidence("by_id", T0 + SECOND, T0 + 2 * SECOND, True)


def withdrawal(state: TransferState, **more: object) -> WithdrawalReport:
    fields: dict[str, object] = {
        "venue": Venue.BINANCE,
        "withdrawal_id": "w-1",
        "client_id": "t" * 20,
        "asset": "XRP",
        "network": "XRP",
        "address": "rAddress",
        "amount": Decimal(100),
        "fee": Decimal("0.2"),
        "txid": None,
        "at_ns": T0 + 2,
    }
    return WithdrawalReport(state=state, **(fields | more))  # type: ignore[arg-type]


def deposit(state: TransferState, amount: str = "100", txid: str | None = "ABC") -> DepositReport:
    return DepositReport(Venue.UPBIT, "d-1", "XRP", "XRP", Decimal(amount), txid, state, T0)


# Orders


def test_an_accepted_order_is_open_until_the_venue_says_more() -> None:
    new = outcomes.placed(order(), Placed("v-1"), T0, T0 + 1)
    assert (new.state, new.venue_order_id) == (OrderState.OPEN, "v-1")
    assert new.evidence == (Evidence("place", T0, T0 + 1, True),)


def test_silence_is_unknown_and_only_a_definite_no_is_rejected() -> None:
    silent = outcomes.placed(order(), NoAnswer("timeout"), T0, T0 + 1)
    refused = outcomes.placed(order(), Rejection("-2010", "insufficient"), T0, T0 + 1)
    assert (silent.state, refused.state) == (OrderState.UNKNOWN, OrderState.REJECTED)
    assert refused.code == "-2010"
    assert silent.evidence[0].found is None


def test_a_cancel_never_says_what_was_filled_nor_that_it_is_over() -> None:
    living = order(state=OrderState.PARTIALLY_FILLED, filled_quantity=Decimal(10))
    for answer in (Placed("v-1"), Rejection("closed", ""), NoAnswer("timeout")):
        new = outcomes.cancelled(living, answer, T0, T0 + 1)
        assert (new.state, new.filled_quantity) == (OrderState.PARTIALLY_FILLED, 10)
        assert new.evidence[-1].source == "cancel"


def test_one_look_that_finds_nothing_proves_nothing() -> None:
    unknown = order(state=OrderState.UNKNOWN)
    new = outcomes.reported(unknown, None, replace(LOOK, found=False))
    assert new.state is OrderState.UNKNOWN
    assert len(new.evidence) == 1


def test_reports_that_come_late_take_nothing_back() -> None:
    filled = outcomes.reported(order(), report(order(), OrderState.FILLED, "100"), LOOK)
    late = outcomes.reported(filled, report(order(), OrderState.OPEN, "20"), LOOK)
    assert (late.state, late.filled_quantity) == (OrderState.FILLED, 100)


def test_a_word_that_nobody_knows_changes_no_state() -> None:
    unknown = order(state=OrderState.UNKNOWN)
    new = outcomes.reported(unknown, report(unknown, OrderState.UNKNOWN, None), LOOK)
    assert new.state is OrderState.UNKNOWN
    assert new.venue_order_id == "v-1"


def test_an_order_refused_after_it_traded_is_cancelled() -> None:
    new = outcomes.reported(order(), report(order(), OrderState.REJECTED, "5"), LOOK)
    assert (new.state, new.filled_quantity) == (OrderState.CANCELLED, 5)


@pytest.mark.parametrize(
    "state", [OrderState.NOT_PLACED, OrderState.EXPIRED, OrderState.REJECTED], ids=str
)
def test_what_was_proved_absent_must_not_appear(state: OrderState) -> None:
    over = order(state=state)
    with pytest.raises(outcomes.Contradiction):
        outcomes.reported(over, report(over, OrderState.FILLED, "100"), LOOK)
    assert outcomes.reported(over, report(over, OrderState.REJECTED, "0"), LOOK) == over


def test_a_proof_ends_what_is_open_and_nothing_else() -> None:
    unknown = order(state=OrderState.UNKNOWN)
    new = outcomes.resolved(unknown, OrderState.NOT_PLACED, "absent twice", T0)
    assert new.state is OrderState.NOT_PLACED
    assert new.evidence[-1].source == "proof"
    with pytest.raises(AssertionError):
        outcomes.resolved(new, OrderState.NOT_PLACED, "again", T0)


def test_an_order_is_found_in_a_list_by_its_ids_alone() -> None:
    sent = order(state=OrderState.UNKNOWN)
    other = report(sent, OrderState.OPEN, "0", client_id="b" * 20, number="v-2")
    ours = report(sent, OrderState.OPEN, "0", number="v-3")
    assert outcomes.of_order(sent, [other, ours]) is ours
    nameless = report(sent, OrderState.OPEN, "0", client_id=None, number="v-9")
    assert outcomes.of_order(sent, [other, nameless]) is None
    known = replace(sent, venue_order_id="v-9")
    assert outcomes.of_order(known, [other, nameless]) is nameless


def test_evidence_is_bounded_and_keeps_its_beginning_and_what_a_person_was_asked() -> None:
    asked = order(state=OrderState.UNKNOWN)
    for number in range(200):
        source = "operator" if number == 20 else "by_id"
        asked = outcomes.noted(asked, Evidence(source, number, number + 1, None))
    assert len(asked.evidence) < 60
    assert [each.asked_at_ns for each in asked.evidence[:3]] == [0, 1, 2]
    assert asked.evidence[-1].asked_at_ns == 199
    assert [each.asked_at_ns for each in asked.evidence if each.source == "operator"] == [20]


TOLD = st.tuples(
    st.sampled_from(
        [
            OrderState.OPEN,
            OrderState.PARTIALLY_FILLED,
            OrderState.FILLED,
            OrderState.CANCELLED,
            OrderState.UNKNOWN,
        ]
    ),
    st.integers(0, 100),
)


@given(st.lists(TOLD, max_size=8))
def test_in_whatever_order_reports_come_an_order_only_goes_on(
    told: list[tuple[OrderState, int]],
) -> None:
    now = order()
    for state, filled in told:
        new = outcomes.reported(now, report(now, state, str(filled)), LOOK)
        assert outcomes.ORDER_RANK[new.state] >= outcomes.ORDER_RANK[now.state]
        assert new.filled_quantity >= now.filled_quantity
        now = new


# Transfers


def test_a_withdrawal_without_an_answer_is_unknown() -> None:
    new = outcomes.withdrawn(transfer(), NoAnswer("timeout"), T0, T0 + 1)
    assert new.state is TransferState.UNKNOWN
    done = outcomes.withdrawn(transfer(), Withdrawn("w-1"), T0, T0 + 1)
    assert (done.state, done.withdrawal_id) == (TransferState.ACCEPTED, "w-1")


def test_a_venue_that_wants_a_person_first_has_done_nothing() -> None:
    new = outcomes.withdrawn(
        transfer(), NeedsOperator("open_api_withdraw_locked", "switch it off"), T0, T0 + 1
    )
    assert (new.state, new.code) == (TransferState.REJECTED, "open_api_withdraw_locked")
    assert new.is_over


def test_that_the_sender_calls_it_done_is_not_that_it_has_arrived() -> None:
    done = outcomes.sent(transfer(), withdrawal(TransferState.CREDITED, txid="ABC"), LOOK)
    assert (done.state, done.txid) == (TransferState.ON_CHAIN, "ABC")
    assert not done.is_over


def test_a_deposit_is_ours_by_its_transaction_alone() -> None:
    way = transfer(state=TransferState.ON_CHAIN, txid="abc")
    strange = deposit(TransferState.CREDITED, txid="XYZ")
    ours = deposit(TransferState.CREDITED)
    assert outcomes.of_deposit(way, [strange, ours]) is ours
    assert outcomes.of_deposit(replace(way, txid=None), [strange, ours]) is None


def test_what_arrived_is_credited_once_and_never_uncredited() -> None:
    way = transfer(state=TransferState.ON_CHAIN, txid="ABC")
    seen = outcomes.received(way, deposit(TransferState.ON_CHAIN), LOOK)
    assert seen.state is TransferState.ON_CHAIN
    held = outcomes.received(way, deposit(TransferState.HELD), LOOK)
    assert held.state is TransferState.HELD
    done = outcomes.received(held, deposit(TransferState.CREDITED), LOOK)
    assert (done.state, done.credited) == (TransferState.CREDITED, 100)
    late = outcomes.sent(done, withdrawal(TransferState.ON_CHAIN, txid="ABC"), LOOK)
    assert late.state is TransferState.CREDITED


def test_an_amount_within_the_fee_arrives_and_another_waits_for_a_person() -> None:
    way = transfer(state=TransferState.ON_CHAIN, txid="ABC")
    near = outcomes.received(way, deposit(TransferState.CREDITED, "99.9"), LOOK)
    far = outcomes.received(way, deposit(TransferState.CREDITED, "90"), LOOK)
    assert (near.state, near.credited) == (TransferState.CREDITED, Decimal("99.9"))
    assert (far.state, far.code) == (TransferState.NEEDS_OPERATOR, "amount_differs")


def test_a_withdrawal_that_came_back_is_returned() -> None:
    way = transfer(state=TransferState.ACCEPTED, withdrawal_id="w-1")
    back = outcomes.sent(way, withdrawal(TransferState.RETURNED), LOOK)
    assert back.state is TransferState.RETURNED


def test_what_is_refused_after_it_left_has_come_back_without_its_fee() -> None:
    way = transfer(state=TransferState.ON_CHAIN, withdrawal_id="w-1", txid="ABC")
    assert outcomes.sent(way, withdrawal(TransferState.REJECTED), LOOK).state == "RETURNED"
    waits = transfer(state=TransferState.ACCEPTED, withdrawal_id="w-1")
    assert outcomes.sent(waits, withdrawal(TransferState.REJECTED), LOOK).state == "REJECTED"


def test_a_fee_inside_the_amount_lets_more_arrive_and_leaves_nothing_behind() -> None:
    """Gate takes its fee out of what is asked for: 100 + 1 planned, 0.16 taken, 100.84 sent."""
    sent = withdrawal(TransferState.ON_CHAIN, amount=Decimal("100.84"), fee=Decimal("0.16"))
    assert outcomes.sent(transfer(), sent, LOOK).fee_paid == Decimal("1.00")


def test_a_withdrawal_that_was_proved_absent_must_not_appear() -> None:
    gone = transfer(state=TransferState.NOT_PLACED)
    with pytest.raises(outcomes.Contradiction):
        outcomes.sent(gone, withdrawal(TransferState.ON_CHAIN), LOOK)


def test_where_there_is_no_id_it_is_the_amount_that_no_other_has() -> None:
    way = transfer(amount="100.00001234")
    named = withdrawal(TransferState.ACCEPTED, amount=Decimal("100.00001234"))
    nameless = replace(named, client_id=None)
    other = replace(nameless, amount=Decimal("100.00004321"))
    elsewhere = replace(nameless, address="rOther")
    assert outcomes.of_transfer(way, [other, elsewhere, nameless]) is nameless
    assert outcomes.of_transfer(way, [replace(named, client_id="x" * 20)]) is None


NAMELESS = Rules(IdClass.U, IdClass.N, 5_000, True, True, False)


@given(st.decimals("0.000001", "1e6", places=8))
def test_a_fingerprint_only_takes_a_little_away(amount: Decimal) -> None:
    found = fingerprint(transfer(amount=str(amount)), NAMELESS)
    assert found is not None
    assert 0 < found.amount <= amount
    assert amount - found.amount < found.step == Decimal("0.000001")


def test_there_is_no_fingerprint_where_ids_are_taken_or_nothing_can_be_cut() -> None:
    assert fingerprint(transfer(), NAMELESS._replace(withdrawals=IdClass.U)) is None
    tiny = fingerprint(transfer(amount="0.0000001"), NAMELESS)
    assert tiny is not None
    assert tiny.amount == Decimal("0.0000001")


def test_a_refusal_that_comes_late_takes_no_fill_back() -> None:
    filled = outcomes.reported(order(), report(order(), OrderState.FILLED, "100"), LOOK)
    late = outcomes.reported(filled, report(order(), OrderState.REJECTED, "0"), LOOK)
    assert (late.state, late.filled_quantity) == (OrderState.FILLED, 100)
