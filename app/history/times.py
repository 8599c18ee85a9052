"""Times as files write them → integer ns: epochs of any unit, ISO 8601 and its near kin, zones."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from app.domain.problems import Problem
from app.history.refusals import refuse

NS_PER_S = 1_000_000_000
NS_PER_DAY = 86_400 * NS_PER_S
KST = timezone(timedelta(hours=9), "Asia/Seoul")
"""Fixed: no summer time since 1988, and no zone database needed for the zone asked for most."""

EXPECTED = "2024-01-31 09:00:00 or epoch s, ms, µs, ns"

CANDLES_FROM_NS = int(datetime(2009, 1, 1, tzinfo=UTC).timestamp()) * NS_PER_S
FX_FROM_NS = int(datetime(1950, 1, 1, tzinfo=UTC).timestamp()) * NS_PER_S
UNTIL_NS = int(datetime(2101, 1, 1, tzinfo=UTC).timestamp()) * NS_PER_S

_QUARTER_S = 900
"""Zones change their offset on quarters of an hour (since 1950, where any file may begin)."""


class Form(StrEnum):
    """How a time is written. One column has one form: zoned and naive never mix."""

    EPOCH = "epoch"
    NAIVE = "naive"
    ZONED = "zoned"


class DateOrder(StrEnum):
    """Which number comes first in dates such as 05/30/2024."""

    YEAR_FIRST = "YYYY-MM-DD"
    MONTH_FIRST = "MM/DD/YYYY"
    DAY_FIRST = "DD/MM/YYYY"


class Moment(NamedTuple):
    """A time as written: its wall clock in ns, how far that clock is ahead of UTC, its form."""

    wall_ns: int
    offset_s: int
    form: Form


_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]*)?(?:[eE]\+?[0-9]{1,2})?")
_COMPACT = re.compile(r"(?:19|20|21)[0-9]{2}[01][0-9][0-3][0-9](?:[0-9]{6})?")
_CLOCK = (
    r"(?:[T ]\s*(?P<hour>[0-9]{1,2})"
    r"(?::(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?)?"
    r"(?:\s*-?(?P<half>[AaPp][Mm]))?)?"
    r"\s*(?P<zone>Z|z|UTC|GMT|KST|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
_YEAR_FIRST = re.compile(
    r"(?P<year>[0-9]{4})(?:[-/.]\s?|년\s?)(?P<month>[0-9]{1,2})(?:[-/.]\s?|월\s?)"
    r"(?P<day>[0-9]{1,2})(?:일|\.(?!\S))?" + _CLOCK
)
_YEAR_LAST = re.compile(
    r"(?P<first>[0-9]{1,2})[-/.](?P<second_number>[0-9]{1,2})[-/.](?P<year>[0-9]{4})" + _CLOCK
)


def parse(text: str, order: DateOrder = DateOrder.YEAR_FIRST) -> Moment | None:
    """One time, or None when it is not one."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return _compact(text) or _epoch(text)
    if found := _YEAR_FIRST.fullmatch(text):
        return _calendar(found, int(found["year"]), int(found["month"]), int(found["day"]))
    if order is not DateOrder.YEAR_FIRST and (found := _YEAR_LAST.fullmatch(text)):
        month, day = int(found["first"]), int(found["second_number"])
        if order is DateOrder.DAY_FIRST:
            month, day = day, month
        return _calendar(found, int(found["year"]), month, day)
    return None


def date_order(texts: list[str]) -> DateOrder | None:
    """What dates with the year last mean; None when nothing in them settles it."""
    orders = set()
    for found in filter(None, map(_YEAR_LAST.fullmatch, map(str.strip, texts))):
        if int(found["first"]) > 12:
            orders.add(DateOrder.DAY_FIRST)
        elif int(found["second_number"]) > 12:
            orders.add(DateOrder.MONTH_FIRST)
    return orders.pop() if len(orders) == 1 else None


def is_year_last(text: str) -> bool:
    """Whether this is a date such as 05/30/2024."""
    return _YEAR_LAST.fullmatch(text.strip()) is not None


def _epoch(text: str) -> Moment:
    """The unit follows from the size: 1950 … 2100 in s, ms, µs and ns never overlap (but for the
    first three years of the epoch, where no such file exists)."""
    number = Decimal(text)
    size = abs(number)
    factor = NS_PER_S if size < 10**11 else 10**6 if size < 10**14 else 1_000
    if size >= 10**17:
        factor = 1
    return Moment(int(number * factor), 0, Form.EPOCH)


