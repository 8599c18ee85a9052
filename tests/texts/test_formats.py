"""Figures are written as the design says: unit, sign, minus, none and unknown."""

from __future__ import annotations

import pytest

from app.texts import formats as f

SECOND = 1_000_000_000
AT = 1_795_065_786_412_000_000  # 2026-11-19 05:23:06.412 UTC


@pytest.mark.parametrize(
    ("value", "written"),
    [(1_284_550.4, "1,284,550"), (-27_850, "−27,850"), (0.3, "0"), (-0.3, "0"), (None, "–")],
)
def test_won_has_no_decimals_and_no_negative_zero(value: float | None, written: str) -> None:
    assert f.won(value) == written


def test_a_gain_carries_its_sign_and_zero_none() -> None:
    assert f.won(1_284_550, signed=True) == "+1,284,550"
    assert f.won(0, signed=True) == "0"
    assert f.returns(11.134) == "+11.13 %"
    assert f.returns(-0.001) == "0.00 %"
    assert f.returns(None) == "–"


@pytest.mark.parametrize(
    ("value", "english", "korean"),
    [
        (11_134_353, "11.13 M", "1,113만"),
        (26_080_000_000, "26.08 bn", "260.80억"),
        (150_000_000, "150.00 M", "1.50억"),
        (133_000, "133 k", "13만"),
        (812, "812", "812"),
        (-585_000, "−585 k", "−58만"),
    ],
)
def test_tiles_shorten_won(value: float, english: str, korean: str) -> None:
    assert f.won_short("en", value) == english
    assert f.won_short("ko", value) == korean


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (64.61, "+64.6"),
        (-12.3, "−12.3"),
        (0.04, "0.0"),
        (10_500, "> +9,999"),
        (-10_500, "< −9,999"),
        (None, "–"),
    ],
)
def test_edges_are_bps_with_one_decimal(value: float | None, written: str) -> None:
    assert f.bps(value) == written


def test_what_is_not_finite_is_unknown() -> None:
    assert f.number(float("nan")) == "?"
    assert f.share(float("inf")) == "?"
    assert f.age("en", None) == "?"


@pytest.mark.parametrize(
    ("seconds", "english", "korean"),
    [
        (0.012, "12 ms", "12 ms"),
        (3.2, "3.2 s", "3.2 s"),
        (41, "41 s", "41초"),
        (540, "9 min", "9분"),
        (11_520, "3 h 12 m", "3시간 12분"),
        (3_600, "1 h", "1시간"),
        (90, "1 m 30 s", "1분 30초"),
        (183_600, "2 d 3 h", "2일 3시간"),
    ],
)
def test_ages_have_two_figures_at_most(seconds: float, english: str, korean: str) -> None:
    assert f.age("en", seconds) == english
    assert f.age("ko", seconds) == korean


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (149_953_000.0, "149,953,000"),
        (0.19852, "0.19852"),
        (4_129.9, "4,129.9"),
        (0.00000001, "0.00000001"),
        (100.0, "100"),
    ],
)
def test_prices_have_no_decimals_that_were_not_there(value: float, written: str) -> None:
    assert f.price(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [(812, "812 B"), (6_100, "6 KB"), (284_100_000, "284.1 MB"), (4.2e9, "4.2 GB"), (None, "–")],
)
def test_sizes(value: float | None, written: str) -> None:
    assert f.size(value) == written


def test_a_limit_in_gib_stays_one() -> None:
    assert f.gib(2**30) == "1 GiB"
    assert f.gib(0.5 * 2**30) == "0.5 GiB"


def test_times_stand_in_the_viewer_s_zone() -> None:
    assert f.clock(AT, "Asia/Seoul") == "14:23:06"
    assert f.clock(AT, "Asia/Seoul", millis=True) == "14:23:06.412"
    assert f.moment(AT, "Asia/Seoul") == "2026-11-19 14:23"
    assert f.second(AT, "UTC") == "2026-11-19 05:23:06"
    assert f.day(AT, "UTC") == "2026-11-19"
    assert f.weekday("ko", AT, "Asia/Seoul") == "11-19 목"
    assert f.weekday("en", AT, "Asia/Seoul") == "11-19 Thu"
    assert f.iso(AT) == "2026-11-19T05:23:06.412Z"
    assert f.iso(AT - AT % SECOND) == "2026-11-19T05:23:06Z"


def test_a_zone_that_this_machine_does_not_know_is_kst() -> None:
    assert f.clock(AT, "Moon/Tranquility") == "14:23:06"


def test_a_direction_is_a_word_only_where_the_figure_has_a_sign() -> None:
    assert f.direction(0.004, 2) == ""
    assert f.direction(0.006, 2) == "up"
    assert f.direction(-3) == "down"
    assert f.direction(None) == ""


@pytest.mark.parametrize(
    ("us", "written"),
    [
        (None, "–"),
        (3.14, "3.1 µs"),
        (42.0, "42 µs"),
        (999.6, "1.0 ms"),
        (1_700.0, "1.7 ms"),
        (41_600.0, "42 ms"),
        (1_711_300.0, "1.7 s"),
    ],
)
def test_a_latency_has_the_unit_in_which_it_is_read(us: float | None, written: str) -> None:
    assert f.micros(us) == written
