"""Rack: the live books of all venues, each in a row of the same memory."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from app.books import tops
from app.books.alignment import RULES
from app.books.apply import SCRATCH
from app.books.book import Book
from app.books.tops import TOPS, Cell
from app.domain.markets import Alignment, Instrument

ROWS_MAX = 4_096
LEVELS_ROOM = 1 << 25
"""Floats for levels: 2,000 of the deepest books. Only what is used costs memory."""


class RackFull(Exception):
    """More books than the rack has room for: a limit of ours, named in the text."""


class Rack:
    """Rows do not move; a removed one is used again. Scanners write the same memory as books."""

    def __init__(self, rows_max: int = ROWS_MAX) -> None:
        self.tops = np.zeros(rows_max, TOPS)
        # The first floats are the scanners' scratch: 4 · SCRATCH.
        self.levels = np.empty(LEVELS_ROOM)
        self._used = 4 * SCRATCH
        self._freed: dict[int, list[int]] = {}  # starts of free places by their levels_max
        self._books: dict[int, Book] = {}
        self._rows: dict[Instrument, int] = {}
        self._instruments: dict[int, Instrument] = {}
        self._next_row = 0
        self._free_rows: list[int] = []

    def add(self, instrument: Instrument, alignment: Alignment, levels_max: int) -> int:
        """A row with a new book; one that has this instrument already is replaced.

        Raises RackFull.
        """
        if instrument in self._rows:
            self.remove(self._rows[instrument])
        if len(self._books) == len(self.tops):
            raise RackFull(f"more than {len(self.tops)} books at once")
        start = self._room_for(levels_max)
        row = self._free_rows.pop() if self._free_rows else self._next_row
        self._next_row = max(self._next_row, row + 1)
        cell = Cell(self.tops, row, self.levels)
        tops.clear(cell, RULES[alignment], start, levels_max)
        self._books[row] = Book(alignment, cell=cell)
        self._rows[instrument] = row
        self._instruments[row] = instrument
        return row

    def remove(self, row: int) -> None:
        """Its record shows an invalid book from now on."""
        record = self.tops[row]
        levels_max = int(record["levels_max"])
        self._freed.setdefault(levels_max, []).append(int(record["start"]))
        del self._rows[self._instruments.pop(row)], self._books[row]
        self._free_rows.append(row)
        version = int(record["version"])
        record.fill(0)
        record["version"] = version + 1

    def row(self, instrument: Instrument) -> int | None:
        return self._rows.get(instrument)

    def book(self, row: int) -> Book:
        return self._books[row]

    def instrument(self, row: int) -> Instrument:
        return self._instruments[row]

    def rows(self) -> Iterable[int]:
        return self._books.keys()

    def settle(self, row: int) -> None:
        """After anything that happened to the book of this row: show it."""
        tops.settle(self.tops, self.levels, row)

    def _room_for(self, levels_max: int) -> int:
        if self._freed.get(levels_max):
            return self._freed[levels_max].pop()
        start, end = self._used, self._used + 4 * levels_max
        if end > LEVELS_ROOM:
            raise RackFull(f"more than {LEVELS_ROOM} floats of levels")
        self._used = end
        return start
