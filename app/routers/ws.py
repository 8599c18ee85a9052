"""WS: what changes, over a WebSocket: a full sync first, then the topics of /api/v1/events."""

from __future__ import annotations

import time
from typing import Annotated, cast
from urllib.parse import urlsplit

import msgspec
from fastapi import APIRouter, Depends
from starlette.websockets import WebSocket

from app.domain.problems import FieldError, Problem
from app.routers.streams import HZ_MAX, topics_named
from app.runtime.desk import Desk, desk
from app.runtime.items import market_item, moment
from app.runtime.streams.board import TOPICS
from app.runtime.streams.clients import Client, Topics
from app.runtime.streams.response import CONNECTION, Connection
from app.runtime.streams.socket import MessageWire, sync
from app.security.guard import needs
from app.security.principal import Principal

# What the first message holds besides the markets.
SYNCED = ("prices", "opportunities", "stats")

router = APIRouter()


@router.websocket("/ws")
async def follow(
    socket: WebSocket, principal: Annotated[Principal, Depends(needs("read"))]
) -> None:
    """`?topics=` and `?hz=` as of /api/v1/events. What the client says is not listened to."""
    if principal.is_session and not _is_own_page(socket):
        raise Problem("forbidden")
    feed = Topics(topics_named(socket.query_params.get("topics", ",".join(TOPICS))))
    hz = _hz(socket.query_params.get("hz", str(HZ_MAX)))
    hub = desk(socket).hub
    most = hub.limits.per_session_max if principal.is_session else hub.limits.per_token_max
    with hub.slot(principal.key, most):
        await socket.accept()
        connection = cast("Connection", socket.scope["extensions"][CONNECTION])
        wire = MessageWire(connection.transport)
        wire.put(_sync(desk(socket)))
        with hub.listening(Client(feed, hz, principal.key, wire)):
            await _gone(socket)


async def _gone(socket: WebSocket) -> None:
    """Return when the client is gone; the hub ends a stream by closing its connection."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        continue


def _is_own_page(socket: WebSocket) -> bool:
    """A cookie comes along with every page's request, so the page must be ours."""
    origin = socket.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == socket.headers.get("host")


def _hz(written: str) -> int:
    if written.isdecimal() and len(written) < 4 and int(written) <= HZ_MAX:
        return int(written)
    place = FieldError(column="hz", value=written[:200], expected=f"whole number 0..{HZ_MAX}")
    raise Problem("invalid_fields", errors=(place,))


def _sync(here: Desk) -> bytes:
    """Everything that a program needs before the first change."""
    hub, market = here.hub, here.market
    for topic in SYNCED:
        if hub.freshen is not None and not hub.is_followed(topic):
            hub.freshen(topic)
    lists = {topic: [*hub.snapshot(topic).values()] for topic in SYNCED}
    lists["common_markets"] = [msgspec.json.encode(market_item(row)) for row in market.markets()]
    return sync(lists, moment(time.time_ns()))
