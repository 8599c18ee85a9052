"""Second factor: a person proves anew that it is they, before what may cost money.

A session may have been stolen and a password seen; so both count only together with a code of the
person's telephone, each of which is good once. Tries are counted like those of a sign-in.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from app.domain.problems import Problem
from app.domain.records import SecondFactorRow, UserRow
from app.domain.secret import Secret
from app.domain.times import SECOND_NS
from app.ledger import second_factors as ledger
from app.ledger.database import Database
from app.runtime.accounts import Accounts
from app.runtime.vault import OWN, Vault
from app.security import codes, limits, tokens, totp
from app.security.principal import Principal, Visitor

LIVE = "live"
FIELD = "secret"


class Proof(NamedTuple):
    """What a person types for it."""

    password: str = ""
    code: str = ""


class Enrolment(NamedTuple):
    """For the telephone: to be typed, or opened as a link."""

    secret: Secret
    address: str


class SecondFactor:
    """Enrolments that nobody has confirmed are kept in memory, for the session that began them."""

    def __init__(
        self,
        db: Database,
        vault: Vault,
        accounts: Accounts,
        *,
        mode: str,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._db = db
        self._vault = vault
        self._accounts = accounts
        self._mode = mode
        self._clock = clock
        self._begun: dict[int, tuple[int, Secret]] = {}

    async def row(self, principal: Principal) -> SecondFactorRow | None:
        """None: the person has none."""
        if principal.user_id is None:
            return None
        return await self._db.read(ledger.get, principal.user_id)

    # Having one

    async def begin(self, principal: Principal, proof: Proof, visitor: Visitor) -> Enrolment:
        """A secret for the telephone; it counts when a code of it was typed. Who has one already
        proves it with that one."""
        session_id = _session(principal)
        if await self.row(principal) is not None:
            await self.prove(principal, proof, visitor)
        else:
            user = await self._accounts.prove_password(principal, proof.password, visitor)
            await self._accounts.forget_tries(user.name, visitor)
        now_ns = self._clock()
        self._begun = {each: kept for each, kept in self._begun.items() if kept[0] > now_ns}
        secret = totp.new_secret()
        self._begun[session_id] = (now_ns + limits.ENROLMENT_LIFE_S * SECOND_NS, secret)
        return Enrolment(secret, totp.address(secret, principal.name))

    def begun(self, principal: Principal) -> Enrolment | None:
        """What this session has begun and not confirmed."""
        until_ns, secret = self._begun.get(principal.session_id or 0, (0, None))
        if secret is None or until_ns <= self._clock():
            return None
        return Enrolment(secret, totp.address(secret, principal.name))

    async def confirm(self, principal: Principal, typed: str, visitor: Visitor) -> list[str]:
        """The recovery codes, which nobody sees again. Problem code_wrong, nothing_begun."""
        session_id = _session(principal)
        begun = self.begun(principal)
        if begun is None:
            raise Problem("nothing_begun")
        step = totp.matching_step(begun.secret, typed, self._clock() / SECOND_NS)
        if step is None:
            await self._accounts.record(principal.name, visitor, "second_factor", "refused")
            raise Problem("code_wrong")
        user_id = principal.user_id
        assert user_id is not None
        new = totp.new_recovery_codes()
        hashes = [tokens.digest(codes.normal(code)) for code in new]
        sealed = await self._vault.sealed(
            OWN, _account(user_id), {FIELD: begun.secret}, principal.name
        )
        now_ns = self._clock()
        if not await self._db.write(ledger.enrol, user_id, sealed, step, hashes, now_ns):
            raise Problem("conflict", values={"reason": "another session was quicker"})
        del self._begun[session_id]
        await self._accounts.record(principal.name, visitor, "second_factor", "ok", "enrolled")
        return new

    async def remove(self, principal: Principal, proof: Proof, visitor: Visitor) -> None:
        user = await self.prove(principal, proof, visitor)
        await self._db.write(ledger.remove, user.id, OWN, _account(user.id))
        await self._accounts.record(user.name, visitor, "second_factor", "ok", "removed")

    async def reset(self, name: str) -> None:
        """By whoever runs this machine: the telephone and the codes are lost."""
        user = await self._accounts.called(name)
        await self._db.write(ledger.remove, user.id, OWN, _account(user.id))
        at_terminal = Visitor("terminal", "")
        await self._accounts.record(user.name, at_terminal, "second_factor", "ok", "removed")

    # Proving it

    async def prove(
        self, principal: Principal, proof: Proof, visitor: Visitor, *, recovery: bool = True
    ) -> UserRow:
        """Password and code, each time anew. recovery: whether a recovery code will do.

        Problem session_only, bad_credentials, second_factor_missing, code_wrong,
        too_many_attempts, vault_shut.
        """
        _session(principal)
        user = await self._accounts.prove_password(principal, proof.password, visitor)
        if await self._db.read(ledger.get, user.id) is None:
            await self._accounts.forget_tries(user.name, visitor)
            raise Problem("second_factor_missing")
        spent = await self._spent(user.id, proof.code)
        if not spent and recovery:
            digest = tokens.digest(codes.normal(proof.code))
            spent = await self._db.write(ledger.spend_code, user.id, digest, self._clock())
        if not spent:
            await self._accounts.record(user.name, visitor, "second_factor", "refused")
            raise Problem("code_wrong")
        await self._accounts.forget_tries(user.name, visitor)
        return user

    async def permit(self, principal: Principal, proof: Proof, visitor: Visitor) -> None:
        """Before keys change. While nobody has a second factor, and not in LIVE, the scope that
        the route asks for is enough; a machine without people can be set up by its programs."""
        if self._mode == LIVE or await self._db.read(ledger.count) > 0:
            await self.prove(principal, proof, visitor)

    async def permit_own(self, principal: Principal, code: str, visitor: Visitor) -> None:
        """Before a person gives a program rights: the code alone, where the person has one."""
        row = await self.row(principal) if principal.is_session else None
        if row is None:
            return
        name = principal.name
        await self._accounts.count_try(name, visitor)
        if not await self._spent(row.user_id, code):
            await self._accounts.record(name, visitor, "second_factor", "refused")
            raise Problem("code_wrong")
        await self._accounts.forget_tries(name, visitor)

    async def _spent(self, user_id: int, typed: str) -> bool:
        """Whether it was the code of now, and nobody had used it."""
        kept = await self._vault.get(OWN, _account(user_id))
        if kept is None:
            return False
        step = totp.matching_step(kept[FIELD], typed, self._clock() / SECOND_NS)
        return step is not None and await self._db.write(ledger.spend_step, user_id, step)


def _account(user_id: int) -> str:
    return f"totp-{user_id}"


def _session(principal: Principal) -> int:
    """A program has no telephone. Problem session_only."""
    if principal.session_id is None:
        raise Problem("session_only")
    return principal.session_id
