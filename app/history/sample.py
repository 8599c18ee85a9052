"""The built-in sample: a seeded, synthetic but realistic two-venue history with its FX.

Sixty days of one-minute candles of BTC and XRP on Upbit (won) and Binance (USDT), and USDT/KRW
candles. The premium reverts to a mean that drifts between regimes, with jumps and fat tails, so
that a threshold strategy wins often and loses sometimes. Labelled synthetic in its facts.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.domain.backtests import Direction, Params, Style
from app.domain.venues import Venue
from app.history import targets
from app.history.blocks import Block
from app.history.detect import Plan, Shape
from app.history.pairs import Pair
from app.history.targets import Stored
from app.history.times import NS_PER_S, Form
from app.history.words import Word

_START = datetime(2025, 6, 1, tzinfo=UTC)
_DAYS = 60
_BARS = _DAYS * 1_440
_MINUTE_NS = 60 * NS_PER_S
_OUTAGES: dict[Venue, tuple[tuple[int, int], ...]] = {
    Venue.UPBIT: ((17_280, 47), (55_431, 180)),
    Venue.BINANCE: ((38_907, 12),),
}
"""(first bar, bars) that a venue's history lacks, as real ones lack theirs."""

SUGGESTED = Params(
    style=Style.INVENTORY,
    direction=Direction.HIGH,
    entry_bps=80.0,
    exit_bps=10.0,
    max_hold_bars=720,
)
"""Under these the sample shows some ninety cycles, seven of ten won."""

_Series = NDArray[np.float64]


class _Coin(NamedTuple):
    """USDT at the start, deviation of its own log move in a day, coins traded in a minute."""

    price: float
    daily_move: float
    volume: float


_COINS = {"BTC": _Coin(105_000.0, 0.016, 14.0), "XRP": _Coin(2.2, 0.034, 210_000.0)}
_TICKS = {
    (Venue.UPBIT, "BTC"): 1_000.0,
    (Venue.UPBIT, "XRP"): 1.0,
    (Venue.UPBIT, "USDT"): 0.5,
    (Venue.BINANCE, "BTC"): 0.01,
    (Venue.BINANCE, "XRP"): 0.0001,
}


def make_sample(
    out: Path, folders: Callable[[], str], *, seed: int = 20_250_601
) -> tuple[Stored, ...]:
    """Write the sample's datasets: dollar and won candles of each coin, then USDT/KRW."""
    generator = np.random.default_rng(seed)
    rate = 1_380.0 * np.exp(_walk(generator, daily_move=0.004))
    market = _walk(generator, daily_move=0.018)
    premium = _premium(generator)
    stored: list[Stored] = []
    for base, coin in _COINS.items():
        own = _walk(generator, daily_move=coin.daily_move)
        dollars = coin.price * np.exp(market + own)
        local = _reverting(generator, half_life_bars=25, deviation=0.0010)
        won = dollars * rate * (1 + premium + local)
        abroad = Pair(base, "USDT", Venue.BINANCE.value)
        korea = Pair(base, "KRW", Venue.UPBIT.value)
        stored += _store(out, folders, generator, abroad, dollars, coin.volume)
        stored += _store(out, folders, generator, korea, won, 0.3 * coin.volume)
    tether = Pair("USDT", "KRW", Venue.UPBIT.value)
    stored += _store(out, folders, generator, tether, rate, 90_000.0)
    return tuple(stored)


def _premium(generator: np.random.Generator) -> _Series:
    """Won over dollars: a level that changes every few days, a pull towards it, sudden jumps."""
    level = np.empty(_BARS)
    at = 0
    while at < _BARS:
        length = int(generator.integers(2 * 1_440, 6 * 1_440))
        level[at : at + length] = generator.choice([0.0015, 0.0035, 0.0050, 0.0095], p=_LEVEL_ODDS)
        at += length
    smooth = _decaying(level * (1 - 0.5 ** (1 / 360)), half_life_bars=360, start=level[0])
    jumps = np.where(
        generator.random(_BARS) < 1.0 / 1_440, generator.exponential(0.0055, _BARS), 0.0
    )
    jumps *= np.where(generator.random(_BARS) < 0.8, 1.0, -0.6)
    pull = _reverting(generator, half_life_bars=150, deviation=0.0030)
    return smooth + pull + _decaying(jumps, half_life_bars=200)


