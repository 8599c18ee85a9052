"""The real service with a market of still rows in place of the live one, for pages to be looked at.

`python -m tests.browser.market_service` takes the environment of `python -m app serve` and
KIMP_TEST_MARKET: `still` (default), `moving` (ten steps a second), `off`, `traded` (still, and a
day of cycles in the ledger).
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import random
import sys
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from app.__main__ import main
from app.runtime.desk import Desk
from tests.pages.live_rows import FakeMarket
from tests.pages.trading_story import story

KIND = os.environ.pop("KIMP_TEST_MARKET", "still")


def install() -> None:
    """From now on every app that is created has the fake market on its desk."""
    from app import main as house

    create, telling = house.create_app, house.trading_live.TradingLive
    tellers: list[Any] = []

    def told(desk: Desk) -> Any:
        tellers.append(telling(desk))
        return tellers[-1]

    def created(settings: Any) -> house.Kimp:
        app = create(settings)
        inner = app.router.lifespan_context

        @asynccontextmanager
        async def lifespan(here: FastAPI) -> AsyncIterator[Any]:
            async with inner(here) as state:
                if KIND == "traded":
                    await app.state.desk.db.write(story)
                market = FakeMarket(feeds="off" if KIND == "off" else "demo", at_ns=time.time_ns())
                app.state.desk = put(app.state.desk, market, house.LIVE)
                for teller in tellers:
                    teller._here = app.state.desk
                beats = asyncio.create_task(beat(market))
                yield state
                beats.cancel()

        app.router.lifespan_context = lifespan
        return app

    house.create_app = created
    house.trading_live.TradingLive = told  # type: ignore[assignment,misc]


def put(desk: Desk, market: FakeMarket, live: Iterable[Any]) -> Desk:
    """The same desk with another market, whose listeners are the pages'."""
    for made in (part(desk.hub) for part in live):
        market.listen(made.hz, made)
    return dataclasses.replace(desk, market=market)  # type: ignore[arg-type]


async def beat(market: FakeMarket) -> None:
    """Ten times a second, as the real one does."""
    chance = random.Random(7)
    market.tell()
    while KIND == "moving":
        await asyncio.sleep(0.1)
        market.move(chance)
        market.tell()


if __name__ == "__main__":
    install()
    sys.exit(main(["serve"]))
