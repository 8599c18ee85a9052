"""The publisher: who asked for every change gets each once, and ages alone are no news."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import cast

from app.domain.live import PremiumRow, PriceRow
from app.domain.venues import Venue
from app.engine.views import Views
from app.runtime.latency import Latency
from app.runtime.market import Market
from app.runtime.publisher import Publisher
from app.runtime.streams.hub import Hub
from tests.engine.builders import World, fair, market
from tests.streams.kit import Recorder, client, in_jumping_time


class Stand:
    """What the publisher asks of a market, over a real engine."""

    def __init__(self, world: World) -> None:
        self.world, self.views = world, Views(world.engine)

    def prices(self, rows: Collection[int] | None = None) -> tuple[PriceRow, ...]:
        return self.views.prices(self.world.at_ns, rows)

    def premiums(self, bases: Collection[str] | None = None) -> tuple[PremiumRow, ...]:
        return self.views.premiums(self.world.at_ns, bases)

    def bases_of(self, row: int) -> tuple[str, ...]:
        return self.views.bases_of(row)


def told(wire: Recorder, row_id: str) -> int:
    events = [event.json for event in wire.events() if event.data]
    return sum(item["id"] == row_id for event in events for item in event["items"])


@in_jumping_time
async def test_a_price_told_at_once_is_not_told_again_at_the_beat() -> None:
    world, hub = market(), Hub()
    publisher = Publisher(cast("Market", Stand(world)), hub, Latency())
    urgent, sampled = Recorder(), Recorder()
    with (
        hub.listening(client(urgent, "prices", hz=0)),
        hub.listening(client(sampled, "prices", hz=10)),
    ):
        await asyncio.sleep(1)
        row = fair(world, Venue.BINANCE, premium=0.001).row
        publisher.changed(row)
        world.wait(0.1)
        publisher.beat(1.0)
        await asyncio.sleep(1)
        assert (told(urgent, "binance:XRP/USDT"), told(sampled, "binance:XRP/USDT")) == (1, 1)

        fair(world, Venue.BINANCE, premium=0.002)
        publisher.changed(row)
        await asyncio.sleep(1)
        assert told(urgent, "binance:XRP/USDT") == 2
