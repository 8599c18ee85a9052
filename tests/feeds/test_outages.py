"""Venues of the demo that are shut on purpose."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from app.domain.problems import Problem
from app.domain.venues import Venue
from app.runtime.feeds.demo import Demo
from app.runtime.feeds.outages import Outages
from tests.feeds.kit import PATIENCE_S

MARKETS = "/v1/market/all"


async def shut(client: httpx.AsyncClient, url: str, *, is_so: bool) -> None:
    """Wait for it: the child reads its line when it comes to it."""
    async with asyncio.timeout(PATIENCE_S):
        while ((await client.get(url)).status_code >= 500) is not is_so:
            await asyncio.sleep(0.01)


async def test_a_venue_is_shut_until_it_is_opened_again() -> None:
    demo = await Demo.start(["--coins", "5", "--rate", "20"])
    try:
        here, there = (
            f"{demo.endpoints[venue].rest}{MARKETS}" for venue in (Venue.UPBIT, Venue.BITHUMB)
        )
        async with httpx.AsyncClient() as client:
            demo.outages.begin(Venue.UPBIT, 600)
            demo.outages.begin(Venue.UPBIT, 60)
            assert [each.venue for each in demo.outages.now()] == [Venue.UPBIT]
            await shut(client, here, is_so=True)
            assert (await client.get(there)).status_code == 200
            demo.outages.end(Venue.UPBIT)
            assert demo.outages.now() == ()
            await shut(client, here, is_so=False)
    finally:
        await demo.stop()
    with pytest.raises(Problem, match="not_ready"):
        demo.outages.begin(Venue.UPBIT, 60)
    assert demo.outages.now() == ()


def test_another_simulator_knows_nothing_of_it() -> None:
    said: list[str] = []
    outages = Outages(said.append)
    outages.begin(Venue.OKX, 60)
    outages.forget()
    assert outages.now() == ()
    assert said == ["shut okx 60"]
