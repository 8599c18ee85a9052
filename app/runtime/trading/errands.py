"""Errands: a gateway's tasks, bounded, one at a time for each key, none of them silently dead.

An errand that fails (H61) is told of and forgotten: what it was about stands in a row of the
ledger, and the row is looked at again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from app.runtime.trading.limits import ERRANDS_MAX, LEAVE_S

log = structlog.get_logger("kimp.trading")

Do = Callable[[], Coroutine[Any, Any, None]]


class Errands:
    """failed(key, error): where it raised. done(key, went_well): after each."""

    def __init__(
        self,
        name: str,
        *,
        failed: Callable[[str, Exception], Coroutine[Any, Any, None]],
        done: Callable[[str, bool], None],
    ) -> None:
        self._name = name
        self._failed = failed
        self._done = done
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._waiting: deque[tuple[str, Do]] = deque()

    def __contains__(self, key: str) -> bool:
        return key in self._busy

    def __len__(self) -> int:
        return len(self._busy)

    def begin(self, key: str, do: Do) -> None:
        """Nothing where one with this key is under way or waits."""
        if key in self._busy or any(key == waiting for waiting, _ in self._waiting):
            return
        if len(self._busy) >= ERRANDS_MAX:
            self._waiting.append((key, do))
            return
        self._busy[key] = asyncio.create_task(self._run(key, do), name=f"{self._name} {key}")

    async def stop(self) -> None:
        """What is under way may end; nothing waits any more."""
        self._waiting.clear()
        tasks = list(self._busy.values())
        if tasks:
            await asyncio.wait(tasks, timeout=LEAVE_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, key: str, do: Do) -> None:
        went_well = False
        try:
            await do()
            went_well = True
        except Exception as error:
            log.exception("errand_failed", of=self._name, errand=key)
            await self._failed(key, error)
        finally:
            del self._busy[key]
            if self._waiting:
                self.begin(*self._waiting.popleft())
            self._done(key, went_well)
