"""Store: the only owner of transactions that trading knows; a simulation brings its own.

`Ledger` runs a transaction again, whole, when another one stood in its way (H55, H56): nothing of
the first try is left, and no venue is ever called inside one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from app.ledger import conflicts
from app.ledger.queries import Connection
from app.runtime.trading.clock import Clock
from app.runtime.trading.limits import CONFLICT_S, CONFLICTS_MAX

P = ParamSpec("P")
T = TypeVar("T")


class Store(Protocol):
    """`app.ledger.database.Database` is the real one."""

    async def read(
        self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """One transaction that changes nothing."""
        ...

    async def write(
        self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """One transaction; when this returns, it is on disk."""
        ...


class Ledger:
    """A store that gives way to other writers and comes back."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def read(
        self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self._store.read(fn, *args, **kwargs)

    async def write(
        self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        for number in range(1, CONFLICTS_MAX):
            try:
                return await self._store.write(fn, *args, **kwargs)
            except Exception as error:
                if not conflicts.is_conflict(error):
                    raise
            await self._clock.sleep(CONFLICT_S * number * (0.5 + self._clock.chance()))
        return await self._store.write(fn, *args, **kwargs)
