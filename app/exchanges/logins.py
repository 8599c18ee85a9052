"""Logins: what opens a venue's private stream. Sections 4 and 7 of each document."""

from __future__ import annotations

from typing import Any

from app.domain.venues import Venue
from app.exchanges.signing import (
    RECEIVE_WINDOW_MS,
    Keys,
    coinbase_token,
    decoded,
    hmac_base64,
    hmac_hex,
    is_of_sister_venue,
    korean_headers,
    passphrase,
)

BYBIT_LIFE_MS = 10_000

Frame = dict[str, Any]


def handshake(venue: Venue, keys: Keys, at_ms: int, nonce: str) -> dict[str, str]:
    """Headers of the handshake; none where a frame logs in."""
    claims: dict[str, Any] = {"access_key": keys.access, "nonce": nonce}
    match venue:
        case Venue.UPBIT:
            return korean_headers(keys, claims)
        case Venue.BITHUMB:
            return korean_headers(keys, claims | {"timestamp": at_ms})
    return {}


def login(venue: Venue, keys: Keys, at_ms: int, nonce: str) -> Frame | None:
    """The frame to send first; None where the handshake or each subscription logs in."""
    match venue:
        case Venue.BINANCE:
            return _binance(keys, at_ms, nonce)
        case Venue.OKX:
            return _login(keys, at_ms, "GET/users/self/verify")
        case Venue.BYBIT:
            expires = str(at_ms + BYBIT_LIFE_MS)
            sign = hmac_hex(keys, f"GET/realtime{expires}")
            return {"op": "auth", "args": [keys.access, expires, sign]}
        case Venue.BITGET:
            return _login(keys, at_ms, "GET/user/verify")
    return None


def _login(keys: Keys, at_ms: int, call: str) -> Frame:
    at_s = str(at_ms // 1_000)  # seconds, unlike the REST calls of both venues
    sign = hmac_base64(keys.secret.reveal().encode(), at_s + call)
    secret = passphrase(keys).reveal()
    fields = {"apiKey": keys.access, "passphrase": secret, "timestamp": at_s, "sign": sign}
    return {"op": "login", "args": [fields]}


def _binance(keys: Keys, at_ms: int, nonce: str) -> Frame:
    """Parameters are signed in the order of their names."""
    params = {"apiKey": keys.access, "recvWindow": RECEIVE_WINDOW_MS, "timestamp": at_ms}
    text = "&".join(f"{name}={params[name]}" for name in sorted(params))
    return {
        "id": nonce,
        "method": "userDataStream.subscribe.signature",
        "params": params | {"signature": hmac_hex(keys, text)},
    }


def gate_subscription(keys: Keys, channel: str, payload: list[str], at_s: int) -> Frame:
    """Each subscription carries its own proof."""
    sign = hmac_hex(keys, f"channel={channel}&event=subscribe&time={at_s}", "sha512")
    return {
        "time": at_s,
        "channel": channel,
        "event": "subscribe",
        "payload": payload,
        "auth": {"method": "api_key", "KEY": keys.access, "SIGN": sign},
    }


def gate_orders_login(keys: Keys, at_s: int, nonce: str) -> Frame:
    """For orders over the stream. What is signed of an empty `req_param` is its text, `{}`."""
    payload = {
        "req_id": nonce,
        "timestamp": str(at_s),
        "api_key": keys.access,
        "signature": hmac_hex(keys, f"api\nspot.login\n{{}}\n{at_s}", "sha512"),
        "req_param": {},
    }
    return {
        "id": nonce,
        "time": at_s,
        "channel": "spot.login",
        "event": "api",
        "payload": payload,
    }


def coinbase_proof(keys: Keys, at_ms: int, nonce: str) -> dict[str, str]:
    """Fields of a subscription: a token, or the sister venue's signature."""
    at_s = at_ms // 1_000
    if not is_of_sister_venue(keys):
        return {"jwt": coinbase_token(keys, at_s, nonce, None)}
    key = decoded(keys.secret.reveal())
    return {
        "signature": hmac_base64(key, f"{at_s}GET/users/self/verify"),
        "key": keys.access,
        "passphrase": passphrase(keys).reveal(),
        "timestamp": str(at_s),
    }
