"""A report's charts as inline SVG: no script, no style attributes, text as text."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any, NamedTuple

import numpy as np

from app.backtest.tape import SECOND_NS, Floats, Ints, Records

WIDTH = 800.0
WIDTH_HALF = 420.0  # of a chart that shares its row
MARGIN_RIGHT = 74.0  # where the figures of the y axis stand
MARGIN_BOTTOM = 18.0
TICKS_X_MAX = 8
TICKS_Y_MAX = 5
MARKS_MAX = 400  # entries and exits drawn one by one up to here
STRIP = 7.0  # height of the strip of holds

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_TIME_STEPS = (
    *(_MINUTE * n for n in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * n for n in (1, 2, 3, 6, 12)),
    *(_DAY * n for n in (1, 2, 7, 14)),
)


class Frame(NamedTuple):
    """The rectangle of a plot and what its edges mean."""

    top: float
    height: float
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    right: float = WIDTH - MARGIN_RIGHT

    @property
    def bottom(self) -> float:
        return self.top + self.height

    def x(self, value: Any) -> Any:
        """Pixels of a time or of many."""
        low, high = self.x_range
        return (value - low) / ((high - low) or 1.0) * self.right

    def y(self, value: Any) -> Any:
        """Pixels of a value or of many."""
        low, high = self.y_range
        return self.bottom - (value - low) / ((high - low) or 1.0) * self.height


def equity_chart(columns: Mapping[str, Any], label: str) -> str:
    """Equity over the coins held, drawdown below."""
    time, equity, held = columns["time_s"], columns["equity_krw"], columns.get("benchmark_krw")
    fall = -columns["drawdown_pct"]
    curves = [equity] if held is None else [equity, held]
    x_range = (float(time[0]), float(time[-1]))
    above = Frame(6.0, 220.0, x_range, _padded(curves))
    below = Frame(240.0, 76.0, x_range, (min(float(fall.min()), -0.01) * 1.08, 0.0))
    parts = [*_y_axis(above, _won), *_x_axis(below, above.top)]
    if held is not None:
        parts.append(_line(above, time, held, "held"))
    parts.append(_line(above, time, equity, "equity"))
    parts += _y_axis(below, lambda value: f"{_number(value)} %", 2)
    parts.append(_area(below, time, fall))
    return _svg(below.bottom + MARGIN_BOTTOM, label, parts)


def signal_chart(
    columns: Mapping[str, Any], cycles: Records, levels: Sequence[tuple[str, float]], label: str
) -> str:
    """The premium, its levels of entry and exit, entries and exits on it, and what was held."""
    time, premium = columns["time_s"], columns["premium_bps"]
    low, high = float(premium.min()), float(premium.max())
    shown = [value for _, value in levels if low - (high - low) <= value <= high + (high - low)]
    frame = Frame(
        6.0, 190.0, (float(time[0]), float(time[-1])), _padded([premium, np.array(shown)])
    )
    parts = [*_y_axis(frame, _number), *_x_axis(frame, frame.top, below=STRIP + 4.0)]
    parts.append(_line(frame, time, premium, "premium"))
    parts += _marks(frame, cycles) if len(cycles) <= MARKS_MAX else []
    for name, value in levels:
        if value in shown:
            parts.append(_rule(frame, frame.y(value), "level"))
            parts.append(_text(4.0, frame.y(value) - 4.0, f"{name} {_number(value)}", "note"))
    parts += _holds(frame, cycles)
    return _svg(frame.bottom + STRIP + 4.0 + MARGIN_BOTTOM, label, parts)


def histogram_chart(told: Mapping[str, Any], label: str) -> str:
    """Counts per step of P&L, losses and gains in their colours."""
    edges, counts = told["edges"], told["counts"]
    y_range = (0.0, max(counts) * 1.05)
    frame = Frame(14.0, 130.0, (edges[0], edges[-1]), y_range, WIDTH_HALF)
    parts = []
    for left, right, count in zip(edges, edges[1:], counts, strict=False):
        if count:
            x, y = frame.x(left), frame.y(count)
            width = max(1.0, frame.x(right) - x - 1.0)
            kind = "loss" if left < 0.0 else "gain"
            parts.append(
                f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
                f'height="{frame.bottom - y:.1f}"><title>{_won(left)} … {_won(right)}: {count}'
                "</title></rect>"
            )
    parts.append(_rule(frame, frame.bottom))
    step = max(1, math.ceil(2 * len(edges) / TICKS_X_MAX))
    zero = edges.index(0.0) if 0.0 in edges else 0
    for place in range(zero % step, len(edges), step):
        x = min(max(frame.x(edges[place]), 16.0), frame.right - 16.0)
        parts.append(_text(x, frame.bottom + 14.0, _won(edges[place]), "tick middle"))
    median = frame.x(told["median_krw"])
    parts.append(
        f'<line class="level" x1="{median:.1f}" x2="{median:.1f}" y1="4" y2="{frame.bottom:.1f}"/>'
    )
    return _svg(frame.bottom + MARGIN_BOTTOM, label, parts, WIDTH_HALF)


def ticks(low: float, high: float, count: int = TICKS_Y_MAX) -> list[float]:
    """Round values within [low, high], at most `count` + 1 of them."""
    width = (high - low) / count
    if not width > 0.0:
        return [low]
    scale = 10.0 ** math.floor(math.log10(width))
    step = next(scale * digit for digit in (1, 2, 2.5, 5, 10, 20) if scale * digit >= width)
    return [step * k for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def time_ticks(first: float, last: float) -> list[tuple[int, str]]:
    """Round UTC times within [first, last] and how they are written."""
    span = last - first
    step = next((step for step in _TIME_STEPS if span / step <= TICKS_X_MAX), None)
    if step is None:
        return _month_ticks(first, last)
    form = "%m-%d %H:%M" if step < _DAY else "%m-%d"
    start = math.ceil(first / step) * step
    return [(at, _utc(at).strftime(form)) for at in range(start, int(last) + 1, step)]


def _month_ticks(first: float, last: float) -> list[tuple[int, str]]:
    begin, end = _utc(first), _utc(last)
    months = range(begin.year * 12 + begin.month, end.year * 12 + end.month)
    stride = max(1, math.ceil(len(months) / TICKS_X_MAX))
    stride = next(months for months in (1, 2, 3, 6, 12, 24, 60, 120) if months >= stride)
    found = [datetime(m // 12, m % 12 + 1, 1, tzinfo=UTC) for m in months if m % stride == 0]
    return [(int(at.timestamp()), at.strftime("%Y-%m")) for at in found]


def _utc(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _padded(curves: Sequence[Floats]) -> tuple[float, float]:
    """The range of all curves with a little air."""
    values = np.concatenate(curves)
    low, high = float(values.min()), float(values.max())
    air = (high - low) * 0.06 or abs(high) * 0.01 or 1.0
    return low - air, high + air


def _y_axis(frame: Frame, write: Callable[[float], str], count: int = TICKS_Y_MAX) -> Iterator[str]:
    for value in ticks(*frame.y_range, count):
        if frame.bottom - frame.y(value) < 8.0 and value != 0.0:
            continue  # its figure would touch what stands below
        yield _rule(frame, frame.y(value))
        yield _text(frame.right + 6.0, frame.y(value) + 3.5, write(value), "tick")


def _x_axis(frame: Frame, top: float, below: float = 0.0) -> Iterator[str]:
    for at, written in time_ticks(*frame.x_range):
        x = frame.x(at)
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{frame.bottom:.1f}"/>'
        if 18.0 <= x <= frame.right - 18.0:
            yield _text(x, frame.bottom + below + 13.0, written, "tick middle")


def _rule(frame: Frame, y: float, kind: str = "grid") -> str:
    return f'<line class="{kind}" x1="0" x2="{frame.right:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'


def _line(frame: Frame, time: Ints, values: Floats, kind: str) -> str:
    return f'<path class="{kind}" d="M{_points(frame.x(time), frame.y(values))}"/>'


def _area(frame: Frame, time: Ints, values: Floats) -> str:
    x = frame.x(time)
    edge = _points(x, frame.y(values))
    return f'<path class="fall" d="M{x[0]:.1f},{frame.top} L{edge} L{x[-1]:.1f},{frame.top} Z"/>'


def _points(x: Floats, y: Floats) -> str:
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x.tolist(), y.tolist(), strict=True))


def _marks(frame: Frame, cycles: Records) -> Iterator[str]:
    """Triangles where signals led in (pointing into the trade) and out."""
    for cycle in cycles:
        for name, bps, point in (("t_entry", "in_bps", 1.0), ("t_exit", "out_bps", -1.0)):
            if not math.isnan(cycle[bps]):
                x, y = frame.x(cycle[name] / SECOND_NS), frame.y(float(cycle[bps]))
                tip = point * cycle["direction"] * 4.5
                kind = "entry" if name == "t_entry" else "exit"
                yield f'<path class="{kind}" d="M{x:.1f},{y:.1f} l-3.2,{-tip:.1f} h6.4 Z"/>'


def _holds(frame: Frame, cycles: Records) -> Iterator[str]:
    """A strip: when something was held, and whether it won. Never finer than half a pixel."""
    y, drawn, covered = frame.bottom + 3.0, [], -1
    for cycle in cycles:
        left = frame.x(cycle["t_entry"] / SECOND_NS)
        right = max(frame.x(cycle["t_exit"] / SECOND_NS), left + 0.8)
        if round(2 * right) > covered:
            drawn.append((left, right, "lost" if cycle["pnl_krw"] < 0.0 else "won"))
            covered = round(2 * right)
    for left, right, kind in drawn:
        size = f'width="{right - left:.1f}" height="{STRIP}"'
        yield f'<rect class="{kind}" x="{left:.1f}" y="{y:.1f}" {size}/>'


def _text(x: float, y: float, words: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def _svg(height: float, label: str, parts: Iterable[str], width: float = WIDTH) -> str:
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(label)}">'
        f"{''.join(parts)}</svg>"
    )


def _number(value: float) -> str:
    written = f"{abs(value):,.2f}".rstrip("0").rstrip(".")
    return f"\N{MINUS SIGN}{written}" if value < 0 and written != "0" else written


def _won(value: float) -> str:
    """Won on an axis, three or four figures."""
    for size, unit in ((1e12, "T"), (1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{_number(value / size)} {unit}"
    return _number(value)
