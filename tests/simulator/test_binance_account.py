"""Binance's account: ids free again, windows, fees in what was bought, a socket that signs."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.simulator import stage
from tests.simulator.members import Binance, fresh
from tests.simulator.stage import heard

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def money() -> AsyncIterator[dict[str, stage.Venue]]:
    async with stage.market(coins=8, rate=400.0, transfer_s=0.2) as running:
        yield running


@pytest.fixture
def binance(money: dict[str, stage.Venue]) -> Binance:
    return Binance(money["binance"])


async def order(binance: Binance, off: int = 20, **more: Any) -> dict[str, Any]:
    """A buy at so much over the offer."""
    book = await binance.venue.read("/api/v3/depth?symbol=BTCUSDT&limit=5")
    price = Decimal(book["asks"][0][0]) + off
    return {
        "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "IOC",
        "price": f"{price:f}", "quantity": "0.002", "newClientOrderId": fresh(), **more,
    }  # fmt: skip


async def place(binance: Binance, **asked: Any) -> httpx.Response:
    return await binance.ask("POST", "/api/v3/order", **asked)


async def test_an_ioc_buys_and_pays_in_what_it_bought(binance: Binance) -> None:
    before = await binance.venue.truth("balances")
    told = (await place(binance, **await order(binance))).json()
    assert told["status"] == "FILLED"
    fees = sum(Decimal(fill["commission"]) for fill in told["fills"])
    assert {fill["commissionAsset"] for fill in told["fills"]} == {"BTC"}
    after = await binance.venue.truth("balances")
    got = Decimal(after["BTC"]["free"]) - Decimal(before["BTC"]["free"])
    assert got == Decimal("0.002") - fees
    paid = Decimal(before["USDT"]["free"]) - Decimal(after["USDT"]["free"])
    assert paid == Decimal(told["cummulativeQuoteQty"])
    trades = await binance.ask("GET", "/api/v3/myTrades", symbol="BTCUSDT", orderId=told["orderId"])
    assert [row["id"] for row in trades.json()] == [fill["tradeId"] for fill in told["fills"]]


async def test_an_id_is_unique_among_open_orders_only(binance: Binance) -> None:
    """§3: a filled order's request executes again when it is sent again."""
    resting = await order(binance, off=-5_000, timeInForce="GTC")
    first = (await place(binance, **resting)).json()
    assert first["status"] == "NEW"
    again = await place(binance, **resting)
    assert again.json() == {"code": -2010, "msg": "Duplicate order sent."}
    name = {"symbol": "BTCUSDT", "origClientOrderId": resting["newClientOrderId"]}
    gone = (await binance.ask("DELETE", "/api/v3/order", **name)).json()
    assert (gone["status"], gone["origClientOrderId"]) == ("CANCELED", name["origClientOrderId"])
    second = (await place(binance, **resting)).json()
    assert second["orderId"] != first["orderId"]
    found = (await binance.ask("GET", "/api/v3/order", **name)).json()
    assert (found["orderId"], found["status"]) == (second["orderId"], "NEW")
    await binance.ask("DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=second["orderId"])
    truth = [
        one
        for one in await binance.venue.truth("orders")
        if one["client_id"] == name["origClientOrderId"]
    ]
    assert [one["received"] for one in truth] == [3, 3]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"quantity": "0.00001"}, -1013),
        ({"price": "99999.999"}, -1013),
        ({"quantity": "9"}, -2010),
        ({"symbol": "NONE"}, -1121),
        ({"timeInForce": ""}, -1102),
        ({"newClientOrderId": "no spaces"}, -1100),
        ({"recvWindow": "70000"}, -1131),
        ({"type": "LIMIT_MAKER"}, -2010),
    ],
)
async def test_what_binance_refuses(binance: Binance, change: dict[str, str], code: int) -> None:
    reply = await place(binance, **{**await order(binance), **change})
    assert (reply.status_code, reply.json()["code"]) == (400, code)


async def test_a_request_that_comes_after_its_window_is_refused(binance: Binance) -> None:
    asked = await order(binance)
    old = time.time_ns() // 1_000_000 - 6_000
    reply = await binance.ask("POST", "/api/v3/order", at_ms=old, **asked)
    assert reply.json()["code"] == -1021
    await binance.venue.fault("late", ms=400)
    reply = await place(binance, **asked, recvWindow="200")
    assert reply.json()["code"] == -1021  # it was in time when it left
    missing = await binance.ask(
        "GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId=asked["newClientOrderId"]
    )
    assert missing.json()["code"] == -2013


