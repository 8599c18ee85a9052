"""Bithumb's port, held against bithumb.md: what is unlike Upbit."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from tests.simulator.stage import Venue, bearer, heard, several

STREAM = "/websocket/v1"
TICKET = {"ticket": "id-1"}


@pytest.fixture
def bithumb(venues: dict[str, Venue]) -> Venue:
    return venues["bithumb"]


def now_ms() -> int:
    return round(time.time() * 1_000)


# ---- stream ----------------------------------------------------------------------------------


async def test_fifteen_rows_microseconds_and_text_frames(bithumb: Venue) -> None:
    asked = [TICKET, {"type": "orderbook", "codes": ["KRW-BTC"]}]
    async with bithumb.stream(STREAM, asked) as stream:
        raw = await stream.recv()
        assert isinstance(raw, str)
        frames = await several(stream, 8)
    clocks = [int(frame["timestamp"]) for frame in frames]
    assert all(len(str(clock)) == 16 for clock in clocks)
    assert all(one < other for one, other in pairwise(clocks))
    for frame in frames:
        assert list(frame) == [
            "type",
            "code",
            "total_ask_size",
            "total_bid_size",
            "orderbook_units",
            "level",
            "timestamp",
            "stream_type",
        ]
        assert len(frame["orderbook_units"]) == 15
        assert frame["level"] == 1


async def test_a_row_may_have_nothing_on_one_side(bithumb: Venue) -> None:
    """As recorded: the bid has gone, its row has not."""
    listing = bithumb.part.listings["KRW-BTC"]
    for _ in range(60):
        row = (await bithumb.read("/v1/orderbook?markets=KRW-BTC"))[0]
        units = row["orderbook_units"]
        assert len(units) == 30
        if float(units[0]["bid_size"]) == 0:
            assert float(units[0]["bid_price"]) < float(units[0]["ask_price"])
            assert float(units[1]["bid_size"]) > 0
            return
        listing.version += 1
    pytest.fail("no such row in sixty books")


async def test_camel_case_flags_and_short_keys(bithumb: Venue) -> None:
    once = {"type": "orderbook", "codes": ["KRW-ETH"], "isOnlySnapshot": True}
    later = {"type": "trade", "codes": ["KRW-BTC"], "isOnlyRealtime": True}
    async with bithumb.stream(STREAM, [TICKET, once, later, {"format": "SIMPLE"}]) as stream:
        book, *trades = await several(stream, 3)
    assert (book["ty"], book["cd"], book["st"]) == ("orderbook", "KRW-ETH", "SNAPSHOT")
    assert set(book["obu"][0]) == {"ap", "bp", "as", "bs"}
    assert {(trade["ty"], trade["cd"], trade["st"]) for trade in trades} == {
        ("trade", "KRW-BTC", "REALTIME")
    }


async def test_stream_ids_are_long_and_not_those_of_rest(bithumb: Venue) -> None:
    asked = [TICKET, {"type": "trade", "codes": ["KRW-BTC"]}]
    async with bithumb.stream(STREAM, asked) as stream:
        trade = await heard(stream)
    assert len(str(trade["sequential_id"])) == 18
    at = datetime.fromtimestamp(int(trade["trade_timestamp"]) / 1_000, UTC) + timedelta(hours=9)
    assert trade["trade_time"] == f"{at:%H:%M:%S}", "in KST"
    rows = await bithumb.read("/v1/trades/ticks?market=KRW-BTC&count=500")
    assert trade["sequential_id"] not in {row["sequential_id"] for row in rows}


async def test_ticker_dates_have_no_dashes(bithumb: Venue) -> None:
    asked = [TICKET, {"type": "ticker", "codes": ["KRW-BTC"]}]
    async with bithumb.stream(STREAM, asked) as stream:
        frame = await heard(stream)
    assert frame["trade_date"].isdigit()
    assert frame["market_state"] == "ACTIVE"
    assert (await bithumb.read("/v1/ticker?markets=KRW-BTC"))[0]["trade_date"].isdigit()


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        ("nix", "WRONG_FORMAT"),
        ([{"type": "trade", "codes": ["KRW-BTC"]}], "NO_TICKET"),
        ([TICKET, {"type": "candle.1m", "codes": ["KRW-BTC"]}], "NO_TYPE"),
        ([TICKET, {"type": "trade", "codes": []}], "NO_CODES"),
    ],
)
async def test_wrong_requests_are_answered_by_name(bithumb: Venue, frame: Any, name: str) -> None:
    async with bithumb.stream(STREAM, frame, "PING") as stream:
        assert (await heard(stream))["error"]["name"] == name
        assert await heard(stream) == {"status": "UP"}


# ---- REST ------------------------------------------------------------------------------------


async def test_one_market_has_thirty_levels_several_have_fifteen(bithumb: Venue) -> None:
    one = await bithumb.read("/v1/orderbook?markets=KRW-BTC")
    two = await bithumb.read("/v1/orderbook?markets=KRW-BTC,KRW-ETH")
    assert [len(row["orderbook_units"]) for row in (*one, *two)] == [30, 15, 15]


async def test_errors_hide_under_200(bithumb: Venue) -> None:
    reply = await bithumb.get("/v1/orderbook?markets=KRW-NIX")
    assert reply.status_code == 200
    assert reply.json() == {"error": {"name": 404, "message": "Code not found"}}


async def test_to_is_korean_time(bithumb: Venue) -> None:
    rows = await bithumb.read("/v1/candles/minutes/1?market=KRW-BTC&count=5")
    to = rows[2]["candle_date_time_kst"].replace("T", "%20")
    before = await bithumb.read(f"/v1/candles/minutes/1?market=KRW-BTC&count=2&to={to}")
    assert [row["candle_date_time_kst"] for row in before] == [
        row["candle_date_time_kst"] for row in rows[3:5]
    ]


async def test_fees_and_doors_are_public(bithumb: Venue) -> None:
    row = (await bithumb.read("/v2/fee/inout/USDT"))[0]
    assert row["currency"] == "USDT"
    assert float(row["networks"][0]["withdraw_fee_quantity"]) > 0
    everything = await bithumb.read("/v2/fee/inout/ALL")
    assert {one["currency"] for one in everything} == set(bithumb.part.wallets)
    doors = (await bithumb.read("/public/assetsstatus/multichain/ALL"))["data"]
    assert {door["deposit_status"] for door in doors} <= {0, 1}
    assert "error" in (await bithumb.get("/v2/fee/inout/NIX")).json()


async def test_a_token_has_a_clock(bithumb: Venue) -> None:
    fresh = bearer("bithumb", timestamp=now_ms())
    rows = await bithumb.read("/v1/status/wallet", Authorization=fresh)
    assert {row["wallet_state"] for row in rows} <= {"working", "withdraw_only", "paused"}
    for token in (bearer("bithumb"), bearer("bithumb", timestamp=now_ms() - 600_000)):
        reply = await bithumb.get("/v1/status/wallet", Authorization=token)
        assert (reply.status_code, reply.json()["error"]["name"]) == (401, "expired_jwt")
    again = await bithumb.get("/v1/status/wallet", Authorization=fresh)
    assert again.status_code == 401
    long = bearer("bithumb", algorithm="HS512", timestamp=now_ms())
    assert (await bithumb.get("/v1/status/wallet", Authorization=long)).status_code == 401


async def test_the_tick_is_told_by_the_chance(bithumb: Venue) -> None:
    query = "market=KRW-BTC"
    token = bearer("bithumb", query, timestamp=now_ms())
    row = await bithumb.read(f"/v1/orders/chance?{query}", Authorization=token)
    assert row["market"]["bid"] == {"currency": "KRW", "price_unit": "1000", "min_total": "5000"}
    query = "currency=BTC&net_type=BTC"
    token = bearer("bithumb", query, timestamp=now_ms())
    row = await bithumb.read(f"/v1/withdraws/chance?{query}", Authorization=token)
    assert float(row["withdraw_limit"]["minimum"]) > 0


async def test_too_many_a_second_are_refused_by_category(bithumb: Venue) -> None:
    part = bithumb.part
    budget = part.dialect._budget  # type: ignore[attr-defined]
    for _ in range(30):
        budget.take("ticker", 200, part.now_ms())
        reply = await bithumb.get("/v1/ticker?markets=KRW-BTC")
        if reply.status_code == 429:
            assert reply.json()["error"]["name"] == "too_many_requests"
            assert (await bithumb.get("/v1/market/all")).status_code == 200
            return
    pytest.fail("the window turned thirty times")
