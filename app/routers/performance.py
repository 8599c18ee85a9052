"""Performance: what every day came to, and all of them together."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from app.routers.render import look, render
from app.routers.trading.asking import asked_of
from app.routers.trading.performance import performance
from app.runtime.desk import desk
from app.security.guard import page

router = APIRouter(dependencies=[Depends(page()), Depends(look)], include_in_schema=False)


@router.get("/performance")
async def performance_page(request: Request) -> Response:
    shown = await performance(desk(request), asked_of(request, "performance"))
    return render(request, "performance.html", page="performance", **shown)
