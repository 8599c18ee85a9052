"""Cycles: the list by tabs, one cycle with all that happened to it, and what a person may do."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.domain.problems import FieldError, Problem
from app.routers.render import look, render
from app.routers.trading.asking import asked_of, whole_number
from app.routers.trading.cycle import ACTIONS, one
from app.routers.trading.cycles import listed
from app.runtime.desk import desk
from app.security.guard import page
from app.security.principal import Principal

NOTE_LETTERS_MAX = 400

router = APIRouter(dependencies=[Depends(page()), Depends(look)], include_in_schema=False)
Person = Annotated[Principal, Depends(page())]


@router.get("/cycles")
async def cycles_page(request: Request) -> Response:
    shown = await listed(desk(request), asked_of(request, "cycles"))
    return render(request, "cycles.html", page="cycles", **shown)


@router.get("/cycles/{cycle_id}")
async def cycle_page(request: Request, cycle_id: str) -> Response:
    return render(request, "cycle.html", page="cycles", **await one(desk(request), {}, cycle_id))


@router.get("/cycles/{cycle_id}/{action}")
async def ask(request: Request, cycle_id: str, action: str) -> Response:
    if action not in ACTIONS:
        raise Problem("not_found")
    shown = await one(desk(request), {}, cycle_id)
    return render(request, "cycle_ask.html", page="cycles", action=action, **shown)


@router.post("/cycles/{cycle_id}/{action}")
async def act(request: Request, principal: Person, cycle_id: str, action: str) -> Response:
    """Problem cycle_changed where the person saw another version: nothing was done."""
    if action not in ACTIONS:
        raise Problem("not_found")
    form, trading = await request.form(), desk(request).trading
    version = whole_number(form, "version")
    note = str(form.get("note", ""))
    if len(note) > NOTE_LETTERS_MAX:
        expected = f"<= {NOTE_LETTERS_MAX} letters"
        raise Problem("invalid_fields", errors=(FieldError(column="note", expected=expected),))
    await trading.ask(cycle_id, action, version, by=principal.name, note=note)
    return RedirectResponse(f"/cycles/{cycle_id}", 303)
