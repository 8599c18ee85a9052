"""Arming: LIVE sends real money only after three deliberate parts (SPEC §5.8).

1. The process was started with KIMP_MODE=live. 2. A signed-in admin gives password and code of the
telephone anew and gets a ticket: for a minute it shows limits, venues, addresses and balances.
3. The admin types the phrase that the ticket shows, which holds the day's limit. The arming ends
after hours, with a kill, and with every restart; a token can do none of this. Tickets live in the
memory of this process alone, for the session that asked, and are good once.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

import msgspec

from app.domain.problems import FieldError, Problem
from app.domain.times import SECOND_NS
from app.domain.trading import LimitRow, Purse
from app.domain.venues import Venue
from app.runtime.accounts import Accounts
from app.runtime.allow_list import AddressRow, AllowList
from app.runtime.second_factor import Proof, SecondFactor
from app.runtime.trading.trading import EngineRow, Trading
from app.security.limits import ARM_HOURS_MAX, ARM_TICKET_LIFE_S
from app.security.principal import Principal, Scope, Visitor

LIVE = "live"
TICKETS_MAX = 32


class Ticket(msgspec.Struct, frozen=True):
    """What an admin sees before typing `phrase`. until_ns: by the wall, for showing."""

    id: str
    phrase: str
    until_ns: int
    daily_loss_krw_max: float
    size_krw: float
    total_krw_max: float
    venues: tuple[Venue, ...]
    limits: tuple[LimitRow, ...]
    addresses: tuple[AddressRow, ...]
    balances: tuple[Purse, ...]


class _Held(msgspec.Struct, frozen=True):
    """A ticket with whose it is, when it ends, and the state that it was given for."""

    ticket: Ticket
    session_id: int
    over_ns: int
    version: int


class Arming:
    """clock(): monotonic ns, so that no step of the wall clock makes a ticket live longer."""

    def __init__(
        self,
        trading: Trading,
        second_factor: SecondFactor,
        allow_list: AllowList,
        accounts: Accounts,
        *,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._trading = trading
        self._second_factor = second_factor
        self._allow_list = allow_list
        self._accounts = accounts
        self._clock = clock
        self._held: dict[str, _Held] = {}

    async def ticket(self, principal: Principal, proof: Proof, visitor: Visitor) -> Ticket:
        """Part two. Problem not_live, session_only, scope_missing, engine_killed, and those of
        `prove`; addresses_tampered, vault_shut: nobody arms what could not be checked."""
        self._admit(principal)
        row = await self._trading.engine()
        if row.killed:
            raise Problem("engine_killed")
        await self._second_factor.prove(principal, proof, visitor, recovery=False)
        addresses = tuple(await self._allow_list.all())
        policy = self._trading.policies.now
        ticket = Ticket(
            id=secrets.token_urlsafe(16),
            phrase=f"LIVE {policy.daily_loss_krw_max:.0f} KRW",
            until_ns=time.time_ns() + ARM_TICKET_LIFE_S * SECOND_NS,
            daily_loss_krw_max=policy.daily_loss_krw_max,
            size_krw=policy.size_krw,
            total_krw_max=policy.total_krw_max,
            venues=self._trading.venues(),
            limits=self._trading.limits(),
            addresses=addresses,
            balances=await self._trading.purses(),
        )
        self._keep(ticket, principal, row.version)
        await self._accounts.record(principal.name, visitor, "arm_ticket", "ok", ticket.phrase)
        return ticket

    async def arm(
        self, principal: Principal, ticket_id: str, phrase: str, hours: float, visitor: Visitor
    ) -> EngineRow:
        """Part three. Problem ticket_over, phrase_wrong, and what Trading.arm raises."""
        self._admit(principal)
        if not 0 < hours <= ARM_HOURS_MAX:
            place = FieldError(column="hours", value=str(hours), expected=f"0..{ARM_HOURS_MAX}")
            raise Problem("invalid_fields", errors=(place,))
        held = self._held.get(ticket_id)
        if held is None or held.session_id != principal.session_id or held.over_ns <= self._clock():
            await self._accounts.record(principal.name, visitor, "arm", "refused", "ticket")
            raise Problem("ticket_over", values={"seconds": ARM_TICKET_LIFE_S})
        if phrase.strip() != held.ticket.phrase:
            await self._accounts.record(principal.name, visitor, "arm", "refused", "phrase")
            raise Problem("phrase_wrong", values={"phrase": held.ticket.phrase})
        del self._held[ticket_id]
        row = await self._trading.arm(hours, held.version, by=principal.name)
        told = f"{held.ticket.phrase}, {hours:g} h"
        await self._accounts.record(principal.name, visitor, "arm", "ok", told)
        return row

    async def disarm(self, principal: Principal, visitor: Visitor) -> EngineRow:
        """Whoever may trade may stop."""
        row = await self._trading.disarm(by=principal.name)
        await self._accounts.record(principal.name, visitor, "disarm", "ok")
        return row

    def held(self, principal: Principal) -> Ticket | None:
        """The ticket of this session that is still good."""
        for held in self._held.values():
            if held.session_id == principal.session_id and held.over_ns > self._clock():
                return held.ticket
        return None

    def _keep(self, ticket: Ticket, principal: Principal, version: int) -> None:
        """One for each session: the new one."""
        assert principal.session_id is not None
        now_ns, own = self._clock(), principal.session_id
        kept = {
            each: held
            for each, held in self._held.items()
            if held.over_ns > now_ns and held.session_id != own
        }
        if len(kept) >= TICKETS_MAX:
            raise Problem("too_many_attempts", values={"retry_after_s": ARM_TICKET_LIFE_S})
        over_ns = now_ns + ARM_TICKET_LIFE_S * SECOND_NS
        self._held = kept | {ticket.id: _Held(ticket, own, over_ns, version)}

    def _admit(self, principal: Principal) -> None:
        if not principal.is_session:
            raise Problem("session_only")
        if not principal.may(Scope.ADMIN):
            raise Problem("scope_missing", values={"scope": Scope.ADMIN})
        if self._trading.mode != LIVE:
            raise Problem("not_live")
