"""Hub: who listens to what. Publishing and joining happen on the event loop only."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import msgspec
import structlog

from app.domain.problems import Problem
from app.runtime.streams import framing
from app.runtime.streams.board import Board, Render, View
from app.runtime.streams.clients import Client, Group, Page, Topics, state
from app.runtime.streams.lanes import Lane

log = structlog.get_logger("kimp.streams")

PAGE_HZ = 10


class Limits(msgspec.Struct, frozen=True):
    """What a listener may cost."""

    per_session_max: int = 32
    # A program may hand on to many what it hears; it must leave room for people all the same.
    per_token_max: int = 1_024
    total_max: int = 2_000
    # Of one client's wire: above this nothing more is written until it has drained.
    backlog_bytes_max: int = 262_144
    # A client that has not drained for this long is cut off.
    behind_s_max: float = 30.0
    comment_s: float = 15.0
    # How often clients that are behind are looked at.
    tend_s: float = 0.25
    # What a refused client is told to wait.
    retry_after_s: int = 10


class Counts(msgspec.Struct):
    """Since the start, for metrics."""

    messages: int = 0
    skipped: int = 0
    dropped: int = 0
    refused: int = 0


class Hub:
    """Every stream of this process."""

    def __init__(
        self, limits: Limits | None = None, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self.limits = limits or Limits()
        self.counts = Counts()
        # Streams that hold a slot, whether or not their first byte has left.
        self.open = 0
        self._board = Board(now_ns)
        self._lanes: dict[int, Lane] = {}
        self._sessions: Counter[str] = Counter()
        self._clients: set[Client] = set()
        self._behind: dict[Client, float] = {}
        self._tending: asyncio.TimerHandle | None = None
        self._comment_due_s = 0.0
        self._closed = False
        self.freshen: Callable[[str], None] | None = None
        """Called with a topic before its whole state is sent, while nobody follows it yet."""

    # ------------------------------------------------------------------ what happened

    def publish(self, topic: str, items: Mapping[str, object], remove: Iterable[str] = ()) -> None:
        """New values of some items of a topic. An equal value is not sent again."""
        changes = self._board.put(topic, items, remove)
        if changes:
            for lane in self._lanes.values():
                lane.add_changes(topic, changes)

    def fragment(self, page: str, region: str, render: Render) -> None:
        """New content of the element whose id is `region`, on every open `page`.

        `render(view)` gives its inner HTML in the viewer's language and time zone, or None where
        this view of the page has nothing new. It is called
        when a page is listening, at most once for each view, now or later: it must hold the
        values that it shows, not look them up. Of several calls within a beat the last wins; what
        is equal to what was sent is not sent again. The regions of page `frame` are on every page.
        """
        self._board.put_fragment(page, region, render)
        self._wake(page, region)

    def signal(self, page: str, name: str, value: object) -> None:
        """A named DOM event with JSON on every open `page`, such as a chart's newest values."""
        self._board.put_signal(page, name, value)
        self._wake(page, name)

    def _wake(self, page: str, region: str) -> None:
        lane = self._lanes.get(PAGE_HZ)
        if lane is not None:
            lane.add_region(page, region)

    def forget(self, page: str) -> None:
        """The page's thing is deleted: nothing of it is kept."""
        self._board.forget(page)

    def followed(self) -> dict[str, set[View]]:
        """The pages that somebody has open now, and how they are read."""
        found: dict[str, set[View]] = {}
        for client in self._clients:
            if isinstance(client.feed, Page):
                found.setdefault(client.feed.page, set()).add(client.feed.view)
        return found

    def is_followed(self, topic: str) -> bool:
        """Whether anybody listens to it: what nobody hears need not be built."""
        return any(lane.follows(topic) for lane in self._lanes.values())

    def is_urgent(self, topic: str) -> bool:
        """Whether anybody wants every change of it."""
        lane = self._lanes.get(0)
        return lane is not None and lane.follows(topic)

    def snapshot(self, topic: str) -> dict[str, bytes]:
        """The JSON of every item of a topic, as it is now."""
        return dict(self._board.items(topic))

    # ------------------------------------------------------------------ who listens

    @contextmanager
    def slot(self, session: str, most: int) -> Iterator[None]:
        """A stream's place, of `most` for its session, given back whatever happens to it."""
        limits = self.limits
        if self._closed:
            raise Problem("not_ready", retry_after_s=limits.retry_after_s)
        for held, limit in ((self._sessions[session], most), (self.open, limits.total_max)):
            if held >= limit:
                self.counts.refused += 1
                values = {"limit": limit}
                raise Problem("too_many_streams", values=values, retry_after_s=limits.retry_after_s)
        self.open += 1
        self._sessions[session] += 1
        try:
            yield
        finally:
            self.open -= 1
            self._sessions[session] -= 1
            if not self._sessions[session]:
                del self._sessions[session]

    @contextmanager
    def listening(self, client: Client) -> Iterator[None]:
        """Between these lines the client gets the current state, then every change."""
        self._clients.add(client)
        try:
            if self._closed:
                client.wire.end(framing.BYE)
            else:
                self._bring_up(client)
                if self._tending is None:
                    self._comment_due_s = self._loop_s() + self.limits.comment_s
                    self._tend_later()
            yield
        finally:
            self._clients.discard(client)
            self._behind.pop(client, None)
            self._leave_lane(client)

    def expel(self, session: str) -> None:
        """The session or token is no longer valid: its streams end now."""
        for client in [client for client in self._clients if client.session == session]:
            if not client.is_gone():
                client.wire.end(framing.BYE)

    def close(self) -> None:
        """The process is about to stop: everybody is told, every response ends."""
        if self._closed:
            return
        self._closed = True
        for lane in self._lanes.values():
            lane.stop()
        self._lanes.clear()
        if self._tending is not None:
            self._tending.cancel()
        for client in self._clients:
            if not client.is_gone():
                client.wire.end(framing.BYE)

    # ------------------------------------------------------------------ sending

    def _bring_up(self, client: Client) -> None:
        """The current state, then the client's place in its lane."""
        if self.freshen is not None and isinstance(client.feed, Topics):
            for name in client.feed.names:
                if not self.is_followed(name):
                    self.freshen(name)
        lane = self._lanes.get(client.hz)
        if lane is None:
            lane = self._lanes[client.hz] = Lane(self._board, client.hz, self._send)
        body = state(self._board, client.feed)
        if body:
            client.write(body)
            self.counts.messages += 1
        lane.join(client)

    def _leave_lane(self, client: Client) -> None:
        lane = self._lanes.get(client.hz)
        if lane is not None and lane.leave(client):
            lane.stop()
            del self._lanes[client.hz]

    def _send(self, group: Group, frame: bytes) -> None:
        most = self.limits.backlog_bytes_max
        late: list[Client] = []
        gone: list[Client] = []
        for client, (backlog, write) in group.items():
            try:
                if backlog() > most:
                    late.append(client)
                else:
                    write(frame)
            except RuntimeError:  # uvloop's closed transport; its own task is about to leave
                gone.append(client)
        for client in gone:
            del group[client]
        for client in late:
            del group[client]
            self._behind[client] = self._loop_s()
        self.counts.messages += len(group)
        self.counts.skipped += len(late)

    def _tend_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._tending = loop.call_later(self.limits.tend_s, self._tend)

    def _tend(self) -> None:
        """Bring up who has drained, cut off who has not, and show all that the wire lives."""
        now_s = self._loop_s()
        for client, since_s in [*self._behind.items()]:
            if client.is_gone():
                del self._behind[client]
            elif client.wire.backlog() == 0:
                del self._behind[client]
                self._bring_up(client)
            elif now_s - since_s > self.limits.behind_s_max:
                del self._behind[client]
                self.counts.dropped += 1
                log.info("stream_dropped", waiting_bytes=client.wire.backlog())
                client.wire.abort()
        if now_s >= self._comment_due_s:
            self._comment_due_s = now_s + self.limits.comment_s
            for client in self._clients - self._behind.keys():
                if not client.is_gone():
                    client.write(framing.COMMENT)
        self._tending = None
        if self._clients and not self._closed:
            self._tend_later()

    @staticmethod
    def _loop_s() -> float:
        return asyncio.get_running_loop().time()
