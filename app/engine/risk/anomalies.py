"""Anomalies: what the prices of books do out of their way: runs within a minute, gaping spreads.

Sampled once a second over all books at a time; a book that may decide nothing is not sampled, and
one that came back is watched from anew.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isnan, nan, sqrt
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from app.domain.markets import Instrument
from app.domain.times import SECOND_NS
from app.domain.trading import TradingPolicy
from app.engine.detection.board import Stage

BPS = 1e4
PCT = 100.0
WINDOW_S_MAX = 300
SAMPLES_MIN = 60
"""Before so many a book's usual spread is not known."""
MEMORY_S = 600.0
"""How long a spread is remembered: half of its weight is gone after 0.7 of it."""
SIGMA_FLOOR_BPS = 1.0
"""A book whose spread never moves is not anomalous for moving a little."""

Floats = npt.NDArray[np.float64]


class Crash(NamedTuple):
    """A price that ran: the largest distance from where it has been within the window."""

    asset: str
    instrument: Instrument
    move_pct: float


class Anomalies:
    """Of the rows of a stage. row: where an instrument's book stands."""

    def __init__(self, stage: Stage, row: Callable[[Instrument], int | None]) -> None:
        count = len(stage.tops)
        self._stage = stage
        self._row = row
        self._policy = TradingPolicy()
        self._instruments: dict[int, Instrument] = {}
        self._mids = np.full((WINDOW_S_MAX, count), nan, np.float32)
        self._place = 0
        self._mean = np.zeros(count)
        self._variance = np.zeros(count)
        self._seen = np.zeros(count, np.int64)
        self._sampled_ns = 0

    def policy(self, policy: TradingPolicy) -> None:
        self._policy = policy

    def sample(self, at_ns: int) -> tuple[Crash, ...]:
        """At a tick; does something once a second. Prices that have run too far by now."""
        if at_ns - self._sampled_ns < SECOND_NS:
            return ()
        if at_ns - self._sampled_ns > WINDOW_S_MAX * SECOND_NS:
            self._mids[:] = nan
        self._sampled_ns = at_ns
        self._follow()
        mids, spreads = self._prices()
        self._place = (self._place + 1) % WINDOW_S_MAX
        self._mids[self._place] = mids
        moves = self._moves(mids)
        self._learn(spreads)
        ran = np.flatnonzero(np.abs(moves) >= self._policy.flash_crash_pct)
        assets, instruments = self._stage.assets, self._instruments
        return tuple(
            Crash(assets.get(row, instruments[row].base), instruments[row], float(moves[row]))
            for row in ran.tolist()
            if row in instruments
        )

    def spread(self, instrument: Instrument) -> tuple[float | None, float | None]:
        """Best ask over best bid now, in bps, and its distance from usual in standard deviations;
        None: not known."""
        row = self._row(instrument)
        if row is None:
            return None, None
        line = self._stage.lines[row]
        bid, ask = float(line["bid"]), float(line["ask"])
        bps = BPS * (ask - bid) / ((ask + bid) / 2.0) if bid > 0.0 else nan
        if isnan(bps):
            return None, None
        if self._seen[row] < SAMPLES_MIN or self._instruments.get(row) != instrument:
            return bps, None
        usual = max(SIGMA_FLOOR_BPS, sqrt(float(self._variance[row])))
        return bps, (bps - float(self._mean[row])) / usual

    def largest(self) -> float | None:
        """The largest move of any book within the window, in percent; None: nothing is watched."""
        moves = np.abs(self._moves(self._mids[self._place]))
        known = moves[~np.isnan(moves)]
        return float(known.max()) if known.size else None

    # Beneath

    def _follow(self) -> None:
        """Rows that got another book begin anew."""
        instruments = self._stage.instruments
        for row in [r for r, each in self._instruments.items() if instruments.get(r) != each]:
            del self._instruments[row]
            self._mids[:, row] = nan
            self._mean[row] = self._variance[row] = self._seen[row] = 0
        if len(self._instruments) != len(instruments):
            self._instruments = dict(instruments)

    def _prices(self) -> tuple[Floats, Floats]:
        """Mid and spread in bps of every row; NaN where the book may decide nothing."""
        tops, lines = self._stage.tops, self._stage.lines
        bid, ask = lines["bid"], lines["ask"]
        decides = (tops["valid"] != 0) & (lines["live"] != 0) & (bid > 0.0)
        mids = np.where(decides, (bid + ask) / 2.0, nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            return mids, BPS * (ask - bid) / mids

    def _window(self) -> npt.NDArray[np.float32]:
        count = max(2, min(WINDOW_S_MAX, round(self._policy.crash_window_s) + 1))
        places = (self._place - np.arange(count)) % WINDOW_S_MAX
        return self._mids[places]

    def _moves(self, mids: Floats) -> Floats:
        """From the farther of the window's ends, in percent: a fall is negative."""
        window = self._window()
        highest, lowest = np.fmax.reduce(window), np.fmin.reduce(window)
        with np.errstate(invalid="ignore", divide="ignore"):
            fall, rise = PCT * (mids / highest - 1.0), PCT * (mids / lowest - 1.0)
        moves: Floats = np.where(-fall > rise, fall, rise)
        return moves

    def _learn(self, spreads: Floats) -> None:
        rows = np.flatnonzero(~np.isnan(spreads))
        self._seen[rows] += 1
        # The first samples weigh alike, so that the mean is one; later ones fade.
        weight = np.maximum(1.0 / self._seen[rows], 1.0 / MEMORY_S)
        away = spreads[rows] - self._mean[rows]
        self._mean[rows] += weight * away
        self._variance[rows] = (1.0 - weight) * (self._variance[rows] + weight * away * away)
