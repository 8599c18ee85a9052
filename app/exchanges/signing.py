"""Signing: a request and a venue's keys → what is really sent. Section 4 of each document.

Times and texts that no other request has are arguments. What comes back is to be sent as it stands:
the target with its order and percent signs, and the body byte by byte, are what was signed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from app.domain.secret import Secret
from app.domain.times import MS_NS, to_iso
from app.domain.transfers import Receiver
from app.domain.venues import Venue
from app.exchanges.contract import Request

RECEIVE_WINDOW_MS = 5_000  # how old a request may be when it arrives: Binance's and Bybit's default
TOKEN_LIFE_S = 120  # of a Coinbase token; longer ones are refused
COINBASE_HOST = "api.coinbase.com"  # signed as such, whichever proxy the request goes through
PEM = "-----BEGIN"
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Keys(NamedTuple):
    """One account. access: the public half, which venues call API key, access key, key name.

    holder: whose it is, for venues that ask before they send coins to another one of theirs.
    """

    access: str
    secret: Secret
    passphrase: Secret | None = None
    holder: Receiver | None = None


class Signed(NamedTuple):
    """Ready to be sent. target: path and query, percent-encoded."""

    target: str
    headers: dict[str, str]
    body: bytes = b""


class Once(NamedTuple):
    """What no two requests have alike."""

    at_ms: int
    nonce: str


class Unsignable(ValueError):
    """The keys are not what this venue gives out. Its text holds nothing of them."""


def sign(venue: Venue, request: Request, keys: Keys, at_ms: int, nonce: str) -> Signed:
    """at_ms: the venue's time, as well as we know it. nonce: a UUID. Raises Unsignable."""
    signed = SIGNERS[venue](request, keys, Once(at_ms, nonce))
    headers = dict(request.headers) | signed.headers
    return signed._replace(headers=JSON | headers if request.body else headers)


def hmac_hex(keys: Keys, text: str, digest: str = "sha256") -> str:
    return hmac.new(keys.secret.reveal().encode(), text.encode(), digest).hexdigest()


def hmac_base64(key: bytes, text: str) -> str:
    return base64.b64encode(hmac.digest(key, text.encode(), "sha256")).decode()


def passphrase(keys: Keys) -> Secret:
    if keys.passphrase is None:
        raise Unsignable("this venue's keys have a passphrase, which is missing")
    return keys.passphrase


