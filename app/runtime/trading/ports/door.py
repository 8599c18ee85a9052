"""Door: one account's requests on their way out: signed, counted, and never sent twice.

An action is signed with the time that the journal has for it (R3): whatever holds it up between
there and the socket, the venue refuses it by its age; and after its time nothing leaves at all.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from typing import NoReturn

import structlog

from app.domain.markets import ServerTime
from app.domain.orders import NoAnswer, Rejection
from app.domain.times import MS_NS, SECOND_NS
from app.exchanges.accounts.budgets import PRIVATE
from app.exchanges.contract import Request
from app.exchanges.limits import Budget, Reply
from app.exchanges.signing import Keys, Signed, Unsignable, sign
from app.net.egress import Egress
from app.net.http import Answer, Unanswered
from app.runtime.feeds.endpoints import rest_url
from app.runtime.feeds.rest import Rest, VenueError
from app.runtime.feeds.skew import TIME_NS
from app.runtime.trading.port import Silent
from app.runtime.trading.ports.limits import ASK_WAIT_S_MAX, CLOCK_SHARE

log = structlog.get_logger("kimp.trading")


class Late(Exception):
    """Its time was over before the first byte had left."""


class Door:
    """rest: the venue's public side, for its address, clock and names; its budget is another."""

    def __init__(self, rest: Rest, egress: Egress) -> None:
        self.venue = rest.exchange.venue
        self.budget = Budget(PRIVATE[self.venue])
        self.is_well = False
        """Whether the last answer was one."""
        self._rest = rest
        self._egress = egress

    @property
    def keys(self) -> Keys:
        """Raises Silent."""
        if self._rest.keys is None:
            raise Silent("no_keys")
        return self._rest.keys

    def venue_ms(self, at_ns: int) -> int:
        """Our time → the venue's, as well as we know it."""
        offset = self._rest.skew.offset
        return (at_ns + (offset.offset_ns if offset is not None else 0)) // MS_NS

    async def ask(self, request: Request, *, urgent: bool) -> Answer:
        """A question, once. urgent: may spend what is reserved for recovery. Raises Silent."""
        clock = self._rest.clock
        until_ns = clock.at_ns() + round(ASK_WAIT_S_MAX * SECOND_NS)
        if not await self._admitted(request, until_ns, urgent=urgent):
            self._silent("limited", "its budget is spent")
        try:
            signed = self._signed(request, clock.at_ns())
        except Unsignable as error:
            self._silent("bad_keys", str(error))
        try:
            return await self._send(request, signed, None)
        except Unanswered as error:
            self._silent(error.reason.replace(" ", "_"), str(error))

    async def act(
        self,
        request: Request,
        signed_at_ns: int,
        valid_until_ns: int,
        window_ms: int,
        *,
        urgent: bool = False,
    ) -> Answer | NoAnswer | Rejection:
        """An action, once. A Rejection is our own: nothing has left, and nothing will.

        urgent: may spend the reserve, which other actions leave to recovery (H57).
        """
        try:
            if (refusal := await self._unfit(window_ms)) is not None:
                return refusal
            signed = self._signed(request, signed_at_ns)
            if not await self._admitted(request, valid_until_ns, urgent=urgent):
                return Rejection("LIMITED", "there is no budget left for it in its time")
            return await self._send(request, signed, valid_until_ns)
        except (Unsignable, Silent) as error:
            return Rejection("BAD_KEYS", str(error))
        except Late:
            return Rejection("TOO_LATE", "its time was over before it could leave")
        except Unanswered as error:
            self.is_well = False
            if error.reason == "not allowed":  # by our own list of hosts
                return Rejection("NOT_ALLOWED", str(error))
            return NoAnswer(str(error))
        except asyncio.CancelledError:
            # Whoever gave up cannot know whether it has left; the row says so (R4). The task goes
            # on just far enough to write that down.
            self.is_well = False
            log.warning("send_cancelled", venue=self.venue, call=request.path)
            return NoAnswer("cancelled")

    async def _unfit(self, window_ms: int) -> Rejection | None:
        """Not sure of the venue's clock: it is looked at once more, and then nothing is sent."""
        if not self._is_sure(window_ms):
            await self._look_at_the_clock()
        if self._is_sure(window_ms):
            return None
        offset = self._rest.skew.offset
        if offset is None:
            return Rejection("CLOCK_UNCERTAIN", "the venue's clock has not been read")
        told = f"the venue's clock is known to {offset.error_ns // MS_NS} ms only"
        return Rejection("CLOCK_UNCERTAIN", f"{told}, the window has {window_ms} ms")

    def _is_sure(self, window_ms: int) -> bool:
        offset = self._rest.skew.offset
        return offset is not None and offset.error_ns * CLOCK_SHARE <= window_ms * MS_NS

    async def _look_at_the_clock(self) -> None:
        rest = self._rest
        request = rest.exchange.ask_time()
        if request is None:
            return
        try:
            answer = await rest.ask(request, urgent=True)
            at_ns = rest.clock.at_ns()
            for event in rest.events(request, answer):
                if isinstance(event, ServerTime):
                    rest.heard(answer, at_ns, event.exchange_at_ns, TIME_NS)
        except VenueError as error:
            log.warning("clock_not_read", venue=self.venue, reason=str(error))

    async def _admitted(self, request: Request, until_ns: int, *, urgent: bool) -> bool:
        clock = self._rest.clock
        while True:
            at_ns = clock.at_ns()
            wait_ns = self.budget.wait_ns(request, at_ns, urgent=urgent)
            if wait_ns == 0:
                self.budget.spend(request, at_ns)
                return True
            if at_ns + wait_ns >= until_ns:
                return False
            await clock.sleep(wait_ns / SECOND_NS)

    def _signed(self, request: Request, at_ns: int) -> Signed:
        """Raises Unsignable, Silent where there are no keys."""
        nonce = str(uuid.UUID(bytes=os.urandom(16), version=4))
        return sign(self.venue, request, self.keys, self.venue_ms(at_ns), nonce)

    async def _send(self, request: Request, signed: Signed, valid_until_ns: int | None) -> Answer:
        """Raises Unanswered, Late."""
        rest = self._rest

        def leaving() -> None:
            if valid_until_ns is not None and rest.clock.at_ns() >= valid_until_ns:
                raise Late

        url = rest_url(rest.exchange, rest.endpoint, signed.target, request.root)
        if request.root is not None:  # a host that the venue's own file names
            self._egress.allow(url)
        answer = await rest.http.ask(
            request.method, url, signed.headers, signed.body, leaving=leaving
        )
        at_ns = rest.clock.at_ns()
        self.budget.answered(Reply(request, answer.headers, at_ns), answer.status)
        if rest.exchange.ask_time() is None:
            rest.read_date(answer, at_ns)
        return answer

    def _silent(self, reason: str, detail: str) -> NoReturn:
        self.is_well = False
        raise Silent(reason, detail)
