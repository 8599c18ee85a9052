"""Worked examples of every venue's signature: made by other clients, or printed by the venues.

All keys in `signing_vectors.json` are throw-away test values.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from app.domain.markets import Flow, WalletNetwork
from app.domain.secret import Secret
from app.domain.venues import Venue
from app.exchanges import EXCHANGES
from app.exchanges.contract import Request, completed
from app.exchanges.logins import (
    coinbase_proof,
    gate_orders_login,
    gate_subscription,
    handshake,
    login,
)
from app.exchanges.signing import Keys, Signed, Unsignable, hmac_hex, sign, token

AT_MS = 1_700_000_000_123
NONCE = "6f5570df-d8bc-4daf-85b4-976733feb624"
VECTORS: dict[str, dict[str, Any]] = {
    vector["id"]: vector
    for vector in json.loads((Path(__file__).parent / "signing_vectors.json").read_text())
}


def keys(inputs: dict[str, Any]) -> Keys:
    access = inputs.get("access_key") or inputs.get("api_key") or inputs.get("key_name") or ""
    secret = next(
        inputs[name]
        for name in ("secret_key", "secret", "private_key_pem", "secret_b64")
        if name in inputs
    )
    passphrase = inputs.get("passphrase")
    return Keys(access, Secret(secret), Secret(passphrase) if passphrase else None)


def signed(venue: Venue, vector: dict[str, Any], method: str, target: str) -> Signed:
    inputs = vector["inputs"]
    path, _, query = target.partition("?")
    body = inputs.get("body_json") or inputs.get("body") or ""
    if isinstance(body, dict):
        body = json.dumps(body, separators=(",", ":"))
    if "body_params" in inputs:
        body = urlencode(inputs["body_params"])
    request = Request(method, path, tuple(parse_qsl(query)), signed=True, body=body.encode())
    return sign(venue, request, keys(inputs), AT_MS, inputs.get("nonce", NONCE))


def korean(venue: Venue) -> Callable[[dict[str, Any]], None]:
    def check(vector: dict[str, Any]) -> None:
        inputs = vector["inputs"]
        target = inputs["path"] + (f"?{inputs['query']}" if "query" in inputs else "")
        made = signed(venue, vector, inputs["method"], target)
        assert made.headers["Authorization"] == vector["expected"]["Authorization"]

    return check


def header(venue: Venue, method: str, target: str, *names: str) -> Callable[[dict[str, Any]], None]:
    def check(vector: dict[str, Any]) -> None:
        made = signed(venue, vector, method, target)
        for name in names or vector["expected"]:
            assert made.headers[name] == vector["expected"][name]

    return check


def binance(method: str, target: str) -> Callable[[dict[str, Any]], None]:
    def check(vector: dict[str, Any]) -> None:
        made = signed(Venue.BINANCE, vector, method, target)
        expected = vector["expected"]
        if "body" in expected:
            assert (made.target, made.body.decode()) == (target, expected["body"])
            assert made.headers.items() >= expected.get("headers", {}).items()
        else:
            assert f"https://api.binance.com{made.target}" == expected["url"]
            assert made.body == b""

    return check


def hashed(digest: str, name: str) -> Callable[[dict[str, Any]], None]:
    """A printed example: only the text to sign, and the signature."""

    def check(vector: dict[str, Any]) -> None:
        made = hmac_hex(keys(vector["inputs"]), vector["string_to_sign"], digest)
        assert made == vector["expected"][name]

    return check


def gate_printed(method: str, target: str) -> Callable[[dict[str, Any]], None]:
    def check(vector: dict[str, Any]) -> None:
        inputs, (path, _, query) = vector["inputs"], target.partition("?")
        body = inputs.get("body", "").encode()
        request = Request(method, path, tuple(parse_qsl(query)), signed=True, body=body)
        made = sign(Venue.GATE, request, keys(inputs), int(inputs["timestamp"]) * 1_000, NONCE)
        assert made.headers["SIGN"] == vector["expected"]["SIGN"]

    return check


def opened(venue: Venue) -> Callable[[dict[str, Any]], None]:
    def check(vector: dict[str, Any]) -> None:
        inputs = vector["inputs"]
        made = handshake(venue, keys(inputs), AT_MS, inputs["nonce"])
        assert made == {"Authorization": vector["expected"]["Authorization"]}

    return check


def logged_in(venue: Venue) -> Callable[[dict[str, Any]], None]:
    def check(vector: dict[str, Any]) -> None:
        made = login(venue, keys(vector["inputs"]), AT_MS, "1")
        assert made == vector["expected"]["frame"]

    return check


def gate_subscribed(vector: dict[str, Any]) -> None:
    inputs, frame = vector["inputs"], vector["expected"]["frame"]
    made = gate_subscription(keys(inputs), frame["channel"], frame["payload"], inputs["time"])
    assert made == frame


def gate_logged_in(vector: dict[str, Any]) -> None:
    inputs = vector["inputs"]
    made = gate_orders_login(keys(inputs), int(inputs["timestamp"]), "authenticated")
    assert made == vector["expected"]["frame_ccxt"]


def with_its_claims(vector: dict[str, Any]) -> None:
    """The same key, another client's header and claims."""
    expected = vector["expected"]
    secret = keys(vector["inputs"]).secret
    if "jwt_claims" in expected:
        made = token({"alg": "HS512", "typ": "JWT"}, expected["jwt_claims"], secret)
    else:
        made = token(expected["header"], expected["claims"], secret)
    wanted = expected.get("token_ccxt_rfc6979") or expected["Authorization"].split()[1]
    assert made == wanted


