"""Reading a whole file: across chunks, given up half-way, killed, and within bounds."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from app.domain.datasets import Hints
from app.history import lines, quick, reader
from app.history.columns import PART_SUFFIX, open_columns
from app.history.lines import Chunk
from tests.history.builders import Room, csv, place, rows


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of some ten rows, so that a small file has many."""
    whole = lines.chunks

    def chunks(decoded: Iterable[bytes], encoding: str, **_: int) -> Iterator[Chunk]:
        content = b"".join(decoded)
        slices = (content[at : at + 100] for at in range(0, len(content), 100))
        return whole(slices, encoding, chunk_bytes=500)

    monkeypatch.setattr(lines, "chunks", chunks)


@pytest.mark.usefixtures("small_chunks")
def test_many_chunks_are_one_file(room: Room) -> None:
    read = room.read_one(csv(rows(500)))
    assert len(room.seen) > 40
    minute_ns = 60 * 10**9
    assert read.column("time") == [read.facts.start_ns + at * minute_ns for at in range(500)]
    assert read.column("close") == [float(100 + at % 7 + 1) for at in range(500)]


@pytest.mark.usefixtures("small_chunks")
def test_quick_and_slow_chunks_in_one_file(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """One-digit hours, blank lines and quotes come and go: every row is there."""
    body = rows(400)
    body[37] = body[37].replace(" 09:", " 9:")
    body[120] += "\n\n,,,,,"
    body[301] = ",".join(f'"{field}"' for field in body[301].split(","))
    quickly = []
    real = quick.read

    def counted(*args: object) -> object:
        quickly.append(real(*args))  # type: ignore[arg-type]
        return quickly[-1]

    monkeypatch.setattr(quick, "read", counted)
    read = room.read_one(csv(body))
    assert 0 < sum(found is None for found in quickly) < len(quickly)
    assert read.column("close") == [float(100 + at % 7 + 1) for at in range(400)]
    problem = room.refusal_place(csv([*body, body[0].rpartition(",")[0] + ",9"]))
    assert problem.row == 404


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize(
    ("broken", "code", "row"),
    [
        ("{time}Z,100,102,98,101,1,B", "time_forms_mixed", 302),
        ("{time},100,102,98,101,1,C", "coins_mixed", 302),
    ],
)
def test_what_one_chunk_settles_holds_in_the_next(
    room: Room, broken: str, code: str, row: int
) -> None:
    body = [f"{line},B" for line in rows(300)]
    after = [broken.format(time=f"2024-03-02 0{at}:00:00") for at in range(9)]
    problem = room.refusal(csv([*body, *after], "timestamp,open,high,low,close,volume,symbol"))
    assert (problem.code, place(problem).row) == (code, row)


def test_a_reader_that_is_told_to_stop_leaves_nothing(room: Room) -> None:
    class Cancelled(Exception):
        pass

    def stop(_done: int, _total: int) -> None:
        assert [path.name for path in room.datasets.iterdir()] == [f"one{PART_SUFFIX}"]
        raise Cancelled

    room.datasets.mkdir()
    with pytest.raises(Cancelled):
        reader.read_file(
            room.save(csv(rows(50))), "a.csv", Hints(), room.datasets, stop, lambda: "one"
        )
    assert list(room.datasets.iterdir()) == []


def test_the_manifest_holds_the_facts(room: Room) -> None:
    read = room.read_one(csv(rows(50)), base="BTC")
    manifest = open_columns(read.folder).manifest
    assert manifest["facts"]["base"] == "BTC"
    assert manifest["facts"]["rows"] == 50
    assert manifest["columns"]["time"] == {"dtype": "<i8", "rows": 50}


def test_columns_are_little_endian_and_contiguous(room: Room) -> None:
    columns = room.read_one(csv(list(reversed(rows(50))))).columns
    for name in columns.names:
        column = columns.get(name)
        assert column.flags.c_contiguous
        assert column.dtype.str == ("<i8" if name == "time" else "<f8")


def test_names_never_become_paths(room: Room) -> None:
    file = room.save(csv(rows(3)), "safe.csv")
    room.datasets.mkdir()
    folders = map("folder{}".format, itertools.count())
    for name in ("../../escape.csv", "/etc/passwd", "a\0b.csv", "con", "x" * 5_000):
        reader.read_file(file, name, Hints(), room.datasets, lambda *_: None, lambda: next(folders))
    assert sorted(path.name for path in room.path.iterdir()) == ["datasets", "safe.csv"]


def test_joined_without_any_rate(room: Room) -> None:
    header = "ts_utc,upbit_krw,binance_usdt,usdkrw_prev_day"
    body = ["2024-03-01 00:00,90000000,62000,", "2024-03-01 00:01,90000000,62000,."]
    problem = room.refusal(csv(body, header))
    assert (problem.code, place(problem).column) == ("value_missing", "usdkrw_prev_day")


def test_joined_rows_are_checked_like_any(room: Room) -> None:
    header = "ts_utc,upbit_krw,binance_usdt,usdkrw_prev_day"
    good = "2024-03-01 00:00,90000000,62000,1330"
    for line, column in (
        ("2024-03-01 00:01,0,62000,1330", "upbit_krw"),
        ("2024-03-01 00:01,90000000,,1330", "binance_usdt"),
        ("2024-03-01 00:01,90000000,62000,-1", "usdkrw_prev_day"),
        ("2024-03-01 00:00,90000001,62000,1330", "upbit_krw"),
        ("2024-03-01 00:00,90000000,62001,1330", "binance_usdt"),
        ("2024-03-01 00:00,90000000,62000,1331", "usdkrw_prev_day"),
    ):
        problem = room.refusal(csv([good, line], header), timeframe_s=60)
        assert (place(problem).row, place(problem).column) == (3, column), line


def test_ticks_are_not_held_to_a_grid_but_candles_of_a_rate_are(room: Room) -> None:
    body = ["2024-03-01 09:00:00,1330", "2024-03-01 09:01:00,1331", "2024-03-01 09:01:07,1332"]
    assert room.read_one(csv(body, "time,rate")).facts.timeframe_s is None
    regular = room.read_one(csv(body[:2], "time,rate")).facts
    assert (regular.shape, regular.timeframe_s) == ("fx_ticks", 60)
    lines_ = [f"{row.split(',')[0]},1330,1330,1330,1330" for row in body]
    content = csv(lines_, "time,open,high,low,close")
    assert room.refusal_code(content, base="USD", quote="KRW") == "time_off_grid"
    half = csv(["2024-03-01 09:00:00.5,1330"], "time,rate")
    assert room.read_one(half).facts.timeframe_s is None


def test_candles_closer_than_a_second_have_no_timeframe(room: Room) -> None:
    body = ["2024-03-01 09:00:00.0,1,1,1,1,1", "2024-03-01 09:00:00.5,1,1,1,1,1"]
    assert room.refusal(csv(body)).code == "timeframe_unknown"


CHILD = """
import itertools, sys
from pathlib import Path
from app.domain.datasets import Hints
from app.history.reader import read_file
count = itertools.count()
source, out = map(Path, sys.argv[1:])
print("reading", flush=True)
read_file(source, "x.csv", Hints(), out, lambda *_: None, lambda: f"folder{next(count)}")
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(status["VmHWM"].split()[0], flush=True)
"""


def _child(source: Path, out: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(source), str(out)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )


@pytest.mark.parametrize("moment", range(6))
def test_a_reader_killed_at_any_moment_leaves_nothing_visible(room: Room, moment: int) -> None:
    source = room.save(csv(rows(10_000) * 20))
    room.datasets.mkdir()
    child = _child(source, room.datasets)
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(0.05 * moment)
    child.send_signal(signal.SIGKILL)
    child.wait()
    visible = [path for path in room.datasets.iterdir() if path.suffix != PART_SUFFIX]
    for path in visible:
        assert len(open_columns(path).get("close")) == 10_000


def test_memory_does_not_grow_with_the_file(room: Room) -> None:
    """A file of 60 MB is read in less than a third of a gigabyte, all of Python included."""
    source = room.save(csv(rows(10_000) * 100))
    room.datasets.mkdir()
    child = _child(source, room.datasets)
    said, _ = child.communicate()
    assert child.returncode == 0
    assert int(said.split()[-1]) < 340_000
    assert open_columns(room.datasets / "folder0").get("close")[0] == 101
