"""Wire: HTTP and WebSocket as the product knows them, to venues in this process.

What leaves is on its way whatever becomes of its sender, as a packet is. It may be lost, late, or
answered by nobody; the answer may be lost, or be another one than the venue gave.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from email.utils import formatdate
from typing import Any
from urllib.parse import urlsplit

from app.domain.times import SECOND_NS
from app.domain.venues import Venue
from app.net.egress import Egress
from app.net.http import Answer, Unanswered
from app.net.websocket import Unconnected
from app.simulator.part import Outlet, Part
from app.simulator.protocol import HTML, Listing, Reply, Request
from tests.simulation.chaos import Chaos
from tests.simulation.process import SLEEPS_S, Process, world_ns
from tests.simulation.theatre import Theatre

PATIENCE_S = 15.0
LATENCY_S = (0.01, 0.12)
LATE_S = (3.0, 60.0)
LAST_S = (-2.0, 3.0)
"""Around the end of its time: where a late arrival does most harm."""
HIDDEN_MS = (50, 5_000)
HIDDEN_S, SLOW_S = 3.0, 8.0
"""For so long every list and look of the venue is that late; the second: after a late arrival."""
GRACE_NS = 3 * SECOND_NS
"""Of a venue without deadlines: nothing stays under way for longer than we say it can."""
PAGE = Reply(200, b"<html><body>We will be back soon</body></html>", HTML)


def url_of(venue: Venue) -> str:
    return f"http://{venue.value}.simulated:80"


class Wire:
    """Between all processes and all venues. valid_until: of each intent that was sent."""

    def __init__(self, theatre: Theatre, chaos: Chaos) -> None:
        self.theatre = theatre
        self.chaos = chaos
        self.valid_until: dict[str, int] = {}
        self.legs: dict[str, str] = {}
        """Of each of them, what is said before what it meets."""
        self.withdrawn_until: dict[Venue, int] = {}
        self.banned_until: dict[Venue, float] = {}
        self._hidden: dict[Venue, tuple[float, int]] = {}
        self.asked = 0
        self.under_way: Counter[tuple[str, Venue]] = Counter()
        """Actions of a process at a venue that nobody has answered yet."""

    def serve(self, venue: Venue, request: Request, who: str) -> Reply | None:
        """At the venue, now. None: nobody will answer."""
        part, chaos = self.theatre.parts[venue], self.chaos
        self.asked += 1
        changes = request.method != "GET"
        now = asyncio.get_running_loop().time()
        if self.banned_until.get(venue, 0.0) > now:
            return part.dialect.limited(request, 418)
        if part.faults.find(frozenset({"maintenance"})) is not None:
            return part.dialect.maintenance(request)
        if chaos.happens("banned", who):
            self.banned_until[venue] = now + 20.0
            return part.dialect.limited(request, 418)
        if chaos.happens("limited", who):
            return part.dialect.limited(request, 429)
        if chaos.happens("error_before", who):
            return part.dialect.limited(request, 503)
        if chaos.happens("page", who):
            return PAGE
        hides_ms = 0 if changes else self._hides_ms(venue, who, now)
        wrong = not changes and self.theatre.wrong_until.get(venue, 0.0) > now
        with self.theatre.answering(venue, hides_ms, wrong=wrong):
            reply = part.dialect.http(request)
        chaos.note(round(now, 6), who, venue.value, request.method, request.path, reply.status)
        if changes and chaos.happens("error_after", who):
            chaos.met[f"{self.leg(request)}error_after"] += 1
            return part.dialect.limited(request, 502)
        return reply

    def leg(self, request: Request) -> str:
        body = request.body.decode(errors="replace") + request.query
        return next((leg for name, leg in self.legs.items() if leg and name in body), "")

    def _hides_ms(self, venue: Venue, who: str, now: float) -> int:
        ends, hides_ms = self._hidden.get(venue, (0.0, 0))
        if now < ends:
            return hides_ms
        if not self.chaos.happens("unlisted", who):
            return 0
        return self.fall_behind(venue, HIDDEN_S)

    def fall_behind(self, venue: Venue, lasts_s: float) -> int:
        """Its lists and looks tell of some time ago. By how much, in ms."""
        now = asyncio.get_running_loop().time()
        hides_ms = self.chaos.of("hidden").randint(*HIDDEN_MS)
        self._hidden[venue] = now + lasts_s, hides_ms
        return hides_ms

    def until_ns(self, venue: Venue, request: Request) -> int | None:
        """How long we say that this act can be under way; None: it is none of ours."""
        if request.method == "GET":
            return None
        body = request.body.decode(errors="replace") + request.query
        known = [until for name, until in self.valid_until.items() if name in body]
        return max(known, default=self.withdrawn_until.get(venue))

    def is_late(self, venue: Venue, request: Request, left_ns: int) -> bool:
        """What a venue without deadlines would still take, and the network does not keep."""
        until_ns = self.until_ns(venue, request)
        return until_ns is not None and world_ns() > max(until_ns, left_ns) + GRACE_NS


class Line:
    """One process' client for everything: stands where `app.net.http.Http` stands."""

    def __init__(self, wire: Wire, process: Process) -> None:
        self._wire = wire
        self._process = process
        self._chaos = wire.chaos
        self._who = process.name.partition(".")[0]
        self._random = wire.chaos.of(f"latency {self._who}")

    async def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        leaving: Callable[[], None] | None = None,
    ) -> Answer:
        process, loop = self._process, asyncio.get_running_loop()
        parts = urlsplit(url)
        venue = Venue((parts.hostname or "").partition(".")[0])
        named = {name.lower(): value for name, value in (headers or {}).items()}
        request = Request(method, parts.path, parts.query, {"host": parts.netloc, **named}, body)
        leg = "" if method == "GET" else self._wire.leg(request)
        await process.gate("ask" if method == "GET" else f"{leg}send")
        if method != "GET" and process.trouble("asleep"):
            await process.stand_still(f"{leg}send", SLEEPS_S)
        if leaving is not None:
            leaving()
        sent_ns = process.at_ns()
        answer: asyncio.Future[Reply] = loop.create_future()
        acts = Counter({(process.name, venue): int(method != "GET")})
        self._wire.under_way += acts
        self._leave(venue, request, answer)
        await process.gate("asked" if method == "GET" else f"{leg}sent")
        try:
            async with asyncio.timeout(PATIENCE_S):
                reply = await answer
        except TimeoutError as late:
            await process.gate("unanswered")
            raise Unanswered("timeout") from late
        finally:
            self._wire.under_way -= acts
        received_ns = process.at_ns()
        await process.gate("answered")
        if method != "GET" and process.trouble("broken"):
            raise RuntimeError("simulated: a bug where an answer is read")
        told = {name.lower(): value for name, value in reply.headers}
        part = self._wire.theatre.parts[venue]
        told["date"] = formatdate(part.now_ms() // 1_000, usegmt=True)
        return Answer(reply.status, told, reply.body, sent_ns, received_ns)

    def _leave(self, venue: Venue, request: Request, answer: asyncio.Future[Reply]) -> None:
        chaos, who, loop = self._chaos, self._who, asyncio.get_running_loop()
        act = "" if request.method == "GET" else " act"
        if chaos.happens("request_lost", who):
            chaos.met[f"request_lost{act}"] += 1
            return
        there_s = self._random.uniform(*LATENCY_S)
        is_slow = request.method != "GET" and chaos.happens("late", who)
        if is_slow:
            there_s = self._late_s(venue, request)
            chaos.met[f"{self._wire.leg(request)}late"] += 1
        back_s = self._random.uniform(*LATENCY_S)
        left_ns = world_ns()
        is_lost = chaos.happens("answer_lost", who)
        if is_lost and act:
            what = "withdraw" if "withdraw" in request.path else "order"
            chaos.met[f"answer_lost {what if request.method == 'POST' else 'cancel'}"] += 1

        def arrive() -> None:
            if self._wire.is_late(venue, request, left_ns):
                return
            reply = self._wire.serve(venue, request, who)
            if is_slow:
                self._wire.fall_behind(venue, SLOW_S)
            if reply is not None and not is_lost:
                loop.call_later(back_s, bring, reply)

        def bring(reply: Reply) -> None:
            if not answer.done() and not self._process.is_dead:
                answer.set_result(reply)

        loop.call_later(there_s, arrive)

    def _late_s(self, venue: Venue, request: Request) -> float:
        until_ns = self._wire.until_ns(venue, request)
        if until_ns is None or self._random.random() < 0.5:
            return self._random.uniform(*LATE_S)
        left_s = (until_ns - world_ns()) / SECOND_NS
        return max(LATENCY_S[1], left_s + self._random.uniform(*LAST_S))


class Socket(Outlet):
    """Both ends of one WebSocket: `app.net.websocket.WebSocket` here, the venue's client there."""

    def __init__(
        self,
        part: Part,
        process: Process,
        path: str,
        query: str,
        on_message: Callable[[bytes], None],
        wire: Wire,
    ) -> None:
        self.part = part
        self._wire = wire
        self.path, self.query, self.headers = path, query, {}
        self.topics = set()
        self.state: Any = None
        self.waiting = []
        self.ended = asyncio.Event()
        self.reason = ""
        self.pongs = 0
        self._process = process
        self._on_message = on_message
        self._is_open = True

    @classmethod
    async def connect(
        cls,
        url: str,
        egress: Egress,
        on_message: Callable[[bytes], None],
        headers: Mapping[str, str] | None = None,
    ) -> Socket:
        assert isinstance(egress, Gates)
        wire, process = egress.wire, egress.process
        await process.gate("connect")
        parts = urlsplit(url)
        venue = Venue((parts.hostname or "").partition(".")[0])
        part = wire.theatre.parts[venue]
        await asyncio.sleep(0.03)
        named = {name.lower(): value for name, value in (headers or {}).items()}
        request = Request("GET", parts.path, parts.query, {"host": parts.netloc, **named}, b"")
        refused = part.dialect.admits(request)
        if refused is not None:
            raise Unconnected(f"http {refused.status}")
        if not egress.streams:
            raise Unconnected("unreachable: simulated")
        socket = cls(part, process, parts.path, parts.query, on_message, wire)
        socket.headers = request.headers
        part.outlets[socket] = None
        egress.sockets.append(socket)
        part.dialect.opened(socket)
        return socket

    # ---- our end -------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        return self._is_open

    # `send` is both ends' word: bytes go to the venue, a text comes from it.
    def send(self, text: str | bytes) -> None:
        if isinstance(text, bytes):
            if self._is_open:
                self.part.dialect.heard(self, text.decode())
            return
        self._come(text.encode())

    def ping(self) -> None:
        if self._is_open:
            asyncio.get_running_loop().call_later(0.05, self._pong)

    def _pong(self) -> None:
        self.pongs += 1

    def abort(self) -> None:
        self._end("aborted")

    async def drop(self) -> None:
        self._end("closed")

    # ---- the venue's end -----------------------------------------------------------------------

    def push(self, text: str, listing: Listing) -> None:
        self._come(text.encode())

    def subscribe(self, topic: str) -> None:
        self.topics.add(topic)
        self.part.join(self, topic)

    def unsubscribe(self, topic: str) -> None:
        self.topics.discard(topic)
        self.part.quit(self, topic)

    def close(self, code: int = 1000, reason: str = "") -> Any:
        self._end(f"closed {code}")
        return DONE

    def reset(self) -> None:
        self._end("reset")

    def leave(self, code: int) -> None:
        self._end(f"closed {code}")

    def _come(self, frame: bytes) -> None:
        process = self._process
        if not self._is_open or self.part.silent or process.is_dead:
            return
        if process.trouble("stream_lost"):
            return
        random = process.chaos.of(f"stream {process.name.partition('.')[0]}")
        delay = random.uniform(0.005, 0.05)
        if process.trouble("stream_late"):
            delay = random.uniform(1.0, 20.0)
        for _ in range(2 if process.trouble("stream_twice") else 1):
            asyncio.get_running_loop().call_later(delay, self._hear, frame)

    def _hear(self, frame: bytes) -> None:
        process = self._process
        if self._is_open and not process.is_dead:
            if self._wire.under_way[process.name, Venue(self.part.venue)]:
                process.chaos.met["stream before the answer"] += 1
            self._on_message(frame)

    def _end(self, reason: str) -> None:
        if self._is_open:
            self._is_open = False
            self.reason = self.reason or reason
            for topic in list(self.topics):
                self.unsubscribe(topic)
            self.part.outlets.pop(self, None)
            self.part.dialect.closed(self)
            self.ended.set()


class Done:
    """Both ends close by one word; ours is awaited."""

    def __await__(self) -> Generator[None, None, None]:
        return
        yield


DONE = Done()


class Gates(Egress):
    """The list of hosts of one process, and with it the way to its venues' sockets."""

    def __init__(self, wire: Wire, process: Process, *, streams: bool) -> None:
        super().__init__()
        self.wire = wire
        self.process = process
        self.streams = streams
        self.sockets: list[Socket] = []

    def check(self, url: str) -> None:
        """Every simulated host may be spoken to."""
