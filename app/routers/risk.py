"""Risk: trading state and kill switch, limits and their use, breakers, who changed what."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.domain.problems import FieldError, Problem
from app.domain.trading import TradingState
from app.domain.venues import Venue
from app.routers.render import look, render
from app.routers.trading.asking import way_back, whole_number
from app.routers.trading.risk import OUTAGE_S, risk
from app.runtime.desk import desk
from app.security.guard import page
from app.security.principal import Principal

router = APIRouter(dependencies=[Depends(page()), Depends(look)], include_in_schema=False)
Person = Annotated[Principal, Depends(page())]


@router.get("/risk")
async def risk_page(request: Request) -> Response:
    return render(request, "risk.html", page="risk", **await risk(desk(request), {}))


@router.post("/risk/state")
async def set_state(request: Request, principal: Person) -> Response:
    """HALTED is done whatever the person saw; the others only on the version that was seen."""
    form, trading = await request.form(), desk(request).trading
    word = str(form.get("state", ""))
    if word not in set(TradingState):
        error = FieldError(column="state", value=word[:40], expected=" | ".join(TradingState))
        raise Problem("invalid_fields", errors=(error,))
    if word != TradingState.HALTED and "version" in form:
        now = (await trading.engine()).version
        if whole_number(form, "version") != now:
            raise Problem("state_changed")
    reason = str(form.get("reason", ""))[:400]
    await trading.set_state(TradingState(word), by=principal.name, reason=reason)
    return RedirectResponse(way_back(form, "/risk"), 303)


@router.post("/risk/outage")
async def outage(request: Request) -> Response:
    """A venue of the demo goes into maintenance, or comes back; of no other market."""
    form, outages = await request.form(), desk(request).market.outages
    word = str(form.get("venue", ""))
    if outages is None:
        raise Problem("not_found")
    if word not in set(Venue):
        raise Problem("invalid_fields", errors=(FieldError(column="venue", value=word[:40]),))
    if "end" in form:
        outages.end(Venue(word))
    elif whole_number(form, "seconds") not in OUTAGE_S:
        expected = " | ".join(map(str, OUTAGE_S))
        raise Problem("invalid_fields", errors=(FieldError(column="seconds", expected=expected),))
    else:
        outages.begin(Venue(word), whole_number(form, "seconds"))
    return RedirectResponse("/risk#rehearsal", 303)


@router.get("/risk/kill")
async def ask_kill(request: Request) -> Response:
    """The guard, where there is no script to open it in place."""
    return render(request, "kill.html", page="risk", **await risk(desk(request), {}))


@router.post("/risk/kill")
async def kill(request: Request, principal: Person) -> Response:
    form = await request.form()
    reason = str(form.get("reason", ""))[:400]
    await desk(request).trading.kill(by=principal.name, reason=reason)
    return RedirectResponse(way_back(form, "/risk"), 303)
