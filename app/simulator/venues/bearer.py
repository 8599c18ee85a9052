"""Coinbase's bearer tokens: ES256 by the key whose PEM the simulator gives out. coinbase.md §4."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from app.simulator.protocol import Keys, Request

ISSUERS = ("cdp", "coinbase-cloud")
LIFE_S, LEEWAY_S = 120, 5


class Bearer:
    """Judges tokens of one key."""

    def __init__(self, keys: Keys) -> None:
        private = load_pem_private_key(keys.private_pem.encode(), None)
        assert isinstance(private, EllipticCurvePrivateKey)
        self.public = private.public_key()
        self.name = keys.key

    def right(self, request: Request, now_ms: int) -> bool:
        """`uri` holds METHOD host/path; ccxt against a loopback URL leaves its scheme in."""
        word, _, token = request.headers.get("authorization", "").partition(" ")
        claims = self.claims(token, now_ms) if word == "Bearer" else None
        if claims is None:
            return False
        stated = claims.get("uri") or (claims.get("uris") or [""])[0]
        method, _, place = str(stated).partition(" ")
        return method == request.method and place.endswith(request.path)

    def fits(self, token: str, now_ms: int) -> bool:
        """A token inside a WebSocket message names no uri."""
        return self.claims(token, now_ms) is not None

    def claims(self, token: str, now_ms: int) -> dict[str, Any] | None:
        signed, _, signature = token.rpartition(".")
        try:
            head, claims = (json.loads(plain(part)) for part in signed.split("."))
            raw = plain(signature)
            if head["alg"] != "ES256" or head["kid"] != self.name or len(raw) != 64:
                return None
            pair = int.from_bytes(raw[:32]), int.from_bytes(raw[32:])
            self.public.verify(encode_dss_signature(*pair), signed.encode(), ECDSA(SHA256()))
            now = now_ms / 1_000
            timely = claims["nbf"] - LEEWAY_S <= now < claims["exp"]
            timely = timely and claims["exp"] - claims["nbf"] <= LIFE_S + LEEWAY_S
        except (ValueError, KeyError, TypeError, binascii.Error, InvalidSignature):
            return None
        ours = claims.get("sub") == self.name and claims.get("iss") in ISSUERS
        return claims if ours and timely else None


def plain(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
