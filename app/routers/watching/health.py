"""Health of the market: venues, stages and their latencies, the archive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.domain.live import VenueRow
from app.routers.watching.tape import LAMPS, SHAPES
from app.runtime.latency import STAGES, TOLD_OCTAVES

if TYPE_CHECKING:
    from app.runtime.market import Market

BAR_PX, HEIGHT_PX = 6, 24
WIDTH_PX = BAR_PX * len(TOLD_OCTAVES)
# What stands under the histograms: written, and in ns.
MARKS = (("1 µs", 1_000), ("1 ms", 1_000_000), ("1 s", 1_000_000_000))


@dataclass(frozen=True, slots=True)
class Venue:
    """One venue. shape: of its lamp."""

    row: VenueRow
    shape: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One octave of durations. Geometry in px."""

    x: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage over the last minute; None: it was not seen. lines: x of p50 and p99."""

    name: str
    p50_us: float | None
    p99_us: float | None
    count: int
    bars: tuple[Bar, ...]
    lines: tuple[float, ...]


def venues(market: Market) -> tuple[Venue, ...]:
    known = {row.venue: row for row in market.venues()}
    return tuple(
        Venue(row, SHAPES[row.state]) for venue in LAMPS if (row := known.get(venue)) is not None
    )


def stages(market: Market) -> tuple[Stage, ...]:
    figures, counted = market.latencies(), market.latency.octaves()
    return tuple(_stage(name, figures.get(name), counted.get(name, ())) for name in STAGES)


def _stage(name: str, figures: tuple[float, float] | None, counts: Sequence[int]) -> Stage:
    most = max(counts, default=0)
    bars = tuple(
        Bar(i * BAR_PX, round(HEIGHT_PX - height, 1), round(height, 1))
        for i, count in enumerate(counts)
        if count and (height := max(1.5, HEIGHT_PX * count / most))
    )
    p50, p99 = figures or (None, None)
    lines = tuple(place(us * 1_000) for us in figures or ())
    return Stage(name, p50, p99, sum(counts), bars, lines)


def place(ns: float) -> float:
    """Where a duration stands, in px; an octave is a bar wide."""
    octave = max(0, int(ns).bit_length() - 1)
    share = ns / (1 << octave) - 1 if ns >= 1 else 0.0
    at = (octave + share - TOLD_OCTAVES[0]) * BAR_PX
    return round(min(WIDTH_PX, max(0.0, at)), 1)


def market_part(market: Market) -> dict[str, Any]:
    return {"market": market, "venue_rows": venues(market), "feeds_now": market.feeds}


def latency_part(market: Market) -> dict[str, Any]:
    return {
        "stages": stages(market),
        "histogram": (WIDTH_PX, HEIGHT_PX),
        "marks": tuple((written, place(ns)) for written, ns in MARKS),
    }


def archive_part(market: Market) -> dict[str, Any]:
    usage = market.archive.usage() if market.archive else None
    return {"archive": usage}
