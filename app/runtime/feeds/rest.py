"""Rest: one venue's calls, within its budget, signed where it wants that, read by its own file."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from app.domain.markets import Event, Rejected
from app.domain.times import MS_NS, SECOND_NS
from app.exchanges.contract import Exchange, Names, Request
from app.exchanges.limits import RULES, Budget, Reply
from app.exchanges.signing import Keys, Unsignable, sign
from app.net.http import Answer, Http, Unanswered
from app.runtime.feeds.clock import Clock
from app.runtime.feeds.endpoints import Endpoint, asked_url, rest_url
from app.runtime.feeds.limits import BUDGET_WAIT_S_MAX
from app.runtime.feeds.skew import DATE_NS, Skew, dated_ns


class VenueError(Exception):
    """The venue gave no answer that can be used. reason: a word for pages, detail for the log."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


@dataclass(slots=True)
class Rest:
    """set_clock: called with the difference when the venue's clock is another than we knew."""

    exchange: Exchange
    endpoint: Endpoint
    http: Http
    clock: Clock
    keys: Keys | None
    names: Names
    set_clock: Callable[[int], object]
    budget: Budget = field(init=False)
    skew: Skew = field(default_factory=Skew)

    def __post_init__(self) -> None:
        self.budget = Budget(RULES[self.exchange.venue])

    async def read(self, request: Request, *, urgent: bool = False) -> list[Event]:
        """What the answer means. Raises VenueError, also for what the venue rejected."""
        return self.events(request, await self.ask(request, urgent=urgent))

    def events(self, request: Request, answer: Answer) -> list[Event]:
        """Raises VenueError."""
        try:
            events = self.exchange.read_reply(request, answer.body, self.names)
        except ValueError as error:
            if answer.status != 200:
                raise VenueError(f"http_{answer.status}") from error
            raise VenueError("unreadable", str(error)[:200]) from error
        for event in events:
            if isinstance(event, Rejected):
                raise VenueError("rejected", f"{event.code[:40]} {event.message[:120]}")
        if answer.status != 200:
            raise VenueError(f"http_{answer.status}")
        return events

    async def ask(self, request: Request, *, urgent: bool = False) -> Answer:
        """The answer as it came. Raises VenueError."""
        await self._admitted(request, urgent)
        try:
            answer = await self._send(request)
        except Unanswered as error:
            raise VenueError(error.reason.replace(" ", "_"), str(error)) from error
        at_ns = self.clock.at_ns()
        self.budget.answered(Reply(request, answer.headers, at_ns), answer.status)
        if answer.status in {418, 429}:
            raise VenueError("limited", f"http {answer.status}")
        if self.exchange.ask_time() is None:
            self.read_date(answer, at_ns)
        if answer.headers.get("content-type", "").startswith("text/html"):
            raise VenueError("maintenance", f"http {answer.status}, a page instead of an answer")
        return answer

    def read_date(self, answer: Answer, at_ns: int) -> None:
        """The `Date` header, of a venue that has no call for its time."""
        theirs_ns = dated_ns(answer.headers.get("date"))
        if theirs_ns is not None:
            self.heard(answer, at_ns, theirs_ns, DATE_NS)

    def heard(self, answer: Answer, at_ns: int, theirs_ns: int, resolution_ns: int) -> None:
        """at_ns: our time when the answer was complete."""
        sent_ns = at_ns - (answer.received_ns - answer.sent_ns)
        before = self.skew.offset
        if self.skew.read(sent_ns, at_ns, theirs_ns, resolution_ns):
            now = self.skew.offset
            assert now is not None
            self.set_clock(0 if before is None else now.offset_ns - before.offset_ns)

    async def _admitted(self, request: Request, urgent: bool) -> None:
        while True:
            at_ns = self.clock.at_ns()
            wait_ns = self.budget.wait_ns(request, at_ns, urgent=urgent)
            if wait_ns == 0:
                self.budget.spend(request, at_ns)
                return
            if wait_ns > BUDGET_WAIT_S_MAX * SECOND_NS:
                raise VenueError("limited", f"for another {wait_ns // SECOND_NS} s")
            await self.clock.sleep(wait_ns / SECOND_NS)

    async def _send(self, request: Request) -> Answer:
        if not request.signed:
            url = asked_url(self.exchange, self.endpoint, request)
            return await self.http.ask(request.method, url, {}, request.body)
        if self.keys is None:
            raise VenueError("no_keys")
        offset = self.skew.offset
        at_ms = (self.clock.at_ns() + (offset.offset_ns if offset else 0)) // MS_NS
        try:
            signed = sign(self.exchange.venue, request, self.keys, at_ms, str(uuid.uuid4()))
        except Unsignable as error:
            raise VenueError("bad_keys", str(error)) from error
        url = rest_url(self.exchange, self.endpoint, signed.target, request.root)
        return await self.http.ask(request.method, url, signed.headers, signed.body)
