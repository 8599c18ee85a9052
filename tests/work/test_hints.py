"""The words that come with a file."""

from __future__ import annotations

import pytest

from app.domain.datasets import Hints
from app.domain.problems import Problem
from app.runtime.work.hints import hints_of


def test_words_become_what_the_reader_takes() -> None:
    fields = {"venue": " Upbit ", "base": "btc", "quote": "krw", "timeframe": "5m", "tz": "+09:00"}
    assert hints_of(fields) == Hints("upbit", "BTC", "KRW", 300, "+09:00")


def test_an_empty_field_of_a_form_was_not_given() -> None:
    assert hints_of({"venue": "", "base": "  ", "timeframe": ""}) == Hints()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1m", 60),
        ("15M", 900),
        ("1h", 3_600),
        ("4h", 14_400),
        ("1d", 86_400),
        ("60", 60),
        ("90s", 90),
    ],
)
def test_timeframes_are_words_or_seconds(text: str, seconds: int) -> None:
    assert hints_of({"timeframe": text}).timeframe_s == seconds


@pytest.mark.parametrize(
    "text", ["0", "-60", "1.5m", "m", "1y", "32d", "1m30s", "999999999d", "١m"]
)
def test_other_timeframes_are_refused(text: str) -> None:
    with pytest.raises(Problem) as refused:
        hints_of({"timeframe": text})
    assert refused.value.errors[0].column == "timeframe"


def test_columns_are_named_as_json() -> None:
    hints = hints_of({"columns": '{"time": "Zeit", "close": "3"}'})
    assert hints.columns == {"time": "Zeit", "close": "3"}


def test_everything_wrong_is_named_at_once() -> None:
    fields = {
        "venue": "a b",
        "base": "=cmd()",
        "quote": "x" * 33,
        "timeframe": "?",
        "columns": "[]",
    }
    with pytest.raises(Problem) as refused:
        hints_of(fields)
    assert [error.column for error in refused.value.errors] == list(fields)
