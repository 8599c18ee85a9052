"""Inbox: frames go from the socket straight into the engine, or wait here while it is behind.

Taken in the socket's own callback with the time of receipt, for at most a slice of each turn of
the loop; what comes after waits for the next turns, in order. Far behind, a whole book is replaced
by a newer one of the same instrument; a connection that fills the inbox starts anew.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from app.domain.events import Event, FrameReceived, FramesDropped
from app.domain.venues import Venue
from app.exchanges.peeking import is_keepalive, whole_book
from app.runtime.feeds.clock import Clock
from app.runtime.feeds.counts import Tally
from app.runtime.feeds.limits import BEHIND, HELD_MAX, INBOX_MAX, SLICE_NS

Take = Callable[[Event], object]


class Waiting:
    """A frame in the queue; None: a newer one took its place, or its connection is gone."""

    __slots__ = ("at_ns", "frame", "key", "lane")

    def __init__(self, lane: Lane, at_ns: int, frame: bytes, key: bytes | None) -> None:
        self.lane = lane
        self.at_ns = at_ns
        self.frame: bytes | None = frame
        self.key = key


class Lane:
    """One connection's way in. Closed at first: what comes is held until it opens.

    conflates: its channel sends whole books. overflowed: called when it must start anew.
    """

    __slots__ = (
        "conflates",
        "heard_at_ns",
        "held",
        "inbox",
        "is_open",
        "is_over",
        "message_at_ns",
        "newest",
        "number",
        "overflowed",
        "tally",
        "venue",
        "waiting",
    )

    def __init__(
        self,
        inbox: Inbox,
        venue: Venue,
        number: int,
        tally: Tally,
        *,
        conflates: bool,
        overflowed: Callable[[], None],
    ) -> None:
        self.inbox = inbox
        self.venue = venue
        self.number = number
        self.tally = tally
        self.conflates = conflates
        self.overflowed = overflowed
        self.is_open = False
        self.is_over = False
        self.held: list[tuple[int, bytes]] = []
        self.heard_at_ns: int | None = None
        """Of anything; message_at_ns: of a message that is no pong and no heartbeat."""
        self.message_at_ns: int | None = None
        self.waiting = 0
        self.newest: dict[bytes, Waiting] = {}

    def receive(self, frame: bytes) -> None:
        """The socket's callback."""
        if self.is_over:
            return
        inbox = self.inbox
        at_ns = inbox.at_ns()
        self.heard_at_ns = at_ns
        self.tally.messages.add(at_ns)
        if not is_keepalive(self.venue, frame):
            self.message_at_ns = self.tally.last_message_at_ns = at_ns
        if self.is_open:
            inbox.receive(self, at_ns, frame)
        elif len(self.held) < HELD_MAX:
            self.held.append((at_ns, frame))
        else:
            self.is_over = True
            self.overflowed()

    def open(self) -> None:
        """What was held goes in, with the times of receipt, then everything as it comes."""
        self.is_open = True
        held, self.held = self.held, []
        for at_ns, frame in held:
            self.inbox.wait(self, at_ns, frame)

    def close(self) -> int:
        """Nothing more goes in. Returns how many frames were waiting."""
        self.is_over = True
        self.held = []
        return self.inbox.forget(self)


class Inbox:
    """One for all venues: the engine takes one frame at a time."""

    def __init__(self, take: Take, clock: Clock) -> None:
        self.at_ns = clock.at_ns
        self._take = take
        self._queue: deque[Waiting] = deque()
        self._waiting = 0
        self._is_armed = False
        self._slice_ends_ns = 0

    def __len__(self) -> int:
        return self._waiting

    def receive(self, lane: Lane, at_ns: int, frame: bytes) -> None:
        if self._queue or (self._is_armed and at_ns >= self._slice_ends_ns):
            self.wait(lane, at_ns, frame)
            return
        if not self._is_armed:
            self._arm(at_ns)
        self._take(FrameReceived(at_ns, lane.number, frame))

    def wait(self, lane: Lane, at_ns: int, frame: bytes) -> None:
        """Behind everything that waits already."""
        if lane.is_over:
            return
        if lane.waiting >= INBOX_MAX:
            self._overflow(lane, at_ns)
            return
        key = whole_book(lane.venue, frame) if lane.conflates else None
        entry = Waiting(lane, at_ns, frame, key)
        if key is not None:
            older = lane.newest.get(key)
            if older is not None and self._waiting > BEHIND:
                older.frame = None
                self._left(lane)
                lane.tally.conflated += 1
            lane.newest[key] = entry
        self._queue.append(entry)
        self._waiting += 1
        lane.waiting += 1
        if not self._is_armed:
            self._arm(at_ns)

    def forget(self, lane: Lane) -> int:
        """Throw away what waits of this lane."""
        count = lane.waiting
        if count:
            self._queue = deque(entry for entry in self._queue if entry.lane is not lane)
            self._waiting -= count
            lane.waiting = 0
        lane.newest.clear()
        return count

    def _overflow(self, lane: Lane, at_ns: int) -> None:
        lane.is_over = True
        dropped = self.forget(lane) + 1
        lane.tally.dropped += dropped
        self._take(FramesDropped(at_ns, lane.number, dropped))
        lane.overflowed()

    def _arm(self, at_ns: int) -> None:
        self._is_armed = True
        self._slice_ends_ns = at_ns + SLICE_NS
        asyncio.get_running_loop().call_soon(self._breathe)

    def _breathe(self) -> None:
        """A new turn of the loop: others have had theirs."""
        if not self._queue:
            self._is_armed = False
            return
        self._arm(self.at_ns())
        while self._queue:
            entry = self._queue.popleft()
            frame, lane = entry.frame, entry.lane
            if frame is None:
                continue
            self._left(lane)
            if entry.key is not None and lane.newest.get(entry.key) is entry:
                del lane.newest[entry.key]
            self._take(FrameReceived(entry.at_ns, lane.number, frame))
            if self.at_ns() >= self._slice_ends_ns:
                return

    def _left(self, lane: Lane) -> None:
        self._waiting -= 1
        lane.waiting -= 1
