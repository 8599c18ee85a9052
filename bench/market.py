"""Inputs that every peer gets alike: two venues' minute bars, and one big candle file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

BARS = 1_000_000
CSV_ROWS = 5_000_000
FX_KRW = 1400.0
START_S = 1_600_000_000
MINUTE_S = 60
NS = 1_000_000_000
SEED = 20261120


def spread(folder: Path, bars: int = BARS) -> None:
    """Write k_open, k_close, g_open, g_close, p (bps at the close) and time_s as .npy."""
    chance = np.random.default_rng(SEED)
    world = 60_000 * np.exp(np.cumsum(chance.normal(0, 3e-4, bars)))
    shocks = chance.normal(0, 12, bars)
    premium = np.empty(bars)
    level = 0.0
    for bar in range(bars):
        level = level * 0.995 + shocks[bar]
        premium[bar] = level + 40
    korea = world * FX_KRW * (1 + premium / 1e4)
    columns = {
        "time_s": START_S + MINUTE_S * np.arange(bars),
        "k_open": np.concatenate([korea[:1], korea[:-1]]),
        "k_close": korea,
        "g_open": np.concatenate([world[:1], world[:-1]]),
        "g_close": world,
        "p": (korea / (world * FX_KRW) - 1) * 1e4,
    }
    for name, values in columns.items():
        np.save(folder / f"{name}.npy", values)


def candle_file(path: Path, rows: int = CSV_ROWS) -> None:
    """Write an OHLCV file of `rows` minutes, about 58 bytes a row."""
    import polars as pl

    chance = np.random.default_rng(SEED)
    close = np.round(60_000 * np.exp(np.cumsum(chance.normal(0, 2e-4, rows))), 2)
    opened = np.concatenate([close[:1], close[:-1]])
    reach = np.round(np.abs(chance.normal(0, 8, rows)), 2)
    frame = pl.DataFrame(
        {
            "timestamp": 1_000
            * (START_S - MINUTE_S * rows + MINUTE_S * np.arange(rows) + 60 * 4_000_000),
            "open": opened,
            "high": np.maximum(opened, close) + reach,
            "low": np.minimum(opened, close) - reach,
            "close": close,
            "volume": np.round(chance.gamma(2, 5, rows), 6),
        }
    )
    frame.write_csv(path, float_precision=2)
