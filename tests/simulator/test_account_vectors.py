"""Worked examples of signatures at Upbit, Bithumb, Binance and OKX: let in, and not twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from app.simulator.protocol import Keys, Reply, Request
from app.simulator.serve import Simulator
from app.simulator.venues.binance_private import BinancePrivate
from app.simulator.venues.korean_private import KoreanAccount
from app.simulator.venues.okx_private import OkxPrivate
from tests.simulator.test_signing_vectors import AT_MS, VECTORS

KOREAN = [name for name in VECTORS if name.startswith(("upbit", "bithumb"))]
JSON = {"content-type": "application/json"}


@pytest.fixture
def still() -> Iterator[Simulator]:
    """Its clock stands where the examples were signed."""
    yield Simulator(1, 5, 1.0, clock=lambda: AT_MS)


def side(still: Simulator, venue: str, inputs: dict[str, Any]) -> Any:
    """The venue's private side with the example's keys."""
    part = next(part for part in still.parts if part.venue == venue)
    key = inputs.get("access_key") or inputs.get("api_key") or ""
    secret = inputs.get("secret_key") or inputs["secret"]
    part.keys = Keys(key, secret, inputs.get("passphrase", ""))
    return part.dialect.private


def name_of(reply: Reply | None) -> Any:
    assert reply is not None
    return json.loads(reply.body)["error"]["name"]


def korean_request(vector: dict[str, Any]) -> Request:
    inputs = vector["inputs"]
    body = inputs.get("body_json") or (json.dumps(inputs["body"]) if "body" in inputs else "")
    headers = {"authorization": vector["expected"]["Authorization"], **(JSON if body else {})}
    query = inputs.get("query", "").replace("[]", "%5B%5D")
    return Request(inputs.get("method", "GET"), "/", query, headers, body.encode())


@pytest.mark.parametrize("name", KOREAN)
def test_a_token_is_right_for_its_parameters_and_once(still: Simulator, name: str) -> None:
    vector = VECTORS[name]
    account = side(still, name.partition("-")[0], vector["inputs"])
    assert isinstance(account, KoreanAccount)
    request = korean_request(vector)
    changed = request._replace(query=f"{request.query}&x=1".lstrip("&"), body=b"")
    assert name_of(account.refused(changed)) == "invalid_query_payload"
    assert account.refused(request) is None
    assert name_of(account.refused(request)) in ("nonce_used", "jwt_verification")


@pytest.mark.parametrize(
    "name",
    ["binance-spot-post-order", "binance-spot-get-account", "binance-usdm-post-order"],
)
def test_binance_signs_what_is_sent(still: Simulator, name: str) -> None:
    vector = VECTORS[name]
    account = side(still, "binance", vector["inputs"])
    assert isinstance(account, BinancePrivate)
    text = f"{vector['string_to_sign']}&signature={vector['expected']['signature']}"
    key = vector["inputs"]["api_key"]
    assert account.refused(text, key) is None
    for wrong, code in ((text.replace("&", "&x=1&", 1), b"-1022"), (text[:-5], b"-1022")):
        refused = account.refused(wrong, key)
        assert refused is not None
        assert code in refused.body
    other = account.refused(text, "other")
    assert other is not None
    assert b"-2015" in other.body


def test_binance_signs_the_sorted_parameters_of_its_socket(still: Simulator) -> None:
    vector = VECTORS["binance-ws-api-userdata"]
    account = side(still, "binance", vector["inputs"])
    params = dict(vector["expected"]["frame"]["params"])
    given = params.pop("signature")
    text = "&".join(f"{name}={params[name]}" for name in sorted(params))
    assert account.refused(f"{text}&signature={given}", params["apiKey"]) is None


@pytest.mark.parametrize("name", ["okx-get-balance", "okx-post-order"])
def test_okx_signs_time_path_and_body(still: Simulator, name: str) -> None:
    vector = VECTORS[name]
    inputs = vector["inputs"]
    account = side(still, "okx", inputs)
    assert isinstance(account, OkxPrivate)
    body = inputs.get("body", "")
    method = "POST" if body else "GET"
    rest = vector["string_to_sign"].removeprefix(f"{inputs['timestamp']}{method}")
    path, _, query = rest.removesuffix(body).partition("?")
    headers = {
        "ok-access-key": inputs["api_key"],
        "ok-access-sign": vector["expected"]["OK-ACCESS-SIGN"],
        "ok-access-timestamp": inputs["timestamp"],
        "ok-access-passphrase": inputs["passphrase"],
    }
    request = Request(method, path, query, headers, body.encode())
    assert account.unsigned(request) is None
    wrong = account.unsigned(request._replace(body=b"{}"))
    assert wrong is not None
    assert json.loads(wrong.body)["code"] == "50113"
