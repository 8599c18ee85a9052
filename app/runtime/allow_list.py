"""Allow-list: the addresses that LIVE may withdraw to, as people see and change them.

An address must stand here for a day before it counts, and in the moment of sending it must also be
what the receiving exchange itself names; both with the tag, whose lack loses coins.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from app.domain.problems import FieldError, Problem
from app.domain.transfers import DepositAddress
from app.domain.venues import Venue
from app.ledger import addresses as ledger
from app.ledger import clock, conflicts
from app.ledger.database import Database
from app.ledger.queries import Connection
from app.runtime.accounts import Accounts
from app.runtime.second_factor import Proof, SecondFactor
from app.runtime.trading.trading import Trading
from app.security.principal import Principal, Visitor

# Coins that exchanges hold many customers of at one address, told apart by tag, memo or id.
TAGGED = frozenset({
    "ATOM", "CRO", "EOS", "HBAR", "INJ", "IOST", "KAVA", "LUNA", "LUNC", "OSMO", "STX", "TON",
    "XEM", "XLM", "XRP",
})  # fmt: skip
CONFLICTS_MAX = 3
ASSET_CHARS, ADDRESS_CHARS = 64, 255


T = TypeVar("T")


class AddressRow(msgspec.Struct, frozen=True):
    """venue, network: the receiver's. is_active: coins may go there now."""

    venue: Venue
    asset: str
    network: str
    address: str
    tag: str
    by: str
    at_ns: int
    active_from_ns: int
    is_active: bool


class AllowList:
    """Its key is trading's: one place has it, or nobody."""

    def __init__(
        self, db: Database, trading: Trading, second_factor: SecondFactor, accounts: Accounts
    ) -> None:
        self._db = db
        self._trading = trading
        self._second_factor = second_factor
        self._accounts = accounts

    async def all(self) -> list[AddressRow]:
        """By venue and asset. Problem vault_shut, addresses_tampered."""
        try:
            rows, now_ns = await self._db.read(_entries, self._key())
        except ledger.Tampered as reason:
            raise Problem("addresses_tampered") from reason
        return [_row(entry, now_ns) for entry in rows]

    async def add(
        self, principal: Principal, address: DepositAddress, proof: Proof, visitor: Visitor
    ) -> AddressRow:
        """From tomorrow on. Problem invalid_fields, address_unlike, and those of `prove`."""
        _check(address)
        await self._compare(address)
        return await self._write(principal, ledger.ADD, address, proof, visitor)

    async def remove(
        self, principal: Principal, address: DepositAddress, proof: Proof, visitor: Visitor
    ) -> None:
        """At once. Problem not_found, and those of `prove`."""
        known = {
            (row.venue, row.asset, row.network, row.address, row.tag) for row in await self.all()
        }
        asked = (address.venue, address.asset, address.network, address.address, address.tag)
        if asked not in known:
            raise Problem("not_found")
        await self._write(principal, ledger.REMOVE, address, proof, visitor)

    async def _write(
        self,
        principal: Principal,
        action: str,
        address: DepositAddress,
        proof: Proof,
        visitor: Visitor,
    ) -> AddressRow:
        key = self._key()
        await self._second_factor.prove(principal, proof, visitor)
        write = ledger.add if action == ledger.ADD else ledger.remove
        try:
            entry = await _again(lambda: self._db.write(write, address, principal.name, key))
        except ledger.Tampered as reason:
            raise Problem("addresses_tampered") from reason
        told = f"{address.venue} {address.asset} {address.network} {address.address} {address.tag}"
        await self._accounts.record(principal.name, visitor, f"address_{action}", "ok", told)
        return _row(entry, entry.at_ns)

    def _key(self) -> bytes:
        key = self._trading.mac_key
        if key is None:
            raise Problem("vault_shut")
        return key

    async def _compare(self, address: DepositAddress) -> None:
        """With what the receiver names itself; where nobody can ask, a tag must not be lacking."""
        found = await self._trading.deposit_address(address.venue, address.asset, address.network)
        if found is None:
            if address.asset in TAGGED and not address.tag:
                raise _wrong("tag", "", f"the tag of your {address.asset} account")
            return
        if (found.address, found.tag) != (address.address, address.tag):
            raise Problem(
                "address_unlike",
                values={
                    "asset": address.asset,
                    "network": address.network,
                    "address": found.address,
                    "tag": found.tag or "–",
                },
            )


async def _again(work: Callable[[], Awaitable[T]]) -> T:
    """A database that gave way to somebody else's transaction is asked once more, for the whole."""
    for _ in range(CONFLICTS_MAX):
        try:
            return await work()
        except Exception as error:
            if not conflicts.is_conflict(error):
                raise
    return await work()


def _entries(conn: Connection, key: bytes) -> tuple[list[ledger.Entry], int]:
    return ledger.entries(conn, key), clock.now_ns(conn)


def _row(entry: ledger.Entry, now_ns: int) -> AddressRow:
    return AddressRow(
        entry.venue,
        entry.asset,
        entry.network,
        entry.address,
        entry.tag,
        entry.by,
        entry.at_ns,
        entry.active_from_ns,
        entry.active_from_ns <= now_ns,
    )


def _check(address: DepositAddress) -> None:
    """No letter that looks like another one, or like none."""
    limits = {"asset": ASSET_CHARS, "network": ASSET_CHARS, "address": ADDRESS_CHARS}
    for name, length_max in limits.items():
        value = getattr(address, name)
        plain = value.isascii() and value.isprintable() and not any(map(str.isspace, value))
        if not plain or not 1 <= len(value) <= length_max:
            raise _wrong(name, value, f"1..{length_max} printable ASCII characters")
    tag = address.tag
    if len(tag) > ADDRESS_CHARS or not tag.isascii() or not (tag + "x").isprintable():
        raise _wrong("tag", tag, f"0..{ADDRESS_CHARS} printable ASCII characters")
    if tag != tag.strip():
        raise _wrong("tag", tag, "no space around it")


def _wrong(column: str, value: str, expected: str) -> Problem:
    place = FieldError(column=column, value=value[:200], expected=expected)
    return Problem("invalid_fields", errors=(place,))
