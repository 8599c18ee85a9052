"""User stream: one account's own news, kept on the air. Hints: whatever is lost is asked for.

Back-off, breaker and pings are those of the market's streams (SPEC §3).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence

import structlog

from app.domain.markets import Instrument
from app.domain.orders import Balance, Fill, OrderReport
from app.exchanges.accounts.contract import Account, Unclear
from app.exchanges.contract import Ticket
from app.net.websocket import Unconnected, WebSocket
from app.runtime.feeds.breaker import Breaker, backoff_s
from app.runtime.feeds.clock import seconds_ns
from app.runtime.feeds.endpoints import entered_url, stream_url
from app.runtime.feeds.limits import GUARD_S, PING_S, PONG_S, RETRY_S, STEADY_S, WELCOME_S
from app.runtime.feeds.station import Station
from app.runtime.trading.port import Silent
from app.runtime.trading.ports.door import Door
from app.runtime.trading.ports.limits import LOGIN_S, UNREAD_TOLD_MAX

log = structlog.get_logger("kimp.trading")

Heard = Callable[[OrderReport | Fill | Balance], None]


class Refused(Exception):
    """The venue lets nobody in, or ends what it had begun."""


class Call:
    """One socket, from the handshake to its end."""

    def __init__(self, account: Account, station: Station, heard: Heard) -> None:
        self.socket: WebSocket | None = None
        self.fault: str | None = None
        self.heard_at_ns = station.clock.at_ns()
        self.opened_at_ns = self.heard_at_ns
        self.welcomed = asyncio.Event()
        """Something has come."""
        self.admitted = asyncio.Event()
        self.changed = asyncio.Event()
        self._account = account
        self._station = station
        self._heard = heard
        self._unread = 0

    def receive(self, frame: bytes) -> None:
        """Of the socket, at once and in order. Must not raise."""
        self.heard_at_ns = self._station.clock.at_ns()
        self.welcomed.set()
        try:
            if self._account.logs_in and not self.admitted.is_set():
                admitted = self._account.login_reply(frame)
                if admitted is False:
                    self.end("login refused")
                    return
                if admitted:
                    self.admitted.set()
                    self.changed.set()
            rows = self._account.read_stream(frame, self._station.rest.names)
        except Unclear as unclear:  # such as: this stream will say nothing more
            self.end(unclear.reason)
            return
        except ValueError as fault:
            self._unread += 1
            if self._unread <= UNREAD_TOLD_MAX:
                log.warning(
                    "user_stream_unread", venue=self._station.venue, reason=str(fault)[:200]
                )
            return
        for row in rows:
            self._heard(row)

    def end(self, reason: str) -> None:
        self.fault = self.fault or reason
        self.changed.set()

    async def close(self) -> None:
        if self.socket is not None:
            await self.socket.close()


class UserStream:
    """`run` is its task; ending it closes everything."""

    def __init__(
        self,
        station: Station,
        account: Account,
        door: Door,
        instruments: Callable[[], Sequence[Instrument]],
        heard: Heard,
    ) -> None:
        self.is_connected = False
        self.connects = 0
        self.reason: str | None = None
        self._station = station
        self._account = account
        self._door = door
        self._instruments = instruments
        self._heard = heard
        self._breaker = Breaker()
        self._failures = 0

    async def run(self) -> None:
        clock = self._station.clock
        while True:
            while not self._breaker.admits(clock.at_ns()):
                await clock.sleep(GUARD_S)
            call = Call(self._account, self._station, self._told)
            after_s = 0.0
            try:
                await self._open(call)
                reason = await self._sit(call)
            except (Unconnected, Silent, Refused, ValueError) as error:
                reason = str(error)
                self._breaker.failed(clock.at_ns())
                if isinstance(error, Unconnected):
                    after_s = error.retry_after_s or 0.0
            except asyncio.CancelledError:
                self._breaker.abandoned(clock.at_ns())
                raise
            finally:
                self.is_connected = False
                await call.close()
            self.reason = reason
            is_steady = clock.at_ns() - call.opened_at_ns >= seconds_ns(STEADY_S)
            self._failures = 1 if is_steady and call.admitted.is_set() else self._failures + 1
            log.warning(
                "user_stream_lost",
                venue=self._station.venue,
                reason=reason[:200],
                failures=self._failures,
                breaker=self._breaker.state,
            )
            await clock.sleep(max(backoff_s(self._failures, clock.chance()), after_s))

    def _told(self, row: OrderReport | Fill | Balance) -> None:
        try:
            self._heard(row)
        except Exception:  # the stream must not die of what a listener does with a hint
            log.exception("user_stream_hint_failed", venue=self._station.venue)

    async def _open(self, call: Call) -> None:
        """Raises Unconnected, Silent, Refused, ValueError."""
        station, account, clock = self._station, self._account, self._station.clock
        url, has_entry = await self._url()
        await station.may_connect()
        headers = account.stream_headers(self._door.keys, self._ticket())
        call.socket = await WebSocket.connect(url, station.egress, call.receive, headers)
        call.opened_at_ns = call.heard_at_ns = clock.at_ns()
        if has_entry and not await clock.wait(call.welcomed, WELCOME_S):
            raise Unconnected("no welcome")
        frames = account.stream_frames(self._door.keys, self._instruments(), self._ticket())
        if not account.logs_in:
            call.admitted.set()
        elif frames:
            call.socket.send(frames.pop(0))
            if not await clock.wait(call.changed, LOGIN_S):
                raise Refused("no answer to the login")
            if call.fault is not None:
                raise Refused(call.fault)
            call.changed.clear()
        for frame in frames:
            call.socket.send(frame)

    async def _url(self) -> tuple[str, bool]:
        """Raises Silent, ValueError."""
        station = self._station
        entry = self._account.stream_entry()
        if entry is None:
            path = self._account.stream_path(None)
            if not path.startswith(("ws://", "wss://")):
                return stream_url(station.exchange, station.endpoint, path), False
            url = entered_url(station.endpoint, path, "")
            station.egress.allow(url)  # a host that the venue's own file names
            return url, False
        answer = await self._door.ask(entry, urgent=True)
        if answer.status != 200:
            raise Silent(f"http_{answer.status}")
        return entered_url(station.endpoint, self._account.stream_path(answer.body), ""), True

    async def _sit(self, call: Call) -> str:
        """Until it is dead; keeps it alive. Returns why."""
        station, clock, socket = self._station, self._station.clock, call.socket
        assert socket is not None
        self.is_connected, self.reason = True, None
        self.connects += 1
        self._breaker.succeeded()
        every_ns = seconds_ns(station.exchange.ping_every_s or PING_S)
        pinged_ns, pongs = clock.at_ns(), socket.pongs
        due_since_ns: int | None = None
        while True:
            at_ns = clock.at_ns()
            if call.fault is not None:
                return call.fault
            if not socket.is_open:
                return socket.reason or "closed"
            if call.heard_at_ns > pinged_ns or socket.pongs != pongs:
                due_since_ns = None
            if due_since_ns is not None and at_ns - due_since_ns > seconds_ns(PONG_S):
                return "no pong"
            if at_ns - pinged_ns >= every_ns:
                self._ping(socket)
                pinged_ns, pongs = at_ns, socket.pongs
                due_since_ns = due_since_ns or at_ns
            await clock.wait(call.changed, GUARD_S)
            call.changed.clear()

    def _ping(self, socket: WebSocket) -> None:
        message = self._account.stream_ping(self._ticket())
        if message is None:
            socket.ping()
        else:
            socket.send(message)

    def _ticket(self) -> Ticket:
        """On the venue's clock; no two are alike."""
        at_ns = self._station.clock.at_ns()
        return Ticket(self._door.venue_ms(at_ns) * 1_000_000, os.urandom(8).hex())


async def kept_up(stream: UserStream, station: Station) -> None:
    """A bug of ours ends one connection, not the account's news; it is told."""
    while True:
        try:
            await stream.run()
        except Exception:
            log.exception("user_stream_failed", venue=station.venue)
        await station.clock.sleep(RETRY_S)