_LEVEL_ODDS = (0.25, 0.35, 0.25, 0.15)


def _walk(generator: np.random.Generator, *, daily_move: float) -> _Series:
    """A log price that wanders with calm and wild hours and fat tails."""
    wildness = np.exp(_reverting(generator, half_life_bars=400, deviation=0.35))
    moves = generator.standard_t(4, _BARS) / np.sqrt(2) * daily_move / np.sqrt(1_440)
    return np.cumsum(moves * wildness)


def _reverting(
    generator: np.random.Generator, *, half_life_bars: float, deviation: float
) -> _Series:
    """Noise around zero that forgets half of where it is in `half_life_bars`."""
    keep = 0.5 ** (1 / half_life_bars)
    shocks = generator.standard_t(4, _BARS) / np.sqrt(2) * deviation * np.sqrt(1 - keep * keep)
    return _decaying(shocks, half_life_bars=half_life_bars)


def _decaying(shocks: _Series, *, half_life_bars: float, start: float = 0.0) -> _Series:
    """The sum of all shocks so far, each worth half after `half_life_bars`."""
    keep = 0.5 ** (1 / half_life_bars)
    level = start
    levels = []
    for shock in shocks.tolist():
        level = level * keep + shock
        levels.append(level)
    return np.array(levels)


def _store(
    out: Path,
    folders: Callable[[], str],
    generator: np.random.Generator,
    pair: Pair,
    prices: _Series,
    volume: float,
) -> tuple[Stored, ...]:
    """One market's candles with this line of closes, through the same checks as a file."""
    assert pair.venue and pair.base
    venue = Venue(pair.venue)
    there = np.ones(_BARS, bool)
    for first, bars in _OUTAGES.get(venue, ()):
        there[first : first + bars] = False
    values = _candles(generator, prices, _TICKS[venue, pair.base], volume)
    time_ns = int(_START.timestamp()) * NS_PER_S + np.arange(_BARS, dtype=np.int64) * _MINUTE_NS
    names = ("time", *values)
    plan = Plan(
        shape=Shape.GENERIC,
        names=names,
        time=0,
        numbers={word: names.index(word) for word in values},
        pair=pair,
        is_fx=pair.is_fx,
        fx_candles=pair.is_fx,
        synthetic=True,
    )
    kept = {word: column[there] for word, column in values.items()}
    with ExitStack() as stack:
        target = targets.target(plan, out, folders, stack)
        target.append(Block(time_ns[there], time_ns[there], kept, range(int(there.sum()))))
        return target.finish(Form.EPOCH)


def _candles(
    generator: np.random.Generator, prices: _Series, tick: float, volume: float
) -> dict[Word, _Series]:
    """Candles whose opens follow the close before; wicks and volume grow with the move."""
    close = np.round(prices / tick) * tick
    opened = np.concatenate((close[:1], close[:-1]))
    size = np.abs(np.log(prices / np.concatenate((prices[:1], prices[:-1]))))
    up, down = generator.exponential(0.0002, (2, _BARS)) + 0.3 * size * generator.random((2, _BARS))
    columns = {
        Word.OPEN: opened,
        Word.HIGH: np.round(np.maximum(opened, close) * (1 + up) / tick) * tick,
        Word.LOW: np.round(np.minimum(opened, close) * (1 - down) / tick) * tick,
        Word.CLOSE: close,
    }
    busy = generator.lognormal(-0.5, 1.0, _BARS) * (1 + 800 * size)
    digits = max(0, round(-np.log10(tick)))
    rounded = {word: np.round(column, digits) for word, column in columns.items()}
    return {**rounded, Word.VOLUME: np.round(volume * busy, 8)}
