"""Accounts at five simulated venues: requests signed by hand as each venue's document says."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.simulator.stage import PATIENCE_S, Venue

Fields = dict[str, Any]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def fresh() -> str:
    """A client id that every venue takes."""
    return uuid.uuid4().hex[:20]


def _base64(secret: str, text: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha256")).decode()


class Signer(ABC):
    """One account. ask: headers given replace or (empty) leave out those of the signature; what
    came too soon is asked again."""

    name: str

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.keys = venue.part.keys

    async def get(self, path: str, **fields: Any) -> Any:
        query = "&".join(f"{name}={value}" for name, value in fields.items())
        return (await self.ask("GET", f"{path}?{query}" if query else path)).json()

    async def post(self, path: str, fields: Fields, **more: Any) -> Any:
        return (await self.ask("POST", path, json.dumps(fields), **more)).json()

    async def delete(self, path: str, **fields: Any) -> Any:
        query = "&".join(f"{name}={value}" for name, value in fields.items())
        return (await self.ask("DELETE", f"{path}?{query}" if query else path)).json()

    async def ask(
        self, method: str, target: str, body: str = "", *, at_ms: int | None = None, **more: str
    ) -> httpx.Response:
        given = {name.replace("_", "-"): value for name, value in more.items()}
        while True:
            headers = self.signed(method, target, body, at_ms or now_ms()) | given
            kept = {name: value for name, value in headers.items() if value}
            reply = await self.venue.send(method, target, body, **kept)
            if reply.status_code != 429:
                return reply
            await asyncio.sleep(0.2)

    @abstractmethod
    def signed(self, method: str, target: str, body: str, at_ms: int) -> dict[str, str]:
        """Headers of the request."""

    async def near(self, share: str) -> str:
        """A price of BTC at a share of the best offer, on its tick."""
        quote = "USD" if self.name == "coinbase" else "USDT"
        listing = self.venue.part.listings[self.venue.part.dialect.symbol("BTC", quote)]
        price = Decimal(listing.asks.prices[0]) * Decimal(share)
        return f"{price // listing.tick * listing.tick:f}"


class Bybit(Signer):
    """bybit.md §4."""

    name = "bybit"

    def signed(self, method: str, target: str, body: str, at_ms: int) -> dict[str, str]:
        payload = body if method == "POST" else target.partition("?")[2]
        text = f"{at_ms}{self.keys.key}5000{payload}"
        return {
            "X-BAPI-API-KEY": self.keys.key,
            "X-BAPI-TIMESTAMP": str(at_ms),
            "X-BAPI-RECV-WINDOW": "5000",
            "X-BAPI-SIGN": hmac.digest(self.keys.secret.encode(), text.encode(), "sha256").hex(),
        }

    def login(self) -> Fields:
        expires = now_ms() + 5_000
        text = f"GET/realtime{expires}".encode()
        sign = hmac.digest(self.keys.secret.encode(), text, "sha256").hex()
        return {"req_id": "1", "op": "auth", "args": [self.keys.key, expires, sign]}


class Kucoin(Signer):
    """kucoin.md §4."""

    name = "kucoin"

    def signed(self, method: str, target: str, body: str, at_ms: int) -> dict[str, str]:
        return {
            "KC-API-KEY": self.keys.key,
            "KC-API-SIGN": _base64(self.keys.secret, f"{at_ms}{method}{target}{body}"),
            "KC-API-TIMESTAMP": str(at_ms),
            "KC-API-PASSPHRASE": _base64(self.keys.secret, self.keys.passphrase),
            "KC-API-KEY-VERSION": "2",
        }

    async def entry(self, kind: str = "private") -> str:
        """Path of a socket with a fresh token."""
        told = await self.post(f"/api/v1/bullet-{kind}", {})
        return f"/?token={told['data']['token']}&connectId=kimp"


class Gate(Signer):
    """gate.md §4."""

    name = "gate"

    def signed(self, method: str, target: str, body: str, at_ms: int) -> dict[str, str]:
        path, _, query = target.partition("?")
        hashed = hashlib.sha512(body.encode()).hexdigest()
        text = f"{method}\n{path}\n{query}\n{hashed}\n{at_ms // 1_000}"
        sign = hmac.digest(self.keys.secret.encode(), text.encode(), "sha512").hex()
        return {"KEY": self.keys.key, "Timestamp": str(at_ms // 1_000), "SIGN": sign}

    def subscribe(self, channel: str, *payload: str) -> Fields:
        at_s = now_ms() // 1_000
        text = f"channel={channel}&event=subscribe&time={at_s}".encode()
        sign = hmac.digest(self.keys.secret.encode(), text, "sha512").hex()
        head = {"time": at_s, "channel": channel, "event": "subscribe", "payload": list(payload)}
        return {**head, "auth": {"method": "api_key", "KEY": self.keys.key, "SIGN": sign}}


class Bitget(Signer):
    """bitget.md §4."""

    name = "bitget"

    def signed(self, method: str, target: str, body: str, at_ms: int) -> dict[str, str]:
        return {
            "ACCESS-KEY": self.keys.key,
            "ACCESS-SIGN": _base64(self.keys.secret, f"{at_ms}{method}{target}{body}"),
            "ACCESS-TIMESTAMP": str(at_ms),
            "ACCESS-PASSPHRASE": self.keys.passphrase,
        }

    def login(self) -> Fields:
        at_s = now_ms() // 1_000
        given = {"apiKey": self.keys.key, "passphrase": self.keys.passphrase}
        sign = _base64(self.keys.secret, f"{at_s}GET/user/verify")
        return {"op": "login", "args": [{**given, "timestamp": str(at_s), "sign": sign}]}


class Coinbase(Signer):
    """coinbase.md §4: a token for each request, signed with the key that the simulator gives."""

    name = "coinbase"

    def signed(self, method: str, target: str, body: str, at_ms: int) -> dict[str, str]:
        uri = f"{method} api.coinbase.com{target.partition('?')[0]}"
        return {"Authorization": f"Bearer {self.token(at_ms, uri=uri)}"}

    def token(self, at_ms: int | None = None, **more: Any) -> str:
        at_s = (at_ms or now_ms()) // 1_000
        head = {"alg": "ES256", "typ": "JWT", "kid": self.keys.key, "nonce": secrets.token_hex(8)}
        claims = {"sub": self.keys.key, "iss": "cdp", "nbf": at_s, "exp": at_s + 120, **more}
        parts = [_part(json.dumps(part).encode()) for part in (head, claims)]
        private = load_pem_private_key(self.keys.private_pem.encode(), None)
        assert isinstance(private, EllipticCurvePrivateKey)
        r, s = decode_dss_signature(private.sign(".".join(parts).encode(), ECDSA(SHA256())))
        return ".".join([*parts, _part(r.to_bytes(32) + s.to_bytes(32))])


def _part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


async def until(ask: Callable[[], Awaitable[Any]]) -> Any:
    """What it answers when it answers something that is not empty."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if found := await ask():
            return found
        await asyncio.sleep(0.05)
    raise AssertionError("never came")