def coinbase(vector: dict[str, Any]) -> None:
    inputs, expected = vector["inputs"], vector["expected"]
    request = Request("GET", "/api/v3/brokerage/accounts", (("limit", "250"),), signed=True)
    made = sign(Venue.COINBASE, request, keys(inputs), inputs["now"] * 1_000 + 999, inputs["nonce"])
    jwt = made.headers["Authorization"].removeprefix("Bearer ")
    text, _, signature = jwt.rpartition(".")
    assert text == vector["string_to_sign"], "the query is not part of it"
    if "Authorization" in expected:
        assert made.headers["Authorization"] == expected["Authorization"]
        return
    raw = base64.urlsafe_b64decode(signature + "==")
    public = load_pem_public_key(VECTORS["coinbase-cdp-es256"]["inputs"]["public_key_pem"].encode())
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    assert len(raw) == 64
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(der, text.encode(), ec.ECDSA(hashes.SHA256()))  # raises where it is not


def coinbase_streamed(vector: dict[str, Any]) -> None:
    inputs = vector["inputs"]
    made = coinbase_proof(keys(inputs), inputs["timestamp"] * 1_000, NONCE)
    assert made["signature"] == vector["expected"]["signature"]


CHECKS: dict[str, Callable[[dict[str, Any]], None]] = {
    "upbit-get-accounts-hs256": korean(Venue.UPBIT),
    "upbit-get-accounts-hs512": with_its_claims,
    "upbit-get-orders-chance": korean(Venue.UPBIT),
    "upbit-post-order-limit": korean(Venue.UPBIT),
    "upbit-post-order-market-buy": korean(Venue.UPBIT),
    "upbit-get-array-params": korean(Venue.UPBIT),
    "bithumb-get-accounts": korean(Venue.BITHUMB),
    "bithumb-post-v2-order": korean(Venue.BITHUMB),
    "bithumb-delete-v2-order": korean(Venue.BITHUMB),
    "bithumb-post-v2-cancel-batch": korean(Venue.BITHUMB),
    "binance-spot-post-order": binance("POST", "/api/v3/order"),
    "binance-spot-get-account": binance("GET", "/api/v3/account"),
    "binance-usdm-post-order": binance("POST", "/fapi/v1/order"),
    "binance-docs-example": hashed("sha256", "signature"),
    "okx-get-balance": header(Venue.OKX, "GET", "/api/v5/account/balance?ccy=BTC,USDT"),
    "okx-post-order": header(Venue.OKX, "POST", "/api/v5/trade/order"),
    "okx-ws-login": logged_in(Venue.OKX),
    "bybit-post-order": header(Venue.BYBIT, "POST", "/v5/order/create"),
    "bybit-get-order": header(
        Venue.BYBIT, "GET", "/v5/order/realtime?category=spot&orderLinkId=strat1-000001"
    ),
    "bybit-ws-auth": logged_in(Venue.BYBIT),
    "kucoin-post-hf-order": header(Venue.KUCOIN, "POST", "/api/v1/hf/orders"),
    "kucoin-get-accounts": header(Venue.KUCOIN, "GET", "/api/v1/accounts?type=trade"),
    "gate-post-order": header(Venue.GATE, "POST", "/api/v4/spot/orders", "SIGN"),
    "gate-get-open-orders": header(
        Venue.GATE, "GET", "/api/v4/spot/open_orders?page=1&limit=100", "SIGN"
    ),
    "gate-ws-auth": gate_subscribed,
    "bitget-post-order": header(Venue.BITGET, "POST", "/api/v2/spot/trade/place-order"),
    "bitget-get-order": header(
        Venue.BITGET,
        "GET",
        "/api/v2/spot/trade/orderInfo?clientOid=strat1-000001&orderId=123",
    ),
    "bitget-ws-login": logged_in(Venue.BITGET),
    "coinbase-cdp-es256": with_its_claims,
    "coinbase-exchange-post-order": header(Venue.COINBASE, "POST", "/orders"),
    "gate-docs-list": gate_printed(
        "GET", "/api/v4/futures/orders?contract=BTC_USD&status=finished&limit=50"
    ),
    "gate-docs-create": gate_printed("POST", "/api/v4/futures/orders"),
    "coinbase-cdp-ed25519": with_its_claims,
    "coinbase-sdk-ed25519": coinbase,
    "coinbase-sdk-es256": coinbase,
    "gate-ws-api-login": gate_logged_in,
    "coinbase-exchange-ws": coinbase_streamed,
    "bithumb-ws-private": opened(Venue.BITHUMB),
    "upbit-ws-private": opened(Venue.UPBIT),
    "binance-ws-api-userdata": logged_in(Venue.BINANCE),
}


