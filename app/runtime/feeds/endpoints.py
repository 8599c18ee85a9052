"""Endpoints: the hosts of a venue, as its own file names them or as somebody replaced them."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from app.exchanges.contract import Exchange, Request
from app.net.egress import Egress


class Endpoint(NamedTuple):
    """Scheme, host and port that replace every WebSocket host and every REST host of a venue.

    The venue's real paths are kept. None: the venue's own hosts.
    """

    ws: str | None = None
    rest: str | None = None


def rest_url(exchange: Exchange, endpoint: Endpoint, target: str, root: str | None = None) -> str:
    return (endpoint.rest or root or exchange.rest_url) + target


def asked_url(exchange: Exchange, endpoint: Endpoint, request: Request) -> str:
    return rest_url(exchange, endpoint, request.target, request.root)


def stream_url(exchange: Exchange, endpoint: Endpoint, path: str) -> str:
    return (endpoint.ws or exchange.stream_url) + path


def entered_url(endpoint: Endpoint, entry: str, path: str) -> str:
    """A stream whose address the venue said: its host is replaced, the rest is as it said."""
    if endpoint.ws is None:
        return entry + path
    parts = urlsplit(entry)
    query = f"?{parts.query}" if parts.query else ""
    return f"{endpoint.ws}{parts.path}{query}{path}"


def allow(egress: Egress, exchange: Exchange, endpoint: Endpoint) -> None:
    """Let these hosts be spoken to, and no others of the venue."""
    wallets = exchange.ask_wallets()
    for request in (wallets, exchange.ask_time(), *exchange.ask_markets()):
        if request is not None:
            url = asked_url(exchange, endpoint, request)
            egress.allow(url, chosen=endpoint.rest is not None)
    egress.allow(stream_url(exchange, endpoint, ""), chosen=endpoint.ws is not None)
    if exchange.entry() is not None and endpoint.ws is None:
        host = urlsplit(exchange.rest_url).hostname or ""
        egress.allow_below(".".join(host.split(".")[-2:]))
