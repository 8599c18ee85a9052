"""Archive: takes what the market shows, stores it in batches, answers about the past.

It has no task of its own: the runtime runs `keep`. Without an engine everything else goes on, and
`usage` says why nothing is stored.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
import structlog

from app.archive import queries
from app.archive.batches import Batch, Books, Spreads, Trades
from app.archive.child import CannotStart, Child
from app.archive.client import Address, Client, Unavailable
from app.archive.limits import FLUSH_S, RESTART_S, TRIES_MAX, USAGE_S
from app.archive.queries import Basis, History, Quantiles, Stored
from app.books.rack import Rack
from app.domain.live import SpreadRow
from app.domain.markets import Trade
from app.domain.venues import Venue

GIB = 1 << 30
T = TypeVar("T")

log = structlog.get_logger(__name__)


class Route(NamedTuple):
    """Buy a base at one venue, sell it at another."""

    base: str
    buy_venue: Venue
    sell_venue: Venue


class Usage(msgspec.Struct, frozen=True):
    """state: starting, storing, away (`reason` says why). waiting, dropped: rows. per table:
    name → (rows, bytes on disk, time of its oldest partition in ns)."""

    state: str
    reason: str | None
    where: str
    pid: int | None
    max_bytes: int
    bytes: int
    waiting: int
    dropped: int
    stored: int
    restarts: int
    tables: dict[str, tuple[int, int, int | None]]


class Archive:
    """Everything but `keep` may be called at any time; `note_*` never wait."""

    def __init__(
        self,
        url: str | None,
        folder: Path,
        max_gib: float = 10.0,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.max_gib = max_gib
        self._clock_ns = clock_ns
        self._url = url
        self._folder = folder
        self._books, self._trades, self._spreads = Books(), Trades(), Spreads()
        self._child: Child | None = None
        self._client: Client | None = None
        self._reason: str | None = None
        self._failures = 0
        self._restarts = 0
        self._stored = 0
        self._lost = 0
        self._tries = 0
        self._retry: list[Batch] = []
        self._tables: Stored = {}
        self._looked_s = -USAGE_S
        # Storing does not wait for whoever asks about a year.
        self._writing = ThreadPoolExecutor(1, "archive-writes")
        self._reading = ThreadPoolExecutor(1, "archive-reads")

    @classmethod
    def open(cls, url: str | None, folder: Path, **options: Any) -> Archive:
        """url: of a server; None: the embedded engine in `folder`. Nothing is started yet."""
        return cls(url, folder, **options)

    # What is to be stored

    def note_books(self, rack: Rack, at_ns: int) -> None:
        """Once a second, or oftener: a book counts once a second, and only when it has changed."""
        self._books.note(rack, at_ns)

    def note_trades(self, trades: Sequence[Trade]) -> None:
        self._trades.note(trades)

    def note_spreads(self, rows: Iterable[SpreadRow]) -> None:
        """A route counts once a second, and only when it has changed."""
        self._spreads.note(rows)

    # What was

    async def premium_history(
        self,
        base: str,
        buy_venue: Venue,
        sell_venue: Venue,
        basis: Basis,
        since_ns: int,
        points: int,
    ) -> History:
        """At most `points` places in time, with mean, lowest and highest. Raises Unavailable."""
        question = queries.history(
            base, buy_venue, sell_venue, basis, since_ns, self._clock_ns(), points
        )
        return queries.read_history(await self._ask(question))

    async def percentile(
        self, route: Route, basis: Basis, since_ns: int, value_bps: float
    ) -> float | None:
        """Share 0..1 of the seconds since then that were not above; None: nothing is known."""
        question = queries.percentile(*route, basis, since_ns, value_bps)
        return queries.read_percentile(await self._ask(question))

    async def quantiles(self, basis: Basis, since_ns: int) -> Quantiles:
        """(base, buying venue, selling venue) → 101 quantiles, of all routes at once."""
        return queries.read_quantiles(await self._ask(queries.quantiles(basis, since_ns)))

    def usage(self) -> Usage:
        """As it was when `keep` looked last."""
        parts = (self._books, self._trades, self._spreads)
        away = "away" if self._reason else "starting"
        return Usage(
            state=away if self._client is None else "storing",
            reason=self._reason,
            where="server" if self._url else "embedded",
            pid=self._child.pid if self._child else None,
            max_bytes=int(self.max_gib * GIB),
            bytes=sum(size for _, size, _ in self._tables.values()),
            waiting=sum(len(part) for part in parts) + sum(batch.rows for batch in self._retry),
            dropped=sum(part.dropped for part in parts) + self._lost,
            stored=self._stored,
            restarts=self._restarts,
            tables=self._tables,
        )

    # The one coroutine

    async def keep(self) -> None:
        """Store what comes, within a second, until cancelled; then store the rest and end."""
        try:
            while True:
                try:
                    if self._client is None:
                        await self._connect()
                    await asyncio.sleep(FLUSH_S)
                    await self._store()
                    await self._look()
                except (CannotStart, Unavailable, OSError) as error:
                    await self._away(str(error))
        finally:
            await self._close()

    async def _connect(self) -> None:
        """Raises CannotStart, Unavailable, OSError."""
        address = Address(self._url)
        if self._url is None:
            await self._in(self._writing, lambda: self._folder.mkdir(0o700, True, True))
            self._child = await Child.start(self._folder)
            address = Address(port=self._child.port, password=self._child.password)
        self._client = await self._in(self._writing, Client.connect, address)
        self._reason, self._failures = None, 0
        log.info("archive_open", where=self.usage().where, pid=self.usage().pid)

    async def _away(self, reason: str) -> None:
        """Whatever failed: begin anew, after a while that grows."""
        if reason != self._reason:
            log.warning("archive_away", reason=reason)
        self._reason = reason
        self._restarts += 1
        if self._client is not None:
            self._client.close()
            self._client = None
        if self._child is not None:
            await self._child.stop()
        await asyncio.sleep(RESTART_S[min(self._failures, len(RESTART_S) - 1)])
        self._failures += 1

    async def _store(self) -> None:
        """What an engine failed to take is offered to the next one. Raises Unavailable."""
        if self._client is None:
            return
        self._retry += await self._in(self._writing, self._encoded)
        while self._retry:
            try:
                await self._in(self._writing, self._client.insert, self._retry[0])
            except Unavailable:
                # Once more: whether it came in, nobody can tell. What it cannot take at all would
                # hold up everything behind it.
                self._tries += 1
                if self._tries > TRIES_MAX:
                    self._tries = 0
                    self._lost += self._retry.pop(0).rows
                raise
            self._tries = 0
            self._stored += self._retry.pop(0).rows

    def _encoded(self) -> list[Batch]:
        made = (self._books.take(), self._trades.take(), self._spreads.take())
        return [batch for batch in made if batch is not None]

    async def _look(self) -> None:
        """How much there is; the oldest goes when it is too much. Raises Unavailable."""
        if self._client is None or time.monotonic() - self._looked_s < USAGE_S:
            return
        self._looked_s = time.monotonic()
        parts = queries.read_partitions(await self._ask(queries.PARTITIONS))
        for table, partition in list(queries.surplus(parts, int(self.max_gib * GIB))):
            log.info("archive_drops", table=table, partition=partition)
            await self._in(self._writing, self._client.command, queries.drop(table, partition))
            parts = [part for part in parts if (part.table, part.id) != (table, partition)]
        self._tables = queries.summed(parts)

    async def _ask(self, question: tuple[str, dict[str, Any]]) -> list[Any]:
        if self._client is None:
            raise Unavailable(self._reason or "the archive is starting")
        return await self._in(self._reading, self._client.columns, *question)

    async def _in(self, where: ThreadPoolExecutor, call: Callable[..., T], *given: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(where, call, *given)

    async def _close(self) -> None:
        try:
            await self._store()
        except Unavailable as error:
            log.warning("archive_lost_the_end", reason=str(error), rows=self.usage().waiting)
        if self._client is not None:
            self._client.close()
            self._client = None
        if self._child is not None:
            await self._child.stop()
        self._writing.shutdown(wait=False)
        self._reading.shutdown(wait=False)
