"""Broken files: each is refused whole, and the refusal says where and why."""

from __future__ import annotations

import gzip
import io
import json
import random
import zipfile

import pytest

from tests.history.builders import HEADER, Room, csv, place, rows

T = "2024-03-01 09:0"
GOOD = f"{T}0:00,100,102,98,101,1"


def broken(line: str, header: str = HEADER) -> bytes:
    """A good row on line 2, this one on line 3."""
    return csv([GOOD, line], header)


@pytest.mark.parametrize(
    ("line", "code", "column", "value"),
    [
        (f"{T}1:00,abc,102,98,101,1", "value_not_number", "open", "abc"),
        (f'{T}1:00,"1,001.5",102,98,101,1', "value_not_number", "open", "1,001.5"),
        (f"{T}1:00,0x64,102,98,101,1", "value_not_number", "open", "0x64"),
        (f"{T}1:00,1_00,102,98,101,1", "value_not_number", "open", "1_00"),
        (f"{T}1:00,100,102,98,NaN,1", "value_not_finite", "close", "NaN"),
        (f"{T}1:00,100,inf,98,101,1", "value_not_finite", "high", "inf"),
        (f"{T}1:00,100,1e999,98,101,1", "value_not_finite", "high", "1e999"),
        (f"{T}1:00,100,102,-98,101,1", "value_not_positive", "low", "-98"),
        (f"{T}1:00,100,102,0,101,1", "value_not_positive", "low", "0"),
        (f"{T}1:00,100,102,98,101,-1", "value_negative", "volume", "-1"),
        (f"{T}1:00,100,102,98,101,", "value_missing", "volume", ""),
        (f"{T}1:00,,102,98,101,1", "value_missing", "open", ""),
        (",100,102,98,101,1", "value_missing", "timestamp", ""),
        (f"{T}1:00,100,97,98,101,1", "high_below_low", "high", "97"),
        (f"{T}1:00,103,102,98,101,1", "price_outside_range", "open", "103"),
        (f"{T}1:00,100,102,98,97.9,1", "price_outside_range", "close", "97.9"),
        (f"{T}1:00,100,102,98,101", "row_fields", None, "5"),
        (f"{T}1:00,100,102,98,101,1,", "row_fields", None, "7"),
        ("yesterday,100,102,98,101,1", "time_unreadable", "timestamp", "yesterday"),
        ("2024-02-30 00:00,100,102,98,101,1", "time_unreadable", "timestamp", "2024-02-30 00:00"),
        ("2024-03-01 24:00,100,102,98,101,1", "time_unreadable", "timestamp", "2024-03-01 24:00"),
        ("1900-01-01 00:00,100,102,98,101,1", "time_out_of_range", "timestamp", "1900-01-01 00:00"),
        ("2008-12-31 23:59,100,102,98,101,1", "time_out_of_range", "timestamp", "2008-12-31 23:59"),
        ("3000-01-01 00:00,100,102,98,101,1", "time_out_of_range", "timestamp", "3000-01-01 00:00"),
        (f"{T}1:00Z,100,102,98,101,1", "time_forms_mixed", "timestamp", f"{T}1:00Z"),
        (f"{T}1:00+09:00,100,102,98,101,1", "time_forms_mixed", "timestamp", f"{T}1:00+09:00"),
        ("1709283660,100,102,98,101,1", "time_forms_mixed", "timestamp", "1709283660"),
        (f"{T}0:00,100,102,98,101.5,1", "rows_conflict", "close", "101.5"),
        (f"{T}0:00,100,102,98,101,2", "rows_conflict", "volume", "2"),
        (f'{T}1:00,"100,102,98,101,1', "quotes_broken", None, f'{T}1:00,"100,102,98,101,1'),
        (f"{T}1:00,100,102,98,10\0,1", "file_has_nul", None, f"{T}1:00,100,102,98,10\\0,1"),
    ],
)
def test_one_wrong_row(room: Room, line: str, code: str, column: str | None, value: str) -> None:
    problem = room.refusal(broken(line))
    wrong = place(problem)
    assert (problem.code, wrong.row, wrong.column, wrong.value) == (code, 3, column, value)
    assert wrong.expected
    assert 400 <= problem.status < 500


