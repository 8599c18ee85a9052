"""OKX, Bybit, KuCoin and Gate: deltas that name the one before, and what a client makes of them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import httpx
import pytest

from tests.simulator.kit import Ladder, Person, Simulated, hmac_base64, hmac_hex

DELTAS = 25


@dataclass(frozen=True)
class Wire:
    """How one venue's deltas read. book: (whole, before, last, bids, asks) or None."""

    path: str
    subscribe: Callable[[], Any]
    book: Callable[[dict[str, Any]], tuple[bool, int, int, Any, Any] | None]
    rest: str
    read: Callable[[dict[str, Any]], tuple[int, Any, Any]]


def okx(frame: dict[str, Any]) -> tuple[bool, int, int, Any, Any] | None:
    if "action" not in frame:
        return None
    [row] = frame["data"]
    assert row["checksum"] == 0, "retired"
    whole = frame["action"] == "snapshot"
    assert whole == (row["prevSeqId"] == -1)
    return whole, row["prevSeqId"], row["seqId"], row["bids"], row["asks"]


def bybit(frame: dict[str, Any]) -> tuple[bool, int, int, Any, Any] | None:
    if not str(frame.get("topic")).startswith("orderbook"):
        return None
    data = frame["data"]
    assert list(frame)[:3] == ["topic", "ts", "type"], "spot puts ts before type"
    return frame["type"] == "snapshot", data["u"] - 1, data["u"], data["b"], data["a"]


def gate(frame: dict[str, Any]) -> tuple[bool, int, int, Any, Any] | None:
    if frame["event"] != "update":
        return None
    result = frame["result"]
    assert ("full" in result) != ("U" in result)
    before = result.get("U", 0) - 1
    return "full" in result, before, result["u"], result["b"], result["a"]


WIRES = {
    "okx": Wire(
        "/ws/v5/public",
        lambda: {"op": "subscribe", "args": [{"channel": "books", "instId": "BTC-USDT"}]},
        okx,
        "/api/v5/market/books?instId=BTC-USDT&sz=400",
        lambda r: (r["data"][0]["seqId"], r["data"][0]["bids"], r["data"][0]["asks"]),
    ),
    "bybit": Wire(
        "/v5/public/spot",
        lambda: {"op": "subscribe", "req_id": "1", "args": ["orderbook.50.BTCUSDT"]},
        bybit,
        "/v5/market/orderbook?category=spot&symbol=BTCUSDT&limit=200",
        lambda r: (r["result"]["u"], r["result"]["b"], r["result"]["a"]),
    ),
    "gate": Wire(
        "/ws/v4/",
        lambda: {
            "time": int(time.time()),
            "channel": "spot.obu",
            "event": "subscribe",
            "payload": ["ob.BTC_USDT.50"],
        },
        gate,
        "/api/v4/spot/order_book?currency_pair=BTC_USDT&limit=1000&with_id=true",
        lambda r: (r["id"], r["bids"], r["asks"]),
    ),
}
CHAINED = pytest.mark.parametrize("venue", WIRES)


def books(person: Person, wire: Wire) -> Iterator[tuple[bool, int, int, Any, Any]]:
    while True:
        if (found := wire.book(person.hears())) is not None:
            yield found


@CHAINED
def test_a_book_of_deltas_is_the_book_that_rest_tells(market: Simulated, venue: str) -> None:
    wire, ladder, seen = WIRES[venue], Ladder(), {}
    with market.open(venue, wire.path) as person:
        person.says(wire.subscribe())
        last, rest = None, None
        for number, (whole, before, after, bids, asks) in enumerate(books(person, wire)):
            assert whole == (number == 0), "the whole book comes first, and once"
            assert whole or before == last
            last = after
            ladder.put(bids, asks)
            assert ladder.is_sound()
            seen[after] = ladder.best(50)
            if number == DELTAS:
                rest = wire.read(market.get(venue, wire.rest).json())
            if rest is not None and after >= rest[0]:
                break
        assert rest is not None
        told = Ladder()
        told.put(rest[1], rest[2])
        assert seen[rest[0]] == told.best(50)


