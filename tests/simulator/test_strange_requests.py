"""Requests that no client should make: every venue answers them in its own words and goes on."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from app.simulator.protocol import Request
from app.simulator.venues import (
    bitget_private,
    bybit_private,
    coinbase_private,
    gate_private,
    kucoin_private,
)
from tests.simulator import stage
from tests.simulator.signers import Bitget, Bybit, Coinbase, Gate, Kucoin, Signer, now_ms

pytestmark = pytest.mark.asyncio(loop_scope="session")

SIGNERS: dict[str, type[Signer]] = {
    one.name: one for one in (Bybit, Kucoin, Gate, Bitget, Coinbase)
}
PATHS: dict[str, list[tuple[str, str]]] = {
    "bybit": list(bybit_private.ROUTES),
    "kucoin": [
        *kucoin_private.ROUTES,
        ("GET", "/api/v1/hf/orders/client-order/nobody"),
        ("DELETE", "/api/v1/hf/orders/sync/nobody"),
        ("GET", "/api/v1/withdrawals/nothing"),
    ],
    "gate": [
        *((method, f"/api/v4{path}") for method, path in gate_private.ROUTES),
        ("GET", "/api/v4/spot/orders/t-nobody"),
        ("DELETE", "/api/v4/spot/orders/12"),
    ],
    "bitget": list(bitget_private.ROUTES),
    "coinbase": [
        *coinbase_private.ROUTES,
        ("GET", "/api/v3/brokerage/orders/historical/nobody"),
        ("GET", "/api/v3/brokerage/accounts/nobody"),
        ("GET", "/v2/accounts"),
        ("GET", "/v2/accounts/"),
        ("POST", "/v2/accounts/USDT/transactions"),
        ("POST", "/v2/accounts/USDT/addresses"),
        ("GET", "/v2/accounts/USDT/transactions/nothing"),
    ],
}
SECOND_MS = 3_100
STRANGE: list[Any] = [None, "", "x", -1, 0, 1.5, [], {}, True, "1e9999", "NaN", "é", 10**40, "-0"]
_NAMES = """
category symbol side orderType qty price timeInForce orderLinkId orderId coin chain address tag
amount timestamp requestId feeType accountType limit cursor startTime endTime clientOid type size
funds postOnly clientTimestamp allowMaxTimeWindow lastId startAt endAt currency toAddress memo
withdrawType feeDeductType pageSize currentPage symbols text currency_pair account time_in_force
status from to page offset withdraw_order_id force marketUnit requestTime receiveWindow idLessThan
assetType transferType client_order_id product_id order_configuration order_ids order_status
start_date start_sequence_timestamp network destination_tag idem starting_after transferId
"""
NAMES = _NAMES.split()
SOUND: dict[str, dict[str, Any]] = {
    "bybit": {"category": "spot", "symbol": "BTCUSDT", "accountType": "UNIFIED", "coin": "USDT"},
    "kucoin": {"symbol": "BTC-USDT", "currency": "USDT", "clientOid": "a", "side": "buy"},
    "gate": {"currency_pair": "BTC_USDT", "currency": "USDT", "status": "finished"},
    "bitget": {"symbol": "BTCUSDT", "coin": "USDT", "side": "buy", "orderType": "limit"},
    "coinbase": {"client_order_id": "a", "product_id": "BTC-USD", "side": "BUY"},
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def market() -> AsyncIterator[dict[str, stage.Venue]]:
    async with stage.market(coins=5, rate=50.0) as running:
        yield running


@pytest.mark.parametrize("name", SIGNERS)
async def test_nothing_strange_breaks_a_venue_or_moves_its_money(
    market: dict[str, stage.Venue], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second and more between them, so that none comes too soon."""
    signer = SIGNERS[name](market[name])
    part = market[name].part
    before = await market[name].truth("balances")
    strange, clock = itertools.cycle(STRANGE), itertools.count(now_ms(), SECOND_MS)
    for number, (method, path) in enumerate(PATHS[name] * 12):
        given = {word: next(strange) for word in NAMES[number % 3 :: 3]}
        given = {**given, **SOUND[name]} if number % 2 else {**SOUND[name], **given}
        body = json.dumps(given) if method == "POST" else ""
        query = "" if body else "&".join(f"{word}={value}" for word, value in given.items())
        body = ("", "[]", "{", "null")[number % 4] if body and number % 7 == 0 else body
        target = f"{path}?{query}" if query else path
        at_ms = next(clock)
        monkeypatch.setattr(part, "clock", lambda at_ms=at_ms: at_ms)
        headers = signer.signed(method, target, body, at_ms)
        lower = {word.lower(): value for word, value in headers.items()}
        reply = part.dialect.http(Request(method, path, query, lower, body.encode()))
        assert 200 <= reply.status < 500 and reply.status != 429, (method, path, given)
        assert reply.body
    assert await market[name].truth("balances") == before


