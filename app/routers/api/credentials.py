"""Credentials and withdrawal addresses: /api/v1/credentials, /api/v1/withdrawal-addresses."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from app.domain.secret import Secret
from app.domain.transfers import DepositAddress
from app.domain.venues import Venue
from app.routers.api.arming import CODE_LENGTH_MAX, person
from app.routers.api.encode import answer, answers, gone, refusals
from app.runtime.allow_list import ADDRESS_CHARS, ASSET_CHARS, AddressRow
from app.runtime.credentials import ACCESS, LENGTH_MAX, PASSPHRASE, SECRET, Credential
from app.runtime.desk import desk
from app.runtime.second_factor import Proof
from app.security.guard import needs
from app.security.limits import PASSWORD_LENGTH_MAX
from app.security.principal import Principal, visitor
from app.texts.formats import iso

router = APIRouter(
    prefix="/api/v1",
    tags=["access"],
    dependencies=[Depends(needs("admin"))],
    responses=refusals("not_signed_in", "scope_missing", "invalid_fields"),
)
Admin = Annotated[Principal, Depends(needs("admin"))]
Person = Annotated[Principal, Depends(person)]
Key = Annotated[str, Field(min_length=1, max_length=LENGTH_MAX)]
PROVED = (
    "session_only", "bad_credentials", "second_factor_missing", "code_wrong", "too_many_attempts",
    "vault_shut",
)  # fmt: skip


class Proved(BaseModel):
    """password, code: asked for in LIVE, and once somebody has a second factor."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"password": "correct horse battery", "code": "492039"}]},
    )

    password: Annotated[str, Field(max_length=PASSWORD_LENGTH_MAX)] = ""
    code: Annotated[str, Field(max_length=CODE_LENGTH_MAX)] = ""

    def proof(self) -> Proof:
        return Proof(self.password, self.code)


NO_PROOF = Proved()


class NewCredential(Proved):
    """Keys of one exchange account. They go in and never come out."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"api_key": "nZ8…", "api_secret": "kQ2…"}]},
    )

    api_key: Key
    api_secret: Key
    api_passphrase: Key | None = None


class NewAddress(Proved):
    """Where coins may go: venue and network are the receiver's, as it spells them."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "venue": "upbit", "asset": "XRP", "network": "XRP", "address": "rN7nhpA1s5",
                    "tag": "42", "password": "correct horse battery", "code": "492039",
                }
            ]
        },
    )  # fmt: skip

    venue: Venue
    asset: Annotated[str, Field(min_length=1, max_length=ASSET_CHARS)]
    network: Annotated[str, Field(min_length=1, max_length=ASSET_CHARS)]
    address: Annotated[str, Field(min_length=1, max_length=ADDRESS_CHARS)]
    tag: Annotated[str, Field(max_length=ADDRESS_CHARS)] = ""

    def deposit_address(self) -> DepositAddress:
        return DepositAddress(self.venue, self.asset, self.network, self.address, self.tag)


class CredentialItem(msgspec.Struct, frozen=True):
    """api_key: its ends. readable: false where this master key does not open it."""

    venue: str
    source: str
    api_key: str
    has_passphrase: bool
    readable: bool
    version: int | None
    changed_at: str | None
    changed_by: str | None


class CredentialList(msgspec.Struct, frozen=True):
    items: list[CredentialItem]
    next_cursor: str | None = None


class WithdrawalAddress(msgspec.Struct, frozen=True):
    """active_from: a day after it was added."""

    venue: str
    asset: str
    network: str
    address: str
    tag: str
    added_by: str
    added_at: str
    active_from: str
    active: bool


class WithdrawalAddressList(msgspec.Struct, frozen=True):
    items: list[WithdrawalAddress]
    next_cursor: str | None = None


_KEYS = CredentialItem(
    "upbit", "stored", "nZ8k…4fQp", False, True, 1, "2026-11-20T06:50:00Z", "admin"
)
_ADDRESS = WithdrawalAddress(
    "upbit", "XRP", "XRP", "rN7nhpA1s5", "42", "admin", "2026-11-20T06:50:00Z",
    "2026-11-21T06:50:00Z", False,
)  # fmt: skip


