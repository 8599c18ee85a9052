"""What the data page says of uploads and draws of datasets."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from app.domain.datasets import DatasetFacts, Gap, Hints, Kind, Quality, UploadState
from app.domain.problems import FieldError
from app.domain.records import DatasetRow, Failure, UploadRow
from app.routers import datasets_shown as shown

NS = 1_000_000_000
DAY_NS = 86_400 * NS
START = 1_735_689_600 * NS  # 2025-01-01


def facts(*density: float, kind: Kind = Kind.CANDLES, **changes: Any) -> DatasetFacts:
    gaps = tuple(Gap(START, 600, 10) for part in density if part < 1)
    quality = Quality(
        coverage=sum(density) / len(density),
        gap_list=gaps,
        zero_volume=0,
        outliers=0,
        outlier_list=(),
        density=density,
        unsorted=False,
    )
    made = DatasetFacts(
        kind=kind,
        shape="generic",
        venue="upbit",
        base="BTC",
        quote="KRW",
        timeframe_s=60,
        rows=1_440,
        start_ns=START,
        end_ns=START + len(density) * DAY_NS,
        gaps=len(gaps),
        longest_gap_s=600 if gaps else 0,
        duplicates=0,
        quality=quality,
        columns={"time": "time"},
    )
    return msgspec.structs.replace(made, **changes)


def dataset(number: int, of: DatasetFacts) -> DatasetRow:
    return DatasetRow(f"d-{number}", "u-1", "f", of, "file.csv", 10, "0" * 64, START)


def upload(state: UploadState, **changes: object) -> UploadRow:
    row = UploadRow("u-1", "file.csv", Hints(), state, 500, 1_000, None, None, START, None)
    return msgspec.structs.replace(row, **changes)


@pytest.mark.parametrize(
    ("row", "said", "percent"),
    [
        (upload(UploadState.RECEIVING), "500 B of 1 KB", 50),
        (upload(UploadState.RECEIVING, bytes_total=None), "500 B so far", None),
        (upload(UploadState.READING), "reading and checking, 50 %", 50),
        (upload(UploadState.INTERRUPTED), "cut off before the end", None),
        (upload(UploadState.UNSURE), "which column is which?", None),
        (upload(UploadState.STORED), "stored, since deleted", None),
    ],
)
def test_a_file_says_how_far_it_is(row: UploadRow, said: str, percent: int | None) -> None:
    item = shown.queued("en", row)
    assert item.said.startswith(said)
    assert item.percent == percent


def test_a_refused_file_says_at_which_row() -> None:
    failure = Failure("value_not_number", {}, (FieldError(48_213, "close", "x", "number"),))
    row = upload(UploadState.REFUSED, failure=failure)
    assert shown.queued("en", row).said == "stopped at row 48,213 · nothing stored"
    whole = upload(UploadState.REFUSED, failure=Failure("file_empty"))
    assert shown.queued("en", whole).said == "nothing stored"


def test_a_stored_file_says_what_it_became() -> None:
    row = upload(UploadState.STORED)
    assert shown.queued("en", row, [dataset(1, facts(1, 1))]).said == "1,440 rows · no gaps"
    one = shown.queued("en", row, [dataset(1, facts(1, 0.5))])
    assert one.said == "1,440 rows · one gap"
    three = [dataset(n, facts(1)) for n in (1, 2, 3)]
    assert shown.queued("en", row, three).said == "1,440 rows · split into three series"
    rates = shown.queued("en", row, [dataset(1, facts(0.7, 0.7, kind=Kind.FX, timeframe_s=86_400))])
    assert rates.said == "1,440 rates · 2 breaks (weekends, holidays)"


def test_neighbouring_holes_of_one_depth_are_one_mark() -> None:
    found = shown.marks(facts(1, 0.95, 0.95, 0.2, 0, 1, 0.99))
    assert [(mark.start, mark.length, mark.deep) for mark in found] == [
        (1, 2, False),
        (3, 2, True),
        (6, 1, False),
    ]


def test_weekends_are_no_hole_in_a_rate() -> None:
    daily = {"kind": Kind.FX, "timeframe_s": 86_400}
    assert shown.marks(facts(5 / 7, 5 / 7, 4 / 7, **daily)) == ()
    assert len(shown.marks(facts(5 / 7, 1 / 7, **daily))) == 1
    assert len(shown.marks(facts(5 / 7, kind=Kind.FX, timeframe_s=60))) == 1


def test_the_grid_runs_down_then_right_and_every_cell_says_its_span() -> None:
    grid = shown.grid("en", facts(*[1.0] * 8, 0.0))
    assert len(grid.cells) == 9
    assert {cell.x for cell in grid.cells} == {0, shown.CELL + shown.GAP}
    assert grid.cells[7].y == grid.cells[0].y
    assert grid.cells[0].title == "2025-01-01 00:00 to 2025-01-02 00:00: 100.00 %"
    assert grid.cells[8].ink == "hole"
    assert grid.labels[0].text == "2025-01-01"


def test_what_clashes_is_marked_in_the_wrong_line_only() -> None:
    failure = Failure(
        "high_below_low",
        {},
        (FieldError(3, "high", "91", ">= low 93.5"),),
        ((2, "t,100,91,93.5"), (3, "t,100,91,93.5,4"), (4, "t,100,110")),
    )
    lines = shown.raw_lines(failure)
    assert [line.bad for line in lines] == [False, True, False]
    marked = [part.text for part in lines[1].parts if part.bad]
    assert marked == ["91", "93.5"]
    assert "".join(part.text for part in lines[1].parts) == "t,100,91,93.5,4"
    assert not any(part.bad for part in lines[0].parts)


def test_an_unknown_coin_is_a_question_mark() -> None:
    assert shown.symbol(facts(1, base=None)) == "?/KRW"


def test_uses_lead_to_where_they_are_shown() -> None:
    item = shown.shown(dataset(1, facts(1)), ["b-3", "s-1", "w-2"])
    assert [use.address for use in item.uses] == [
        "/backtests/b-3",
        "/sweeps/s-1",
        "/walkforwards/w-2",
    ]


def test_preview_times_stand_in_utc_and_figures_as_they_are() -> None:
    assert shown.cell("time", START, 60) == "2025-01-01 00:00"
    assert shown.cell("time", START + 7 * NS, None) == "2025-01-01 00:00:07"
    assert shown.cell("close", 0.19852, 60) == "0.19852"
