"""Bars: stored columns → the aligned arrays of a run, the last ones kept for the next run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from app.backtest.series import Aligned, Candles, Coin, Fx, align
from app.history.columns import open_columns
from app.runtime.work.limits import ALIGNED_BYTES_KEPT_MAX
from app.runtime.work.orders import Bars, CoinFolders

Series = tuple[list[Coin], Fx]


def series(bars: Bars) -> Series:
    """The columns as they lie on disk, memory-mapped."""
    return [_coin(coin) for coin in bars.coins], _fx(bars)


def _coin(folders: CoinFolders) -> Coin:
    sides = []
    for folder in (folders.krw, folders.glob):
        columns = open_columns(folder)
        names = ("time", "open", "high", "low", "close")
        sides.append(Candles(*(columns.get(name) for name in names)))
    return Coin(folders.base, *sides)


def _fx(bars: Bars) -> Fx:
    if isinstance(bars.fx, float):
        return Fx.fixed(bars.fx)
    columns = open_columns(bars.fx)
    return Fx(columns.get("known_at"), columns.get("rate"))


def most_bars(bars: Bars) -> int:
    """No coin has more bars than the shorter of its two files has rows."""
    return sum(min(_rows(coin.krw), _rows(coin.glob)) for coin in bars.coins)


def _rows(folder: Path) -> int:
    return len(open_columns(folder).get("time"))


class Alignments:
    """Of one process: the newest alignments while they are small enough together.

    Sweeps, reruns with other numbers and checks of one run ask for the same bars again and again.
    """

    def __init__(self, bytes_max: int = ALIGNED_BYTES_KEPT_MAX) -> None:
        self._bytes_max = bytes_max
        self._kept: dict[Bars, Aligned] = {}
        self._lock = threading.Lock()  # a Dask worker has several threads

    def of(
        self,
        bars: Bars,
        read: Callable[[Bars], Series] = series,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Aligned:
        """Datasets never change once they are stored, so what was aligned stays right."""
        with self._lock:
            found = self._kept.pop(bars, None)
            if found is None:
                coins, fx = read(bars)
                found = align(coins, fx, bars.timeframe_s, bars.start_ns, bars.end_ns, on_progress)
            self._kept[bars] = found
            while len(self._kept) > 1 and sum(map(_bytes, self._kept.values())) > self._bytes_max:
                del self._kept[next(iter(self._kept))]
            return found


def _bytes(aligned: Aligned) -> int:
    return sum(np.asarray(array).nbytes for array in aligned.tape)
