"""Bitget's account: a client id is taken once, what nobody knows is an empty list."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from tests.simulator import stage
from tests.simulator.signers import Bitget, fresh, now_ms, until
from tests.simulator.stage import heard

pytestmark = pytest.mark.asyncio(loop_scope="session")
ROOM = "/api/v2/spot"
PLACE = f"{ROOM}/trade/place-order"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def bitget() -> AsyncIterator[Bitget]:
    async with stage.market(coins=6, rate=300.0, transfer_s=0.4) as running:
        yield Bitget(running["bitget"])


async def limit(bitget: Bitget, share: str = "0.9", **more: Any) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT", "side": "buy", "orderType": "limit", "force": "gtc",
        "price": await bitget.near(share), "size": "0.002", "clientOid": fresh(), **more,
    }  # fmt: skip


async def test_every_header_of_the_signature_counts(bitget: Bitget) -> None:
    path = f"{ROOM}/account/assets?coin=USDT"

    async def code(**more: Any) -> str:
        answer: str = (await bitget.ask("GET", path, **more)).json()["code"]
        return answer

    assert await code() == "00000"
    assert await code(ACCESS_KEY="sim-okx") == "40006"
    assert await code(ACCESS_KEY="") == "40001"
    assert await code(ACCESS_SIGN="") == "40002"
    assert await code(ACCESS_SIGN="x") == "40009"
    assert await code(ACCESS_PASSPHRASE="x") == "40012"
    assert await code(ACCESS_TIMESTAMP="soon") == "40005"
    assert await code(at_ms=now_ms() - 31_000) == "40008"
    [row] = (await bitget.ask("GET", path)).json()["data"]
    assert (row["available"], row["frozen"]) == ("50000", "0")


async def test_an_order_rests_and_is_cancelled_by_its_client_id(bitget: Bitget) -> None:
    asked = await limit(bitget)
    ours = asked["clientOid"]
    assert (await bitget.get(f"{ROOM}/trade/orderInfo", clientOid=ours))["data"] == []
    made = (await bitget.post(PLACE, asked))["data"]
    assert made["clientOid"] == ours
    [row] = (await bitget.get(f"{ROOM}/trade/orderInfo", clientOid=ours))["data"]
    assert (row["orderId"], row["status"], row["feeDetail"]) == (made["orderId"], "live", "")
    rows = (await bitget.get(f"{ROOM}/trade/unfilled-orders", symbol="BTCUSDT"))["data"]
    assert made["orderId"] in {one["orderId"] for one in rows}
    gone = {"symbol": "BTCUSDT", "clientOid": ours}
    assert (await bitget.post(f"{ROOM}/trade/cancel-order", gone))["code"] == "00000"
    [row] = (await bitget.get(f"{ROOM}/trade/orderInfo", orderId=made["orderId"]))["data"]
    assert row["status"] == "cancelled"
    rows = (await bitget.get(f"{ROOM}/trade/history-orders", symbol="BTCUSDT"))["data"]
    assert made["orderId"] in {one["orderId"] for one in rows}
    assert (await bitget.post(f"{ROOM}/trade/cancel-order", gone))["code"] == "43004"
    unknown = {**gone, "clientOid": fresh()}
    assert (await bitget.post(f"{ROOM}/trade/cancel-order", unknown))["code"] == "43001"


async def test_a_client_id_is_taken_once(bitget: Bitget) -> None:
    asked = await limit(bitget, "1.01", force="ioc")
    assert (await bitget.post(PLACE, asked))["code"] == "00000"
    assert (await bitget.post(PLACE, asked))["code"] == "43118"
    truth = await bitget.venue.truth("orders")
    assert [one["received"] for one in truth if one["client_id"] == asked["clientOid"]] == [2]


async def test_a_request_that_comes_too_late_is_not_taken(bitget: Bitget) -> None:
    sent = str(now_ms() - 3_000)
    late = await limit(bitget, requestTime=sent, receiveWindow="2000")
    assert (await bitget.post(PLACE, late))["code"] == "40078"
    wide = await limit(bitget, requestTime=sent, receiveWindow="60000")
    assert (await bitget.post(PLACE, wide))["code"] == "40079"
    assert (await bitget.post(PLACE, {**late, "receiveWindow": "9000"}))["code"] == "00000"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"size": "500"}, "43012"),
        ({"size": "0.000001"}, "45110"),
        ({"size": "0.0000000001"}, "43011"),
        ({"price": "80000.00001"}, "43011"),
        ({"symbol": "NOPEUSDT"}, "40034"),
        ({"clientOid": "no spaces"}, "40304"),
        ({"side": "Buy"}, "43011"),
    ],
    ids=str,
)
async def test_what_is_refused_says_why(bitget: Bitget, change: dict[str, Any], code: str) -> None:
    before = await bitget.venue.truth("balances")
    assert (await bitget.post(PLACE, await limit(bitget, **change)))["code"] == code
    assert await bitget.venue.truth("balances") == before


async def test_fees_are_negative_and_a_text_inside_the_order(bitget: Bitget) -> None:
    asked = await limit(bitget, orderType="market", size="60")
    order = (await bitget.post(PLACE, asked))["data"]["orderId"]
    [row] = (await bitget.get(f"{ROOM}/trade/orderInfo", orderId=order))["data"]
    assert row["status"] == "filled"
    assert Decimal(59) < Decimal(row["quoteVolume"]) <= 60
    detail = json.loads(row["feeDetail"], parse_float=Decimal)
    words = {"symbol": "BTCUSDT", "orderId": order}
    fills = (await bitget.get(f"{ROOM}/trade/fills", **words))["data"]
    fees = [fill["feeDetail"] for fill in fills]
    paid = sum(Decimal(fee["totalFee"]) for fee in fees)
    assert paid == detail["newFees"]["t"] == detail["BTC"]["totalFee"] < 0
    assert {fee["feeCoin"] for fee in fees} == {"BTC"}
    truth = {one["fill_id"] for one in await bitget.venue.truth("fills")}
    assert {fill["tradeId"] for fill in fills} <= truth


async def test_history_comes_in_pages_below_an_id(bitget: Bitget) -> None:
    made = []
    for _ in range(3):
        asked = await limit(bitget, "1.01", force="ioc", size="0.0001")
        made.append((await bitget.post(PLACE, asked))["data"]["orderId"])
    told: list[str] = []
    while True:
        words: dict[str, Any] = {"symbol": "BTCUSDT", "limit": 1}
        words |= {"idLessThan": told[-1]} if told else {}
        rows = (await bitget.get(f"{ROOM}/trade/history-orders", **words))["data"]
        if not rows:
            break
        told += [row["orderId"] for row in rows]
    assert told[:3] == made[::-1]
    assert len(told) == len(set(told))


async def test_a_withdrawal_includes_its_fee_and_its_id_is_taken_once(bitget: Bitget) -> None:
    words = {"coin": "USDT", "chain": "erc20"}
    told = (await bitget.get(f"{ROOM}/wallet/deposit-address", **words))["data"]
    asked = {
        "coin": "USDT", "transferType": "on_chain", "address": told["address"], "chain": "erc20",
        "size": "45", "clientOid": fresh(),
    }  # fmt: skip
    made = await bitget.post(f"{ROOM}/wallet/withdrawal", asked)
    again = await bitget.post(f"{ROOM}/wallet/withdrawal", asked)
    assert again["code"] == "43118"
    order = made["data"]["orderId"]

    async def done() -> list[dict[str, Any]]:
        words = {"startTime": 0, "endTime": now_ms(), "clientOid": asked["clientOid"]}
        rows = (await bitget.get(f"{ROOM}/wallet/withdrawal-records", **words))["data"]
        return [one for one in rows if one["status"] == "success"]

    [row] = await until(done)
    assert (row["orderId"], row["size"], row["chain"]) == (order, "45", "ERC20")
    arrived = 45 + Decimal(row["fee"])
    assert arrived < 45

    async def credited() -> list[dict[str, Any]]:
        words = {"startTime": 0, "endTime": now_ms(), "coin": "USDT"}
        rows = (await bitget.get(f"{ROOM}/wallet/deposit-records", **words))["data"]
        return [one for one in rows if one["status"] == "success"]

    [deposit] = await until(credited)
    assert (deposit["tradeId"], Decimal(deposit["size"])) == (row["tradeId"], arrived)


async def test_the_stream_of_an_account_needs_its_login(bitget: Bitget) -> None:
    def channels(*names: str) -> dict[str, Any]:
        return {
            "op": "subscribe",
            "args": [
                {"instType": "SPOT", "channel": name}
                | ({"coin": "default"} if name == "account" else {"instId": "default"})
                for name in names
            ],
        }

    bad = bitget.login()
    bad["args"][0]["passphrase"] = "x"
    async with bitget.venue.stream("/v2/ws/private", channels("orders"), bad) as stream:
        assert [(await heard(stream))["code"] for _ in range(2)] == [30004, 30012]
        await stream.send(json.dumps(bitget.login()))
        assert (await heard(stream))["event"] == "login"
        await stream.send(json.dumps(channels("orders", "fill", "account", "nonsense")))
        acks = [await heard(stream) for _ in range(5)]
        assert [one.get("event") for one in acks] == ["subscribe"] * 3 + [None, "error"]
        assert {row["coin"] for row in acks[3]["data"]} >= {"USDT", "BTC"}
        asked = await limit(bitget, "1.01", force="ioc")
        made = await bitget.post(PLACE, asked)
        states, filled, balances = [], Decimal(0), set()
        while "filled" not in states or filled < Decimal("0.002") or "BTC" not in balances:
            frame = await heard(stream)
            [row, *_] = frame["data"]
            match frame["arg"]["channel"]:
                case "orders" if row["clientOid"] == asked["clientOid"]:
                    states.append(row["status"])
                case "fill" if row["orderId"] == made["data"]["orderId"]:
                    filled += Decimal(row["size"])
                case "account":
                    balances |= {one["coin"] for one in frame["data"]}
        assert states[0] == "live"