@pytest.mark.parametrize("blank", ["", ",,,,,", "  ", '"",,,,,""'])
def test_blank_lines_count_as_lines_but_not_as_rows(room: Room, blank: str) -> None:
    good = room.read_one(csv([GOOD, blank, f"{T}1:00,100,102,98,101,1", blank]))
    assert good.facts.rows == 2
    assert room.refusal_place(csv([GOOD, blank, f"{T}1:00,x,102,98,101,1"])).row == 4


def test_times_off_the_grid(room: Room) -> None:
    lines = rows(5)
    lines[3] = lines[3].replace("09:03:00", "09:03:30")
    problem = room.refusal(csv(lines))
    assert (problem.code, place(problem).row) == ("time_off_grid", 5)
    assert place(problem).value == "2024-03-01 09:03:30"
    assert place(problem).expected == "2024-03-01T09:00:00Z + k * 60 s"


def test_two_timeframes_in_one_file(room: Room) -> None:
    five = [row.replace(" 09", " 12") for row in rows(6, step_s=300)]
    assert room.refusal(csv([*five, *rows(3)])).code == "time_off_grid"
    header = f"{HEADER},unit"
    problem = room.refusal(csv([f"{GOOD},1", f"{T}5:00,100,102,98,101,1,5"], header))
    assert (problem.code, place(problem).row) == ("timeframes_mixed", 3)


def test_a_given_timeframe_that_the_rows_do_not_keep(room: Room) -> None:
    assert room.refusal(csv(rows(3)), timeframe_s=3_600).code == "time_off_grid"


def test_two_coins_in_one_file(room: Room) -> None:
    problem = room.refusal(
        csv([f"KRW-BTC,{GOOD}", f"KRW-ETH,{T}1:00,100,102,98,101,1"], f"market,{HEADER}")
    )
    wrong = place(problem)
    assert (problem.code, wrong.row, wrong.column, wrong.value, wrong.expected) == (
        "coins_mixed",
        3,
        "market",
        "KRW-ETH",
        "KRW-BTC",
    )


def test_conflicts_name_both_rows_wherever_they_stand(room: Room) -> None:
    lines = list(reversed(rows(6)))
    again = lines[1].rpartition(",")[0] + ",77"
    problem = room.refusal(csv([*lines, again]))
    wrong = place(problem)
    assert (problem.code, wrong.row, wrong.value) == ("rows_conflict", 8, "77")
    assert wrong.expected == "4.25 as in row 3"


def test_a_conflict_within_one_line_of_json_shows_the_later_row(room: Room) -> None:
    names = ("candle_date_time_utc", "opening_price", "high_price", "low_price", "trade_price")
    values = [("2024-03-01T00:00:00", 2, 3, 1, close) for close in (2, 2, 2.5)]
    reply = json.dumps([dict(zip(names, row, strict=True)) for row in values])
    wrong = place(room.refusal(reply.encode()))
    assert (wrong.row, wrong.value, wrong.expected) == (1, "2.5", "2 as in row 1")


def test_local_times_that_a_zone_has_twice_or_never(room: Room) -> None:
    for hour in ("2024-11-03 01:30", "2024-03-10 02:30"):
        problem = room.refusal(csv([f"{hour},100,102,98,101,1"]), tz="America/New_York")
        assert (problem.code, place(problem).row) == ("time_ambiguous", 2)


def test_an_unknown_zone(room: Room) -> None:
    for tz in ("Korea", "+25:00", "../etc/passwd"):
        assert room.refusal(csv(rows()), tz=tz).code == "tz_unknown"


@pytest.mark.parametrize("content", [b"", b"\n\n \n", b"\xef\xbb\xbf"])
def test_an_empty_file(room: Room, content: bytes) -> None:
    assert room.refusal(content).code == "file_empty"


@pytest.mark.parametrize(
    "content", [HEADER.encode(), csv([]), csv(["", ",,,,,"]), b"[]", b" [ ]\n"]
)
def test_no_row(room: Room, content: bytes) -> None:
    assert room.refusal(content).code == "file_without_rows"


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(64),
        b"%PDF-1.7 ...",
        random.Random(3).randbytes(5_000),
        b"ARROW1\0\0",
    ],
)
def test_a_binary_file(room: Room, content: bytes) -> None:
    assert room.refusal(content).code == "file_binary"


def test_a_workbook(room: Room) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
    assert room.refusal(packed.getvalue(), "candles.xlsx").code == "file_spreadsheet"


