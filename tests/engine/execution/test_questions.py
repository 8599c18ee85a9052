"""Asking until there is proof: against a venue that is slow, forgetful or silent."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from app.domain.markets import Instrument, Side
from app.domain.orders import Evidence, Order, OrderState, OrderTerms, OrderType, Role
from app.domain.times import MS_NS, SECOND_NS
from app.domain.transfers import Transfer, TransferState, TransferTerms
from app.domain.venues import Venue
from app.engine.execution.questions import (
    BUDGET_NS,
    MARGIN_NS,
    NEVER,
    PASS_NS,
    Ask,
    Operator,
    Question,
    Resolve,
    Wait,
    next_question,
)

T0 = 1_700_000_000 * SECOND_NS
VALID_NS = T0 + 5 * SECOND_NS


class Rules(NamedTuple):
    orders: str = "W"
    withdrawals: str = "W"
    window_ms: int = 5_000
    finds_ended: bool = True


def order(state: OrderState = OrderState.UNKNOWN, **fields: object) -> Order:
    terms = OrderTerms(
        Instrument(Venue.BINANCE, "XRP", "USDT"), Side.BUY, OrderType.IOC, Decimal("2.5"),
        Decimal(100),
    )  # fmt: skip
    made = Order("abc", "c-1", Role.INITIAL, "LEG1_SENT", 1, Venue.BINANCE, terms, state, T0,
                 signed_at_ns=T0, valid_until_ns=VALID_NS)  # fmt: skip
    return structs.replace(made, **fields)


def transfer(state: TransferState = TransferState.UNKNOWN, **fields: object) -> Transfer:
    terms = TransferTerms(
        "XRP", Venue.BINANCE, Venue.UPBIT, "RIPPLE", "XRP", "XRP", Decimal(100), Decimal("0.2")
    )
    made = Transfer("abc", "c-1", Role.TRANSFER, "WITHDRAW_REQUESTED", 1, 1, terms, state, T0,
                    signed_at_ns=T0, valid_until_ns=VALID_NS)  # fmt: skip
    return structs.replace(made, **fields)


Item = Order | Transfer
Answering = Callable[[str, int], tuple[int, bool | None]]
"""(kind, when it was asked) → (how long it took, what it found)."""


def live(
    item: Item, rules: Rules, answer: Answering, *, until_ns: int, healthy: bool = True
) -> tuple[Item, Question, int, list[tuple[str, int]]]:
    """As the gateway does: ask, write down, ask again; until it is resolved or time is over."""
    now_ns = T0
    asked: list[tuple[str, int]] = []
    while True:
        question = next_question(item, rules, now_ns, healthy)
        if isinstance(question, Wait):
            if question.until_ns >= until_ns:
                return item, question, now_ns, asked
            assert question.until_ns > now_ns, "a wait that does not wait"
            now_ns = question.until_ns
        elif isinstance(question, Ask):
            took_ns, found = answer(question.kind, now_ns)
            asked.append((question.kind, now_ns))
            note = Evidence(question.kind, now_ns, now_ns + took_ns, found)
            item = structs.replace(item, evidence=(*item.evidence, note))
            now_ns += max(took_ns, 1)
        elif isinstance(question, Operator):
            note = Evidence("operator", now_ns, now_ns, None, question.code)
            item = structs.replace(item, evidence=(*item.evidence, note))
        else:
            return item, question, now_ns, asked


def absent(kind: str, at_ns: int) -> tuple[int, bool | None]:
    return 100 * MS_NS, False


def silent(kind: str, at_ns: int) -> tuple[int, bool | None]:
    return 10 * SECOND_NS, None


def test_an_order_that_never_arrived_is_proved_so() -> None:
    _, question, now_ns, asked = live(order(), Rules(), absent, until_ns=NEVER)
    assert isinstance(question, Resolve)
    assert question.state is OrderState.NOT_PLACED
    counted = [(kind, at) for kind, at in asked if at >= VALID_NS + MARGIN_NS]
    first, second = counted[:2], counted[2:]
    assert {kind for kind, _ in first} == {kind for kind, _ in second} == {"by_id", "list"}
    assert min(at for _, at in second) >= max(at for _, at in first) + PASS_NS
    assert now_ns - T0 < 30 * SECOND_NS
    assert asked[0][1] == T0, "whoever asks early may find it early"


def test_reads_that_began_before_the_deadline_prove_nothing() -> None:
    early = tuple(
        Evidence(kind, T0 + n * SECOND_NS, VALID_NS + 60 * SECOND_NS, False)
        for n in range(8)
        for kind in ("by_id", "list")
    )
    question = next_question(order(evidence=early), Rules(), VALID_NS + 70 * SECOND_NS, True)
    assert isinstance(question, Ask)


def test_a_sick_venue_proves_nothing() -> None:
    item, question, _, _ = live(
        order(), Rules(), absent, until_ns=T0 + 120 * SECOND_NS, healthy=False
    )
    assert not isinstance(question, Resolve)
    assert item.state is OrderState.UNKNOWN


def test_silence_proves_nothing_and_a_person_is_told_once() -> None:
    item, question, _, asked = live(order(), Rules(), silent, until_ns=T0 + 2 * BUDGET_NS)
    assert isinstance(question, Wait)
    assert [each.note for each in item.evidence if each.source == "operator"] == ["ORDER_UNKNOWN"]
    assert asked[-1][1] > T0 + BUDGET_NS, "asking goes on"
    gaps = [b[1] - a[1] for a, b in zip(asked, asked[2:], strict=False)]
    assert max(gaps) <= 120 * SECOND_NS


def test_one_source_alone_proves_nothing() -> None:
    def half(kind: str, at_ns: int) -> tuple[int, bool | None]:
        return 100 * MS_NS, False if kind == "by_id" else None

    _, question, _, _ = live(order(), Rules(), half, until_ns=T0 + BUDGET_NS)
    assert not isinstance(question, Resolve)


def test_where_ids_forget_ended_orders_lists_and_fills_are_the_proof() -> None:
    rules = Rules(finds_ended=False)
    _, question, _, asked = live(order(), rules, absent, until_ns=NEVER)
    assert isinstance(question, Resolve)
    assert {kind for kind, _ in asked} == {"list", "fills"}


def test_what_was_found_once_is_never_absent() -> None:
    seen = (Evidence("list", T0 + SECOND_NS, T0 + 2 * SECOND_NS, True),)
    _, question, _, _ = live(order(evidence=seen), Rules(), absent, until_ns=T0 + BUDGET_NS)
    assert not isinstance(question, Resolve)


def test_the_sender_may_still_write_down_its_answer() -> None:
    question = next_question(order(OrderState.SENT), Rules(), T0 + SECOND_NS, True)
    assert isinstance(question, Wait)
    later = next_question(order(OrderState.SENT), Rules(), T0 + 11 * SECOND_NS, True)
    assert isinstance(later, Ask)


def test_after_a_cancel_the_order_is_asked_for() -> None:
    notes = (
        Evidence("by_id", T0, T0 + MS_NS, True),
        Evidence("cancel", T0 + SECOND_NS, T0 + 2 * SECOND_NS, None),
    )
    item = order(OrderState.OPEN, evidence=notes)
    question = next_question(item, Rules(), T0 + 2 * SECOND_NS, True)
    assert question == Ask("by_id")


def test_a_final_state_waits_for_its_fills() -> None:
    filled = order(OrderState.FILLED, filled_quantity=Decimal(100))
    assert next_question(filled, Rules(), T0, True) == Ask("fills")
    whole = structs.replace(filled, complete=True)
    assert next_question(whole, Rules(), T0, True) == Wait(NEVER)
    assert next_question(order(OrderState.CANCELLED), Rules(), T0, True) == Wait(NEVER)


@pytest.mark.parametrize(("ids", "apart_s"), [("W", 5), ("N", 30)])
def test_a_withdrawal_is_absent_only_at_both_ends(ids: str, apart_s: int) -> None:
    rules = Rules(withdrawals=ids)
    _, question, _, asked = live(transfer(), rules, absent, until_ns=NEVER)
    assert isinstance(question, Resolve)
    assert question.state is TransferState.NOT_PLACED
    counted = [(kind, at) for kind, at in asked if at >= VALID_NS + MARGIN_NS]
    assert {kind for kind, _ in counted} == {"withdrawals", "deposits"}
    assert counted[-1][1] - counted[0][1] >= apart_s * SECOND_NS


@pytest.mark.parametrize(
    "state", [TransferState.ACCEPTED, TransferState.ON_CHAIN, TransferState.HELD,
              TransferState.AWAITING_VENUE],
)  # fmt: skip
def test_a_transfer_on_its_way_is_never_given_up(state: TransferState) -> None:
    item = transfer(state, withdrawal_id="w-1", txid="tx")
    item2, question, _, asked = live(item, Rules(), absent, until_ns=T0 + 6 * BUDGET_NS)
    assert isinstance(question, Wait)
    assert item2.state is state
    assert len([e for e in item2.evidence if e.source == "operator"]) == 1
    assert {kind for kind, _ in asked} == {"withdrawals", "deposits"}
    assert asked[-1][1] > T0 + 5 * BUDGET_NS


def test_deposits_are_looked_for_once_the_transaction_is_known() -> None:
    item = transfer(TransferState.ACCEPTED, withdrawal_id="w-1")
    _, _, _, asked = live(item, Rules(), absent, until_ns=T0 + 60 * SECOND_NS)
    assert {kind for kind, _ in asked} == {"withdrawals"}


@settings(max_examples=200, deadline=None)
@given(
    arrives_s=st.floats(0.0, 5.0),
    visible_s=st.floats(0.0, 3.0),
    slow=st.lists(st.floats(0.01, 20.0), min_size=1, max_size=20),
    finds_ended=st.booleans(),
    unanswered=st.lists(st.booleans(), min_size=1, max_size=9),
)
def test_what_arrived_is_never_proved_absent(
    arrives_s: float, visible_s: float, slow: list[float], finds_ended: bool,
    unanswered: list[bool],
) -> None:  # fmt: skip
    """It reaches the venue before its deadline, and is shown a while later; answers show the
    moment in which they were asked, and may take longer than the whole deadline."""
    shown_ns = T0 + round((arrives_s + visible_s) * SECOND_NS)
    count = 0

    def answer(kind: str, at_ns: int) -> tuple[int, bool | None]:
        nonlocal count
        count += 1
        took_ns = round(slow[count % len(slow)] * SECOND_NS)
        if unanswered[count % len(unanswered)]:
            return took_ns, None
        return took_ns, at_ns >= shown_ns

    _, question, _, _ = live(
        order(), Rules(finds_ended=finds_ended), answer, until_ns=T0 + 10 * BUDGET_NS
    )
    assert not isinstance(question, Resolve)
