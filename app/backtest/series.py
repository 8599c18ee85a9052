"""Candles and FX → the bars of SPEC §6, as the kernel's arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from app.backtest.tape import DAY_NS, SECOND_NS, Floats, Ints, Tape

EVER_NS = np.iinfo(np.int64).min  # the known-time of a fixed rate


class Candles(NamedTuple):
    """One venue's candles of one coin. Open times in ns, strictly rising; prices as quoted."""

    time_ns: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats

    def within(self, start_ns: int | None, end_ns: int | None) -> Candles:
        """Those with start <= t < end, without copying."""
        first = 0 if start_ns is None else int(np.searchsorted(self.time_ns, start_ns))
        stop = None if end_ns is None else int(np.searchsorted(self.time_ns, end_ns))
        part = slice(first, stop)
        return Candles(
            self.time_ns[part], self.open[part], self.high[part], self.low[part], self.close[part]
        )


class Fx(NamedTuple):
    """KRW per USDT. known_at_ns: from when a rate may be used; rising, of equal ones the last."""

    known_at_ns: Ints
    rate: Floats

    @classmethod
    def fixed(cls, rate: float) -> Fx:
        """One rate, known since ever."""
        return cls(np.array([EVER_NS]), np.array([rate], np.float64))


class Coin(NamedTuple):
    """One coin on both venues."""

    base: str
    krw: Candles
    glob: Candles


@dataclass(frozen=True, slots=True, eq=False)
class Aligned:
    """The bars of a run. Coins stand in code-point order of their ticker; arrays are read-only."""

    bases: tuple[str, ...]
    timeframe_ns: int
    tape: Tape
    coin_start: Ints
    day_ends: Ints  # the last row of every UTC day that has one
    fx_known_at: Ints  # per row: known-time of the rate used at the row's close
    expected_bars: int  # bars that the spans of both venues, FX and window could hold

    @property
    def bars(self) -> int:
        """Bars summed over coins."""
        return int(self.tape.row.size)

    @property
    def rows(self) -> int:
        """Distinct bar open times."""
        return int(self.tape.time.size)

    def coin_bars(self, coin: int) -> slice:
        """Where one coin's bars lie."""
        return slice(int(self.coin_start[coin]), int(self.tape.coin_stop[coin]))

    def coin_of(self, bars: Any) -> Any:
        """Whose bar or bars these are, as places in `bases`."""
        return np.searchsorted(self.tape.coin_stop, bars, side="right")

    def day_ends_within(self, first: int, stop: int) -> Ints:
        """The last row of every UTC day among rows [first, stop), which is not empty."""
        inside = self.day_ends[slice(*np.searchsorted(self.day_ends, [first, stop]))]
        return inside if inside.size and inside[-1] == stop - 1 else np.append(inside, stop - 1)

    def row_window(self, start_ns: int, end_ns: int) -> tuple[int, int]:
        """Rows with start <= t < end, as (first, stop)."""
        first, stop = np.searchsorted(self.tape.time, [start_ns, end_ns])
        return int(first), int(stop)


class _Bars(NamedTuple):
    """One coin's bars before they meet the other coins'."""

    time: Ints
    krw_open: Floats
    krw_close: Floats
    global_open: Floats
    global_close: Floats
    expected: int