@CHAINED
def test_a_gap_shows_in_the_numbers_and_a_new_subscription_heals_it(
    market: Simulated, venue: str
) -> None:
    wire = WIRES[venue]
    symbol = wire.rest.split("=")[-1] if venue == "bybit" else "BTC-USDT"
    symbol = {"bybit": "BTCUSDT", "gate": "BTC_USDT"}.get(venue, symbol)
    with market.open(venue, wire.path) as person:
        person.says(wire.subscribe())
        coming = books(person, wire)
        _, _, last, _, _ = next(coming)
        assert market.fault(venue, "gap", symbol=symbol).status_code < 300
        for whole, before, after, _, _ in coming:
            assert not whole
            if before != last:
                break
            last = after
        word = "event" if venue == "gate" else "op"
        person.says({**wire.subscribe(), word: "unsubscribe"})
        person.says(wire.subscribe())
        whole, _, last, _, _ = next(frame for frame in coming if frame[0])
        assert whole
        assert next(coming)[1] == last


@CHAINED
def test_a_dropped_frame_breaks_the_chain(market: Simulated, venue: str) -> None:
    wire = WIRES[venue]
    symbol = {"okx": "BTC-USDT", "bybit": "BTCUSDT", "gate": "BTC_USDT"}[venue]
    with market.open(venue, wire.path) as person:
        person.says(wire.subscribe())
        coming = books(person, wire)
        last = next(coming)[2]
        market.fault(venue, "drop", symbol=symbol)
        assert any(before != ladder for before, ladder in chain(coming, last, 60))


def chain(coming: Iterator[Any], last: int, most: int) -> Iterator[tuple[int, int]]:
    for _ in range(most):
        _, before, after, _, _ = next(coming)
        yield before, last
        last = after


@pytest.mark.parametrize("venue", ["okx", "bybit", "kucoin", "gate", "coinbase"])
def test_a_protocol_without_checksums_cannot_have_a_wrong_one(
    market: Simulated, venue: str
) -> None:
    assert market.fault(venue, "checksum").status_code == 409


# ---- KuCoin: sequences that need a snapshot ----


def kucoin_path(market: Simulated) -> str:
    reply = market.post("kucoin", "/api/v1/bullet-public").json()
    server = reply["data"]["instanceServers"][0]
    assert server["endpoint"] == f"ws://127.0.0.1:{market.ports['kucoin']}/"
    return f"/?token={reply['data']['token']}&connectId=abc"


def test_kucoin_welcomes_those_with_a_token_only(market: Simulated) -> None:
    with market.open("kucoin", kucoin_path(market)) as person:
        assert person.hears() == {"id": "abc", "type": "welcome"}
        person.says({"id": "7", "type": "ping"})
        assert person.hears() == {"id": "7", "type": "pong"}
        person.says({"id": "8", "type": "subscribe", "topic": "/market/level2:NO-SUCH"})
        assert person.hears()["code"] == 404
    with market.open("kucoin", "/?token=made-up&connectId=x") as person:
        assert person.hears()["data"] == "token is invalid"


def test_kucoin_sequences_join_a_signed_snapshot(market: Simulated) -> None:
    path = "/api/v3/market/orderbook/level2?symbol=BTC-USDT"
    assert market.get("kucoin", path).json()["code"] == "400001"
    with market.open("kucoin", kucoin_path(market)) as person:
        person.hears()
        topic = "/market/level2: BTC-USDT"  # cryptofeed's space is trimmed
        person.says({"id": "1", "type": "subscribe", "topic": topic, "response": True})
        assert person.hears() == {"id": "1", "type": "ack"}
        first = person.hears()
        assert first["topic"] == "/market/level2:BTC-USDT"
        reply = market.get("kucoin", path, **kucoin_headers(market, path))
        assert int(reply.headers["gw-ratelimit-remaining"]) > 0
        told = reply.json()["data"]
        ladder, last = Ladder(), int(told["sequence"])
        ladder.put(told["bids"], told["asks"])
        applied, before = 0, None
        while applied < DELTAS:
            data = first["data"] if before is None else person.hears()["data"]
            assert before is None or data["sequenceStart"] == before + 1
            before = data["sequenceEnd"]
            numbers = [int(row[2]) for side in data["changes"].values() for row in side]
            assert all(data["sequenceStart"] <= one <= before for one in numbers)
            if before > last:
                ladder.put(data["changes"]["bids"], data["changes"]["asks"])
                assert ladder.is_sound()
                applied += 1


def kucoin_headers(market: Simulated, path: str) -> dict[str, str]:
    keys, stamp = market.keys("kucoin"), str(int(time.time() * 1_000))
    return {
        "KC-API-KEY": keys["key"],
        "KC-API-SIGN": hmac_base64(keys["secret"], f"{stamp}GET{path}"),
        "KC-API-TIMESTAMP": stamp,
        "KC-API-PASSPHRASE": hmac_base64(keys["secret"], keys["passphrase"]),
        "KC-API-KEY-VERSION": "2",
    }


