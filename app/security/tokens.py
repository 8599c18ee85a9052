"""Tokens: random values of 256 bits and their digests; API tokens `kimp_<id>_<secret>`."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

_SHAPE = re.compile(r"kimp_([0-9a-f]{12})_([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class ApiToken:
    """id: the public part. text: the whole token, shown once. secret_hash: all that is kept."""

    id: str
    text: str
    secret_hash: str


def random_token() -> str:
    """256 random bits: session cookies and CSRF tokens."""
    return secrets.token_urlsafe(32)


def digest(text: str) -> str:
    """SHA-256, hex. Enough for random values of full length; never for passwords."""
    return hashlib.sha256(text.encode()).hexdigest()


def equal(one: str, other: str) -> bool:
    """Compare in constant time, whatever the lengths."""
    return hmac.compare_digest(digest(one), digest(other))


def mint() -> ApiToken:
    public, secret = secrets.token_hex(6), secrets.token_hex(32)
    return ApiToken(public, f"kimp_{public}_{secret}", digest(secret))


def parse(text: str) -> tuple[str, str] | None:
    """(id, secret) of an issued token, None where `text` has another shape."""
    found = _SHAPE.fullmatch(text)
    return (found[1], found[2]) if found else None


def bearer(authorization: str) -> str | None:
    """The token of an Authorization header, None for other schemes."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None
