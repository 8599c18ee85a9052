"""Cycles of a stored run: filtered, sorted, a page at a time, or all of them as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from app.backtest.cycles import cycles_as_rows
from app.domain.problems import FieldError, Problem
from app.runtime.work.bodies import cycle_body
from app.runtime.work.results import Result

SORTS = (
    "number",
    "t_entry",
    "t_exit",
    "base",
    "qty",
    "pnl_krw",
    "fees_krw",
    "in_bps",
    "out_bps",
    "net_bps",
    "hold_s",
)
ROWS_AT_ONCE = 1_000
CURSOR_LENGTH_MAX = 12
DIRECTIONS = {"high": 1, "low": -1}
REASONS = {"target": 0, "max_hold": 1}

# Text that a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_CYCLE_COLUMNS = (
    "number",
    "direction",
    "base",
    "return_base",
    "t_entry",
    "t_exit",
    "qty",
    "pnl_krw",
    "reason",
    "fees_krw",
    "turnover_krw",
    "in_bps",
    "out_bps",
    "net_bps",
    "hold_s",
)
_FILL_COLUMNS = (
    "base",
    "side",
    "time",
    "price",
    "quantity",
    "fee",
    "fee_asset",
    "fx",
    "amount",
    "amount_krw",
)
# Every leg fills once on each venue, whatever the style; a hedge opens and closes once per leg.
_FILLS = tuple(("fills", leg, venue) for leg in (1, 2) for venue in ("krw", "global"))
_HEDGES = tuple(("hedge_fills", leg, side) for leg in (1, 2) for side in ("sell", "buy"))


class Wanted(msgspec.Struct, frozen=True):
    """Which cycles, in which order. None: all. sort: one of SORTS, `-` before it for falling."""

    direction: str | None = None
    base: str | None = None
    reason: str | None = None
    outcome: str | None = None
    sort: str = "number"


class Page(msgspec.Struct, frozen=True):
    """total: how many there are in all that are wanted."""

    items: tuple[dict[str, Any], ...]
    total: int
    next_cursor: str | None


def page(result: Result, wanted: Wanted, limit: int, cursor: str | None) -> Page:
    """Rows with ISO times, from the place where the last page ended."""
    places = find(result, wanted)
    start = _start(cursor, len(places))
    items = tuple(map(cycle_body, _rows(result, places[start : start + limit])))
    stop = start + len(items)
    return Page(items, len(places), str(stop) if stop < len(places) else None)


def find(result: Result, wanted: Wanted) -> npt.NDArray[np.int64]:
    """Places in the table of the cycles that are wanted, in the order that is wanted."""
    table, bases = result.array("cycles"), result.document["bases"]
    mask = np.ones(len(table), bool)
    if wanted.direction is not None:
        mask &= table["direction"] == DIRECTIONS[wanted.direction]
    if wanted.reason is not None:
        mask &= table["reason"] == REASONS[wanted.reason]
    if wanted.outcome is not None:
        mask &= (table["pnl_krw"] > 0) == (wanted.outcome == "won")
    if wanted.base is not None:
        mask &= table["base"] == (bases.index(wanted.base) if wanted.base in bases else -1)
    places = np.flatnonzero(mask)
    name = wanted.sort.removeprefix("-")
    values = places if name == "number" else table[name][places]
    falling = wanted.sort.startswith("-")
    return places[np.argsort(-values if falling else values, kind="stable")]


def as_csv(result: Result, wanted: Wanted) -> Iterator[bytes]:
    """All of them, one line each with the fills of every leg, a block of lines at a time."""
    places = find(result, wanted)
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\r\n")
    lines.writerow(_header())
    for start in range(0, len(places), ROWS_AT_ONCE):
        for row in _rows(result, places[start : start + ROWS_AT_ONCE]):
            lines.writerow([_cell(value) for value in _line(cycle_body(row))])
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()
    if not len(places):
        yield text.getvalue().encode()


def _rows(result: Result, places: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
    return cycles_as_rows(
        result.array("cycles"), result.array("fills"), result.document["bases"], places.tolist()
    )


def _start(cursor: str | None, size: int) -> int:
    if cursor is None:
        return 0
    known = cursor.isascii() and cursor.isdigit() and len(cursor) <= CURSOR_LENGTH_MAX
    if not known or int(cursor) > size:
        raise Problem(
            "invalid_fields",
            errors=(FieldError(column="cursor", value=cursor[:200], expected="a next_cursor"),),
        )
    return int(cursor)


def _header() -> list[str]:
    names = list(_CYCLE_COLUMNS)
    for _, leg, venue in _FILLS:
        names += [f"leg{leg}_{venue}_{column}" for column in _FILL_COLUMNS]
    for _, leg, side in _HEDGES:
        opened = "open" if side == "sell" else "close"
        names += [f"leg{leg}_hedge_{opened}_{column}" for column in _FILL_COLUMNS]
    return names


def _line(row: Mapping[str, Any]) -> Iterator[Any]:
    yield from (row[column] for column in _CYCLE_COLUMNS)
    for kind, leg, which in (*_FILLS, *_HEDGES):
        key = "venue" if kind == "fills" else "side"
        found = [fill for fill in row[kind] if (fill["leg"], fill[key]) == (leg, which)]
        yield from (found[0][column] if found else None for column in _FILL_COLUMNS)


def _cell(value: Any) -> str:
    """Numbers as they are; text can never start a formula."""
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return repr(value)
