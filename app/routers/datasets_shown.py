"""Uploads and datasets as the data page shows them: rows, lines of a refused file, drawings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from app import texts
from app.domain.datasets import DatasetFacts, Kind, UploadState
from app.domain.records import DatasetRow, Failure, UploadRow
from app.texts import Language, formats

TIMES = frozenset({"time", "known_at"})
# A dataset's columns in the preview's order.
COLUMNS = ("time", "open", "high", "low", "close", "volume", "known_at", "rate")
NUMBER = re.compile(r"\d[\d.,]*")
HEAD_ROWS = 5
# Shares of a slice's bars: from FULL on nothing is said, from PARTIAL on it is said quietly.
# A daily rate rests at weekends and on holidays, so only a longer silence of it is a gap.
FULL, PARTIAL = 0.9995, 0.9
RESTING_FULL = 0.4
DAY_S = 86_400
GRID_ROWS = 7
CELL, GAP = 15, 2
LABEL_HEIGHT = 19
LABELS = 5

MOVING = frozenset({UploadState.RECEIVING, UploadState.READING})

# What the lamp in front of a file says; a stored file is unlit.
LAMPS: dict[UploadState, str] = {
    UploadState.RECEIVING: "u",
    UploadState.READING: "u",
    UploadState.STORED: "",
    UploadState.REFUSED: "f",
    UploadState.UNSURE: "c",
    UploadState.INTERRUPTED: "f",
}
# Where a use of a dataset is shown, by the first letter of its id.
PLACES = {"b": "/backtests/{id}", "s": "/sweeps/{id}", "w": "/walkforwards/{id}"}


@dataclass(frozen=True, slots=True)
class Queued:
    """One file of the queue. percent: None where nothing moves."""

    row: UploadRow
    datasets: tuple[DatasetRow, ...]
    lamp: str
    percent: int | None
    said: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of the small coverage picture that lacks bars, in slices; deep: many of them."""

    start: int
    length: int
    deep: bool


