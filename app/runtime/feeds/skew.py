"""Skew: a venue's clock against ours, narrowed by every answer that tells its time."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import NamedTuple

from app.domain.times import MS_NS, SECOND_NS

DATE_NS = SECOND_NS
TIME_NS = MS_NS
# Two quartz clocks part by less than this; so much wider becomes what we knew.
DRIFT = 100e-6


class Offset(NamedTuple):
    """Theirs minus ours, known to ± error."""

    offset_ns: int
    error_ns: int


class Skew:
    """The offset lies between two bounds; each answer gives two, and the narrower ones count.

    An answer that contradicts what we knew means that a clock was set: it starts anew.
    """

    def __init__(self) -> None:
        self._low_ns = self._high_ns = 0
        self._at_ns: int | None = None

    def read(self, sent_ns: int, received_ns: int, theirs_ns: int, resolution_ns: int) -> bool:
        """theirs was read between sent and received, cut down to a whole `resolution`.

        True: a clock was set, or this is the first answer.
        """
        low = theirs_ns - received_ns
        high = theirs_ns + resolution_ns - sent_ns
        if self._at_ns is not None:
            wider = round((received_ns - self._at_ns) * DRIFT)
            known_low, known_high = self._low_ns - wider, self._high_ns + wider
            if low <= known_high and known_low <= high:
                self._low_ns, self._high_ns = max(low, known_low), min(high, known_high)
                self._at_ns = received_ns
                return False
        self._low_ns, self._high_ns, self._at_ns = low, high, received_ns
        return True

    @property
    def offset(self) -> Offset | None:
        if self._at_ns is None:
            return None
        return Offset((self._low_ns + self._high_ns) // 2, (self._high_ns - self._low_ns + 1) // 2)


def dated_ns(header: str | None) -> int | None:
    """A `Date` header; None where there is none that can be read."""
    if header is None:
        return None
    try:
        return round(parsedate_to_datetime(header).timestamp()) * SECOND_NS
    except ValueError:
        return None
