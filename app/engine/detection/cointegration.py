"""Cointegration: Engle and Granger's two steps on the logarithms of two prices."""

from __future__ import annotations

from math import isfinite, log, nan
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SAMPLES_MIN = 30
CRITICAL_5 = (-3.33613, -6.1101, -6.823)
"""MacKinnon (2010), table 2: two series, a constant, 5 %: β∞ + β1/T + β2/T²."""


class Fit(NamedTuple):
    """y = alpha + beta·x + rest. t: of the rest's Dickey-Fuller test; deviation: of the rest.

    z: the last rest in deviations; > 0: y is dear. half_life: in samples, None where it has none.
    """

    alpha: float
    beta: float
    t: float
    critical: float
    deviation: float
    z: float
    half_life: float | None

    @property
    def holds(self) -> bool:
        """Whether at 5 % the rest returns. A pair that moves against each other hedges nothing."""
        return self.beta > 0.0 and self.t < self.critical


NOTHING = Fit(nan, nan, nan, nan, nan, nan, None)


def critical(count: int) -> float:
    """Of `count` samples at 5 %."""
    at_infinity, first, second = CRITICAL_5
    return at_infinity + first / count + second / count**2


def fit(y: Floats, x: Floats) -> Fit:
    """Of logarithms of equal length; NOTHING where they are too few, unknown or do not move."""
    count = len(y)
    if count < SAMPLES_MIN or not (np.isfinite(y).all() and np.isfinite(x).all()):
        return NOTHING
    away_x, away_y = x - x.mean(), y - y.mean()
    spread = float(away_x @ away_x)
    if spread <= 0.0:
        return NOTHING
    beta = float(away_x @ away_y) / spread
    rest = away_y - beta * away_x
    deviation = float(np.sqrt(rest @ rest / (count - 2)))
    if deviation <= 0.0:
        return NOTHING
    t, pull = dickey_fuller(rest)
    half_life = -log(2.0) / pull if isfinite(pull) and -1.0 < pull < 0.0 else None
    alpha = float(y.mean() - beta * x.mean())
    return Fit(alpha, beta, t, critical(count), deviation, float(rest[-1]) / deviation, half_life)


def dickey_fuller(rest: Floats) -> tuple[float, float]:
    """(t, coefficient) of the level in Δe = c·e₋₁ + d·Δe₋₁: one lag, no constant, as of a rest."""
    moves = np.diff(rest)
    y, level, lag = moves[1:], rest[1:-1], moves[:-1]
    a, b, d = float(level @ level), float(level @ lag), float(lag @ lag)
    determinant = a * d - b * b
    if determinant <= 0.0:
        return nan, nan
    u, v = float(level @ y), float(lag @ y)
    pull, drag = (d * u - b * v) / determinant, (a * v - b * u) / determinant
    left = y - pull * level - drag * lag
    variance = float(left @ left) / (len(y) - 2)
    if variance <= 0.0:
        return nan, nan
    return pull / float(np.sqrt(variance * d / determinant)), pull
