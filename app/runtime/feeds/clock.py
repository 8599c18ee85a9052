"""Clock: our time, waiting, and chance, in one value that tests can make run faster."""

from __future__ import annotations

import asyncio
import random
import time

from app.domain.times import SECOND_NS


class Clock:
    """The wall clock as it was at the start, carried on by the one that nobody can set.

    So no step of the machine's time makes a book older or younger than it is.
    """

    def __init__(self) -> None:
        self._ahead_ns = time.time_ns() - time.monotonic_ns()

    def at_ns(self) -> int:
        """ns since the epoch, UTC; never goes back."""
        return time.monotonic_ns() + self._ahead_ns

    def chance(self) -> float:
        """0 up to 1: jitter, not a secret."""
        return random.random()  # noqa: S311

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        """Whether the event came within this time."""
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return False
        return True


def seconds_ns(seconds: float) -> int:
    return round(seconds * SECOND_NS)
