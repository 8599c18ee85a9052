"""Connection: keeps one shard of a venue on the air: connects, guards, mends, hands over."""

from __future__ import annotations

import asyncio

import structlog

from app.domain.markets import Instrument
from app.exchanges.contract import Ticket
from app.net.websocket import Unconnected
from app.runtime.feeds.breaker import State, backoff_s
from app.runtime.feeds.clock import seconds_ns
from app.runtime.feeds.limits import GUARD_S, RESUBSCRIBED_S, RETRY_S, SETTLE_S, STEADY_S
from app.runtime.feeds.line import Line
from app.runtime.feeds.rest import VenueError
from app.runtime.feeds.station import Station

log = structlog.get_logger("kimp.feeds")


class Connection:
    """`run` is its task; ending it closes everything."""

    def __init__(self, station: Station, instruments: tuple[Instrument, ...]) -> None:
        self.instruments = instruments
        self.line: Line | None = None
        """The one that the engine hears."""
        self._station = station
        self._wake = asyncio.Event()
        self._fault: str | None = None
        self._replacement: str | None = None
        self._retry_at_ns = 0
        self._failures = 0
        self._broken: dict[Instrument, None] = {}
        """Books that are to be subscribed anew, in the order in which they broke."""

    @property
    def is_connected(self) -> bool:
        return self.line is not None

    def reconnect(self, reason: str) -> None:
        """Something is wrong with what comes: start anew."""
        self._fault = reason
        self._wake.set()

    def replace(self, reason: str) -> None:
        """Nothing is wrong yet: another line takes over before this one goes."""
        self._replacement = reason
        self._wake.set()

    def carry(self, instruments: tuple[Instrument, ...]) -> None:
        """Other instruments from now on."""
        if instruments != self.instruments:
            self.instruments = instruments
            self.replace("instruments")

    def resubscribe(self, instrument: Instrument) -> None:
        """At once, or as soon as it was not done a moment ago: nobody asks a second time."""
        self._broken[instrument] = None
        self._mend()

    def _mend(self) -> None:
        line, station = self.line, self._station
        at_ns = station.clock.at_ns()
        for instrument in list(self._broken):
            if line is None or instrument not in line.instruments:
                del self._broken[instrument]  # the next line starts its books anew anyway
            elif at_ns - line.resubscribed.get(instrument, 0) >= seconds_ns(RESUBSCRIBED_S):
                del self._broken[instrument]
                line.resubscribed[instrument] = at_ns
                ticket = Ticket(at_ns, f"r{line.number}-{at_ns}")
                line.send(station.exchange.resubscribe(instrument, station.channel, ticket))

    async def run(self) -> None:
        try:
            while True:
                self.line = await self._established()
                reason = await self._guarded()
                await self._lost(reason)
        finally:
            line, self.line = self.line, None
            if line is not None:
                line.end("stopped")
                await line.close()

    async def _established(self) -> Line:
        """Try until a line is open, slower after each failure, not at all while the breaker is."""
        station = self._station
        while True:
            await self._rested()
            try:
                line = await self._opened()
            except (Unconnected, VenueError) as error:
                self._failed(error)
                after_s = error.retry_after_s if isinstance(error, Unconnected) else None
                delay_s = backoff_s(self._failures, station.clock.chance())
                await station.clock.sleep(max(delay_s, after_s or 0.0))
                continue
            except asyncio.CancelledError:
                station.breaker.abandoned(station.clock.at_ns())
                raise
            line.open()
            return line

    async def _rested(self) -> None:
        station = self._station
        while not station.breaker.admits(station.clock.at_ns()):
            await station.clock.sleep(GUARD_S)

    async def _opened(self) -> Line:
        """Raises Unconnected, VenueError; then nothing is left of the attempt."""
        line = Line(self._station, self.instruments, self._wake)
        try:
            await line.connect()
        except BaseException:
            await line.close()
            raise
        return line

    def _failed(self, error: Unconnected | VenueError) -> None:
        station = self._station
        self._failures += 1
        station.tally.reason = error.reason
        station.breaker.failed(station.clock.at_ns())
        log.warning(
            "feed_not_connected",
            venue=station.venue,
            reason=str(error),
            failures=self._failures,
            breaker=station.breaker.state,
        )

    async def _guarded(self) -> str:
        """Until the line is dead; another one may have taken over meanwhile. Returns why."""
        station = self._station
        clock = station.clock
        self._fault = None
        while True:
            line = self.line
            assert line is not None
            at_ns = clock.at_ns()
            if (reason := self._ailment(line, at_ns)) is not None:
                return reason
            if line.has_messages:
                self._succeeded(line, at_ns)
            self._mend()
            if line.is_old(at_ns):
                self._replacement = self._replacement or "old"
            if self._replacement is not None and at_ns >= self._retry_at_ns:
                await self._handed_over(line)
                continue
            await clock.wait(self._wake, GUARD_S)
            self._wake.clear()

    def _ailment(self, line: Line, at_ns: int) -> str | None:
        if line.ended.is_set():
            return line.reason
        return self._fault or line.ailment(at_ns)

    def _succeeded(self, line: Line, at_ns: int) -> None:
        station = self._station
        if station.breaker.state is not State.CLOSED or station.tally.reason is not None:
            station.tally.reason = None
        station.breaker.succeeded()
        if line.lived_s(at_ns) >= STEADY_S:
            self._failures = 0

    async def _handed_over(self, old: Line) -> None:
        """The next line is heard in secret until its whole books are there, then it takes over."""
        station = self._station
        reason, self._replacement = self._replacement or "", None
        try:
            line = await self._opened()
        except (Unconnected, VenueError) as error:
            self._replacement = reason
            self._retry_at_ns = station.clock.at_ns() + seconds_ns(RETRY_S)
            station.tally.reason = error.reason
            log.warning("feed_not_replaced", venue=station.venue, reason=str(error))
            return
        try:
            await station.clock.wait(old.ended, SETTLE_S)
        except asyncio.CancelledError:
            await line.close()
            raise
        # Both at the moment from which on the new line was heard: no book was ever broken.
        old.end("replaced: " + reason, line.connected_at_ns)
        self.line = line
        line.open()
        await old.close()

    async def _lost(self, reason: str) -> None:
        station = self._station
        line = self.line
        assert line is not None
        self.line = None
        at_ns = station.clock.at_ns()
        is_steady = line.has_messages and line.lived_s(at_ns) >= STEADY_S
        self._failures = 0 if is_steady else self._failures + 1
        if not line.has_messages:
            station.breaker.failed(at_ns)
        line.end(reason)
        station.tally.reconnects += 1
        station.tally.reason = reason
        log.warning("feed_lost", venue=station.venue, connection=line.number, reason=reason)
        await line.close()
        await station.clock.sleep(backoff_s(self._failures, station.clock.chance()))
