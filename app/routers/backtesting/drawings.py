"""Small pictures as numbers: the geometry that templates write into SVG attributes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from app.routers.backtesting.costs import Bill
from app.texts import formats

HEAT_STEPS = 5
HISTOGRAM_HEIGHT = 62.0
HISTOGRAM_TICKS_MAX = 5


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: x and width in percent, y and height in pixels."""

    x: float
    width: float
    y: float
    height: float
    ink: str
    title: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A text at x percent. anchor: "" (starts there), `m` or `e`."""

    x: float
    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Histogram:
    """Bars left to right; zero: where the axis crosses nothing won, nothing lost."""

    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    zero: float | None


def histogram(edges: Sequence[float], counts: Sequence[int], scale: float) -> Histogram:
    """edges: one more than counts, rising, in KRW. scale: KRW of one unit of the labels."""
    low, high = edges[0], edges[-1]
    span = (high - low) or 1.0
    most = max(counts) or 1

    def place(value: float) -> float:
        return (value - low) / span * 100

    bars = []
    for left, right, count in zip(edges, edges[1:], counts, strict=False):
        height = count / most * HISTOGRAM_HEIGHT
        words = f"{formats.won(left, signed=True)} … {formats.won(right, signed=True)}: {count}"
        ink = "f-down" if (left + right) / 2 < 0 else "f-ink3"
        width = place(right) - place(left)
        bars.append(
            Bar(
                x=round(place(left), 3),
                width=round(width * 0.86, 3),
                y=round(2 + HISTOGRAM_HEIGHT - height, 2),
                height=round(height, 2),
                ink=ink,
                title=words,
            )
        )
    marks = steps_between(low, high, HISTOGRAM_TICKS_MAX)
    decimals = decimals_of(marks, scale)
    ticks = [
        Tick(
            round(place(mark), 2),
            formats.number(mark / scale, decimals, signed=True),
            anchor_at(place(mark)),
        )
        for mark in marks
    ]
    zero = round(place(0.0), 2) if low < 0 < high else None
    return Histogram(tuple(bars), tuple(ticks), zero)


def anchor_at(x: float) -> str:
    """Texts near an end lean inwards."""
    if x < 4:
        return ""
    return "e" if x > 96 else "m"


def steps_between(low: float, high: float, most: int) -> list[float]:
    """Round numbers between two values: 1, 2 or 5 times a power of ten apart."""
    if not high > low:
        return [low]
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * k for k in (1, 2, 5, 10) if power * k >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [k * step for k in range(first, last + 1)]


def decimals_of(marks: Sequence[float], scale: float) -> int:
    """Enough to tell neighbouring marks apart."""
    if len(marks) < 2:
        return 0
    step = abs(marks[1] - marks[0]) / scale
    return max(0, min(6, math.ceil(-math.log10(step) - 1e-9)))


def heat(value: float | None, most: float) -> str:
    """The class of a figure's background: h1…h5 above zero, g1…g5 below, none around it."""
    if value is None or not most or not math.isfinite(value):
        return ""
    step = min(HEAT_STEPS, math.floor(abs(value) / most * HEAT_STEPS + 0.5))
    if step == 0:
        return ""
    return f"{'h' if value > 0 else 'g'}{step}"


@dataclass(frozen=True, slots=True)
class EdgeMark:
    """A vertical line of the break-even picture with its word above or below."""

    at: float
    top: int
    foot: int
    word: int
    text: str
    anchor: str
    ink: str


@dataclass(frozen=True, slots=True)
class Edge:
    """Exit, costs and what is left up to the entry, on one axis of bps."""

    exit: float
    cost_width: float
    net_from: float
    net_width: float
    marks: tuple[EdgeMark, ...]


def edge(bill: Bill, words: dict[str, str]) -> Edge:
    """The costs start at the exit; what lies between their end and the entry is earned or lost."""
    points = {
        "exit": bill.exit_bps,
        "break_even": bill.break_even_bps,
        "entry": bill.entry_bps,
    }
    low, high = min(points.values()), max(points.values())
    room = (high - low or 1.0) * 0.18
    low, high = low - room, high + room

    def place(value: float) -> float:
        return round((value - low) / (high - low) * 100, 2)

    shapes = {"exit": (28, 50, 64), "break_even": (22, 54, 80), "entry": (22, 50, 16)}
    inks = {"exit": "rl2", "break_even": "s-ink dash", "entry": "ri"}
    marks = tuple(
        EdgeMark(
            place(value),
            *shapes[name],
            text=words[name],
            anchor=lean(place(value)),
            ink=inks[name],
        )
        for name, value in points.items()
    )
    left, right = sorted((bill.break_even_bps, bill.entry_bps))
    return Edge(
        exit=place(bill.exit_bps),
        cost_width=round(place(bill.break_even_bps) - place(bill.exit_bps), 2),
        net_from=place(left),
        net_width=round(place(right) - place(left), 2),
        marks=marks,
    )


def lean(x: float) -> str:
    """Longer words lean inwards sooner."""
    if x < 25:
        return ""
    return "e" if x > 75 else "m"


def staircase(values: Sequence[float], height: float = 54.0, margin: float = 4.0) -> str:
    """An SVG path that holds each value for one step of a width of 100 and jumps to the next."""
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    middle = high == low
    width = 100 / len(values)

    def level(value: float) -> float:
        share = 0.5 if middle else (value - low) / span
        return round(height - margin - share * (height - 2 * margin), 2)

    parts = [f"M0 {level(values[0])}"]
    for step, value in enumerate(values):
        parts.append(f"V{level(value)}H{round((step + 1) * width, 3)}")
    return "".join(parts)