@pytest.mark.parametrize("kind", ["http", "timeout"])
async def test_a_fault_after_accept_spoils_the_answer_alone(binance: Binance, kind: str) -> None:
    asked = await order(binance)
    more = {"ms": 50} if kind == "timeout" else {"status": 504}
    await binance.venue.fault(kind, after_accept=True, **more)
    await binance.ask("GET", "/api/v3/account")  # a question is answered as ever
    reply = await place(binance, **asked)
    if kind == "http":
        assert (reply.status_code, reply.json()["code"]) == (504, -1007)
    told = (
        await binance.ask(
            "GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId=asked["newClientOrderId"]
        )
    ).json()
    assert told["status"] == "FILLED"
    truth = await binance.venue.truth("orders")
    mine = [one for one in truth if one["client_id"] == asked["newClientOrderId"]]
    assert [one["received"] for one in mine] == [1]


async def test_an_ioc_that_finds_nothing_expires(binance: Binance) -> None:
    told = (await place(binance, **await order(binance, off=-3_000))).json()
    assert (told["status"], told["executedQty"]) == ("EXPIRED", "0.00000000")
    await binance.venue.fault("partial")
    told = (await place(binance, **await order(binance, quantity="0.005"))).json()
    assert (told["status"], told["executedQty"]) == ("EXPIRED", "0.00200000")


async def test_a_venue_may_forget_what_an_ioc_is(binance: Binance) -> None:
    await binance.venue.fault("rests")
    asked = await order(binance, quantity="0.005")
    told = (await place(binance, **asked)).json()
    assert (told["status"], told["executedQty"]) == ("PARTIALLY_FILLED", "0.00200000")
    mine = {"symbol": "BTCUSDT", "origClientOrderId": asked["newClientOrderId"]}
    gone = (await binance.ask("DELETE", "/api/v3/order", **mine)).json()
    assert (gone["orderId"], gone["executedQty"]) == (told["orderId"], "0.00200000")


async def test_a_market_order_by_quote(binance: Binance) -> None:
    asked: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "MARKET",
        "quoteOrderQty": "50",
    }
    told = (await place(binance, **asked)).json()
    assert told["status"] == "FILLED"
    assert Decimal(49) < Decimal(told["cummulativeQuoteQty"]) <= Decimal(50)
    assert told["origQuoteOrderQty"] == "50.00000000"


async def test_all_orders_are_listed_oldest_first(binance: Binance) -> None:
    name = await order(binance)
    told = (await place(binance, **name)).json()
    since = {"symbol": "BTCUSDT", "startTime": told["transactTime"] - 60_000}
    rows = (await binance.ask("GET", "/api/v3/allOrders", **since)).json()
    numbers = [row["orderId"] for row in rows]
    assert numbers == sorted(numbers)
    assert told["orderId"] in numbers
    assert (await binance.ask("GET", "/api/v3/openOrders", symbol="BTCUSDT")).json() == []


def subscription(**change: Any) -> dict[str, Any]:
    params = {
        "apiKey": "sim-binance", "recvWindow": 5_000,
        "timestamp": time.time_ns() // 1_000_000,
    }  # fmt: skip
    text = "&".join(f"{key}={params[key]}" for key in sorted(params))
    signature = hmac.new(b"sim-binance-secret", text.encode(), hashlib.sha256).hexdigest()
    method = "userDataStream.subscribe.signature"
    return {"id": "1", "method": method, "params": {**params, "signature": signature, **change}}


async def test_the_user_stream_tells_new_and_trade(binance: Binance) -> None:
    async with binance.venue.stream("/ws-api/v3", subscription(signature="0")) as stream:
        assert (await heard(stream))["error"]["code"] == -1022
        await stream.send(json.dumps(subscription()))
        assert (await heard(stream))["result"] == {"subscriptionId": 0}
        told = (await place(binance, **await order(binance))).json()
        events: list[dict[str, Any]] = []
        while not events or events[-1].get("X") != "FILLED":
            event = (await heard(stream))["event"]
            if event.get("i") in (None, told["orderId"]):
                events.append(event)
        position = (await heard(stream))["event"]
        while position["e"] != "outboundAccountPosition":
            position = (await heard(stream))["event"]
    reports = [event for event in events if event["e"] == "executionReport"]
    assert [event["x"] for event in reports][:2] == ["NEW", "TRADE"]
    assert [event["t"] for event in reports if event["x"] == "TRADE"] == [
        fill["tradeId"] for fill in told["fills"]
    ]
    assert {row["a"] for row in position["B"]} >= {"USDT", "BTC"}


