"""OKX's account: two codes in every answer, deadlines in a header, chains in currency names."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection

from tests.simulator import stage
from tests.simulator.kit import hmac_base64
from tests.simulator.members import Okx, fresh
from tests.simulator.stage import heard

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def money() -> AsyncIterator[dict[str, stage.Venue]]:
    async with stage.market(coins=8, rate=400.0, transfer_s=0.2) as running:
        yield running


@pytest.fixture
def okx(money: dict[str, stage.Venue]) -> Okx:
    return Okx(money["okx"])


async def order(okx: Okx, off: int = 200, **more: Any) -> dict[str, Any]:
    """A buy at so much over the offer."""
    book = await okx.venue.read("/api/v5/market/books?instId=BTC-USDT&sz=1")
    price = Decimal(book["data"][0]["asks"][0][0]) + off
    return {
        "instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "ordType": "ioc",
        "px": f"{price:f}", "sz": "0.002", "clOrdId": fresh(), **more,
    }  # fmt: skip


async def test_an_ioc_is_acknowledged_and_its_fills_are_listed(okx: Okx) -> None:
    asked = await order(okx)
    ack = await okx.post("/api/v5/trade/order", asked)
    assert (ack["code"], ack["data"][0]["sCode"]) == ("0", "0")
    (told,) = (await okx.get(f"/api/v5/trade/order?instId=BTC-USDT&clOrdId={asked['clOrdId']}"))[
        "data"
    ]
    assert (told["state"], told["accFillSz"]) == ("filled", "0.002")
    fills = (await okx.get(f"/api/v5/trade/fills?instType=SPOT&ordId={told['ordId']}"))["data"]
    assert sum(Decimal(row["fillSz"]) for row in fills) == Decimal("0.002")
    assert sum(Decimal(row["fee"]) for row in fills) == Decimal(told["fee"]) < 0
    assert {row["feeCcy"] for row in fills} == {"BTC"}
    history = await okx.get("/api/v5/trade/orders-history?instType=SPOT&instId=BTC-USDT")
    assert told["ordId"] in {row["ordId"] for row in history["data"]}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"sz": "9"}, "51008"),
        ({"sz": "0.00000001"}, "51020"),
        ({"sz": "0.000000015"}, "51121"),
        ({"px": "100000.05"}, "51000"),
        ({"instId": "NO-NE"}, "51001"),
        ({"clOrdId": "no-hyphen"}, "51000"),
        ({"ordType": "post_only"}, "51000"),
    ],
)
async def test_what_okx_refuses(okx: Okx, change: dict[str, str], code: str) -> None:
    reply = await okx.post("/api/v5/trade/order", {**await order(okx), **change})
    assert (reply["code"], reply["data"][0]["sCode"]) == ("1", code)


async def test_an_id_is_unique_among_pending_orders_only(okx: Okx) -> None:
    asked = await order(okx, off=-5_000, ordType="limit")
    first = (await okx.post("/api/v5/trade/order", asked))["data"][0]["ordId"]
    again = await okx.post("/api/v5/trade/order", asked)
    assert again["data"][0]["sCode"] == "51016"
    name = {"instId": "BTC-USDT", "clOrdId": asked["clOrdId"]}
    pending = (await okx.get("/api/v5/trade/orders-pending?instId=BTC-USDT"))["data"]
    assert [row["ordId"] for row in pending] == [first]
    gone = await okx.post("/api/v5/trade/cancel-order", name)
    assert gone["data"][0]["sCode"] == "0"
    late = await okx.post("/api/v5/trade/cancel-order", name)
    assert late["data"][0]["sCode"] == "51402"
    second = (await okx.post("/api/v5/trade/order", asked))["data"][0]["ordId"]
    assert second != first
    await okx.post("/api/v5/trade/cancel-order", {"instId": "BTC-USDT", "ordId": second})
    missing = await okx.get("/api/v5/trade/order?instId=BTC-USDT&clOrdId=none")
    assert missing["code"] == "51603"


async def test_a_batch_has_one_code_for_each(okx: Okx) -> None:
    rows = [await order(okx, off=-5_000, ordType="limit"), await order(okx, instId="NO-NE")]
    reply = await okx.post("/api/v5/trade/batch-orders", rows)
    assert (reply["code"], [row["sCode"] for row in reply["data"]]) == ("2", ["0", "51001"])
    names = [{"instId": "BTC-USDT", "ordId": reply["data"][0]["ordId"]}]
    assert (await okx.post("/api/v5/trade/cancel-batch-orders", names))["code"] == "0"


async def test_a_request_after_its_deadline_is_refused(okx: Okx) -> None:
    asked = await order(okx)
    deadline = str(time.time_ns() // 1_000_000 + 100)
    await okx.venue.fault("late", ms=300)
    reply = await okx.post("/api/v5/trade/order", asked, expTime=deadline)
    assert reply["code"] == "50036"
    gone = await okx.get(f"/api/v5/trade/order?instId=BTC-USDT&clOrdId={asked['clOrdId']}")
    assert gone["code"] == "51603"


async def test_what_is_signed_is_what_is_sent(okx: Okx) -> None:
    wrong = {"OK-ACCESS-SIGN": "bm8="}
    reply = await okx.ask("POST", "/api/v5/trade/order", json.dumps(await order(okx)), **wrong)
    assert (reply.status_code, reply.json()["code"]) == (401, "50113")
    wrong = {"OK-ACCESS-PASSPHRASE": "other"}
    assert (await okx.ask("GET", "/api/v5/account/balance", "", **wrong)).json()["code"] == "50105"


async def test_a_market_buy_spends_quote(okx: Okx) -> None:
    asked = {"instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "ordType": "market"}
    ack = await okx.post("/api/v5/trade/order", {**asked, "sz": "50"})
    (told,) = (
        await okx.get(f"/api/v5/trade/order?instId=BTC-USDT&ordId={ack['data'][0]['ordId']}")
    )["data"]
    spent = Decimal(told["accFillSz"]) * Decimal(told["avgPx"])
    assert Decimal(49) < spent < Decimal("50.001")
    assert (told["tgtCcy"], told["state"]) == ("quote_ccy", "filled")


async def login(stream: ClientConnection) -> None:
    stamp = str(time.time_ns() // 1_000_000_000)
    signed = hmac_base64("sim-okx-secret", f"{stamp}GET/users/self/verify")
    keys = {"apiKey": "sim-okx", "passphrase": "sim-pass", "timestamp": stamp, "sign": signed}
    await stream.send(json.dumps({"op": "login", "args": [keys]}))
    assert (await heard(stream))["event"] == "login"


async def test_the_private_channels_tell_orders_and_balances(okx: Okx) -> None:
    channels = [{"channel": "orders", "instType": "SPOT"}, {"channel": "account"}]
    async with okx.venue.stream("/ws/v5/private") as stream:
        await login(stream)
        await stream.send(json.dumps({"op": "subscribe", "args": channels}))
        assert [(await heard(stream)).get("event") for _ in range(2)] == ["subscribe"] * 2
        assert (await heard(stream))["data"][0]["details"]
        asked = await order(okx)
        await okx.post("/api/v5/trade/order", asked)
        rows: list[dict[str, Any]] = []
        assets: set[str] = set()
        while not (assets >= {"BTC", "USDT"} and rows and rows[-1]["state"] == "filled"):
            frame = await heard(stream)
            for row in frame["data"]:
                if row.get("clOrdId") == asked["clOrdId"]:
                    rows.append(row)
                assets |= {one["ccy"] for one in row.get("details", ())}
    assert rows[0]["state"] == "live"
    assert sum(Decimal(row["fillSz"]) for row in rows) == Decimal("0.002")
    assert rows[-1]["accFillSz"] == "0.002"


async def test_a_withdrawal_goes_out_once_for_a_client_id(
    okx: Okx, money: dict[str, stage.Venue]
) -> None:
    address, tag = money["binance"].part.desk.address("XRP", "ripple")
    asked = {
        "ccy": "XRP", "amt": "40.5", "dest": "4", "toAddr": f"{address}:{tag}",
        "chain": "XRP-Ripple", "clientId": fresh(),
    }  # fmt: skip
    before = Decimal((await okx.venue.truth("balances"))["XRP"]["free"])
    sent = await okx.post("/api/v5/asset/withdrawal", asked)
    assert sent["code"] == "0", sent
    assert (await okx.post("/api/v5/asset/withdrawal", asked))["code"] == "58229"
    row: dict[str, Any] = {"state": ""}
    while row["state"] != "2":
        await asyncio.sleep(0.1)
        path = f"/api/v5/asset/withdrawal-history?ccy=XRP&clientId={asked['clientId']}"
        (row,) = (await okx.get(path))["data"]
    after = Decimal((await okx.venue.truth("balances"))["XRP"]["free"])
    assert before - after == Decimal("40.5") + Decimal(row["fee"])
    await okx.venue.fault("consent")
    refused = await okx.post("/api/v5/asset/withdrawal", {**asked, "clientId": fresh()})
    await okx.venue.heal()
    assert refused["code"] == "58207"


async def test_deposits_and_addresses(okx: Okx, money: dict[str, stage.Venue]) -> None:
    (there,) = (await okx.get("/api/v5/asset/deposit-address?ccy=XRP"))["data"]
    money["upbit"].part.desk.withdraw(
        "XRP", "ripple", there["addr"], there["tag"], Decimal("21.25"), None
    )
    rows: list[dict[str, Any]] = []
    while not rows or rows[0]["state"] != "2":
        await asyncio.sleep(0.2)
        rows = (await okx.get("/api/v5/asset/deposit-history?ccy=XRP"))["data"]
    assert rows[0]["amt"] == "21.25"
    moved = {"ccy": "XRP", "amt": "1", "from": "6", "to": "18"}
    assert (await okx.post("/api/v5/asset/transfer", moved))["code"] == "0"
    (fee,) = (await okx.get("/api/v5/account/trade-fee?instType=SPOT&instId=BTC-USDT"))["data"]
    assert fee["taker"] == "-0.001"