def token(header: Mapping[str, Any], claims: Mapping[str, Any], secret: Secret) -> str:
    """A JWT; the header's `alg` says how it is signed. Raises Unsignable."""
    head, body = (base64url(msgspec.json.encode(part)) for part in (header, claims))
    text = f"{head}.{body}".encode()
    key = secret.reveal()
    match header["alg"]:
        case "HS256" | "HS512" as algorithm:
            signature = hmac.digest(key.encode(), text, f"sha{algorithm[2:]}")
        case "ES256":
            signature = _es256(key, text)
        case "EdDSA":
            signature = _ed25519(key, text)
        case other:
            raise Unsignable(f"{other} is no way of signing that we know")
    return f"{head}.{body}.{base64url(signature)}"


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _es256(pem: str, text: bytes) -> bytes:
    """r‖s in 64 bytes, not DER; deterministic (RFC 6979), so that one request has one token."""
    try:
        # Where a key is handed over in an environment, its lines often end in a written \n.
        key = load_pem_private_key(pem.replace("\\n", "\n").encode(), None)
    except (ValueError, TypeError) as error:
        raise Unsignable("the secret is no private key in PEM") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise Unsignable("the secret is no P-256 key")
    der = key.sign(text, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    return b"".join(part.to_bytes(32, "big") for part in decode_dss_signature(der))


def _ed25519(secret: str, text: bytes) -> bytes:
    """The secret is base64 of seed and public key, 64 bytes."""
    raw = decoded(secret)
    if len(raw) != 64:
        raise Unsignable("the secret is no Ed25519 key of 64 bytes")
    return Ed25519PrivateKey.from_private_bytes(raw[:32]).sign(text)


def decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Unsignable("the secret is not base64") from error


def _raw(request: Request) -> str:
    """The query before it is percent-encoded, in the order that it is sent in."""
    return "&".join(f"{name}={value}" for name, value in request.query)


def _target(request: Request) -> str:
    return f"{request.path}?{urlencode(request.query)}" if request.query else request.path


def _target_raw(request: Request) -> str:
    return f"{request.path}?{_raw(request)}" if request.query else request.path


def _upbit(request: Request, keys: Keys, once: Once) -> Signed:
    return _korean(request, keys, {"access_key": keys.access, "nonce": once.nonce})


def _bithumb(request: Request, keys: Keys, once: Once) -> Signed:
    claims = {"access_key": keys.access, "nonce": once.nonce, "timestamp": once.at_ms}
    return _korean(request, keys, claims)


def _korean(request: Request, keys: Keys, claims: dict[str, Any]) -> Signed:
    """The hash is of the parameters unencoded, a body's fields as if they stood in a query."""
    parameters = _raw(request)
    if request.body:
        parameters = "&".join(_fields("", msgspec.json.decode(request.body)))
    if parameters:
        claims["query_hash"] = hashlib.sha512(parameters.encode()).hexdigest()
        claims["query_hash_alg"] = "SHA512"
    return Signed(_target(request), korean_headers(keys, claims), request.body)


def korean_headers(keys: Keys, claims: Mapping[str, Any]) -> dict[str, str]:
    header = {"alg": "HS256", "typ": "JWT"}
    return {"Authorization": f"Bearer {token(header, claims, keys.secret)}"}


def _fields(name: str, value: Any) -> Iterator[str]:
    """{"a": ["x"], "b": [{"c": "y"}]} → a[]=x, b[0][c]=y."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _fields(f"{name}[{key}]" if name else key, inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _fields(f"{name}[{number if isinstance(inner, dict) else ''}]", inner)
    else:
        yield f"{name}={value}"


def _binance(request: Request, keys: Keys, once: Once) -> Signed:
    """The signature comes last, behind parameters that are percent-encoded before it is made."""
    given = request.body.decode() or urlencode(request.query)
    parts = (f"timestamp={once.at_ms}", given, f"recvWindow={RECEIVE_WINDOW_MS}")
    text = "&".join(part for part in parts if part)
    text = f"{text}&signature={hmac_hex(keys, text)}"
    headers = {"X-MBX-APIKEY": keys.access}
    if request.body:
        return Signed(request.path, FORM | headers, text.encode())
    return Signed(f"{request.path}?{text}", headers)


def _okx(request: Request, keys: Keys, once: Once) -> Signed:
    at, target = to_iso(once.at_ms * MS_NS), _target(request)
    if "." not in at:  # three digits, also of a whole second
        at = at.replace("Z", ".000Z")
    text = f"{at}{request.method}{target}{request.body.decode()}"
    headers = {
        "OK-ACCESS-KEY": keys.access,
        "OK-ACCESS-SIGN": hmac_base64(keys.secret.reveal().encode(), text),
        "OK-ACCESS-TIMESTAMP": at,
        "OK-ACCESS-PASSPHRASE": passphrase(keys).reveal(),
    }
    return Signed(target, headers, request.body)


def _bybit(request: Request, keys: Keys, once: Once) -> Signed:
    payload = request.body.decode() or urlencode(request.query)
    headers = {
        "X-BAPI-API-KEY": keys.access,
        "X-BAPI-TIMESTAMP": str(once.at_ms),
        "X-BAPI-RECV-WINDOW": str(RECEIVE_WINDOW_MS),
        "X-BAPI-SIGN": hmac_hex(keys, f"{once.at_ms}{keys.access}{RECEIVE_WINDOW_MS}{payload}"),
    }
    return Signed(_target(request), headers, request.body)


def _kucoin(request: Request, keys: Keys, once: Once) -> Signed:
    """Keys of version 2: the passphrase is signed as well. The query is signed unencoded."""
    key = keys.secret.reveal().encode()
    text = f"{once.at_ms}{request.method}{_target_raw(request)}{request.body.decode()}"
    headers = {
        "KC-API-KEY": keys.access,
        "KC-API-SIGN": hmac_base64(key, text),
        "KC-API-TIMESTAMP": str(once.at_ms),
        "KC-API-PASSPHRASE": hmac_base64(key, passphrase(keys).reveal()),
        "KC-API-KEY-VERSION": "2",
    }
    return Signed(_target(request), headers, request.body)


def _gate(request: Request, keys: Keys, once: Once) -> Signed:
    """Seconds; the query unencoded; the hash of an empty body too."""
    at_s = str(once.at_ms // 1_000)
    parts = (request.method, request.path, _raw(request), hashlib.sha512(request.body).hexdigest())
    signature = hmac_hex(keys, "\n".join((*parts, at_s)), "sha512")
    headers = {"KEY": keys.access, "Timestamp": at_s, "SIGN": signature}
    return Signed(_target(request), headers, request.body)


def _bitget(request: Request, keys: Keys, once: Once) -> Signed:
    text = f"{once.at_ms}{request.method}{_target_raw(request)}{request.body.decode()}"
    headers = {
        "ACCESS-KEY": keys.access,
        "ACCESS-SIGN": hmac_base64(keys.secret.reveal().encode(), text),
        "ACCESS-TIMESTAMP": str(once.at_ms),
        "ACCESS-PASSPHRASE": passphrase(keys).reveal(),
        "locale": "en-US",
    }
    return Signed(_target(request), headers, request.body)


def _coinbase(request: Request, keys: Keys, once: Once) -> Signed:
    """Which kind of key it is shows in itself."""
    if is_of_sister_venue(keys):
        return _coinbase_exchange(request, keys, once.at_ms // 1_000)
    uri = f"{request.method} {COINBASE_HOST}{quote(request.path)}"  # neither scheme nor query
    jwt = coinbase_token(keys, once.at_ms // 1_000, once.nonce, uri)
    return Signed(_target(request), {"Authorization": f"Bearer {jwt}"}, request.body)


def is_of_sister_venue(keys: Keys) -> bool:
    """Keys of Coinbase Exchange have a passphrase, and are not in PEM."""
    return keys.passphrase is not None and not keys.secret.reveal().startswith(PEM)


def coinbase_token(keys: Keys, at_s: int, nonce: str, uri: str | None) -> str:
    """As the venue's own SDK makes it. uri None: for the stream."""
    header = {
        "alg": "ES256" if keys.secret.reveal().startswith(PEM) else "EdDSA",
        "kid": keys.access,
        "nonce": nonce,
        "typ": "JWT",
    }
    claims = {"sub": keys.access, "iss": "cdp", "nbf": at_s, "exp": at_s + TOKEN_LIFE_S}
    return token(header, claims if uri is None else claims | {"uri": uri}, keys.secret)


def _coinbase_exchange(request: Request, keys: Keys, at_s: int) -> Signed:
    target = _target(request)
    text = f"{at_s}{request.method}{target}{request.body.decode()}"
    headers = {
        "CB-ACCESS-KEY": keys.access,
        "CB-ACCESS-SIGN": hmac_base64(decoded(keys.secret.reveal()), text),
        "CB-ACCESS-TIMESTAMP": str(at_s),
        "CB-ACCESS-PASSPHRASE": passphrase(keys).reveal(),
    }
    return Signed(target, headers, request.body)


SIGNERS: dict[Venue, Callable[[Request, Keys, Once], Signed]] = {
    Venue.UPBIT: _upbit,
    Venue.BITHUMB: _bithumb,
    Venue.BINANCE: _binance,
    Venue.OKX: _okx,
    Venue.BYBIT: _bybit,
    Venue.KUCOIN: _kucoin,
    Venue.GATE: _gate,
    Venue.BITGET: _bitget,
    Venue.COINBASE: _coinbase,
}
