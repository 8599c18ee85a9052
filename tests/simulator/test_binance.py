"""Binance's port, held against binance.md."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from decimal import Decimal
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.simulator.stage import Venue, heard, several

KEY, SECRET = "sim-binance", "sim-binance-secret"


@pytest.fixture
def binance(venues: dict[str, Venue]) -> Venue:
    return venues["binance"]


def signed(secret: str = SECRET, **fields: Any) -> str:
    query = urlencode({"timestamp": round(time.time() * 1_000), **fields})
    signature = hmac.new(secret.encode(), query.encode(), hashlib.sha256).hexdigest()
    return f"{query}&signature={signature}"


# ---- REST ------------------------------------------------------------------------------------


async def test_exchange_info_has_the_filters_that_orders_need(binance: Venue) -> None:
    told = await binance.read("/api/v3/exchangeInfo")
    assert {row["symbol"] for row in told["symbols"]} == set(binance.part.listings)
    row = next(row for row in told["symbols"] if row["symbol"] == "BTCUSDT")
    filters = {one["filterType"]: one for one in row["filters"]}
    assert (row["baseAsset"], row["quoteAsset"], row["status"]) == ("BTC", "USDT", "TRADING")
    assert filters["PRICE_FILTER"]["tickSize"] == "0.01"
    assert Decimal(filters["LOT_SIZE"]["stepSize"]) == binance.part.listings["BTCUSDT"].lot
    assert filters["NOTIONAL"]["minNotional"] == "5"
    limits = {one["rateLimitType"] for one in told["rateLimits"]}
    assert limits == {"REQUEST_WEIGHT", "ORDERS", "RAW_REQUESTS"}
    two = await binance.read('/api/v3/exchangeInfo?symbols=["BTCUSDT","ETHUSDT"]')
    assert len(two["symbols"]) == 2


async def test_depth_klines_trades_and_best_prices(binance: Venue) -> None:
    book = await binance.read("/api/v3/depth?symbol=BTCUSDT&limit=5")
    assert [len(book["bids"]), len(book["asks"])] == [5, 5]
    assert Decimal(book["bids"][0][0]) < Decimal(book["asks"][0][0])
    rows = await binance.read("/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=4")
    assert len(rows) == 4
    assert all(other[0] - one[0] == 60_000 for one, other in pairwise(rows))
    start = rows[0][0] - 5 * 60_000
    earlier = await binance.read(
        f"/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime={start}&limit=3"
    )
    assert [row[0] for row in earlier] == [start + step * 60_000 for step in range(3)]
    hours = await binance.read("/api/v3/klines?symbol=BTCUSDT&interval=1h&limit=2")
    assert hours[0][6] - hours[0][0] == 3_599_999
    for row in (*rows, *hours):
        open_, high, low, close = map(Decimal, row[1:5])
        assert low <= min(open_, close) <= max(open_, close) <= high
    trades = await binance.read("/api/v3/trades?symbol=BTCUSDT&limit=1")
    assert {"id", "price", "qty", "time", "isBuyerMaker"} <= set(trades[0])
    best = await binance.read("/api/v3/ticker/bookTicker?symbol=BTCUSDT")
    assert Decimal(best["bidPrice"]) < Decimal(best["askPrice"])
    everything = await binance.read("/api/v3/ticker/bookTicker")
    assert len(everything) == len(binance.part.listings)


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        ("/api/v3/depth?symbol=NIX", 400, -1121),
        ("/api/v3/depth", 400, -1102),
        ("/api/v3/klines?symbol=BTCUSDT&interval=7m", 400, -1120),
        ("/api/v3/exchangeInfo?symbol=NIX", 400, -1121),
        ("/api/v3/exchangeInfo?symbols=nix", 400, -1100),
        ("/api/v3/nix", 404, -1000),
        ("/sapi/v1/capital/config/getall", 401, -2015),
    ],
)
async def test_errors_have_codes(binance: Venue, target: str, status: int, code: int) -> None:
    reply = await binance.get(target)
    assert (reply.status_code, reply.json()["code"]) == (status, code)


async def test_weight_is_counted_in_the_header(sick: dict[str, Venue]) -> None:
    binance = sick["binance"]
    first = await binance.get("/api/v3/time")
    second = await binance.get("/api/v3/depth?symbol=BTCUSDT&limit=5000")
    used = [int(reply.headers["x-mbx-used-weight-1m"]) for reply in (first, second)]
    assert used in ([1, 251], [1, 250])
    budget = binance.part.dialect._budget  # type: ignore[attr-defined]
    budget.take("all", 6_000, binance.part.now_ms())
    reply = await binance.get("/api/v3/time")
    assert (reply.status_code, reply.json()["code"]) == (429, -1003)
    budget.take("all", 7_000, binance.part.now_ms())
    assert (await binance.get("/api/v3/time")).status_code == 418


async def test_networks_are_told_to_who_signs(binance: Venue) -> None:
    target = "/sapi/v1/capital/config/getall?"
    reply = await binance.get(target + signed(), **{"X-MBX-APIKEY": KEY})
    assert reply.status_code == 200
    rows = {row["coin"]: row for row in reply.json()}
    tether = {net["network"]: net for net in rows["USDT"]["networkList"]}
    assert {"TRX", "ETH"} <= set(tether)
    assert tether["TRX"]["contractAddress"].startswith("T")
    assert tether["ETH"]["contractAddress"].startswith("0x")
    assert float(tether["TRX"]["withdrawFee"]) > 0
    assert rows["BTC"]["networkList"][0]["contractAddress"] == ""
    assert rows["BTC"]["depositAllEnable"] is True


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (lambda: signed(secret="another"), -1022),
        (lambda: signed(timestamp=round(time.time() * 1_000) - 10_000), -1021),
        (lambda: signed(timestamp=round(time.time() * 1_000) + 5_000), -1021),
        (lambda: signed(recvWindow=90_000), -1131),
        (lambda: "timestamp=1", -1102),
    ],
)
async def test_signatures_are_checked(binance: Venue, query: Any, code: int) -> None:
    target = "/sapi/v1/capital/config/getall?" + query()
    reply = await binance.get(target, **{"X-MBX-APIKEY": KEY})
    assert reply.json()["code"] == code


# ---- streams ---------------------------------------------------------------------------------


async def test_combined_frames_say_which_book_they_are(binance: Venue) -> None:
    names = "btcusdt@depth20@100ms/ethusdt@depth20@100ms"
    async with binance.stream(f"/stream?streams={names}") as stream:
        frames = await several(stream, 12)
    assert {frame["stream"] for frame in frames} == set(names.split("/"))
    for frame in frames:
        book = frame["data"]
        assert list(book) == ["lastUpdateId", "bids", "asks"]
        assert len(book["bids"]) == len(book["asks"]) == 20
        assert Decimal(book["bids"][0][0]) < Decimal(book["asks"][0][0])


async def test_a_book_is_kept_by_the_documented_procedure(binance: Venue) -> None:
    async with binance.stream("/ws/btcusdt@depth@100ms") as stream:
        frames = await several(stream, 3)
        book = await binance.read("/api/v3/depth?symbol=BTCUSDT&limit=5000")
        bids, asks = dict(book["bids"]), dict(book["asks"])
        last = int(book["lastUpdateId"])
        frames = [frame for frame in frames if int(frame["u"]) > last]
        frames += await several(stream, 40)
    fresh = [frame for frame in frames if int(frame["u"]) > last]
    assert int(fresh[0]["U"]) <= last + 1 <= int(fresh[0]["u"])
    for frame in fresh:
        assert int(frame["U"]) == last + 1
        last = int(frame["u"])
        for side, changes in ((bids, frame["b"]), (asks, frame["a"])):
            for price, quantity in changes:
                if Decimal(quantity):
                    side[price] = quantity
                else:
                    side.pop(price, None)
        assert max(map(Decimal, bids)) < min(map(Decimal, asks))
        assert len(bids) >= 20


async def test_trades_say_who_made_them(binance: Venue) -> None:
    async with binance.stream("/ws/btcusdt@trade/btcusdt@aggTrade") as stream:
        frames = await several(stream, 6)
    trades = [frame for frame in frames if frame["e"] == "trade"]
    assert trades
    assert {frame["e"] for frame in frames} == {"trade", "aggTrade"}
    assert all(isinstance(trade["m"], bool) for trade in trades)
    assert all(other["t"] == one["t"] + 1 for one, other in pairwise(trades))


async def test_slow_streams_join_a_second_s_changes(binance: Venue) -> None:
    async with binance.stream("/ws/btcusdt@depth/btcusdt@depth5/btcusdt@bookTicker") as stream:
        frames = await several(stream, 80)
    diffs = [frame for frame in frames if frame.get("e") == "depthUpdate"]
    fives = [frame for frame in frames if "lastUpdateId" in frame]
    tickers = [frame for frame in frames if "A" in frame and "e" not in frame]
    assert all(other["U"] == one["u"] + 1 for one, other in pairwise(diffs))
    assert {len(frame["bids"]) for frame in fives} == {5}
    assert len(tickers) > len(diffs)


async def test_subscribing_later_is_acknowledged(binance: Venue) -> None:
    async with binance.stream("/ws") as stream:
        await stream.send('{"method":"SUBSCRIBE","params":["ethusdt@trade"],"id":7}')
        assert await heard(stream) == {"result": None, "id": 7}
        assert (await heard(stream))["s"] == "ETHUSDT"
        await stream.send('{"method":"LIST_SUBSCRIPTIONS","id":"a"}')
        frame = await heard(stream)
        while "result" not in frame:
            frame = await heard(stream)
        assert frame == {"result": ["ethusdt@trade"], "id": "a"}
        await stream.send('{"method":"UNSUBSCRIBE","params":["ethusdt@trade"],"id":null}')
        while "result" not in frame or frame["id"] is not None:
            frame = await heard(stream)
        await stream.send('{"method":"SUBSCRIBE","params":["nixnix@trade"],"id":8}')
        assert (await heard(stream))["id"] == 8, "nothing else comes any more"


@pytest.mark.parametrize(
    "frame", ["nix", {"id": 1}, {"method": "NIX", "id": 1}, {"method": "SUBSCRIBE", "params": "x"}]
)
async def test_wrong_requests_are_answered_with_code_two(binance: Venue, frame: Any) -> None:
    async with binance.stream("/stream", frame) as stream:
        assert (await heard(stream))["error"]["code"] == 2


async def test_more_than_five_messages_a_second_end_the_connection(binance: Venue) -> None:
    async with binance.stream("/ws") as stream:
        for number in range(14):
            await stream.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
        with pytest.raises(ConnectionClosed):
            await several(stream, 20)
        assert stream.close_code == 1008


async def test_other_paths_have_no_stream(binance: Venue) -> None:
    with pytest.raises(InvalidStatus):
        async with binance.stream("/nix"):
            pass