@dataclass(frozen=True, slots=True)
class Use:
    """A backtest, sweep or walk-forward made from a dataset."""

    id: str
    address: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One row of the dataset table."""

    row: DatasetRow
    symbol: str
    rests: bool
    marks: tuple[Mark, ...]
    uses: tuple[Use, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    x: int
    y: int
    ink: str
    title: str


@dataclass(frozen=True, slots=True)
class Label:
    x: int
    text: str


@dataclass(frozen=True, slots=True)
class Grid:
    """Coverage over time: slices run down, then right, as in a calendar."""

    width: int
    height: int
    cell: int
    cells: tuple[Cell, ...]
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class Part:
    text: str
    bad: bool = False


@dataclass(frozen=True, slots=True)
class RawLine:
    """A line of a refused file; the values that were complained about are marked."""

    number: int
    bad: bool
    parts: tuple[Part, ...]


def queued(lang: Language, row: UploadRow, datasets: Sequence[DatasetRow] = ()) -> Queued:
    """What the queue says about a file."""
    percent = None
    if row.state in MOVING and row.bytes_total:
        percent = min(100, 100 * row.bytes_done // row.bytes_total)
    return Queued(row, tuple(datasets), LAMPS[row.state], percent, _said(lang, row, datasets))


def _said(lang: Language, row: UploadRow, datasets: Sequence[DatasetRow]) -> str:
    done = formats.size(row.bytes_done)
    match row.state:
        case UploadState.RECEIVING if row.bytes_total:
            total = formats.size(row.bytes_total)
            return texts.text(lang, "data.said.receiving", done=done, total=total)
        case UploadState.RECEIVING:
            return texts.text(lang, "data.said.receiving.open", done=done)
        case UploadState.READING:
            share = 100 * row.bytes_done // row.bytes_total if row.bytes_total else 0
            return texts.text(lang, "data.said.reading", percent=min(100, share))
        case UploadState.STORED if not datasets:
            return texts.text(lang, "data.said.gone")
        case UploadState.STORED:
            return _said_stored(lang, datasets)
        case UploadState.REFUSED if row.failure and row.failure.errors:
            line = row.failure.errors[0].row
            if line is not None:
                return texts.text(lang, "data.said.refused.row", row=formats.number(line))
    return texts.text(lang, f"data.said.{row.state}")


def _said_stored(lang: Language, datasets: Sequence[DatasetRow]) -> str:
    rows = formats.number(max(dataset.facts.rows for dataset in datasets))
    if len(datasets) > 1:
        return texts.text(lang, "data.said.stored.three", rows=rows)
    gaps = datasets[0].facts.gaps
    if gaps and rests(datasets[0].facts):
        return texts.text(lang, "data.said.stored.fx", rows=rows, n=gaps)
    said = (
        texts.text(lang, "data.gaps.count", n=gaps) if gaps else texts.text(lang, "data.gaps.none")
    )
    return texts.text(lang, "data.said.stored", rows=rows, gaps=said)


def shown(row: DatasetRow, uses: Sequence[str] = ()) -> Shown:
    """One row of the table."""
    named = tuple(Use(use, PLACES[use[0]].format(id=use)) for use in uses)
    return Shown(row, symbol(row.facts), rests(row.facts), marks(row.facts), named)


def symbol(facts: DatasetFacts) -> str:
    """BTC/KRW; `?` for a part that neither the file nor its sender told."""
    return f"{facts.base or formats.UNKNOWN}/{facts.quote or formats.UNKNOWN}"


def marks(facts: DatasetFacts) -> tuple[Mark, ...]:
    """Neighbouring slices of one depth are one mark."""
    found: list[Mark] = []
    for slice_, part in enumerate(facts.quality.density):
        if part >= _full(facts):
            continue
        deep = part < PARTIAL
        last = found[-1] if found else None
        if last and last.deep == deep and last.start + last.length == slice_:
            found[-1] = Mark(last.start, last.length + 1, deep)
        else:
            found.append(Mark(slice_, 1, deep))
    return tuple(found)


def rests(facts: DatasetFacts) -> bool:
    """Whether it is a rate that is not told at weekends and on holidays."""
    return facts.kind is Kind.FX and (facts.timeframe_s is None or facts.timeframe_s >= DAY_S)


def _full(facts: DatasetFacts) -> float:
    return RESTING_FULL if rests(facts) else FULL


def grid(lang: Language, facts: DatasetFacts) -> Grid:
    """The big coverage picture; every cell says its span and share."""
    density = facts.quality.density
    step = CELL + GAP
    columns = -(-len(density) // GRID_ROWS)
    slice_ns = (facts.end_ns - facts.start_ns) / max(1, len(density))
    cells = []
    for slice_, part in enumerate(density):
        start_ns = facts.start_ns + int(slice_ * slice_ns)
        title = texts.text(
            lang,
            "data.quality.cell",
            start=formats.moment(start_ns, "UTC"),
            end=formats.moment(start_ns + int(slice_ns), "UTC"),
            share=formats.share(100 * part, 2),
        )
        column, line = divmod(slice_, GRID_ROWS)
        cells.append(Cell(column * step, line * (CELL - 4), _ink(part, _full(facts)), title))
    every = max(1, columns // LABELS)
    labels = tuple(
        Label(
            column * step,
            formats.day(facts.start_ns + int(column * GRID_ROWS * slice_ns), "UTC"),
        )
        for column in range(0, max(1, columns - every // 2), every)
    )
    height = GRID_ROWS * (CELL - 4) + LABEL_HEIGHT
    return Grid(columns * step, height, CELL, tuple(cells), labels)


def _ink(part: float, full: float) -> str:
    if part >= full:
        return "f-ink3 soft"
    if part >= PARTIAL:
        return "f-cau mild"
    return "f-cau" if part > 0 else "hole"


def raw_lines(failure: Failure) -> tuple[RawLine, ...]:
    """The lines around the first place, with the values that clash marked in the wrong one."""
    if not failure.errors:
        return ()
    error = failure.errors[0]
    clashing = [word for word in (error.value, *NUMBER.findall(error.expected)) if word]
    return tuple(
        RawLine(number, number == error.row, _parts(text, clashing if number == error.row else []))
        for number, text in failure.lines
    )


def _parts(text: str, clashing: Sequence[str]) -> tuple[Part, ...]:
    if not clashing:
        return (Part(text),)
    pattern = "|".join(re.escape(word) for word in sorted(clashing, key=len, reverse=True))
    pieces = re.split(f"({pattern})", text)
    return tuple(Part(piece, bad=place % 2 == 1) for place, piece in enumerate(pieces) if piece)


def cell(name: str, value: float, timeframe_s: int | None) -> str:
    """A value of the preview: times in UTC, figures as the file has them."""
    if name not in TIMES:
        return formats.price(value)
    fine = timeframe_s is None or timeframe_s % 60 != 0
    return (formats.second if fine else formats.moment)(int(value), "UTC")
