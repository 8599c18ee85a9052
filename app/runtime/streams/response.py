"""Response: the ASGI end of a stream, which hands the client's socket over to the hub.

An ordinary ASGI stream costs a task switch, a dict and a framing per client and message. Here
the response sends its head through ASGI as usual (every middleware sees and completes it), then
the hub writes one shared, already framed buffer straight to each connection's transport.

The transport comes from our own connection class (`app.runtime.serving`) in
`scope["extensions"]`: a middleware may wrap `send`, and its closures hide uvicorn's objects, but
the scope is handed through. Where it is missing (another server, HTTP/1.0, a middleware that
has held the head back) the bytes go through `send`, and all else is equal.
"""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.runtime.streams.clients import Client, Feed, Outbox, SocketWire
from app.runtime.streams.hub import Hub

CONNECTION = "kimp.connection"


class Connection(Protocol):
    """What `scope["extensions"]["kimp.connection"]` must offer."""

    transport: asyncio.Transport

    def head_is_sent(self) -> bool:
        """Whether the head of the running response, chunked, has been written."""


class StreamResponse(Response):
    """A server-sent event stream of one feed. session, most: who may have how many of them."""

    media_type = "text/event-stream"

    def __init__(self, hub: Hub, feed: Feed, *, hz: int, session: str, most: int) -> None:
        self.status_code = 200
        self.background = None
        # The second name asks nginx not to hold events back.
        self.init_headers({"cache-control": "no-store", "x-accel-buffering": "no"})
        self._hub = hub
        self._feed = feed
        self._hz = hz
        self._session = session
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The slot is taken here and not by the route: a client that goes away before the first
        # byte ends this call like any other and cannot leave a slot behind.
        with self._hub.slot(self._session, self._most):
            head = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(head)
            connection = cast("Connection | None", scope.get("extensions", {}).get(CONNECTION))
            if connection and scope["http_version"] == "1.1" and connection.head_is_sent():
                wire = SocketWire(connection.transport)
                with self._hub.listening(self._client(wire)):
                    await _gone(receive)
            else:
                await self._through_send(receive, send)

    def _client(self, wire: SocketWire | Outbox) -> Client:
        return Client(self._feed, self._hz, self._session, wire)

    async def _through_send(self, receive: Receive, send: Send) -> None:
        outbox = Outbox()
        with self._hub.listening(self._client(outbox)):
            ends = [
                asyncio.create_task(_pump(outbox, send)),
                asyncio.create_task(_gone(receive)),
                asyncio.create_task(outbox.aborted.wait()),
            ]
            try:
                done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                for task in ends:
                    task.cancel()


async def _pump(outbox: Outbox, send: Send) -> None:
    more = True
    while more:
        body = await outbox.take()
        more = not outbox.ended
        await send({"type": "http.response.body", "body": body, "more_body": more})


async def _gone(receive: Receive) -> None:
    """Return when the client is gone; the hub ends a stream by closing its connection."""
    while (await receive())["type"] != "http.disconnect":
        continue
