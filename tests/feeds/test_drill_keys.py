"""A drill needs no keys from anybody: where a simulator makes one anew, it is asked for it."""

from __future__ import annotations

from app.domain.venues import Venue
from app.exchanges.accounts import ACCOUNTS
from app.runtime.feeds.demo import drill_keys, told_key
from app.runtime.feeds.endpoints import Endpoint
from app.runtime.trading.ports.live import LivePort
from tests.browser.service import free_port
from tests.runtime.trading.counter import stationed
from tests.simulator.stage import market


async def test_coinbase_s_key_is_the_simulator_s_own_and_opens_its_account() -> None:
    async with market(rate=60) as places:
        place = places[Venue.COINBASE]
        keys = await told_key(place.url)
        assert keys is not None
        endpoint = Endpoint(f"ws://127.0.0.1:{place.port}", place.url)
        async with stationed(Venue.COINBASE, endpoint, keys=keys) as station:
            balances = await LivePort(station, ACCOUNTS[Venue.COINBASE]).balances()
        truth = await place.truth("balances")
    assert {row.asset for row in balances} >= {"USD", "BTC"} & truth.keys()
    assert keys.holder is not None


async def test_who_tells_no_key_is_not_traded_with() -> None:
    assert await told_key(f"http://127.0.0.1:{free_port()}") is None
    async with market(rate=60) as places:
        assert await told_key(f"{places[Venue.UPBIT].url}/elsewhere") is None


def test_all_others_are_known_beforehand() -> None:
    assert set(Venue) - drill_keys().keys() == {Venue.COINBASE}
