"""Feeds: everything that arrives from venues becomes events; what the engine wants is done."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence

import structlog

from app.domain.events import Event
from app.domain.facts import AskBook, AskMarkets, Command, Reconnect, Resubscribe, Watch
from app.domain.venues import Venue
from app.exchanges import fx
from app.exchanges.contract import Exchange, Names
from app.exchanges.signing import Keys
from app.net.egress import Egress
from app.net.http import TOTAL_S_MAX, Http
from app.runtime.feeds import endpoints as places
from app.runtime.feeds.clock import Clock
from app.runtime.feeds.counts import Counts
from app.runtime.feeds.endpoints import Endpoint
from app.runtime.feeds.inbox import Inbox
from app.runtime.feeds.limits import RETRY_S
from app.runtime.feeds.rates import Rates
from app.runtime.feeds.rest import Rest
from app.runtime.feeds.station import Station
from app.runtime.feeds.venue import VenueFeed

log = structlog.get_logger("kimp.feeds")

# A line that is about to be cut by its venue; the engine passes on what the venue said.
CLOSING = "closing"


class Feeds:
    """take: called on the loop, once for each event, never from within `do`.

    endpoints: of the venues to connect to, and of no others. channels: where settings chose
    another book channel than the venue's first. patience_s: for one REST answer.
    """

    def __init__(
        self,
        take: Callable[[Event], object],
        *,
        exchanges: Mapping[Venue, Exchange],
        endpoints: Mapping[Venue, Endpoint],
        keys: Mapping[Venue, Keys] | None = None,
        fx_urls: Sequence[str] = (),
        channels: Mapping[Venue, str] | None = None,
        clock: Clock | None = None,
        patience_s: float = TOTAL_S_MAX,
    ) -> None:
        self.clock = clock or Clock()
        self._take = take
        self._egress = Egress()
        self._http = Http(self._egress, total_s=patience_s)
        self._inbox = Inbox(take, self.clock)
        self._numbers = itertools.count(1)
        self._tasks: list[asyncio.Task[None]] = []
        self._is_started = False
        self._rates = Rates(fx_urls, self._http, self.clock, take)
        for url in fx_urls:
            self._egress.allow(url, chosen=url not in fx.URLS)
        self.venues: dict[Venue, VenueFeed] = {
            venue: self._made(
                exchanges[venue], endpoint, (channels or {}).get(venue), (keys or {}).get(venue)
            )
            for venue, endpoint in endpoints.items()
        }

    async def start(self) -> None:
        self._is_started = True
        for feed in self.venues.values():
            feed.start()
        self._tasks.append(asyncio.get_running_loop().create_task(self._rates_kept_up()))

    async def stop(self) -> None:
        """Nothing is left: no task, no socket. Lines tell the engine that they are lost."""
        self._is_started = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(
            *self._tasks, *(feed.stop() for feed in self.venues.values()), return_exceptions=True
        )
        self._tasks.clear()
        await self._http.close()

    def do(self, command: Command) -> None:
        """Begin what the engine wants. What has no meaning any more is not done."""
        if not self._is_started:
            return
        match command:
            case AskBook(instrument=instrument, reason=reason):
                feed = self.venues.get(instrument.venue)
                if feed is not None:
                    feed.asking.ask(instrument, reason)
            case AskMarkets(venue=venue):
                feed = self.venues.get(venue)
                if feed is not None:
                    feed.discovery.doubt()
            case Watch(venue=venue, instruments=instruments):
                feed = self.venues.get(venue)
                if feed is not None:
                    feed.watch(instruments)
            case Resubscribe(connection=number, instrument=instrument):
                for feed in self.venues.values():
                    if (connection := feed.connection(number)) is not None:
                        connection.resubscribe(instrument)
            case Reconnect(connection=number, reason=reason):
                for feed in self.venues.values():
                    if (connection := feed.connection(number)) is not None:
                        if reason.startswith(CLOSING):
                            connection.replace(reason)
                        else:
                            connection.reconnect(reason)
            case _:
                raise AssertionError(f"nobody here does {type(command).__name__}")

    def counts(self, venue: Venue) -> Counts:
        return self.venues[venue].counts(self.clock.at_ns())

    def updated(self, venue: Venue, received_ns: int, exchange_at_ns: int) -> None:
        """A book of this venue has changed. exchange_at_ns: 0 where the venue gave no time."""
        self.venues[venue].updated(received_ns, exchange_at_ns)

    def _made(
        self, exchange: Exchange, endpoint: Endpoint, channel: str | None, keys: Keys | None
    ) -> VenueFeed:
        places.allow(self._egress, exchange, endpoint)
        rest = Rest(exchange, endpoint, self._http, self.clock, keys, Names(exchange), _nobody_yet)
        feed = VenueFeed(
            Station(
                exchange=exchange,
                endpoint=endpoint,
                channel=channel or next(iter(exchange.channels)),
                take=self._take,
                inbox=self._inbox,
                rest=rest,
                clock=self.clock,
                egress=self._egress,
                number=lambda: next(self._numbers),
            )
        )
        rest.set_clock = feed.clock_was_set
        return feed

    async def _rates_kept_up(self) -> None:
        while True:
            try:
                await self._rates.run()
            except Exception:
                log.exception("rates_failed")
            await self.clock.sleep(RETRY_S)


def _nobody_yet(by_ns: int) -> None:
    """Nothing is asked before the venue's feed is there."""
    raise AssertionError(by_ns)
