"""Transitions: a cycle's moves as a chain. Each names the one before it and carries its hash.

The database refuses what the table of moves does not know, what does not begin where the last one
ended, and what is there already; the hashes make visible what somebody edited later.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import msgspec
import sqlalchemy as sa

from app.domain.cycles import MOVES, CycleState, CycleStep
from app.ledger import rows
from app.ledger.columns import NOTE_CHARS
from app.ledger.trading_tables import transition

NEW = "NEW"
"""Where a cycle comes from that was not there before."""

ALLOWED: tuple[tuple[str, str], ...] = (
    (NEW, CycleState.STARTED),
    *((was, to) for was, ends in MOVES.items() for to in sorted(ends)),
)
"""The rows of allowed_transition."""

_ADD = transition.insert()
_HASH = sa.select(transition.c.hash).where(
    transition.c.cycle_id == sa.bindparam("of"), transition.c.seq == sa.bindparam("at")
)

_HASHED = (
    "cycle_id", "seq", "mode", "from_status", "to_status", "step", "fence", "version", "actor",
    "reason", "correlation_id", "at_ns", "prev_hash",
)  # fmt: skip


class Step(msgspec.Struct, frozen=True):
    """What is the same for all moves of one commit."""

    mode: str
    cycle_id: str
    step: CycleStep
    fence: int
    version: int
    at_ns: int


def add(
    conn: sa.Connection, step: Step, seq: int, was: str, to: CycleState, actor: str, reason: str
) -> None:
    """The move number `seq`. Raises IntegrityError where the database does not allow it."""
    before = "" if seq == 1 else _hash_of(conn, step.cycle_id, seq - 1)
    values: dict[str, Any] = {
        "cycle_id": step.cycle_id,
        "seq": seq,
        "prev_seq": None if seq == 1 else seq - 1,
        "mode": step.mode,
        "from_status": was,
        "to_status": to,
        "step": step.step,
        "fence": step.fence,
        "version": step.version,
        "actor": rows.shown(actor, NOTE_CHARS // 2),
        "reason": rows.shown(reason, NOTE_CHARS),
        "correlation_id": step.cycle_id,
        "at_ns": step.at_ns,
        "prev_hash": before,
    }
    conn.execute(_ADD, values | {"hash": digest(values)})


def digest(values: Any) -> str:
    """The seal of a move over all that it says, and over the one before it."""
    said = json.dumps([str(values[name]) for name in _HASHED], ensure_ascii=False)
    return hashlib.sha256(said.encode()).hexdigest()


def broken(moves: Iterable[Any]) -> str | None:
    """What is wrong with a cycle's moves, in their order; None when they hold together."""
    state, fence, seal = NEW, 0, ""
    for seq, move in enumerate(moves, 1):
        if move["seq"] != seq or move["from_status"] != state:
            return f"move {move['seq']}: does not follow {state}"
        if (move["from_status"], move["to_status"]) not in ALLOWED:
            return f"move {seq}: {move['from_status']} → {move['to_status']} is not allowed"
        if move["fence"] < fence:
            return f"move {seq}: fence {move['fence']} after {fence}"
        if move["prev_hash"] != seal or move["hash"] != digest(move):
            return f"move {seq}: was edited"
        state, fence, seal = move["to_status"], move["fence"], move["hash"]
    return None


def _hash_of(conn: sa.Connection, cycle_id: str, seq: int) -> str:
    found: str = conn.execute(_HASH, {"of": cycle_id, "at": seq}).scalar_one()
    return found