@router.get(
    "/credentials",
    summary="Which accounts have keys",
    responses=answers(200, CredentialList, "By venue", CredentialList([_KEYS])),
)
async def list_credentials(request: Request) -> Response:
    found = await desk(request).safe.credentials.all()
    return answer(CredentialList([_item(each) for each in found]))


@router.get(
    "/credentials/{venue}",
    summary="Which keys an account has",
    responses=answers(200, CredentialItem, "Masked", _KEYS) | refusals("not_found"),
)
async def get_credential(request: Request, venue: Venue) -> Response:
    """Never a secret: not even a part of one."""
    return answer(_item(await desk(request).safe.credentials.get(venue)))


@router.put(
    "/credentials/{venue}",
    summary="Set an account's keys",
    responses=answers(200, CredentialItem, "Sealed", _KEYS) | refusals(*PROVED, "conflict"),
)
async def put_credential(
    request: Request, venue: Venue, body: NewCredential, principal: Admin
) -> Response:
    """In force at once. What the environment gives wins over what is stored."""
    fields = {ACCESS: Secret(body.api_key), SECRET: Secret(body.api_secret)}
    if body.api_passphrase is not None:
        fields[PASSPHRASE] = Secret(body.api_passphrase)
    credentials = desk(request).safe.credentials
    found = await credentials.put(principal, venue, fields, body.proof(), visitor(request))
    return answer(_item(found))


@router.delete(
    "/credentials/{venue}",
    status_code=204,
    summary="Forget an account's keys",
    responses=gone() | refusals(*PROVED, "not_found", "conflict"),
)
async def delete_credential(
    request: Request, venue: Venue, principal: Admin, body: Proved = NO_PROOF
) -> Response:
    """The environment's stay. The body is needed only where a proof is."""
    credentials = desk(request).safe.credentials
    await credentials.delete(principal, venue, body.proof(), visitor(request))
    return Response(status_code=204)


@router.get(
    "/withdrawal-addresses",
    summary="Where LIVE may send coins",
    responses=answers(
        200, WithdrawalAddressList, "By venue and asset", WithdrawalAddressList([_ADDRESS])
    )
    | refusals("addresses_tampered", "vault_shut"),
)
async def list_addresses(request: Request) -> Response:
    found = await desk(request).safe.allow_list.all()
    return answer(WithdrawalAddressList([_address(each) for each in found]))


@router.post(
    "/withdrawal-addresses",
    status_code=201,
    summary="Allow an address",
    responses=answers(201, WithdrawalAddress, "Allowed from tomorrow on", _ADDRESS)
    | refusals(*PROVED, "address_unlike", "addresses_tampered"),
)
async def add_address(request: Request, body: NewAddress, principal: Person) -> Response:
    """A signed-in person with password and code alone. It counts a day later."""
    allow_list = desk(request).safe.allow_list
    found = await allow_list.add(principal, body.deposit_address(), body.proof(), visitor(request))
    return answer(_address(found), status=201)


@router.post(
    "/withdrawal-addresses/remove",
    status_code=204,
    summary="Forbid an address at once",
    responses=gone() | refusals(*PROVED, "not_found", "addresses_tampered"),
)
async def remove_address(request: Request, body: NewAddress, principal: Person) -> Response:
    """All of it is named again: venue, asset, network, address, tag."""
    allow_list = desk(request).safe.allow_list
    await allow_list.remove(principal, body.deposit_address(), body.proof(), visitor(request))
    return Response(status_code=204)


def _item(found: Credential) -> CredentialItem:
    return CredentialItem(
        found.venue,
        found.source,
        found.api_key,
        found.has_passphrase,
        found.readable,
        found.version,
        iso(found.changed_at_ns) or None,
        found.changed_by,
    )


def _address(found: AddressRow) -> WithdrawalAddress:
    return WithdrawalAddress(
        found.venue,
        found.asset,
        found.network,
        found.address,
        found.tag,
        found.by,
        iso(found.at_ns),
        iso(found.active_from_ns),
        found.is_active,
    )
