"""Upbit's port, held against upbit.md."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.simulator.stage import PATIENCE_S, Venue, bearer, heard, several

STREAM = "/websocket/v1"
TICKET = {"ticket": "6f5570df"}


@pytest.fixture
def upbit(venues: dict[str, Venue]) -> Venue:
    return venues["upbit"]


@pytest.fixture(autouse=True)
async def a_second_of_its_own(venues: dict[str, Venue]) -> None:
    """Stories do not use up each other's requests."""
    for budget in venues["upbit"].part.dialect._budgets.values():  # type: ignore[attr-defined]
        budget._used.clear()


# ---- REST ------------------------------------------------------------------------------------


async def test_markets_have_both_names_and_warnings_when_asked(upbit: Venue) -> None:
    plain = await upbit.read("/v1/market/all")
    detailed = await upbit.read("/v1/market/all?is_details=true")
    assert {"KRW-BTC", "KRW-USDT"} <= {row["market"] for row in plain}
    assert set(plain[0]) == {"market", "korean_name", "english_name"}
    bitcoin = next(row for row in detailed if row["market"] == "KRW-BTC")
    assert (bitcoin["korean_name"], bitcoin["english_name"]) == ("비트코인", "Bitcoin")
    assert bitcoin["market_event"]["caution"]["GLOBAL_PRICE_DIFFERENCES"] is False


async def test_books_have_thirty_rows_and_ticks_of_their_band(upbit: Venue) -> None:
    book, tether = await upbit.read("/v1/orderbook?markets=KRW-BTC,KRW-USDT&count=30")
    assert (book["market"], tether["market"]) == ("KRW-BTC", "KRW-USDT")
    assert set(book) == {
        "market",
        "timestamp",
        "total_ask_size",
        "total_bid_size",
        "orderbook_units",
        "level",
    }
    units = book["orderbook_units"]
    assert len(units) == 30
    assert all(int(unit["ask_price"]) % 1_000 == 0 for unit in units)
    assert int(units[0]["bid_price"]) < int(units[0]["ask_price"])
    rows = await upbit.read("/v1/orderbook/instruments?markets=KRW-BTC,KRW-USDT")
    assert [row["tick_size"] for row in rows] == ["1000", "1"]
    assert rows[0]["supported_levels"][:2] == ["0", "10000"]
    short = await upbit.read("/v1/orderbook?markets=KRW-BTC&count=3")
    assert len(short[0]["orderbook_units"]) == 3


async def test_trades_come_newest_first_with_ids(upbit: Venue) -> None:
    rows = await upbit.read("/v1/trades/ticks?market=KRW-BTC&count=2")
    assert len(rows) <= 2
    assert rows[0]["sequential_id"] >= rows[-1]["sequential_id"]
    assert {row["ask_bid"] for row in rows} <= {"ASK", "BID"}
    assert len(await upbit.read("/v1/trades/ticks?market=KRW-BTC")) == 1


@pytest.mark.parametrize("unit", [1, 5, 60])
async def test_candles_end_before_to_and_come_newest_first(upbit: Venue, unit: int) -> None:
    end = datetime.fromtimestamp(1_000_000_000, UTC)
    now = await upbit.read(f"/v1/candles/minutes/{unit}?market=KRW-BTC&count=10")
    assert len(now) == 10
    starts = [datetime.fromisoformat(row["candle_date_time_utc"]) for row in now]
    assert all((a - b).total_seconds() == unit * 60 for a, b in pairwise(starts))
    to = now[3]["candle_date_time_utc"]
    before = await upbit.read(
        f"/v1/candles/minutes/{unit}?market=KRW-BTC&count=3&to={to}Z".replace("Z", "%2B00:00")
    )
    assert before[0]["candle_date_time_utc"] == now[4]["candle_date_time_utc"]
    assert before[0]["trade_price"] == now[4]["trade_price"]
    assert before[0]["candle_date_time_kst"][11:13] == f"{(starts[4].hour + 9) % 24:02d}"
    old = f"/v1/candles/minutes/{unit}?market=KRW-BTC&count=3&to={end:%Y-%m-%dT%H:%M:%S}"
    assert await upbit.read(old) == []


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/v1/orderbook?markets=KRW-NIX", 404),
        ("/v1/orderbook", 400),
        ("/v1/candles/minutes/7?market=KRW-BTC", 400),
        ("/v1/candles/minutes/1?market=KRW-BTC&to=yesterday", 400),
        ("/v1/candles/minutes/1?market=KRW-NIX", 404),
        ("/v1/trades/ticks?market=KRW-NIX", 404),
        ("/v1/nix", 404),
        ("/", 404),
    ],
)
async def test_quotation_errors_are_named_by_their_status(
    upbit: Venue, target: str, status: int
) -> None:
    reply = await upbit.get(target)
    assert reply.status_code == status
    assert reply.json()["error"]["name"] == status
    assert re.fullmatch(
        r"group=([a-z\-]+); min=([0-9]+); sec=([0-9]+)", reply.headers["remaining-req"]
    )


