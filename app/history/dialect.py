"""The head of a file → delimiter, column names, where the rows begin, the first of them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from itertools import islice

import msgspec

from app.history import jsonrows, numbers, times, words
from app.history.limits import BANNER_LINES_MAX, COLUMNS_MAX, FIELD_BYTES_MAX, SAMPLE_ROWS
from app.history.lines import Chunk, is_json
from app.history.refusals import refuse

_DELIMITERS = (",", ";", "\t", "|")
Row = tuple[int, list[str]]


class Table(msgspec.Struct, frozen=True):
    """How a file is laid out.

    delimiter: None for JSON. names: as the file spells them, numbers from 0 where it has no
    header. first_row: line of the first row. sample: the first rows that are not blank, with
    their lines. symbol: what a header of several lines says about the market (Yahoo's).
    """

    delimiter: str | None
    names: tuple[str, ...]
    has_header: bool
    first_row: int
    sample: tuple[Row, ...]
    symbol: str | None = None

    @property
    def plain_names(self) -> tuple[str, ...]:
        """The names as `words` spells them."""
        return tuple(map(words.plain, self.names))


def read(head: Chunk) -> Table:
    """The layout of a file whose text begins so."""
    if is_json(head.text):
        return _json(head)
    return _text(head)


def split(line: str, delimiter: str, row: int) -> list[str]:
    """The fields of one line. A row is one line: quotes must close on it."""
    if '"' not in line:
        return line.split(delimiter)
    try:
        (fields,) = csv.reader([line], delimiter=delimiter, strict=True)
    except (csv.Error, ValueError) as error:
        if len(line) > FIELD_BYTES_MAX and "larger than field limit" in str(error):
            expected = f"<= {FIELD_BYTES_MAX} bytes"
            raise refuse("field_too_long", row=row, value=line, expected=expected) from error
        expected = "quotes that close on the same line"
        raise refuse("quotes_broken", row=row, value=line, expected=expected) from error
    return fields


def is_blank(fields: Sequence[str]) -> bool:
    """Nothing in any field: such a row counts as a blank line, however many fields it has."""
    return not any(field.strip() for field in fields)


def refuse_long_fields(fields: Sequence[str], row: int, names: Sequence[str]) -> None:
    """A field over 4 KiB is a broken file, in whichever column it stands."""
    for at, field in enumerate(fields):
        if len(field.encode()) > FIELD_BYTES_MAX:
            column = names[at] if at < len(names) else str(at)
            expected = f"<= {FIELD_BYTES_MAX} bytes"
            raise refuse("field_too_long", row=row, column=column, value=field, expected=expected)


def _text(head: Chunk) -> Table:
    lines = head.text.decode().split("\n")[:-1]
    numbered = [(row, line) for row, line in enumerate(lines, head.first_line) if line.strip()]
    if not numbered:
        raise refuse("file_empty", expected="a header and rows")
    delimiter = _delimiter([line for _, line in numbered[: BANNER_LINES_MAX + 1]])
    rows = [(row, split(line, delimiter, row)) for row, line in numbered[:SAMPLE_ROWS]]
    while _is_banner(rows):
        rows = rows[1:]
    header_row, header = rows[0]
    if len(header) > COLUMNS_MAX:
        value = str(len(header))
        raise refuse("too_many_columns", row=header_row, value=value, expected=f"<= {COLUMNS_MAX}")
    refuse_long_fields(header, header_row, ())
    if yahoo := _yahoo(rows, delimiter):
        return yahoo
    if _is_row(header):
        names = words.BINANCE_NAMES if len(header) == len(words.BINANCE_NAMES) else None
        numbered_names = names or tuple(map(str, range(len(header))))
        sample = tuple(row for row in rows if not is_blank(row[1]))
        return Table(delimiter, numbered_names, False, header_row, sample)
    sample = tuple(row for row in rows[1:] if not is_blank(row[1]))
    return Table(delimiter, tuple(name.strip() for name in header), True, header_row + 1, sample)


def _delimiter(lines: list[str]) -> str:
    """The character that cuts the first lines into the most columns."""
    return max(_DELIMITERS, key=lambda character: max(line.count(character) for line in lines))


def _is_banner(rows: list[Row]) -> bool:
    """A line of one field before a wider header (a link, a title): at most three of them."""
    ahead = rows[: BANNER_LINES_MAX + 1]
    return len(rows[0][1]) == 1 and any(len(fields) > 1 for _, fields in ahead)


def _is_row(fields: list[str]) -> bool:
    """Whether the first line is a row already: a header has no times and hardly a number."""
    filled = [field for field in fields if field.strip()]
    if any(times.parse(field) and numbers.decimal(field) is None for field in filled):
        return True
    return 2 * sum(numbers.decimal(field) is not None for field in filled) > len(filled)


def _yahoo(rows: list[Row], delimiter: str) -> Table | None:
    """A download of Yahoo's prices has three header lines: Price…, Ticker…, Date…"""
    if len(rows) < 3 or [words.plain(rows[at][1][0]) for at in range(2)] != ["price", "ticker"]:
        return None
    time_name = rows[2][1][0]
    if words.plain(time_name) not in words.TIME_NAMES or not is_blank(rows[2][1][1:]):
        return None
    tickers = sorted(set(rows[1][1][1:]))
    if len(tickers) != 1:
        raise refuse("coins_mixed", row=rows[1][0], value=", ".join(tickers), expected="1 market")
    names = (time_name, *rows[0][1][1:])
    return Table(delimiter, names, True, rows[2][0] + 1, tuple(rows[3:]), tickers[0])


def _json(head: Chunk) -> Table:
    found = list(islice(jsonrows.items([head], partial=True), SAMPLE_ROWS))
    if not found:
        found = list(jsonrows.items([head]))  # says where it breaks, unless it is just empty
    if not found:
        raise refuse("file_without_rows", expected=">= 1 row")
    line, first = found[0]
    names = jsonrows.names_of(first, line)
    if names is None:
        width = len(first)
        named = words.BINANCE_NAMES if width == len(words.BINANCE_NAMES) else None
        names = named or tuple(map(str, range(width)))
    if len(names) > COLUMNS_MAX:
        value = str(len(names))
        raise refuse("too_many_columns", row=line, value=value, expected=f"<= {COLUMNS_MAX}")
    sample = tuple(jsonrows.rows(found, names))
    return Table(None, names, isinstance(first, dict), 1, sample)
