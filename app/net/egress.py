"""Egress: the hosts that kimp may speak to, and nothing else.

A name on the list is not enough: whoever answers for it must be out in the world, or else a forged
answer of the name service would lead requests with keys to a machine inside (SSRF, rebinding).
Places that somebody chose in the environment may be inside; that is what they are for.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
NAT64 = ipaddress.ip_network("64:ff9b::/96")
LOOPBACK_NAME = "localhost"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotAllowed(Exception):
    """Somebody asked for a host that no setting names. The text holds the host alone."""


class Egress:
    """Hosts with their ports, as settings and the venues' own documents name them."""

    def __init__(self) -> None:
        self._places: set[tuple[str, int]] = set()
        self._domains: set[str] = set()
        self._inside: set[str] = {LOOPBACK_NAME}

    def allow(self, url: str, *, chosen: bool = False) -> None:
        """chosen: by the environment, so it may also be a name of a machine inside."""
        place = _place(url)
        self._places.add(place)
        if chosen:
            self._inside.add(place[0])

    def allow_below(self, domain: str) -> None:
        """Every host of a domain, encrypted: for a venue that names its stream's host anew."""
        self._domains.add("." + domain)

    def check(self, url: str) -> None:
        """Raises NotAllowed."""
        host, port = _place(url)
        if (host, port) in self._places:
            return
        is_encrypted = urlsplit(url).scheme in {"https", "wss"}
        if is_encrypted and any(host.endswith(domain) for domain in self._domains):
            return
        raise NotAllowed(f"{host}:{port} is not a host that kimp may speak to")

    def check_peer(self, host: str, peer: str) -> None:
        """Who answers for `host`, before the first byte goes there. Raises NotAllowed."""
        if not self.asks_peer(host):
            return
        address = _address(peer)
        if address is None or not _is_public(address):
            raise NotAllowed(f"{host} leads inside, to {peer[:64]}")

    def asks_peer(self, host: str) -> bool:
        """Not of a place that was named by its number: that one is on the list itself."""
        return host not in self._inside and _address(host) is None


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise NotAllowed(f"{parts.scheme[:10]!r} is no scheme that kimp speaks")
    try:
        port = parts.port
    except ValueError as error:
        raise NotAllowed("no such port") from error
    return parts.hostname, port or PORTS[parts.scheme]


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


def _is_public(address: Address) -> bool:
    """Global and unicast, also what an IPv6 address carries of the older kind."""
    if isinstance(address, ipaddress.IPv6Address):
        carried = address.ipv4_mapped or address.sixtofour
        if address in NAT64:
            carried = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if address.teredo is not None:
            return False
        if carried is not None:
            return _is_public(carried)
    return address.is_global and not address.is_multicast
