"""Credentials: the keys of exchange accounts, from the environment or from the vault.

The environment wins, as everywhere. Keys go in and never come out: people see which access key it
is, masked, and of secrets nothing at all. A change is in force at once.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

import msgspec
import structlog

from app.domain.problems import FieldError, Problem
from app.domain.records import SealedRow
from app.domain.secret import Secret
from app.domain.transfers import Receiver
from app.domain.venues import Venue
from app.exchanges.contract import Request
from app.exchanges.signing import Keys, Unsignable, sign
from app.runtime.accounts import Accounts
from app.runtime.second_factor import Proof, SecondFactor
from app.runtime.vault import Vault
from app.security.masking import HIDDEN, masked
from app.security.principal import Principal, Visitor

log = structlog.get_logger("kimp.credentials")

ACCOUNT = "main"
ACCESS, SECRET, PASSPHRASE = "access", "secret", "passphrase"
LENGTH_MAX = 8_192
PROBE = Request("GET", "/")


class Credential(msgspec.Struct, frozen=True):
    """What may be told of one. readable: the master key at hand opens it."""

    venue: Venue
    source: Literal["environment", "stored"]
    api_key: str
    has_passphrase: bool
    readable: bool
    version: int | None = None
    changed_at_ns: int | None = None
    changed_by: str | None = None


class Credentials:
    """given: of the environment. changed(): who uses them takes them anew."""

    def __init__(
        self,
        vault: Vault,
        second_factor: SecondFactor,
        accounts: Accounts,
        *,
        given: Mapping[Venue, Keys],
        holder: Receiver | None,
    ) -> None:
        self.changed: Callable[[], Awaitable[None]] | None = None
        self._vault = vault
        self._second_factor = second_factor
        self._accounts = accounts
        self._given = given
        self._holder = holder

    async def keys(self) -> dict[Venue, Keys]:
        """All that can sign."""
        found = dict(self._given)
        for row in await self._vault.rows():
            if row.venue in set(Venue) and Venue(row.venue) not in found:
                try:
                    fields = self._vault.opened(row)
                except Problem:
                    continue  # told by the vault; the venue has no keys then
                found[Venue(row.venue)] = self._made(fields)
        return found

    def _made(self, fields: Mapping[str, Secret]) -> Keys:
        access = fields[ACCESS].reveal()
        return Keys(access, fields[SECRET], fields.get(PASSPHRASE), self._holder)

    async def all(self) -> list[Credential]:
        """In the order of the venues; those without keys are left out."""
        return [found for venue in Venue if (found := await self._find(venue)) is not None]

    async def get(self, venue: Venue) -> Credential:
        """Problem not_found."""
        found = await self._find(venue)
        if found is None:
            raise Problem("not_found")
        return found

    async def _find(self, venue: Venue) -> Credential | None:
        given = self._given.get(venue)
        if given is not None:
            has_passphrase = given.passphrase is not None
            return Credential(venue, "environment", masked(given.access), has_passphrase, True)
        row = await self._vault.row(venue, ACCOUNT)
        return None if row is None else self._told(venue, row)

    def _told(self, venue: Venue, row: SealedRow) -> Credential:
        try:
            access: str | None = masked(self._vault.opened(row)[ACCESS].reveal())
        except Problem:
            access = None
        return Credential(
            venue,
            "stored",
            access or HIDDEN,
            PASSPHRASE in row.fields,
            access is not None,
            row.version,
            row.at_ns,
            row.by,
        )

    async def put(
        self,
        principal: Principal,
        venue: Venue,
        fields: Mapping[str, Secret],
        proof: Proof,
        visitor: Visitor,
    ) -> Credential:
        """Problem invalid_fields, and those of SecondFactor.permit."""
        self._check(venue, fields)
        await self._second_factor.permit(principal, proof, visitor)
        row = await self._vault.put(venue, ACCOUNT, fields, principal.name)
        await self._note(principal, visitor, "credential_put", venue)
        return self._told(venue, row) if venue not in self._given else await self.get(venue)

    async def delete(
        self, principal: Principal, venue: Venue, proof: Proof, visitor: Visitor
    ) -> None:
        """Problem not_found, conflict where the environment has them."""
        if venue in self._given:
            raise Problem("conflict", values={"reason": f"KIMP_{venue.upper()}_API_KEY"})
        await self._second_factor.permit(principal, proof, visitor)
        if not await self._vault.delete(venue, ACCOUNT):
            raise Problem("not_found")
        await self._note(principal, visitor, "credential_delete", venue)

    async def _note(
        self, principal: Principal, visitor: Visitor, action: str, venue: Venue
    ) -> None:
        await self._accounts.record(principal.name, visitor, action, "ok", str(venue))
        if self.changed is not None:
            await self.changed()

    def _check(self, venue: Venue, fields: Mapping[str, Secret]) -> None:
        """Whether anything can be signed with them. Nothing of a secret is told back."""
        for name, secret in fields.items():
            text = secret.reveal()
            if not text.strip() or len(text) > LENGTH_MAX or "\x00" in text:
                raise _wrong(name, f"1..{LENGTH_MAX} characters")
        access = fields[ACCESS].reveal()
        if not access.isprintable() or any(letter.isspace() for letter in access):
            raise _wrong(ACCESS, "printable, without spaces")
        try:
            sign(venue, PROBE, self._made(fields), 1, str(uuid.UUID(int=0, version=4)))
        except Unsignable as reason:
            place = PASSPHRASE if PASSPHRASE not in fields and "passphrase" in str(reason) else None
            raise _wrong(place or SECRET, str(reason)) from reason


COLUMNS = {ACCESS: "api_key", SECRET: "api_secret", PASSPHRASE: "api_passphrase"}


def _wrong(name: str, expected: str) -> Problem:
    place = FieldError(column=COLUMNS[name], expected=expected[:200])
    return Problem("invalid_fields", errors=(place,))