async def test_ten_a_second_then_429_then_418(upbit: Venue) -> None:
    replies = [await upbit.get("/v1/ticker?markets=KRW-BTC") for _ in range(40)]
    statuses = [reply.status_code for reply in replies]
    assert statuses[0] == 200
    assert 429 in statuses or 418 in statuses
    assert replies[0].headers["remaining-req"].startswith("group=ticker; ")
    assert (await upbit.get("/v1/orderbook?markets=KRW-BTC")).status_code == 200, "another group"


async def test_ticker_has_the_last_price_and_no_best_price(upbit: Venue) -> None:
    row = (await upbit.read("/v1/ticker?markets=KRW-BTC"))[0]
    assert row["change"] in {"RISE", "FALL", "EVEN"}
    assert "best_ask_price" not in row
    everything = await upbit.read("/v1/ticker/all?quote_currencies=KRW")
    assert len(everything) == len(upbit.part.listings)


# ---- behind the key --------------------------------------------------------------------------


async def test_wallets_need_a_signature_and_tell_of_the_fence(upbit: Venue) -> None:
    rows = await upbit.read("/v1/status/wallet", Authorization=bearer("upbit"))
    cast = upbit.part.world.cast
    fenced = {row["wallet_state"] for row in rows if row["currency"] == cast.fenced}
    closed = "upbit" in cast.fenced_at
    assert fenced == ({"withdraw_only"} if closed else {"working"})
    bitcoin = next(row for row in rows if row["currency"] == "BTC")
    assert (bitcoin["net_type"], bitcoin["network_name"]) == ("BTC", "Bitcoin")
    assert bitcoin["block_state"] == "normal"


async def test_what_leaving_costs_is_asked_by_network(upbit: Venue) -> None:
    query = "currency=USDT&net_type=TRX"
    row = await upbit.read(f"/v1/withdraws/chance?{query}", Authorization=bearer("upbit", query))
    assert float(row["currency"]["withdraw_fee"]) > 0
    assert row["withdraw_limit"]["can_withdraw"] is True
    deposit = await upbit.read(
        f"/v1/deposits/chance/coin?{query}", Authorization=bearer("upbit", query)
    )
    assert deposit["is_deposit_possible"] is True
    wrong = "currency=USDT&net_type=NIX"
    reply = await upbit.get(f"/v1/withdraws/chance?{wrong}", Authorization=bearer("upbit", wrong))
    assert reply.json()["error"]["name"] == "invalid_parameter"


@pytest.mark.parametrize(
    ("authorization", "name"),
    [
        ("", "no_authorization_token"),
        ("Bearer nix", "no_authorization_token"),
        ("Bearer a.b.c", "jwt_verification"),
        (bearer("upbit", secret="another"), "jwt_verification"),
        (bearer("upbit", algorithm="none"), "jwt_verification"),
        (bearer("upbit", key="another"), "invalid_access_key"),
        (bearer("upbit", "currency=BTC"), ""),
    ],
)
async def test_wrong_signatures_are_told_apart(upbit: Venue, authorization: str, name: str) -> None:
    reply = await upbit.get("/v1/status/wallet", Authorization=authorization)
    assert reply.status_code == (401 if name else 200)
    assert not name or reply.json()["error"]["name"] == name


async def test_a_token_is_good_once_and_for_its_query_only(upbit: Venue) -> None:
    token = bearer("upbit", algorithm="HS512")
    first = await upbit.get("/v1/status/wallet", Authorization=token)
    again = await upbit.get("/v1/status/wallet", Authorization=token)
    other = await upbit.get(
        "/v1/withdraws/chance?currency=BTC&net_type=BTC",
        Authorization=bearer("upbit", "currency=BTC&net_type=ETH"),
    )
    assert (first.status_code, again.json()["error"]["name"]) == (200, "nonce_used")
    assert other.json()["error"]["name"] == "invalid_query_payload"


# ---- stream ----------------------------------------------------------------------------------


async def test_a_snapshot_then_real_time_in_binary_frames(upbit: Venue) -> None:
    asked = [TICKET, {"type": "orderbook", "codes": ["KRW-BTC"]}]
    async with upbit.stream(STREAM, asked) as stream:
        raw = await asyncio.wait_for(stream.recv(), PATIENCE_S)
        assert isinstance(raw, bytes)
        first, *rest = [json.loads(raw), *await several(stream, 6)]
    assert list(first) == [
        "type",
        "code",
        "timestamp",
        "total_ask_size",
        "total_bid_size",
        "orderbook_units",
        "level",
        "stream_type",
    ]
    assert first["stream_type"] == "SNAPSHOT"
    assert {frame["stream_type"] for frame in rest} == {"REALTIME"}
    assert list(first["orderbook_units"][0]) == ["ask_price", "bid_price", "ask_size", "bid_size"]
    clocks = [frame["timestamp"] for frame in rest]
    assert clocks == sorted(clocks)
    for frame in rest:
        units = frame["orderbook_units"]
        assert len(units) == 30
        bids = [float(unit["bid_price"]) for unit in units]
        asks = [float(unit["ask_price"]) for unit in units]
        assert bids == sorted(bids, reverse=True)
        assert asks == sorted(asks)
        assert bids[0] < asks[0]


