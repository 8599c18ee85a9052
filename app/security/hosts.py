"""Hosts: which names are ours, and which address a request really comes from."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.types import Scope as AsgiScope

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Nothing but a name or an address and a port: a `/` or `?` here once rewrote paths (BadHost).
_SHAPE = re.compile(rb"(\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z][0-9A-Za-z.-]{0,252})(?::[0-9]{1,5})?")


def allowed_hosts(public_url: str) -> frozenset[str]:
    """Loopback names and the host of the public URL; ports are ignored."""
    host = urlsplit(public_url).hostname or ""
    return LOOPBACK | {f"[{host}]" if ":" in host else host}


def host_of(scope: AsgiScope) -> str | None:
    """The one Host of a request without its port, lower case; None where it is malformed."""
    named = [value for name, value in scope["headers"] if name == b"host"]
    found = _SHAPE.fullmatch(named[0]) if len(named) == 1 else None
    return found[1].decode("ascii").lower() if found else None


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


def client_ip(scope: AsgiScope, trusted: tuple[Network, ...]) -> str:
    """The peer's address; X-Forwarded-For is read from the right, through trusted proxies only."""
    peer = scope["client"][0] if scope.get("client") else "unknown"
    if not _is_trusted(peer, trusted):
        return peer
    chain = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
    for hop in reversed(chain.decode("latin-1").split(",")):
        address = hop.strip()
        if not _is_address(address):
            return peer
        if not _is_trusted(address, trusted):
            return address
    return peer


def _is_trusted(address: str, trusted: tuple[Network, ...]) -> bool:
    if not trusted or not _is_address(address):
        return False
    ip = ipaddress.ip_address(address)
    return any(ip in network for network in trusted)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
