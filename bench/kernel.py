"""Rows kernel.full and sweep.1000: the candle kernel beside three engines on equal input."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from app.backtest.play import Curves, play
from app.backtest.series import Aligned, Candles, Coin, Fx, align
from app.domain.backtests import Params
from bench import market, peering
from bench.table import Row

ENTRY_BPS, EXIT_BPS = 120.0, 0.0
RULE = Params(entry_bps=ENTRY_BPS, exit_bps=EXIT_BPS)
SERIES = 2  # both venues' bars are events
SLOW_BARS = 50_000  # of the million, for engines that need a minute for all
PEERS = {"vectorbt": market.BARS, "backtrader": SLOW_BARS, "nautilus": SLOW_BARS}
TURNS = 9


def rows(folder: Path) -> list[Row]:
    """kernel.full, one row a peer."""
    market.spread(folder)
    whole, head = aligned(folder, market.BARS), aligned(folder, SLOW_BARS)
    curves = Curves(np.empty(whole.rows), np.empty(whole.rows))
    seconds = best(lambda: play(whole, RULE, curves=curves))
    ours = SERIES * whole.rows / seconds
    cycles = {bars.rows: len(play(bars, RULE).cycles) for bars in (whole, head)}
    found = []
    for peer, bars in PEERS.items():
        answer = peering.ask(f"spread_{peer}", folder, ENTRY_BPS, EXIT_BPS, bars)
        if isinstance(answer, str):
            value, note = None, answer
        else:
            value = SERIES * bars / answer["seconds"]
            note = f"{bars:,} bars; its cycles {answer['trades']:,}, ours {cycles[bars]:,}"
        found.append(Row("kernel.full", ours, "bar events/CPU s", "higher", peer, value, note))
    return found


def aligned(folder: Path, bars: int) -> Aligned:
    """The first `bars` bars as a run sees them."""
    names = ("time_s", "k_open", "k_close", "g_open", "g_close")
    column = {name: np.load(folder / f"{name}.npy")[:bars] for name in names}
    time_ns = column["time_s"] * market.NS

    def candles(side: str) -> Candles:
        opened, close = column[f"{side}_open"], column[f"{side}_close"]
        return Candles(time_ns, opened, np.maximum(opened, close), np.minimum(opened, close), close)

    coin = Coin("BTC", candles("k"), candles("g"))
    return align([coin], Fx.fixed(market.FX_KRW), market.MINUTE_S)


def best(turn: Callable[[], object], turns: int = TURNS) -> float:
    """The least CPU seconds of several turns, after one that does not count."""
    turn()
    taken = []
    for _ in range(turns):
        started = time.process_time()
        turn()
        taken.append(time.process_time() - started)
    return min(taken)
