"""Streams: what changed, for programs (/api/v1/events, JSON) and pages (/stream/<page>, HTML)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from app.domain.problems import FieldError, Problem
from app.routers.api.encode import refusals
from app.routers.render import look, viewer
from app.runtime.desk import desk
from app.runtime.streams.board import CHOICE_LETTERS_MAX, TOPICS, View, chosen, is_page
from app.runtime.streams.clients import Feed, Page, Topics
from app.runtime.streams.hub import PAGE_HZ
from app.runtime.streams.response import StreamResponse
from app.security.csrf import same_origin
from app.security.guard import needs, page
from app.security.principal import Principal

HZ_MAX = 10

router = APIRouter()

_EXAMPLE = """id: 1
event: backtests
data: {"at":"2026-11-20T06:50:00.000000Z","full":true,"items":[{"id":"b-1","status":"running",\
"progress":0.4}],"remove":[]}

id: 2
event: backtests
data: {"at":"2026-11-20T06:50:00.100000Z","full":false,"items":[{"id":"b-1","status":"running",\
"progress":0.5}],"remove":[]}

"""


@router.get(
    "/api/v1/events",
    tags=["events"],
    summary="Listen to what changes (server-sent events)",
    status_code=200,  # the description asks for it: this class has no default to read it from
    response_class=StreamResponse,
    responses=refusals("not_signed_in", "scope_missing", "invalid_fields", "too_many_streams")
    | {200: {"content": {"text/event-stream": {"example": _EXAMPLE}}}},
)
async def listen(
    request: Request,
    principal: Annotated[Principal, Depends(needs("read"))],
    topics: Annotated[
        str, Query(description="Topics, separated by commas.", examples=["backtests,health"])
    ] = ",".join(TOPICS),
    hz: Annotated[
        int, Query(ge=0, le=HZ_MAX, description="Messages a second at most; 0 = every change.")
    ] = HZ_MAX,
) -> Response:
    """The first message of each topic has `full` true and all its items; those that follow have
    the items that changed since and the keys of those that are gone. A comment comes every 15
    seconds, `event: bye` when kimp stops. A reconnected client starts with the full state again,
    whatever Last-Event-ID it sends.

    The same over a WebSocket: `/ws?topics=…&hz=…` at the root, with the token in the Authorization
    header, or from an own page with its session. The first message is {"type": "sync", prices,
    opportunities, stats, common_markets}, each a list of items; then every message is {"type":
    topic, sequence, at, full, items, remove} as above, and {"type": "bye"} when kimp stops."""
    if principal.is_session and not same_origin(request):
        raise Problem("forbidden")
    return _stream(request, principal, Topics(topics_named(topics)), hz)


@router.get("/stream/{name:path}", include_in_schema=False)
async def follow(
    request: Request, name: str, principal: Annotated[Principal, Depends(page())]
) -> Response:
    """The regions of a page, rendered as this viewer reads them."""
    if not is_page(name):
        raise Problem("not_found")
    if not same_origin(request):
        raise Problem("forbidden")
    await look(request)
    seen = viewer(request)
    try:
        query = chosen(name, request.query_params)
    except ValueError as too_long:
        expected = f"at most {CHOICE_LETTERS_MAX} letters"
        error = FieldError(column=str(too_long), expected=expected)
        raise Problem("invalid_fields", errors=(error,)) from None
    feed = Page(name, View(lang=seen.lang, zone=seen.zone, query=query))
    return _stream(request, principal, feed, PAGE_HZ)


def _stream(request: Request, principal: Principal, feed: Feed, hz: int) -> StreamResponse:
    hub = desk(request).hub
    most = hub.limits.per_session_max if principal.is_session else hub.limits.per_token_max
    return StreamResponse(hub, feed, hz=hz, session=principal.key, most=most)


def topics_named(words: str) -> tuple[str, ...]:
    """Named topics once each, in the registry's order."""
    named = {word.strip() for word in words.split(",")}
    unknown = sorted(named - TOPICS.keys())
    if unknown:
        expected = "any of " + ", ".join(TOPICS)
        error = FieldError(column="topics", value=unknown[0][:200], expected=expected)
        raise Problem("invalid_fields", errors=(error,))
    return tuple(topic for topic in TOPICS if topic in named)
