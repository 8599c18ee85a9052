"""Cycles: opened, claimed, decided about. Each function is one step that happens whole or not.

A cycle's version grows with every commit about it, whoever makes it, and its fence with every
claim. A decision is written only on the very version that it was made on and only by its owner.

Order of locks: trading_state, lease, cycle, intent, balances (by account), the day.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from app.domain.cycles import CycleState, CycleView, Decision, Outcome
from app.domain.facts import CycleOpened
from app.domain.times import SECOND_NS
from app.ledger import (
    bookings,
    clock,
    days,
    endings,
    intent_rows,
    journal,
    posting,
    rows,
    trading_state,
    transitions,
    views,
)
from app.ledger.endings import Residue
from app.ledger.trading_tables import arbitrage_cycles, dead_letter
from app.ledger.views import view

__all__ = [
    "DUPLICATE", "HALTED", "INSUFFICIENT", "Residue", "changed_since", "claim", "day", "decide",
    "open_cycle", "owned", "release", "renew", "touch", "view",
]  # fmt: skip

HALTED, DUPLICATE, INSUFFICIENT = "HALTED", "DUPLICATE", "INSUFFICIENT"
RETRIES_KEPT = 50

day = days.day

# Made once: with SQLAlchemy, making a statement takes longer than running it.
_LOCK = views.ROW.with_for_update()
_TOUCH = (
    arbitrage_cycles.update()
    .where(arbitrage_cycles.c.id == sa.bindparam("named"))
    .values(version=arbitrage_cycles.c.version + 1)
)


def open_cycle(
    conn: sa.Connection, mode: str, fact: CycleOpened, owner: str, lease_s: float
) -> CycleView | str:
    """Reserve its money and write it down with its first orders; else why not.

    HALTED: nothing may begin now. DUPLICATE: this chance, or this number, is taken. INSUFFICIENT:
    there is less available than it needs, or it is frozen.
    """
    at_ns = clock.now_ns(conn)
    if not trading_state.may_open(trading_state.read(conn, mode, lock=True), at_ns):
        return HALTED
    if _is_known(conn, mode, fact):
        return DUPLICATE
    for taken in fact.reservations:
        if posting.is_frozen(conn, mode, taken.venue, taken.asset):
            return INSUFFICIENT
    try:
        with conn.begin_nested():
            _insert(conn, mode, fact, owner, at_ns, at_ns + round(lease_s * SECOND_NS))
    except posting.Overdrawn:
        return INSUFFICIENT
    except sa.exc.IntegrityError:
        if not _is_known(conn, mode, fact):
            raise
        return DUPLICATE
    return _present(conn, mode, fact.cycle.id)


def decide(conn: sa.Connection, mode: str, decision: Decision, owner: str) -> CycleView | None:
    """Write a decision down; None when it was made on another version or by another owner.

    Raises Residue for an ending that is none, and IntegrityError for a move that is not allowed:
    both are bugs of ours, and leave nothing behind.
    """
    row = _locked(conn, mode, decision.cycle_id)
    if row is None or row.closed_at_ns is not None:
        return None
    if row.owner != owner or row.version != decision.version:
        return None
    with conn.begin_nested():
        _apply(conn, mode, decision, row)
    return _present(conn, mode, decision.cycle_id)


def owned(conn: sa.Connection, mode: str, cycle_id: str, owner: str) -> CycleView | None:
    """The cycle as committed, if it is open and this owner's."""
    here = (arbitrage_cycles.c.id == cycle_id) & (arbitrage_cycles.c.owner == owner)
    open_ = arbitrage_cycles.c.closed_at_ns.is_(None) & (arbitrage_cycles.c.mode == mode)
    row = conn.execute(sa.select(arbitrage_cycles).where(here & open_)).first()
    return None if row is None else views.built(conn, mode, row)


