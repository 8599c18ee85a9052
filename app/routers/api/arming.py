"""Arming: /api/v1/engine/arm. A signed-in admin alone; no token can arm, whatever its scopes."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from app.domain.problems import Problem
from app.routers.api import examples_trading as examples
from app.routers.api.encode import answer, answers, refusals
from app.runtime.desk import desk
from app.runtime.second_factor import Proof
from app.runtime.trading import pages
from app.runtime.trading.arming import Ticket
from app.security.guard import needs
from app.security.limits import ARM_HOURS_MAX, PASSWORD_LENGTH_MAX
from app.security.principal import Principal, visitor
from app.texts.formats import iso

CODE_LENGTH_MAX = 64


async def person(principal: Annotated[Principal, Depends(needs("admin"))]) -> Principal:
    """In a browser: asked before anything of the body is looked at."""
    if not principal.is_session:
        raise Problem("session_only")
    return principal


router = APIRouter(
    prefix="/api/v1/engine",
    tags=["trading"],
    dependencies=[Depends(needs("read"))],
    responses=refusals("not_signed_in", "scope_missing", "invalid_fields"),
)
Person = Annotated[Principal, Depends(person)]


class Proved(BaseModel):
    """Password and the telephone's code of now."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"password": "correct horse battery", "code": "492039"}]},
    )

    password: Annotated[str, Field(max_length=PASSWORD_LENGTH_MAX)]
    code: Annotated[str, Field(max_length=CODE_LENGTH_MAX)]


class Typed(BaseModel):
    """The ticket and the phrase that it shows; how long it is to last."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"ticket": "mM3sZ0dQ4r", "phrase": "LIVE 500000 KRW", "hours": 4}]
        },
    )

    ticket: Annotated[str, Field(max_length=64)]
    phrase: Annotated[str, Field(max_length=200)]
    hours: Annotated[float, Field(gt=0, le=ARM_HOURS_MAX)] = ARM_HOURS_MAX


class AddressItem(msgspec.Struct, frozen=True):
    """venue, network: the receiver's."""

    venue: str
    asset: str
    network: str
    address: str
    tag: str
    active: bool


class BalanceItem(msgspec.Struct, frozen=True):
    venue: str
    asset: str
    available: str
    reserved: str
    in_flight: str


class TicketItem(msgspec.Struct, frozen=True):
    """Good for a minute, once, in this session. What is armed by typing `phrase`."""

    ticket: str
    phrase: str
    until: str
    daily_loss_krw_max: float
    size_krw: float
    total_krw_max: float
    venues: list[str]
    addresses: list[AddressItem]
    balances: list[BalanceItem]


EXAMPLE = TicketItem(
    "mM3sZ0dQ4r",
    "LIVE 500000 KRW",
    "2026-11-20T06:51:00Z",
    500_000.0,
    1_000_000.0,
    30_000_000.0,
    ["upbit", "binance"],
    [AddressItem("upbit", "XRP", "XRP", "rN7nhpA1s5", "42", True)],
    [BalanceItem("binance", "USDT", "50000", "0", "0")],
)
REFUSED = ("session_only", "not_live", "engine_killed")


@router.post(
    "/arm/ticket",
    summary="Ask for an arm ticket",
    responses=answers(200, TicketItem, "What arming would mean", EXAMPLE)
    | refusals(
        *REFUSED, "bad_credentials", "second_factor_missing", "code_wrong", "too_many_attempts",
        "addresses_tampered", "vault_shut",
    ),
)  # fmt: skip
async def arm_ticket(request: Request, body: Proved, principal: Person) -> Response:
    """The second of three parts; the first is KIMP_MODE=live. A recovery code will not do."""
    proof = Proof(body.password, body.code)
    ticket = await desk(request).safe.arming.ticket(principal, proof, visitor(request))
    return answer(_ticket(ticket))


@router.post(
    "/arm",
    summary="Arm LIVE",
    responses=answers(200, pages.EngineItem, "Armed", examples.ENGINE)
    | refusals(*REFUSED, "ticket_over", "phrase_wrong", "conflict"),
)
async def arm(request: Request, body: Typed, principal: Person) -> Response:
    """The third part. It ends after `hours`, with a kill and with every restart. Cycles begin
    when the state is ACTIVE as well."""
    arming = desk(request).safe.arming
    row = await arming.arm(principal, body.ticket, body.phrase, body.hours, visitor(request))
    return answer(pages.engine_item(row))


@router.post(
    "/disarm",
    summary="Disarm LIVE",
    responses=answers(200, pages.EngineItem, "Disarmed", examples.ENGINE),
)
async def disarm(
    request: Request, principal: Annotated[Principal, Depends(needs("trade"))]
) -> Response:
    """Nothing new is sent; cancels, questions and postings go on."""
    return answer(
        pages.engine_item(await desk(request).safe.arming.disarm(principal, visitor(request)))
    )


def _ticket(ticket: Ticket) -> TicketItem:
    return TicketItem(
        ticket.id,
        ticket.phrase,
        iso(ticket.until_ns),
        ticket.daily_loss_krw_max,
        ticket.size_krw,
        ticket.total_krw_max,
        list(ticket.venues),
        [
            AddressItem(
                each.venue, each.asset, each.network, each.address, each.tag, each.is_active
            )
            for each in ticket.addresses
        ],
        [
            BalanceItem(
                each.venue,
                each.asset,
                f"{each.available:f}",
                f"{each.reserved:f}",
                f"{each.in_flight:f}",
            )
            for each in ticket.balances
        ],
    )
