"""Times by themselves: spellings, units, zones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.history import times
from app.history.times import Clock, DateOrder, Form, Moment
from tests.history.builders import UNHURRIED

DAY = 86_400


def utc(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * times.NS_PER_S  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2020-12-01 0:00", Moment(utc(2020, 12, 1), 0, Form.NAIVE)),
        ("2020-2-1", Moment(utc(2020, 2, 1), 0, Form.NAIVE)),
        ("2020.02.01 13:05", Moment(utc(2020, 2, 1, 13, 5), 0, Form.NAIVE)),
        ("2024- 05- 30", Moment(utc(2024, 5, 30), 0, Form.NAIVE)),
        ("2024년 05월 30일", Moment(utc(2024, 5, 30), 0, Form.NAIVE)),
        ("20240530", Moment(utc(2024, 5, 30), 0, Form.NAIVE)),
        ("20240530091500", Moment(utc(2024, 5, 30, 9, 15), 0, Form.NAIVE)),
        (" 2024-05-30T09:15:00Z ", Moment(utc(2024, 5, 30, 9, 15), 0, Form.ZONED)),
        ("2024-05-30 09:15:00 KST", Moment(utc(2024, 5, 30, 9, 15), 9 * 3_600, Form.ZONED)),
        ("2024-05-30 09:15:00-0330", Moment(utc(2024, 5, 30, 9, 15), -12_600, Form.ZONED)),
        ("2024-05-30 09:15:00+09", Moment(utc(2024, 5, 30, 9, 15), 9 * 3_600, Form.ZONED)),
        ("2024-05-30 09:15:00.5", Moment(utc(2024, 5, 30, 9, 15) + 5 * 10**8, 0, Form.NAIVE)),
        ("2019-06-30 11-PM", Moment(utc(2019, 6, 30, 23), 0, Form.NAIVE)),
        ("2019-06-30 12-AM", Moment(utc(2019, 6, 30), 0, Form.NAIVE)),
        ("1717060500", Moment(utc(2024, 5, 30, 9, 15), 0, Form.EPOCH)),
        ("1717060500.25", Moment(utc(2024, 5, 30, 9, 15) + 25 * 10**7, 0, Form.EPOCH)),
        ("1.7170605e9", Moment(utc(2024, 5, 30, 9, 15), 0, Form.EPOCH)),
        ("-631152000", Moment(utc(1950, 1, 1), 0, Form.EPOCH)),
    ],
)
def test_spellings(text: str, moment: Moment) -> None:
    assert times.parse(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "2024", "12:30", "2024-13-01", "2024-02-30", "2023-02-29", "2024-01-01 25:00",
        "2024-01-01 10:60", "2024-01-01 10:00:60", "2024-01-01 10", "2024-01-01 13 PM",
        "2024-01-01 10:00:00.1234567890", "2024-01-01 10:00 +25:00", "2024-01-01Z",
        "１７１７０６０５００", "2024-01-01 10:00:00 EST", "nan", "inf", "1e999",
        "0000-01-01", "01/02/2024",
    ],
)  # fmt: skip
def test_what_is_no_time(text: str) -> None:
    moment = times.parse(text)
    assert (
        moment is None
        or not times.FX_FROM_NS <= moment.wall_ns < times.UNTIL_NS
        or (
            text == "2024"  # a number of seconds in 1970; no candle is that old
        )
    )


@UNHURRIED
@given(
    st.datetimes(datetime(1975, 1, 1), datetime(2100, 12, 31)),
    st.sampled_from([1, 10**3, 10**6, 10**9]),
)
def test_the_unit_of_an_epoch_follows_from_its_size(moment: datetime, unit: int) -> None:
    seconds = int(moment.replace(tzinfo=UTC).timestamp())
    assert times.parse(str(seconds * unit)) == Moment(seconds * times.NS_PER_S, 0, Form.EPOCH)


@UNHURRIED
@given(
    st.datetimes(datetime(1950, 1, 2), datetime(2100, 12, 31)),
    st.integers(-14 * 60, 14 * 60),
)
def test_iso_round_trip(moment: datetime, minutes: int) -> None:
    zoned = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    found = times.parse(zoned.isoformat())
    assert found is not None
    apart = zoned - datetime(1970, 1, 1, tzinfo=UTC)
    assert (
        found.wall_ns - found.offset_s * times.NS_PER_S
        == apart // timedelta(microseconds=1) * 1_000
    )


@pytest.mark.parametrize(
    ("texts", "order"),
    [
        (["05/30/2024", "05/02/2024"], DateOrder.MONTH_FIRST),
        (["02.05.2024", "30.05.2024"], DateOrder.DAY_FIRST),
        (["01/02/2024"], None),
        (["30/05/2024", "05/30/2024"], None),
        (["2024-05-30"], None),
    ],
)
def test_which_number_of_a_date_is_the_month(texts: list[str], order: DateOrder | None) -> None:
    assert times.date_order(texts) is order


@pytest.mark.parametrize("zone", ["UTC", "Asia/Seoul", "+05:30", "America/New_York"])
def test_a_column_and_a_single_time_become_utc_alike(zone: str) -> None:
    clock = Clock(times.zone_named(zone))
    hours = [utc(2024, 1, 1) + hour * 3_600 * times.NS_PER_S for hour in range(0, 24 * 360, 7)]
    single = [clock.offset_s(hour // times.NS_PER_S) for hour in hours]
    assert None not in single
    column = clock.offsets_ns(np.array(hours, np.int64))
    assert column is not None
    spread = np.broadcast_to(column, len(hours)).tolist()
    assert spread == [offset * times.NS_PER_S for offset in single if offset is not None]


@pytest.mark.parametrize("wall", [(2024, 11, 3, 1, 30), (2024, 3, 10, 2, 30)])
def test_wall_times_twice_or_never(wall: tuple[int, ...]) -> None:
    clock = Clock(times.zone_named("America/New_York"))
    assert clock.offset_s(utc(*wall) // times.NS_PER_S) is None
    assert clock.offsets_ns(np.array([utc(2024, 7, 1), utc(*wall)])) is None
