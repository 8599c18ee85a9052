"""What pages show of a file or a dataset: first rows, a guess, the lines around a refused row."""

from __future__ import annotations

from pathlib import Path

import msgspec

from app.domain.datasets import Hints
from app.domain.problems import Problem
from app.history import detect
from app.history.columns import open_columns
from app.history.limits import SNIFF_ROWS, VALUE_CHARACTERS_MAX
from app.history.textfile import in_its_encoding
from app.history.words import PRICES, TIME_NAMES, UPBIT_NAMES, UPBIT_TIMES, Word


class Sniff(msgspec.Struct, frozen=True):
    """The head of a file, for the mapping form.

    columns: as the file names them (numbers from 0 without a header). rows: the first 20 as
    written. guess: our word → the column that probably holds it. shape: what detection makes of
    the file without help, None where it is unsure.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    has_header: bool
    guess: dict[str, str]
    shape: str | None


def sniff(source: Path, name: str) -> Sniff:
    """Look at an uploaded file without reading it whole; Problem when it is no table at all."""
    table = in_its_encoding(source, lambda file: file.table)
    try:
        plan = detect.detect(table, name, Hints())
    except Problem:
        places, shape = _likely(table.plain_names), None
    else:
        places, shape = {Word.TIME: plan.time, **plan.numbers}, plan.shape.value
    return Sniff(
        columns=table.names,
        rows=tuple(tuple(map(_short, fields)) for _, fields in table.sample[:SNIFF_ROWS]),
        has_header=table.has_header,
        guess={word.value: table.names[place] for word, place in places.items()},
        shape=shape,
    )


def head(folder: Path, n: int) -> list[dict[str, int | float]]:
    """The first n rows of a dataset: column → value, times in ns UTC."""
    columns = open_columns(folder)
    first = {name: columns.get(name)[:n].tolist() for name in columns.names}
    return [dict(zip(first, row, strict=True)) for row in zip(*first.values(), strict=True)]


def around(source: Path, _name: str, row: int, n: int) -> list[tuple[int, str]]:
    """(line, text) of a refused row and of n lines on either side; none where that is no text."""
    try:
        lines = in_its_encoding(source, lambda file: file.text_around(row, n))
    except Problem:
        return []
    return [(line, _short(text)) for line, text in lines]


def _likely(plain_names: tuple[str, ...]) -> dict[Word, int]:
    """Columns by name alone, where a shape is incomplete."""
    spellings: dict[Word, tuple[str, ...]] = {
        Word.TIME: (*UPBIT_TIMES, *TIME_NAMES),
        **{
            word: (word.value, *(names[word] for names in UPBIT_NAMES))
            for word in (*PRICES, Word.VOLUME)
        },
    }
    return {
        word: plain_names.index(spelling)
        for word, known in spellings.items()
        for spelling in reversed(known)
        if spelling in plain_names
    }


def _short(text: str) -> str:
    return text[:VALUE_CHARACTERS_MAX]
