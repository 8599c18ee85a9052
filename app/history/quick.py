"""The quick reader: whole chunks at once. It may only accept; what it cannot vouch for byte by
byte it leaves to the slow reader, which knows every rule and names what is wrong."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from app.history.blocks import Block, Seen, Times, Values
from app.history.detect import Plan
from app.history.limits import FIELD_BYTES_MAX
from app.history.lines import Chunk
from app.history.times import NS_PER_S, UNTIL_NS, Clock, Form
from app.history.words import PRICES, Word

_Bytes = NDArray[np.uint8]
_Places = NDArray[np.intp]
_NEWLINE = 10
_QUOTE = 34
_ZERO = 48


class _Fields:
    """Where the fields of a chunk lie: every line has exactly `width` of them."""

    def __init__(self, text: _Bytes, delimiters: _Places, newlines: _Places) -> None:
        self.text = text
        self._delimiters = delimiters
        self._newlines = newlines

    @staticmethod
    def cut(text: bytes, delimiter: str, width: int) -> _Fields | None:
        """None when a line has other than `width` fields, or is longer than a field may be."""
        flat = np.frombuffer(text, np.uint8)
        newlines = np.flatnonzero(flat == _NEWLINE)
        found = np.flatnonzero(flat == ord(delimiter))
        if len(found) != len(newlines) * (width - 1):
            return None
        delimiters = found.reshape(len(newlines), width - 1)
        if width > 1 and (
            not (delimiters[:, -1] < newlines).all()
            or not (delimiters[1:, 0] > newlines[:-1]).all()
        ):
            return None
        if np.diff(newlines, prepend=-1).max() > FIELD_BYTES_MAX:
            return None
        return _Fields(flat, delimiters, newlines)

    def column(self, place: int) -> tuple[_Places, str] | None:
        """(starts, first text) of a column whose fields are all equally long, else None."""
        if place:
            starts = self._delimiters[:, place - 1] + 1
        else:
            starts = np.concatenate(([0], self._newlines[:-1] + 1))
        last = place == self._delimiters.shape[1]
        lengths = (self._newlines if last else self._delimiters[:, place]) - starts
        length = int(lengths[0])
        if not (lengths == length).all():
            return None
        return starts, self.text[starts[0] : starts[0] + length].tobytes().decode()


def read(chunk: Chunk, plan: Plan, delimiter: str, clock: Clock) -> tuple[Block, Seen] | None:
    """The block of a chunk without header lines and what it settles, or None: look slowly.

    Accepted are only chunks in which every line has exactly the columns, none is blank, quotes
    only decorate, times have one fixed layout, and numbers are finite and within the rules.
    """
    text = _unquoted(chunk.text, delimiter)
    fields = _Fields.cut(text, delimiter, len(plan.names)) if text else None
    if not text or fields is None:
        return None
    constants = _constants(fields, plan)
    parsed = None if constants is None else _times(fields, plan.time)
    if parsed is None or constants is None:
        return None
    wall_ns, offset_ns, form = parsed
    time_ns = wall_ns - offset_ns if offset_ns else wall_ns
    if form is Form.NAIVE:
        offsets_ns = clock.offsets_ns(wall_ns)
        if offsets_ns is None:
            return None
        time_ns = wall_ns - offsets_ns
    if time_ns.min() < plan.from_ns or time_ns.max() >= UNTIL_NS:
        return None
    values = _numbers(text, plan, delimiter)
    if values is None or not _within_rules(values):
        return None
    lines = range(chunk.first_line, chunk.first_line + len(wall_ns))
    return Block(time_ns, wall_ns, values, lines), Seen(form, constants)


def _unquoted(text: bytes, delimiter: str) -> bytes | None:
    """The text without quotes, where each pair wraps a whole field that holds no delimiter, line
    end or quote; None where quotes do more than that."""
    if b'"' not in text:
        return text
    flat = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero((flat == ord(delimiter)) | (flat == _NEWLINE))
    quotes = np.flatnonzero(flat == _QUOTE)
    if len(quotes) % 2:
        return None
    opened, closed = quotes[0::2], quotes[1::2]
    next_end = np.searchsorted(ends, opened)
    field_starts = np.where(next_end > 0, ends[next_end - 1] + 1, 0)
    if not ((field_starts == opened) & (ends[next_end] == closed + 1)).all():
        return None
    return text.replace(b'"', b"")


def _constants(fields: _Fields, plan: Plan) -> dict[int, str] | None:
    """The value of each one-value column; None when one has two."""
    constants = {}
    for place in plan.constants:
        column = fields.column(place)
        if column is None:
            return None
        starts, first = column
        if not _same(fields.text, starts, first.encode(), range(len(first.encode()))):
            return None
        constants[place] = first
    return constants


# --- times: every row laid out like the first one ---------------------------------------------

_EPOCH = re.compile(r"(?P<number>[0-9]{10}|[0-9]{13}|[0-9]{16}|[1-4][0-9]{18})(?:\.0+)?")
_EPOCH_FACTORS = {10: NS_PER_S, 13: 1_000_000, 16: 1_000, 19: 1}
_CALENDAR = re.compile(
    r"(?P<year>[0-9]{4})[-/](?P<month>[0-9]{2})[-/](?P<day>[0-9]{2})"
    r"(?:[T ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})"
    r"(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,9}))?)?"
    r"(?P<zone>Z|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9])?)?"
)
_FIRST_YEAR, _LAST_YEAR = 1950, 2100
_MONTHS = np.arange(f"{_FIRST_YEAR}-01", f"{_LAST_YEAR + 1}-02", dtype="datetime64[M]")
_MONTH_STARTS = _MONTHS.astype("datetime64[D]").astype(np.int64)
_MONTH_DAYS = np.diff(_MONTH_STARTS)
_LIMITS = {"hour": 23, "minute": 59, "second": 59}
_PARTS_NS = {"hour": 3_600 * NS_PER_S, "minute": 60 * NS_PER_S, "second": NS_PER_S}


def _times(fields: _Fields, place: int) -> tuple[Times, int, Form] | None:
    """(wall clock, offset in ns, form), or None when the rows are not all laid out alike."""
    column = fields.column(place)
    if column is None or not column[1].isascii():
        return None
    starts, first = column
    if found := _EPOCH.fullmatch(first):
        if not _same(fields.text, starts, first.encode(), range(found.end("number"), len(first))):
            return None
        number = _digits(fields.text, starts, found.span("number"))
        if number is None or number.min() < 0:
            return None
        return number * _EPOCH_FACTORS[found.end("number")], 0, Form.EPOCH
    if found := _CALENDAR.fullmatch(first):
        return _calendar(fields.text, starts, first, found)
    return None


def _calendar(
    text: _Bytes, starts: _Places, first: str, found: re.Match[str]
) -> tuple[Times, int, Form] | None:
    spans = {name: found.span(name) for name in found.groupdict() if found[name]}
    zone = spans.pop("zone", None)
    free = {at for span in spans.values() for at in range(*span)}
    if not _same(text, starts, first.encode(), [at for at in range(len(first)) if at not in free]):
        return None
    parts = {name: _digits(text, starts, span) for name, span in spans.items()}
    if any(part is None for part in parts.values()):
        return None
    known = {name: part for name, part in parts.items() if part is not None}
    wall_ns = _days(known["year"], known["month"], known["day"])
    if wall_ns is None:
        return None
    wall_ns *= 86_400 * NS_PER_S
    for name, limit in _LIMITS.items():
        if name in known:
            if known[name].max() > limit:
                return None
            wall_ns += known[name] * _PARTS_NS[name]
    if "fraction" in known:
        begin, end = spans["fraction"]
        wall_ns += known["fraction"] * 10 ** (9 - (end - begin))
    if zone is None:
        return wall_ns, 0, Form.NAIVE
    return wall_ns, _offset_ns(found["zone"]), Form.ZONED


def _days(year: Times, month: Times, day: Times) -> Times | None:
    """Days since 1970-01-01; None when a date does not exist."""
    if year.min() < _FIRST_YEAR or year.max() > _LAST_YEAR or month.min() < 1 or month.max() > 12:
        return None
    at = (year - _FIRST_YEAR) * 12 + (month - 1)
    if day.min() < 1 or (day > _MONTH_DAYS[at]).any():
        return None
    days: Times = _MONTH_STARTS[at] + (day - 1)
    return days


def _offset_ns(zone: str) -> int:
    if zone == "Z":
        return 0
    size = int(zone[1:3]) * 3_600 + int(zone[-2:]) * 60
    return size * NS_PER_S * (-1 if zone[0] == "-" else 1)


def _same(text: _Bytes, starts: _Places, first: bytes, places: range | list[int]) -> bool:
    """Whether every row has the first row's bytes at these places of the field."""
    return all((text[starts + at] == first[at]).all() for at in places)


