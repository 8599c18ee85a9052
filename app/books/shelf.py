"""Shelf: the books of one connection, each fed with what belongs to it."""

from __future__ import annotations

from typing import NamedTuple

from app.books.alignment import Connection, Verdict
from app.books.book import Book, Break, Flaw
from app.books.ladder import LEVELS_MAX
from app.domain.markets import Alignment, BookDelta, BookSnapshot, Counted, Instrument

Key = tuple[Instrument, Alignment]
"""One instrument may be read over two channels at once, which do not mix."""


class Turn(NamedTuple):
    """What a message did to one book. broke: it was valid until this message."""

    instrument: Instrument
    book: Book
    verdict: Verdict
    broke: bool


class Shelf:
    """Books appear with their first message."""

    def __init__(self, *, levels_max: int = LEVELS_MAX, texts: bool = False) -> None:
        self.books: dict[Key, Book] = {}
        self._connection = Connection()
        self._levels_max = levels_max
        self._texts = texts

    def take(self, message: BookSnapshot | BookDelta) -> Turn:
        """Raises ValueError for levels that are none."""
        key = message.instrument, message.alignment
        book = self.books.get(key)
        if book is None:
            book = Book(message.alignment, levels_max=self._levels_max, texts=self._texts)
            self.books[key] = book
        before = book.broken
        if isinstance(message, BookSnapshot):
            verdict = book.snapshot(message)
        else:
            verdict = book.delta(message)
        broke = book.broken is not None and book.broken is not before
        return Turn(message.instrument, book, verdict, broke)

    def count(self, message: Counted) -> tuple[Verdict, list[Turn]]:
        """Before the events of the message: stale → they are to be dropped; gap → these broke."""
        expected = self._connection.number + 1
        verdict = self._connection.judge(message.number)
        turns: list[Turn] = []
        if verdict is Verdict.GAP:
            for (instrument, alignment), book in self.books.items():
                if alignment is Alignment.COUNTED and book.broken is None:
                    book.invalidate(Break(Flaw.CONNECTION, expected, message.number))
                    turns.append(Turn(instrument, book, verdict, book.broken is not None))
        return verdict, turns
