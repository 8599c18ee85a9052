"""Files as programs write them: pandas, REST replies on one line, Parquet of any width."""

from __future__ import annotations

import io
import json
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

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
