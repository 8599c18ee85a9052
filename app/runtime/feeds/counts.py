"""Counts: what one venue's feed has done, for its row on the health page."""

from __future__ import annotations

import msgspec

from app.domain.times import MS_NS, SECOND_NS

WINDOW_S = 10
DELAY_WINDOW_S = 60
# Delays fall into bins that grow by a twelfth: 0.1 ms up to about 80 s.
BIN_NS = 100_000
BIN_GROWTH = 12
BINS = 240


class Counts(msgspec.Struct, frozen=True):
    """Rates over the last 10 s, delays over the last minute, the rest since the start.

    limit_used: share 0..1 of the request budget. skew_ms: the venue's clock minus ours, known to
    ± skew_error_ms. last_message_at_ns: of one with content: pongs and heartbeats are none.
    """

    connections: int
    connected: int
    instruments: int
    messages: int
    messages_per_s: float
    updates_per_s: float
    delay_p50_ms: float | None
    delay_p99_ms: float | None
    skew_ms: float | None
    skew_error_ms: float | None
    limit_used: float
    limited_until_ns: int | None
    reconnects: int
    conflated: int
    dropped: int
    breaker: str
    breaker_until_ns: int | None
    last_message_at_ns: int | None
    reason: str | None
    """Why the last connection was lost, or the last poll failed; None while all is well."""
    markets: int


class Rate:
    """Events per second over the last whole 10 s."""

    __slots__ = ("_began_s", "_counts", "_second", "total")

    def __init__(self) -> None:
        self.total = 0
        self._counts = [0] * WINDOW_S
        self._second = 0
        self._began_s: int | None = None

    def add(self, at_ns: int) -> None:
        second = at_ns // SECOND_NS
        if second != self._second:
            self._turn(second)
        self._counts[second % WINDOW_S] += 1
        self.total += 1

    def per_s(self, at_ns: int) -> float:
        second = at_ns // SECOND_NS
        if self._began_s is None:
            return 0.0
        self._turn(second)
        lived_s = min(WINDOW_S - 1, second - self._began_s)
        if lived_s < 1:
            return float(self._counts[second % WINDOW_S])
        running = self._counts[second % WINDOW_S]  # the second that is not over yet
        return (sum(self._counts) - running) / lived_s

    def _turn(self, second: int) -> None:
        if self._began_s is None:
            self._began_s = second
        if second <= self._second:
            return
        for passed in range(max(self._second + 1, second - WINDOW_S + 1), second + 1):
            self._counts[passed % WINDOW_S] = 0
        self._second = second


class Delays:
    """A histogram of the last minute: two halves, of which the older is forgotten."""

    __slots__ = ("_began_ns", "_now", "_past")

    def __init__(self) -> None:
        self._now = [0] * BINS
        self._past = [0] * BINS
        self._began_ns = 0

    def add(self, delay_ns: int, at_ns: int) -> None:
        self._turn(at_ns)
        self._now[_bin(delay_ns)] += 1

    def quantiles_ms(self, at_ns: int, shares: tuple[float, ...]) -> tuple[float | None, ...]:
        self._turn(at_ns)
        counts = [now + past for now, past in zip(self._now, self._past, strict=True)]
        total = sum(counts)
        if total == 0:
            return tuple(None for _ in shares)
        return tuple(_edge_ms(counts, share * total) for share in shares)

    def _turn(self, at_ns: int) -> None:
        half_ns = DELAY_WINDOW_S * SECOND_NS // 2
        passed = at_ns - self._began_ns
        if passed < half_ns:
            return
        self._past = self._now if passed < 2 * half_ns else [0] * BINS
        self._now = [0] * BINS
        self._began_ns = at_ns


def _bin(delay_ns: int) -> int:
    """Bins are equal within a doubling, so that no logarithm is needed."""
    scaled = max(delay_ns, 0) // (BIN_NS // BIN_GROWTH)
    if scaled < BIN_GROWTH:
        return 0
    doublings = (scaled // BIN_GROWTH).bit_length() - 1
    return min(BINS - 1, doublings * BIN_GROWTH + (scaled >> doublings) - BIN_GROWTH + 1)


def _edge_ms(counts: list[int], wanted: float) -> float:
    passed = 0
    for place, count in enumerate(counts):
        passed += count
        if passed >= wanted and count:
            doublings, step = divmod(place, BIN_GROWTH)
            return BIN_NS / BIN_GROWTH * ((BIN_GROWTH + step) << doublings) / MS_NS
    return 0.0


class Tally:
    """The counters of one venue, as they grow."""

    __slots__ = (
        "conflated",
        "delays",
        "dropped",
        "last_message_at_ns",
        "messages",
        "reason",
        "reconnects",
        "updates",
    )

    def __init__(self) -> None:
        self.messages = Rate()
        self.updates = Rate()
        self.delays = Delays()
        self.reconnects = 0
        self.conflated = 0
        self.dropped = 0
        self.last_message_at_ns: int | None = None
        self.reason: str | None = None
