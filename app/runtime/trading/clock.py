"""Clock: what trading asks of time and chance; a simulation brings its own."""

from __future__ import annotations

import asyncio
from typing import Protocol


class Clock(Protocol):
    """`app.runtime.feeds.clock.Clock` is the real one."""

    def at_ns(self) -> int:
        """ns since the epoch, UTC; never goes back."""
        ...

    def chance(self) -> float:
        """0 up to 1."""
        ...

    async def sleep(self, seconds: float) -> None: ...

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        """Whether the event came within this time."""
        ...
