"""Health: whether a channel still says anything, judged by its frames that changed a book."""

from __future__ import annotations

import pytest

from app.domain.facts import ChannelTurned
from app.domain.live import ChannelState
from app.domain.markets import Instrument
from app.domain.venues import Venue
from tests.engine.stand import MS, Stand, instrument

BTC = instrument(Venue.BINANCE, "BTC")
ETH = instrument(Venue.BINANCE, "ETH")


@pytest.fixture
def stand() -> Stand:
    return Stand()


def beat(stand: Stand, book: Instrument, gap_s: float, count: int = 20) -> None:
    for _ in range(count):
        stand.wait(gap_s)
        stand.set(book, 100.0)
    stand.channels.tick(stand.at_ns)


def state(stand: Stand, venue: Venue = Venue.BINANCE) -> ChannelState:
    return stand.channels.state(venue, stand.at_ns)


def live(stand: Stand, book: Instrument) -> bool:
    stand.channels.tick(stand.at_ns)
    fresh = stand.channels.row_fresh(stand.row(book), stand.at_ns)
    assert bool(stand.channels.live[stand.row(book)]) is fresh
    return fresh


def test_a_venue_that_never_connected_is_connecting(stand: Stand) -> None:
    assert state(stand) is ChannelState.CONNECTING
    assert stand.channels.count(Venue.BINANCE) == 0


def test_a_channel_connects_and_becomes_live_with_its_frames(stand: Stand) -> None:
    stand.open(BTC)
    assert state(stand) is ChannelState.CONNECTING
    assert not live(stand, BTC)

    stand.set(BTC, 100.0)
    assert state(stand) is ChannelState.QUIET, "one frame makes no rhythm"
    assert live(stand, BTC)
    beat(stand, BTC, 0.1)
    assert state(stand) is ChannelState.LIVE
    assert stand.channels.gap_ms(Venue.BINANCE) == pytest.approx(100)


def test_an_active_channel_is_stale_after_three_seconds(stand: Stand) -> None:
    beat(stand, BTC, 0.1)
    stand.wait(3.0)
    assert live(stand, BTC)
    stand.wait(0.001)
    assert not live(stand, BTC)
    assert state(stand) is ChannelState.STALE


@pytest.mark.parametrize(("gap_s", "after_s"), [(0.2, 3.0), (0.5, 4.0), (2.0, 16.0), (30.0, 60.0)])
def test_silence_is_judged_by_the_channel_s_own_rhythm(
    stand: Stand, gap_s: float, after_s: float
) -> None:
    beat(stand, BTC, gap_s)
    assert state(stand) is (ChannelState.LIVE if gap_s < 1 else ChannelState.QUIET)
    stand.wait(after_s)
    assert live(stand, BTC)
    stand.wait(0.001)
    assert not live(stand, BTC)


def test_a_gap_of_exactly_one_second_is_not_active(stand: Stand) -> None:
    beat(stand, BTC, 1.0)
    assert state(stand) is ChannelState.QUIET


def test_a_socket_that_never_sends_a_book_is_stale_after_a_minute(stand: Stand) -> None:
    stand.open(BTC)
    stand.wait(60)
    assert state(stand) is ChannelState.CONNECTING
    stand.wait(0.001)
    assert state(stand) is ChannelState.STALE


def test_the_next_frame_wakes_a_stale_channel_at_once(stand: Stand) -> None:
    beat(stand, BTC, 0.1)
    stand.wait(5)
    assert not live(stand, BTC)
    version = stand.channels.version
    stand.set(BTC, 100.0)
    assert stand.channels.live[stand.row(BTC)] == 1
    assert stand.channels.version > version
    assert state(stand) is ChannelState.LIVE, "one pause does not change the rhythm"


def test_a_channel_speaks_for_all_its_books_and_for_no_others(stand: Stand) -> None:
    stand.open(BTC, ETH)
    other = instrument(Venue.UPBIT, "BTC")
    beat(stand, BTC, 0.1)
    beat(stand, other, 0.1)
    assert live(stand, ETH), "a book without trades is not stale while its channel speaks"
    stand.wait(2)
    beat(stand, other, 0.1)
    assert not live(stand, BTC)
    assert not live(stand, ETH)
    assert live(stand, other)
    assert state(stand, Venue.UPBIT) is ChannelState.LIVE


def test_a_venue_is_as_well_as_its_worst_channel(stand: Stand) -> None:
    stand.open(BTC)
    stand.open(ETH)
    beat(stand, ETH, 0.1)
    beat(stand, BTC, 0.1, count=40)
    assert state(stand) is ChannelState.STALE
    assert stand.channels.count(Venue.BINANCE) == 2
    assert stand.channels.book_age_ms(Venue.BINANCE, stand.at_ns) == 0


def test_a_lost_connection_takes_its_books_with_it(stand: Stand) -> None:
    beat(stand, BTC, 0.1)
    stand.lose(stand.connections[BTC], "reset by peer")
    assert not live(stand, BTC)
    assert state(stand) is ChannelState.LOST
    assert stand.channels.reason(Venue.BINANCE) == "reset by peer"
    assert stand.channels.row_state(stand.row(BTC)) is ChannelState.LOST

    stand.channels.heard(stand.connections[BTC], stand.at_ns)
    stand.lose(stand.connections[BTC])
    stand.open(BTC)
    assert stand.channels.reason(Venue.BINANCE) is None
    assert state(stand) is ChannelState.CONNECTING


def test_another_connection_takes_over_before_the_old_one_goes(stand: Stand) -> None:
    beat(stand, BTC, 0.1)
    old = stand.connections[BTC]
    stand.open(BTC)
    assert not live(stand, BTC), "its first book has not come yet"
    beat(stand, BTC, 0.1)
    stand.lose(old, "replaced")
    assert live(stand, BTC)
    assert state(stand) is ChannelState.LIVE


def test_every_turn_is_told_once(stand: Stand) -> None:
    beat(stand, BTC, 0.1)
    stand.wait(4)
    for _ in range(3):
        stand.channels.tick(stand.at_ns)
    stand.set(BTC, 100.0)
    stand.lose(stand.connections[BTC])
    told = [fact for fact in stand.channels.take_facts() if isinstance(fact, ChannelTurned)]
    assert [fact.state for fact in told] == [
        ChannelState.QUIET,
        ChannelState.LIVE,
        ChannelState.STALE,
        ChannelState.LIVE,
        ChannelState.LOST,
    ]
    assert {fact.venue for fact in told} == {Venue.BINANCE}
    assert stand.channels.take_facts() == ()


def test_frames_that_were_played_late_do_no_harm(stand: Stand) -> None:
    """While the loop is behind, a frame may come after a tick with an earlier time."""
    beat(stand, BTC, 0.1)
    stand.at_ns -= 350 * MS
    stand.set(BTC, 100.0)
    stand.at_ns += 450 * MS
    beat(stand, BTC, 0.1, count=2)
    assert state(stand) is ChannelState.LIVE