ACTIONS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "bybit": [
        (
            "/v5/order/create",
            {
                "category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit",
                "qty": "0.001", "price": "1", "timeInForce": "GTC", "orderLinkId": "a",
                "marketUnit": "baseCoin",
            },
        ),
        (
            "/v5/asset/withdraw/create",
            {
                "coin": "USDT", "chain": "ETH", "address": "x", "amount": "1e9", "tag": "",
                "timestamp": 1, "requestId": "a", "feeType": 0,
            },
        ),
    ],
    "kucoin": [
        (
            "/api/v1/hf/orders",
            {
                "clientOid": "a", "symbol": "BTC-USDT", "side": "buy", "type": "limit",
                "price": "1", "size": "1", "timeInForce": "GTC", "postOnly": False,
            },
        ),
        (
            "/api/v3/withdrawals",
            {
                "currency": "USDT", "chain": "eth", "toAddress": "x", "amount": 1_000_000_000,
                "withdrawType": "ADDRESS", "memo": "", "feeDeductType": "EXTERNAL",
            },
        ),
    ],
    "gate": [
        (
            "/api/v4/spot/orders",
            {
                "text": "t-a", "currency_pair": "BTC_USDT", "type": "limit", "account": "spot",
                "side": "buy", "amount": "1", "price": "1", "time_in_force": "gtc",
            },
        ),
        (
            "/api/v4/withdrawals",
            {
                "withdraw_order_id": "a", "currency": "USDT", "chain": "ETH", "address": "x",
                "amount": "1000000000", "memo": "",
            },
        ),
    ],
    "bitget": [
        (
            "/api/v2/spot/trade/place-order",
            {
                "symbol": "BTCUSDT", "side": "buy", "orderType": "limit", "force": "gtc",
                "price": "1", "size": "1", "clientOid": "a", "requestTime": "1",
                "receiveWindow": "1",
            },
        ),
        (
            "/api/v2/spot/wallet/withdrawal",
            {
                "coin": "USDT", "transferType": "on_chain", "address": "x", "chain": "erc20",
                "size": "1000000000", "clientOid": "a", "tag": "",
            },
        ),
    ],
    "coinbase": [
        (
            "/api/v3/brokerage/orders",
            {
                "client_order_id": "a", "product_id": "BTC-USD", "side": "BUY",
                "order_configuration": {"sor_limit_ioc": {"base_size": "1", "limit_price": "1"}},
            },
        ),
        (
            "/v2/accounts/USDT/transactions",
            {
                "type": "send", "to": "x", "amount": "1000000000", "currency": "USDT",
                "network": "ethereum", "idem": "a", "destination_tag": "",
            },
        ),
    ],
}  # fmt: skip
"""An order and a withdrawal of each that are sound but for one thing: they are refused anyway."""


@pytest.mark.parametrize("name", SIGNERS)
async def test_one_strange_field_among_sound_ones(
    market: dict[str, stage.Venue], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer, part = SIGNERS[name](market[name]), market[name].part
    clock = itertools.count(now_ms() + 3_600_000, SECOND_MS)
    before = await market[name].truth("balances")
    for path, sound in ACTIONS[name]:
        cases: list[dict[str, Any]] = [sound]
        cases += [{**sound, word: value} for word in sound for value in STRANGE]
        for given in cases:
            body, at_ms = json.dumps(given), next(clock)
            monkeypatch.setattr(part, "clock", lambda at_ms=at_ms: at_ms)
            headers = signer.signed("POST", path, body, at_ms)
            lower = {word.lower(): value for word, value in headers.items()}
            reply = part.dialect.http(Request("POST", path, "", lower, body.encode()))
            assert reply.status < 500, given
            assert reply.status != 429, given
    assert await market[name].truth("balances") == before
    assert not [one for one in await market[name].truth("orders") if one["order_id"]]
    assert not await market[name].truth("withdrawals")


@pytest.mark.parametrize("name", SIGNERS)
async def test_strange_headers_are_refused(market: dict[str, stage.Venue], name: str) -> None:
    signer, part = SIGNERS[name](market[name]), market[name].part
    method, path = PATHS[name][0]
    for word, value in itertools.product(signer.signed(method, path, "", now_ms()), ("é", "", "9")):
        headers = {one.lower(): it for one, it in signer.signed(method, path, "", now_ms()).items()}
        reply = part.dialect.http(Request(method, path, "", {**headers, word.lower(): value}, b""))
        told = reply.body.decode()
        assert reply.status < 500
        assert "orderId" not in told and "order_id" not in told
