"""Fundings as Binance's perpetuals tell them."""

from __future__ import annotations

import json

import pytest

from app.domain.markets import Instrument, Product
from app.domain.venues import Venue
from app.exchanges import funding
from app.exchanges.contract import Unreadable


def row(symbol: str = "XRPUSDT", rate: str = "0.00010000", **more: object) -> dict[str, object]:
    return {
        "symbol": symbol,
        "markPrice": "2.50120000",
        "indexPrice": "2.50000000",
        "estimatedSettlePrice": "2.50010000",
        "lastFundingRate": rate,
        "interestRate": "0.00010000",
        "nextFundingTime": 1_700_006_400_000,
        "time": 1_700_000_000_000,
        **more,
    }


def read(*rows: dict[str, object]) -> list[str]:
    return [each.instrument.base for each in funding.read(json.dumps(rows).encode())]


def test_each_perpetual_tells_its_rate_its_mark_and_when_it_pays() -> None:
    (found,) = funding.read(json.dumps([row()]).encode())
    assert found.instrument == Instrument(Venue.BINANCE, "XRP", "USDT", Product.PERPETUAL)
    assert (found.rate, found.mark, found.index) == (0.0001, 2.5012, 2.5)
    assert found.next_at_ns == 1_700_006_400_000_000_000
    assert found.every_ns is None, "the call does not say"


def test_who_is_short_may_have_to_pay() -> None:
    (found,) = funding.read(json.dumps([row(rate="-0.00375000")]).encode())
    assert found.rate == -0.00375


def test_what_is_delivered_pays_no_funding_and_what_we_cannot_spell_is_left_out() -> None:
    assert read(
        row("BTCUSDT_261225", rate="", nextFundingTime=0),
        row("ETHUSDT"),
        row("BTCUSDT_261225"),
        row("\u5e01USDX1"),
    ) == ["ETH"]


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b'{"code":-1003,"msg":"Too many requests"}',
        json.dumps([row(rate="none")]).encode(),
        json.dumps([row(markPrice="NaN")]).encode(),
        json.dumps([{"symbol": "XRPUSDT"}]).encode(),
    ],
)
def test_a_body_of_another_shape_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        funding.read(body)


def test_it_is_asked_of_the_futures_host() -> None:
    request = funding.ask()
    assert (request.root, request.target) == ("https://fapi.binance.com", "/fapi/v1/premiumIndex")
    assert not request.signed
