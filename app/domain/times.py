"""Times: nanoseconds since the epoch inside, ISO 8601 with Z outside, nothing lost in between."""

from __future__ import annotations

import re
from datetime import UTC, datetime

MS_NS = 1_000_000
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
DAY_NS = 86_400 * SECOND_NS

_ISO = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?")


def to_iso(at_ns: int) -> str:
    """`2024-08-08T23:54:13.937085768Z`, with 0, 3, 6 or 9 digits of a second as they are needed."""
    seconds, rest = divmod(at_ns, SECOND_NS)
    whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    digits = f"{rest:09d}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f"{whole}.{digits}Z" if digits else f"{whole}Z"


def from_iso(text: str) -> int:
    """A time without a zone is UTC. Raises ValueError."""
    match = _ISO.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is not an ISO 8601 time")
    whole, fraction, zone = match.groups()
    moment = datetime.fromisoformat(whole + (zone or "Z"))
    return int(moment.timestamp()) * SECOND_NS + int((fraction or "0").ljust(9, "0"))
