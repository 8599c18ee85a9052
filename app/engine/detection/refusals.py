"""Refusals: how often each code refused in the last 24 hours, by the hour."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from app.domain.live import RefusalCount
from app.domain.times import SECOND_NS

HOUR_NS = 3_600 * SECOND_NS
HOURS = 24


@dataclass(slots=True)
class _Hour:
    begin_ns: int
    counts: dict[str, int] = field(default_factory=dict)
    best: dict[str, float] = field(default_factory=dict)


class Refusals:
    def __init__(self) -> None:
        self._hours: deque[_Hour] = deque(maxlen=HOURS)

    def count(self, code: str, net_bps: float, at_ns: int) -> None:
        begin_ns = at_ns - at_ns % HOUR_NS
        if not self._hours or self._hours[-1].begin_ns < begin_ns:
            self._hours.append(_Hour(begin_ns))
        hour = self._hours[-1]
        hour.counts[code] = hour.counts.get(code, 0) + 1
        hour.best[code] = max(hour.best.get(code, net_bps), net_bps)

    def rows(self, at_ns: int) -> tuple[RefusalCount, ...]:
        """The most frequent code first."""
        since_ns = at_ns - HOURS * HOUR_NS
        hours = [hour for hour in self._hours if hour.begin_ns + HOUR_NS > since_ns]
        counts: dict[str, int] = {}
        best: dict[str, float] = {}
        for hour in hours:
            for code, count in hour.counts.items():
                counts[code] = counts.get(code, 0) + count
                best[code] = max(best.get(code, hour.best[code]), hour.best[code])
        total = sum(counts.values())
        begin_ns = max(since_ns, hours[0].begin_ns) if hours else since_ns
        rows = [
            RefusalCount(code, count, count / total, best[code], begin_ns)
            for code, count in counts.items()
        ]
        return tuple(sorted(rows, key=lambda row: (-row.count, row.code)))
