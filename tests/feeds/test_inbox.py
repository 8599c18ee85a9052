"""The inbox: straight in while there is time, in order, and bounded when there is none."""

from __future__ import annotations

import asyncio

import pytest

from app.domain.events import Event, FrameReceived, FramesDropped
from app.domain.venues import Venue
from app.runtime.feeds import inbox as inboxes
from app.runtime.feeds.clock import Clock
from app.runtime.feeds.counts import Tally
from app.runtime.feeds.inbox import Inbox, Lane
from tests.feeds.kit import until


class Slow:
    """An engine that takes a whole slice for each frame while it is told to."""

    def __init__(self, clock: Clock) -> None:
        self.frames: list[FrameReceived] = []
        self.dropped: list[FramesDropped] = []
        self.is_slow = False
        self.turns: list[int] = []
        self._clock = clock

    def __call__(self, event: Event) -> None:
        if isinstance(event, FramesDropped):
            self.dropped.append(event)
        elif isinstance(event, FrameReceived):
            self.frames.append(event)
            ends_ns = self._clock.at_ns() + inboxes.SLICE_NS
            while self.is_slow and self._clock.at_ns() < ends_ns:
                pass


def made(*, conflates: bool = True) -> tuple[Slow, Inbox, Lane, Tally, list[str]]:
    clock = Clock()
    engine = Slow(clock)
    inbox = Inbox(engine, clock)
    tally, calls = Tally(), []
    lane = Lane(
        inbox,
        Venue.UPBIT,
        7,
        tally,
        conflates=conflates,
        overflowed=lambda: calls.append("overflowed"),
    )
    return engine, inbox, lane, tally, calls


def book(code: str, number: int) -> bytes:
    return b'{"ty":"orderbook","cd":"%s","tms":%d}' % (code.encode(), number)


def trade(number: int) -> bytes:
    return b'{"ty":"trade","cd":"KRW-BTC","sid":%d}' % number


async def test_a_frame_goes_in_before_the_callback_returns() -> None:
    engine, inbox, lane, tally, _ = made()
    lane.open()
    lane.receive(book("KRW-BTC", 1))
    assert [frame.frame for frame in engine.frames] == [book("KRW-BTC", 1)]
    assert engine.frames[0].connection == 7
    assert len(inbox) == 0
    assert tally.messages.total == 1
    assert tally.last_message_at_ns == engine.frames[0].at_ns


async def test_what_comes_after_a_slice_waits_for_the_next_turn_in_order() -> None:
    engine, inbox, lane, _, _ = made()
    lane.open()
    engine.is_slow = True
    for number in range(6):
        lane.receive(trade(number))
    assert len(engine.frames) == 1, "the first took the whole slice"
    assert len(inbox) == 5
    received = [frame.at_ns for frame in engine.frames]
    others: list[int] = []

    async def page() -> None:
        while len(inbox):
            others.append(len(engine.frames))
            await asyncio.sleep(0)

    await page()
    assert [frame.frame for frame in engine.frames] == [trade(number) for number in range(6)]
    assert len(others) >= 5, "pages had a turn between any two slices"
    assert [frame.at_ns for frame in engine.frames] == sorted(
        frame.at_ns for frame in engine.frames
    )
    assert engine.frames[5].at_ns - received[0] < 5 * inboxes.SLICE_NS, "of receipt, not of play"


async def test_far_behind_the_newest_book_counts_and_every_trade() -> None:
    engine, inbox, lane, tally, _ = made()
    lane.open()
    engine.is_slow = True
    lane.receive(trade(0))
    engine.is_slow = False
    for number in range(1_000):
        lane.receive(book("KRW-BTC", number))
        lane.receive(book("KRW-ETH", number))
        if number % 10 == 0:
            lane.receive(trade(number + 1))
    await until(lambda: len(inbox) == 0)
    frames = [frame.frame for frame in engine.frames]
    assert frames.count(book("KRW-BTC", 999)) == frames.count(book("KRW-ETH", 999)) == 1
    assert frames[-1] == book("KRW-ETH", 999)
    trades = [frame for frame in frames if b"trade" in frame]
    assert trades == [trade(0)] + [trade(number + 1) for number in range(0, 1_000, 10)]
    books = len(frames) - len(trades)
    assert tally.conflated == 2_000 - books
    assert books < 300, "up to the threshold all, beyond it one of each"
    assert tally.dropped == 0


async def test_changes_are_never_conflated() -> None:
    engine, inbox, lane, tally, _ = made(conflates=False)
    lane.open()
    engine.is_slow = True
    lane.receive(trade(0))
    engine.is_slow = False
    for number in range(1_000):
        lane.receive(book("KRW-BTC", number))
    await until(lambda: len(inbox) == 0)
    assert len(engine.frames) == 1_001
    assert tally.conflated == 0


async def test_a_full_inbox_gives_up_its_connection_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inboxes, "INBOX_MAX", 100)
    engine, inbox, lane, tally, calls = made(conflates=False)
    other_tally = Tally()
    other = Lane(
        inbox, Venue.BITHUMB, 8, other_tally, conflates=False, overflowed=lambda: calls.append("no")
    )
    lane.open()
    other.open()
    engine.is_slow = True
    lane.receive(trade(0))
    engine.is_slow = False
    other.receive(trade(1))
    for number in range(101):
        lane.receive(trade(number))
    assert [(drop.connection, drop.count) for drop in engine.dropped] == [(7, 101)]
    assert calls == ["overflowed"]
    assert tally.dropped == 101
    lane.receive(trade(5))
    await until(lambda: len(inbox) == 0)
    assert [frame.connection for frame in engine.frames] == [7, 8], "nothing of it comes later"
    assert calls == ["overflowed"]


async def test_a_closed_lane_leaves_nothing_behind() -> None:
    engine, inbox, lane, _, _ = made()
    lane.open()
    engine.is_slow = True
    for number in range(5):
        lane.receive(trade(number))
    assert lane.close() == 4
    lane.receive(trade(9))
    assert len(inbox) == 0
    await asyncio.sleep(0.01)
    assert len(engine.frames) == 1


async def test_a_lane_holds_its_frames_until_it_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inboxes, "HELD_MAX", 3)
    engine, inbox, lane, _, calls = made()
    lane.receive(book("KRW-BTC", 1))
    lane.receive(trade(2))
    await asyncio.sleep(0.01)
    assert engine.frames == []
    lane.open()
    lane.receive(trade(3))
    await until(lambda: len(inbox) == 0)
    assert [frame.frame for frame in engine.frames] == [book("KRW-BTC", 1), trade(2), trade(3)]
    _, _, second, _, calls = made()
    for number in range(4):
        second.receive(trade(number))
    assert calls == ["overflowed"]


async def test_a_pong_is_heard_and_is_no_message() -> None:
    engine, _, lane, tally, _ = made()
    lane.open()
    lane.receive(b'{"status":"UP"}')
    assert lane.heard_at_ns is not None
    assert lane.message_at_ns is None
    assert tally.last_message_at_ns is None
    assert len(engine.frames) == 1, "the engine hears everything"
