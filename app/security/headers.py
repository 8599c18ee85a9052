"""Headers: what every answer tells the browser. A route may send its own policy instead."""

from __future__ import annotations

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
)
_ALWAYS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cache-control": "no-store",
}
_UNDER_TLS = {"strict-transport-security": "max-age=31536000"}

RawHeaders = list[tuple[bytes, bytes]]


def defaults(*, https: bool) -> tuple[tuple[bytes, bytes], ...]:
    named = _ALWAYS | _UNDER_TLS if https else _ALWAYS
    return tuple((name.encode(), value.encode()) for name, value in named.items())


def completed(sent: RawHeaders, missing: tuple[tuple[bytes, bytes], ...]) -> RawHeaders:
    """`sent` and those of `missing` that it does not name."""
    names = {name.lower() for name, _ in sent}
    return [*sent, *(header for header in missing if header[0] not in names)]
