"""The slow reader: row by row in plain Python. It names the row, the column and the value."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from app.domain.problems import Problem
from app.history import numbers, times
from app.history.blocks import Block, Seen, floats, integers
from app.history.detect import Plan
from app.history.dialect import is_blank, refuse_long_fields, split
from app.history.limits import FIELD_BYTES_MAX
from app.history.lines import Chunk
from app.history.refusals import refuse
from app.history.times import NS_PER_S, UNTIL_NS, Clock, Form
from app.history.words import Word

Row = tuple[int, list[str]]


def rows_of(chunk: Chunk, delimiter: str) -> Iterator[Row]:
    """The rows of a chunk of CSV with their lines."""
    text = chunk.text.decode()
    for row, line in enumerate(text.split("\n")[:-1], chunk.first_line):
        if line:
            yield row, split(line, delimiter, row)


def read(rows: Iterable[Row], plan: Plan, clock: Clock, seen: Seen) -> Block:
    """Check rows one by one. Blank rows and rows without a rate are left out."""
    lines: list[int] = []
    time_ns: list[int] = []
    wall_ns: list[int] = []
    values: dict[Word, list[float]] = {word: [] for word in plan.numbers}
    for row, fields in rows:
        if is_blank(fields):
            continue
        _check_fields(fields, row, plan)
        _check_constants(fields, row, plan, seen)
        wall, utc = _time(fields[plan.time], row, plan, clock, seen)
        read_values = {
            word: _number(word, fields[place], row, plan) for word, place in plan.numbers.items()
        }
        if plan.is_fx and any(math.isnan(value) for value in read_values.values()):
            continue
        _check_prices(read_values, fields, row, plan)
        lines.append(row)
        time_ns.append(utc)
        wall_ns.append(wall)
        for word, value in read_values.items():
            values[word].append(value)
    columns = {word: floats(column) for word, column in values.items()}
    return Block(integers(time_ns), integers(wall_ns), columns, lines)


def _check_fields(fields: list[str], row: int, plan: Plan) -> None:
    if len(fields) != len(plan.names):
        value, expected = str(len(fields)), f"{len(plan.names)} fields"
        raise refuse("row_fields", row=row, value=value, expected=expected)
    if sum(map(len, fields)) * 4 > FIELD_BYTES_MAX:
        refuse_long_fields(fields, row, plan.names)


def _check_constants(fields: list[str], row: int, plan: Plan, seen: Seen) -> None:
    for place in plan.constants:
        first = seen.constants.setdefault(place, fields[place])
        if fields[place] != first:
            raise refuse(
                plan.mixed_code(place),
                row=row,
                column=plan.names[place],
                value=fields[place],
                expected=first,
            )


def _time(text: str, row: int, plan: Plan, clock: Clock, seen: Seen) -> tuple[int, int]:
    column = plan.names[plan.time]
    moment = times.parse(text, plan.date_order)
    if moment is None:
        code = "time_unreadable" if text.strip() else "value_missing"
        raise refuse(code, row=row, column=column, value=text, expected=times.EXPECTED)
    seen.form = seen.form or moment.form
    if moment.form is not seen.form:
        raise refuse(
            "time_forms_mixed",
            row=row,
            column=column,
            value=text,
            expected=f"{seen.form} as in the rows before",
        )
    offset_s = moment.offset_s
    if moment.form is Form.NAIVE:
        zone_s = clock.offset_s(moment.wall_ns // NS_PER_S)
        if zone_s is None:
            expected = "a time that this zone has exactly once"
            raise refuse("time_ambiguous", row=row, column=column, value=text, expected=expected)
        offset_s = zone_s
    utc_ns = moment.wall_ns - offset_s * NS_PER_S
    if not plan.from_ns <= utc_ns < UNTIL_NS:
        raise times.out_of_range(row, column, text, plan.from_ns)
    return moment.wall_ns, utc_ns


def _number(word: Word, text: str, row: int, plan: Plan) -> float:
    """A price, a rate (NaN where it is missing) or a volume."""
    if word is Word.RATE and text.strip() in numbers.MISSING_RATES:
        return math.nan
    value = numbers.rate(text) if word is Word.RATE else numbers.decimal(text)
    if value is None:
        raise _wrong(_why_no_number(text), word, text, row, plan)
    if math.isinf(value):
        raise _wrong("value_not_finite", word, text, row, plan)
    if word is Word.VOLUME and value < 0:
        raise _wrong("value_negative", word, text, row, plan)
    if word is not Word.VOLUME and value <= 0:
        raise _wrong("value_not_positive", word, text, row, plan)
    return value


def _why_no_number(text: str) -> str:
    if not text.strip():
        return "value_missing"
    return "value_not_finite" if numbers.says_not_finite(text) else "value_not_number"


def _wrong(code: str, word: Word, text: str, row: int, plan: Plan) -> Problem:
    expected = "a number >= 0" if word is Word.VOLUME else "a number > 0"
    column = plan.names[plan.numbers[word]]
    return refuse(code, row=row, column=column, value=text, expected=expected)


def _check_prices(values: dict[Word, float], fields: list[str], row: int, plan: Plan) -> None:
    """low <= open, close <= high, where the row has all four."""
    if Word.HIGH not in values:
        return
    low, high = values[Word.LOW], values[Word.HIGH]
    if high < low:
        expected = f">= {_shown(Word.LOW, fields, plan)}"
        raise _outside("high_below_low", Word.HIGH, expected, fields, row, plan)
    for word in (Word.OPEN, Word.CLOSE):
        if not low <= values[word] <= high:
            expected = f"{_shown(Word.LOW, fields, plan)} .. {_shown(Word.HIGH, fields, plan)}"
            raise _outside("price_outside_range", word, expected, fields, row, plan)


def _shown(word: Word, fields: list[str], plan: Plan) -> str:
    place = plan.numbers[word]
    return f"{plan.names[place]} {fields[place]}"


def _outside(
    code: str, word: Word, expected: str, fields: list[str], row: int, plan: Plan
) -> Problem:
    place = plan.numbers[word]
    column, value = plan.names[place], fields[place]
    return refuse(code, row=row, column=column, value=value, expected=expected)
