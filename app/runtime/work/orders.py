"""Orders: what the service asks of its workers, and what they answer. Values only, no imports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from app.domain.backtests import Axis, Params
from app.domain.datasets import DatasetFacts, Hints
from app.domain.problems import Problem
from app.domain.records import Metrics, StudyWindow
from app.texts import Language

Point = dict[str, float]
Span = tuple[int, int, int, int]  # train start, train end, test start, test end; ns


class Ingest(msgspec.Struct, frozen=True):
    """Read the file `source`, called `name` by its owner, into `out/<folder>`."""

    source: Path
    name: str
    hints: Hints
    out: Path
    folders: tuple[str, ...]


class Sample(msgspec.Struct, frozen=True):
    """Make the built-in sample into `out/<folder>`."""

    out: Path
    folders: tuple[str, ...]


class Stored(msgspec.Struct, frozen=True):
    """A dataset that lies complete on disk and has no row yet."""

    folder: str
    facts: DatasetFacts


class FileRefused(Problem):
    """A refusal of a file, with (number, text) of the lines around the first place."""

    def __init__(self, problem: Problem, lines: tuple[tuple[int, str], ...]) -> None:
        super().__init__(problem.code, errors=problem.errors, values=problem.values)
        self.lines = lines

    def __reduce__(self) -> tuple[object, ...]:
        return FileRefused, (Problem(self.code, errors=self.errors, values=self.values), self.lines)


class CoinFolders(msgspec.Struct, frozen=True):
    """One coin's two candle datasets."""

    base: str
    krw: Path
    glob: Path


class Bars(msgspec.Struct, frozen=True):
    """Which stored columns a run reads, and from when to when. fx: a folder, or a fixed rate."""

    coins: tuple[CoinFolders, ...]
    fx: Path | float
    timeframe_s: int
    start_ns: int | None
    end_ns: int | None


class Backtest(msgspec.Struct, frozen=True):
    """Run it and write the result's folder `out`."""

    bars: Bars
    params: Params
    out: Path


class Backtested(msgspec.Struct, frozen=True):
    """What the ledger keeps of a run; everything else lies in its folder."""

    bars: int
    metrics: Metrics
    open_cycle: dict[str, Any] | None


class Points(msgspec.Struct, frozen=True):
    """Evaluate points of a grid over all bars, or over those that open in [start, end)."""

    bars: Bars
    params: Params
    grid: tuple[Point, ...]
    window: tuple[int, int] | None


class Windows(msgspec.Struct, frozen=True):
    """Which windows a walk-forward has over these bars."""

    bars: Bars
    train_days: float
    test_days: float
    step_days: float


class Walk(msgspec.Struct, frozen=True):
    """Play every test window with what its training chose, join them, write the folder `out`."""

    bars: Bars
    params: Params
    windows: tuple[Span, ...]
    chosen: tuple[Point, ...]
    trained: tuple[Metrics, ...]
    axes: tuple[Axis, ...]
    out: Path


class Walked(msgspec.Struct, frozen=True):
    """What the ledger keeps of a walk-forward."""

    windows: tuple[StudyWindow, ...]
    metrics: Metrics


class Bootstrap(msgspec.Struct, frozen=True):
    """Draw the cycles of the run in `folder` again and again."""

    folder: Path
    initial_krw: float
    n: int
    seed: int


class Lookahead(msgspec.Struct, frozen=True):
    """Run again without the rows after some moments."""

    bars: Bars
    params: Params


class ReportWords(msgspec.Struct, frozen=True):
    """All that a report says in words, written out in its reader's language; see report.Sheet."""

    lang: Language
    updown: str
    title: str
    facts: tuple[tuple[str, str], ...]
    lead: tuple[tuple[str, str, str], ...]
    figures: tuple[tuple[str, str, str], ...]
    parameters: tuple[tuple[str, str], ...]
    datasets: tuple[tuple[str, ...], ...]
    checks: tuple[tuple[str, str, str], ...]
    levels: tuple[tuple[str, float], ...]


class Report(msgspec.Struct, frozen=True):
    """Draw the run in `folder` as one HTML page."""

    folder: Path
    initial_krw: float
    words: ReportWords
