"""Clocks: how far a venue's clock is from ours, every five minutes."""

from __future__ import annotations

import structlog

from app.domain.events import ClockRead
from app.domain.markets import ServerTime
from app.exchanges.contract import Request
from app.runtime.feeds.limits import CLOCK_ERROR_NS, CLOCK_S, CLOCK_SAMPLE_S, CLOCK_SAMPLES, RETRY_S
from app.runtime.feeds.polling import Poll
from app.runtime.feeds.rest import VenueError
from app.runtime.feeds.skew import TIME_NS
from app.runtime.feeds.station import Station

log = structlog.get_logger("kimp.feeds")


class Clocks:
    """Where no call tells the time, the `Date` of every answer does; this only passes it on."""

    def __init__(self, station: Station) -> None:
        self._is_suspect = False
        self.poll = Poll(station.clock, self.round, every_s=CLOCK_S, retry_s=RETRY_S)
        self._station = station

    async def round(self) -> bool:
        request = self._station.exchange.ask_time()
        if self._is_suspect and request is None:
            request = self._station.exchange.ask_markets()[0]
        self._is_suspect = False
        if request is not None:
            try:
                for _ in range(CLOCK_SAMPLES):
                    await self._sample(request)
                    await self._station.clock.sleep(CLOCK_SAMPLE_S)
            except VenueError as error:
                log.warning("clock_not_read", venue=self._station.venue, reason=str(error))
                return False
        return self.tell() and self._is_precise()

    def suspect(self) -> None:
        """What streams does not fit what we know of the clock: look now."""
        self._is_suspect = True
        self.poll.soon()

    def tell(self) -> bool:
        station = self._station
        offset = station.rest.skew.offset
        if offset is None:
            return False
        station.take(ClockRead(station.clock.at_ns(), station.venue, *offset))
        return True

    def _is_precise(self) -> bool:
        """While we were busy answers seemed late: ask again before long."""
        station = self._station
        offset = station.rest.skew.offset
        has_call = station.exchange.ask_time() is not None
        return not has_call or (offset is not None and offset.error_ns <= CLOCK_ERROR_NS)

    async def _sample(self, request: Request) -> None:
        rest = self._station.rest
        answer = await rest.ask(request)
        if rest.exchange.ask_time() is None:
            return  # its `Date` was read on the way
        at_ns = self._station.clock.at_ns()
        for event in rest.events(request, answer):
            if isinstance(event, ServerTime):
                rest.heard(answer, at_ns, event.exchange_at_ns, TIME_NS)
                return
        raise VenueError("unreadable", "no time in the answer")
