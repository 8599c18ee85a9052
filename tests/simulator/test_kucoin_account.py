"""KuCoin's account: an HMACed passphrase, requests that expire, withdrawals without our id."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from tests.simulator import stage
from tests.simulator.signers import Kucoin, fresh, now_ms, until
from tests.simulator.stage import heard

pytestmark = pytest.mark.asyncio(loop_scope="session")
ROOM = "/api/v1/hf/orders"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def kucoin() -> AsyncIterator[Kucoin]:
    async with stage.market(coins=6, rate=300.0, transfer_s=0.4) as running:
        yield Kucoin(running["kucoin"])


async def limit(kucoin: Kucoin, share: str = "0.9", **more: Any) -> dict[str, Any]:
    return {
        "clientOid": fresh(), "symbol": "BTC-USDT", "side": "buy", "type": "limit",
        "price": await kucoin.near(share), "size": "0.002", **more,
    }  # fmt: skip


async def test_every_header_of_the_signature_counts(kucoin: Kucoin) -> None:
    path = "/api/v1/accounts?type=trade&currency=USDT"

    async def code(**more: Any) -> str:
        answer: str = (await kucoin.ask("GET", path, **more)).json()["code"]
        return answer

    assert await code() == "200000"
    assert await code(KC_API_KEY="sim-okx") == "400003"
    assert await code(KC_API_PASSPHRASE="sim-pass") == "400004"
    assert await code(KC_API_PASSPHRASE="sim-pass", KC_API_KEY_VERSION="1") == "200000"
    assert await code(KC_API_SIGN="x") == "400005"
    assert await code(KC_API_SIGN="") == "400001"
    assert await code(at_ms=now_ms() - 5_500) == "400002"
    assert await code(at_ms=now_ms() + 5_500) == "400002"
    [row] = (await kucoin.ask("GET", path)).json()["data"]
    assert (row["type"], row["available"]) == ("trade", "50000")


async def test_an_order_rests_and_is_cancelled_by_either_id(kucoin: Kucoin) -> None:
    asked = await limit(kucoin)
    made = (await kucoin.post(ROOM, asked))["data"]
    assert made["clientOid"] == asked["clientOid"]
    by_ours = f"{ROOM}/client-order/{asked['clientOid']}"
    for path in (by_ours, f"{ROOM}/{made['orderId']}"):
        row = (await kucoin.get(path, symbol="BTC-USDT"))["data"]
        assert (row["id"], row["active"], row["cancelExist"]) == (made["orderId"], True, False)
    active = (await kucoin.get(f"{ROOM}/active", symbol="BTC-USDT"))["data"]
    assert made["orderId"] in {row["id"] for row in active}
    gone = await kucoin.delete(by_ours, symbol="BTC-USDT")
    assert gone["data"] == {"clientOid": asked["clientOid"]}
    row = (await kucoin.get(by_ours, symbol="BTC-USDT"))["data"]
    assert (row["active"], row["cancelExist"], row["cancelledSize"]) == (False, True, "0.002")
    again = await kucoin.delete(by_ours, symbol="BTC-USDT")
    assert again["msg"] == "order_not_exist_or_not_allow_to_cancel"
    unknown = await kucoin.get(f"{ROOM}/client-order/{fresh()}", symbol="BTC-USDT")
    assert (unknown["code"], unknown["msg"]) == ("404000", "order not exist.")


async def test_a_client_id_is_taken_once(kucoin: Kucoin) -> None:
    asked = await limit(kucoin, "1.01", timeInForce="IOC")
    assert (await kucoin.post(ROOM, asked))["code"] == "200000"
    again = await kucoin.post(ROOM, asked)
    assert (again["code"], "clientOidDuplicated" in again["msg"]) == ("400100", True)
    truth = await kucoin.venue.truth("orders")
    assert [one["received"] for one in truth if one["client_id"] == asked["clientOid"]] == [2]


async def test_a_request_that_comes_too_late_is_not_taken(kucoin: Kucoin) -> None:
    late = await limit(kucoin, clientTimestamp=now_ms() - 3_000, allowMaxTimeWindow=2_000)
    assert (await kucoin.post(ROOM, late))["code"] == "400100"
    assert late["clientOid"] not in {
        one["client_id"] for one in await kucoin.venue.truth("orders") if one["order_id"]
    }
    early = await limit(kucoin, clientTimestamp=now_ms(), allowMaxTimeWindow=60_000)
    assert (await kucoin.post(ROOM, early))["code"] == "200000"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"size": "500"}, "200004"),
        ({"size": "0.00000001"}, "400100"),
        ({"price": "80000.00001"}, "400100"),
        ({"symbol": "NOPE-USDT"}, "400100"),
        ({"clientOid": "no spaces"}, "400100"),
        ({"type": "market", "funds": "10"}, "400100"),
        ({"side": "BUY"}, "400100"),
    ],
    ids=str,
)
async def test_what_is_refused_says_why(kucoin: Kucoin, change: dict[str, Any], code: str) -> None:
    before = await kucoin.venue.truth("balances")
    assert (await kucoin.post(ROOM, await limit(kucoin, **change)))["code"] == code
    assert await kucoin.venue.truth("balances") == before


async def test_the_fee_is_in_quote_and_fills_come_in_pages(kucoin: Kucoin) -> None:
    asked = await limit(kucoin, "1.01", timeInForce="IOC", size="0.01")
    order = (await kucoin.post(ROOM, asked))["data"]["orderId"]
    rows: list[dict[str, Any]] = []
    last = 0
    while True:
        words: dict[str, Any] = {"symbol": "BTC-USDT", "orderId": order, "limit": 1}
        page = await kucoin.get("/api/v1/hf/fills", **words | ({"lastId": last} if last else {}))
        rows += page["data"]["items"]
        last = page["data"]["lastId"]
        if len(page["data"]["items"]) < 1:
            break
    truth = [one for one in await kucoin.venue.truth("fills") if one["order_id"] == order]
    assert {str(row["tradeId"]) for row in rows} == {one["fill_id"] for one in truth}
    assert len(rows) == len(truth)
    funds = sum(Decimal(row["funds"]) for row in rows)
    assert sum(Decimal(row["fee"]) for row in rows) >= funds * Decimal("0.001")
    assert {row["feeCurrency"] for row in rows} == {"USDT"}
    ended = (await kucoin.get(f"{ROOM}/done", symbol="BTC-USDT", limit=100))["data"]["items"]
    [row] = [one for one in ended if one["id"] == order]
    assert (row["dealFunds"], row["dealSize"]) == (f"{funds.normalize():f}", "0.01")


async def test_a_market_buy_spends_funds_and_tells_at_once_when_asked(kucoin: Kucoin) -> None:
    asked = {"clientOid": fresh(), "symbol": "BTC-USDT", "side": "buy", "type": "market"}
    told = (await kucoin.post(f"{ROOM}/sync", {**asked, "funds": "50"}))["data"]
    assert told["status"] == "done"
    row = (await kucoin.get(f"{ROOM}/{told['orderId']}", symbol="BTC-USDT"))["data"]
    assert Decimal(49) < Decimal(row["dealFunds"]) <= 50


async def test_coins_leave_by_address_and_are_found_by_what_they_are(kucoin: Kucoin) -> None:
    rows = (await kucoin.get("/api/v3/deposit-addresses", currency="USDT", chain="eth"))["data"]
    address = rows[0]["address"]
    asked = {
        "currency": "USDT", "chain": "eth", "toAddress": address, "amount": 30.25,
        "withdrawType": "ADDRESS", "feeDeductType": "EXTERNAL",
    }  # fmt: skip
    before = Decimal((await kucoin.venue.truth("balances"))["USDT"]["free"])
    made = (await kucoin.post("/api/v3/withdrawals", asked))["data"]["withdrawalId"]
    again = (await kucoin.post("/api/v3/withdrawals", asked))["data"]["withdrawalId"]
    assert made != again  # nothing here knows that it was one
    items = (await kucoin.get("/api/v1/withdrawals", currency="USDT"))["data"]["items"]
    mine = [one for one in items if one["id"] in (made, again)]
    assert {(one["address"], one["amount"], one["chain"]) for one in mine} == {
        (address, "30.25", "eth")
    }
    fee = Decimal(mine[0]["fee"])
    after = Decimal((await kucoin.venue.truth("balances"))["USDT"]["free"])
    assert before - after == 2 * (Decimal("30.25") + fee)
    # the fee may be part of the amount
    inside = {**asked, "feeDeductType": "INTERNAL"}
    third = (await kucoin.post("/api/v3/withdrawals", inside))["data"]["withdrawalId"]
    one = (await kucoin.get(f"/api/v1/withdrawals/{third}"))["data"]
    assert Decimal(one["amount"]) == Decimal("30.25") - fee

    async def credited() -> list[dict[str, Any]]:
        told = await kucoin.get("/api/v1/deposits", currency="USDT", status="SUCCESS")
        items: list[dict[str, Any]] = told["data"]["items"]
        return items if len(items) == 3 else []

    assert len({one["walletTxId"] for one in await until(credited)}) == 3


async def test_the_stream_of_an_account_needs_a_private_token(kucoin: Kucoin) -> None:
    head = {"id": "1", "type": "subscribe", "privateChannel": True, "response": True}
    topic = {**head, "topic": "/spotMarket/tradeOrdersV2"}
    async with kucoin.venue.stream(await kucoin.entry("public"), topic) as stream:
        assert (await heard(stream))["type"] == "welcome"
        assert (await heard(stream))["code"] == 401
    async with kucoin.venue.stream(await kucoin.entry(), topic) as stream:
        assert [(await heard(stream))["type"] for _ in range(2)] == ["welcome", "ack"]
        await stream.send(json.dumps({**head, "topic": "/account/balance"}))
        assert (await heard(stream))["type"] == "ack"
        asked = await limit(kucoin, "1.01", timeInForce="IOC", size="0.003")
        await kucoin.post(ROOM, asked)
        kinds, matched, balances = [], Decimal(0), []
        while "filled" not in kinds:
            frame = await heard(stream)
            if frame["subject"] == "account.balance":
                balances.append(frame["data"]["currency"])
                continue
            if frame["data"]["clientOid"] != asked["clientOid"]:
                continue  # an older order of this account
            kinds.append(frame["data"]["type"])
            matched += Decimal(frame["data"].get("matchSize", "0"))
        assert kinds[0] == "received"
        assert matched == Decimal("0.003")
