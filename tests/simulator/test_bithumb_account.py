"""Bithumb's account: an acknowledgement first, both generations of names, consent to transfers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.simulator import stage
from tests.simulator.members import Korean, fresh
from tests.simulator.stage import heard

pytestmark = pytest.mark.asyncio(loop_scope="session")
RECEIVER = {
    "receiver_type": "personal",
    "receiver_ko_name": "홍길동",
    "receiver_en_name": "GILDONG HONG",
}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def money() -> AsyncIterator[dict[str, stage.Venue]]:
    async with stage.market(coins=8, rate=400.0, transfer_s=0.2) as running:
        yield running


@pytest.fixture
def bithumb(money: dict[str, stage.Venue]) -> Korean:
    return Korean(money["bithumb"], "bithumb")


async def order(bithumb: Korean, off: int = 100_000, **more: Any) -> dict[str, str]:
    """A buy at so much over the offer."""
    book = await bithumb.venue.read("/v1/orderbook?markets=KRW-BTC")
    price = Decimal(book[0]["orderbook_units"][0]["ask_price"]) + off
    return {
        "market": "KRW-BTC", "side": "bid", "order_type": "limit", "price": f"{price:f}",
        "volume": "0.00123", "client_order_id": fresh(), **more,
    }  # fmt: skip


async def known(bithumb: Korean, **name: str) -> dict[str, Any]:
    """As soon as the venue knows it."""
    while (reply := await bithumb.get("/v1/order", **name)).status_code == 422:
        await asyncio.sleep(0.01)
    told: dict[str, Any] = reply.json()
    return told


async def test_an_order_is_acknowledged_and_then_told(bithumb: Korean) -> None:
    asked = await order(bithumb, time_in_force="ioc")
    ack = (await bithumb.post("/v2/orders", asked)).json()
    assert set(ack) == {
        "order_id", "market", "side", "order_type", "created_at", "stp_type", "client_order_id",
    }  # fmt: skip
    told = await known(bithumb, client_order_id=asked["client_order_id"])
    assert (told["uuid"], told["state"]) == (ack["order_id"], "done")
    assert Decimal(told["paid_fee"]) == Decimal(told["executed_funds"]) * Decimal("0.0004")
    again = await bithumb.post("/v2/orders", asked)
    assert again.json()["error"]["name"] == "duplicate_client_order_id"
    truth = await bithumb.venue.truth("orders")
    assert [one["received"] for one in truth if one["order_id"] == ack["order_id"]] == [2]


async def test_lists_of_open_and_ended_orders(bithumb: Korean) -> None:
    names = []
    for _ in range(3):
        asked = await order(bithumb, off=-5_000_000)
        names.append((await bithumb.post("/v2/orders", asked)).json()["order_id"])
        await known(bithumb, uuid=names[-1])
    page = (await bithumb.get("/v2/orders/pending", market="KRW-BTC", limit=2)).json()
    assert page["has_next"]
    rest = await bithumb.get(
        "/v2/orders/pending", market="KRW-BTC", limit=2, next_key=page["next_key"]
    )
    told = [row["order_id"] for row in [*page["data"], *rest.json()["data"]]]
    assert told == names[::-1]
    done = await bithumb.delete("/v2/order", order_id=names[0])
    assert done.json()["order_id"] == names[0]
    both = (await bithumb.post("/v2/orders/cancel", {"order_ids": names[:2]})).json()
    assert [row["order_id"] for row in both["success"]] == [names[1]]
    assert [row["name"] for row in both["fail"]] == ["order_not_found"]
    assert (await bithumb.delete("/v2/order", order_id=names[2])).status_code == 200
    history = (await bithumb.get("/v2/orders/history", market="KRW-BTC", state="cancel")).json()
    assert {row["order_id"] for row in history["data"]} >= set(names)


async def test_a_token_has_a_clock(bithumb: Korean) -> None:
    asked = await order(bithumb)
    late = time.time_ns() // 1_000_000 - 120_000
    reply = await bithumb.post("/v2/orders", asked, timestamp=late)
    assert (reply.status_code, reply.json()["error"]["name"]) == (401, "expired_jwt")


async def test_the_private_stream_has_both_generations_of_names(bithumb: Korean) -> None:
    wanted = [{"ticket": "t"}, {"type": "myOrder", "codes": []}, {"type": "myAsset"}]
    token = bithumb.token()
    async with bithumb.venue.stream("/websocket/v2/private", wanted, Authorization=token) as stream:
        await stream.send("PING")
        await heard(stream)
        asked = await order(bithumb, time_in_force="ioc")
        ack = (await bithumb.post("/v2/orders", asked)).json()
        frames: list[dict[str, Any]] = []
        while not frames or frames[-1]["state"] != "done":
            frame = await heard(stream)
            if frame.get("order_id") == ack["order_id"]:
                frames.append(frame)
    assert frames[0]["state"] == "wait"
    assert all(None not in frame.values() for frame in frames)
    trade = next(frame for frame in frames if frame["state"] == "trade")
    assert trade["uuid"] == trade["order_id"]
    assert (trade["side"], trade["ask_bid"]) == ("buy", "BID")
    assert Decimal(trade["trade_amount"]) == Decimal(trade["trade_price"]) * Decimal(
        trade["trade_quantity"]
    )


async def withdrawn(bithumb: Korean, to: stage.Venue, **more: Any) -> httpx.Response:
    address, tag = to.part.desk.address("XRP", "ripple")
    asked = {
        "currency": "XRP", "net_type": "XRP", "amount": "77.77", "address": address,
        "secondary_address": tag, **more,
    }  # fmt: skip
    return await bithumb.post("/v1/withdraws/coin", asked)


async def test_a_withdrawal_names_its_receiver_and_may_need_consent(
    bithumb: Korean, money: dict[str, stage.Venue]
) -> None:
    reply = await withdrawn(bithumb, money["upbit"])
    assert reply.status_code == 400
    await bithumb.venue.fault("consent")
    reply = await withdrawn(bithumb, money["upbit"], **RECEIVER)
    await bithumb.venue.heal()
    assert reply.status_code == 422
    assert reply.json()["error"]["name"] == "travel_rule_consent_required"
    assert reply.json()["error"]["consent_url"]
    reply = await withdrawn(bithumb, money["upbit"], **RECEIVER)
    sent = reply.json()
    assert sent["state"] == "waiting"
    while (await bithumb.get("/v1/withdraw", uuid=sent["uuid"])).json()["txid"] is None:
        await asyncio.sleep(0.02)


async def test_a_held_withdrawal_waits_and_a_refused_one_comes_back(
    bithumb: Korean, money: dict[str, stage.Venue]
) -> None:
    fault = await bithumb.venue.fault("withdraw_hold", asset="XRP")
    sent = (await withdrawn(bithumb, money["upbit"], **RECEIVER)).json()
    rows: list[str] = []
    while rows != ["held"]:
        await asyncio.sleep(0.02)
        truth = await bithumb.venue.truth("withdrawals")
        rows = [one["status"] for one in truth if one["withdrawal_id"] == sent["uuid"]]
    before = Decimal((await bithumb.venue.truth("balances"))["XRP"]["free"])
    await bithumb.venue.fault("withdraw_reject", asset="XRP")
    await bithumb.venue.drop(fault)
    while (await bithumb.get("/v1/withdraw", uuid=sent["uuid"])).json()["state"] != "rejected":
        await asyncio.sleep(0.02)
    after = Decimal((await bithumb.venue.truth("balances"))["XRP"]["free"])
    assert after - before == Decimal("77.77") + Decimal(sent["fee"])
