"""Settings: feeds, display, detection, fees, archive, backtests; tokens, sessions, password."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.domain.policy import Fee
from app.domain.problems import FieldError, Problem
from app.domain.venues import Venue
from app.routers.render import look, render
from app.runtime.desk import desk
from app.runtime.preferences import (
    SETTINGS,
    Choice,
    Number,
    Switch,
    Tickers,
    Value,
    Words,
    fee_key,
    fee_of,
)
from app.security.guard import page
from app.security.limits import TOKEN_DAYS_MAX, TOKEN_NAME_LENGTH_MAX
from app.security.principal import Principal, Scope, visitor

# The page's tables: the first part of the keys, in the page's order.
GROUPS = (
    "feeds",
    "display",
    "detection",
    "markets",
    "fees",
    "trading",
    "risk",
    "retry",
    "paper",
    "archive",
    "recorder",
    "backtest",
    "uploads",
)
SHOWN_WITH = {"book": "trading", "cycle": "retry", "finalizer": "retry"}
"""Keys of one row stand in another table."""
FEEDS = "feeds"
TOKEN_DAYS = (30, 90, 365)

router = APIRouter(dependencies=[Depends(page()), Depends(look)], include_in_schema=False)
Person = Annotated[Principal, Depends(page())]


@router.get("/settings")
async def settings_page(request: Request, principal: Person) -> Response:
    return await _page(request, principal)


@router.post("/settings/tokens")
async def create_token(request: Request, principal: Person) -> Response:
    """Answers with the page itself: the token's text is shown this once."""
    form = await request.form()
    try:
        name, scopes, days = _asked(form)
        await desk(request).safe.second_factor.permit_own(
            principal, str(form.get("code", "")), visitor(request)
        )
        row, text = await desk(request).accounts.create_token(
            principal, name, scopes, visitor(request), days=days
        )
    except Problem as problem:
        return await _page(request, principal, token_problem=problem)
    return await _page(request, principal, issued={"row": row, "text": text})


@router.post("/settings/tokens/{token_id}/revoke")
async def revoke_token(request: Request, principal: Person, token_id: str) -> Response:
    await desk(request).accounts.revoke_token(principal, token_id, visitor(request))
    return RedirectResponse("/settings#tokens", 303)


@router.post("/settings/sessions/others/end")
async def end_other_sessions(request: Request, principal: Person) -> Response:
    await desk(request).accounts.end_other_sessions(principal, visitor(request))
    return RedirectResponse("/settings#sessions", 303)


@router.post("/settings/sessions/{session_id}/end")
async def end_session(request: Request, principal: Person, session_id: int) -> Response:
    await desk(request).accounts.end_session(principal, session_id, visitor(request))
    return RedirectResponse("/settings#sessions", 303)


@router.post("/settings/password")
async def change_password(request: Request, principal: Person) -> Response:
    """Signs out every other browser; this one gets a new session."""
    form, accounts = await request.form(), desk(request).accounts
    try:
        session = await accounts.change_password(
            principal, str(form.get("current", "")), str(form.get("new", "")), visitor(request)
        )
    except Problem as problem:
        return await _page(request, principal, password_problem=problem)
    answer = RedirectResponse("/settings?changed=password#password", 303)
    accounts.cookies.set_session(answer, session)
    return answer


@router.post("/settings/{key}")
async def put_setting(request: Request, principal: Person, key: str) -> Response:
    """`do` says which: save the value, undo the last change, or go back to the default."""
    form, preferences = await request.form(), desk(request).preferences
    before = await preferences.get(key)
    written = str(form.get("value", ""))
    value: Value | None
    try:
        match form.get("do"):
            case "undo":
                value = before.previous
            case "default":
                value = None
            case _:
                value = _read(key, written)
        if key == FEEDS:
            await desk(request).market.switch_feeds(str(value or before.default), by=principal.name)
        else:
            await preferences.put(key, value, principal.name)
    except Problem as problem:
        return await _page(request, principal, wrong={"key": key, "value": written, "is": problem})
    return RedirectResponse(f"/settings#{key}", 303)


