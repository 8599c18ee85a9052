"""Line: one socket of one venue, from the handshake to its end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine, Sequence

from app.domain.events import ConnectionLost, ConnectionOpened
from app.domain.markets import Alignment, Entry, Instrument
from app.domain.times import SECOND_NS
from app.exchanges.contract import Ticket
from app.exchanges.limits import frame_limits
from app.net.websocket import Unconnected, WebSocket
from app.runtime.feeds.clock import seconds_ns
from app.runtime.feeds.endpoints import entered_url, stream_url
from app.runtime.feeds.inbox import Lane
from app.runtime.feeds.limits import (
    LIFE_MARGIN_S,
    PING_S,
    PONG_S,
    SILENCE_S,
    SNAPSHOTS_S,
    WELCOME_S,
)
from app.runtime.feeds.rest import VenueError
from app.runtime.feeds.station import Station


class Line:
    """Nothing reaches the engine before `open`, nothing after `end`."""

    def __init__(
        self, station: Station, instruments: tuple[Instrument, ...], wake: asyncio.Event
    ) -> None:
        """wake: set, beside `ended`, when it ends."""
        self._wake = wake
        self.number = station.number()
        self.instruments = instruments
        self.opened_at_ns = 0
        self.ended = asyncio.Event()
        """The socket is gone, or its inbox ran over."""
        self.resubscribed: dict[Instrument, int] = {}
        """When each was last subscribed anew."""
        self._reason = ""
        self._station = station
        self._lane = Lane(
            station.inbox,
            station.venue,
            self.number,
            station.tally,
            conflates=station.exchange.channels[station.channel] is Alignment.SNAPSHOTS,
            overflowed=self._overflowed,
        )
        self._socket: WebSocket | None = None
        self._frames: deque[bytes] = deque()
        self._has_frames = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._limits = frame_limits(station.venue)
        self._ping_every_s = station.exchange.ping_every_s or PING_S
        self.connected_at_ns = 0
        self._pinged_at_ns = 0
        self._pongs = 0
        self._pong_due_since_ns: int | None = None

    @property
    def has_messages(self) -> bool:
        return self._lane.message_at_ns is not None

    @property
    def reason(self) -> str:
        return self._reason or (self._socket.reason if self._socket else "") or "closed"

    async def connect(self) -> None:
        """Shake hands and begin to subscribe. Raises Unconnected, VenueError."""
        station = self._station
        exchange, clock = station.exchange, station.clock
        ticket = Ticket(clock.at_ns(), f"k{self.number}")
        (plan,) = exchange.connections(self.instruments, station.channel, ticket)
        entry = exchange.entry()
        if entry is None:
            url = stream_url(exchange, station.endpoint, plan.path)
        else:
            events = await station.rest.read(entry, urgent=True)
            found = next((event for event in events if isinstance(event, Entry)), None)
            if found is None:
                raise VenueError("unreadable", "no address to connect to")
            self._ping_every_s = found.ping_every_s
            url = entered_url(station.endpoint, found.url, plan.path)
        await station.may_connect()
        self._socket = await WebSocket.connect(url, station.egress, self._lane.receive)
        self.connected_at_ns = self._pinged_at_ns = clock.at_ns()
        self._spawn(self._until_ended(self._socket))
        if entry is not None:
            await self._welcomed()
        self.send(plan.frames)
        self._spawn(self._sending(self._socket))

    def open(self) -> None:
        """From here on the engine hears it, and what it was held back of, with its own times."""
        station = self._station
        self.opened_at_ns = self.connected_at_ns
        station.snapshots_until_ns = station.clock.at_ns() + seconds_ns(SNAPSHOTS_S)
        station.take(
            ConnectionOpened(
                self.opened_at_ns, self.number, station.venue, station.channel, self.instruments
            )
        )
        self._lane.open()

    def send(self, frames: Sequence[bytes]) -> None:
        """In order, in the pace that the venue allows."""
        self._frames.extend(frames)
        self._has_frames.set()

    def ailment(self, at_ns: int) -> str | None:
        """Why this line is dead although its socket is not; keeps it alive on the way."""
        lane, socket = self._lane, self._socket
        if socket is None:
            return "no socket"
        last_ns = max(lane.message_at_ns or 0, self.connected_at_ns)
        if at_ns - last_ns > seconds_ns(SILENCE_S):
            return "silent"
        heard_ns = lane.heard_at_ns or 0
        due_ns = self._pong_due_since_ns
        if due_ns is not None and (heard_ns > due_ns or socket.pongs != self._pongs):
            self._pong_due_since_ns = due_ns = None
        if due_ns is not None and at_ns - due_ns > seconds_ns(PONG_S):
            return "no pong"
        if at_ns - self._pinged_at_ns >= seconds_ns(self._ping_every_s):
            self._ping(socket, at_ns)
        return None

    def is_old(self, at_ns: int) -> bool:
        """Whether the venue is going to cut it before long."""
        life_s = self._station.exchange.limits.life_s
        lived_ns = at_ns - self.connected_at_ns
        return life_s is not None and lived_ns >= seconds_ns(life_s - LIFE_MARGIN_S)

    def lived_s(self, at_ns: int) -> float:
        return (at_ns - self.connected_at_ns) / SECOND_NS

    def end(self, reason: str, at_ns: int | None = None) -> None:
        """Tell the engine first, then take the socket away. at_ns: else now."""
        station = self._station
        self._lane.close()
        if self.opened_at_ns:
            self.opened_at_ns = 0
            station.take(ConnectionLost(at_ns or station.clock.at_ns(), self.number, reason))
        for task in self._tasks:
            task.cancel()

    async def close(self) -> None:
        """After `end`, or instead of `open`: leave nothing behind."""
        self._lane.close()
        for task in self._tasks:
            task.cancel()
        if self._socket is not None:
            await self._socket.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ping(self, socket: WebSocket, at_ns: int) -> None:
        ticket = Ticket(at_ns, f"p{self.number}-{at_ns // SECOND_NS}")
        message = self._station.exchange.ping(ticket)
        for limit in self._limits:
            limit.spend(at_ns, 1)
        if message is None:
            socket.ping()
        else:
            socket.send(message)
        self._pinged_at_ns = at_ns
        self._pongs = socket.pongs
        if self._pong_due_since_ns is None:
            self._pong_due_since_ns = at_ns

    async def _welcomed(self) -> None:
        """A venue that gives addresses away says hello first; before it nothing may be asked."""
        waited_s = 0.0
        while self._lane.heard_at_ns is None and not self.ended.is_set():
            if waited_s >= WELCOME_S:
                raise Unconnected("no welcome")
            await self._station.clock.sleep(0.05)
            waited_s += 0.05
        if self.ended.is_set():
            raise Unconnected(self.reason)

    async def _sending(self, socket: WebSocket) -> None:
        clock = self._station.clock
        while True:
            await self._has_frames.wait()
            while self._frames:
                at_ns = clock.at_ns()
                wait_ns = max(limit.wait_ns(at_ns, 1, 0.0) for limit in self._limits)
                if wait_ns:
                    await clock.sleep(wait_ns / SECOND_NS)
                    continue
                for limit in self._limits:
                    limit.spend(at_ns, 1)
                socket.send(self._frames.popleft())
            self._has_frames.clear()

    async def _until_ended(self, socket: WebSocket) -> None:
        await socket.ended.wait()
        self._is_over()

    def _overflowed(self) -> None:
        self._reason = "inbox full"
        self._is_over()

    def _is_over(self) -> None:
        self.ended.set()
        self._wake.set()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))
