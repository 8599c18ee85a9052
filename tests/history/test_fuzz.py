"""Damaged files of every kind: stored or refused, never anything else, and nothing left over."""

from __future__ import annotations

import gzip
import io
import json
import tempfile
import zipfile
from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.problems import Problem
from app.history import preview
from app.history.columns import PART_SUFFIX
from tests.history.builders import UNHURRIED, Room, csv, rows

PLAIN = csv(rows(12))
FX = csv([f'2024-05-{day},"1,37{day % 10}.5",.' for day in range(10, 30)], "Date,Price,Open")
UPBIT = json.dumps(
    [
        {
            "market": "KRW-BTC",
            "candle_date_time_utc": f"2024-03-01T00:0{at}:00",
            "opening_price": 100.5,
            "high_price": 102,
            "low_price": 99,
            "trade_price": 101,
            "candle_acc_trade_volume": 0.5,
            "unit": 1,
        }
        for at in range(6)
    ],
    indent=1,
).encode()
JOINED = csv(
    [f"2024-03-01 0{at}:00,90000000,62000,1330" for at in range(8)],
    "ts_utc,upbit_krw,binance_usdt,usdkrw_prev_day",
)


def _zipped() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("candles.csv", PLAIN)
    return packed.getvalue()


def _parquet() -> bytes:
    file = io.BytesIO()
    pl.read_csv(PLAIN, try_parse_dates=True).write_parquet(file)
    return file.getvalue()


SEEDS = [PLAIN, FX, UPBIT, JOINED, gzip.compress(PLAIN, mtime=0), _zipped(), _parquet()]
_ODD = (
    b"\n", b"\r", b",", b'"', b"\0", b"\xff", b"nan", b"1e999", b"-", b"9" * 40, b"[", b"{", b"}]",
    b"PK\x03\x04", b"\x1f\x8b", b"2024-13-01", b"+09:00", b"\xef\xbb\xbf", "한".encode(),
    b"\\ud800",
)  # fmt: skip
PIECES = st.one_of(st.binary(max_size=8), st.sampled_from(_ODD))


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    content = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(content)))
        drop = draw(st.sampled_from([0, 0, 1, 2, 8, 60]))
        content = content[:at] + draw(PIECES) + content[at + drop :]
    return content[: draw(st.integers(0, 3)) * 400 or None]


HINTS = st.fixed_dictionaries(
    {},
    optional={
        "tz": st.sampled_from(["UTC", "Asia/Seoul", "America/New_York", "nowhere", "-03:30"]),
        "timeframe_s": st.sampled_from([1, 60, 3_600, 86_400]),
        "base": st.sampled_from(["BTC", "USD", "usdt"]),
        "quote": st.sampled_from(["KRW", "USDT"]),
        "columns": st.sampled_from(
            [{"time": "0", "rate": "1"}, {"time": "Date", "rate": "Price"}, {"time": "x"}]
        ),
    },
)


@settings(UNHURRIED, max_examples=150)
@given(damaged(), HINTS)
def test_a_damaged_file_is_stored_or_refused(content: bytes, hints: dict[str, object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        room = Room(Path(folder))
        try:
            stored = room.read(content, **hints)
        except Problem as problem:
            assert 400 <= problem.status < 500
            assert list(room.datasets.iterdir()) == []
            _look_around(room, problem)
        else:
            for read in stored:
                assert len(read.column("time")) == read.facts.rows >= 1
                assert read.column("time") == sorted(set(read.column("time")))
            assert not list(room.datasets.glob(f"*{PART_SUFFIX}"))


def _look_around(room: Room, problem: Problem) -> None:
    """The page asks for the lines around a refused row, and for the columns when unsure."""
    source = room.path / "upload.csv"
    for wrong in problem.errors:
        if wrong.row is not None:
            lines = preview.around(source, "upload.csv", wrong.row, 2)
            assert all(abs(line - wrong.row) <= 2 for line, _ in lines)
    if problem.code == "columns_unsure":
        assert preview.sniff(source, "upload.csv").columns
