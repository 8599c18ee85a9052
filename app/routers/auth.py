"""Sign-in, first run and sign-out. Other affairs of an account stand on the Settings page."""

from __future__ import annotations

import math
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.domain.problems import FieldError, Problem
from app.routers.problems import problem_headers, wants_page
from app.routers.render import CHOICES, remember, render
from app.runtime.accounts import folded
from app.runtime.desk import desk
from app.runtime.preferences import SETTINGS
from app.security.guard import identified, page, public
from app.security.principal import Principal, visitor
from app.security.tokens import random_token

CAPITAL_KEY = "backtest.initial_capital_krw"
UPDOWN_KEY = "display.updown"

router = APIRouter(include_in_schema=False)


@router.get("/login", dependencies=[Depends(public())])
async def login_page(request: Request, next: str = "/") -> Response:  # noqa: A002
    principal = await identified(request)
    if principal is not None and principal.is_session:
        return RedirectResponse(local(next), 303)
    if not await desk(request).accounts.has_admin():
        return RedirectResponse("/setup", 303)
    return _form(request, "login.html", next=local(next), name="")


@router.post("/login", dependencies=[Depends(public())])
async def login(request: Request) -> Response:
    accounts = desk(request).accounts
    if not await accounts.has_admin():
        return RedirectResponse("/setup", 303)
    form = await request.form()
    name, onward = _text(form, "name"), local(_text(form, "next") or "/")
    before = await identified(request)
    try:
        session = await accounts.sign_in(name, _text(form, "password"), visitor(request))
    except Problem as problem:
        return _form(request, "login.html", problem, next=onward, name=name)
    if before is not None and before.is_session:
        await accounts.sign_out(before, visitor(request))
    return _signed_in(request, session, onward)


@router.post("/logout")
async def logout(request: Request, principal: Annotated[Principal, Depends(page())]) -> Response:
    accounts = desk(request).accounts
    await accounts.sign_out(principal, visitor(request))
    answer = RedirectResponse("/login", 303)
    accounts.cookies.clear_session(answer)
    return answer


@router.get("/setup", dependencies=[Depends(public())])
async def setup_page(request: Request) -> Response:
    """Opening it prints a new code to the log when the last one is too old."""
    accounts, preferences = desk(request).accounts, desk(request).preferences
    if await accounts.has_admin():
        return RedirectResponse("/login", 303)
    await accounts.show_code()
    capital = (await preferences.get(CAPITAL_KEY)).value
    return _form(request, "setup.html", name="admin", capital=capital)


@router.post("/setup", dependencies=[Depends(public())])
async def setup(request: Request) -> Response:
    """Code, name and password make the admin; language, colours and capital are remembered."""
    accounts, preferences = desk(request).accounts, desk(request).preferences
    form = await request.form()
    name = _text(form, "name")
    try:
        capital = _capital(form)
        session = await accounts.set_up(
            _text(form, "code"), name, _text(form, "password"), visitor(request)
        )
    except Problem as problem:
        values = {"name": name, "capital": _text(form, "initial_capital_krw")}
        return _form(request, "setup.html", problem, **values)
    if capital is not None:
        await preferences.put(CAPITAL_KEY, capital, folded(name))
    if SETTINGS[UPDOWN_KEY].kind.admits(_text(form, "updown")):
        await preferences.put(UPDOWN_KEY, _text(form, "updown"), folded(name))
    answer = _signed_in(request, session, "/")
    if _text(form, "lang") in CHOICES["lang"]:
        remember(answer, "lang", _text(form, "lang"), secure=accounts.cookies.secure)
    return answer


def local(address: str) -> str:
    """`address` where it is a path of ours, else the Dashboard: no sign-in leads to other sites."""
    plain = address.startswith("/") and not address.startswith("//")
    return address if plain and address.isprintable() and "\\" not in address else "/"


def _form(
    request: Request, template: str, problem: Problem | None = None, **values: Any
) -> Response:
    """The form, empty or with what was wrong, and the token that it must send back."""
    if problem is not None and not wants_page(request):
        raise problem
    cookies = desk(request).accounts.cookies
    token = cookies.form(request) or random_token()
    answer = render(
        request,
        template,
        status=problem.status if problem else 200,
        headers=problem_headers(problem) if problem else None,
        csrf=token,
        problem=problem,
        request_id=request.state.request_id,
        **values,
    )
    cookies.set_form(answer, token)
    return answer


def _signed_in(request: Request, session: str, onward: str) -> Response:
    answer = RedirectResponse(onward, 303)
    desk(request).accounts.cookies.set_session(answer, session)
    return answer


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""


def _capital(form: FormData) -> float | None:
    """The amount as people write it, None where the field was left empty."""
    written = _text(form, "initial_capital_krw").replace(",", "").strip()
    if not written:
        return None
    kind = SETTINGS[CAPITAL_KEY].kind
    try:
        capital = float(written)
    except ValueError:
        capital = math.nan
    if not kind.admits(capital):
        place = FieldError(
            column="initial_capital_krw", value=written[:200], expected=kind.expected
        )
        raise Problem("invalid_fields", errors=(place,))
    return capital
