"""A small app behind the real front door, with one route of each kind."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Annotated

import httpx
from fastapi import APIRouter, Depends, FastAPI
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp

from app.domain.problems import Problem
from app.routers.problems import install_problem_handlers, refuse
from app.runtime.accounts import Accounts
from app.security.guard import deny_undeclared, files, needs, page, public
from app.security.middleware import Door, wrap
from app.security.principal import Principal

ORIGIN = "http://127.0.0.1:8000"

reading = APIRouter(prefix="/api", dependencies=[Depends(needs("read"))])
pages = APIRouter(dependencies=[Depends(page())])
open_to_all = APIRouter(dependencies=[Depends(public())])
bare = APIRouter()


class Order(BaseModel):
    """A JSON body."""

    model_config = ConfigDict(extra="forbid")

    quantity: float
    password: str = ""


@reading.get("/figures")
async def figures() -> dict[str, int]:
    return {"answer": 42}


@reading.post("/orders", dependencies=[Depends(needs("backtest"))])
async def order(body: Order) -> dict[str, float]:
    return {"quantity": body.quantity}


@reading.post("/files", dependencies=[Depends(files())])
async def take_file(request: Request) -> dict[str, int]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > 3 << 20:
            raise Problem("body_too_large", values={"limit": "3 MiB"})
    return {"size": size}


@pages.get("/page")
async def show(principal: Annotated[Principal, Depends(page())]) -> Response:
    return PlainTextResponse(principal.csrf or "")


@pages.post("/page")
async def change(request: Request) -> Response:
    """slow: long enough that a double click meets itself."""
    form = await request.form()
    request.app.state.changes += 1
    number = request.app.state.changes
    if form.get("slow"):
        await asyncio.sleep(0.05)
    if form.get("wrong"):
        raise Problem("conflict", values={"reason": "wrong"})
    return RedirectResponse(f"/page/{number}", 303)


@pages.post("/page/file", dependencies=[Depends(files())])
async def take_page_file(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


@open_to_all.get("/open")
async def open_page(request: Request) -> Response:
    answer = PlainTextResponse("open")
    request.app.state.desk.accounts.cookies.set_form(answer, "form-token")
    return answer


@open_to_all.post("/open")
async def open_form() -> dict[str, bool]:
    return {"done": True}


@open_to_all.get("/own-policy")
async def own_policy() -> Response:
    return PlainTextResponse("x", headers={"Content-Security-Policy": "default-src 'none'"})


@open_to_all.get("/broken")
async def broken() -> None:
    raise RuntimeError("the secret is 12345")


@bare.get("/bare")
async def undeclared() -> dict[str, bool]:
    return {"reached": True}


class SmallApp(FastAPI):
    """Joined as `app.main` joins the whole."""

    door: Door

    def build_middleware_stack(self) -> ASGIApp:
        return wrap(super().build_middleware_stack(), self.door, refuse)


def small_app(
    accounts: Accounts, public_url: str = ORIGIN, proxies: tuple[str, ...] = ()
) -> SmallApp:
    app = SmallApp(dependencies=[Depends(deny_undeclared)], openapi_url=None)
    app.door = Door.at(public_url, proxies)
    app.state.desk = SimpleNamespace(accounts=accounts)
    app.state.changes = 0
    install_problem_handlers(app)
    for router in (reading, pages, open_to_all, bare):
        app.include_router(router)
    return app


def browser(app: FastAPI, origin: str = ORIGIN, **headers: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=origin, headers=headers)
