"""Records: how long transfers took before, by chain: what is usual, what is late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LEAST = 2
"""Of fewer transfers nothing is concluded."""


@dataclass(frozen=True, slots=True)
class Usual:
    """Seconds; of `count` transfers."""

    p50: float
    p95: float
    count: int


class Records:
    def __init__(self, times: Mapping[str, Sequence[float]]) -> None:
        self._times = times

    def usual(self, chain: str) -> Usual | None:
        times = self._times.get(chain, ())
        if len(times) < LEAST:
            return None
        return Usual(_quantile(times, 0.5), _quantile(times, 0.95), len(times))


def _quantile(times: Sequence[float], share: float) -> float:
    """The nearest of sorted times, never between two."""
    return times[min(round(share * (len(times) - 1)), len(times) - 1)]
