"""A JSON array of rows (a REST reply saved as a file) → rows of text with their line numbers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from app.history.limits import JSON_ROW_BYTES_MAX
from app.history.lines import Chunk
from app.history.refusals import refuse

Row = tuple[int, list[str]]
_SPACE = " \t\n"
_EXPECTED = "[{…}, {…}, …]"


def items(chunks: Iterable[Chunk], *, partial: bool = False) -> Iterator[tuple[int, Any]]:
    """(line, object) of one top-level array, without holding more than a chunk.

    Numbers stay the text that was written. partial: the text is the head of a longer file.
    """
    decoder = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)
    waiting = ""
    line = 1
    opened = closed = False
    for chunk in chunks:
        waiting += chunk.text.decode()
        at = 0
        while True:
            at, line = _skip(waiting, at, line, _SPACE)
            if at == len(waiting):
                break
            if closed:
                raise _broken(line, waiting[at:])
            if not opened:
                if waiting[at] != "[":
                    raise _broken(line, waiting[at:])
                opened = True
                at += 1
                at, line = _skip(waiting, at, line, _SPACE)
                if waiting[at : at + 1] == "]":
                    closed = True
                    at += 1
                continue
            try:
                item, end = decoder.raw_decode(waiting, at)
                end, _ = _skip(waiting, end, 0, _SPACE)
                separator = waiting[end]
            except (ValueError, IndexError, RecursionError) as error:
                if len(waiting) - at > JSON_ROW_BYTES_MAX or isinstance(error, RecursionError):
                    raise _broken(line, waiting[at:]) from error
                break
            if separator not in ",]":
                raise _broken(line, waiting[at:])
            yield line, item
            line += waiting.count("\n", at, end)
            at = end + 1
            closed = separator == "]"
        waiting = waiting[at:]
    if not partial and (waiting.strip() or not closed):
        raise _broken(line, waiting)


def rows(found: Iterable[tuple[int, Any]], names: tuple[str, ...]) -> Iterator[Row]:
    """Objects (or plain arrays) as fields in the order of `names`; a missing key is empty."""
    for line, item in found:
        if isinstance(item, dict):
            yield line, [_text(item.get(name), line) for name in names]
        elif isinstance(item, list):
            yield line, [_text(value, line) for value in item]
        else:
            raise _broken(line, str(item))


def names_of(item: Any, line: int) -> tuple[str, ...] | None:
    """The columns of the first row; None for a plain array, which names nothing."""
    if isinstance(item, dict):
        return tuple(_text(name, line) for name in item)
    if isinstance(item, list):
        return None
    raise _broken(line, str(item))


def _text(value: object, line: int) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:  # half a surrogate pair, written as an escape
            raise _broken(line, ascii(text)) from error
    return text


def _skip(text: str, at: int, line: int, passed: str) -> tuple[int, int]:
    while at < len(text) and text[at] in passed:
        line += text[at] == "\n"
        at += 1
    return at, line


def _broken(line: int, text: str) -> Exception:
    return refuse("json_broken", row=line, value=text[:80].partition("\n")[0], expected=_EXPECTED)
