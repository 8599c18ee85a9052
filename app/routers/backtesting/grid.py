"""A sweep's grid: points by their place, neighbours, the best point and the best plateau."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from app.domain.backtests import Axis
from app.domain.records import StudyPointRow

# Around which value a metric is judged good or bad; the others around 0.
LEVEL = {"win_rate_pct": 50.0, "profit_factor": 1.0}


@dataclass(frozen=True, slots=True)
class Grid:
    """Points in the order of the grid, last axis fastest; those not done yet are missing."""

    axes: tuple[Axis, ...]
    points: Mapping[int, StudyPointRow]
    objective: str

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(len(axis.values) for axis in self.axes)

    def index(self, place: Sequence[int]) -> int:
        """Number of the point at a place."""
        number = 0
        for at, size in zip(place, self.sizes, strict=True):
            number = number * size + at
        return number

    def place(self, index: int) -> tuple[int, ...]:
        """Position along each axis of a point."""
        found = []
        for size in reversed(self.sizes):
            index, at = divmod(index, size)
            found.append(at)
        return tuple(reversed(found))

    def value(self, index: int, metric: str | None = None) -> float | None:
        """A figure of a point; None while it is not there or has no such figure."""
        point = self.points.get(index)
        found = None if point is None else point.metrics.get(metric or self.objective)
        return None if found is None or not math.isfinite(found) else float(found)

    def around(self, index: int) -> list[float]:
        """The objective of all direct neighbours, diagonals included."""
        places: list[tuple[int, ...]] = [()]
        for at, size in zip(self.place(index), self.sizes, strict=True):
            near = [step for step in (at - 1, at, at + 1) if 0 <= step < size]
            places = [(*before, step) for before in places for step in near]
        others = [self.index(place) for place in places]
        values = [self.value(other) for other in others if other != index]
        return [value for value in values if value is not None]

    def plateau(self, index: int) -> float | None:
        """Median of the neighbours; a single high cell among low ones is luck."""
        near = self.around(index)
        return median(near) if near else None

    def best(self) -> int | None:
        """The highest point; equal ones: the first."""
        return self._highest({index: self.value(index) for index in self.points})

    def best_plateau(self) -> int | None:
        """The point whose neighbours are best, its own value counting as one of them."""
        levels: dict[int, float | None] = {}
        for index in self.points:
            own = self.value(index)
            levels[index] = None if own is None else median([own, *self.around(index)])
        return self._highest(levels)

    @staticmethod
    def _highest(values: Mapping[int, float | None]) -> int | None:
        found: int | None = None
        top = -math.inf
        for index in sorted(values):
            value = values[index]
            if value is not None and value > top:
                found, top = index, value
        return found
