"""Rates: the official KRW per USD, from each source every five minutes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from app.domain.events import Event, RateRead
from app.exchanges import fx
from app.net.http import Http, Unanswered
from app.runtime.feeds.clock import Clock
from app.runtime.feeds.limits import RATES_S, RETRY_S
from app.runtime.feeds.polling import Poll

log = structlog.get_logger("kimp.feeds")


class Rates:
    """Sources do not wait for each other."""

    def __init__(
        self, urls: Sequence[str], http: Http, clock: Clock, take: Callable[[Event], object]
    ) -> None:
        self._sources = fx.sources(tuple(dict.fromkeys(urls)))
        self._http = http
        self._clock = clock
        self._take = take

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for source in self._sources:
                poll = Poll(
                    self._clock,
                    self._asks(source),
                    every_s=RATES_S,
                    retry_s=RETRY_S,
                    retry_s_max=RETRY_S,  # without two sources nothing that needs a rate is shown
                )
                group.create_task(poll.run())

    def _asks(self, source: str) -> Callable[[], Awaitable[bool]]:
        async def ask() -> bool:
            return await self.round(source)

        return ask

    async def round(self, source: str) -> bool:
        """True: there is a rate."""
        try:
            answer = await self._http.ask("GET", self._sources[source])
        except Unanswered as error:
            return self._failed(source, error.reason)
        if answer.status != 200:
            return self._failed(source, f"http_{answer.status}")
        try:
            official = fx.read(answer.body)
        except ValueError as error:
            log.warning("rate_not_read", source=source, reason=str(error)[:200])
            return self._failed(source, "unreadable")
        at_ns = self._clock.at_ns()
        self._take(RateRead(at_ns, source, official.rate, official.observed_at_ns))
        return True

    def _failed(self, source: str, reason: str) -> bool:
        self._take(RateRead(self._clock.at_ns(), source, None, None, reason))
        return False
