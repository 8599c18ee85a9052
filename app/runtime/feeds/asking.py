"""Asking: single books by REST, one call for an instrument at a time."""

from __future__ import annotations

import asyncio

import structlog

from app.domain.events import SnapshotRead
from app.domain.markets import BookSnapshot, Instrument
from app.runtime.feeds.limits import ASKED_BOOKS_MAX, ASKING_AT_ONCE
from app.runtime.feeds.rest import VenueError
from app.runtime.feeds.station import Station

log = structlog.get_logger("kimp.feeds")


class Asking:
    """`run` is its task. What does not fit is not asked: the engine asks again in its time."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._asked: dict[Instrument, str] = {}
        self._queue: asyncio.Queue[Instrument] = asyncio.Queue(ASKED_BOOKS_MAX)

    def ask(self, instrument: Instrument, reason: str) -> None:
        if instrument in self._asked or self._queue.full():
            return
        self._asked[instrument] = reason
        self._queue.put_nowait(instrument)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(ASKING_AT_ONCE):
                group.create_task(self._answer())

    async def _answer(self) -> None:
        station = self._station
        while True:
            instrument = await self._queue.get()
            try:
                snapshot = await self._read(instrument)
            finally:
                self._asked.pop(instrument, None)
            station.take(SnapshotRead(station.clock.at_ns(), instrument, snapshot))

    async def _read(self, instrument: Instrument) -> BookSnapshot | None:
        station = self._station
        reason = self._asked[instrument]
        request = station.exchange.ask_book(instrument)
        try:
            events = await station.rest.read(request, urgent=True)
        except VenueError as error:
            log.warning("book_not_read", venue=station.venue, reason=str(error), wanted_for=reason)
            return None
        for event in events:
            if isinstance(event, BookSnapshot) and event.instrument == instrument:
                return event
        return None
