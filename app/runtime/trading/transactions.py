"""Transactions: what the runtime does to the ledger, each function one whole transaction.

Composed of the ledger's own functions, so that a state, its money and what is told of them can
never differ (R7). Everything told to the engine is read back inside the transaction that wrote it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from app.domain.cycles import CycleState, CycleView, Outcome
from app.domain.facts import CycleDecided, CycleOpened
from app.domain.orders import ORDER_ENDS, Fill, Order
from app.domain.trading import DayResult, Purse
from app.domain.transfers import TRANSFER_ENDS, DepositReport, Transfer, TransferState
from app.ledger import cycles, intents, posting
from app.ledger.intents import VenueEvent
from app.ledger.queries import Connection

DayRow = tuple[DayResult, int, float | None]
"""The day, losses in a row, and the highest equity so far."""
LedgerFact = CycleOpened | CycleDecided


class Kept(NamedTuple):
    """What one commit has changed. day: where a cycle has ended."""

    view: CycleView
    purses: tuple[Purse, ...]
    day: DayRow | None = None


class Answer(NamedTuple):
    """What became of one fact. kept None: refused with `code`, or lost where code is None.

    stale: the fact was decided on an older version; `kept` is how things are now.
    """

    fact: LedgerFact
    kept: Kept | None
    code: str | None = None
    stale: bool = False


# Facts of the engine


def commit_facts(
    conn: Connection, mode: str, owner: str, lease_s: float, facts: Sequence[LedgerFact]
) -> list[Answer]:
    """In order."""
    return [
        _open(conn, mode, owner, lease_s, fact)
        if isinstance(fact, CycleOpened)
        else _decide(conn, mode, owner, fact)
        for fact in facts
    ]


def _open(conn: Connection, mode: str, owner: str, lease_s: float, fact: CycleOpened) -> Answer:
    """A commit whose outcome was not known may have gone through (H25): then it is ours."""
    found = cycles.owned(conn, mode, fact.cycle.id, owner)
    if found is None:
        opened = cycles.open_cycle(conn, mode, fact, owner, lease_s)
        if isinstance(opened, str):
            return Answer(fact, None, opened)
        found = opened
    return Answer(fact, kept(conn, mode, found))


def _decide(conn: Connection, mode: str, owner: str, fact: CycleDecided) -> Answer:
    """A decision on an older version loses; the engine gets what is there now instead."""
    view = cycles.decide(conn, mode, fact.decision, owner)
    if view is not None:
        return Answer(fact, kept(conn, mode, view))
    now = cycles.owned(conn, mode, fact.decision.cycle_id, owner)
    return Answer(fact, None if now is None else kept(conn, mode, now), stale=now is not None)


def kept(conn: Connection, mode: str, view: CycleView) -> Kept:
    """The last word of a transaction."""
    day = day_of(conn, mode) if has_ended(view) else None
    return Kept(view, posting.touched(conn, mode), day)


def day_of(conn: Connection, mode: str) -> DayRow:
    result, losses, peak_krw = cycles.day(conn, mode)
    return result, losses, None if peak_krw is None else float(peak_krw)


def has_ended(view: CycleView) -> bool:
    cycle = view.cycle
    return cycle.state is CycleState.COMPLETED or cycle.outcome is Outcome.NOTHING_DONE


# Answers of venues

Absorb = Callable[[Order], Order]
"""What an answer makes of the row as it is now; the same row where it changes nothing."""


def keep_order(
    conn: Connection,
    mode: str,
    client_id: str,
    absorb: Absorb,
    events: Sequence[VenueEvent] = (),
    fills: Sequence[Fill] = (),
) -> tuple[Order, Kept]:
    """What a venue said of an order, with its fills: read, changed and written as one."""
    cycle_id = _order(conn, mode, client_id).cycle_id
    cycles.lock(conn, mode, cycle_id)  # from here on the row stays as it is read
    order = _order(conn, mode, client_id)
    new = absorb(order)
    if new != order or events:
        done = intents.note_order(conn, mode, client_id, frozenset({order.state}), new, events)
        assert done, f"{client_id} changed under its own transaction"
    if fills:
        intents.post_fills(conn, mode, client_id, fills)
    return _order(conn, mode, client_id), kept(conn, mode, _view(conn, mode, cycle_id))


class Told(NamedTuple):
    """Of one order: what a venue's answer makes of it, and its trades."""

    client_id: str
    absorb: Absorb
    fills: Sequence[Fill]


def keep_orders(conn: Connection, mode: str, told: Sequence[Told]) -> list[tuple[Order, Kept]]:
    """Of many orders at once, as a start has them: one commit, all or none."""
    return [keep_order(conn, mode, each.client_id, each.absorb, (), each.fills) for each in told]


def _view(conn: Connection, mode: str, cycle_id: str) -> CycleView:
    found = cycles.view(conn, mode, cycle_id)
    assert found is not None, f"the ledger has no cycle {cycle_id}"
    return found


def _order(conn: Connection, mode: str, client_id: str) -> Order:
    found = intents.get_order(conn, mode, client_id)
    assert found is not None, f"the ledger has no order {client_id}"
    return found


def keep_transfer(
    conn: Connection,
    mode: str,
    client_id: str,
    absorb: Callable[[Transfer], Transfer],
    events: Sequence[VenueEvent] = (),
    deposit: DepositReport | None = None,
) -> tuple[Transfer, Kept]:
    """What a venue said of a transfer. What it credited, or gave back, is posted with it."""
    cycle_id = _transfer(conn, mode, client_id).cycle_id
    cycles.lock(conn, mode, cycle_id)
    transfer = _transfer(conn, mode, client_id)
    new = absorb(transfer)
    before = transfer.state
    arrived = False
    if new.state is TransferState.CREDITED and before is not TransferState.CREDITED:
        assert deposit is not None, "only a deposit credits"
        arrived = intents.credit(conn, mode, client_id, deposit, events)
    elif new.state is TransferState.RETURNED and before is not TransferState.RETURNED:
        number = new.withdrawal_id or client_id
        key = f"{number}:returned"
        amount, never_left = new.terms.amount, new.txid is None
        arrived = intents.returned(
            conn, mode, client_id, amount, key, events, never_left=never_left
        )
    elif new != transfer or events:
        done = intents.note_transfer(conn, mode, client_id, frozenset({before}), new, events)
        assert done, f"{client_id} changed under its own transaction"
        arrived = True
    if not arrived and new != transfer:
        # The sender has not named it yet, or the deposit is another's: it is asked about again.
        looked = replace(new, state=before, credited=None, credited_at_ns=None)
        intents.note_transfer(conn, mode, client_id, frozenset({before}), looked)
    return _transfer(conn, mode, client_id), kept(conn, mode, _view(conn, mode, cycle_id))


def _transfer(conn: Connection, mode: str, client_id: str) -> Transfer:
    found = intents.get_transfer(conn, mode, client_id)
    assert found is not None, f"the ledger has no transfer {client_id}"
    return found


def is_open(item: Order | Transfer) -> bool:
    """Something may still come of it."""
    if isinstance(item, Order):
        return not item.is_over
    return item.state not in TRANSFER_ENDS


def is_unsettled(item: Order | Transfer) -> bool:
    """Sent, and neither proved to be there nor proved to be over."""
    if isinstance(item, Order):
        return item.state not in ORDER_ENDS or not item.is_over
    return item.state in {TransferState.SENT, TransferState.UNKNOWN}
