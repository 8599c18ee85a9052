"""Checked blocks → datasets: put in order, held to their grid, described, published."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from app.domain.datasets import DatasetFacts, Kind
from app.domain.venues import Venue
from app.history import order, quality
from app.history.blocks import Block, Times
from app.history.columns import Spool
from app.history.detect import Plan, Shape
from app.history.pairs import WON, Pair
from app.history.refusals import refuse
from app.history.times import NS_PER_DAY, NS_PER_S, Form, iso
from app.history.words import PRICES, Word

_CANDLE_DTYPES = {"time": "<i8", **dict.fromkeys(map(str, PRICES), "<f8")}
_FX_DTYPES = {"time": "<i8", "wall": "<i8", "rate": "<f8"}
_MANIFEST_VERSION = 1


class Stored(NamedTuple):
    """A dataset on disk: the name of its folder and everything known about it."""

    folder: str
    facts: DatasetFacts


class Place(NamedTuple):
    """Where a row stands: its line, and the how manieth row of that line it is, from 0."""

    line: int
    nth: int


class WrongRow(Exception):
    """A row that is good by itself but not among the others. The reader shows what it holds."""

    def __init__(
        self, code: str, place: Place, column: Word, expected: str, other: Place | None = None
    ) -> None:
        super().__init__(code, place)
        self.code = code
        self.place = place
        self.column = column
        self.expected = expected
        self.other = other


class Target(Protocol):
    """What the rows of a file become."""

    def append(self, block: Block) -> None:
        """Take some more rows."""

    def finish(self, form: Form | None) -> tuple[Stored, ...]:
        """Check the whole, publish it. form: how times were written."""


class _Lines:
    """Which line of the file each row came from, without a number per row."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._runs: list[Sequence[int]] = []
        self._rows = 0

    def append(self, lines: Sequence[int]) -> None:
        self._starts.append(self._rows)
        self._runs.append(lines)
        self._rows += len(lines)

    def place(self, row: int) -> Place:
        """The line of a row, and how many rows stand before it on the same line (JSON's may)."""
        at = bisect.bisect_right(self._starts, row) - 1
        run, index = self._runs[at], row - self._starts[at]
        line = run[index]
        before = sum(earlier.count(line) for earlier in self._runs[:at])
        return Place(line, before + run[:index].count(line))


class _Settled(NamedTuple):
    """Times in order, each once, on the grid. step_ns None: there is no grid."""

    time_ns: Times
    apart_ns: Times
    step_ns: int | None
    duplicates: int
    was_unsorted: bool


class _Series:
    """One dataset on its way: a spool and the lines of its rows."""

    def __init__(self, folder: Path, dtypes: dict[str, str], stack: ExitStack) -> None:
        self.spool = stack.enter_context(Spool(folder, dtypes))
        self.lines = _Lines()

    def append(self, columns: dict[str, NDArray[Any]], lines: Sequence[int]) -> None:
        self.spool.append(columns)
        self.lines.append(lines)

    def settle(
        self,
        words: dict[str, Word],
        step: Callable[[Times], int | None],
        *,
        mixed_is_wrong: bool = False,
    ) -> _Settled:
        """Sort, drop identical duplicates, refuse conflicting ones and times off the grid.

        words: our word for each value column, for refusals. step: the timeframe from
        the distances of the times. mixed_is_wrong: so is a stretch in a longer timeframe.
        """
        time_ns: Times = np.array(self.spool.column("time"))
        found = order.of(time_ns)
        self._refuse_conflicts(found.equal, words)
        rows = found.rows
        if rows is not None:
            self.spool.reorder(rows)
            time_ns = time_ns[rows]
        apart_ns = np.diff(time_ns)
        step_ns = step(apart_ns)
        if step_ns is not None:
            step_s = step_ns // NS_PER_S
            code, expected = "time_off_grid", f"{iso(int(time_ns[0]))} + k * {step_s} s"
            wrong = order.first_off_grid(apart_ns, step_ns)
            if wrong is None and mixed_is_wrong:
                code, expected = "timeframes_mixed", f"{step_s} s after the row before"
                wrong = order.first_coarser(apart_ns, step_ns)
            if wrong is not None:
                place = self.lines.place(wrong if rows is None else int(rows[wrong]))
                raise WrongRow(code, place, Word.TIME, expected)
        return _Settled(time_ns, apart_ns, step_ns, len(found.equal), not found.is_sorted)

    def _refuse_conflicts(self, equal: NDArray[np.intp], words: dict[str, Word]) -> None:
        for name, word in words.items():
            values = self.spool.column(name)
            differ = values[equal[:, 0]] != values[equal[:, 1]]
            if differ.any():
                kept, dropped = equal[differ][0]
                first, again = sorted(self.lines.place(int(row)) for row in (kept, dropped))
                raise WrongRow("rows_conflict", again, word, "", other=first)

    def publish(self, facts: DatasetFacts) -> Stored:
        self.spool.publish({"version": _MANIFEST_VERSION, "facts": msgspec.to_builtins(facts)})
        return Stored(self.spool.folder.name, facts)


