"""A sweep's grid: points by their place, neighbours, the best point and the best plateau."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median_low

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
        """Median objective of a point and its neighbours, of two middles the worse.

        A peak that stands alone is luck.
        """
        near = [self.value(other) for other in (index, *self.neighbours(index))]
        worths = [self.worth(value) for value in near if value is not None]
        return self.worth(median_low(worths)) if worths else None

    def best(self) -> int | None:
        """The best point done so far; of equals the first."""
        ranked = self.ranked()
        return ranked[0] if ranked else None

    def best_plateau(self) -> int | None:
        """The point with the best plateau; of equals the one that is itself better."""
        return max(self.ranked(), key=self._plateau_worth, default=None)

    def _plateau_worth(self, index: int) -> float:
        level = self.plateau(index)
        return -math.inf if level is None else self.worth(level)

    def worth(self, value: float) -> float:
        """Larger is better, whatever the objective; the way back is the same."""
        return -value if BETTER[self.objective] == "lower" else value

    def ranked(self) -> list[int]:
        """Points by their objective, best first; those without one are left out."""
        values = {index: self.value(index) for index in sorted(self.points)}
        known = {index: self.worth(value) for index, value in values.items() if value is not None}
        return sorted(known, key=lambda index: -known[index])
