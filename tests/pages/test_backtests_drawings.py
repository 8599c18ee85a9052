"""Small pictures: geometry that fits its frame and tells the truth."""

from __future__ import annotations

import re

import pytest

from app.domain.backtests import Params
from app.routers.backtesting import drawings
from app.routers.backtesting.costs import bill
from app.routers.backtesting.cycle_table import significant
from app.routers.backtesting.summary import money

WORDS = {"exit": "leave", "break_even": "break-even", "entry": "enter"}


def test_a_histogram_stands_on_its_line_and_loses_left_of_zero() -> None:
    drawn = drawings.histogram([-200_000, -100_000, 0, 100_000], [1, 4, 2], 1000)
    assert [bar.ink for bar in drawn.bars] == ["f-down", "f-down", "f-ink3"]
    assert [round(bar.y + bar.height) for bar in drawn.bars] == [64, 64, 64]
    assert drawn.bars[1].height == drawings.HISTOGRAM_HEIGHT
    assert drawn.zero == pytest.approx(66.67)
    assert [tick.text for tick in drawn.ticks] == ["−200", "−100", "0", "+100"]


def test_a_histogram_of_gains_has_no_zero_line() -> None:
    assert drawings.histogram([0, 10, 20], [3, 1], 1).zero is None


@pytest.mark.parametrize(
    ("value", "ink"),
    [(0.0, ""), (0.2, ""), (1.0, "h1"), (4.9, "h5"), (99.0, "h5"), (-5.0, "g5"), (None, "")],
)
def test_heat_steps_keep_the_side(value: float | None, ink: str) -> None:
    assert drawings.heat(value, 5.0) == ink


def test_nothing_to_compare_with_is_not_coloured() -> None:
    assert drawings.heat(3.0, 0.0) == ""


@pytest.mark.parametrize(
    "params",
    [
        Params(entry_bps=80, exit_bps=10),
        Params(entry_bps=30, exit_bps=10),
        Params(entry_bps=10, exit_bps=80),
        Params(entry_bps=50, exit_bps=50, krw_fee_bps=0, global_fee_bps=0, slippage_bps=0),
    ],
)
def test_the_break_even_picture_stays_in_its_frame(params: Params) -> None:
    drawn = drawings.edge(bill(params), WORDS)
    assert all(0 <= mark.at <= 100 for mark in drawn.marks)
    assert drawn.cost_width >= 0
    assert drawn.net_width >= 0
    at = {mark.text: mark.at for mark in drawn.marks}
    assert at["break-even"] - at["leave"] == pytest.approx(drawn.cost_width, abs=0.02)


def test_a_staircase_spans_its_width_and_keeps_a_steady_choice_level() -> None:
    path = drawings.staircase([60, 80, 80])
    assert path.endswith("H100.0")
    assert len(set(re.findall(r"V([\d.]+)", drawings.staircase([70, 70, 70])))) == 1


@pytest.mark.parametrize(
    ("amount", "lang", "label"),
    [
        (100e6, "en", "M KRW"),
        (5e6, "en", "thousand KRW"),
        (3.0, "en", "KRW"),
        (1e11, "en", "bn KRW"),
        (100e6, "ko", "만 KRW"),
        (1e10, "ko", "억 KRW"),
    ],
)
def test_money_is_drawn_in_a_unit_that_leaves_figures(amount: float, lang: str, label: str) -> None:
    assert money(lang, amount).label == label  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [
        (0.21264999, 6, "0.21265"),
        (7160.371, 6, "7,160.37"),
        (189_112_169.99999, 9, "189,112,170"),
        (1_000_000.0, 6, "1,000,000"),
        (0.00001234, 6, "0.00001234"),
        (0.0, 6, "0"),
    ],
)
def test_figures_of_a_fill_show_no_noise(value: float, digits: int, shown: str) -> None:
    assert significant(value, digits) == shown
