"""Files as programs write them: pandas, REST replies on one line, Parquet of any width."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from app.domain.problems import Problem
from app.history.limits import FIELD_BYTES_MAX, HEAD_BYTES, LINE_BYTES_MAX
from tests.history.builders import START, Room, csv, place, rows

NAIVE = START.replace(tzinfo=None)


def upbit_reply(count: int, **changes: dict[int, object]) -> list[dict[str, object]]:
    """Upbit's minutes, the newest first; changes: field → {row: another value}."""
    reply: list[dict[str, object]] = []
    for at in range(count):
        moment = NAIVE + timedelta(minutes=count - at)
        row: dict[str, object] = {
            "market": "KRW-BTC",
            "candle_date_time_utc": moment.isoformat(),
            "opening_price": 100.5 + at % 3,
            "high_price": 110,
            "low_price": 90,
            "trade_price": 101.25,
            "korean_name": '비트코인, "하나"',
        }
        row |= {name: other[at] for name, other in changes.items() if at in other}
        reply.append(row)
    return reply


@pytest.mark.parametrize("encoding", ["utf-8", "cp949"])
def test_a_reply_of_any_length_may_stand_on_one_line(room: Room, encoding: str) -> None:
    reply = upbit_reply(30_000)
    content = json.dumps(reply, ensure_ascii=False).encode(encoding)
    assert len(content) > 4 * max(HEAD_BYTES, LINE_BYTES_MAX)
    read = room.read_one(content, "reply.json")
    assert (read.facts.rows, read.facts.gaps) == (30_000, 0)
    opens = [row["opening_price"] for row in reversed(reply)]
    assert read.columns.get("open").tolist() == opens


def test_a_wrong_row_late_on_one_line_is_named(room: Room) -> None:
    content = json.dumps(upbit_reply(30_000, trade_price={29_000: 0})).encode()
    problem = room.refusal(content, "reply.json")
    assert problem.code == "value_not_positive"
    assert (place(problem).row, place(problem).column, place(problem).value) == (
        1, "trade_price", "0",
    )  # fmt: skip


def test_a_nul_late_on_one_line_is_refused(room: Room) -> None:
    content = json.dumps(upbit_reply(30_000)).encode()
    problem = room.refusal(content[:-9_000] + b"\0" + content[-9_000:], "reply.json")
    assert (problem.code, place(problem).row) == ("file_has_nul", 1)


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "index"])
def test_an_index_of_dates_is_the_time(room: Room, name: str) -> None:
    read = room.read_one(csv(rows(), f"{name},open,high,low,close,volume"))
    assert read.facts.rows == 5
    assert read.facts.columns["time"] == name


def test_an_index_of_numbers_is_not_the_time(room: Room) -> None:
    lines = [f"{at},{row.partition(',')[2]}" for at, row in enumerate(rows())]
    problem = room.refusal(csv(lines, ",open,high,low,close,volume"))
    assert problem.code == "columns_unsure"
    assert place(problem).value == "#0, open, high, low, close, volume"
    assert place(problem).row == 1


def parquet(**columns: object) -> bytes:
    moments = [NAIVE + timedelta(minutes=at) for at in range(3)]
    prices = {name: [100.0, 101.0, 102.0] for name in ("open", "high", "low", "close")}
    file = io.BytesIO()
    pl.DataFrame({"timestamp": moments, **prices, **columns}).write_parquet(file)
    return file.getvalue()


def test_narrow_floats_keep_their_value(room: Room) -> None:
    prices = np.array([60_120_832, 0.1, 2.527632], np.float32)
    names = ("open", "high", "low", "close")
    read = room.read_one(parquet(**dict.fromkeys(names, prices)), "narrow.parquet")
    assert read.columns.get("close").tolist() == prices.astype(np.float64).tolist()


def test_a_long_text_in_parquet_is_refused_by_name(room: Room) -> None:
    notes = ["", "x" * (FIELD_BYTES_MAX + 1), ""]
    problem = room.refusal(parquet(note=notes), "long.parquet")
    assert (problem.code, place(problem).row, place(problem).column) == (
        "field_too_long", 3, "note",
    )  # fmt: skip


def test_a_field_longer_than_a_line_may_be_is_refused_by_name(room: Room) -> None:
    line = f"{rows(2)[1].rpartition(',')[0]},{'1' * 10_000_000}"
    problem = room.refusal(csv([rows(1)[0], line]))
    wrong = place(problem)
    assert (problem.code, wrong.row, wrong.column) == ("field_too_long", 3, "volume")
    assert wrong.value == "1" * 200


def stretch(start: datetime, count: int, step_s: int) -> list[str]:
    return [
        f"{start + timedelta(seconds=step_s * at):%Y-%m-%d %H:%M:%S},100,101,99,100,1"
        for at in range(count)
    ]


def test_minutes_that_go_on_as_five_minutes_are_refused(room: Room) -> None:
    lines = stretch(NAIVE, 30, 60) + stretch(NAIVE + timedelta(minutes=30), 20, 300)
    problem = room.refusal(csv(lines))
    wrong = place(problem)
    assert (problem.code, wrong.row, wrong.column) == ("timeframes_mixed", 33, "timestamp")
    assert (wrong.value, wrong.expected) == ("2024-03-01 09:35:00", "60 s after the row before")
    assert room.read_one(csv(lines), timeframe_s=60).facts.gaps == 19


def test_gaps_are_no_second_timeframe(room: Room) -> None:
    """Blocks with equal holes between them, and a thin market's uneven ones."""
    blocks = [line for at in range(9) for line in stretch(NAIVE + timedelta(hours=at), 10, 60)]
    assert room.read_one(csv(blocks)).facts.gaps == 8
    thin = [at for at in range(400) if at % 3 and at % 7 and at % 11]
    lines = [stretch(NAIVE + timedelta(minutes=at), 1, 60)[0] for at in thin]
    assert room.read_one(csv(lines)).facts.rows == len(thin)


def test_fx_in_the_name_settles_what_the_prices_leave_open(room: Room) -> None:
    lines = [f"{line.partition(',')[0]},1300,1301,1299,1300" for line in stretch(NAIVE, 2, 3600)]
    content = csv(lines, "time,open,high,low,close")
    with pytest.raises(Problem, match="columns_unsure"):
        room.read(content, "x.csv")
    assert room.read_one(content, "fx_1h.csv").facts.shape == "fx_candles"