@pytest.mark.parametrize(("code", "rows"), [("KRW-BTC.5", 5), ("KRW-BTC.1", 1), ("KRW-BTC.7", 30)])
async def test_codes_may_say_how_deep(upbit: Venue, code: str, rows: int) -> None:
    async with upbit.stream(STREAM, [TICKET, {"type": "orderbook", "codes": [code]}]) as stream:
        frame = await heard(stream)
    assert frame["code"] == "KRW-BTC"
    assert len(frame["orderbook_units"]) == rows


async def test_short_keys_and_lists(upbit: Venue) -> None:
    book = {"type": "orderbook", "codes": ["KRW-BTC"]}
    kinds = [{"type": kind, "codes": ["KRW-BTC"]} for kind in ("trade", "ticker")]
    async with upbit.stream(STREAM, [TICKET, book, *kinds, {"format": "SIMPLE_LIST"}]) as stream:
        frames = [(await heard(stream))[0] for _ in range(3)]
    by_kind = {frame["ty"]: frame for frame in frames}
    assert set(by_kind["orderbook"]) == {"ty", "cd", "tms", "tas", "tbs", "obu", "lv", "st"}
    assert set(by_kind["orderbook"]["obu"][0]) == {"ap", "bp", "as", "bs"}
    assert {"tp", "tv", "ab", "sid", "bap", "bbs"} <= set(by_kind["trade"])
    assert {"op", "hp", "lp", "tp", "scr", "ms"} <= set(by_kind["ticker"])


async def test_trades_name_the_taker_and_the_best_prices(upbit: Venue) -> None:
    asked = [TICKET, {"type": "trade", "codes": ["KRW-BTC"], "is_only_realtime": True}]
    async with upbit.stream(STREAM, asked) as stream:
        frames = await several(stream, 3)
    for frame in frames:
        assert frame["stream_type"] == "REALTIME"
        assert frame["ask_bid"] in {"ASK", "BID"}
        assert frame["trade_date"][4] == "-"
        assert len(str(frame["sequential_id"])) == 17
    ids = [frame["sequential_id"] for frame in frames]
    assert len(set(ids)) == 3


async def test_a_new_list_replaces_the_old_one(upbit: Venue) -> None:
    def asked(code: str) -> list[dict[str, Any]]:
        return [TICKET, {"type": "orderbook", "codes": [code], "isOnlyRealtime": True}]

    async with upbit.stream(STREAM, asked("KRW-BTC")) as stream:
        assert (await heard(stream))["code"] == "KRW-BTC"
        await stream.send(json.dumps(asked("KRW-ETH")))
        await stream.send(json.dumps([TICKET, {"method": "LIST_SUBSCRIPTIONS"}]))
        frame = await heard(stream)
        while frame.get("method") != "LIST_SUBSCRIPTIONS":
            frame = await heard(stream)
        assert frame["result"] == [{"type": "orderbook", "codes": ["KRW-ETH"], "level": 0}]
        assert {frame["code"] for frame in await several(stream, 5)} == {"KRW-ETH"}


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        ("nix", "WRONG_FORMAT"),
        ({"ticket": "x"}, "WRONG_FORMAT"),
        ([{"type": "trade", "codes": ["KRW-BTC"]}], "NO_TICKET"),
        ([TICKET], "NO_TYPE"),
        ([TICKET, {"type": "orderbook"}], "NO_CODES"),
        ([TICKET, {"type": "nix", "codes": ["KRW-BTC"]}], "INVALID_PARAM"),
        ([TICKET, {"type": "trade", "codes": ["A"]}, {"format": "NIX"}], "WRONG_FORMAT"),
    ],
)
async def test_wrong_requests_are_answered_by_name(upbit: Venue, frame: Any, name: str) -> None:
    async with upbit.stream(STREAM, frame) as stream:
        assert (await heard(stream))["error"]["name"] == name


async def test_text_pings_and_too_many_messages(upbit: Venue) -> None:
    async with upbit.stream(STREAM, "PING") as stream:
        assert await heard(stream) == {"status": "UP"}
        for _ in range(12):
            await stream.send("PING")
        with pytest.raises(ConnectionClosed):
            await several(stream, 30)
        assert stream.close_code == 1008


async def test_other_paths_have_no_stream(upbit: Venue) -> None:
    with pytest.raises(InvalidStatus):
        async with upbit.stream("/websocket/v9"):
            pass
