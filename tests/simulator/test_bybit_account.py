"""Bybit's account: acknowledged before it is found, ids once for ever, one key per withdrawal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from tests.simulator import stage
from tests.simulator.signers import Bybit, fresh, now_ms, until
from tests.simulator.stage import heard

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def bybit() -> AsyncIterator[Bybit]:
    async with stage.market(coins=6, rate=300.0, transfer_s=0.4) as running:
        yield Bybit(running["bybit"])


async def limit(bybit: Bybit, share: str = "0.9", **more: Any) -> dict[str, Any]:
    return {
        "category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit",
        "qty": "0.002", "price": await bybit.near(share), "timeInForce": "GTC",
        "orderLinkId": fresh(), **more,
    }  # fmt: skip


async def found(bybit: Bybit, **names: str) -> list[dict[str, Any]]:
    told = await bybit.get("/v5/order/realtime", category="spot", **names)
    rows: list[dict[str, Any]] = told["result"]["list"]
    return rows


async def test_signature_window_and_key_are_judged(bybit: Bybit) -> None:
    path = "/v5/account/wallet-balance?accountType=UNIFIED"

    async def code(**more: Any) -> int:
        answer: int = (await bybit.ask("GET", path, **more)).json()["retCode"]
        return answer

    assert await code() == 0
    assert await code(X_BAPI_API_KEY="sim-okx") == 10003
    assert await code(X_BAPI_SIGN="0" * 64) == 10004
    assert await code(X_BAPI_RECV_WINDOW="6000") == 10004
    assert await code(X_BAPI_SIGN="") == 10001
    assert await code(at_ms=now_ms() - 5_500) == 10002
    assert await code(at_ms=now_ms() + 1_500) == 10002
    body = (await bybit.ask("GET", path)).json()["result"]["list"][0]["coin"]
    assert {row["coin"]: row["walletBalance"] for row in body}["USDT"] == "50000"


async def test_a_changed_body_is_not_what_was_signed(bybit: Bybit) -> None:
    headers = bybit.signed("POST", "/v5/order/create", "{}", now_ms())
    reply = await bybit.venue.send("POST", "/v5/order/create", '{"a":1}', **headers)
    assert reply.json()["retCode"] == 10004


async def test_an_order_is_acknowledged_before_it_can_be_found(bybit: Bybit) -> None:
    asked = await limit(bybit)
    link = asked["orderLinkId"]
    answer = await bybit.post("/v5/order/create", asked)
    assert answer["result"]["orderLinkId"] == link
    assert await found(bybit, orderLinkId=link) == []
    [row] = await until(lambda: found(bybit, orderLinkId=link))
    assert (row["orderId"], row["orderStatus"]) == (answer["result"]["orderId"], "New")
    gone = {"category": "spot", "symbol": "BTCUSDT", "orderLinkId": link}
    assert (await bybit.post("/v5/order/cancel", gone))["retCode"] == 0
    # asked for by name, it is found among the open ones after its end as well
    [row] = await found(bybit, orderLinkId=link)
    assert row["orderStatus"] == "Cancelled"
    assert (await bybit.post("/v5/order/cancel", gone))["retCode"] == 170143
    unknown = {**gone, "orderLinkId": fresh()}
    assert (await bybit.post("/v5/order/cancel", unknown))["retCode"] == 170213


async def test_a_link_id_is_taken_once_and_the_books_count_both_requests(bybit: Bybit) -> None:
    asked = await limit(bybit, "1.01", timeInForce="IOC")
    assert (await bybit.post("/v5/order/create", asked))["retCode"] == 0
    assert (await bybit.post("/v5/order/create", asked))["retCode"] == 170141
    truth = [
        one for one in await bybit.venue.truth("orders") if one["client_id"] == asked["orderLinkId"]
    ]
    assert [(one["status"], one["received"]) for one in truth] == [("filled", 2)]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"qty": "500"}, 170131),
        ({"qty": "0.00001"}, 170140),
        ({"qty": "0.0000000001"}, 170137),
        ({"price": "80000.00001"}, 170134),
        ({"symbol": "NOPEUSDT"}, 170121),
        ({"category": "linear"}, 10001),
        ({"orderLinkId": "no spaces"}, 10001),
        ({"side": "buy"}, 10001),
        ({"qty": "-1"}, 10001),
    ],
    ids=str,
)
async def test_what_is_refused_says_why(bybit: Bybit, change: dict[str, Any], code: int) -> None:
    asked = await limit(bybit, **change)
    before = await bybit.venue.truth("balances")
    assert (await bybit.post("/v5/order/create", asked))["retCode"] == code
    assert await bybit.venue.truth("balances") == before


async def test_a_market_buy_is_sized_in_quote_unless_it_says_otherwise(bybit: Bybit) -> None:
    asked = await limit(bybit, orderType="Market", qty="100")
    order = (await bybit.post("/v5/order/create", asked))["result"]["orderId"]
    [row] = await until(lambda: found(bybit, orderId=order))
    assert row["orderStatus"] == "Filled"
    assert Decimal(99) < Decimal(row["cumExecValue"]) <= 100
    asked = await limit(bybit, orderType="Market", qty="0.001", marketUnit="baseCoin")
    order = (await bybit.post("/v5/order/create", asked))["result"]["orderId"]
    [row] = await until(lambda: found(bybit, orderId=order))
    assert row["cumExecQty"] == "0.001"
    told = await bybit.get("/v5/execution/list", category="spot", orderId=order)
    rows = told["result"]["list"]
    assert sum(Decimal(one["execQty"]) for one in rows) == Decimal("0.001")
    fees = sum(Decimal(one["execFee"]) for one in rows)
    assert fees == Decimal("0.000001")
    assert {one["feeCurrency"] for one in rows} == {"BTC"}


async def test_history_comes_in_pages_that_lose_nothing(bybit: Bybit) -> None:
    orders = []
    for _ in range(5):
        asked = await limit(bybit, "1.01", timeInForce="IOC", qty="0.0001")
        orders.append((await bybit.post("/v5/order/create", asked))["result"]["orderId"])
        await asyncio.sleep(0.06)
    await until(lambda: found(bybit, orderId=orders[-1]))
    told, cursor = [], ""
    while True:
        words = {"category": "spot", "limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await bybit.get("/v5/order/history", **words))["result"]
        told += [row["orderId"] for row in page["list"]]
        cursor = page["nextPageCursor"]
        if not cursor:
            break
    assert told[:5] == orders[::-1]
    assert len(told) == len(set(told))


async def test_what_was_accepted_lives_though_nobody_was_told(bybit: Bybit) -> None:
    await bybit.venue.fault("http", status=500, after_accept=True)
    asked = await limit(bybit)
    reply = await bybit.post("/v5/order/create", asked)
    assert reply["retCode"] != 0
    [row] = await until(lambda: found(bybit, orderLinkId=asked["orderLinkId"]))
    assert row["orderStatus"] == "New"


async def test_one_request_id_sends_coins_once(bybit: Bybit) -> None:
    told = await bybit.get("/v5/asset/deposit/query-address", coin="USDT", chainType="ETH")
    [chain] = told["result"]["chains"]
    asked = {
        "coin": "USDT", "chain": "ETH", "address": chain["addressDeposit"], "amount": "25.5",
        "timestamp": now_ms(), "forceChain": 1, "accountType": "UTA", "requestId": fresh(),
    }  # fmt: skip
    before = Decimal((await bybit.venue.truth("balances"))["USDT"]["free"])
    first = await bybit.post("/v5/asset/withdraw/create", asked)
    again = await bybit.post("/v5/asset/withdraw/create", asked)
    assert first["result"] == again["result"] != {}
    rows = (await bybit.get("/v5/asset/withdraw/query-record", coin="USDT"))["result"]["rows"]
    [row] = [one for one in rows if one["withdrawId"] == first["result"]["id"]]
    assert row["amount"] == "25.5"
    after = Decimal((await bybit.venue.truth("balances"))["USDT"]["free"])
    assert before - after == Decimal("25.5") + Decimal(row["withdrawFee"])

    async def credited() -> list[dict[str, Any]]:
        told = await bybit.get("/v5/asset/deposit/query-record", coin="USDT")
        return [one for one in told["result"]["rows"] if one["status"] == 3]

    [deposit] = await until(credited)
    assert deposit["amount"] == "25.5"
    short = {**asked, "requestId": fresh(), "amount": "9000000"}
    assert (await bybit.post("/v5/asset/withdraw/create", short))["retCode"] == 131085
    tiny = {**asked, "requestId": fresh(), "amount": "0.001"}
    assert (await bybit.post("/v5/asset/withdraw/create", tiny))["retCode"] == 131096


async def test_the_stream_of_an_account_needs_its_login(bybit: Bybit) -> None:
    topics = {"op": "subscribe", "args": ["order", "execution", "wallet"]}
    async with bybit.venue.stream("/v5/private", topics) as stream:
        assert (await heard(stream))["success"] is False
        await stream.send(stage.json.dumps({"op": "auth", "args": ["sim-bybit", now_ms(), "x"]}))
        assert (await heard(stream))["success"] is False
    async with bybit.venue.stream("/v5/private", bybit.login(), topics) as stream:
        assert [(await heard(stream))["success"] for _ in range(2)] == [True, True]
        asked = await limit(bybit, "1.01", timeInForce="IOC")
        answer = await bybit.post("/v5/order/create", asked)
        statuses, executed = [], Decimal(0)
        while "Filled" not in statuses:
            frame = await heard(stream)
            row = frame["data"][0]
            if row.get("orderId") != answer["result"]["orderId"]:
                continue  # an older order of this account
            if frame["topic"] == "order":
                statuses.append(row["orderStatus"])
            elif frame["topic"] == "execution":
                executed += Decimal(row["execQty"])
        assert statuses[0] == "New"
        while executed < Decimal("0.002"):
            frame = await heard(stream)
            row = frame["data"][0]
            if frame["topic"] == "execution" and row["orderId"] == answer["result"]["orderId"]:
                executed += Decimal(row["execQty"])
        assert executed == Decimal("0.002")
