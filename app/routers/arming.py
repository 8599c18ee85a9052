"""Arming: two steps after a start in LIVE, each its own form, and the way back."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.domain.problems import Problem
from app.routers.render import look, render
from app.routers.settings_security import admin, proof_of, text
from app.runtime.desk import desk
from app.security.guard import page
from app.security.limits import ARM_HOURS_MAX
from app.security.principal import Principal, visitor

HOURS = (1, 2, 4, 8, ARM_HOURS_MAX)

router = APIRouter(
    prefix="/arming", dependencies=[Depends(page()), Depends(look)], include_in_schema=False
)
Person = Annotated[Principal, Depends(admin)]


@router.get("")
async def arming_page(request: Request, principal: Person) -> Response:
    return await _page(request, principal)


@router.post("/ticket")
async def ticket(request: Request, principal: Person) -> Response:
    proof = proof_of(await request.form())
    try:
        await desk(request).safe.arming.ticket(principal, proof, visitor(request))
    except Problem as problem:
        return await _page(request, principal, problem)
    return RedirectResponse("/arming", 303)


@router.post("")
async def arm(request: Request, principal: Person) -> Response:
    form = await request.form()
    hours = text(form, "hours")
    try:
        await desk(request).safe.arming.arm(
            principal,
            text(form, "ticket"),
            text(form, "phrase"),
            float(hours) if hours.isdecimal() else 0.0,
            visitor(request),
        )
    except Problem as problem:
        return await _page(request, principal, problem)
    return RedirectResponse("/arming", 303)


@router.post("/disarm")
async def disarm(request: Request, principal: Person) -> Response:
    """Nobody is asked anything before stopping."""
    await desk(request).safe.arming.disarm(principal, visitor(request))
    return RedirectResponse("/arming", 303)


async def _page(request: Request, principal: Principal, problem: Problem | None = None) -> Response:
    here = desk(request)
    context: dict[str, Any] = {"problem": problem}
    return render(
        request,
        "arming.html",
        status=problem.status if problem else 200,
        page="risk",
        engine=await here.trading.engine(),
        factor=await here.safe.second_factor.row(principal),
        ticket=here.safe.arming.held(principal),
        hours=HOURS,
        **context,
    )