async def _page(request: Request, principal: Principal, **said: Any) -> Response:
    """The page; `said`: a token that was just issued, or what was wrong with which form."""
    here = desk(request)
    settings = await here.preferences.all()
    problem = said.get("token_problem") or said.get("password_problem")
    problem = problem or said.get("wrong", {}).get("is")
    context: dict[str, Any] = {
        "issued": None,
        "token_problem": None,
        "password_problem": None,
        "wrong": None,
    }
    context |= said
    return render(
        request,
        "settings.html",
        status=problem.status if problem else 200,
        page="settings",
        groups={
            group: [(each, control(each.key)) for each in settings.values() if _of(each.key, group)]
            for group in GROUPS
        },
        tokens=await here.accounts.tokens(),
        sessions=await here.accounts.sessions(principal),
        factor=await here.safe.second_factor.row(principal),
        scopes=[scope for scope in Scope if principal.may(scope)],
        token_days=TOKEN_DAYS,
        token_name_length_max=TOKEN_NAME_LENGTH_MAX,
        changed=request.query_params.get("changed", ""),
        fixed_feeds=here.market.outside.feeds,
        feeds_now=here.market.feeds,
        fees=_shown_fees(here.market.policies.fees()),
        policy=here.market.policy,
        **context,
    )


def _shown_fees(fees: Sequence[Fee]) -> dict[str, Fee]:
    """By the key of the setting: what a venue's fee is at present, with its source."""
    found = {(fee.venue, fee.quote): fee for fee in fees}
    return {fee_key(venue): fee for venue in Venue if (fee := found.get(fee_of(venue)))}


def _of(key: str, group: str) -> bool:
    first = key.partition(".")[0]
    return SHOWN_WITH.get(first, first) == group


def control(key: str) -> tuple[str, ...]:
    """The words of a choice; empty where a number is typed."""
    kind = SETTINGS[key].kind
    if isinstance(kind, Choice):
        return kind.words
    return ("true", "false") if isinstance(kind, Switch) else ()


def _read(key: str, written: str) -> Value:
    """A form's text as the setting's kind; Preferences judges the value."""
    kind = SETTINGS[key].kind
    if isinstance(kind, Switch):
        return written == "true"
    if isinstance(kind, Tickers | Words):
        return ",".join(word.strip() for word in written.split(",") if word.strip())
    if not isinstance(kind, Number):
        return written
    plain = written.replace(",", "").replace("\N{MINUS SIGN}", "-").strip()
    try:
        return int(plain) if kind.whole else float(plain)
    except ValueError:
        place = FieldError(column="value", value=written[:200], expected=kind.expected)
        raise Problem("invalid_fields", errors=(place,)) from None


def _asked(form: FormData) -> tuple[str, tuple[Scope, ...], int | None]:
    """(name, scopes, days until it ends or None) of a new token."""
    name = str(form.get("name", "")).strip()
    errors = []
    if not 0 < len(name) <= TOKEN_NAME_LENGTH_MAX or not name.isprintable():
        expected = f"1..{TOKEN_NAME_LENGTH_MAX} letters"
        errors.append(FieldError(column="name", value=name[:200], expected=expected))
    known = {scope.value for scope in Scope}
    scopes = tuple(Scope(str(word)) for word in form.getlist("scope") if word in known)
    if not scopes:
        errors.append(FieldError(column="scope", expected=" | ".join(Scope)))
    days = str(form.get("days", ""))
    if days and not (days.isdecimal() and 0 < int(days) <= TOKEN_DAYS_MAX):
        expected = f"1..{TOKEN_DAYS_MAX}"
        errors.append(FieldError(column="days", value=days[:200], expected=expected))
    if errors:
        raise Problem("invalid_fields", errors=tuple(errors))
    return name, scopes, int(days) if days else None
