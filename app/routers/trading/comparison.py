"""Comparison: what a cycle was planned to earn and what it earned, part by part, in bps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.cycles import Cycle, Part

RESIDUAL = "residual"


@dataclass(frozen=True, slots=True)
class Compared:
    """actual, difference None: not settled yet. x, width: of its bar, percent of the column."""

    code: str
    plan: float
    actual: float | None
    difference: float | None
    x: float
    width: float
    ink: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """zero: percent. The parts of each column sum to its total; what is left is the residual."""

    rows: tuple[Compared, ...]
    zero: float
    plan: float
    actual: float | None

    @property
    def difference(self) -> float | None:
        return None if self.actual is None else self.actual - self.plan


def comparison(cycle: Cycle) -> Comparison:
    plan, actual = _by_code(cycle.plan.parts), _by_code(cycle.actual)
    settled = bool(cycle.actual)
    codes = [code for code in dict.fromkeys((*plan, *actual)) if code != RESIDUAL]
    codes.append(RESIDUAL)
    shown = [actual.get(code, 0.0) if settled else plan.get(code, 0.0) for code in codes]
    low, high = min(0.0, *shown), max(0.0, *shown)
    span = (high - low) or 1.0
    zero = -low / span * 100
    rows = []
    for code, value in zip(codes, shown, strict=True):
        planned = plan.get(code, 0.0)
        gained = actual.get(code, 0.0) if settled else None
        width = abs(value) / span * 100
        rows.append(
            Compared(
                code=code,
                plan=planned,
                actual=gained,
                difference=None if gained is None else gained - planned,
                x=round(zero if value >= 0 else zero - width, 2),
                width=round(max(width, 0.4), 2),
                ink="f-up soft" if value >= 0 else "f-down soft",
            )
        )
    total = sum(actual.values()) if settled else None
    return Comparison(tuple(rows), round(zero, 2), sum(plan.values()), total)


def _by_code(parts: Sequence[Part]) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in parts:
        found[part.code] = found.get(part.code, 0.0) + part.bps
    return found
