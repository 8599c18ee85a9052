"""Gate's account: `text` is found while its order is open, and a repeated one is a second order."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from tests.simulator import stage
from tests.simulator.signers import Gate, fresh, now_ms, until
from tests.simulator.stage import heard

pytestmark = pytest.mark.asyncio(loop_scope="session")
ROOM = "/api/v4/spot"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gate() -> AsyncIterator[Gate]:
    async with stage.market(coins=6, rate=300.0, transfer_s=0.4) as running:
        yield Gate(running["gate"])


async def limit(gate: Gate, share: str = "0.9", **more: Any) -> dict[str, Any]:
    return {
        "text": f"t-{fresh()}", "currency_pair": "BTC_USDT", "type": "limit", "account": "spot",
        "side": "buy", "amount": "0.002", "price": await gate.near(share),
        "time_in_force": "gtc", **more,
    }  # fmt: skip


async def test_every_header_of_the_signature_counts(gate: Gate) -> None:
    path = f"{ROOM}/accounts?currency=USDT"

    async def label(**more: Any) -> str:
        answer = (await gate.ask("GET", path, **more)).json()
        return "" if isinstance(answer, list) else str(answer["label"])

    assert await label() == ""
    assert await label(KEY="sim-okx") == "INVALID_KEY"
    assert await label(SIGN="0" * 128) == "INVALID_SIGNATURE"
    assert await label(SIGN="") == "MISSING_REQUIRED_HEADER"
    assert await label(Timestamp="nan") == "REQUEST_EXPIRED"
    assert await label(at_ms=now_ms() - 62_000) == "REQUEST_EXPIRED"
    [row] = (await gate.ask("GET", path)).json()
    assert (row["currency"], row["available"], row["locked"]) == ("USDT", "50000", "0")


async def test_a_text_is_found_while_its_order_is_open_and_not_after(gate: Gate) -> None:
    asked = await limit(gate)
    reply = await gate.ask("POST", f"{ROOM}/orders", json.dumps(asked))
    assert reply.status_code == 201
    order = reply.json()
    by_text = f"{ROOM}/orders/{asked['text']}"
    found = await gate.get(by_text, currency_pair="BTC_USDT")
    assert (found["id"], found["status"], found["left"]) == (order["id"], "open", "0.002")
    groups = await gate.get(f"{ROOM}/open_orders")
    assert order["id"] in {one["id"] for group in groups for one in group["orders"]}
    gone = await gate.delete(by_text, currency_pair="BTC_USDT")
    assert (gone["status"], gone["finish_as"]) == ("cancelled", "cancelled")
    lost = await gate.get(by_text, currency_pair="BTC_USDT")
    assert lost["label"] == "ORDER_NOT_FOUND"
    by_number = await gate.get(f"{ROOM}/orders/{order['id']}", currency_pair="BTC_USDT")
    assert by_number["status"] == "cancelled"
    ended = await gate.get(f"{ROOM}/orders", currency_pair="BTC_USDT", status="finished")
    assert asked["text"] in {one["text"] for one in ended}
    again = await gate.delete(f"{ROOM}/orders/{order['id']}", currency_pair="BTC_USDT")
    assert again["label"] == "ORDER_CANCELLED"


async def test_the_same_request_twice_is_two_orders(gate: Gate) -> None:
    asked = await limit(gate, "1.01", time_in_force="ioc")
    orders = [await gate.post(f"{ROOM}/orders", asked) for _ in range(2)]
    assert orders[0]["id"] != orders[1]["id"]
    truth = await gate.venue.truth("orders")
    mine = [one for one in truth if one["client_id"] == asked["text"]]
    assert [(one["status"], one["received"]) for one in mine] == [("filled", 2)] * 2


async def test_an_expiry_in_the_header_is_kept(gate: Gate) -> None:
    body = json.dumps(await limit(gate))
    late = await gate.ask("POST", f"{ROOM}/orders", body, x_gate_exptime=str(now_ms() - 1))
    assert late.json()["label"] == "REQUEST_EXPIRED"
    early = await gate.ask("POST", f"{ROOM}/orders", body, x_gate_exptime=str(now_ms() + 5_000))
    assert early.status_code == 201


@pytest.mark.parametrize(
    ("change", "label"),
    [
        ({"amount": "500"}, "BALANCE_NOT_ENOUGH"),
        ({"amount": "0.00001"}, "INVALID_PARAM_VALUE"),
        ({"amount": "0.0000000001"}, "INVALID_PRECISION"),
        ({"price": "80000.00001"}, "INVALID_PRECISION"),
        ({"currency_pair": "NOPE_USDT"}, "INVALID_CURRENCY_PAIR"),
        ({"text": "without"}, "INVALID_CLIENT_ORDER_ID"),
        ({"text": "t-" + "x" * 29}, "INVALID_CLIENT_ORDER_ID"),
        ({"type": "market"}, "INVALID_PARAM_VALUE"),
        ({"stp_act": "cn"}, "INVALID_PARAM_VALUE"),
    ],
    ids=str,
)
async def test_what_is_refused_says_why(gate: Gate, change: dict[str, Any], label: str) -> None:
    before = await gate.venue.truth("balances")
    refused = await gate.post(f"{ROOM}/orders", await limit(gate, **change))
    assert refused["label"] == label
    assert await gate.venue.truth("balances") == before


async def test_a_market_buy_is_in_quote_and_trades_carry_their_text(gate: Gate) -> None:
    asked = await limit(gate, type="market", amount="80", time_in_force="ioc")
    del asked["price"]
    order = await gate.post(f"{ROOM}/orders", asked)
    assert (order["status"], order["finish_as"], order["amount"]) == ("closed", "filled", "80")
    words = {"currency_pair": "BTC_USDT", "order_id": order["id"]}
    rows = await gate.get(f"{ROOM}/my_trades", **words)
    assert {row["text"] for row in rows} == {asked["text"]}
    assert sum(Decimal(row["amount"]) for row in rows) == Decimal(order["filled_amount"])
    got = sum(Decimal(row["amount"]) for row in rows)
    assert sum(Decimal(row["fee"]) for row in rows) >= got * Decimal("0.002")
    assert {row["fee_currency"] for row in rows} == {"BTC"}


async def test_a_withdrawal_includes_its_fee_and_its_id_is_taken_once(gate: Gate) -> None:
    told = await gate.get("/api/v4/wallet/deposit_address", currency="USDT")
    [chain] = [one for one in told["multichain_addresses"] if one["chain"] == "ETH"]
    asked = {
        "withdraw_order_id": fresh(), "currency": "USDT", "chain": "ETH",
        "address": chain["address"], "amount": "40",
    }  # fmt: skip
    made = await gate.post("/api/v4/withdrawals", asked)
    assert (made["status"], made["amount"]) == ("REQUEST", "40")
    assert (await gate.post("/api/v4/withdrawals", asked))["label"] == "TOO_FAST"

    async def taken() -> bool:
        again = await gate.post("/api/v4/withdrawals", asked)
        return bool(again["label"] == "INVALID_WITHDRAW_ID")

    assert await until(taken)

    async def done() -> list[dict[str, Any]]:
        words = {"currency": "USDT", "withdraw_order_id": asked["withdraw_order_id"]}
        rows = await gate.get("/api/v4/wallet/withdrawals", **words)
        return [one for one in rows if one["status"] == "DONE" and one["block_number"]]

    [row] = await until(done)
    arrived = Decimal("40") - Decimal(row["fee"])

    async def credited() -> list[dict[str, Any]]:
        rows = await gate.get("/api/v4/wallet/deposits", currency="USDT")
        return [one for one in rows if one["txid"] == row["txid"] and one["status"] == "DONE"]

    [deposit] = await until(credited)
    assert Decimal(deposit["amount"]) == arrived
    assert len(await gate.venue.truth("withdrawals")) == 1


async def test_the_stream_of_an_account_needs_its_own_signature(gate: Gate) -> None:
    asked = gate.subscribe("spot.orders", "BTC_USDT")
    bad = {**asked, "auth": {**asked["auth"], "SIGN": "0" * 128}}
    async with gate.venue.stream("/ws/v4/", bad, asked) as stream:
        assert (await heard(stream))["error"]["code"] == 4
        assert (await heard(stream))["result"]["status"] == "success"
        await stream.send(json.dumps(gate.subscribe("spot.usertrades", "!all")))
        await stream.send(json.dumps(gate.subscribe("spot.balances")))
        assert [(await heard(stream))["result"]["status"] for _ in range(2)] == ["success"] * 2
        order = await gate.post(f"{ROOM}/orders", await limit(gate, "1.01", time_in_force="ioc"))
        events, traded, ends = [], Decimal(0), ""
        while not ends or traded < Decimal("0.002"):
            frame = await heard(stream)
            [row, *_] = frame["result"]
            if order["id"] not in (row.get("id"), row.get("order_id")):
                continue  # an older order of this account, or a balance
            if frame["channel"] == "spot.orders":
                events.append(row["event"])
                ends = row["finish_as"] if row["event"] == "finish" else ""
            elif frame["channel"] == "spot.usertrades":
                assert "fee_currency" not in row
                traded += Decimal(row["amount"])
        assert (events[0], ends) == ("put", "filled")
