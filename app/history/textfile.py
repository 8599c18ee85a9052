"""One uploaded file as text in one encoding: its layout, its chunks, its rows, one line of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

from app.history import decode, dialect, jsonrows, lines
from app.history.limits import LINE_BYTES_MAX
from app.history.lines import Chunk
from app.history.refusals import refuse

Result = TypeVar("Result")
Row = tuple[int, list[str]]


class TextFile:
    """A file whose head has been read. Every pass over it starts from its first byte."""

    def __init__(self, source: Path, encoding: str) -> None:
        self.meter = decode.Meter(source.stat().st_size)
        self._source = source
        self._encoding = encoding
        self.table = dialect.read(lines.head(decode.blocks(source, self.meter), encoding))

    def chunks(self) -> Iterator[Chunk]:
        """The whole text, in chunks of whole lines (JSON: of lines or parts of them)."""
        self.meter = decode.Meter(self.meter.total)
        blocks = decode.blocks(self._source, self.meter)
        is_json = self.table.delimiter is None
        return lines.chunks(blocks, self._encoding, json=is_json, where=self._longest_field)

    def rows_of_json(self) -> Iterator[Row]:
        """The rows of a JSON array."""
        return jsonrows.rows(jsonrows.items(self.chunks()), self.table.names)

    def fields_at(self, line: int, nth: int) -> list[str]:
        """The fields of the nth row (from 0) on this line, to show what a refused row holds."""
        delimiter = self.table.delimiter
        if delimiter is None:
            on_line = (fields for row, fields in self.rows_of_json() if row == line)
            return next(islice(on_line, nth, None))
        ((_, text),) = self.text_around(line, 0)
        return dialect.split(text, delimiter, line)

    def text_around(self, line: int, distance: int) -> list[tuple[int, str]]:
        """(number, text) of a line and its neighbours up to this distance."""
        found: dict[int, str] = {}
        for chunk in self.chunks():
            if chunk.first_line > line + distance:
                break
            if chunk.first_line + chunk.text.count(b"\n") < line - distance:
                continue
            texts = chunk.text.decode().removesuffix("\n").split("\n")
            for row, text in enumerate(texts, chunk.first_line):
                if abs(row - line) <= distance:
                    found[row] = (found.get(row, "") + text)[:LINE_BYTES_MAX]
        return list(found.items())

    def _longest_field(self, start: str) -> tuple[str | None, str]:
        """The column of a line's longest field and its text."""
        delimiter, names = self.table.delimiter, self.table.names
        if delimiter is None:
            return None, start
        fields = start.split(delimiter)
        longest = max(fields, key=len)
        place = fields.index(longest)
        return names[place] if place < len(names) else None, longest


def in_its_encoding(source: Path, read: Callable[[TextFile], Result]) -> Result:
    """What `read` makes of the file in the first encoding in which all that it reads is text."""
    failures = []
    for encoding in lines.ENCODINGS:
        try:
            return read(TextFile(source, encoding))
        except lines.Undecodable as failure:
            failures.append(failure)
    first = failures[0]
    expected = "UTF-8 or CP949"
    raise refuse("file_undecodable", row=first.line, value=first.value, expected=expected)
