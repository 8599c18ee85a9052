"""Lanes: coalescing. All clients of one rate share one timer, one encode and one frame."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from app.runtime.streams import framing
from app.runtime.streams.board import Board, Changes, Told
from app.runtime.streams.clients import Client, Feed, Group, Topics

# A beat may come early by this part of its period if those before it came late. What is published
# as regularly as it is sent would otherwise wait, for ever, as long as it was once late.
EARLY = 0.9
# Who wants every change gets it at once, unless writing the last ones took long: then the loop does
# something else for as long, though not for longer than this, and what happened meanwhile leaves
# in one write.
REST_S_MAX = 0.005


class Lane:
    """Collects what changed and sends it out `hz` times a second at most; 0 = every change.

    The first change after a quiet time leaves at once (at the end of this turn of the loop), so
    that a slow rate costs no delay where little happens; what follows waits for the next beat.
    With every change nothing is left out, however many leave together.
    `send(group, frame)` writes one frame to all clients of one group, which share a feed.
    """

    def __init__(self, board: Board, hz: int, send: Callable[[Group, bytes], None]) -> None:
        self._groups: dict[tuple[Feed, bool], Group] = {}
        self._board = board
        self._period_s = 1.0 / hz if hz else 0.0
        self._send = send
        self._changes: dict[str, Changes] = {}
        self._events: list[tuple[str, bytes]] = []
        """Of hz=0: (topic, every change of it) in order."""
        self._rested_s = 0.0
        self._regions: dict[str, dict[str, None]] = {}
        self._beat: asyncio.TimerHandle | None = None
        self._next_s = 0.0
        self._followed: frozenset[str] = frozenset()

    def follows(self, topic: str) -> bool:
        """Whether somebody here listens to a topic."""
        return topic in self._followed

    def join(self, client: Client) -> None:
        """It has the whole state: what the others still wait for is in it."""
        self._pour()
        self._groups.setdefault((client.feed, client.chunked), {})[client] = client.ways
        self._note_followed()

    def leave(self, client: Client) -> bool:
        """Whether nobody is left in this lane."""
        key = (client.feed, client.chunked)
        group = self._groups.get(key, {})
        group.pop(client, None)
        if not group:
            self._groups.pop(key, None)
            self._note_followed()
        return not self._groups

    def _note_followed(self) -> None:
        feeds = [feed for feed, _ in self._groups if isinstance(feed, Topics)]
        self._followed = frozenset(name for feed in feeds for name in feed.names)

    def add_changes(self, topic: str, changes: Changes) -> None:
        """The newest value of an item wins; a removal is a value too."""
        if self._period_s:
            self._changes.setdefault(topic, {}).update(changes)
            self._wake()
        elif topic in self._followed:
            self._events.append((topic, self._board.delta(topic, changes)))
            self._hurry()

    def add_region(self, page: str, region: str) -> None:
        self._regions.setdefault(page, {})[region] = None
        self._wake()

    def _hurry(self) -> None:
        if self._beat is not None:
            return
        wait_s = self._rested_s - time.perf_counter()
        if wait_s > 0.0:
            self._beat = asyncio.get_running_loop().call_later(wait_s, self._on_rested)
        else:
            self._pour()

    def _on_rested(self) -> None:
        self._beat = None
        self._pour()

    def _pour(self) -> None:
        """Every change since the last time, in one write for each client."""
        if not self._events:
            return
        began_s = time.perf_counter()
        events, self._events = self._events, []
        for (feed, chunked), group in self._groups.items():
            assert isinstance(feed, Topics)
            body = b"".join([event for topic, event in events if topic in feed.names])
            if body:
                self._send(group, framing.chunk(body) if chunked else body)
        ended_s = time.perf_counter()
        self._rested_s = ended_s + min(ended_s - began_s, REST_S_MAX)

    def _wake(self) -> None:
        if self._beat is None:
            loop = asyncio.get_running_loop()
            due_s = self._next_s - EARLY * self._period_s
            self._beat = loop.call_at(max(loop.time(), due_s), self._on_beat)

    def _on_beat(self) -> None:
        self._beat = None
        self._next_s = max(self._next_s, asyncio.get_running_loop().time()) + self._period_s
        self._flush()

    def _flush(self) -> None:
        changes, self._changes = self._changes, {}
        regions, self._regions = self._regions, {}
        made: dict[str, bytes] = {}
        told: Told = {}
        for (feed, chunked), group in self._groups.items():
            if isinstance(feed, Topics):
                for name in feed.names:
                    if name in changes and name not in made:
                        made[name] = self._board.delta(name, changes[name])
                body = b"".join([made[name] for name in feed.names if name in made])
            else:
                body = self._board.news(feed.page, regions, feed.view, told)
            if body:
                self._send(group, framing.chunk(body) if chunked else body)

    def stop(self) -> None:
        """Nothing is sent from now on."""
        self._groups.clear()
        if self._beat is not None:
            self._beat.cancel()
