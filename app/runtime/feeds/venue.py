"""One venue's feed: its connections and its polls. Nothing in it touches another venue."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from app.domain.markets import Instrument
from app.domain.times import MS_NS
from app.exchanges import funding
from app.runtime.feeds.asking import Asking
from app.runtime.feeds.clock import seconds_ns
from app.runtime.feeds.clocks import Clocks
from app.runtime.feeds.connection import Connection
from app.runtime.feeds.counts import Counts
from app.runtime.feeds.discovery import Discovery
from app.runtime.feeds.funding import Funding
from app.runtime.feeds.limits import (
    RETRY_S,
    SET_BACK_NS,
    SUSPECT_MAX,
    SUSPECT_NS,
    SUSPECT_S,
    WATCH_S,
)
from app.runtime.feeds.shards import reshard
from app.runtime.feeds.station import Station
from app.runtime.feeds.wallets import Wallets

log = structlog.get_logger("kimp.feeds")


class VenueFeed:
    """Started once, stopped once."""

    def __init__(self, station: Station) -> None:
        self.station = station
        self.discovery = Discovery(station)
        self.wallets = Wallets(station)
        self.clocks = Clocks(station)
        self._suspect = 0
        self._suspect_from_ns = 0
        self.asking = Asking(station)
        self._connections: dict[Connection, asyncio.Task[None]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._wanted: tuple[Instrument, ...] = ()
        self._choosing: asyncio.Task[None] | None = None

    def start(self) -> None:
        for work in (self.discovery.poll.run, self._wallets_and_clock, self.asking.run):
            self._tasks.append(self._spawn(work))

    async def stop(self) -> None:
        tasks = [*self._tasks, *self._connections.values(), *self._leaving]
        if self._choosing is not None:
            tasks.append(self._choosing)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._connections.clear()

    def watch(self, instruments: tuple[Instrument, ...]) -> None:
        """These before long; as every venue's list arrives, the choice changes several times."""
        self._wanted = instruments
        if self._choosing is None:
            self._choosing = asyncio.get_running_loop().create_task(self._watch_soon())

    async def _watch_soon(self) -> None:
        await self.station.clock.sleep(WATCH_S)
        self._choosing = None
        self._watch(self._wanted)

    def _watch(self, instruments: tuple[Instrument, ...]) -> None:
        """Connections that carry the right instruments already stay as they are."""
        carried = list(self._connections)
        size = self.station.exchange.limits.instruments_per_connection
        shards = reshard([one.instruments for one in carried], instruments, size)
        for connection, shard in zip(carried, shards, strict=False):
            if shard:
                connection.carry(shard)
            else:
                task = self._connections.pop(connection)
                self._leaving.add(task)
                task.add_done_callback(self._leaving.discard)
                task.cancel()
        for shard in shards[len(carried) :]:
            connection = Connection(self.station, shard)
            self._connections[connection] = self._spawn(connection.run)
        self.discovery.watch(instruments)
        self.wallets.watch(frozenset(instrument.base for instrument in instruments))

    def connection(self, number: int) -> Connection | None:
        """The one whose line has this number now."""
        for connection in self._connections:
            if connection.line is not None and connection.line.number == number:
                return connection
        return None

    def updated(self, received_ns: int, exchange_at_ns: int) -> None:
        """A book has changed. Many times in a row that cannot be: a clock was set."""
        station = self.station
        tally = station.tally
        tally.updates.add(received_ns)
        if not exchange_at_ns or received_ns <= station.snapshots_until_ns:
            return
        offset = station.rest.skew.offset
        skew_ns, error_ns = offset if offset is not None else (0, 0)
        delay_ns = received_ns + skew_ns - exchange_at_ns
        tally.delays.add(delay_ns, received_ns)
        if offset is None or -error_ns - SUSPECT_NS <= delay_ns <= error_ns + SUSPECT_NS:
            self._suspect = 0
            return
        self._suspect += 1
        if self._suspect >= SUSPECT_MAX and received_ns >= self._suspect_from_ns:
            self._suspect = 0
            self._suspect_from_ns = received_ns + seconds_ns(SUSPECT_S)
            self.clocks.suspect()

    def clock_was_set(self, by_ns: int) -> None:
        """Set back, its whole books would seem older than those that stand: start them anew."""
        self.clocks.tell()
        if by_ns < -SET_BACK_NS:
            for connection in self._connections:
                connection.replace("clock set back")

    def counts(self, at_ns: int) -> Counts:
        station = self.station
        tally, breaker = station.tally, station.breaker
        offset = station.rest.skew.offset
        p50_ms, p99_ms = tally.delays.quantiles_ms(at_ns, (0.5, 0.99))
        return Counts(
            connections=len(self._connections),
            connected=sum(one.is_connected for one in self._connections),
            instruments=sum(len(one.instruments) for one in self._connections),
            messages=tally.messages.total,
            messages_per_s=tally.messages.per_s(at_ns),
            updates_per_s=tally.updates.per_s(at_ns),
            delay_p50_ms=p50_ms,
            delay_p99_ms=p99_ms,
            skew_ms=offset.offset_ns / MS_NS if offset else None,
            skew_error_ms=offset.error_ns / MS_NS if offset else None,
            limit_used=station.rest.budget.used(at_ns),
            limited_until_ns=station.rest.budget.resting_until_ns,
            reconnects=tally.reconnects,
            conflated=tally.conflated,
            dropped=tally.dropped,
            breaker=breaker.state,
            breaker_until_ns=breaker.until_ns,
            last_message_at_ns=tally.last_message_at_ns,
            reason=tally.reason,
            markets=self.discovery.count,
        )

    async def _wallets_and_clock(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.clocks.poll.run())
            group.create_task(self.wallets.poll.run())
            if self.station.venue is funding.VENUE:
                group.create_task(Funding(self.station).poll.run())

    def _spawn(self, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(self._kept_up(work))

    async def _kept_up(self, work: Callable[[], Awaitable[None]]) -> None:
        """A bug of ours in one task ends neither the venue nor anybody else; it is told."""
        while True:
            try:
                await work()
            except Exception:
                log.exception("feed_task_failed", venue=self.station.venue)
                self.station.tally.reason = "bug"
            await self.station.clock.sleep(RETRY_S)
