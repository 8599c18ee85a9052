"""Questions: what to ask a venue next about an order or a transfer, until there is proof.

A timeout is no answer and an absence is no proof by itself. What has become of something sent is
known only from the venue, and that it never arrived only so (R5):

| needed for NOT_PLACED | why |
|---|---|
| reads that STARTED after valid_until + margin | one that began earlier may miss a late arrival |
| from two sources | one list may lag, one index may forget |
| twice, a while apart, agreeing | what is accepted is not shown at once |
| answers, of a venue that answers | an outage looks like nothing |

By-id reads prove nothing at venues that forget ended orders; there it is the list and the fills.
A cancel's answer never tells what was filled; a final state is only complete when the posted fills
make it up. Nothing here ever sends anything twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from app.domain.orders import ORDER_ENDS, Evidence, Order, OrderState
from app.domain.times import MINUTE_NS, SECOND_NS
from app.domain.transfers import Transfer, TransferState

NEVER = 2**62
ANSWER_NS = 10 * SECOND_NS
"""So long the one who sent it may still write down the answer himself."""
MARGIN_NS = 4 * SECOND_NS
"""Over the deadline of a request: skew of both clocks and the way to the matching engine."""
PASS_NS = 5 * SECOND_NS
PASS_NO_ID_NS = 30 * SECOND_NS
"""Between two passes about a withdrawal that has no id: lists are slower than books."""
BUDGET_NS = 10 * MINUTE_NS
"""What is unknown for longer is a question for a person; asking goes on, slowly."""
SLOW_NS = MINUTE_NS
PAUSES_NS = (0, SECOND_NS, 2 * SECOND_NS, 3 * SECOND_NS, 5 * SECOND_NS, 10 * SECOND_NS)
BY_ID, LIST, FILLS, CANCEL = "by_id", "list", "fills", "cancel"
WITHDRAWALS, DEPOSITS, OPERATOR, STREAM = "withdrawals", "deposits", "operator", "stream"
NO_ID = "N"


class IdRules(Protocol):
    """What a venue's client ids are worth; `app.exchanges.accounts.contract.Rules` is one."""

    @property
    def orders(self) -> str: ...

    @property
    def withdrawals(self) -> str: ...

    @property
    def window_ms(self) -> int: ...

    @property
    def finds_ended(self) -> bool: ...


class Wait(NamedTuple):
    """Nothing to ask before then, unless something is heard."""

    until_ns: int


class Ask(NamedTuple):
    """kind: by_id, list, fills of an order; withdrawals, deposits of a transfer. Its answer is
    committed as Evidence with this word as its source."""

    kind: str


class Resolve(NamedTuple):
    """Proved: what it has become. note: by what."""

    state: OrderState | TransferState
    note: str


class Operator(NamedTuple):
    """Only a person can find out. Told once: it is to be committed as Evidence `operator`."""

    code: str


Question = Wait | Ask | Resolve | Operator


def next_question(
    item: Order | Transfer, rules: IdRules, now_ns: int, venue_healthy: bool
) -> Question:
    """Pure. Asked whenever something about the item was committed, and when a Wait is over."""
    if isinstance(item, Order):
        return _of_order(item, rules, now_ns, venue_healthy)
    return _of_transfer(item, rules, now_ns, venue_healthy)


# Orders


