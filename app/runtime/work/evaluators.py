"""Evaluators: who computes the points of a grid, and how a grid is dealt out to them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from app.domain.backtests import Params
from app.domain.records import Metrics
from app.runtime.work.orders import Bars, Point, Points
from app.runtime.work.pool import WorkerPool

CHUNK_S = 0.25  # long enough to cost nothing, short enough to show progress and let others in
CHUNK_POINTS = (4, 512)  # the first one, the largest


class Evaluator(Protocol):
    """lanes: how many chunks it computes at the same time."""

    lanes: int

    async def evaluate(self, order: Points) -> list[Metrics]:
        """The metrics of every point of the order. Raises Problem."""


class LocalEvaluator:
    """The worker processes of this machine."""

    def __init__(self, pool: WorkerPool) -> None:
        self.lanes = pool.count
        self._pool = pool

    async def evaluate(self, order: Points) -> list[Metrics]:
        rows: list[Metrics] = await self._pool.run("points", order)
        return rows


class Chunk(NamedTuple):
    """Some neighbouring points of the grid in one window."""

    window: int
    first: int
    stop: int


class Deal:
    """Hands out every point of every window once, in order, in chunks that take about CHUNK_S."""

    def __init__(self, windows: int, points: int) -> None:
        self._places = self._all(windows, points)
        self._size = CHUNK_POINTS[0]

    def next(self) -> Chunk | None:
        return next(self._places, None)

    def learn(self, points: int, seconds: float) -> None:
        """How long a chunk of so many points took."""
        fitting = round(CHUNK_S * points / max(seconds, 1e-6))
        self._size = max(1, min(fitting, 4 * self._size, CHUNK_POINTS[1]))

    def _all(self, windows: int, points: int) -> Iterator[Chunk]:
        for window in range(windows):
            first = 0
            while first < points:
                stop = min(first + self._size, points)
                yield Chunk(window, first, stop)
                first = stop


async def evaluate_all(
    evaluator: Evaluator,
    bars: Bars,
    params: Params,
    grid: Sequence[Point],
    windows: Sequence[tuple[int, int] | None],
    on_rows: Callable[[Chunk, list[Metrics]], None],
) -> None:
    """Every point in every window, on all lanes; `on_rows` gets them as they come."""
    deal = Deal(len(windows), len(grid))

    async def lane() -> None:
        while (chunk := deal.next()) is not None:
            order = Points(
                bars, params, tuple(grid[chunk.first : chunk.stop]), windows[chunk.window]
            )
            began_s = time.monotonic()
            rows = await evaluator.evaluate(order)
            deal.learn(len(rows), time.monotonic() - began_s)
            on_rows(chunk, rows)

    lanes = [asyncio.create_task(lane()) for _ in range(evaluator.lanes)]
    try:
        await asyncio.gather(*lanes)
    finally:
        for each in lanes:
            each.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)