def test_kucoin_windows_of_fifty_come_whole(market: Simulated) -> None:
    with market.open("kucoin", kucoin_path(market)) as person:
        topic = "/spotMarket/level2Depth50:BTC-USDT,ETH-USDT"
        person.hears()
        person.says({"id": "1", "type": "subscribe", "topic": topic, "response": True})
        for _ in range(10):
            frame = person.waits(lambda one: one.get("subject") == "level2")
            ladder = Ladder()
            ladder.put(frame["data"]["bids"], frame["data"]["asks"])
            assert ladder.is_sound(50)


# ---- doors, limits, pings ----


def test_okx_speaks_text_pings_and_names_what_is_wrong(market: Simulated) -> None:
    with market.open("okx", "/ws/v5/public") as person:
        person.says("ping")
        assert person.hears() == "pong"
        person.says("subscribe, please")
        assert person.hears()["code"] == "60012"
        person.says({"op": "subscribe", "args": [{"channel": "books", "instId": "NO-SUCH"}]})
        assert person.hears()["code"] == "60018"
        person.says(
            {"op": "subscribe", "args": [{"channel": "books-l2-tbt", "instId": "BTC-USDT"}]}
        )
        assert person.hears()["code"] == "60011"


def test_okx_wallets_want_the_right_signature(market: Simulated) -> None:
    keys, path = market.keys("okx"), "/api/v5/asset/currencies?ccy=BTC%2CUSDT"
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    headers = {
        "OK-ACCESS-KEY": keys["key"],
        "OK-ACCESS-SIGN": hmac_base64(keys["secret"], f"{stamp}GET{path}"),
        "OK-ACCESS-TIMESTAMP": stamp,
        "OK-ACCESS-PASSPHRASE": keys["passphrase"],
    }
    rows = market.get("okx", path, **headers).json()["data"]
    assert {row["ccy"] for row in rows} == {"BTC", "USDT"}
    assert {"USDT-ERC20", "USDT-TRC20"} <= {row["chain"] for row in rows}
    assert [market.get("okx", path).json()["code"]] == ["50103"]
    wrong = [
        ("OK-ACCESS-SIGN", "x" * 44, "50113"),
        ("OK-ACCESS-KEY", "nobody", "50111"),
        ("OK-ACCESS-PASSPHRASE", "open sesame", "50105"),
        ("OK-ACCESS-TIMESTAMP", "2020-01-01T00:00:00.000Z", "50102"),
        ("OK-ACCESS-TIMESTAMP", "yesterday", "50112"),
    ]
    for name, value, code in wrong:
        reply = market.get("okx", path, **{**headers, name: value})
        assert (reply.status_code, reply.json()["code"]) == (401, code)


def test_bybit_counts_signed_requests_and_refuses_wrong_ones(market: Simulated) -> None:
    keys, query = market.keys("bybit"), "coin=BTC"
    stamp = str(int(time.time() * 1_000))

    def ask(stamp: str, sign: str | None = None, key: str = keys["key"]) -> httpx.Response:
        sign = sign or hmac_hex(keys["secret"], f"{stamp}{keys['key']}5000{query}")
        words = {"api-key": key, "timestamp": stamp, "recv-window": "5000", "sign": sign}
        headers = {f"X-BAPI-{name}": value for name, value in words.items()}
        return market.get("bybit", f"/v5/asset/coin/query-info?{query}", **headers)

    reply = ask(stamp)
    assert reply.json()["result"]["rows"][0]["chains"][0]["chainDeposit"] in ("0", "1")
    assert reply.headers["X-Bapi-Limit"] == "5"
    assert ask(stamp, sign="00").json()["retCode"] == 10004
    assert ask(stamp, key="nobody").json()["retCode"] == 10003
    assert ask("1700000000000").json()["retCode"] == 10002


def test_bybit_takes_ten_topics_a_request_and_none_twice(market: Simulated) -> None:
    with market.open("bybit", "/v5/public/spot") as person:
        person.says({"op": "ping", "req_id": "a"})
        assert (person.hears()["ret_msg"], person.heard[0]["op"]) == ("pong", "ping")
        topic = "orderbook.50.BTCUSDT"
        person.says({"op": "subscribe", "args": [topic] * 11})
        assert not person.hears()["success"]
        person.says({"op": "subscribe", "args": [topic]})
        assert person.hears()["success"]
        person.says({"op": "subscribe", "args": [topic]})
        refusal = person.waits(lambda frame: "success" in frame)
        assert "already subscribed" in refusal["ret_msg"]