def align(
    coins: Sequence[Coin],
    fx: Fx,
    timeframe_s: int,
    start_ns: int | None = None,
    end_ns: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Aligned:
    """The bars at which both venues have a candle, f(t) is known and start <= t < end.

    Progress is told in coins; the callback may raise to give up.
    """
    assert len({coin.base for coin in coins}) == len(coins), "a coin is given twice"
    timeframe_ns = timeframe_s * SECOND_NS
    first_ns = int(fx.known_at_ns[0]) if fx.known_at_ns.size else np.iinfo(np.int64).max
    first_ns = max(first_ns, first_ns if start_ns is None else start_ns)
    ordered = sorted(coins, key=lambda coin: coin.base)
    met = [_meet(coin, first_ns, end_ns, timeframe_ns) for coin in _telling(ordered, on_progress)]
    time = _union([bars.time for bars in met])
    rate, _ = _known(fx, time)
    rate_close, known_at = _known(fx, time + timeframe_ns)
    rows = [_rows(time, bars.time) for bars in met]
    stops = np.cumsum([bars.time.size for bars in met], dtype=np.int64)
    premium = [_premium(bars, rate_close[row]) for bars, row in zip(met, rows, strict=True)]
    tape = Tape(
        coin_stop=stops,
        row=_joined([np.arange(time.size)[row] for row in rows]),
        krw_open=_joined([bars.krw_open for bars in met]),
        krw_close=_joined([bars.krw_close for bars in met]),
        global_open=_joined([bars.global_open for bars in met]),
        global_close=_joined([bars.global_close for bars in met]),
        premium=_joined(premium),
        time=time,
        fx_open=rate,
        fx_close=rate_close,
        **_best(premium, rows, time.size),
    )
    return Aligned(
        bases=tuple(coin.base for coin in ordered),
        timeframe_ns=timeframe_ns,
        tape=Tape(*(_frozen(array) for array in tape)),
        coin_start=np.concatenate([[0], stops[:-1]]).astype(np.int64),
        day_ends=day_ends(time),
        fx_known_at=known_at,
        expected_bars=sum(bars.expected for bars in met),
    )


def _telling(
    coins: Sequence[Coin], on_progress: Callable[[int, int], None] | None
) -> Iterator[Coin]:
    """The coins one after the other; each is told when the next one is asked for."""
    for place, coin in enumerate(coins, start=1):
        yield coin
        if on_progress:
            on_progress(place, len(coins))


def until(coins: Sequence[Coin], fx: Fx, cut_ns: int) -> tuple[list[Coin], Fx]:
    """What was known at `cut_ns`: no candle opening at it or later, no rate known after it."""

    known = int(np.searchsorted(fx.known_at_ns, cut_ns, side="right"))
    past = [
        Coin(coin.base, coin.krw.within(None, cut_ns), coin.glob.within(None, cut_ns))
        for coin in coins
    ]
    return past, Fx(fx.known_at_ns[:known], fx.rate[:known])


def day_ends(time_ns: Ints) -> Ints:
    """The place of the last of the rising times in every UTC day that has one."""
    days = time_ns // DAY_NS
    return np.append(np.flatnonzero(days[1:] != days[:-1]), time_ns.size - 1)[: time_ns.size]


def _meet(coin: Coin, first_ns: int, end_ns: int | None, timeframe_ns: int) -> _Bars:
    """The candles that both venues have within [first, end)."""
    krw, glob = coin.krw.within(first_ns, end_ns), coin.glob.within(first_ns, end_ns)
    expected = 0
    if krw.time_ns.size and glob.time_ns.size:
        overlap_ns = min(krw.time_ns[-1], glob.time_ns[-1]) - max(krw.time_ns[0], glob.time_ns[0])
        expected = max(0, int(overlap_ns) // timeframe_ns + 1)
    ours: Any = slice(None)
    theirs: Any = slice(None)
    if not np.array_equal(krw.time_ns, glob.time_ns):
        place = np.searchsorted(glob.time_ns, krw.time_ns)
        place[place == glob.time_ns.size] = 0
        ours = np.flatnonzero(glob.time_ns[place] == krw.time_ns) if glob.time_ns.size else []
        theirs = place[ours]
    return _Bars(
        krw.time_ns[ours],
        krw.open[ours],
        krw.close[ours],
        glob.open[theirs],
        glob.close[theirs],
        expected,
    )


def _union(times: list[Ints]) -> Ints:
    if all(np.array_equal(times[0], other) for other in times[1:]):
        return times[0]
    merged = np.sort(np.concatenate(times), kind="stable")  # a merge: each part is sorted
    return merged[np.append(True, merged[1:] != merged[:-1])] if merged.size else merged


def _rows(time: Ints, own: Ints) -> Any:
    """Where a coin's bars stand in the union: an index, or everything."""
    return slice(None) if own.size == time.size else np.searchsorted(time, own)


def _known(fx: Fx, at: Ints) -> tuple[Floats, Ints]:
    """f and its known-time at each of the rising times `at`, none of them before the first rate.

    Written from the rates' side: a rate holds from the first time that knows it to the next rate's.
    Of several rates known at once all but the last hold for no time at all.
    """
    if not at.size:
        return np.empty(0, np.float64), np.empty(0, np.int64)
    holds_from = np.append(np.searchsorted(at, fx.known_at_ns), at.size)
    spans = np.diff(holds_from)
    return np.repeat(fx.rate, spans), np.repeat(fx.known_at_ns, spans)


def _premium(bars: _Bars, fx_close: Floats) -> Floats:
    return (bars.krw_close / (bars.global_close * fx_close) - 1.0) * 1e4


def _best(premium: list[Floats], rows: list[Any], size: int) -> dict[str, npt.NDArray[Any]]:
    """The largest and the smallest premium of every row, and whose they are."""
    if len(premium) == 1:
        bars = np.arange(size)
        return {
            "highest": premium[0],
            "lowest": premium[0],
            "highest_bar": bars,
            "lowest_bar": bars,
        }
    highest, lowest = np.full(size, -np.inf), np.full(size, np.inf)
    highest_bar, lowest_bar = np.zeros(size, np.int64), np.zeros(size, np.int64)
    first = 0
    for own, row in zip(premium, rows, strict=True):
        bars = np.arange(first, first + own.size)
        # Strictly better only: coins come in ticker order, and equals go to the first.
        _replace(highest, highest_bar, row, own > highest[row], own, bars)
        _replace(lowest, lowest_bar, row, own < lowest[row], own, bars)
        first += own.size
    return {
        "highest": highest,
        "lowest": lowest,
        "highest_bar": highest_bar,
        "lowest_bar": lowest_bar,
    }


def _replace(best: Floats, whose: Ints, row: Any, better: Any, premium: Floats, bars: Ints) -> None:
    """Put the better premiums and their bars into the rows of a coin."""
    if isinstance(row, slice):
        np.copyto(best, premium, where=better)
        np.copyto(whose, bars, where=better)
    else:
        best[row[better]] = premium[better]
        whose[row[better]] = bars[better]


def _joined(parts: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A read-only view. One kind of array for memory maps and ours means one compiled kernel."""
    view = np.ascontiguousarray(array).view(np.ndarray)
    view.flags.writeable = False
    return view
