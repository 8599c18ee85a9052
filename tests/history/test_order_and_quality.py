"""Timeframe, gaps, duplicates and the quality report, by their definitions."""

from __future__ import annotations

import random
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.history import order, quality
from tests.history.builders import NS, START, UNHURRIED, Room, csv, ns, rows


def at(*seconds: int) -> list[str]:
    """Candles at these seconds after START, all alike."""
    return [
        f"{START + timedelta(seconds=second):%Y-%m-%d %H:%M:%S},100,102,98,101,1"
        for second in seconds
    ]


@pytest.mark.parametrize(
    ("seconds", "timeframe_s", "gaps", "longest_gap_s"),
    [
        ((0, 60, 120), 60, 0, 0),
        ((0, 60, 120, 300, 360), 60, 1, 120),
        ((0, 60, 180), 60, 1, 60),  # one gap of each length: the smaller is the timeframe
        ((0, 300, 600, 1_200), 300, 1, 300),
        ((0, 1, 2, 3_600), 1, 1, 3_597),
    ],
)
def test_the_timeframe_is_the_most_common_gap(
    room: Room, seconds: tuple[int, ...], timeframe_s: int, gaps: int, longest_gap_s: int
) -> None:
    facts = room.read_one(csv(at(*seconds))).facts
    assert (facts.timeframe_s, facts.gaps, facts.longest_gap_s) == (
        timeframe_s,
        gaps,
        longest_gap_s,
    )


def test_a_given_timeframe_counts_gaps_in_its_own_bars(room: Room) -> None:
    facts = room.read_one(csv(at(0, 120, 240)), timeframe_s=60).facts
    assert (facts.timeframe_s, facts.gaps, facts.longest_gap_s) == (60, 2, 60)
    assert facts.quality.coverage == pytest.approx(3 / 5)


def test_unsorted_rows_and_identical_duplicates(room: Room) -> None:
    lines = rows(200)
    shuffled = [*lines, lines[3], lines[3], lines[77]]
    random.Random(1).shuffle(shuffled)
    read = room.read_one(csv(shuffled))
    straight = room.read_one(csv(lines))
    assert (read.facts.rows, read.facts.duplicates) == (200, 3)
    assert (straight.facts.rows, straight.facts.duplicates) == (200, 0)
    assert read.facts.quality.unsorted
    assert not straight.facts.quality.unsorted
    for name in straight.columns.names:
        assert read.column(name) == straight.column(name)


def test_neighbouring_duplicates_in_a_sorted_file(room: Room) -> None:
    lines = rows(4)
    facts = room.read_one(csv([lines[0], lines[0], *lines[1:], lines[-1]])).facts
    assert (facts.rows, facts.duplicates, facts.quality.unsorted) == (4, 2, False)


def test_the_same_instant_in_two_spellings_is_one_bar(room: Room) -> None:
    first, again = "2024-03-01T09:00:00Z", "2024-03-01T18:00:00+09:00"
    rest = "100,102,98,101,1"
    later = f"2024-03-01T09:01:00Z,{rest}"
    facts = room.read_one(csv([f"{first},{rest}", f"{again},{rest}", later])).facts
    assert (facts.rows, facts.duplicates) == (2, 1)


@UNHURRIED
@given(st.lists(st.integers(0, 40), min_size=1, max_size=60))
def test_order_agrees_with_sorting_by_hand(minutes: list[int]) -> None:
    time_ns = np.array(minutes, np.int64) * 60 * NS
    found = order.of(time_ns)
    kept = time_ns if found.rows is None else time_ns[found.rows]
    assert kept.tolist() == sorted(set(time_ns.tolist()))
    assert len(found.equal) == len(minutes) - len(set(minutes))
    for first, again in found.equal.tolist():
        assert time_ns[first] == time_ns[again]
        assert first == minutes.index(minutes[again])
    assert found.is_sorted == (minutes == sorted(minutes))


@UNHURRIED
@given(st.lists(st.integers(1, 30), min_size=1, max_size=80))
def test_the_common_gap_agrees_with_counting(gaps: list[int]) -> None:
    most = max(gaps.count(gap) for gap in gaps)
    wanted = min(gap for gap in gaps if gaps.count(gap) == most)
    assert order.common_gap_ns(np.array(gaps, np.int64)) == wanted


def test_the_longest_gaps_come_first(room: Room) -> None:
    report = room.read_one(csv(at(0, 60, 120, 240, 300, 360, 660))).facts.quality
    assert [(gap.length_s, gap.bars) for gap in report.gap_list] == [(240, 4), (60, 1)]
    assert report.gap_list[0].start_ns == ns("2024-03-01T09:06")


def test_density_is_the_small_picture(room: Room) -> None:
    seconds = [60 * minute for minute in range(2_000) if not 500 <= minute < 1_000]
    report = room.read_one(csv(at(*seconds))).facts.quality
    assert len(report.density) == 200
    assert report.density == (1.0,) * 50 + (0.0,) * 50 + (1.0,) * 100
    assert report.coverage == pytest.approx(0.75)
    few = room.read_one(csv(at(0, 60, 180, 240))).facts.quality
    assert (len(few.density), set(few.density)) == (200, {0.0, 1.0})
    assert few.density.count(0.0) == 40


def test_a_spike_is_an_outlier_and_a_step_is_none(room: Room) -> None:
    prices = [100 + 0.1 * (minute % 3) for minute in range(300)]
    prices[120] = 140.0
    prices[200:] = [price * 1.5 for price in prices[200:]]
    lines = []
    for minute, price in enumerate(prices):
        stamp = START + timedelta(minutes=minute)
        lines.append(f"{stamp:%Y-%m-%d %H:%M:%S},{price},{price},{price},{price},{minute % 2}")
    report = room.read_one(csv(lines)).facts.quality
    assert report.outliers == 1
    assert report.outlier_list == ((ns("2024-03-01T11:00"), 140.0),)
    assert report.zero_volume == 150


def test_outliers_across_the_blocks_in_which_they_are_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prices = 100 + np.random.default_rng(1).normal(0, 0.1, 500)
    spikes = [99, 100 + 100, 349, 498]
    prices[spikes] = 150
    time_ns = np.arange(500, dtype=np.int64) * 60 * NS
    monkeypatch.setattr(quality, "_BLOCK_ROWS", 100)
    report = quality.measure(time_ns, np.diff(time_ns), 60 * NS, prices)
    assert [int(time // (60 * NS)) for time, _ in report.outlier_list] == spikes


def test_flat_prices_have_no_outliers(room: Room) -> None:
    lines = at(*range(0, 600, 60))
    assert room.read_one(csv(lines)).facts.quality.outliers == 0
