"""The quick reader may only accept, and what it accepts the slow reader reads to the same bits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.datasets import Hints
from app.domain.problems import Problem
from app.history import detect, dialect, quick, slow
from app.history.blocks import Block, Seen
from app.history.lines import Chunk, Undecodable, chunks
from app.history.times import Clock
from tests.history.builders import HEADER, UNHURRIED, csv, rows

PLAN = detect.detect(dialect.read(Chunk(csv(rows()), 1)), "x.csv", Hints())
SPELLINGS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%d %H:%M:%S+09:00",
    "%Y-%m-%dT%H:%M:%S.%f",
    "%Y/%m/%d %H:%M",
    "%Y-%m-%d",
    "%s",
    "%s000",
    "%s000000",
    "%s000000000",
    "%s.0",
)


def both(text: bytes, plan: detect.Plan = PLAN) -> tuple[Block | None, Block | Problem]:
    """What the two readers make of one chunk of rows."""
    clock = Clock(plan.zone)
    (chunk,) = chunks([text], "utf-8")
    quickly = _quickly(chunk.text, plan, clock)
    try:
        return quickly, slow.read(slow.rows_of(chunk, ","), plan, clock, Seen())
    except Problem as problem:
        return quickly, problem


def _quickly(text: bytes, plan: detect.Plan, clock: Clock) -> Block | None:
    found = quick.read(Chunk(text, 1), plan, ",", clock)
    return found[0] if found else None


def assert_same(quickly: Block, slowly: Block) -> None:
    np.testing.assert_array_equal(quickly.time_ns, slowly.time_ns)
    np.testing.assert_array_equal(quickly.wall_ns, slowly.wall_ns)
    assert list(quickly.lines) == list(slowly.lines)
    for word, column in slowly.values.items():
        assert quickly.values[word].tobytes() == column.tobytes(), word


def spell(moment: datetime, spelling: str) -> str:
    return moment.strftime(spelling.replace("%s", str(round(moment.timestamp()))))


@st.composite
def good_files(draw: st.DrawFn) -> bytes:
    """Rows of good candles in one spelling of times and any spelling of numbers."""
    spelling = draw(st.sampled_from(SPELLINGS))
    start = draw(st.datetimes(datetime(2009, 1, 2), datetime(2100, 1, 1))).replace(
        microsecond=0, tzinfo=UTC
    )
    price = st.one_of(
        st.floats(1e-12, 1e12, allow_nan=False).map(repr),
        st.decimals("0.00000001", "99999999", places=8).map(str),
        st.integers(1, 10**17).map(str),
        st.floats(1e-3, 1e9).map(lambda number: f"{number:.17e}"),
    )
    lines = []
    for minute in range(draw(st.integers(1, 12))):
        prices = sorted((draw(price) for _ in range(4)), key=float)
        low, opened, close, high = prices
        volume = draw(price)
        moment = start + timedelta(minutes=minute)
        fields = (spell(moment, spelling), opened, high, low, close, volume)
        quoted = [f'"{field}"' if draw(st.integers(0, 20)) == 0 else field for field in fields]
        lines.append(",".join(quoted))
    return csv(lines, None)


@UNHURRIED
@given(good_files())
def test_good_files_are_read_alike(text: bytes) -> None:
    quickly, slowly = both(text)
    assert isinstance(slowly, Block)
    assert quickly is not None, "the quick reader left a good file to the slow one"
    assert_same(quickly, slowly)


ODD = (
    "", " ", ",", ",,", "\n", "\n\n", "\r\n", "\r", '"', '""', "\t", ";", "nan", "NaN", "inf",
    "-inf", "Infinity", "-", "+", "--", ".", "..", "e", "E5", "1e5", "1e400", "1e-400", "0", "00",
    "-0", "-1", "_", "1_0", "0x1", "é", "한", "\u00a0", "\u2028", "\x0b", "\x1f", "null", "None",
    "true", "9" * 30, "2024", "-02-30", "24:00", ":60", "Z", "+09:00", "1970", "x" * 5_000, "#",
)  # fmt: skip


@st.composite
def mutated_files(draw: st.DrawFn) -> bytes:
    """A good file with some odd text put into, or in the place of, parts of it."""
    text = draw(good_files()).decode()
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        drop = draw(st.integers(0, 6))
        text = text[:at] + draw(st.sampled_from(ODD)) + text[at + drop :]
    return text.encode() or b"\n"


@settings(UNHURRIED, max_examples=400)
@given(mutated_files())
def test_the_quick_reader_accepts_only_what_the_slow_one_does(text: bytes) -> None:
    try:
        quickly, slowly = both(text)
    except Undecodable:
        pytest.fail("mutations are UTF-8")
    if quickly is not None:
        assert isinstance(slowly, Block), f"accepted: {text!r}"
        assert_same(quickly, slowly)


@pytest.mark.parametrize(
    "line",
    [
        "2024-03-01 09:05:00,100,102,98,101",  # polars fills a short row with null
        "2024-03-01 09:05:00,100,102,98,101,1,7",  # and cuts or refuses a long one
        "2024-03-01 09:05:00,100,102,98,NaN,1",
        "2024-03-01 09:05:00,100,inf,98,101,1",
        "2024-03-01 09:05:00,100,102,98,,1",
        '2024-03-01 09:05:00,100,102,98,"1""01",1',
        '2024-03-01 09:05:00,100,102,"98,101",1,1',
        '2024-03-01 09:05:00,100,102,98, "101",1',
        '2024-03-01 09:05:00,100,102,98,"101" ,1',
        "",
        ",,,,,",
        "2024-03-01 09:05:00,100,102,98,101\n,1",
        "2024-03-01 09:05:61,100,102,98,101,1",
        "2024-02-30 09:05:00,100,102,98,101,1",
        "2024-03-01T09:05:00,100,102,98,101,1",
        "2024-03-01 09:05:00,100,102,98,103,1",
        "2024-03-01 09:05:00,1 0,102,98,101,1",
    ],
)
def test_what_polars_would_let_pass_is_left_to_the_slow_reader(line: str) -> None:
    text = csv([*rows(5), line, *rows(3)], None)
    assert _quickly(text, PLAN, Clock(PLAN.zone)) is None


def test_quotes_that_only_decorate_are_quick() -> None:
    plain = csv(rows(), None)
    quoted = b'"' + plain.replace(b",", b'","').replace(b"\n", b'"\n"')[:-1]
    assert quoted.startswith(b'"2024-03-01 09:00:00","100",')
    clock = Clock(PLAN.zone)
    quickly, straight = _quickly(quoted, PLAN, clock), _quickly(plain, PLAN, clock)
    assert quickly is not None and straight is not None
    assert_same(quickly, straight)


def test_rows_shifted_over_line_ends_are_seen() -> None:
    """Two rows that together have the right number of fields are still two wrong rows."""
    text = csv(["2024-03-01 09:05:00,100,102,98,101,1,2", "100,102,98,101,1"], None)
    assert _quickly(text, PLAN, Clock(PLAN.zone)) is None


def test_a_column_that_may_hold_one_market_only() -> None:
    table = dialect.read(Chunk(csv([f"A,{row}" for row in rows()], f"market,{HEADER}"), 1))
    plan = detect.detect(table, "x.csv", Hints())
    clock = Clock(plan.zone)
    same = csv([f"AB,{row}" for row in rows()], None)
    other = same.replace(b"AB,2024-03-01 09:03", b"AC,2024-03-01 09:03")
    longer = same.replace(b"AB,2024-03-01 09:03", b"ABC,2024-03-01 09:03")
    found = quick.read(Chunk(same, 1), plan, ",", clock)
    assert found and found[1].constants == {0: "AB"}
    assert quick.read(Chunk(other, 1), plan, ",", clock) is None
    assert quick.read(Chunk(longer, 1), plan, ",", clock) is None