def test_gate_names_its_errors_and_answers_pings(market: Simulated) -> None:
    with market.open("gate", "/ws/v4/") as person:
        now = int(time.time())
        person.says({"time": now, "channel": "spot.ping"})
        assert person.hears()["channel"] == "spot.pong"
        ask = {"time": now, "channel": "spot.obu", "event": "subscribe"}
        person.says({**ask, "id": 3, "payload": ["ob.NO_SUCH.50"]})
        refusal = person.hears()
        assert (refusal["error"]["code"], refusal["id"]) == (2, 3)
        person.says({**ask, "payload": ["ob.BTC_USDT.400"]})
        assert person.hears()["result"] == {"status": "success"}
        person.says({**ask, "payload": ["ob.BTC_USDT.400"]})
        twice = person.waits(lambda frame: frame.get("error"))
        assert twice["error"]["message"] == "Alert sub ob.BTC_USDT.400"
        person.says({**ask, "time": now - 600, "payload": ["ob.ETH_USDT.50"]})
        assert person.waits(lambda frame: frame.get("error"))["error"]["code"] == 2


def test_gate_signs_over_lines_and_tells_fees_by_chain(market: Simulated) -> None:
    keys, stamp = market.keys("gate"), str(int(time.time()))
    path, query = "/api/v4/wallet/withdraw_status", "currency=USDT"
    empty = (
        "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
        "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"
    )
    sign = hmac_hex(keys["secret"], f"GET\n{path}\n{query}\n{empty}\n{stamp}", "sha512")
    headers = {"KEY": keys["key"], "Timestamp": stamp, "SIGN": sign}
    [row] = market.get("gate", f"{path}?{query}", **headers).json()
    chains = market.get("gate", "/api/v4/wallet/currency_chains?currency=USDT").json()
    assert set(row["withdraw_fix_on_chains"]) == {chain["chain"] for chain in chains}
    for change, label in (
        ({"SIGN": "00"}, "INVALID_SIGNATURE"),
        ({"KEY": "nobody"}, "INVALID_KEY"),
        ({"Timestamp": "1700000000"}, "REQUEST_EXPIRED"),
    ):
        reply = market.get("gate", f"{path}?{query}", **{**headers, **change})
        assert (reply.status_code >= 400, reply.json()["label"]) == (True, label)


CANDLES = {
    "okx": ("/api/v5/market/candles?instId=BTC-USDT&bar=1m&limit=5", ("data",)),
    "bybit": (
        "/v5/market/kline?category=spot&symbol=BTCUSDT&interval=1&limit=5",
        ("result", "list"),
    ),
    "kucoin": ("/api/v1/market/candles?symbol=BTC-USDT&type=1min", ("data",)),
    "gate": ("/api/v4/spot/candlesticks?currency_pair=BTC_USDT&interval=1m&limit=5", ()),
    "bitget": ("/api/v2/spot/market/candles?symbol=BTCUSDT&granularity=1min&limit=5", ("data",)),
}
OPEN_HIGH_LOW_CLOSE = {"kucoin": (1, 3, 4, 2), "gate": (5, 3, 4, 2)}


@pytest.mark.parametrize("venue", CANDLES)
def test_minutes_come_in_the_order_of_their_venue(market: Simulated, venue: str) -> None:
    path, keys = CANDLES[venue]
    rows = market.get(venue, path).json()
    for key in keys:
        rows = rows[key]
    assert len(rows) >= 5
    starts = [int(row[0]) for row in rows]
    oldest_first = venue in ("gate", "bitget")
    assert starts == sorted(starts, reverse=not oldest_first)
    minute = 60 if venue in ("kucoin", "gate") else 60_000
    assert all(abs(b - a) == minute for a, b in pairwise(starts))
    for row in rows:
        places = OPEN_HIGH_LOW_CLOSE.get(venue, (1, 2, 3, 4))
        start, high, low, end = (float(row[place]) for place in places)
        assert low <= min(start, end) <= max(start, end) <= high


UNKNOWN = {
    "okx": ("/api/v5/nothing", 404, "code"),
    "bybit": ("/v5/nothing", 404, "ret_code"),
    "kucoin": ("/api/v1/nothing", 404, "code"),
    "gate": ("/api/v4/nothing", 404, "label"),
    "bitget": ("/api/v2/nothing", 404, "code"),
    "coinbase": ("/api/v3/nothing", 404, "error"),
}


@pytest.mark.parametrize("venue", UNKNOWN)
def test_unknown_paths_get_the_venue_s_own_envelope(market: Simulated, venue: str) -> None:
    path, status, field = UNKNOWN[venue]
    reply = market.get(venue, path)
    assert reply.status_code == status
    assert field in json.loads(reply.text)
