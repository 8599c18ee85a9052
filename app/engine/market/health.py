"""Health: whether a channel still says anything. A socket may answer pings and send no data.

A channel is one connection, judged by its frames that changed a book: neither acknowledgements nor
heartbeats speak for books. It is active while the median gap between such frames is < 1 s; else it
is quiet, and its silence says nothing yet. Either is stale after max(3 s, 8 x gap), at most 60 s.
The books of a stale channel decide nothing until the next frame.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from app.books.rack import Rack
from app.domain.events import ConnectionLost, ConnectionOpened
from app.domain.facts import ChannelTurned, Fact
from app.domain.live import ChannelState
from app.domain.times import MS_NS, SECOND_NS
from app.domain.venues import Venue

GAPS_KEPT = 64
GAP_ACTIVE_NS = SECOND_NS
STALE_AFTER_NS = (3 * SECOND_NS, 60 * SECOND_NS)
"""At least and at most."""
STALE_GAPS = 8
FACTS_MAX = 1_000

_DECIDES = frozenset({ChannelState.LIVE, ChannelState.QUIET})
_WORST = (
    ChannelState.LOST,
    ChannelState.STALE,
    ChannelState.CONNECTING,
    ChannelState.QUIET,
    ChannelState.LIVE,
)


@dataclass(slots=True)
class _Channel:
    """times: when its last frames came. heard_ns: of the last one, or of the opening."""

    connection: int
    venue: Venue
    channel: str
    rows: npt.NDArray[np.int64]
    opened_ns: int
    state: ChannelState = ChannelState.CONNECTING
    decides: bool = False
    times: deque[int] = field(default_factory=lambda: deque(maxlen=GAPS_KEPT + 1))
    gap_ns: int | None = None

    @property
    def heard_ns(self) -> int:
        return self.times[-1] if self.times else self.opened_ns

    @property
    def stale_after_ns(self) -> int:
        least, most = STALE_AFTER_NS
        return most if self.gap_ns is None else min(max(least, STALE_GAPS * self.gap_ns), most)


class Channels:
    """Every open connection. `live` has a 1 for each row whose channel may decide something."""

    def __init__(self, rack: Rack) -> None:
        self._rack = rack
        self._channels: dict[int, _Channel] = {}
        self._owner: dict[int, int] = {}
        self._lost: dict[Venue, str] = {}
        self._facts: deque[Fact] = deque(maxlen=FACTS_MAX)
        self.live = np.zeros(len(rack.tops), np.int8)
        self.version = 0

    def opened(self, event: ConnectionOpened) -> None:
        """Its instruments stand in the rack; from now on this connection speaks for them."""
        found = (self._rack.row(instrument) for instrument in event.instruments)
        rows = [row for row in found if row is not None]
        self._lost.pop(event.venue, None)
        self._channels[event.connection] = _Channel(
            event.connection, event.venue, event.channel, np.array(rows, np.int64), event.at_ns
        )
        self._owner.update(dict.fromkeys(rows, event.connection))
        self.live[rows] = 0
        self.version += 1

    def lost(self, event: ConnectionLost) -> None:
        channel = self._channels.pop(event.connection, None)
        if channel is None:
            return
        for row in self._owned(channel):
            del self._owner[row]
            self.live[row] = 0
        if not any(other.venue is channel.venue for other in self._channels.values()):
            self._lost[channel.venue] = event.reason
        self._turned(channel, ChannelState.LOST, event.at_ns)

    def heard(self, connection: int, at_ns: int) -> None:
        """A frame changed a book."""
        channel = self._channels.get(connection)
        if channel is None:
            return
        channel.times.append(at_ns)
        if not channel.decides:
            self._turn(channel, self._judge(channel, at_ns), at_ns)

    def tick(self, at_ns: int) -> None:
        """Ages grow; gaps are measured here, not with every frame."""
        for channel in self._channels.values():
            if len(channel.times) > 1:
                channel.gap_ns = int(np.median(np.diff(np.array(channel.times))))
            state = self._judge(channel, at_ns)
            if state is not channel.state:
                self._turn(channel, state, at_ns)

    def row_fresh(self, row: int, at_ns: int) -> bool:
        """Whether the row's channel may decide something at this very time."""
        connection = self._owner.get(row)
        if connection is None:
            return False
        return self._judge(self._channels[connection], at_ns) in _DECIDES

    def row_state(self, row: int) -> ChannelState:
        connection = self._owner.get(row)
        return ChannelState.LOST if connection is None else self._channels[connection].state

    def state(self, venue: Venue, at_ns: int) -> ChannelState:
        """The worst of its channels; connecting where there never was any."""
        states = {self._judge(each, at_ns) for each in self._of(venue)}
        if not states:
            return ChannelState.LOST if venue in self._lost else ChannelState.CONNECTING
        return next(state for state in _WORST if state in states)

    def reason(self, venue: Venue) -> str | None:
        """Why nothing comes from it, as the last connection said."""
        return self._lost.get(venue)

    def count(self, venue: Venue) -> int:
        return len(self._of(venue))

    def gap_ms(self, venue: Venue) -> float | None:
        """The longest median gap of its channels."""
        gaps = [each.gap_ns for each in self._of(venue) if each.gap_ns is not None]
        return max(gaps) / MS_NS if gaps else None

    def book_age_ms(self, venue: Venue, at_ns: int) -> float | None:
        """Since the last frame that changed any of its books."""
        heard = [each.times[-1] for each in self._of(venue) if each.times]
        return (at_ns - max(heard)) / MS_NS if heard else None

    def take_facts(self) -> tuple[Fact, ...]:
        facts = tuple(self._facts)
        self._facts.clear()
        return facts

    def _of(self, venue: Venue) -> list[_Channel]:
        return [each for each in self._channels.values() if each.venue is venue]

    def _owned(self, channel: _Channel) -> list[int]:
        rows: list[int] = channel.rows.tolist()
        return [row for row in rows if self._owner.get(row) == channel.connection]

    def _judge(self, channel: _Channel, at_ns: int) -> ChannelState:
        if at_ns - channel.heard_ns > channel.stale_after_ns:
            return ChannelState.STALE
        if not channel.times:
            return ChannelState.CONNECTING
        active = channel.gap_ns is not None and channel.gap_ns < GAP_ACTIVE_NS
        return ChannelState.LIVE if active else ChannelState.QUIET

    def _turn(self, channel: _Channel, state: ChannelState, at_ns: int) -> None:
        self.live[self._owned(channel)] = state in _DECIDES
        self._turned(channel, state, at_ns)

    def _turned(self, channel: _Channel, state: ChannelState, at_ns: int) -> None:
        channel.state = state
        channel.decides = state in _DECIDES
        self.version += 1
        self._facts.append(
            ChannelTurned(at_ns, channel.connection, channel.venue, channel.channel, state)
        )
