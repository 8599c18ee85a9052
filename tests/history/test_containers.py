"""Wrappings and encodings: what is inside counts, and what is inside is bounded."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib

import polars as pl
import pytest

from app.history import decode
from tests.history.builders import Room, csv, place, rows

PLAIN = csv(rows(50))


def zipped(*files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return packed.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(PLAIN),
        gzip.compress(PLAIN[:700]) + gzip.compress(PLAIN[700:]),
        gzip.compress(PLAIN) + bytes(512),
        zipped(("candles.csv", PLAIN)),
        zipped(("a/", b""), ("a/candles.csv", PLAIN), ("__MACOSX/a/._candles.csv", b"\0")),
        zipped(("candles.csv", PLAIN), method=zipfile.ZIP_STORED),
        b"\xef\xbb\xbf" + PLAIN,
        PLAIN.replace(b"\n", b"\r\n"),
        PLAIN.replace(b"\n", b"\r"),
        PLAIN.rstrip(b"\n"),
        b"\n\n" + PLAIN.replace(b"\n", b"\n\n") + b"\n \n",
    ],
)
def test_the_name_and_the_wrapping_do_not_matter(room: Room, content: bytes) -> None:
    read = room.read_one(content, "no-suffix-at-all")
    assert read.facts.rows == 50
    assert read.column("close") == room.read_one(PLAIN).column("close")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_korean_text_in_either_encoding(room: Room, encoding: str) -> None:
    lines = [f"비트코인,{row}" for row in rows()]
    content = csv(lines, "종목,timestamp,open,high,low,close,volume").decode().encode(encoding)
    read = room.read_one(content)
    assert read.facts.rows == 5


def test_cp949_that_shows_only_after_the_head(room: Room) -> None:
    lines = [f"{row},x" for row in rows(20_000)]
    lines[-1] = lines[-1][:-1] + "끝"
    content = csv(lines, "timestamp,open,high,low,close,volume,note").decode().encode("cp949")
    assert room.read_one(content).facts.rows == 20_000


def test_parquet_as_pandas_and_polars_write_it(room: Room) -> None:
    table = pl.read_csv(PLAIN, try_parse_dates=True).with_columns(nested=pl.lit([1]))
    for times in (
        pl.col("timestamp"),
        pl.col("timestamp").dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Seoul"),
        pl.col("timestamp").dt.epoch("ms"),
        pl.col("timestamp").cast(pl.Datetime("ns")),
    ):
        file = io.BytesIO()
        table.with_columns(times).write_parquet(file)
        read = room.read_one(file.getvalue())
        assert read.times[:2] == ["2024-03-01T09:00:00", "2024-03-01T09:01:00"]
        assert read.column("low") == room.read_one(PLAIN).column("low")


def test_a_wrong_value_in_parquet(room: Room) -> None:
    table = pl.read_csv(PLAIN).with_columns(close=pl.lit(None, pl.Float64))
    file = io.BytesIO()
    table.write_parquet(file)
    problem = room.refusal(file.getvalue())
    assert (problem.code, place(problem).row, place(problem).column) == (
        "value_missing",
        2,
        "close",
    )


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (gzip.compress(PLAIN)[:-200], "gzip_broken"),
        (gzip.compress(PLAIN)[:-6], "gzip_broken"),
        (gzip.compress(PLAIN)[:-8] + bytes(8), "gzip_broken"),
        (gzip.compress(PLAIN) + b"more", "gzip_broken"),
        (b"\x1f\x8b", "gzip_broken"),
        (zipped(("a.csv", PLAIN), ("b.csv", PLAIN)), "zip_not_single"),
        (zipped(("a/", b"")), "zip_not_single"),
        (zipped(*((f"{at}.csv", b"") for at in range(3_000))), "zip_not_single"),
        (zipped(), "zip_not_single"),
        (zipped(("a.csv", PLAIN))[:-30], "zip_broken"),
        (zipped(("a.csv", PLAIN)).replace(b"09:00", b"09:01"), "zip_broken"),
        (zipped(("a.csv", PLAIN), method=zipfile.ZIP_LZMA), "zip_broken"),
        (zipped(("a.csv.gz", gzip.compress(PLAIN))), "file_binary"),
        (b"PAR1" + bytes(40) + b"PAR1", "parquet_broken"),
    ],
)
def test_broken_wrappings(room: Room, content: bytes, code: str) -> None:
    if code == "zip_broken" and b"a.csv" in content and content.endswith(b"\0\0"):
        content = content[:60] + bytes(4) + content[64:]  # damage what is compressed
    assert room.refusal(content).code == code


def test_a_zip_with_a_password(room: Room) -> None:
    content = bytearray(zipped(("a.csv", PLAIN)))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    assert room.refusal(bytes(content)).code == "zip_encrypted"


def blown_up(fold: int) -> bytes:
    """A gzip file that grows `fold` times: rows, then blank lines to the wanted size."""
    packer = zlib.compressobj(9, wbits=31)
    packed = packer.compress(PLAIN)
    grown = len(PLAIN)
    while True:
        tail = packer.copy().flush()
        if grown >= fold * (len(packed) + len(tail)):
            return packed + tail
        packed += packer.compress(b"\n" * 10_000)
        grown += 10_000


def test_expansion_is_bounded_at_two_hundred_fold(room: Room) -> None:
    assert room.refusal(blown_up(201)).code == "expands_too_far"
    assert room.read_one(blown_up(150)).facts.rows == 50


def test_expansion_is_bounded_in_bytes(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "EXPANDED_BYTES_MAX", 2_000)
    for content in (gzip.compress(PLAIN, 0), zipped(("a.csv", PLAIN), method=zipfile.ZIP_STORED)):
        assert room.refusal(content).code == "expands_too_far"


def test_a_parquet_bomb(room: Room) -> None:
    file = io.BytesIO()
    zeros = {name: pl.zeros(3_000_000, eager=True) for name in ("time", "open", "high", "low")}
    pl.DataFrame(zeros).write_parquet(file)
    assert len(file.getvalue()) < 100_000
    assert room.refusal(file.getvalue()).code == "expands_too_far"


def test_progress_counts_stored_bytes_to_the_end(room: Room) -> None:
    lines = rows(10_000)
    content = gzip.compress(csv(lines * 60), 1)
    assert room.read_one(content).facts.duplicates == 590_000
    done = [at for at, _ in room.seen]
    assert done == sorted(done)
    assert len(set(done)) >= 3
    assert room.seen[-1] == (len(content), len(content))
