"""Orders: those that nobody knows of first, then all, each with its questions and answers."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from app.routers.render import look, render
from app.routers.trading.asking import asked_of
from app.routers.trading.orders import intent_of, orders
from app.runtime.desk import desk
from app.security.guard import page

router = APIRouter(dependencies=[Depends(page()), Depends(look)], include_in_schema=False)


@router.get("/orders")
async def orders_page(request: Request) -> Response:
    shown = await orders(desk(request), asked_of(request, "orders"))
    return render(request, "orders.html", page="orders", **shown)


@router.get("/orders/{public_id}")
async def intent_page(request: Request, public_id: str) -> Response:
    """An order by or-8, a transfer by tr-3, either by its client id."""
    shown = await intent_of(desk(request), public_id)
    return render(request, "intent.html", page="orders", **shown)
