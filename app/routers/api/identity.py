"""Identities: /api/v1/identities, what tickers really are. Deciding needs the scope admin."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from app.domain import live
from app.domain.policy import AssetName, Verdict
from app.domain.problems import Problem
from app.domain.venues import Venue
from app.routers.api import examples_live as examples
from app.routers.api.asked import NAME_PATTERN, Number
from app.routers.api.encode import answer, answers, refusals
from app.routers.api.live import Base, Cursor, Limit, listed, page
from app.runtime import items
from app.runtime.desk import desk
from app.runtime.policy import MULTIPLIER_MAX, NOTE_LENGTH_MAX
from app.runtime.preferences import TICKER
from app.security.guard import needs
from app.security.principal import Principal

router = APIRouter(
    prefix="/api/v1/identities",
    tags=["market"],
    dependencies=[Depends(needs("read"))],
    responses=refusals("not_signed_in", "scope_missing", "invalid_fields"),
)


Note = Annotated[str, Field(max_length=NOTE_LENGTH_MAX, pattern=NAME_PATTERN)]
Ticker = Annotated[str, Field(pattern=f"^{TICKER.pattern}$")]

_NAME = AssetName(Venue.BINANCE, "1000PEPE", "PEPE", 1000.0, "seed", "")


class Decision(BaseModel):
    """Whether the two tickers are one asset."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"verdict": "different", "note": "GTC2"}]}
    )

    verdict: Verdict
    note: Note = ""


@router.get(
    "",
    summary="Pairs that may not be one asset",
    responses=listed(live.IdentityRow, "Open questions first", examples.IDENTITY),
)
async def identities(
    request: Request,
    base: Base = None,
    open_only: Annotated[bool, Query(alias="open", description="undecided ones only")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Nothing of a quarantined pair is reported until a person decides."""
    rows = (
        row
        for row in desk(request).market.identities()
        if base in {None, row.base} and not (open_only and row.decision is not None)
    )
    return page(rows, limit, cursor)


class NewName(BaseModel):
    """What a venue's ticker really is; asset null goes back to what is shipped."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"venue": "binance", "ticker": "1000PEPE", "asset": "PEPE", "multiplier": 1000}
            ]
        },
    )

    venue: Venue
    ticker: Ticker
    asset: Ticker | None
    multiplier: Annotated[Number, Field(gt=0, le=MULTIPLIER_MAX)] = 1.0
    note: Note = ""


@router.get(
    "/names",
    summary="What tickers really are",
    responses=listed(AssetName, "Shipped rows and people's over them", _NAME),
)
async def names(
    request: Request, venue: Venue | None = None, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """A ticker in no row has its own name. multiplier: units of the asset in one of the ticker."""
    rows = desk(request).market.policies.names()
    return page((row for row in rows if venue in {None, row.venue}), limit, cursor)


@router.put(
    "/names",
    summary="Say what a ticker really is",
    responses=listed(AssetName, "The venue's rows as they now stand", _NAME)
    | refusals("malformed_json"),
)
async def put_name(
    request: Request, body: NewName, principal: Annotated[Principal, Depends(needs("admin"))]
) -> Response:
    """The next word on the same ticker replaces the last."""
    policies = desk(request).market.policies
    await policies.set_name(
        body.venue,
        body.ticker,
        body.asset,
        by=principal.name,
        multiplier=body.multiplier,
        note=body.note,
    )
    rows = [row for row in policies.names() if row.venue is body.venue]
    return page(rows, len(rows) or 1, None)


@router.post(
    "/{identity_id}",
    summary="Decide whether two tickers are one asset",
    responses=answers(
        200,
        items.shape(live.IdentityRow),
        "The pair as it now stands",
        items.item(examples.IDENTITY),
    )
    | refusals("not_found", "malformed_json"),
)
async def decide(
    request: Request,
    identity_id: str,
    body: Decision,
    principal: Annotated[Principal, Depends(needs("admin"))],
) -> Response:
    """`same` ends the quarantine, `different` makes it final, `open` undoes what was said; the next
    word replaces the last."""
    market = desk(request).market
    row = next((row for row in market.identities() if row.id == identity_id), None)
    if row is None:
        raise Problem("not_found")
    await market.decide(identity_id, body.verdict, by=principal.name, note=body.note)
    row = next((each for each in market.identities() if each.id == identity_id), row)
    if body.verdict is Verdict.OPEN:
        decided = msgspec.structs.replace(row, decision=None, decided_by=None, decided_at_ns=None)
    else:
        decided = msgspec.structs.replace(row, decision=body.verdict, decided_by=principal.name)
    return answer(items.identity_item(decided))
