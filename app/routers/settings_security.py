"""Settings, security: the second factor, keys of exchange accounts, withdrawal addresses."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.domain.problems import FieldError, Problem
from app.domain.secret import Secret
from app.domain.transfers import DepositAddress
from app.domain.venues import Venue
from app.routers.render import look, render
from app.runtime.allow_list import AddressRow
from app.runtime.credentials import ACCESS, PASSPHRASE, SECRET, Credential
from app.runtime.desk import desk
from app.runtime.second_factor import Proof
from app.security.guard import page
from app.security.principal import Principal, Scope, visitor

HERE = "/settings/security"
WITH_PASSPHRASE = (Venue.OKX, Venue.KUCOIN, Venue.BITGET)


async def admin(principal: Annotated[Principal, Depends(page())]) -> Principal:
    if not principal.may(Scope.ADMIN):
        raise Problem("scope_missing", values={"scope": Scope.ADMIN})
    return principal


router = APIRouter(
    prefix=HERE, dependencies=[Depends(page()), Depends(look)], include_in_schema=False
)
Person = Annotated[Principal, Depends(admin)]


@router.get("")
async def security_page(request: Request, principal: Person) -> Response:
    return await _page(request, principal)


@router.post("/second-factor/begin")
async def begin(request: Request, principal: Person) -> Response:
    """Answers with the page itself, which shows the secret until a code of it was typed."""
    proof = proof_of(await request.form())
    try:
        await desk(request).safe.second_factor.begin(principal, proof, visitor(request))
    except Problem as problem:
        return await _page(request, principal, factor_problem=problem)
    return await _page(request, principal)


@router.post("/second-factor/confirm")
async def confirm(request: Request, principal: Person) -> Response:
    """Answers with the page itself: the recovery codes are shown this once."""
    code = text(await request.form(), "code")
    try:
        codes = await desk(request).safe.second_factor.confirm(principal, code, visitor(request))
    except Problem as problem:
        return await _page(request, principal, factor_problem=problem)
    return await _page(request, principal, codes=codes)


@router.post("/second-factor/remove")
async def remove(request: Request, principal: Person) -> Response:
    proof = proof_of(await request.form())
    try:
        await desk(request).safe.second_factor.remove(principal, proof, visitor(request))
    except Problem as problem:
        return await _page(request, principal, factor_problem=problem)
    return RedirectResponse(f"{HERE}#second-factor", 303)


@router.post("/credentials")
async def put_credential(request: Request, principal: Person) -> Response:
    """`do` says which: keep what was typed, or forget what is kept."""
    form, credentials = await request.form(), desk(request).safe.credentials
    try:
        venue = _venue(form)
        if text(form, "do") == "delete":
            await credentials.delete(principal, venue, proof_of(form), visitor(request))
        else:
            fields = {ACCESS: _secret(form, "api_key"), SECRET: _secret(form, "api_secret")}
            if text(form, "api_passphrase"):
                fields[PASSPHRASE] = Secret(text(form, "api_passphrase"))
            await credentials.put(principal, venue, fields, proof_of(form), visitor(request))
    except Problem as problem:
        return await _page(request, principal, keys_problem=problem)
    return RedirectResponse(f"{HERE}#credentials", 303)


@router.post("/addresses")
async def change_addresses(request: Request, principal: Person) -> Response:
    """`do` says which: allow an address from tomorrow on, or forbid one at once."""
    form, allow_list = await request.form(), desk(request).safe.allow_list
    try:
        address = DepositAddress(
            _venue(form), *(text(form, name) for name in ("asset", "network", "address", "tag"))
        )
        if text(form, "do") == "remove":
            await allow_list.remove(principal, address, proof_of(form), visitor(request))
        else:
            await allow_list.add(principal, address, proof_of(form), visitor(request))
    except Problem as problem:
        return await _page(request, principal, address_problem=problem, typed=form)
    return RedirectResponse(f"{HERE}#addresses", 303)


async def _page(request: Request, principal: Principal, **said: Any) -> Response:
    """The page; `said`: what was made, or what was wrong with which form."""
    safe = desk(request).safe
    context: dict[str, Any] = {
        "factor_problem": None,
        "keys_problem": None,
        "address_problem": None,
        "codes": None,
        "typed": {},
    }
    context |= said
    problems = [each for each in context.values() if isinstance(each, Problem)]
    addresses, list_problem = await _addresses(request)
    return render(
        request,
        "settings_security.html",
        status=problems[0].status if problems else 200,
        page="settings",
        factor=await safe.second_factor.row(principal),
        begun=safe.second_factor.begun(principal),
        venues=tuple(Venue),
        with_passphrase=WITH_PASSPHRASE,
        credentials={each.venue: each for each in await _credentials(request)},
        addresses=addresses,
        list_problem=list_problem,
        **context,
    )


async def _credentials(request: Request) -> list[Credential]:
    return await desk(request).safe.credentials.all()


async def _addresses(request: Request) -> tuple[list[AddressRow], Problem | None]:
    """A list that does not hold together is no reason to hide the rest of the page."""
    try:
        return await desk(request).safe.allow_list.all(), None
    except Problem as problem:
        return [], problem


def proof_of(form: FormData) -> Proof:
    return Proof(text(form, "password"), text(form, "code"))


def text(form: FormData, name: str) -> str:
    value = form.get(name)
    return value.strip() if isinstance(value, str) and name != "password" else str(value or "")


def _secret(form: FormData, name: str) -> Secret:
    value = text(form, name)
    if not value:
        raise Problem("invalid_fields", errors=(FieldError(column=name, expected="text"),))
    return Secret(value)


def _venue(form: FormData) -> Venue:
    word = text(form, "venue")
    if word not in tuple(Venue):
        place = FieldError(column="venue", value=word[:200], expected="|".join(Venue))
        raise Problem("invalid_fields", errors=(place,))
    return Venue(word)
