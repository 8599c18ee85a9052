"""Binance's perpetuals: a short is opened and closed, and the wallet has what it gained."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.simulator import stage
from tests.simulator.members import Binance, fresh

pytestmark = pytest.mark.asyncio(loop_scope="session")
PATH = "/fapi/v1/order"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def binance() -> AsyncIterator[Binance]:
    async with stage.market(coins=5, rate=400.0) as running:
        yield Binance(running["binance"])


async def ioc(binance: Binance, side: str, **more: Any) -> dict[str, Any]:
    book = await binance.venue.read("/api/v3/depth?symbol=BTCUSDT&limit=5")
    bought = side == "BUY"
    best = Decimal(book["asks" if bought else "bids"][0][0])
    return {
        "symbol": "BTCUSDT", "side": side, "type": "LIMIT", "timeInForce": "IOC",
        "price": f"{best + (50 if bought else -50):f}", "quantity": "0.01",
        "newClientOrderId": fresh(), **more,
    }  # fmt: skip


async def place(binance: Binance, **asked: Any) -> httpx.Response:
    return await binance.ask("POST", PATH, **asked)


async def wallet(binance: Binance) -> Decimal:
    (row,) = (await binance.ask("GET", "/fapi/v3/balance")).json()
    return Decimal(row["balance"])


async def test_a_short_is_opened_and_closed(binance: Binance) -> None:
    before, spot = await wallet(binance), await binance.venue.truth("balances")
    asked = await ioc(binance, "SELL")
    opened = (await place(binance, **asked)).json()
    assert (opened["status"], opened["executedQty"]) == ("FILLED", "0.01")
    (held,) = (await binance.ask("GET", "/fapi/v3/positionRisk")).json()
    assert held["positionAmt"] == "-0.01"
    closed = (await place(binance, **await ioc(binance, "BUY"), reduceOnly="true")).json()
    assert (await binance.ask("GET", "/fapi/v3/positionRisk")).json() == []
    path = "/fapi/v1/userTrades"
    fees = Decimal(0)
    for order in (opened, closed):
        rows = (await binance.ask("GET", path, symbol="BTCUSDT", orderId=order["orderId"])).json()
        assert sum(Decimal(row["qty"]) for row in rows) == Decimal("0.01")
        fees += sum(Decimal(row["commission"]) for row in rows)
    gained = Decimal(opened["cumQuote"]) - Decimal(closed["cumQuote"])
    assert await wallet(binance) == before + gained - fees
    assert await binance.venue.truth("balances") == spot
    truth = [one for one in await binance.venue.truth("orders") if one["market"] == "futures"]
    assert {one["client_id"]: one["received"] for one in truth}[asked["newClientOrderId"]] == 1


async def test_a_part_of_a_position_is_closed_at_its_average(binance: Binance) -> None:
    before = await wallet(binance)
    spent = fees = Decimal(0)
    for side, quantity in (("SELL", "0.03"), ("BUY", "0.01"), ("SELL", "0.01"), ("BUY", "0.03")):
        told = (await place(binance, **await ioc(binance, side, quantity=quantity))).json()
        assert told["status"] == "FILLED"
        spent += Decimal(told["cumQuote"]) * (1 if side == "BUY" else -1)
        rows = await binance.ask(
            "GET", "/fapi/v1/userTrades", symbol="BTCUSDT", orderId=told["orderId"]
        )
        fees += sum(Decimal(row["commission"]) for row in rows.json())
    assert (await binance.ask("GET", "/fapi/v3/positionRisk")).json() == []
    assert await wallet(binance) == before - spent - fees


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"quantity": "100"}, -2019),
        ({"quantity": "0.00001"}, -4164),
        ({"reduceOnly": "true"}, -2022),
        ({"timeInForce": "GTX"}, -5022),
        ({"symbol": "NONE"}, -1121),
        ({"price": "100000.001"}, -4014),
    ],
)
async def test_what_the_futures_account_refuses(
    binance: Binance, change: dict[str, str], code: int
) -> None:
    reply = await place(binance, **{**await ioc(binance, "SELL"), **change})
    assert (reply.status_code, reply.json()["code"]) == (400, code)


async def test_a_resting_order_is_found_by_its_id_and_cancelled(binance: Binance) -> None:
    asked = {**await ioc(binance, "SELL"), "price": "150000", "timeInForce": "GTC"}
    told = (await place(binance, **asked)).json()
    assert told["status"] == "NEW"
    assert (await place(binance, **asked)).json()["code"] == -4116
    name = {"symbol": "BTCUSDT", "origClientOrderId": asked["newClientOrderId"]}
    assert (await binance.ask("GET", PATH, **name)).json()["orderId"] == told["orderId"]
    assert (await binance.ask("DELETE", PATH, **name)).json()["status"] == "CANCELED"
    assert (await binance.ask("DELETE", PATH, **name)).json()["code"] == -2011
    rows = (await binance.ask("GET", "/fapi/v1/allOrders", symbol="BTCUSDT")).json()
    assert rows[-1]["clientOrderId"] == asked["newClientOrderId"]
