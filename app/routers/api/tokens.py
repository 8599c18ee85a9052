"""API tokens and the audit trail: /api/v1/tokens, /api/v1/audit. Both need the scope admin."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from app.domain.records import AuditRow, TokenRow
from app.routers.api.encode import answer, answers, refusals
from app.runtime.desk import desk
from app.security.guard import needs
from app.security.limits import TOKEN_DAYS_MAX, TOKEN_NAME_LENGTH_MAX
from app.security.principal import Principal, Scope, visitor
from app.texts.formats import iso

PAGE_DEFAULT, PAGE_MAX = 50, 1_000

router = APIRouter(
    prefix="/api/v1",
    tags=["access"],
    dependencies=[Depends(needs("admin"))],
    responses=refusals("not_signed_in", "scope_missing"),
)
Admin = Annotated[Principal, Depends(needs("admin"))]


class NewToken(BaseModel):
    """What a program may do and until when."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "nightly sweep", "scopes": ["backtest"], "expires_days": 90}]
        },
    )

    name: Annotated[str, Field(min_length=1, max_length=TOKEN_NAME_LENGTH_MAX)]
    scopes: Annotated[
        list[Literal["read", "backtest", "trade", "admin"]], Field(min_length=1, max_length=4)
    ]
    expires_days: Annotated[int, Field(ge=1, le=TOKEN_DAYS_MAX)] | None = None
    code: Annotated[str, Field(max_length=64)] = ""
    """Of the telephone, where a person with a second factor asks."""


class Token(msgspec.Struct, kw_only=True):
    """A token without its secret."""

    id: str
    name: str
    scopes: tuple[str, ...]
    created_at: str
    expires_at: str | None = None
    used_at: str | None = None
    revoked_at: str | None = None


class IssuedToken(Token, kw_only=True):
    """A new token with its text, `kimp_<id>_<secret>`, which is shown this once."""

    token: str


class Tokens(msgspec.Struct):
    """Newest first, revoked ones included."""

    items: list[Token]
    next_cursor: str | None = None


class Event(msgspec.Struct):
    """Who did what from where, and how it ended."""

    id: int
    at: str
    actor: str
    ip: str
    action: str
    result: str
    detail: str


class Events(msgspec.Struct):
    """The audit trail, newest first."""

    items: list[Event]
    next_cursor: str | None


_EXAMPLE = Token(
    id="3f2a9c01b7de",
    name="nightly sweep",
    scopes=("backtest",),
    created_at="2026-11-20T06:50:00Z",
    expires_at="2027-02-18T06:50:00Z",
)
_ISSUED = IssuedToken(**msgspec.structs.asdict(_EXAMPLE), token=f"kimp_3f2a9c01b7de_{'5' * 64}")
_EVENT = Event(7, "2026-11-20T06:50:00Z", "admin", "127.0.0.1", "login", "ok", "")


@router.get(
    "/tokens",
    summary="List API tokens",
    responses=answers(200, Tokens, "All tokens", Tokens([_EXAMPLE])),
)
async def list_tokens(request: Request) -> Response:
    return answer(Tokens([_token(row) for row in await desk(request).accounts.tokens()]))


@router.post(
    "/tokens",
    status_code=201,
    summary="Issue a token",
    responses=answers(201, IssuedToken, "The token, shown this once", _ISSUED)
    | refusals("too_many_tokens", "invalid_fields", "code_wrong", "too_many_attempts"),
)
async def create_token(request: Request, body: NewToken, principal: Admin) -> Response:
    """Nobody can give a scope that they do not have. A person with a second factor proves it."""
    await desk(request).safe.second_factor.permit_own(principal, body.code, visitor(request))
    row, text = await desk(request).accounts.create_token(
        principal,
        body.name,
        tuple(Scope(word) for word in dict.fromkeys(body.scopes)),
        visitor(request),
        days=body.expires_days,
    )
    return answer(IssuedToken(**msgspec.structs.asdict(_token(row)), token=text), status=201)


@router.delete(
    "/tokens/{token_id}",
    status_code=204,
    summary="Revoke a token at once",
    responses=refusals("not_found"),
)
async def revoke_token(request: Request, token_id: str, principal: Admin) -> Response:
    await desk(request).accounts.revoke_token(principal, token_id, visitor(request))
    return Response(status_code=204)


@router.get(
    "/audit",
    summary="Read the audit trail",
    responses=answers(200, Events, "Newest first", Events([_EVENT], None))
    | refusals("invalid_fields"),
)
async def list_events(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE_DEFAULT,
    cursor: str | None = None,
) -> Response:
    rows, onward = await desk(request).accounts.events(limit, cursor)
    return answer(Events([_event(row) for row in rows], onward))


def _token(row: TokenRow) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        scopes=row.scopes,
        created_at=iso(row.created_at_ns),
        expires_at=iso(row.expires_at_ns) or None,
        used_at=iso(row.used_at_ns) or None,
        revoked_at=iso(row.revoked_at_ns) or None,
    )


def _event(row: AuditRow) -> Event:
    return Event(row.id, iso(row.at_ns), row.actor, row.ip, row.action, row.result, row.detail)
