"""Venues of the demo that are shut on purpose."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.domain.problems import Problem
from app.domain.venues import Venue
from app.runtime.feeds.endpoints import Endpoint
from app.runtime.feeds.outages import Outages
from tests.simulator import stage

MARKETS = "/v1/market/all"


@asynccontextmanager
async def shutting(url: str) -> AsyncIterator[Outages]:
    outages = Outages({Venue.UPBIT: Endpoint(None, url)})
    yield outages
    await outages.stop()


async def test_a_venue_is_shut_until_it_is_opened_again() -> None:
    async with stage.market(coins=5, rate=20.0) as venues, shutting(venues["upbit"].url) as outages:
        await outages.begin(Venue.UPBIT, 600)
        await outages.begin(Venue.UPBIT, 60)
        (told,) = outages.now()
        assert told.venue is Venue.UPBIT
        faults = (await venues["upbit"].read("/__sim/faults"))["items"]
        assert [(each["kind"], each["id"]) for each in faults] == [("maintenance", told.fault_id)]
        assert (await venues["upbit"].get(MARKETS)).status_code >= 500
        await outages.end(Venue.UPBIT)
        assert outages.now() == ()
        assert (await venues["upbit"].get(MARKETS)).status_code == 200


async def test_a_market_that_is_away_is_said() -> None:
    async with shutting("http://127.0.0.1:9") as outages:
        with pytest.raises(Problem, match="not_ready"):
            await outages.begin(Venue.UPBIT, 60)
        assert outages.now() == ()