class CandleTarget:
    """One coin's candles."""

    def __init__(self, plan: Plan, out: Path, folders: Callable[[], str], stack: ExitStack) -> None:
        self._plan = plan
        self._words = {str(word): word for word in plan.numbers}
        dtypes = {"time": "<i8", **dict.fromkeys(self._words, "<f8")}
        self._series = _Series(out / folders(), dtypes, stack)

    def append(self, block: Block) -> None:
        columns: dict[str, NDArray[Any]] = {"time": block.time_ns}
        columns |= {name: block.values[word] for name, word in self._words.items()}
        self._series.append(columns, block.lines)

    def finish(self, form: Form | None) -> tuple[Stored, ...]:
        series, plan = self._series, self._plan
        settled = series.settle(
            self._words,
            lambda apart: _timeframe_ns(apart, plan),
            mixed_is_wrong=plan.timeframe_s is None,
        )
        zero_volume = 0
        if Word.VOLUME in plan.numbers:
            zero_volume = int(np.count_nonzero(series.spool.column("volume") == 0))
        prices = series.spool.column("close")
        facts = _facts(settled, prices, plan, form, Kind.CANDLES, plan.pair, zero_volume)
        return (series.publish(facts),)


class FxTarget:
    """Won per dollar, with the time from which each rate was known."""

    def __init__(self, plan: Plan, out: Path, folders: Callable[[], str], stack: ExitStack) -> None:
        self._plan = plan
        self._word = Word.RATE if Word.RATE in plan.numbers else Word.CLOSE
        self._series = _Series(out / folders(), _FX_DTYPES, stack)

    def append(self, block: Block) -> None:
        columns = {"time": block.time_ns, "wall": block.wall_ns, "rate": block.values[self._word]}
        self._series.append(columns, block.lines)

    def finish(self, form: Form | None) -> tuple[Stored, ...]:
        series, plan = self._series, self._plan
        spool = series.spool
        wall_ns = spool.column("wall")
        is_daily = not (wall_ns % NS_PER_DAY).any()
        if is_daily:
            spool.put("time", wall_ns)  # a day is a date, whatever the zone
        spool.drop("wall")
        if is_daily:
            settled = series.settle({"rate": self._word}, lambda _: NS_PER_DAY)
        elif plan.fx_candles:
            settled = series.settle(
                {"rate": self._word},
                lambda apart: _timeframe_ns(apart, plan),
                mixed_is_wrong=plan.timeframe_s is None,
            )
        else:
            settled = series.settle({"rate": self._word}, _regular_ns)
        known_ns = settled.time_ns
        if settled.step_ns and (is_daily or plan.fx_candles):
            known_ns = known_ns + settled.step_ns
        spool.put("known_at", known_ns)
        shape = "fx_daily" if is_daily else "fx_candles" if plan.fx_candles else "fx_ticks"
        facts = _facts(settled, spool.column("rate"), plan, form, Kind.FX, plan.pair)
        return (series.publish(msgspec.structs.replace(facts, shape=shape)),)


