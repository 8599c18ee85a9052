"""Numbers, times and texts as scanners read them, beside Python's own readers."""

from __future__ import annotations

import math
import random
import struct
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.decimals import number
from app.domain.times import from_iso, to_iso
from app.exchanges.scanning.scan import NONE, NameTable, row_of
from app.exchanges.scanning.text import STOP, decimal, iso, quotient, skip, text_end, whole


def read(text: str) -> float | None:
    value, end = decimal(text.encode(), 0)
    return value if end == len(text) else None


@settings(max_examples=500, deadline=None)
@given(st.from_regex(r"(0|[1-9][0-9]{0,24})(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,3})?", fullmatch=True))
def test_a_number_is_the_float_that_python_reads_or_none(text: str) -> None:
    try:
        expected = number(text)
    except ValueError:
        expected = math.nan

    assert read(text) in {None, expected}


def test_every_number_that_venues_write_is_read() -> None:
    """Up to 18 digits that count, in any place: none of them needs the slow reader."""
    chance = random.Random(5)
    for _ in range(50_000):
        digits = str(chance.randint(1, 10 ** chance.randint(1, 18) - 1))
        scale = chance.randint(0, min(12, len(digits) - 1))
        text = digits[: len(digits) - scale] + ("." + digits[-scale:] if scale else "")
        if chance.random() < 0.3 and scale:
            text += "0" * chance.randint(1, 12)
        assert read(text) == float(text), text


def test_between_two_floats_the_nearest_is_taken_and_of_equals_the_even_one() -> None:
    """Decimals right beside, and right on, the middle between neighbours."""
    chance = random.Random(6)
    tried = 0
    for _ in range(50_000):
        near = chance.randint(1 << 53, 10**18 - 1)
        scale = chance.randint(1, 18)
        exact = Fraction(near, 10**scale)
        low = float(exact)
        (bits,) = struct.unpack("<q", struct.pack("<d", low))
        (high,) = struct.unpack("<d", struct.pack("<q", bits + chance.choice([-1, 1])))
        middle = (Fraction(low) + Fraction(high)) / 2 * 10**scale
        for mantissa in (math.floor(middle), math.ceil(middle)):
            if 0 < mantissa < 10**18:
                tried += 1
                assert quotient(mantissa, scale) == float(Fraction(mantissa, 10**scale))

    assert tried > 50_000


@pytest.mark.parametrize("text", ["", "-1", "01", ".5", "1.", "1e", "1e+", "x", "1" * 19, "1e999"])
def test_what_is_no_number_or_too_long_is_left_to_others(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize("text", ["", "-1", "01", "1.0", "1e2", "1" * 19])
def test_whole_numbers_are_written_plainly(text: str) -> None:
    assert whole(text.encode(), 0)[1] == STOP


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 4_102_444_799 * 10**9))
def test_times_are_read_back(at_ns: int) -> None:
    text = to_iso(at_ns)

    assert iso(text.encode(), 0) == (at_ns, len(text))


@settings(max_examples=300, deadline=None)
@given(st.from_regex(r"(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]Z"))
def test_times_that_are_none_are_left_to_others(text: str) -> None:
    value, end = iso(text.encode(), 0)
    if end != STOP:
        assert value == from_iso(text[:20])
    for cut in range(20):
        assert iso(text[:cut].encode(), 0)[1] == STOP


@pytest.mark.parametrize(
    ("text", "length"),
    [("true,", 4), ("null}", 4), ("false]", 5), ('"a b",', 5), ("-1.5e-3,", 7), ("0,", 1)]
    + [
        (wrong, -1) for wrong in ("tru", "nul", "falsy", '"a', '"\\"', '"\n"', "01", "1.", "-", "{")
    ],
)
def test_what_nobody_looks_at_is_passed_by(text: str, length: int) -> None:
    assert skip(text.encode(), 0) == length


def test_texts_end_at_their_quote() -> None:
    assert text_end(b'abc"d', 0) == 3
    assert text_end("김".encode() + b'"', 0) == STOP


def test_symbols_have_rows_until_they_are_forgotten() -> None:
    rows = {f"COIN{number}USDT": number for number in range(500)} | {"币安人生USDT": 700, "": 4}
    names = NameTable(rows)
    looked_up = {
        symbol: row_of(names.table, symbol.encode(), 0, len(symbol.encode())) for symbol in rows
    }

    assert looked_up == rows | {"": NONE}
    names.forget(7)
    assert row_of(names.table, b"COIN7USDT", 0, 9) == NONE
    assert row_of(names.table, b"COIN8USDT", 0, 9) == 8
    assert row_of(names.table, b"COIN9999USDT", 0, 12) == NONE
