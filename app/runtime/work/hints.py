"""Hints: the words that may come with a file, from the form's text to what the reader takes."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from app.domain.datasets import Hints
from app.domain.problems import FieldError, Problem

FIELDS = frozenset({"venue", "base", "quote", "timeframe", "tz", "columns"})
TIMEFRAME_S = (1, 31 * 86_400)
NAME_LENGTH_MAX = 32

_TIMEFRAME = re.compile(r"([0-9]{1,9})([smhdw]?)")
_UNIT_S = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_NAME = re.compile(rf"[^\W_][\w.-]{{0,{NAME_LENGTH_MAX - 1}}}")


def hints_of(fields: Mapping[str, str]) -> Hints:
    """Raises invalid_fields naming each field that says nothing we know. Empty means not given."""
    given = {name: text.strip() for name, text in fields.items() if text.strip()}
    errors: list[FieldError] = []
    for name in ("venue", "base", "quote"):
        if name in given and not _NAME.fullmatch(given[name]):
            errors.append(_wrong(name, given[name], f"a name of at most {NAME_LENGTH_MAX} letters"))
    timeframe_s = _timeframe_s(given.get("timeframe"), errors)
    columns = _columns(given.get("columns"), errors)
    if errors:
        raise Problem("invalid_fields", errors=tuple(errors))
    venue, base, quote = (given.get(name) for name in ("venue", "base", "quote"))
    return Hints(
        venue=venue and venue.lower(),
        base=base and base.upper(),
        quote=quote and quote.upper(),
        timeframe_s=timeframe_s,
        tz=given.get("tz"),
        columns=columns,
    )


def _timeframe_s(text: str | None, errors: list[FieldError]) -> int | None:
    if text is None:
        return None
    match = _TIMEFRAME.fullmatch(text.lower())
    seconds = int(match[1]) * _UNIT_S[match[2]] if match else 0
    shortest, longest = TIMEFRAME_S
    if not shortest <= seconds <= longest:
        errors.append(_wrong("timeframe", text, "1m | 5m | 15m | 1h | 1d | seconds"))
        return None
    return seconds


def _columns(text: str | None, errors: list[FieldError]) -> dict[str, str] | None:
    """Which of the file's columns is what, as a JSON object: {"time": "Zeit", "close": "3"}."""
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=dict[str, str])
    except msgspec.DecodeError:
        errors.append(_wrong("columns", text, '{"time": "…", "close": "…"}'))
        return None


def _wrong(name: str, value: str, expected: str) -> FieldError:
    return FieldError(column=name, value=value[:200], expected=expected)
