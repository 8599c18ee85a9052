"""Drawing: geometry of the small pictures: premium tape, freshness bars, heat. Percent and px."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.domain.policy import Policy
from app.routers.watching.memory import Span

HEAT_STEP_BPS = 20.0
HEAT_STEPS = 5
GRID_BPS = 50.0
AXIS_MIN, AXIS_MAX = -100.0, 230.0
AXIS_LIMIT = 600.0
BAR_PX = 12.0
WARNS_AT = 0.7


@dataclass(frozen=True, slots=True)
class Axis:
    """The one scale of all tapes, in bps. marks: (percent, written)."""

    low: float
    high: float
    marks: tuple[tuple[float, float], ...]

    def at(self, value: float) -> float:
        """Percent of the width; what lies outside stands at the edge."""
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(1.0, max(0.0, share)), 2)


@dataclass(frozen=True, slots=True)
class TapeDrawing:
    """One coin on the axis: range and quartiles as (x, width), the others as x; None: not known."""

    zero: float
    span: tuple[float, float] | None
    quartiles: tuple[float, float] | None
    break_even: float | None
    kimchi: float | None
    usdlike: float | None
    net: float | None


@dataclass(frozen=True, slots=True)
class Bar:
    """Age against budget: height in px from the bottom. ink: of the classes f-*."""

    y: float
    height: float
    ink: str


def axis(values: Iterable[float]) -> Axis:
    """Wide enough for what is shown, in steps of the grid, so that it seldom moves."""
    found = [value for value in values if abs(value) <= AXIS_LIMIT]
    low = min([AXIS_MIN, *(math.floor(v / GRID_BPS) * GRID_BPS for v in found)])
    high = max([AXIS_MAX, *(math.ceil(v / GRID_BPS) * GRID_BPS + 30 for v in found)])
    step = 100.0 if high - low <= 500 else 200.0
    first = math.ceil((low + 40) / step) * step
    ticks = [first + step * i for i in range(int((high - 10 - first) // step) + 1)]
    scale = Axis(low, high, ())
    return Axis(low, high, tuple((scale.at(tick), tick) for tick in ticks))


def tape(
    scale: Axis,
    span: Span | None,
    *,
    net: float | None,
    usdlike: float | None,
    kimchi: float | None,
    break_even: float | None,
) -> TapeDrawing:
    def at(value: float | None) -> float | None:
        return None if value is None else scale.at(value)

    def between(low: float, high: float) -> tuple[float, float]:
        return scale.at(low), round(max(scale.at(high) - scale.at(low), 0.3), 2)

    return TapeDrawing(
        zero=scale.at(0),
        span=between(span.low, span.high) if span else None,
        quartiles=between(span.first_quartile, span.third_quartile) if span else None,
        break_even=at(break_even),
        kimchi=at(kimchi),
        usdlike=at(usdlike),
        net=at(net),
    )


def heat(bps: float | None) -> str:
    """h1…h5 above zero, g1…g5 below, a step for each 20 bps."""
    if bps is None or round(bps) == 0:
        return ""
    step = min(HEAT_STEPS, 1 + int(abs(bps) // HEAT_STEP_BPS))
    return f"{'h' if bps > 0 else 'g'}{step}"


def freshness(ages_ms: Sequence[float | None], policy: Policy) -> tuple[Bar, ...]:
    """Buy book, sell book, rate, wallets against their budgets; unknown is full."""
    budgets = (
        policy.book_age_s_max,
        policy.book_age_s_max,
        policy.tether_age_s_max,
        policy.wallet_age_s_max,
    )
    bars = []
    for age_ms, budget_s in zip(ages_ms, budgets, strict=True):
        share = 1.0 if age_ms is None else age_ms / 1000 / budget_s
        height = round(BAR_PX * min(1.0, max(share, 0.06)), 1)
        ink = "f-flt" if share >= 1 else "f-cau" if share >= WARNS_AT else "f-ink3"
        bars.append(Bar(round(BAR_PX - height, 1), height, ink))
    return tuple(bars)
