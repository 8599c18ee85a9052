"""Wallets: balances, networks, transfers, and what would even them out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.domain.problems import FieldError, Problem
from app.domain.venues import Venue
from app.routers.render import look, render
from app.routers.trading.asking import asked_of
from app.routers.trading.wallets import wallets
from app.runtime.desk import desk
from app.security.guard import page
from app.security.principal import Principal

ASSET_LETTERS_MAX = 32

router = APIRouter(dependencies=[Depends(page()), Depends(look)], include_in_schema=False)
Person = Annotated[Principal, Depends(page())]


@router.get("/wallets")
async def wallets_page(request: Request) -> Response:
    shown = await wallets(desk(request), asked_of(request, "wallets"))
    return render(request, "wallets.html", page="wallets", **shown)


@router.post("/wallets/drift")
async def accept_drift(request: Request, principal: Person) -> Response:
    """A person says that the venue is right: the difference is booked, the purse thaws."""
    form = await request.form()
    venue, asset = str(form.get("venue", "")), str(form.get("asset", ""))
    if venue not in set(Venue) or not 0 < len(asset) <= ASSET_LETTERS_MAX:
        raise Problem("invalid_fields", errors=(FieldError(column="venue", value=venue[:40]),))
    await desk(request).trading.accept_drift(Venue(venue), asset, by=principal.name)
    return RedirectResponse("/wallets", 303)
