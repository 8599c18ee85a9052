"""A walk-forward as a page shows it: strips, drift of the chosen values, the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from app import texts
from app.domain.backtests import Axis
from app.domain.records import StudyRow, StudyWindow
from app.routers.backtesting.drawings import Tick, anchor_at, staircase
from app.routers.render import Viewer
from app.texts import formats

TICKS = 4


@dataclass(frozen=True, slots=True)
class Chosen:
    """A parameter's value in a window; changed: another one than the window before."""

    text: str
    changed: bool


@dataclass(frozen=True, slots=True)
class Strip:
    """One window: where it trained and was tested, in percent of the whole span."""

    number: int
    label: str
    train_x: float
    train_width: float
    test_x: float
    test_width: float
    chosen: tuple[Chosen, ...]
    train_pnl: float | None
    test_pnl: float | None
    test_roi: float | None
    cycles: float


@dataclass(frozen=True, slots=True)
class Drift:
    """How one chosen parameter moved from window to window."""

    label: str
    span: str
    picture: str
    path: str


@dataclass(frozen=True, slots=True)
class Check:
    """A line of the verdict. lamp: empty is normal, `c` caution."""

    name: str
    lamp: str
    state: str
    title: str
    text: str


def strips(study: StudyRow, seen: Viewer) -> list[Strip]:
    windows = study.windows or ()
    if not windows:
        return []
    start, end = windows[0].train_start_ns, max(window.test_end_ns for window in windows)

    def place(ns: int) -> float:
        return round((ns - start) / (end - start) * 100, 3)

    found = []
    before: dict[str, float] = {}
    for number, window in enumerate(windows, start=1):
        found.append(
            Strip(
                number=number,
                label=_label(window, seen),
                train_x=place(window.train_start_ns),
                train_width=place(window.train_end_ns) - place(window.train_start_ns),
                test_x=place(window.test_start_ns),
                test_width=place(window.test_end_ns) - place(window.test_start_ns),
                chosen=tuple(
                    Chosen(
                        formats.price(window.chosen[axis.name]),
                        bool(before) and before[axis.name] != window.chosen[axis.name],
                    )
                    for axis in study.spec.axes
                ),
                train_pnl=window.train_metrics["total_pnl_krw"],
                test_pnl=window.test_metrics["total_pnl_krw"],
                test_roi=window.test_metrics["roi_pct"],
                cycles=window.test_metrics["cycles"] or 0,
            )
        )
        before = window.chosen
    return found


def ticks(study: StudyRow, seen: Viewer) -> list[Tick]:
    """Days under the strips' common axis."""
    windows = study.windows or ()
    if not windows:
        return []
    start, end = windows[0].train_start_ns, max(window.test_end_ns for window in windows)
    found = []
    for step in range(TICKS + 1):
        x = step * 100 / TICKS
        ns = start + (end - start) * step // TICKS
        found.append(Tick(x, formats.at(ns, seen.zone).strftime("%m-%d"), anchor_at(x)))
    return found


def drifts(study: StudyRow, seen: Viewer) -> list[Drift]:
    """A staircase per swept parameter."""
    windows = study.windows or ()
    found = []
    for axis in study.spec.axes if windows else ():
        values = [window.chosen[axis.name] for window in windows]
        low, high = formats.price(min(values)), formats.price(max(values))
        name = texts.text(seen.lang, f"backtests.{axis.name}")
        picture = texts.text(seen.lang, "backtests.drift.picture", name=name, low=low, high=high)
        span = low if low == high else f"{low} … {high}"
        found.append(Drift(name, span, picture, staircase(values)))
    return found


def verdict(study: StudyRow, seen: Viewer) -> list[Check]:
    """Does it hold out of sample: windows won, what is left of the training, steadiness."""
    windows = study.windows or ()
    if not windows:
        return []

    def line(name: str, fine: bool, **values: object) -> Check:
        lamp = "" if fine else "c"
        return Check(
            name,
            lamp,
            texts.text(seen.lang, "frame.lamp.ok" if fine else "frame.lamp.c"),
            texts.text(seen.lang, f"backtests.verdict.{name}"),
            texts.text(seen.lang, f"backtests.verdict.{name}.says", **values),
        )

    tested = [window.test_metrics["total_pnl_krw"] or 0.0 for window in windows]
    trained = [window.train_metrics["total_pnl_krw"] or 0.0 for window in windows]
    won = sum(value > 0 for value in tested)
    total = sum(tested)
    changes, steps = _changes(windows, study.spec.axes), len(windows) - 1
    kept = _kept_pct(windows, trained, tested)
    return [
        line("profit", total > 0, total=formats.won(total, signed=True)),
        line("windows", won * 2 > len(windows), won=won, n=len(windows)),
        line("kept", kept is not None and kept > 50, kept=formats.share(kept, 0)),
        line("steady", changes * 2 <= max(1, steps), changes=changes, n=steps),
    ]


def _changes(windows: Sequence[StudyWindow], axes: Sequence[Axis]) -> int:
    return sum(
        any(before.chosen[axis.name] != after.chosen[axis.name] for axis in axes)
        for before, after in pairwise(windows)
    )


def _kept_pct(
    windows: Sequence[StudyWindow], trained: Sequence[float], tested: Sequence[float]
) -> float | None:
    """Profit per day in the tests over profit per day in the training."""
    train_ns = sum(window.train_end_ns - window.train_start_ns for window in windows)
    test_ns = sum(window.test_end_ns - window.test_start_ns for window in windows)
    if sum(trained) <= 0 or not test_ns:
        return None
    return 100 * (sum(tested) / test_ns) / (sum(trained) / train_ns)


def _label(window: StudyWindow, seen: Viewer) -> str:
    return texts.text(
        seen.lang,
        "backtests.window.label",
        train=formats.day(window.train_start_ns, seen.zone),
        test=formats.day(window.test_start_ns, seen.zone),
        end=formats.day(window.test_end_ns, seen.zone),
    )
