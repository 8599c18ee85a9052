"""A number field takes what a trader would type, and says what would have passed."""

from __future__ import annotations

import pytest

from app.domain.backtests import POINTS_MAX
from app.routers.backtesting.numbers import Reading, Unreadable, read, write, write_all

PLAIN, WHOLE, MONEY = Reading(), Reading(whole=True), Reading(money=True)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("80", (80.0,)),
        (" -12.5 ", (-12.5,)),
        ("−12.5", (-12.5,)),
        (".5", (0.5,)),
        ("60,80,100", (60.0, 80.0, 100.0)),
        ("60; 80  100", (60.0, 80.0, 100.0)),
        ("60..140/20", (60.0, 80.0, 100.0, 120.0, 140.0)),
        ("60 .. 70 / 5", (60.0, 65.0, 70.0)),
        ("1..4", (1.0, 2.0, 3.0, 4.0)),
        ("-10..10/10, 35", (-10.0, 0.0, 10.0, 35.0)),
        ("80, 80, 80.0", (80.0,)),
    ],
)
def test_values_lists_and_ranges(text: str, values: tuple[float, ...]) -> None:
    assert read(text, PLAIN) == values


def test_a_range_in_tenths_hits_every_tenth() -> None:
    assert read("0..1/0.1", PLAIN) == tuple(k / 10 for k in range(11))


def test_a_range_stops_at_the_last_step_that_fits() -> None:
    assert read("0..10/4", PLAIN) == (0.0, 4.0, 8.0)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("10,000,000", (1e7,)),
        ("10,000,000, 20,000,000", (1e7, 2e7)),
        ("1000만", (1e7,)),
        ("1.5억", (1.5e8,)),
        ("10M..30M/10M", (1e7, 2e7, 3e7)),
        ("500k", (5e5,)),
    ],
)
def test_money_may_be_grouped_or_in_units(text: str, values: tuple[float, ...]) -> None:
    assert read(text, MONEY) == values


@pytest.mark.parametrize(
    ("text", "reading", "key"),
    [
        ("", PLAIN, "empty"),
        (" , ", PLAIN, "empty"),
        ("eighty", PLAIN, "number"),
        ("8O", PLAIN, "number"),
        ("nan", PLAIN, "number"),
        ("1e999", PLAIN, "number"),
        ("10만", PLAIN, "number"),
        ("140..60/20", PLAIN, "range"),
        ("60..140/0", PLAIN, "range"),
        ("60..140/-5", PLAIN, "range"),
        ("0..1000000/1", PLAIN, "many"),
        ("1.5", WHOLE, "whole"),
        ("x" * 500, PLAIN, "long"),
    ],
)
def test_what_cannot_be_read_says_why(text: str, reading: Reading, key: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        read(text, reading)
    assert refusal.value.key == key


def test_a_fraction_names_the_whole_numbers_beside_it() -> None:
    with pytest.raises(Unreadable) as refusal:
        read("720, 0.5", WHOLE)
    assert refusal.value.values == {"value": "0.5", "below": 0, "above": 1}


def test_as_many_values_as_a_sweep_may_have_points() -> None:
    assert len(read(f"1..{POINTS_MAX}", PLAIN)) == POINTS_MAX
    with pytest.raises(Unreadable):
        read(f"1..{POINTS_MAX + 1}", PLAIN)


@pytest.mark.parametrize("value", [80.0, -12.5, 0.0002, 10_000_000.0, 123_456.789, 1e-7])
def test_what_a_field_shows_reads_back_as_the_same_number(value: float) -> None:
    assert read(write(value), MONEY) == (value,)


def test_a_list_reads_back_as_the_same_list() -> None:
    values = (10_000_000.0, 20_000_000.0, 0.25)
    assert read(write_all(values), MONEY) == values
