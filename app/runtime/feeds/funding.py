"""Funding: what perpetuals pay, once a minute, of the venue that has them."""

from __future__ import annotations

import structlog

from app.domain.events import FundingRead
from app.exchanges import funding
from app.exchanges.contract import Unreadable
from app.runtime.feeds.limits import FUNDING_S, RETRY_S
from app.runtime.feeds.polling import Poll
from app.runtime.feeds.rest import VenueError
from app.runtime.feeds.station import Station

log = structlog.get_logger("kimp.feeds")


class Funding:
    def __init__(self, station: Station) -> None:
        self.poll = Poll(station.clock, self.round, every_s=FUNDING_S, retry_s=RETRY_S)
        self._station = station

    async def round(self) -> bool:
        """True: they are known."""
        station = self._station
        try:
            answer = await station.rest.ask(funding.ask())
            if answer.status != 200:
                return self._failed(f"http_{answer.status}")
            rates = funding.read(answer.body)
        except VenueError as error:
            return self._failed(error.reason)
        except Unreadable as error:
            log.warning("funding_not_read", venue=station.venue, reason=str(error)[:200])
            return self._failed("unreadable")
        station.take(FundingRead(station.clock.at_ns(), station.venue, rates))
        return True

    def _failed(self, reason: str) -> bool:
        station = self._station
        log.info("funding_not_read", venue=station.venue, reason=reason)
        station.take(FundingRead(station.clock.at_ns(), station.venue, (), reason))
        return False
