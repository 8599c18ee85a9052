"""Upbit's account: whole orders, burned identifiers, tokens used once, coins that leave slowly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from tests.simulator import stage
from tests.simulator.members import Korean, fresh
from tests.simulator.stage import heard

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def money() -> AsyncIterator[dict[str, stage.Venue]]:
    """A market whose networks are quick."""
    async with stage.market(coins=8, rate=400.0, transfer_s=0.2) as running:
        yield running


@pytest.fixture
def upbit(money: dict[str, stage.Venue]) -> Korean:
    return Korean(money["upbit"], "upbit")


async def best(upbit: Korean, market: str = "KRW-BTC") -> dict[str, Decimal]:
    book = await upbit.venue.read(f"/v1/orderbook?markets={market}")
    return {key: Decimal(value) for key, value in book[0]["orderbook_units"][0].items()}


async def ioc(upbit: Korean, **more: Any) -> dict[str, str]:
    """A buy that reaches well over the offer."""
    price = (await best(upbit))["ask_price"] + 100_000
    return {
        "market": "KRW-BTC", "side": "bid", "ord_type": "limit", "price": f"{price:f}",
        "volume": "0.00123", "time_in_force": "ioc", "identifier": fresh(), **more,
    }  # fmt: skip


async def test_an_ioc_buys_and_its_whole_truth_is_told(upbit: Korean) -> None:
    before = await upbit.venue.truth("balances")
    asked = await ioc(upbit)
    reply = await upbit.post("/v1/orders", asked)
    assert reply.status_code == 201, reply.text
    told = (await upbit.get("/v1/order", identifier=asked["identifier"])).json()
    assert told["uuid"] == reply.json()["uuid"]
    assert told["state"] == "done"
    funds = sum(Decimal(trade["funds"]) for trade in told["trades"])
    assert funds == Decimal(told["executed_funds"])
    assert Decimal(told["paid_fee"]) == funds * Decimal("0.0005")
    after = await upbit.venue.truth("balances")
    paid = Decimal(before["KRW"]["free"]) - Decimal(after["KRW"]["free"])
    assert paid == funds + Decimal(told["paid_fee"])
    got = Decimal(after["BTC"]["free"]) - Decimal(before["BTC"]["free"])
    assert got == Decimal("0.00123")
    truth = [one for one in await upbit.venue.truth("orders") if one["order_id"] == told["uuid"]]
    assert [(one["received"], one["status"]) for one in truth] == [(1, "filled")]
    fills = [one for one in await upbit.venue.truth("fills") if one["order_id"] == told["uuid"]]
    assert {one["fill_id"] for one in fills} == {trade["uuid"] for trade in told["trades"]}


async def test_own_trades_are_public_and_the_book_lacks_what_they_took(upbit: Korean) -> None:
    wanted = [{"ticket": "t"}, {"type": "trade", "codes": ["KRW-ETH"], "is_only_realtime": True}]
    wanted.append({"type": "ticker", "codes": ["KRW-ETH"], "is_only_realtime": True})
    async with upbit.venue.stream("/websocket/v1", wanted) as stream:
        await stream.send("PING")
        await heard(stream)
        price = (await best(upbit, "KRW-ETH"))["ask_price"] + 100_000
        asked = await ioc(upbit, market="KRW-ETH", price=f"{price:f}", volume="0.01234567")
        order = (await upbit.post("/v1/orders", asked)).json()
        told = (await upbit.get("/v1/order", uuid=order["uuid"])).json()
        assert told["state"] == "done"
        mine = {(trade["price"], trade["volume"]) for trade in told["trades"]}
        while mine:
            frame = await heard(stream)
            if frame["type"] == "trade" and frame["ask_bid"] == "BID":
                mine.discard((str(frame["trade_price"]), str(frame["trade_volume"])))


async def test_an_identifier_is_burned_even_by_a_refused_request(upbit: Korean) -> None:
    asked = await ioc(upbit, volume="1000")
    refused = await upbit.post("/v1/orders", asked)
    assert refused.status_code == 400
    assert refused.json()["error"]["name"] == "insufficient_funds_bid"
    again = await upbit.post("/v1/orders", {**asked, "volume": "0.001"})
    assert again.json()["error"]["name"] == "duplicated_identifier"
    gone = await upbit.get("/v1/order", identifier=asked["identifier"])
    assert (gone.status_code, gone.json()["error"]["name"]) == (404, "order_not_found")


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"volume": "0.00001"}, "under_min_total_bid"),
        ({"price": "90000001"}, "invalid_price_bid"),
        ({"volume": None}, "create_bid_error"),
        ({"market": "KRW-NONE"}, "validation_error"),
        ({"side": "buy"}, "validation_error"),
    ],
)
async def test_what_upbit_refuses(upbit: Korean, change: dict[str, Any], name: str) -> None:
    asked: dict[str, Any] = {**await ioc(upbit), **change}
    asked = {key: value for key, value in asked.items() if value is not None}
    reply = await upbit.post("/v1/orders", asked)
    assert (reply.status_code, reply.json()["error"]["name"]) == (400, name)


async def test_a_token_is_used_once_and_covers_the_body(upbit: Korean) -> None:
    asked = await ioc(upbit)
    first = await upbit.post("/v1/orders", asked, nonce="only-once")
    assert first.status_code == 201
    again = await upbit.post("/v1/orders", {**asked, "identifier": fresh()}, nonce="only-once")
    assert again.json()["error"]["name"] == "nonce_used"
    headers = {"Authorization": upbit.token("market=KRW-BTC"), "Content-Type": "application/json"}
    other = await upbit.venue.send("POST", "/v1/orders", '{"market":"KRW-ETH"}', **headers)
    assert other.json()["error"]["name"] == "invalid_query_payload"


async def test_a_resting_order_locks_and_a_cancel_frees(upbit: Korean) -> None:
    price = (await best(upbit))["bid_price"] - 1_000_000
    before = (await upbit.venue.truth("balances"))["KRW"]
    asked = {
        "market": "KRW-BTC", "side": "bid", "ord_type": "limit", "price": f"{price:f}",
        "volume": "0.01", "identifier": fresh(),
    }  # fmt: skip
    order = (await upbit.post("/v1/orders", asked)).json()
    locked = price * Decimal("0.01") * Decimal("1.0005")
    assert Decimal(order["locked"]) == locked
    rows = (await upbit.get("/v1/orders/open", market="KRW-BTC", state="wait")).json()
    assert [row["uuid"] for row in rows] == [order["uuid"]]
    cancelled = (await upbit.delete("/v1/order", uuid=order["uuid"])).json()
    assert cancelled["state"] == "wait"  # as it was
    assert (await upbit.get("/v1/order", uuid=order["uuid"])).json()["state"] == "cancel"
    assert (await upbit.delete("/v1/order", uuid=order["uuid"])).status_code == 404
    assert (await upbit.venue.truth("balances"))["KRW"] == before
    closed = (await upbit.get("/v1/orders/closed", market="KRW-BTC", state="cancel")).json()
    assert order["uuid"] in {row["uuid"] for row in closed}


async def test_a_buy_by_value_ends_as_cancelled_with_what_is_left(upbit: Korean) -> None:
    asked = {"market": "KRW-BTC", "side": "bid", "ord_type": "price", "price": "12345"}
    order = (await upbit.post("/v1/orders", asked)).json()
    told = (await upbit.get("/v1/order", uuid=order["uuid"])).json()
    assert told["state"] == "cancel"
    assert Decimal(12_000) < Decimal(told["executed_funds"]) <= Decimal(12_345)


async def test_the_private_stream_tells_wait_trade_done(upbit: Korean) -> None:
    wanted = [{"ticket": "t"}, {"type": "myOrder"}, {"type": "myAsset"}]
    token = upbit.token()
    async with upbit.venue.stream("/websocket/v1/private", wanted, Authorization=token) as stream:
        await stream.send("PING")
        assert (await heard(stream))["status"] == "UP"
        asked = await ioc(upbit)
        order = (await upbit.post("/v1/orders", asked)).json()
        frames = [await heard(stream)]
        while (frames[-1].get("uuid"), frames[-1].get("state")) != (order["uuid"], "done"):
            frames.append(await heard(stream))
        while frames[-1]["type"] != "myAsset":
            frames.append(await heard(stream))
    mine = [frame for frame in frames if frame.get("uuid") == order["uuid"]]
    states = [frame["state"] for frame in mine]
    assert (states[0], states[-1]) == ("wait", "done")
    assert {frame["identifier"] for frame in mine} == {asked["identifier"]}
    trades = [frame for frame in mine if frame["state"] == "trade"]
    assert sum(Decimal(frame["volume"]) for frame in trades) == Decimal("0.00123")
    assets = {row["currency"] for row in frames[-1]["assets"]}
    assert assets == {"KRW", "BTC"}


async def test_the_private_stream_wants_a_token(upbit: Korean) -> None:
    reply = await upbit.venue.get(
        "/websocket/v1/private", Upgrade="websocket", Connection="Upgrade"
    )
    assert reply.status_code == 401


async def test_coins_leave_for_registered_addresses_and_arrive(
    upbit: Korean, money: dict[str, stage.Venue]
) -> None:
    allowed = (await upbit.get("/v1/withdraws/coin_addresses")).json()
    there = next(
        one for one in allowed if (one["currency"], one["exchange_name"]) == ("XRP", "binance")
    )
    before = (await upbit.venue.truth("balances"))["XRP"]["free"]
    far_before = (await money["binance"].truth("balances"))["XRP"]["free"]
    asked = {
        "currency": "XRP", "net_type": there["net_type"], "amount": "100.1234",
        "address": there["withdraw_address"], "secondary_address": there["secondary_address"],
    }  # fmt: skip
    sent = (await upbit.post("/v1/withdraws/coin", asked)).json()
    assert (sent["state"], sent["txid"]) == ("WAITING", None)
    while (row := (await upbit.get("/v1/withdraw", uuid=sent["uuid"])).json())["state"] != "DONE":
        await asyncio.sleep(0.02)
    paid = Decimal(before) - Decimal((await upbit.venue.truth("balances"))["XRP"]["free"])
    assert paid == Decimal("100.1234") + Decimal(row["fee"])
    deposits: list[dict[str, Any]] = []
    while not deposits or deposits[0]["status"] != "credited":
        await asyncio.sleep(0.02)
        rows = await money["binance"].truth("deposits")
        deposits = [one for one in rows if one["txid"] == row["txid"]]
    far = Decimal((await money["binance"].truth("balances"))["XRP"]["free"])
    assert far - Decimal(far_before) == Decimal("100.1234")
    listed = (await upbit.get("/v1/withdraws", currency="XRP", limit=10)).json()
    assert sent["uuid"] in {one["uuid"] for one in listed}


async def test_coins_do_not_leave_for_strange_addresses_or_before_consent(upbit: Korean) -> None:
    asked = {"currency": "XRP", "net_type": "XRP", "amount": "50", "address": "rStrange"}
    reply = await upbit.post("/v1/withdraws/coin", asked)
    assert reply.json()["error"]["name"] == "withdraw_address_not_registered"
    await upbit.venue.fault("consent")
    reply = await upbit.post("/v1/withdraws/coin", asked)
    await upbit.venue.heal()
    assert (reply.status_code, reply.json()["error"]["name"]) == (403, "open_api_withdraw_locked")