def _digits(text: _Bytes, starts: _Places, span: tuple[int, int]) -> Times | None:
    """The number that stands at these places of every row; None where one is not a digit."""
    number = np.zeros(len(starts), np.int64)
    for at in range(*span):
        digit = text[starts + at] - _ZERO  # what is below "0" wraps round to above 9
        if digit.max() > 9:
            return None
        number *= 10
        number += digit
    return number


# --- numbers: polars parses, we only believe what is finite and present -----------------------


def _numbers(text: bytes, plan: Plan, delimiter: str) -> dict[Word, Values] | None:
    import polars as pl  # noqa: PLC0415 - 0.2 s that only readers of files should pay

    names = [str(place) for place in range(len(plan.names))]
    wanted = {str(place): word for word, place in plan.numbers.items()}
    try:
        table = pl.read_csv(
            text,
            has_header=False,
            new_columns=names,
            columns=sorted(plan.numbers.values()),
            schema_overrides=dict.fromkeys(wanted, pl.Float64),
            separator=delimiter,
            quote_char=None,
            infer_schema=False,
            low_memory=False,
        )
    except pl.exceptions.PolarsError:
        return None
    values = {}
    for name, word in wanted.items():
        column = table[name]
        if column.null_count():
            return None
        values[word] = column.to_numpy()
    return values


def _within_rules(values: dict[Word, Values]) -> bool:
    for word, column in values.items():
        lowest, highest = column.min(), column.max()  # NaN spreads to both
        if not np.isfinite(lowest) or not np.isfinite(highest):
            return False
        if lowest < 0 or (word is not Word.VOLUME and lowest == 0):
            return False
    if not all(word in values for word in PRICES):
        return True
    low, high = values[Word.LOW], values[Word.HIGH]
    between = [(low <= values[word]) & (values[word] <= high) for word in (Word.OPEN, Word.CLOSE)]
    return bool((low <= high).all() and all(within.all() for within in between))
