"""Egress: the hosts that kimp may speak to, and nothing else."""

from __future__ import annotations

from urllib.parse import urlsplit

PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


class NotAllowed(Exception):
    """Somebody asked for a host that no setting names. The text holds the host alone."""


class Egress:
    """Hosts with their ports, as settings and the venues' own documents name them."""

    def __init__(self) -> None:
        self._places: set[tuple[str, int]] = set()
        self._domains: set[str] = set()

    def allow(self, url: str) -> None:
        self._places.add(_place(url))

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


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise NotAllowed(f"{parts.scheme[:10]!r} is no scheme that kimp speaks")
    return parts.hostname, parts.port or PORTS[parts.scheme]
