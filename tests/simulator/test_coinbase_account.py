"""Coinbase's account: refusals are 200, a used client id answers with its first order."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from tests.simulator import stage
from tests.simulator.signers import Coinbase, fresh, now_ms, until
from tests.simulator.stage import heard

pytestmark = pytest.mark.asyncio(loop_scope="session")
ROOM = "/api/v3/brokerage"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def coinbase() -> AsyncIterator[Coinbase]:
    async with stage.market(coins=6, rate=300.0, transfer_s=0.4) as running:
        yield Coinbase(running["coinbase"])


async def limit(
    coinbase: Coinbase, share: str = "0.9", kind: str = "limit_limit_gtc", **more: Any
) -> dict[str, Any]:
    body = {"base_size": "0.002", "limit_price": await coinbase.near(share), **more}
    return {
        "client_order_id": fresh(), "product_id": "BTC-USD", "side": "BUY",
        "order_configuration": {kind: body},
    }  # fmt: skip


async def placed(coinbase: Coinbase, asked: dict[str, Any]) -> str:
    told = await coinbase.post(f"{ROOM}/orders", asked)
    assert told["success"], told
    name: str = told["success_response"]["order_id"]
    return name


async def test_a_token_is_for_one_path_and_two_minutes(coinbase: Coinbase) -> None:
    path = f"{ROOM}/accounts"

    async def status(token: str) -> int:
        return (await coinbase.ask("GET", path, Authorization=f"Bearer {token}")).status_code

    uri = f"GET api.coinbase.com{path}"
    assert await status(coinbase.token(uri=uri)) == 200
    assert await status(coinbase.token(uri=f"POST api.coinbase.com{path}")) == 401
    assert await status(coinbase.token(uri=f"GET api.coinbase.com{ROOM}/orders")) == 401
    assert await status(coinbase.token(now_ms() - 121_000, uri=uri)) == 401
    assert await status(coinbase.token(uri=uri, exp=now_ms() // 1_000 + 600)) == 401
    assert await status(coinbase.token(uri=uri, sub="somebody")) == 401
    # whole accounts come in pages
    told, cursor = [], ""
    while True:
        words = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = await coinbase.get(path, **words)
        told += [(row["currency"], row["available_balance"]["value"]) for row in page["accounts"]]
        cursor = page["cursor"]
        if not page["has_next"]:
            break
    assert dict(told)["USD"] == "50000"
    assert dict(told).keys() == (await coinbase.venue.truth("balances")).keys()


async def test_an_order_is_found_by_its_number_and_in_lists_only(coinbase: Coinbase) -> None:
    asked = await limit(coinbase)
    order = await placed(coinbase, asked)
    row = (await coinbase.get(f"{ROOM}/orders/historical/{order}"))["order"]
    assert (row["status"], row["client_order_id"]) == ("OPEN", asked["client_order_id"])
    ours = await coinbase.get(f"{ROOM}/orders/historical/{asked['client_order_id']}")
    assert ours["error"] == "NOT_FOUND"
    rows = (await coinbase.get(f"{ROOM}/orders/historical/batch", order_status="OPEN"))["orders"]
    assert order in {one["order_id"] for one in rows}
    gone = await coinbase.post(f"{ROOM}/orders/batch_cancel", {"order_ids": [order, fresh()]})
    assert [one["success"] for one in gone["results"]] == [True, False]
    assert gone["results"][1]["failure_reason"] == "UNKNOWN_CANCEL_ORDER"
    again = await coinbase.post(f"{ROOM}/orders/batch_cancel", {"order_ids": [order]})
    assert again["results"][0]["failure_reason"] == "DUPLICATE_CANCEL_REQUEST"
    row = (await coinbase.get(f"{ROOM}/orders/historical/{order}"))["order"]
    assert (row["status"], row["outstanding_hold_amount"]) == ("CANCELLED", "0")


async def test_a_used_client_id_answers_with_its_first_order(coinbase: Coinbase) -> None:
    asked = await limit(coinbase, "1.01", "sor_limit_ioc")
    first = await placed(coinbase, asked)
    assert await placed(coinbase, asked) == first
    truth = [
        one
        for one in await coinbase.venue.truth("orders")
        if one["client_id"] == asked["client_order_id"]
    ]
    assert [(one["status"], one["received"]) for one in truth] == [("filled", 2)]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"base_size": "500"}, "INSUFFICIENT_FUND"),
        ({"base_size": "0.0000000001"}, "INVALID_SIZE_PRECISION"),
        ({"limit_price": "80000.00001"}, "INVALID_PRICE_PRECISION"),
        ({"base_size": "0.000001"}, "INVALID_ARGUMENT"),
        ({"base_size": "zero"}, "UNSUPPORTED_ORDER_CONFIGURATION"),
    ],
    ids=str,
)
async def test_a_refusal_is_200_and_says_why(
    coinbase: Coinbase, change: dict[str, Any], error: str
) -> None:
    before = await coinbase.venue.truth("balances")
    body = json.dumps(await limit(coinbase, **change))
    reply = await coinbase.ask("POST", f"{ROOM}/orders", body)
    assert (reply.status_code, reply.json()["success"]) == (200, False)
    assert reply.json()["error_response"]["error"] == error
    assert await coinbase.venue.truth("balances") == before


async def test_an_order_without_a_client_id_is_no_order(coinbase: Coinbase) -> None:
    asked = await limit(coinbase)
    body = json.dumps({**asked, "client_order_id": ""})
    assert (await coinbase.ask("POST", f"{ROOM}/orders", body)).status_code == 400
    crossing = await limit(coinbase, "1.05", post_only=True)
    told = await coinbase.post(f"{ROOM}/orders", crossing)
    assert told["error_response"]["error"] == "INVALID_LIMIT_PRICE_POST_ONLY"
    alias = await coinbase.post(f"{ROOM}/orders", {**asked, "product_id": "BTC-USDC"})
    assert alias["error_response"]["error"] == "INVALID_PRODUCT_ID"


async def test_fees_are_in_quote_and_an_order_in_quote_has_fills_in_quote(
    coinbase: Coinbase,
) -> None:
    asked = await limit(coinbase)
    asked["order_configuration"] = {"market_market_ioc": {"quote_size": "90"}}
    order = await placed(coinbase, asked)
    row = (await coinbase.get(f"{ROOM}/orders/historical/{order}"))["order"]
    assert (row["status"], row["size_in_quote"], row["order_type"]) == ("FILLED", True, "MARKET")
    fills = (await coinbase.get(f"{ROOM}/orders/historical/fills", order_ids=order))["fills"]
    spent = sum(Decimal(one["size"]) for one in fills)
    assert spent == Decimal(row["filled_value"]) <= 90
    fee = sum(Decimal(one["commission"]) for one in fills)
    assert fee == Decimal(row["total_fees"])
    assert Decimal(row["total_value_after_fees"]) == spent + fee
    assert {one["liquidity_indicator"] for one in fills} == {"TAKER"}


async def test_lists_come_in_pages_that_lose_nothing(coinbase: Coinbase) -> None:
    made = [
        await placed(coinbase, await limit(coinbase, "1.01", "sor_limit_ioc")) for _ in range(3)
    ]
    told, cursor = [], ""
    while True:
        words = {"limit": 1, "product_ids": "BTC-USD"} | ({"cursor": cursor} if cursor else {})
        page = await coinbase.get(f"{ROOM}/orders/historical/batch", **words)
        told += [row["order_id"] for row in page["orders"]]
        cursor = page["cursor"]
        if not page["has_next"]:
            break
    assert told[:3] == made[::-1]
    assert len(told) == len(set(told))


async def test_one_idem_sends_coins_once(coinbase: Coinbase) -> None:
    rows = (await coinbase.get("/v2/accounts/USDT/addresses"))["data"]
    [address] = [one["address"] for one in rows if one["network"] == "ethereum"]
    asked = {
        "type": "send", "to": address, "amount": "35.5", "currency": "USDT",
        "network": "ethereum", "idem": fresh(),
    }  # fmt: skip
    first = (await coinbase.post("/v2/accounts/USDT/transactions", asked))["data"]
    again = (await coinbase.post("/v2/accounts/USDT/transactions", asked))["data"]
    assert first["id"] == again["id"]
    assert first["network"]["transaction_amount"]["amount"] == "35.5"
    assert len(await coinbase.venue.truth("withdrawals")) == 1

    async def both() -> list[dict[str, Any]]:
        rows = (await coinbase.get("/v2/accounts/USDT/transactions"))["data"]
        done = [one for one in rows if one["status"] == "completed"]
        return done if len(done) == 2 else []

    came, left = sorted(await until(both), key=lambda row: -Decimal(row["amount"]["amount"]))
    assert came["network"]["hash"] == left["network"]["hash"]
    fee = Decimal(left["network"]["transaction_fee"]["amount"])
    assert Decimal(left["amount"]["amount"]) == -(Decimal("35.5") + fee)
    assert came["amount"]["amount"] == "35.5"
    assert (left["idem"], left["to"]["address"]) == (asked["idem"], address)
    one = (await coinbase.get(f"/v2/accounts/USDT/transactions/{left['id']}"))["data"]
    assert one == left
    short = {**asked, "idem": fresh(), "amount": "9000000"}
    reply = await coinbase.ask("POST", "/v2/accounts/USDT/transactions", json.dumps(short))
    assert (reply.status_code, reply.json()["errors"][0]["id"]) == (400, "validation_error")


async def test_the_user_channel_tells_open_orders_then_totals_only(coinbase: Coinbase) -> None:
    resting = await placed(coinbase, await limit(coinbase))
    asked = {"type": "subscribe", "channel": "user", "product_ids": ["BTC-USD"]}
    async with coinbase.venue.stream(
        "/", asked, {**asked, "jwt": "x.y.z"}, {**asked, "jwt": coinbase.token()}
    ) as stream:
        assert [(await heard(stream))["type"] for _ in range(2)] == ["error", "error"]
        frames = [await heard(stream), await heard(stream)]
        assert [frame["channel"] for frame in frames] == ["subscriptions", "user"]
        [event] = frames[1]["events"]
        assert event["type"] == "snapshot"
        assert resting in {row["order_id"] for row in event["orders"]}
        order = await placed(coinbase, await limit(coinbase, "1.01", "sor_limit_ioc"))
        rows: list[dict[str, Any]] = []
        while not rows or rows[-1]["status"] != "FILLED":
            frames.append(await heard(stream))
            [event] = frames[-1]["events"]
            assert event["type"] == "update"
            rows += [row for row in event["orders"] if row["order_id"] == order]
        assert [frame["sequence_num"] for frame in frames] == list(range(len(frames)))
        assert (rows[0]["status"], rows[0]["cumulative_quantity"]) == ("OPEN", "0")
        assert rows[-1]["cumulative_quantity"] == "0.002"
        totals = [Decimal(row["filled_value"]) for row in rows]
        assert totals == sorted(totals)
