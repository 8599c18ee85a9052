"""History: what the database says of who did what, and what must hold of it. Pure but `read`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from app.domain.cycles import CycleState
from app.ledger import audit, trading_tables
from app.ledger.database import Database

MODE = "drill"
Row = dict[str, Any]


@dataclass
class History:
    """Rows as they stand in the ledger's tables, in order."""

    cycles: list[Row] = field(default_factory=list)
    moves: list[Row] = field(default_factory=list)
    journal: list[Row] = field(default_factory=list)
    letters: list[Row] = field(default_factory=list)
    intents: list[Row] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)

    @property
    def claims(self) -> Counter[str]:
        """By owner."""
        return Counter(owner for _, _, owner in _claims(self))

    @property
    def tries(self) -> int:
        return sum(_is_try(move) for move in self.moves)


async def history_of(url: str) -> History:
    db = Database.open(url)
    try:
        return await db.read(read)
    finally:
        await db.close()


def read(conn: sa.Connection) -> History:
    def rows(table: sa.Table, *order: str) -> list[Row]:
        found = conn.execute(sa.select(table).order_by(*(table.c[name] for name in order)))
        return [dict(row._mapping) for row in found]

    return History(
        rows(trading_tables.arbitrage_cycles, "seq"),
        rows(trading_tables.transition, "cycle_id", "seq"),
        rows(trading_tables.cycle_journal, "id"),
        rows(trading_tables.dead_letter, "id"),
        rows(trading_tables.intent, "id"),
        [str(breach) for breach in audit.check(conn, MODE)],
    )


def judged(found: History, *, retries: int) -> list[str]:
    """What is amiss; [] where each cycle was handled once and given up once."""
    return [
        *found.breaches,
        *_one_owner_at_a_time(found),
        *_each_step_once(found),
        *_tries(found, retries),
        *_letters(found, retries),
    ]


def _one_owner_at_a_time(found: History) -> Iterator[str]:
    """A fence is claimed once; what is decided under it comes before the next one is."""
    by_fence: dict[tuple[str, int], list[str]] = defaultdict(list)
    for cycle_id, fence, owner in _claims(found):
        by_fence[cycle_id, fence].append(owner)
    for (cycle_id, fence), owners in by_fence.items():
        if len(owners) > 1:
            yield f"{cycle_id}: fence {fence} was claimed by {', '.join(owners)}"
    for rows in _grouped(found.moves).values():
        fences = [row["fence"] for row in rows]
        if fences != sorted(fences):
            yield f"{rows[0]['cycle_id']}: decided under fences {fences}"


def _each_step_once(found: History) -> Iterator[str]:
    """A version is decided on once, and an intent stands for one step and attempt."""
    decided = Counter(
        (row["cycle_id"], row["version"]) for row in found.journal if row["code"] == "DECIDED"
    )
    for (cycle_id, version), count in decided.items():
        if count > 1:
            yield f"{cycle_id}: version {version} was decided {count} times"
    names = Counter(row["client_id"] for row in found.intents)
    yield from (f"{name} stands {count} times" for name, count in names.items() if count > 1)
    steps = Counter(
        (row["cycle_id"], row["kind"], row["step"], row["attempt"])
        for row in found.intents
        if row["kind"] == "transfer"
    )
    yield from (f"{step} was planned {count} times" for step, count in steps.items() if count > 1)


def _tries(found: History, retries: int) -> Iterator[str]:
    """Counted when they begin: as many as are counted, each once, never more than allowed."""
    begun = Counter(move["cycle_id"] for move in found.moves if _is_try(move))
    noted: dict[str, list[str]] = defaultdict(list)
    for row in found.journal:
        if row["code"] == "DECIDED" and row["note"].startswith("TRY "):
            noted[row["cycle_id"]].append(row["note"])
    for cycle in found.cycles:
        name, attempts = cycle["id"], cycle["attempts"]
        if begun[name] != attempts or attempts > retries:
            yield f"{name}: {begun[name]} tries begun, {attempts} counted"
        if noted[name] != [f"TRY {number}" for number in range(1, attempts + 1)]:
            yield f"{name}: tries {noted[name]}"


def _letters(found: History, retries: int) -> Iterator[str]:
    """One alert hangs on each row: one row for each time that automation gave up, after all
    tries."""
    given_up = [move for move in found.moves if move["to_status"] == CycleState.DEAD_LETTER]
    wanted = Counter((move["cycle_id"], move["seq"]) for move in given_up)
    there = Counter((row["cycle_id"], row["seq"]) for row in found.letters)
    if wanted != there:
        yield f"dead letters {sorted(there)} for moves {sorted(wanted)}"
    for name, count in Counter(row["cycle_id"] for row in found.letters).items():
        if count != 1:
            yield f"{name}: {count} dead letters"
    for row in found.letters:
        if row["attempts"] != retries:
            yield f"{row['cycle_id']}: given up after {row['attempts']} tries"


def _claims(found: History) -> Iterator[tuple[str, int, str]]:
    for row in found.journal:
        if row["code"] == "CLAIMED":
            fence, owner = row["note"].split()
            yield row["cycle_id"], int(fence.partition("=")[2]), owner.partition("=")[2]


def _grouped(rows: Iterable[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["cycle_id"]].append(row)
    return groups


def _is_try(move: Row) -> bool:
    back = move["from_status"], move["to_status"]
    return back == (CycleState.AWAITING_RETRY, CycleState.AWAITING_REBALANCE)
