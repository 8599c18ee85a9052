"""Station: what the parts of one venue's feed have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from app.domain.events import Event
from app.domain.times import SECOND_NS
from app.domain.venues import Venue
from app.exchanges.contract import Exchange
from app.exchanges.limits import TokenBucket
from app.net.egress import Egress
from app.runtime.feeds.breaker import Breaker
from app.runtime.feeds.clock import Clock
from app.runtime.feeds.counts import Tally
from app.runtime.feeds.endpoints import Endpoint
from app.runtime.feeds.inbox import Inbox
from app.runtime.feeds.limits import CONNECTS_SHARE
from app.runtime.feeds.rest import Rest


@dataclass(slots=True)
class Station:
    """number: a connection's number, given once. channel: of the books, as settings chose it."""

    exchange: Exchange
    endpoint: Endpoint
    channel: str
    take: Callable[[Event], object]
    inbox: Inbox
    rest: Rest
    clock: Clock
    egress: Egress
    number: Callable[[], int]
    tally: Tally = field(default_factory=Tally)
    breaker: Breaker = field(default_factory=Breaker)
    connects: TokenBucket = field(init=False)
    snapshots_until_ns: int = 0
    """Until then what arrives is how books stood, not what just happened: no delay is in it."""

    def __post_init__(self) -> None:
        self.connects = TokenBucket(CONNECTS_SHARE * self.exchange.limits.connects_per_s, 1.0)

    @property
    def venue(self) -> Venue:
        return self.exchange.venue

    async def may_connect(self) -> None:
        """In the venue's own pace."""
        while wait_ns := self.connects.wait_ns(self.clock.at_ns(), 1, 0.0):
            await self.clock.sleep(wait_ns / SECOND_NS)
        self.connects.spend(self.clock.at_ns(), 1)