def _compact(text: str) -> Moment | None:
    """20240131 and 20240131090000: as epochs they would be 1970 or 2610."""
    if not _COMPACT.fullmatch(text):
        return None
    layout = "%Y%m%d" if len(text) == 8 else "%Y%m%d%H%M%S"
    try:
        moment = datetime.strptime(text, layout).replace(tzinfo=UTC)
    except ValueError:
        return None
    return Moment(int(moment.timestamp()) * NS_PER_S, 0, Form.NAIVE)


def _calendar(found: re.Match[str], year: int, month: int, day: int) -> Moment | None:
    try:
        days = date(year, month, day).toordinal() - date(1970, 1, 1).toordinal()
    except ValueError:
        return None
    hour, minute, second = (int(found[part] or 0) for part in ("hour", "minute", "second"))
    if found["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found["half"].lower() == "pm" else 0)
    elif found["hour"] and not found["minute"]:
        return None
    if hour > 23 or minute > 59 or second > 59:
        return None
    offset_s = 0
    if found["zone"]:
        if not found["hour"]:
            return None
        if (zone_s := _zone_s(found["zone"])) is None:
            return None
        offset_s = zone_s
    seconds = days * 86_400 + hour * 3_600 + minute * 60 + second
    wall_ns = seconds * NS_PER_S + int((found["fraction"] or "").ljust(9, "0"))
    return Moment(wall_ns, offset_s, Form.ZONED if found["zone"] else Form.NAIVE)


def _zone_s(zone: str) -> int | None:
    if zone[0] not in "+-":
        return 9 * 3_600 if zone == "KST" else 0
    hours, minutes = int(zone[1:3]), int(zone[-2:]) if len(zone) > 3 else 0
    if hours > 15 or minutes > 59:
        return None
    return (hours * 3_600 + minutes * 60) * (-1 if zone[0] == "-" else 1)


def zone_named(name: str) -> tzinfo:
    """The zone of naive times as the uploader says it: IANA name or ±HH:MM."""
    if re.fullmatch(r"[+-][0-9]{2}:?[0-9]{2}", name) and (offset_s := _zone_s(name)) is not None:
        return timezone(timedelta(seconds=offset_s))
    if name.upper() in ("UTC", "Z", "GMT"):
        return UTC
    if name in ("KST", "Asia/Seoul"):
        return KST
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        expected = "IANA name such as Asia/Seoul, or ±HH:MM"
        raise refuse("tz_unknown", column="tz", value=name, expected=expected) from error


class Clock:
    """Naive wall times of one zone → UTC. Times that a zone has twice or never are refused."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._fixed_s: int | None = None
        if not isinstance(zone, ZoneInfo):
            offset = zone.utcoffset(None)
            assert offset is not None
            self._fixed_s = round(offset.total_seconds())
        self._offset_s: Callable[[int], int | None] = lru_cache(maxsize=4096)(self._look_up)

    def offset_s(self, wall_s: int) -> int | None:
        """How far this zone is ahead of UTC at that wall time; None: twice or never there."""
        if self._fixed_s is not None:
            return self._fixed_s
        return self._offset_s(wall_s // _QUARTER_S)

    def offsets_ns(self, wall_ns: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """The same for a column; None when one of its times is twice or never there."""
        if self._fixed_s is not None:
            return np.full(1, self._fixed_s * NS_PER_S)
        quarters, places = np.unique(wall_ns // (_QUARTER_S * NS_PER_S), return_inverse=True)
        offsets = [self._offset_s(quarter) for quarter in quarters.tolist()]
        if None in offsets:
            return None
        return np.array(offsets, np.int64)[places] * NS_PER_S

    def _look_up(self, quarter: int) -> int | None:
        wall = datetime(1970, 1, 1) + timedelta(seconds=quarter * _QUARTER_S)  # noqa: DTZ001
        early = wall.replace(tzinfo=self._zone, fold=0).utcoffset()
        late = wall.replace(tzinfo=self._zone, fold=1).utcoffset()
        if early is None or early != late:
            return None
        return round(early.total_seconds())


def iso(time_ns: int) -> str:
    """ISO 8601 with Z, for refusals."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_ns // 1_000)
    return moment.isoformat().replace("+00:00", "Z")


def out_of_range(row: int, column: str, value: str, from_ns: int) -> Problem:
    """The refusal of a time before the first coin, before the first rate, or from far ahead."""
    expected = f"{iso(from_ns)[:4]}..2100"
    return refuse("time_out_of_range", row=row, column=column, value=value, expected=expected)