async def test_a_lost_word_is_in_the_books_all_the_same(binance: Binance) -> None:
    async with binance.venue.stream("/ws-api/v3", subscription()) as stream:
        await heard(stream)
        await binance.venue.fault("news_drop", count=2)
        told = (await place(binance, **await order(binance))).json()
        late = (await place(binance, **await order(binance, off=-5_000))).json()
        event = (await heard(stream))["event"]
        while event.get("i") not in (told["orderId"], late["orderId"]):
            event = (await heard(stream))["event"]
        assert (event["i"], event.get("x")) != (told["orderId"], "NEW")
    truth = {one["order_id"] for one in await binance.venue.truth("orders")}
    assert str(told["orderId"]) in truth


async def test_a_withdrawal_takes_its_fee_of_the_amount(
    binance: Binance, money: dict[str, stage.Venue]
) -> None:
    address, tag = money["okx"].part.desk.address("XRP", "ripple")
    before = Decimal((await binance.venue.truth("balances"))["XRP"]["free"])
    name = fresh()
    asked: dict[str, Any] = {
        "coin": "XRP", "network": "XRP", "address": address, "addressTag": tag,
        "amount": "60", "withdrawOrderId": name,
    }  # fmt: skip
    sent = await binance.ask("POST", "/sapi/v1/capital/withdraw/apply", **asked)
    assert sent.status_code == 200, sent.text
    after = Decimal((await binance.venue.truth("balances"))["XRP"]["free"])
    assert before - after == 60
    path = "/sapi/v1/capital/withdraw/history"
    row: dict[str, Any] = {"status": 0}
    while row["status"] != 6:
        await asyncio.sleep(0.02)
        (row,) = (await binance.ask("GET", path, coin="XRP", withdrawOrderId=name)).json()
    assert row["id"] == sent.json()["id"]
    assert Decimal(row["amount"]) + Decimal(row["transactionFee"]) == 60
    deposits = await money["okx"].truth("deposits")
    assert [one["amount"] for one in deposits if one["txid"] == row["txId"]] == [row["amount"]]


async def test_a_deposit_is_told_while_it_gains_confirmations(
    binance: Binance, money: dict[str, stage.Venue]
) -> None:
    place_ = await binance.ask("GET", "/sapi/v1/capital/deposit/address", coin="XRP", network="XRP")
    there = place_.json()
    fault = await binance.venue.fault("deposit_hold", asset="XRP")
    money["upbit"].part.desk.withdraw(
        "XRP", "ripple", there["address"], there["tag"], Decimal("55.5"), None
    )
    path = "/sapi/v1/capital/deposit/hisrec"
    rows: list[dict[str, Any]] = []
    while not rows or rows[0]["status"] != 8:
        await asyncio.sleep(0.02)
        rows = (await binance.ask("GET", path, coin="XRP")).json()
    await binance.venue.drop(fault)
    while rows[0]["status"] != 1:
        await asyncio.sleep(0.02)
        rows = (await binance.ask("GET", path, coin="XRP")).json()
    assert rows[0]["amount"] == "55.5"


async def test_a_missing_tag_loses_coins_and_a_returned_deposit_brings_them_back(
    binance: Binance, money: dict[str, stage.Venue]
) -> None:
    address, tag = money["okx"].part.desk.address("XRP", "ripple")
    asked: dict[str, Any] = {"coin": "XRP", "network": "XRP", "address": address, "amount": "30"}
    sent = await binance.ask("POST", "/sapi/v1/capital/withdraw/apply", **asked)
    assert sent.status_code == 200
    truth = (await binance.venue.truth("withdrawals"))[0]
    assert (truth["withdrawal_id"], truth["to_venue"]) == (sent.json()["id"], None)
    await money["okx"].fault("deposit_return", asset="XRP")
    sent = await binance.ask("POST", "/sapi/v1/capital/withdraw/apply", **asked, addressTag=tag)
    before = Decimal((await binance.venue.truth("balances"))["XRP"]["free"])
    while (await binance.venue.truth("withdrawals"))[0]["status"] != "returned":
        await asyncio.sleep(0.02)
    row = (await binance.venue.truth("withdrawals"))[0]
    after = Decimal((await binance.venue.truth("balances"))["XRP"]["free"])
    assert after - before == Decimal(row["amount"])