@pytest.mark.parametrize("name", VECTORS)
def test_a_worked_example_comes_out_the_same(name: str) -> None:
    CHECKS[name](VECTORS[name])


def test_the_hash_of_a_body_is_of_its_bytes() -> None:
    vector = VECTORS["gate-post-order"]
    body = vector["inputs"]["body"].encode()
    assert hashlib.sha512(body).hexdigest() == vector["expected"]["body_sha512"]


@pytest.mark.parametrize("venue", Venue)
def test_what_is_signed_is_what_is_sent(venue: Venue) -> None:
    """An unusual value: the target says it percent-encoded, once."""
    name = "coinbase-sdk-ed25519" if venue is Venue.COINBASE else "okx-get-balance"
    request = Request("GET", "/private/x", (("a", "1:2+3/4 5"),), signed=True)
    made = sign(venue, request, keys(VECTORS[name]["inputs"]), AT_MS, NONCE)

    path, _, query = made.target.partition("?")
    assert (path, dict(parse_qsl(query))["a"]) == ("/private/x", "1:2+3/4 5")
    again = sign(venue, request, keys(VECTORS[name]["inputs"]), AT_MS, NONCE)
    assert made == again, "the same moment signs the same, ES256 as well"


@pytest.mark.parametrize(
    ("venue", "secret"),
    [
        (Venue.OKX, "no passphrase"),
        (Venue.COINBASE, "?not?base64?"),
        (Venue.COINBASE, "c2hvcnQ="),
        (Venue.COINBASE, "-----BEGIN EC PRIVATE KEY-----\nxx\n-----END EC PRIVATE KEY-----"),
    ],
)
def test_keys_of_another_kind_are_refused_without_being_told(venue: Venue, secret: str) -> None:
    with pytest.raises(Unsignable) as refusal:
        sign(venue, Request("GET", "/x"), Keys("k", Secret(secret)), AT_MS, NONCE)
    assert secret not in str(refusal.value)


def test_a_key_from_an_environment_may_have_written_line_ends() -> None:
    inputs = VECTORS["coinbase-sdk-es256"]["inputs"]
    flat = dict(inputs, private_key_pem=inputs["private_key_pem"].replace("\n", "\\n"))
    request = Request("GET", "/x")
    made = [sign(Venue.COINBASE, request, keys(each), AT_MS, NONCE) for each in (inputs, flat)]
    assert made[0] == made[1]


def test_keys_are_not_shown() -> None:
    assert "hidden" not in repr(Keys("access", Secret("hidden"), Secret("hidden")))


NETWORKS = (
    WalletNetwork(Venue.UPBIT, "BTC", "BTC", Flow.OPEN, Flow.CLOSED),
    WalletNetwork(Venue.UPBIT, "XRP", "XRP", Flow.OPEN, Flow.OPEN, fee="0.4"),
)


def test_fees_of_a_withdrawal_join_the_networks_that_they_are_of() -> None:
    unknown = Flow.UNKNOWN, Flow.UNKNOWN
    told = [
        WalletNetwork(Venue.UPBIT, "BTC", "BTC", *unknown, fee="0.0005", minimum="0.001"),
        WalletNetwork(Venue.UPBIT, "BTC", "LIGHTNING", *unknown, fee="0"),
    ]
    bitcoin, ripple = completed(NETWORKS, told)

    assert (bitcoin.fee, bitcoin.minimum) == ("0.0005", "0.001")
    assert (bitcoin.deposit, bitcoin.withdraw) == (Flow.OPEN, Flow.CLOSED)
    assert ripple == NETWORKS[1], "nothing was told of it"


@pytest.mark.parametrize("exchange", EXCHANGES.values(), ids=EXCHANGES.keys())
def test_what_only_an_account_is_told_is_asked_with_a_key(exchange: Any) -> None:
    assert all(request.signed for request in exchange.ask_withdrawals(NETWORKS))
    assert all(request.method == "GET" for request in exchange.ask_withdrawals(NETWORKS))
