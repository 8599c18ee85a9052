"""MIDDLEWARE, pure ASGI, outermost first: correlation, headers, host, body size, repeats."""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.domain.problems import Problem
from app.security import headers, hosts
from app.security.hosts import Network
from app.security.limits import BODY_BYTES_MAX, REQUEST_ID_LENGTH_MAX
from app.security.repeats import KeepsAnswers

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Of an answer, and of one that refuses a WebSocket.
HEADS = frozenset({"http.response.start", "websocket.http.response.start"})
_REQUEST_ID = re.compile(rb"[0-9A-Za-z._-]{1,%d}" % REQUEST_ID_LENGTH_MAX)
_BODY_LIMIT = "body_bytes_max"

Refuse = Callable[[HTTPConnection, Problem], ASGIApp]


@dataclass(frozen=True, slots=True)
class Door:
    """Where kimp is reached and which proxies may speak for others."""

    hosts: frozenset[str]
    https: bool
    proxies: tuple[Network, ...]

    @classmethod
    def at(cls, public_url: str, trusted_proxies: tuple[str, ...]) -> Door:
        return cls(
            hosts.allowed_hosts(public_url),
            public_url.startswith("https:"),
            hosts.networks(trusted_proxies),
        )


def wrap(app: ASGIApp, door: Door, refuse: Refuse) -> ASGIApp:
    """`app` behind the front door. refuse: how a problem is answered from outside the routes."""
    guarded = _OwnName(_SmallBodies(KeepsAnswers(app)), door.hosts, refuse)
    return _Correlation(_Headers(guarded, https=door.https), door.proxies)


@dataclass(slots=True)
class _Correlation:
    """Gives each request its id and its address, for the log, the page and the answer."""

    app: ASGIApp
    proxies: tuple[Network, ...]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        state["ip"] = hosts.client_ip(scope, self.proxies)
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self.app(scope, receive, send)


def _request_id(scope: Scope) -> str:
    """The caller's own X-Request-Id where it is harmless, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value, "ascii")
    return secrets.token_hex(8)


class _Headers:
    """Completes every answer, also those of the outer layers and of unexpected failures."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self.app = app
        self.defaults = headers.defaults(https=https)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        own = (b"x-request-id", scope["state"]["request_id"].encode())

        async def complete(message: Message) -> None:
            if message["type"] in HEADS:
                sent = list(message.get("headers", ()))
                message["headers"] = headers.completed(sent, (own, *self.defaults))
            await send(message)

        await self.app(scope, receive, complete)


@dataclass(slots=True)
class _OwnName:
    """Answers only under our own names (DNS rebinding), only to methods that exist."""

    app: ASGIApp
    hosts: frozenset[str]
    refuse: Refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = None if scope["type"] == "lifespan" else self._problem(scope)
        if problem is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self.refuse(HTTPConnection(scope), problem)(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": problem.code})

    def _problem(self, scope: Scope) -> Problem | None:
        host = hosts.host_of(scope)
        if host is None:
            return Problem("bad_request", values={"reason": "Host"})
        if host not in self.hosts:
            return Problem("wrong_host", values={"host": host})
        if scope["type"] == "http" and scope["method"] not in METHODS:
            return Problem("method_not_allowed", values={"allowed": ", ".join(sorted(METHODS))})
        return None


class BodyTooLargeError(HTTPException):
    """Raised where the body is read; an HTTPException, since FastAPI hides all others there."""

    def __init__(self, bytes_max: int) -> None:
        super().__init__(413, detail=str(bytes_max))
        self.bytes_max = bytes_max


class _SmallBodies:
    """Refuses a body over the limit: one that says so before a byte is read, others on the way."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope["state"]
        state[_BODY_LIMIT] = BODY_BYTES_MAX
        received = 0

        async def counted() -> Message:
            nonlocal received
            if received == 0:
                _check_declared(scope)
            message = await receive()
            received += len(message.get("body", b""))
            if received > state[_BODY_LIMIT]:
                raise BodyTooLargeError(state[_BODY_LIMIT])
            return message

        await self.app(scope, counted, send)


def allow_any_body(scope: Scope) -> None:
    """For a route that reads its own body at its own limit."""
    scope["state"][_BODY_LIMIT] = math.inf


def _check_declared(scope: Scope) -> None:
    bytes_max = scope["state"][_BODY_LIMIT]
    for name, value in scope["headers"]:
        if name == b"content-length" and (not value.isdigit() or int(value) > bytes_max):
            raise BodyTooLargeError(bytes_max)
