"""The simulator's perpetuals: what they pay, until they paid it; read by the product too."""

from __future__ import annotations

import json

import pytest

from app.exchanges import funding
from app.simulator.venues.binance_funding import EVERY_MS, premium_index
from tests.simulator.stage import Venue


@pytest.fixture
def binance(venues: dict[str, Venue]) -> Venue:
    return venues["binance"]


async def test_every_coin_against_dollars_has_a_perpetual_and_the_product_reads_it(
    binance: Venue,
) -> None:
    told = await binance.read("/fapi/v1/premiumIndex")
    listed = binance.part.listings.values()
    assert {row["symbol"] for row in told} == {
        each.symbol for each in listed if each.quote == "USDT"
    }
    read = funding.read(json.dumps(told).encode())
    assert {each.instrument.base for each in read} == {
        each.base for each in listed if each.quote == "USDT"
    }


def test_a_rate_stands_until_it_is_paid(venues: dict[str, Venue]) -> None:
    coins = tuple(venues["binance"].part.listings.values())
    first, last, later = (premium_index(coins, 1, at) for at in (10, EVERY_MS - 1, EVERY_MS))
    rates = [[row["lastFundingRate"] for row in each] for each in (first, last, later)]
    assert rates[0] == rates[1] != rates[2]
    assert {row["nextFundingTime"] for row in first} == {EVERY_MS}
    assert "0.00010000" in rates[0]
    assert len(set(rates[0])) > 2