def _of_order(order: Order, rules: IdRules, now_ns: int, healthy: bool) -> Question:
    if order.state is OrderState.PLANNED or order.is_over:
        return Wait(NEVER)
    sent_ns = order.signed_at_ns or order.planned_at_ns
    if order.state is OrderState.SENT and now_ns < sent_ns + ANSWER_NS:
        return Wait(sent_ns + ANSWER_NS)
    if order.state in ORDER_ENDS:
        return _budgeted("FILLS_MISSING", (FILLS, BY_ID), order.evidence, sent_ns, now_ns)
    if order.state in {OrderState.OPEN, OrderState.PARTIALLY_FILLED}:
        asked = _asked_after_cancel(order)
        if asked is not None:
            return asked
        kinds = (BY_ID,) if _shows(order.evidence, rules) else (BY_ID, LIST, FILLS)
        return _budgeted("ORDER_OPEN", kinds, order.evidence, sent_ns, now_ns)
    # UNKNOWN, or SENT by somebody who is not there any more.
    sources = (BY_ID, LIST) if rules.finds_ended else (LIST, FILLS)
    deadline_ns = _deadline(order.valid_until_ns, sent_ns, rules)
    if any(each.found and each.source != FILLS for each in order.evidence):
        return _budgeted("ORDER_UNKNOWN", (BY_ID, LIST), order.evidence, sent_ns, now_ns)
    absent = _absence(order.evidence, sources, deadline_ns, PASS_NS, now_ns, healthy)
    if absent is None:
        return Resolve(OrderState.NOT_PLACED, f"absent twice from {' and '.join(sources)}")
    return _unresolved("ORDER_UNKNOWN", absent, order.evidence, deadline_ns, now_ns)


def _shows(evidence: Sequence[Evidence], rules: IdRules) -> bool:
    """Whether its id still finds it."""
    last = [each.found for each in evidence if each.source == BY_ID][-1:]
    return rules.finds_ended and last != [False]


def _asked_after_cancel(order: Order) -> Ask | None:
    cancels = [each.answered_at_ns for each in order.evidence if each.source == CANCEL]
    if not cancels:
        return None
    reads = [each.asked_at_ns for each in order.evidence if each.source in {BY_ID, LIST}]
    return Ask(BY_ID) if max(reads, default=0) < cancels[-1] else None


# Transfers


