"""Engle and Granger's two steps against what is known of them."""

from __future__ import annotations

from math import isnan, log

import numpy as np
import pytest

from app.engine.detection.cointegration import (
    NOTHING,
    SAMPLES_MIN,
    critical,
    dickey_fuller,
    fit,
)

CHANCE = np.random.default_rng(7)


def walk(count: int, step: float = 0.001) -> np.ndarray:
    moved: np.ndarray = np.cumsum(CHANCE.normal(0.0, step, count))
    return moved


def returning(count: int, pull: float, step: float) -> np.ndarray:
    found = np.zeros(count)
    for i in range(1, count):
        found[i] = (1.0 - pull) * found[i - 1] + CHANCE.normal(0.0, step)
    return found


@pytest.mark.parametrize(
    ("count", "value"), [(10**9, -3.33613), (100, -3.39792), (50, -3.46106), (25, -3.59145)]
)
def test_the_critical_value_is_mackinnon_s(count: int, value: float) -> None:
    assert critical(count) == pytest.approx(value, abs=1e-5)


def test_the_test_s_regression_is_least_squares() -> None:
    rest = returning(200, 0.2, 0.01)
    moves = np.diff(rest)
    design = np.column_stack((rest[1:-1], moves[:-1]))
    best, left, *_ = np.linalg.lstsq(design, moves[1:], rcond=None)
    variance = float(left[0]) / (len(moves) - 1 - 2)
    error = np.sqrt(variance * np.linalg.inv(design.T @ design)[0, 0])
    t, pull = dickey_fuller(rest)
    assert pull == pytest.approx(float(best[0]))
    assert t == pytest.approx(float(best[0] / error))


def test_a_pair_that_returns_is_found_with_its_ratio_and_half_life() -> None:
    x = log(100.0) + walk(500)
    y = 0.3 + 1.5 * x + returning(500, 0.25, 0.002)
    found = fit(y, x)
    assert found.holds
    assert found.beta == pytest.approx(1.5, abs=0.1)
    assert found.half_life is not None
    assert 1.5 < found.half_life < 5.0
    assert found.deviation == pytest.approx(0.002 / np.sqrt(1 - 0.75**2), rel=0.3)


def test_of_pairs_that_have_nothing_to_do_with_each_other_one_in_twenty_seems_to() -> None:
    held = sum(fit(walk(120), walk(120)).t < critical(120) for _ in range(400))
    assert 4 <= held <= 44, "5 % of 400 are 20"


def test_a_pair_that_moves_against_each_other_hedges_nothing() -> None:
    x = walk(300)
    found = fit(-x + returning(300, 0.5, 0.0005), x)
    assert found.t < found.critical
    assert not found.holds


def test_z_is_how_far_the_last_one_stands() -> None:
    x = walk(200)
    rest = returning(200, 0.5, 0.001)
    rest[-1] = 0.01
    found = fit(x + rest, x)
    assert found.z > 4.0
    assert fit(x - rest, x).z < -4.0


@pytest.mark.parametrize(
    ("y", "x"),
    [
        (np.zeros(SAMPLES_MIN - 1), np.zeros(SAMPLES_MIN - 1)),
        (np.zeros(60), np.zeros(60)),
        (np.full(60, np.nan), np.arange(60.0)),
        (np.arange(60.0), np.arange(60.0)),
    ],
)
def test_what_cannot_be_fitted_is_nothing(y: np.ndarray, x: np.ndarray) -> None:
    found = fit(y, x)
    assert found is NOTHING or not found.holds
    assert not NOTHING.holds
    assert isnan(NOTHING.z)
