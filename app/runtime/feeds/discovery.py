"""Discovery: every market of a venue, every five minutes, and what its list leaves open."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import structlog

from app.domain.events import MarketsRead
from app.domain.markets import Instrument, Market, Product
from app.exchanges.contract import Request
from app.runtime.feeds.clock import seconds_ns
from app.runtime.feeds.limits import DISCOVERY_S, RETRY_S
from app.runtime.feeds.polling import Poll
from app.runtime.feeds.rest import VenueError
from app.runtime.feeds.station import Station

log = structlog.get_logger("kimp.feeds")


class Discovery:
    """watched: whose ticks and lots are asked where the list does not tell them."""

    def __init__(self, station: Station) -> None:
        self.markets: tuple[Market, ...] = ()
        self.watched: tuple[Instrument, ...] = ()
        self.poll = Poll(station.clock, self.round, every_s=DISCOVERY_S, retry_s=RETRY_S)
        self._station = station
        self._asked_at_ns = 0
        self._details: dict[Instrument, Market] = {}
        self._beside: dict[str, list[Market]] = {}

    def watch(self, instruments: tuple[Instrument, ...]) -> None:
        is_news = not set(instruments) <= self._details.keys()
        self.watched = instruments
        if is_news and self._station.exchange.ask_market_details(instruments[:1]):
            self.poll.soon()

    def doubt(self) -> None:
        """A listed market was refused: has it gone? Not asked again and again."""
        if self._station.clock.at_ns() - self._asked_at_ns >= seconds_ns(RETRY_S):
            self.poll.soon()

    @property
    def count(self) -> int:
        """Of spot."""
        return sum(each.instrument.product is Product.SPOT for each in self.markets)

    async def round(self) -> bool:
        """True: all went well."""
        station = self._station
        self._asked_at_ns = station.clock.at_ns()
        found: list[Market] = []
        for request in station.exchange.ask_markets():
            try:
                found += await self._ask(request)
            except VenueError as error:
                log.warning(
                    "markets_not_read", venue=station.venue, call=request.path, reason=str(error)
                )
                if request.root is None:
                    station.tally.reason = error.reason
                    return False
                # Another host, which others do without: what it said last stays.
                found += self._beside.get(request.root, ())
        for market in found:
            station.rest.names.learn(market.instrument)
        went_well = await self._ask_details()
        self.markets = tuple(joined(found, self._details))
        station.take(MarketsRead(station.clock.at_ns(), station.venue, self.markets))
        return went_well

    async def _ask(self, request: Request) -> list[Market]:
        """Raises VenueError."""
        events = await self._station.rest.read(request)
        found = [event for event in events if isinstance(event, Market)]
        if request.root is not None:
            self._beside[request.root] = found
        return found

    async def _ask_details(self) -> bool:
        station = self._station
        listed = self.watched
        for request in station.exchange.ask_market_details(listed):
            if request.signed and station.rest.keys is None:
                return True  # what only a key tells stays unknown
            try:
                events = await station.rest.read(request)
            except VenueError as error:
                log.warning("details_not_read", venue=station.venue, reason=str(error))
                return False
            for event in events:
                if isinstance(event, Market):
                    self._details[event.instrument] = event
        self._details = {name: self._details[name] for name in listed if name in self._details}
        return True


def joined(listed: Iterable[Market], details: dict[Instrument, Market]) -> Iterable[Market]:
    """Each listed market; what the list does not say is as the details have it."""
    for market in listed:
        more = details.get(market.instrument)
        if more is None:
            yield market
            continue
        open_fields = {
            name: getattr(more, name)
            for name in ("trading", "tick", "lot", "minimum_quantity", "minimum_value")
            if getattr(market, name) is None
        }
        yield msgspec.structs.replace(market, **open_fields)
