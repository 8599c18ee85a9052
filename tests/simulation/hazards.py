"""Hazards: H1 to H68 of the reliability book, each with how a seed is seen to have met it.

A hazard that no seed of a long run has met is a hole in the simulation: the run fails.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from app.domain.cycles import CycleState, CycleView
from app.domain.orders import Order, OrderState, Role
from app.domain.transfers import Transfer, TransferState
from app.domain.venues import Venue
from app.ledger.queries import Connection
from app.ledger.trading_tables import transition
from app.simulator.terms import TERMS
from tests.simulation.store import SECOND, leg

Met = Counter[str]


class Elsewhere(NamedTuple):
    """Not here; why, and the test that meets it instead: file::function."""

    why: str
    test: str


ELSEWHERE = {
    38: Elsewhere(
        "one account at each venue: no transfer stays inside one",
        "tests/exchanges/accounts/test_no_shortcuts.py::test_upbit_is_told_which_kind_it_is",
    ),
    53: Elsewhere(
        "no decision of trading reads Redis; it carries prices to browsers only",
        "tests/runtime/trading/test_without_redis.py::test_no_room_of_trading_knows_redis",
    ),
    56: Elsewhere(
        "waiting inside a transaction needs a server",
        "tests/ledger/test_waiting.py::test_mariadb_sees_what_was_committed_meanwhile",
    ),
    64: Elsewhere(
        "one release at a time plays here",
        "tests/ledger/test_old_rows.py::"
        "test_every_state_and_step_is_read_as_it_was_after_the_upgrade",
    ),
    65: Elsewhere(
        "nobody puts an older database back here; a start finds what it has forgotten",
        "tests/runtime/trading/test_strangers.py::"
        "test_orders_that_the_ledger_has_forgotten_block_all_that_is_new",
    ),
    66: Elsewhere(
        "one mode at a time plays here",
        "tests/ledger/test_modes.py::test_what_one_mode_has_planned_no_other_sends_or_sees",
    ),
}
ANSWERS = ("keep_order", "keep_transfer")
LEGS = ("", SECOND)
ABSENT = frozenset({OrderState.REJECTED, OrderState.EXPIRED, OrderState.NOT_PLACED})


def look(conn: Connection, views: list[CycleView], met: Met) -> Met:
    """What the rows of a seed tell beside what went wrong on purpose."""
    found: Met = Counter()
    for view in views:
        for order in view.orders:
            _order(order, found)
        for transfer in view.transfers:
            _transfer(transfer, found)
        cycle = view.cycle
        found["attempts"] += cycle.attempts > 0
        found["compensating"] += cycle.compensating
        found["completed"] += cycle.state is CycleState.COMPLETED
        found["clicked open"] += met["clicked"] > 0
        found["compensation failed"] += cycle.compensating and cycle.attempts > 1
    rows = conn.execute(transition.select()).all()
    found["took over"] += any(row.fence > 1 for row in rows)
    return found


def _order(order: Order, found: Met) -> None:
    late = leg(order)
    found[f"{late}order {order.state}"] += 1
    sources = [each.source for each in order.evidence]
    unsure = any(e.source == "place" and e.found is None for e in order.evidence)
    found[f"{late}order unsure"] += unsure
    found["cancel asked"] += "cancel" in sources
    found["cancel raced"] += "cancel" in sources and order.filled_quantity > 0
    found["cancel unanswered"] += any(
        e.source == "cancel" and e.note not in {"accepted", ""} for e in order.evidence
    )
    found["part"] += 0 < order.filled_quantity < order.terms.quantity
    frees = TERMS[order.venue.value].ids in {"open", "free"}
    found["freed id"] += unsure and frees and order.state is OrderState.FILLED
    found["burned id"] += unsure and order.venue in {Venue.UPBIT, Venue.BITHUMB}
    found["fee in base"] += any(f.asset == order.terms.instrument.base for f in order.fees)
    until = order.valid_until_ns or 0
    looked = [e.found for e in order.evidence if e.source in {"by_id", "list"}]
    found[f"{late}not found, then found"] += False in looked and True in looked
    unfilled = order.state in ABSENT or order.filled_quantity == 0
    found["compensation failed"] += order.role is Role.COMPENSATION and unfilled and order.is_over
    found["read across"] += any(
        e.found is False and e.asked_at_ns < until < e.answered_at_ns + 3 * 10**9
        for e in order.evidence
    )
    found["long unknown"] += any(e.source == "operator" for e in order.evidence)


def _transfer(transfer: Transfer, found: Met) -> None:
    found[f"transfer {transfer.state}"] += 1
    unsure = any(e.source == "place" and e.found is None for e in transfer.evidence)
    found["transfer unsure"] += unsure
    found["tagged"] += bool(transfer.terms.tag)
    known = transfer.credited is not None and transfer.credited != transfer.terms.amount
    found["amount differs"] += known
    held = {TransferState.NEEDS_OPERATOR, TransferState.AWAITING_VENUE}
    found["held"] += transfer.state in held or bool(transfer.code)
    found["deposit unseen"] += any(
        e.source == "deposits" and e.found is False for e in transfer.evidence
    )


def _any(met: Met, *starts: str) -> bool:
    return any(count > 0 and key.startswith(starts) for key, count in met.items())


def _crash(*places: str) -> Callable[[Met], bool]:
    return lambda met: _any(met, *(f"crash {place}" for place in places))


def _has(*names: str) -> Callable[[Met], bool]:
    return lambda met: any(met[name] > 0 for name in names)


_leg: dict[int, Callable[[Met], bool]] = {
    6: _has("order EXPIRED", "second order EXPIRED"),
    7: _crash("committed claim_", "committed second claim_", "send", "second send"),
    8: _has("request_lost act", "answer_lost order"),
    9: _has("late"),
    10: _has("error_after"),
}
HAZARDS: dict[int, Callable[[Met], bool]] = {
    1: _crash("begin commit_facts", "commit commit_facts"),
    2: _has("DUPLICATE"),
    3: _has("silence"),
    4: _has("wrong_balance"),
    5: _has("HALTED"),
    **_leg,
    11: _has("freed id"),
    12: _has("burned id"),
    13: _has("unlisted"),
    14: _has("read across"),
    15: _has("LOST", "NO_LEASE", "NOT_PLANNED"),
    16: _has("pause"),
    17: _has("order REJECTED"),
    18: _has("part"),
    19: _has("cancel raced"),
    20: _has("cancel unanswered"),
    21: _has("stream before the answer"),
    22: _has("stream_twice", "stream_lost", "stream_late"),
    23: _has("fee in base"),
    24: lambda met: _any(met, *(f"rolled back {each}{name}" for name in ANSWERS for each in LEGS)),
    25: lambda met: _any(met, "commit unknown"),
    26: _has("second order REJECTED", "second order NOT_PLACED", "halt"),
    27: _has("compensation failed"),
    28: _has("transfer unsure"),
    29: _has("answer_lost withdraw"),
    30: _has("held", "withdraw_hold", "consent"),
    31: _has("transfer RETURNED", "withdraw_reject", "deposit_return"),
    32: _has("tagged"),
    33: _has("deposit_hold"),
    34: _has("amount differs"),
    35: _has("deposit unseen"),
    36: _has("manual_deposit"),
    37: _has("wallet"),
    39: _has("second order EXPIRED"),
    40: _crash("committed second claim_order", "second send"),
    41: _has("second order unsure"),
    42: _has("second late"),
    43: _has("second error_after"),
    44: _has("second not found, then found"),
    45: _has("second order NOT_PLACED", "second order REJECTED"),
    46: _has("pause committed second claim_order", "pause second send", "pause second sent"),
    47: _has("commit unknown second keep_order", "rolled back second keep_order"),
    48: _crash("begin commit_facts", "commit commit_facts", "committed commit_facts"),
    49: _has("completed"),
    50: _has("claimed"),
    51: _has("took over"),
    52: _has("an hour off"),
    54: _has("database_away"),
    55: _has("database_busy"),
    57: _has("limited", "banned"),
    58: _has("key"),
    59: _has("page", "maintenance"),
    60: lambda met: _any(met, "crash "),
    61: _has("bug"),
    62: lambda met: _any(met, "rolled back"),
    63: _has("attempts"),
    67: _has("manual_order"),
    68: _has("clicked twice"),
}


def of(met: Met) -> set[int]:
    """Those that this seed has met."""
    return {number for number, was_met in HAZARDS.items() if was_met(met)}
