"""A sweep's grid: points by their place, neighbours, the best point and the best plateau."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from app.domain.backtests import Axis
from app.domain.records import StudyPointRow
from app.routers.backtesting.strip import BETTER


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

    def neighbours(self, index: int) -> list[int]:
        """Points one step away along one axis."""
        place = self.place(index)
        found = []
        for axis, size in enumerate(self.sizes):
            for at in (place[axis] - 1, place[axis] + 1):
                if 0 <= at < size:
                    found.append(self.index((*place[:axis], at, *place[axis + 1 :])))
        return found

    def plateau(self, index: int) -> float | None:
        """Median objective of a point and its neighbours; a peak that stands alone is luck."""
        near = [self.value(other) for other in (index, *self.neighbours(index))]
        known = [value for value in near if value is not None]
        return median(known) if known else None

    def best(self) -> int | None:
        """The best point done so far; of equals the first."""
        return self._first({index: self.value(index) for index in self.points})

    def best_plateau(self) -> int | None:
        """The point with the best plateau."""
        return self._first({index: self.plateau(index) for index in self.points})

    def worth(self, value: float) -> float:
        """Larger is better, whatever the objective."""
        return -value if BETTER[self.objective] == "lower" else value

    def ranked(self) -> list[int]:
        """Points by their objective, best first; those without one are left out."""
        known = [(index, self.value(index)) for index in sorted(self.points)]
        return [
            index
            for index, value in sorted(
                ((index, value) for index, value in known if value is not None),
                key=lambda pair: -self.worth(pair[1]),
            )
        ]

    def _first(self, values: Mapping[int, float | None]) -> int | None:
        known = {index: self.worth(v) for index, v in sorted(values.items()) if v is not None}
        return max(known, key=known.__getitem__) if known else None
