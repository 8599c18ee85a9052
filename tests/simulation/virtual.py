"""Virtual time: an event loop that jumps to its next timer instead of waiting for it."""

from __future__ import annotations

import asyncio
import gc
import selectors
import warnings
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")

NEVER = 1e9


class Stuck(Exception):
    """Nothing is left to happen, and the story is not over."""


class _Jumping(selectors.SelectSelector):
    """Waits for nobody; the time that would have passed has passed."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.loop: VirtualLoop | None = None

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise Stuck
        if timeout > 0:
            due = self.loop.due() if self.loop is not None else None
            self.now = max(self.now + timeout, due or 0.0)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its clock begins at 0 and moves only between two turns."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)
        self._jumping.loop = self

    def time(self) -> float:
        return self._jumping.now

    def due(self) -> float | None:
        scheduled: list[Any] = getattr(self, "_scheduled", [])
        return scheduled[0].when() if scheduled else None


class Numbered(asyncio.Task[Any]):
    """Hashed by its number: a set of tasks has the same order in every run, unlike addresses."""

    count = 0

    def __init__(self, *words: Any, **options: Any) -> None:
        Numbered.count += 1
        self._number = Numbered.count
        super().__init__(*words, **options)

    def __hash__(self) -> int:
        return self._number


def run(main: Coroutine[Any, Any, T]) -> T:
    """Like asyncio.run, in no time. What is still under way at the end never goes on.

    The collector rests meanwhile: when it finds the tasks of a dead process is no part of the seed.
    """
    loop = VirtualLoop()
    Numbered.count = 0
    loop.set_task_factory(lambda on, story, **options: Numbered(story, loop=on, **options))
    gc.disable()
    loop.set_exception_handler(lambda _loop, _context: None)
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(main)
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            for task in asyncio.all_tasks(loop):
                _bury(task)
        asyncio.set_event_loop(None)
        loop.close()
        gc.enable()
        gc.collect()


def _bury(task: asyncio.Task[Any]) -> None:
    """A process that was killed runs no `finally` that anybody could see."""
    setattr(task, "_log_destroy_pending", False)  # noqa: B010 - asyncio has no word for it
    story: Any = task.get_coro()
    with suppress(BaseException):
        story.close()
