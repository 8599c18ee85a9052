"""Polling: the same question again and again, sooner after a failure or when somebody asks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from app.runtime.feeds.clock import Clock


class Poll:
    """ask: True when all went well. retry_s doubles with each failure, up to retry_s_max."""

    def __init__(
        self,
        clock: Clock,
        ask: Callable[[], Awaitable[bool]],
        *,
        every_s: float,
        retry_s: float,
        retry_s_max: float | None = None,
    ) -> None:
        self._clock = clock
        self._ask = ask
        self._every_s = every_s
        self._retry_s = retry_s
        self._retry_s_max = retry_s_max or every_s
        self._wake = asyncio.Event()

    def soon(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        failures = 0
        while True:
            self._wake.clear()
            failures = 0 if await self._ask() else failures + 1
            delay_s = self._every_s
            if failures:
                delay_s = min(self._retry_s * 2 ** min(failures - 1, 10), self._retry_s_max)
            await self._clock.wait(self._wake, delay_s)
