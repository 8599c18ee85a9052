"""Decimals and times: nothing is lost, nothing is guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.decimals import number
from app.domain.times import from_iso, to_iso


@pytest.mark.parametrize("text", ["0", "0.10", "8.428e-05", "125056000", "-3", "1E+3"])
def test_decimals_of_venues_are_numbers(text: str) -> None:
    assert number(text) == float(text)


@pytest.mark.parametrize("text", ["", "nan", "inf", "1_000", " 1", "0x1", "1e400", "01", "١"])
def test_what_only_python_calls_a_number_is_none(text: str) -> None:
    with pytest.raises(ValueError):
        number(text)


@given(at_ns=st.integers(0, 4_000_000_000 * 10**9))
def test_a_time_comes_back_to_the_nanosecond(at_ns: int) -> None:
    assert from_iso(to_iso(at_ns)) == at_ns


def test_times_show_the_digits_that_they_have() -> None:
    assert to_iso(1_723_161_253_937_085_768) == "2024-08-08T23:54:13.937085768Z"
    assert to_iso(1_723_161_253_937_000_000) == "2024-08-08T23:54:13.937Z"
    assert to_iso(1_723_161_253_000_000_000) == "2024-08-08T23:54:13Z"


def test_a_zone_counts_and_none_is_utc() -> None:
    assert from_iso("2026-07-30T16:04:00+09:00") == from_iso("2026-07-30T07:04:00")
    with pytest.raises(ValueError):
        from_iso("30.07.2026")
