"""Worked examples of signatures, made by other clients: the simulator lets each of them in.

The clock stands where the examples were signed; one letter more and they are refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from app.simulator.protocol import Candle, Client, Keys, Listing, Market, Request
from app.simulator.venues.bearer import Bearer
from app.simulator.venues.bitget_private import BitgetPrivate
from app.simulator.venues.bybit_private import BybitPrivate
from app.simulator.venues.gate_private import GatePrivate
from app.simulator.venues.kucoin_private import KucoinPrivate

AT_MS = 1_700_000_000_123
FILE = Path(__file__).resolve().parents[1] / "exchanges" / "signing_vectors.json"
VECTORS: dict[str, dict[str, Any]] = {one["id"]: one for one in json.loads(FILE.read_text())}
SIDES = {
    "bybit": BybitPrivate,
    "kucoin": KucoinPrivate,
    "gate": GatePrivate,
    "bitget": BitgetPrivate,
}


class Still(Market):
    """No market, only its keys and the time."""

    def __init__(self, inputs: dict[str, Any]) -> None:
        self.keys = Keys(
            str(inputs.get("api_key", "")), inputs["secret"], inputs.get("passphrase", "")
        )
        self.listings = {}
        self.wallets = {}

    def now_ms(self) -> int:
        return AT_MS

    def wanted(self, topic: str) -> bool:
        return False

    def publish(self, topic: str, text: str, listing: Listing) -> None: ...

    def clients(self, topic: str) -> Sequence[Client]:
        return ()

    def candles(self, listing: Listing, start_ms: int, end_ms: int) -> list[Candle]:
        return []

    def wrong_checksum(self, listing: Listing) -> bool:
        return False

    def address(self, request: Request, scheme: str) -> str:
        return ""


def request_of(name: str) -> Request:
    """What a client sends for it."""
    vector = VECTORS[name]
    inputs, text = vector["inputs"], vector["string_to_sign"]
    headers = {key.lower(): str(value) for key, value in vector["expected"].items()}
    body, stamp = str(inputs.get("body", "")), str(inputs["timestamp"])
    method, target = ("POST" if body else "GET"), "/"
    match name.partition("-")[0]:
        case "bybit":
            target = f"/v5/order?{inputs.get('query', '')}"
            headers |= {"x-bapi-api-key": inputs["api_key"], "x-bapi-timestamp": stamp}
            headers["x-bapi-recv-window"] = inputs["recv_window"]
        case "gate":
            method, path, query, *_ = text.replace("\\n", "\n").split("\n")
            target = f"{path}?{query}"
            headers |= {"key": inputs["api_key"], "timestamp": stamp}
        case "kucoin" | "bitget" as venue:
            found = re.match(r"\d+(GET|POST)(/[^{]*)", text)
            assert found is not None
            method, target = found[1], found[2]
            mark = "kc-api" if venue == "kucoin" else "access"
            headers |= {f"{mark}-key": inputs["api_key"], f"{mark}-timestamp": stamp}
            if venue == "kucoin":
                headers["kc-api-key-version"] = "2"
            else:
                headers["access-passphrase"] = inputs["passphrase"]
    path, _, query = target.partition("?")
    return Request(method, path, query, headers, body.encode())


@pytest.mark.parametrize(
    "name",
    [
        "bybit-post-order",
        "bybit-get-order",
        "kucoin-post-hf-order",
        "kucoin-get-accounts",
        "gate-post-order",
        "gate-get-open-orders",
        "bitget-post-order",
        "bitget-get-order",
    ],
)
def test_a_worked_request_is_let_in_and_a_changed_one_is_not(name: str) -> None:
    vector = VECTORS[name]
    venue = SIDES[name.partition("-")[0]]
    side = venue(Still(vector["inputs"]))
    request = request_of(name)
    assert side.unsigned(request) is None
    changed = request._replace(query=f"{request.query}x", body=request.body + b" ")
    assert side.unsigned(changed) is not None
    other = Still({**vector["inputs"], "secret": "x"})
    assert venue(other).unsigned(request) is not None


def test_worked_logins_of_the_streams() -> None:
    vector = VECTORS["bybit-ws-auth"]
    arguments = vector["expected"]["frame"]["args"]
    assert BybitPrivate(Still(vector["inputs"])).login(arguments)
    assert not BybitPrivate(Still(vector["inputs"])).login([*arguments[:2], "0" * 64])
    vector = VECTORS["bitget-ws-login"]
    [given] = vector["expected"]["frame"]["args"]
    assert BitgetPrivate(Still(vector["inputs"])).login(given) is None
    assert BitgetPrivate(Still(vector["inputs"])).login({**given, "sign": "x"}) is not None
    vector = VECTORS["gate-ws-auth"]
    frame = vector["expected"]["frame"]
    gate = GatePrivate(Still(vector["inputs"]))
    words = (frame["channel"], frame["event"], frame["time"])
    assert gate.admits(frame["auth"], *words)
    assert not gate.admits(frame["auth"], "spot.balances", *words[1:])


def test_a_token_made_by_another_client() -> None:
    vector = VECTORS["coinbase-cdp-es256"]
    inputs = vector["inputs"]
    bearer = Bearer(Keys(inputs["key_name"], "", "", inputs["private_key_pem"]))
    token = vector["expected"]["token_ccxt_rfc6979"]
    headers = {"authorization": f"Bearer {token}"}
    request = Request(inputs["method"], inputs["path"], "limit=250", headers, b"")
    assert bearer.right(request, AT_MS)
    assert not bearer.right(request, AT_MS + 121_000)
    assert not bearer.right(request._replace(path="/api/v3/brokerage/orders"), AT_MS)
    assert not bearer.right(request._replace(method="POST"), AT_MS)