def claim(
    conn: sa.Connection, mode: str, owner: str, lease_s: float, limit: int,
    states: Collection[CycleState] | None = None,
) -> list[CycleView]:  # fmt: skip
    """Take over cycles that nobody works on, oldest first; from now on only we decide on them.

    states: of those alone; None: of all.
    """
    at_ns = clock.now_ns(conn)
    table = arbitrage_cycles
    free = table.c.owner.is_(None) | (table.c.lease_until_ns < at_ns)
    if states is not None:
        free &= table.c.state.in_(sorted(states))
    query = (
        sa.select(table.c.id)
        .where(table.c.mode == mode, table.c.closed_at_ns.is_(None), free)
        .order_by(table.c.opened_at_ns, table.c.seq)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list(conn.scalars(query))
    for cycle_id in ids:
        values = {
            "owner": owner,
            "lease_until_ns": at_ns + round(lease_s * SECOND_NS),
            "fence": table.c.fence + 1,
            "version": table.c.version + 1,
        }
        still = table.c.closed_at_ns.is_(None) & free
        done = conn.execute(table.update().where((table.c.id == cycle_id) & still).values(values))
        assert done.rowcount == 1, f"{cycle_id} changed under our lock"
    found = [_present(conn, mode, cycle_id) for cycle_id in ids]
    for each in found:
        _note(conn, mode, each, at_ns, "CLAIMED", f"fence={each.cycle.fence} owner={owner}")
    return found


def renew(
    conn: sa.Connection, mode: str, owner: str, ids: Collection[str], lease_s: float
) -> set[str]:
    """Keep them for longer; which of them are still ours and open."""
    if not ids:
        return set()
    table = arbitrage_cycles
    which = (table.c.mode == mode) & table.c.id.in_(sorted(ids))
    ours = which & (table.c.owner == owner) & table.c.closed_at_ns.is_(None)
    held = set(
        conn.scalars(sa.select(table.c.id).where(ours).order_by(table.c.id).with_for_update())
    )
    if held:
        until_ns = clock.now_ns(conn) + round(lease_s * SECOND_NS)
        conn.execute(table.update().where(ours).values(lease_until_ns=until_ns))
    return held


def release(conn: sa.Connection, mode: str, owner: str, ids: Collection[str]) -> int:
    """Let others have them at once; how many were still ours."""
    if not ids:
        return 0
    table = arbitrage_cycles
    which = (table.c.mode == mode) & table.c.id.in_(sorted(ids)) & (table.c.owner == owner)
    free = {"owner": None, "lease_until_ns": None}
    return conn.execute(table.update().where(which).values(free)).rowcount


def changed_since(
    conn: sa.Connection, mode: str, owner: str, cursor: Mapping[str, int]
) -> tuple[tuple[str, ...], dict[str, int]]:
    """The open cycles of this owner whose version is not the cursor's, and the next cursor.

    By versions, not by the order of commits: what was committed late is never passed over.
    """
    table = arbitrage_cycles
    ours = (table.c.mode == mode) & (table.c.owner == owner) & table.c.closed_at_ns.is_(None)
    query = sa.select(table.c.id, table.c.version).where(ours).order_by(table.c.seq)
    now = {row.id: row.version for row in conn.execute(query)}
    return tuple(key for key, version in now.items() if cursor.get(key) != version), now


def lock(conn: sa.Connection, mode: str, cycle_id: str) -> rows.Fields:
    """The row of a cycle, held until this transaction ends."""
    row = _locked(conn, mode, cycle_id)
    assert row is not None, cycle_id
    return row


def touch(conn: sa.Connection, cycle_id: str) -> None:
    """Something about a (locked) cycle was committed: decisions made before it are void."""
    assert conn.execute(_TOUCH, {"named": cycle_id}).rowcount == 1


def _present(conn: sa.Connection, mode: str, cycle_id: str) -> CycleView:
    found = view(conn, mode, cycle_id)
    assert found is not None, cycle_id
    return found


def _locked(conn: sa.Connection, mode: str, cycle_id: str) -> rows.Fields | None:
    return conn.execute(_LOCK, {"named": cycle_id, "of": mode}).first()


def _is_known(conn: sa.Connection, mode: str, fact: CycleOpened) -> bool:
    table = arbitrage_cycles
    same = (table.c.mode == mode) & (table.c.dedupe == fact.dedupe)
    query = sa.select(table.c.seq).where(same | (table.c.id == fact.cycle.id)).limit(1)
    return conn.execute(query).first() is not None


def _insert(
    conn: sa.Connection, mode: str, fact: CycleOpened, owner: str, at_ns: int, until_ns: int
) -> None:
    cycle = fact.cycle
    assert cycle.state is CycleState.STARTED, cycle.state
    step = transitions.Step(mode, cycle.id, cycle.step, 1, 1, at_ns)
    transitions.add(conn, step, 1, transitions.NEW, cycle.state, "engine", cycle.reason or "")
    own = {name: getattr(cycle, name) for name in cycle.__struct_fields__}
    own |= {"version": 1, "fence": 1, "entered_at_ns": cycle.entered_at_ns or cycle.opened_at_ns}
    row = own | {
        "mode": mode,
        "owner": owner,
        "lease_until_ns": until_ns,
        "transitions": 1,
        "dedupe": fact.dedupe,
        "reserved": fact.reservations,
        "retry_history": (),
    }
    conn.execute(arbitrage_cycles.insert().values(row))
    lines = bookings.reservation(fact.reservations, cycle.id)
    posting.post(conn, mode, f"open:{cycle.id}", lines)
    intent_rows.plan(conn, mode, cycle.id, 1, fact.orders, (), at_ns)
    keys = journal.purse_keys(cycle.plan)
    journal.log_portfolio(conn, mode, cycle.id, journal.INITIAL, at_ns, keys)
    said = f"{cycle.strategy} {cycle.style} {cycle.base} {cycle.plan.notional_krw} KRW"
    journal.note(conn, mode, cycle.id, 1, at_ns, "OPENED", said)


def _apply(conn: sa.Connection, mode: str, decision: Decision, row: rows.Fields) -> None:
    at_ns = clock.now_ns(conn)
    version = row.version + 1
    step = transitions.Step(mode, row.id, decision.step, row.fence, version, at_ns)
    state, seq, history = row.state, row.transitions, list(row.retry_history)
    for move in decision.moves:
        seq += 1
        transitions.add(conn, step, seq, state, move.to, move.actor, move.reason)
        _note_letters(conn, mode, row, decision, seq, state, move.to, move.actor, at_ns)
        state = move.to
        if state is CycleState.AWAITING_RETRY:
            history.append(_retry(decision, row, move.reason, at_ns))
    outcome = decision.outcome or row.outcome
    is_end = _is_end(state, outcome)
    changes = _changes(decision, state, at_ns) | {
        "transitions": seq,
        "retry_history": tuple(history[-RETRIES_KEPT:]),
        "version": version,
        "closed_at_ns": at_ns if is_end else None,
    }
    here = (arbitrage_cycles.c.id == row.id) & (arbitrage_cycles.c.version == row.version)
    mine = (arbitrage_cycles.c.fence == row.fence) & (arbitrage_cycles.c.owner == row.owner)
    done = conn.execute(arbitrage_cycles.update().where(here & mine).values(changes))
    assert done.rowcount == 1, f"{row.id} changed under our lock"
    unwanted = None if is_end else decision.expire
    intent_rows.expire(conn, mode, row.id, unwanted, at_ns)
    planned = (decision.orders, decision.transfers)
    intent_rows.plan(conn, mode, row.id, row.fence, *planned, at_ns)
    ways = " ".join(move.to for move in decision.moves)
    said = decision.note or f"{ways} {decision.step}".strip()
    actor = decision.moves[-1].actor if decision.moves else "engine"
    journal.note(conn, mode, row.id, version, at_ns, "DECIDED", said, actor)
    if is_end:
        assert outcome is not None
        endings.end(conn, mode, _present(conn, mode, row.id), outcome, at_ns, decision.fees_krw)


def _is_end(state: CycleState, outcome: Outcome | None) -> bool:
    """COMPLETED always is; FAILED is where nothing was done."""
    if state is CycleState.COMPLETED:
        assert outcome is not None, "a completed cycle has an outcome"
        return True
    return state is CycleState.FAILED and outcome is not None


def _changes(decision: Decision, state: CycleState, at_ns: int) -> dict[str, Any]:
    """None in a decision leaves a field as it is; a time to retry ends with the waiting for it."""
    names = (
        "attempts", "retries", "next_attempt_at_ns", "wake_at_ns", "return_base", "compensating",
        "outcome", "reason", "pnl_krw", "fees_krw",
    )  # fmt: skip
    changes: dict[str, Any] = {"state": state, "step": decision.step}
    if decision.moves:
        changes["entered_at_ns"] = at_ns
        if state is not CycleState.AWAITING_RETRY:
            changes["next_attempt_at_ns"] = None
    told = {name: getattr(decision, name) for name in names}
    changes |= {name: value for name, value in told.items() if value is not None}
    if decision.actual:
        changes["actual"] = decision.actual
    if changes.get("reason"):
        changes["reason"] = rows.shown(changes["reason"], 400)
    return changes


def _retry(decision: Decision, row: rows.Fields, reason: str, at_ns: int) -> dict[str, Any]:
    """As seed 002 keeps them: what went wrong, and when it is tried again."""
    return {
        "attempt": row.attempts if decision.attempts is None else decision.attempts,
        "at_ns": at_ns,
        "error": reason or decision.reason or row.reason or "",
        "context": str(row.step),
        "next_attempt_at_ns": decision.next_attempt_at_ns,
    }


def _note_letters(
    conn: sa.Connection, mode: str, row: rows.Fields, decision: Decision, seq: int,
    was: CycleState, to: CycleState, actor: str, at_ns: int,
) -> None:  # fmt: skip
    """Into the dead letters, and out of them by a person."""
    if to is CycleState.DEAD_LETTER:
        attempts = row.attempts if decision.attempts is None else decision.attempts
        values = {
            "mode": mode, "cycle_id": row.id, "seq": seq, "attempts": attempts, "at_ns": at_ns,
            "reason": rows.shown(decision.reason or row.reason or "", 400),
        }  # fmt: skip
        conn.execute(dead_letter.insert().values(values))
    if was is CycleState.DEAD_LETTER:
        waits = (dead_letter.c.cycle_id == row.id) & dead_letter.c.resolved_at_ns.is_(None)
        said = rows.shown(decision.note or to, 400)
        values = {"resolved_at_ns": at_ns, "resolved_by": actor[:200], "resolution": said}
        conn.execute(dead_letter.update().where(waits).values(values))


def _note(
    conn: sa.Connection, mode: str, found: CycleView, at_ns: int, code: str, text: str
) -> None:
    cycle = found.cycle
    journal.note(conn, mode, cycle.id, cycle.version, at_ns, code, text)