class JoinedTarget:
    """Three series of one file: won candles, dollar candles, and a rate known at its row."""

    def __init__(self, plan: Plan, out: Path, folders: Callable[[], str], stack: ExitStack) -> None:
        self._plan = plan
        self._candles = {
            word: _Series(out / folders(), _CANDLE_DTYPES, stack)
            for word in (Word.KRW, Word.GLOBAL)
        }
        self._rates = _Series(out / folders(), {"time": "<i8", "rate": "<f8"}, stack)

    def append(self, block: Block) -> None:
        for word, series in self._candles.items():
            prices = dict.fromkeys(map(str, PRICES), block.values[word])
            series.append({"time": block.time_ns, **prices}, block.lines)
        rates = block.values[Word.RATE]
        known = ~np.isnan(rates)
        lines = block.lines
        if not known.all():
            lines = [block.lines[row] for row in np.flatnonzero(known).tolist()]
        self._rates.append({"time": block.time_ns[known], "rate": rates[known]}, lines)

    def finish(self, form: Form | None) -> tuple[Stored, ...]:
        plan, rates = self._plan, self._rates
        if not rates.spool.rows:
            column = plan.names[plan.numbers[Word.RATE]]
            raise refuse("value_missing", column=column, expected=">= 1 rate")
        settled = {
            word: series.settle({"close": word}, lambda apart: _timeframe_ns(apart, plan))
            for word, series in self._candles.items()
        }
        settled_rates = rates.settle({"rate": Word.RATE}, _regular_ns)
        rates.spool.put("known_at", settled_rates.time_ns)
        stored = []
        for word, series in self._candles.items():
            prices = series.spool.column("close")
            pair = _JOINED_PAIRS[word]._replace(base=plan.pair.base)
            facts = _facts(settled[word], prices, plan, form, Kind.CANDLES, pair)
            stored.append(series.publish(_only(facts, word)))
        values = rates.spool.column("rate")
        facts = _facts(settled_rates, values, plan, form, Kind.FX, Pair("USD", WON))
        stored.append(rates.publish(_only(facts, Word.RATE)))
        return tuple(stored)


_JOINED_PAIRS = {
    Word.KRW: Pair(None, WON, Venue.UPBIT.value),
    Word.GLOBAL: Pair(None, "USDT", Venue.BINANCE.value),
}


def target(plan: Plan, out: Path, folders: Callable[[], str], stack: ExitStack) -> Target:
    """Where the rows of a file with this plan go. Left early, the stack removes what was made."""
    if plan.shape is Shape.JOINED:
        return JoinedTarget(plan, out, folders, stack)
    if plan.is_fx:
        return FxTarget(plan, out, folders, stack)
    return CandleTarget(plan, out, folders, stack)


def _timeframe_ns(apart_ns: Times, plan: Plan) -> int:
    """Given by the uploader, else the most common gap, else (a single row) from the name."""
    if plan.timeframe_s is not None:
        return plan.timeframe_s * NS_PER_S
    gap_ns = order.common_gap_ns(apart_ns)
    timeframe_s = plan.timeframe_hint_s if gap_ns is None else order.whole_seconds(gap_ns)
    if timeframe_s is None:
        value = None if gap_ns is None else f"{gap_ns} ns"
        raise refuse("timeframe_unknown", value=value, expected="two rows, or timeframe")
    return timeframe_s * NS_PER_S


def _regular_ns(apart_ns: Times) -> int | None:
    """The timeframe of ticks that happen to keep one; others have none, and that is fine."""
    gap_ns = order.common_gap_ns(apart_ns)
    if gap_ns is None or order.whole_seconds(gap_ns) is None:
        return None
    return None if order.first_off_grid(apart_ns, gap_ns) is not None else gap_ns


def _facts(
    settled: _Settled,
    prices: NDArray[Any],
    plan: Plan,
    form: Form | None,
    kind: Kind,
    pair: Pair,
    zero_volume: int = 0,
) -> DatasetFacts:
    time_ns, apart_ns, step_ns = settled.time_ns, settled.apart_ns, settled.step_ns
    report = quality.measure(
        time_ns,
        apart_ns,
        step_ns,
        prices,
        zero_volume=zero_volume,
        was_unsorted=settled.was_unsorted,
    )
    longest_ns = int(apart_ns.max()) if len(apart_ns) else 0
    read = {str(word): plan.names[place] for word, place in plan.numbers.items()}
    return DatasetFacts(
        kind=kind,
        shape=plan.shape.value,
        venue=pair.venue,
        base=pair.base,
        quote=pair.quote,
        timeframe_s=None if step_ns is None else step_ns // NS_PER_S,
        rows=len(time_ns),
        start_ns=int(time_ns[0]),
        end_ns=int(time_ns[-1]),
        gaps=0 if step_ns is None else int(np.count_nonzero(apart_ns > step_ns)),
        longest_gap_s=max(0, longest_ns - (step_ns or 0)) // NS_PER_S,
        duplicates=settled.duplicates,
        quality=report,
        columns={Word.TIME.value: plan.names[plan.time], **read},
        tz=str(plan.zone) if form is Form.NAIVE else str(UTC),
        synthetic=plan.synthetic,
    )


def _only(facts: DatasetFacts, word: Word) -> DatasetFacts:
    """Of a joined file's columns those that this series came from."""
    columns = {name: facts.columns[name] for name in (Word.TIME.value, word.value)}
    return msgspec.structs.replace(facts, columns=columns)
