"""TOTP (RFC 6238): six digits of this half minute, from a secret that a telephone holds too."""

from __future__ import annotations

import base64
import hmac
import secrets
from urllib.parse import quote

from app.domain.secret import Secret
from app.security import codes

STEP_S = 30
DIGITS = 6
SECRET_BYTES = 20
AROUND = 1
"""Steps before and after the present one that count: clocks differ, people type slowly."""
RECOVERY_CODES = 10
RECOVERY_GROUPS = 4  # 78 bits: kept as a plain digest, which nobody can try through


def new_secret() -> Secret:
    return Secret(base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode())


def new_recovery_codes() -> list[str]:
    return [codes.new_code(RECOVERY_GROUPS) for _ in range(RECOVERY_CODES)]


def address(secret: Secret, name: str, issuer: str = "kimp") -> str:
    """What an authenticator takes: as a link, or typed."""
    label = quote(f"{issuer}:{name}", safe=":@")
    return (
        f"otpauth://totp/{label}?secret={secret.reveal()}&issuer={quote(issuer)}"
        f"&algorithm=SHA1&digits={DIGITS}&period={STEP_S}"
    )


def code(secret: Secret, step: int) -> str:
    """Of one step. SHA-1 is what authenticators do; as a MAC it is sound."""
    key = base64.b32decode(secret.reveal())
    digest = hmac.digest(key, step.to_bytes(8, "big"), "sha1")
    start = digest[-1] & 0xF
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}d}"


def matching_step(secret: Secret, typed: str, at_s: float) -> int | None:
    """The step whose code this is, now or just before or after. All are compared, always."""
    normal = "".join(letter for letter in typed if not letter.isspace())
    if len(normal) != DIGITS or not normal.isascii() or not normal.isdigit():
        return None
    now = int(at_s // STEP_S)
    found = None
    for step in range(now - AROUND, now + AROUND + 1):
        if hmac.compare_digest(code(secret, step), normal):
            found = step
    return found