def _of_transfer(transfer: Transfer, rules: IdRules, now_ns: int, healthy: bool) -> Question:
    state, evidence = transfer.state, transfer.evidence
    if state is TransferState.PLANNED or transfer.is_over:
        return Wait(NEVER)
    sent_ns = transfer.signed_at_ns or transfer.planned_at_ns
    if state is TransferState.SENT and now_ns < sent_ns + ANSWER_NS:
        return Wait(sent_ns + ANSWER_NS)
    unheard = transfer.withdrawal_id is None and transfer.txid is None
    if unheard and state in {
        TransferState.SENT, TransferState.UNKNOWN, TransferState.NEEDS_OPERATOR,
    }:  # fmt: skip
        deadline_ns = _deadline(transfer.valid_until_ns, sent_ns, rules)
        apart_ns = PASS_NO_ID_NS if rules.withdrawals == NO_ID else PASS_NS
        sources = (WITHDRAWALS, DEPOSITS)
        absent = _absence(evidence, sources, deadline_ns, apart_ns, now_ns, healthy)
        if absent is None:
            return Resolve(TransferState.NOT_PLACED, "absent twice at sender and receiver")
        return _unresolved("WITHDRAWAL_UNKNOWN", absent, evidence, deadline_ns, now_ns)
    code = "WITHDRAWAL_HELD"
    if state in {TransferState.ON_CHAIN, TransferState.HELD}:
        code = "DEPOSIT_LATE" if state is TransferState.ON_CHAIN else "DEPOSIT_HELD"
    kinds = (WITHDRAWALS,) if transfer.txid is None else (WITHDRAWALS, DEPOSITS)
    due_ns = max(transfer.expected_at_ns or 0, sent_ns) + BUDGET_NS
    if now_ns >= due_ns and not _told(evidence, code):
        return Operator(code)
    pause_ns = min(max((now_ns - sent_ns) // 10, 2 * SECOND_NS), 30 * SECOND_NS)
    return _in_turn(kinds, evidence, pause_ns, now_ns)


# Proof of absence


class _Due(NamedTuple):
    kind: str
    at_ns: int


def _deadline(valid_until_ns: int | None, sent_ns: int, rules: IdRules) -> int:
    """From when on an absence may count."""
    until_ns = sent_ns + rules.window_ms * 1_000_000 if valid_until_ns is None else valid_until_ns
    return until_ns + MARGIN_NS


def _absence(
    evidence: Sequence[Evidence],
    sources: tuple[str, ...],
    deadline_ns: int,
    apart_ns: int,
    now_ns: int,
    healthy: bool,
) -> _Due | None:
    """None: proved. Else what is missing in the proof, and from when on it may be asked."""
    first = _pass(evidence, sources, deadline_ns)
    since_ns = deadline_ns if first is None else first + apart_ns
    if first is not None and _pass(evidence, sources, since_ns) is not None and healthy:
        return None
    missing = [kind for kind in sources if _absent_since(evidence, kind, since_ns) is None]
    kind = min(missing or sources, key=lambda each: _last_asked(evidence, each))
    if now_ns < since_ns and first is None:
        # It may well be there already: whoever finds it early need not wait.
        early = min(sources, key=lambda each: _last_asked(evidence, each))
        return _Due(early, min(since_ns, _again(evidence, early)))
    return _Due(kind, max(since_ns, _again(evidence, kind)))


def _pass(evidence: Sequence[Evidence], sources: tuple[str, ...], since_ns: int) -> int | None:
    """When the first pass since then had asked all its sources; None: it is not whole."""
    found = [_absent_since(evidence, kind, since_ns) for kind in sources]
    known = [at_ns for at_ns in found if at_ns is not None]
    return max(known) if len(known) == len(sources) else None


def _absent_since(evidence: Sequence[Evidence], kind: str, since_ns: int) -> int | None:
    """When the first such question left that was answered with no."""
    return min(
        (each.asked_at_ns for each in evidence
         if each.source == kind and each.found is False and each.asked_at_ns >= since_ns),
        default=None,
    )  # fmt: skip


def _unresolved(
    code: str, due: _Due, evidence: Sequence[Evidence], deadline_ns: int, now_ns: int
) -> Question:
    if now_ns >= deadline_ns + BUDGET_NS and not _told(evidence, code):
        return Operator(code)
    return Ask(due.kind) if now_ns >= due.at_ns else Wait(due.at_ns)


# Turns


def _budgeted(
    code: str, kinds: tuple[str, ...], evidence: Sequence[Evidence], since_ns: int, now_ns: int
) -> Question:
    """Ask in turn, ever more slowly; a person is told once when it takes too long."""
    if now_ns >= since_ns + BUDGET_NS and not _told(evidence, code):
        return Operator(code)
    kind = min(kinds, key=lambda each: _last_asked(evidence, each))
    at_ns = _again(evidence, kind)
    return Ask(kind) if now_ns >= at_ns else Wait(at_ns)


def _in_turn(
    kinds: tuple[str, ...], evidence: Sequence[Evidence], pause_ns: int, now_ns: int
) -> Question:
    kind = min(kinds, key=lambda each: _last_asked(evidence, each))
    at_ns = _last_asked(evidence, kind) + pause_ns
    return Ask(kind) if now_ns >= at_ns else Wait(at_ns)


def _again(evidence: Sequence[Evidence], kind: str) -> int:
    """When the same may be asked once more: the more often it was, the later."""
    count = sum(each.source == kind for each in evidence)
    pause_ns = PAUSES_NS[count] if count < len(PAUSES_NS) else _slow(count)
    return _last_asked(evidence, kind) + pause_ns


def _slow(count: int) -> int:
    return min(PAUSES_NS[-1] * (count - len(PAUSES_NS) + 2), SLOW_NS)


def _last_asked(evidence: Sequence[Evidence], kind: str) -> int:
    return max((each.asked_at_ns for each in evidence if each.source == kind), default=0)


def _told(evidence: Sequence[Evidence], code: str) -> bool:
    return any(each.source == OPERATOR and each.note == code for each in evidence)
