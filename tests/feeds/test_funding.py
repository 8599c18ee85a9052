"""Fundings are asked once a minute, of the venue that has perpetuals."""

from __future__ import annotations

import json

from app.domain.events import FundingRead
from app.domain.venues import Venue
from tests.exchanges.test_funding import row
from tests.feeds.kit import FastClock, Stage, Taken, feeding, staged
from tests.feeds.test_polls import fixed, listed, mute

BINANCE, UPBIT = Venue.BINANCE, Venue.UPBIT


def stage(**answers: bytes) -> Stage:
    return Stage(
        mute,
        {
            "/api/v3/exchangeInfo": fixed(b'{"symbols":[]}'),
            "/api/v3/time": fixed(b'{"serverTime":1700000000000}'),
            "/fapi/v1/premiumIndex": fixed(
                answers.get("fundings", json.dumps([row(), row("BTCUSDT", "0.0003")]).encode())
            ),
        },
    )


async def test_all_perpetuals_are_told_once_a_minute() -> None:
    taken, clock = Taken(), FastClock(60)
    async with staged(stage()) as here, feeding({BINANCE: here}, taken, clock=clock):
        first = await taken.until(FundingRead)
        assert [each.instrument.base for each in first.rates] == ["XRP", "BTC"]
        assert (first.venue, first.reason) == (BINANCE, None)
        second = await taken.until(FundingRead, 2)
        assert 60e9 <= second.at_ns - first.at_ns < 90e9


async def test_a_failure_is_told_with_its_reason() -> None:
    taken = Taken()
    async with staged(stage(fundings=b"<html>")) as here, feeding({BINANCE: here}, taken):
        read = await taken.until(FundingRead)
        assert (read.rates, read.reason) == ((), "unreadable")


async def test_other_venues_are_not_asked() -> None:
    taken = Taken()
    upbit = Stage(mute, {"/v1/market/all": fixed(listed("KRW-BTC"))})
    async with (
        staged(stage()) as here,
        staged(upbit) as there,
        feeding({BINANCE: here, UPBIT: there}, taken, clock=FastClock(60)),
    ):
        await taken.until(FundingRead, 2)
        assert {event.venue for event in taken.of(FundingRead)} == {BINANCE}