@pytest.mark.parametrize(
    ("encoding", "code"), [("utf-16", "file_undecodable"), ("latin-1", "file_undecodable")]
)
def test_text_in_another_encoding(room: Room, encoding: str, code: str) -> None:
    content = csv([f"{row},é" for row in rows()], f"{HEADER},note").decode().encode(encoding)
    assert room.refusal(content).code == code


def test_an_undecodable_byte_names_its_row(room: Room) -> None:
    content = csv([f"{row},note" for row in rows(9)], f"{HEADER},note").replace(
        b"09:06:00", b"09:06:0\xff"
    )
    problem = room.refusal(content)
    assert (problem.code, place(problem).row, place(problem).value) == ("file_undecodable", 8, "ff")


def test_wrong_columns(room: Room) -> None:
    assert room.refusal(csv(["1,2", "3,4"], "a,b")).code == "columns_unsure"
    assert room.refusal(b"hello world, this is a letter\nand so on\n").code == "columns_unsure"
    twice = csv([f"{GOOD},7"], f"{HEADER},close")
    assert room.refusal(twice).code == "columns_unsure"


def test_too_many_columns(room: Room) -> None:
    header = ",".join([HEADER, *(f"x{at}" for at in range(994))])
    problem = room.refusal(csv([GOOD + ",1" * 994], header))
    assert (problem.code, place(problem).value) == ("too_many_columns", "1000")


def test_a_field_of_ten_megabytes(room: Room) -> None:
    content = csv([*rows(3), f"{T}9:00,{'9' * 10_000_000},102,98,101,1"])
    problem = room.refusal(content)
    assert (problem.code, place(problem).row) == ("field_too_long", 5)
    assert len(place(problem).value or "") == 200


def test_a_field_just_over_the_limit_in_a_column_that_nobody_reads(room: Room) -> None:
    header = f"{HEADER},note"
    fits = csv([f"{GOOD},{'x' * 4096}"], header)
    assert room.read_one(fits, timeframe_s=60).facts.rows == 1
    problem = room.refusal_place(csv([f"{GOOD},{'x' * 4097}"], header), timeframe_s=60)
    assert (problem.row, problem.column) == (2, "note")
    for length in (4_097, 200_000):
        quoted = csv([f'{GOOD},"{"x" * length}"'], header)
        assert room.refusal_code(quoted, timeframe_s=60) == "field_too_long"


@pytest.mark.parametrize(
    ("content", "row"),
    [
        (b'[{"candle_date_time_utc": "2024-03-01T00:00:00"', 1),
        (b'{"error": {"name": 404}}', 1),
        (b'[\n{"a": 1},\n{"a": 2} trailing', 3),
        (b'[\n{"a": 1}\n]\n[]', 4),
        (b"[1, 2, 3]", 1),
        (b"[" * 100_000, 1),
    ],
)
def test_broken_json(room: Room, content: bytes, row: int) -> None:
    problem = room.refusal(content, columns={"time": "a", "rate": "a"})
    assert (problem.code, place(problem).row) == ("json_broken", row)


def test_a_json_row_with_a_wrong_value_names_its_line(room: Room) -> None:
    names = ("candle_date_time_utc", "opening_price", "high_price", "low_price", "trade_price")
    row = '{{"{}": "2024-03-01T00:0{}:00", "{}": 2, "{}": 3, "{}": 1, "{}": {}}}'
    first, second = (
        row.format(names[0], at, *names[1:], value) for at, value in ((0, 2), (1, "null"))
    )
    problem = room.refusal(f"[\n  {first},\n  {second}\n]".encode())
    assert (problem.code, place(problem).row, place(problem).column) == (
        "value_missing",
        3,
        "trade_price",
    )


def test_funding_rates_are_not_prices(room: Room) -> None:
    lines = ["2025-06-22 00:00:00+00:00,-5.39e-06,0.0,0.0,0.0,0.0"]
    problem = room.refusal(csv(lines, "date,open,high,low,close,volume"))
    assert (problem.code, place(problem).column) == ("value_not_positive", "open")


def test_a_refusal_far_into_a_large_file_names_the_line(room: Room) -> None:
    lines = rows(200_000)
    lines[150_000] = lines[150_000].rpartition(",")[0] + ",nan"
    problem = room.refusal(gzip.compress(csv(lines), 1))
    assert (problem.code, place(problem).row, place(problem).value) == (
        "value_not_finite",
        150_002,
        "nan",
    )
