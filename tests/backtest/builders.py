"""Candles, rates and markets in a line or two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import msgspec
import numpy as np

from app.backtest.series import Aligned, Candles, Coin, Fx, align
from app.domain.backtests import Params
from tests.backtest.oracle import Candle, Market, Rate, Strategy

T0 = 1_700_000_040
SECOND_NS = 1_000_000_000


def candles(rows: Sequence[Candle]) -> Candles:
    table = np.array(rows, np.float64).reshape(-1, 3)
    opened, closed = table[:, 1].copy(), table[:, 2].copy()
    return Candles(
        np.array([row[0] for row in rows], np.int64) * SECOND_NS,
        opened,
        np.maximum(opened, closed),
        np.minimum(opened, closed),
        closed,
    )


def rates(rows: Sequence[Rate]) -> Fx:
    ordered = sorted(rows, key=lambda row: row[0])
    return Fx(
        np.array([known for known, _ in ordered], np.int64) * SECOND_NS,
        np.array([rate for _, rate in ordered], np.float64),
    )


def aligned_from(
    markets: Sequence[Market],
    fx: Sequence[Rate],
    timeframe_s: int = 60,
    start: int | None = None,
    end: int | None = None,
) -> Aligned:
    return align(
        [Coin(m.base, candles(m.krw), candles(m.glob)) for m in markets],
        rates(fx),
        timeframe_s,
        None if start is None else start * SECOND_NS,
        None if end is None else end * SECOND_NS,
    )


def params_from(strategy: Strategy) -> Params:
    return msgspec.convert(asdict(strategy), Params)


def market(
    base: str, premiums: Sequence[float], price: float = 100.0, fx: float = 1000.0
) -> Market:
    """One candle a minute: flat abroad, in Korea at the premium (bps) of each close.

    Every candle opens where the one before closed.
    """
    closes = [price * fx * (1 + bps / 1e4) for bps in premiums]
    opens = [price * fx, *closes[:-1]]
    times = [T0 + 60 * place for place in range(len(premiums))]
    krw = list(zip(times, opens, closes, strict=True))
    return Market(base, krw, [(t, price, price) for t in times])


def random_case(seed: int) -> dict[str, Any]:
    """A small hostile market: gaps, missing bars, ties, rates that change on bars, any rule."""
    g = np.random.default_rng(seed)
    timeframe = int(g.choice([60, 300, 3600]))
    count = int(g.integers(1, 70))
    start = T0 // 3600 * 3600
    times = [start + timeframe * place for place in range(count)]
    if g.random() < 0.3:
        hole = int(g.integers(0, count))
        times = [t if place < hole else t + timeframe * 40 for place, t in enumerate(times)]
    fx = [(int(start + timeframe * g.integers(-3, 4)), 1000.0)]
    for _ in range(int(g.integers(0, 6))):
        known = start + timeframe * int(g.integers(-2, count + 2)) + int(g.choice([0, 0, 0, 17]))
        fx.append((known, float(1000 + g.integers(-8, 9))))
    fx.sort(key=lambda row: row[0])
    level = float(g.choice([0.0, 60.0, -60.0]))
    markets = []
    for base in ["AAA", "BBB", "a", "ZRX"][: int(g.choice([1, 1, 2, 3, 4]))]:
        step = float(g.choice([1.0, 20.0]))
        premium = level + np.round(np.cumsum(g.normal(0, 40, count)) * 0.4 / step) * step
        abroad = np.round(100 * np.exp(np.cumsum(g.normal(0, 2e-3, count))), 2)
        korea = np.round(abroad * 1000 * (1 + premium / 1e4), 1)
        missing = float(g.choice([0.0, 0.1, 0.5]))
        rows_k = _rows(g, times, korea, missing, stop=g.random() < 0.2)
        rows_g = _rows(g, times, abroad, missing / 2, stop=False)
        markets.append(Market(base, rows_k, rows_g))
    bound = lambda: int(start + timeframe * g.integers(-2, count + 3) + g.choice([0, 0, 7]))  # noqa: E731
    return {
        "markets": markets,
        "fx": fx,
        "timeframe_s": timeframe,
        "start": bound() if g.random() < 0.25 else None,
        "end": bound() if g.random() < 0.25 else None,
        "strategy": _strategy(g),
    }


def _rows(
    g: np.random.Generator, times: list[int], closes: Any, missing: float, stop: bool
) -> list[Candle]:
    opens = np.concatenate([closes[:1], closes[:-1]])
    if g.random() < 0.5:
        opens = np.round(opens * (1 + g.normal(0, 5e-4, len(times))), 2)
    rows = [
        (t, float(o), float(c))
        for t, o, c in zip(times, opens, closes, strict=True)
        if g.random() >= missing
    ]
    return rows[: len(rows) * 2 // 3] if stop else rows


def _strategy(g: np.random.Generator) -> Strategy:
    pick = lambda *values: values[int(g.integers(len(values)))]  # noqa: E731
    return Strategy(
        style=pick("inventory", "transfer"),
        direction=pick("high", "low", "both"),
        entry_bps=float(pick(80, 40, 0, -60, 120, -1e6, 37.5)),
        exit_bps=float(pick(10, 40, -20, 0, 60, 1e6, -1e6)),
        max_hold_bars=pick(0, 0, 1, 4, 15),
        notional_krw=float(pick(1e7, 1e5, 29.0)),
        krw_fee_bps=float(pick(5, 0, 25)),
        global_fee_bps=float(pick(10, 0)),
        slippage_bps=float(pick(2, 0, 30)),
        withdraw_fee=pick({}, {"AAA": 0.5}, {"AAA": 1000.0, "BBB": 0.01, "a": 2.0}),
        transfer_bars=pick(10, 0, 1, 3, 7),
        hedge=pick(False, True),
        hedge_fee_bps=float(pick(4, 0)),
        qty_step=float(pick(0, 0, 0.001, 1.0, 1e9)),
    )
