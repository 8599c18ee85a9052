"""Tops: one record per live book: what decisions read, and what orders its messages."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from app.books.alignment import NONE, Rule, State
from app.books.compiled import compiled
from app.books.ladder import ASKS, BIDS, TOP, Floats, Ladder, top

Records = npt.NDArray[Any]
"""One-dimensional, of dtype TOPS."""

TOPS = np.dtype(
    [
        # What decisions read. Row 0 bids, row 1 asks; best first; only `counts` of them hold.
        ("prices", "f8", (2, TOP)),
        ("quantities", "f8", (2, TOP)),
        ("counts", "i8", (2,)),
        ("valid", "i8"),  # 1: whole, aligned, not crossed
        ("sequence", "i8"),  # as the venue counts, NONE where it does not
        ("received_ns", "i8"),  # of the last message that applied
        ("exchange_ns", "i8"),  # the venue's clock at it, 0 where it does not say
        ("version", "i8"),  # +1 whenever anything of the above changed
        # The book behind it: its alignment, and where its ladder lies in the memory of levels.
        ("state", "i8", (2,)),  # a State, and what orders its messages
        ("held", "i8", (2,)),  # levels of the ladder
        ("horizon", "f8", (2,)),
        ("start", "i8"),
        ("levels_max", "i8"),
        ("restarts", "i8"),
        ("keeps", "i8"),
        ("next", "i8"),
    ],
    align=True,
)


class Cell(NamedTuple):
    """Where one book lives: its record, and the memory of its levels (4 · levels_max floats)."""

    tops: Records
    row: int
    levels: Floats

    def ladder(self) -> Ladder:
        record = self.tops[self.row]
        start, room = int(record["start"]), int(record["levels_max"])
        return Ladder(
            self.levels[start : start + 4 * room].reshape(2, room, 2),
            self.tops["held"][self.row],
            self.tops["horizon"][self.row],
        )


def clear(cell: Cell, rule: Rule, start: int, levels_max: int) -> None:
    """A new book without a level. Its version goes on where the place's last book ended."""
    record = cell.tops[cell.row]
    version = int(record["version"]) + 1
    record.fill(0)
    record["version"] = version
    record["state"] = State.WAITING, NONE
    record["sequence"] = NONE
    record["horizon"] = -np.inf
    record["start"], record["levels_max"] = start, levels_max
    record["restarts"], record["keeps"], record["next"] = rule


def alone(rule: Rule, levels_max: int) -> Cell:
    """The cell of a book that no rack holds."""
    cell = Cell(np.zeros(1, TOPS), 0, np.empty(4 * levels_max))
    clear(cell, rule, 0, levels_max)
    return cell


@compiled
def ladder_of(tops: Records, levels: Floats, row: int) -> Ladder:
    """The ladder of a row, as `Cell.ladder` gives it."""
    start, room = tops[row].start, tops[row].levels_max
    return Ladder(
        levels[start : start + 4 * room].reshape((2, room, 2)),
        tops[row].held,
        tops[row].horizon,
    )


@compiled
def settle(tops: Records, levels: Floats, row: int) -> None:
    """Show the best levels of the ladder, and whether they may decide anything."""
    record = tops[row]
    ladder = ladder_of(tops, levels, row)
    for side in (BIDS, ASKS):
        record.counts[side] = top(ladder, side, record.prices[side], record.quantities[side])
    valid = record.state[0] == State.VALID.value
    if record.counts[BIDS] > 0 and record.counts[ASKS] > 0:
        valid = valid and record.prices[BIDS, 0] < record.prices[ASKS, 0]
    record.valid = 1 if valid else 0
    record.version += 1
