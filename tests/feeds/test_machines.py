"""What has a state and no clock: breaker, back-off, rates, delays, skew, shards."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.markets import Instrument
from app.domain.times import MS_NS, SECOND_NS
from app.domain.venues import Venue
from app.runtime.feeds.breaker import Breaker, State, backoff_s
from app.runtime.feeds.counts import Delays, Rate
from app.runtime.feeds.shards import reshard
from app.runtime.feeds.skew import DATE_NS, TIME_NS, Skew, dated_ns

AT = 1_763_600_000 * SECOND_NS
FIVE_MINUTES = 300 * SECOND_NS


def test_back_off_doubles_from_one_second_to_five_minutes_and_a_quarter_more() -> None:
    assert [backoff_s(failures, 0.0) for failures in range(12)] == [
        1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300,
    ]  # fmt: skip
    assert backoff_s(3, 1.0) == 5.0
    assert backoff_s(10_000, 0.5) == 337.5


def test_ten_failures_in_a_row_open_the_breaker_for_five_minutes() -> None:
    breaker = Breaker()
    for _ in range(9):
        breaker.failed(AT)
    breaker.succeeded()
    for _ in range(9):
        breaker.failed(AT)
    assert breaker.state is State.CLOSED and breaker.admits(AT)
    breaker.failed(AT)
    assert breaker.state is State.OPEN
    assert not breaker.admits(AT + FIVE_MINUTES - 1)


def test_half_open_one_tries_for_all() -> None:
    breaker = Breaker()
    for _ in range(10):
        breaker.failed(AT)
    later = AT + FIVE_MINUTES
    assert breaker.admits(later)
    assert breaker.state is State.HALF_OPEN
    assert not breaker.admits(later)
    breaker.failed(later)
    assert breaker.until_ns == later + FIVE_MINUTES
    assert breaker.admits(later + FIVE_MINUTES)
    breaker.abandoned(later + FIVE_MINUTES)
    assert breaker.admits(later + FIVE_MINUTES), "whoever was to try, did not"
    breaker.succeeded()
    assert breaker.state is State.CLOSED
    assert breaker.admits(later + FIVE_MINUTES)


def test_a_rate_is_of_the_last_whole_seconds() -> None:
    rate = Rate()
    assert rate.per_s(AT) == 0.0
    for second in range(20):
        for _ in range(50):
            rate.add(AT + second * SECOND_NS)
    assert rate.total == 1_000
    assert rate.per_s(AT + 19 * SECOND_NS) == 50.0
    assert rate.per_s(AT + 24 * SECOND_NS) == pytest.approx(50 * 5 / 9)
    assert rate.per_s(AT + 40 * SECOND_NS) == 0.0


def test_the_first_seconds_count_as_they_are() -> None:
    rate = Rate()
    for tenth in range(30):
        rate.add(AT + tenth * SECOND_NS // 10)
    assert rate.per_s(AT + 3 * SECOND_NS) == 10.0


@given(st.lists(st.integers(0, 60_000), min_size=1, max_size=300), st.sampled_from([0.5, 0.99]))
def test_quantiles_are_right_to_a_tenth(delays_ms: list[int], share: float) -> None:
    delays = Delays()
    for delay in delays_ms:
        delays.add(delay * MS_NS, AT)
    (found,) = delays.quantiles_ms(AT, (share,))
    ordered = sorted(delays_ms)
    exact = ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * share // 1).__int__() - 1))]
    assert found is not None
    assert abs(found - exact) <= max(0.2, exact * 0.1)


def test_delays_older_than_a_minute_are_forgotten() -> None:
    delays = Delays()
    delays.add(5 * MS_NS, AT)
    assert delays.quantiles_ms(AT + 20 * SECOND_NS, (0.5,))[0] is not None
    assert delays.quantiles_ms(AT + 31 * SECOND_NS, (0.5,))[0] is not None
    assert delays.quantiles_ms(AT + 62 * SECOND_NS, (0.5,)) == (None,)
    delays.add(-3 * MS_NS, AT + 63 * SECOND_NS)
    found = delays.quantiles_ms(AT + 63 * SECOND_NS, (0.5,))[0]
    assert found is not None and found <= 0.2, "the venue's clock is a little ahead"


@given(
    offset_ms=st.integers(-5_000, 5_000),
    trips=st.lists(
        st.tuples(st.integers(1, 400), st.floats(0, 1), st.integers(0, 9_999)),
        min_size=1,
        max_size=20,
    ),
    by_date=st.booleans(),
)
def test_the_offset_is_within_its_error(
    offset_ms: int, trips: list[tuple[int, float, int]], *, by_date: bool
) -> None:
    skew, at_ns, errors = Skew(), AT, []
    resolution = DATE_NS if by_date else TIME_NS
    for round_ms, share, pause_ms in trips:
        sent_ns = at_ns + pause_ms * MS_NS
        received_ns = sent_ns + round_ms * MS_NS
        theirs = sent_ns + int(round_ms * MS_NS * share) + offset_ms * MS_NS
        skew.read(sent_ns, received_ns, theirs // resolution * resolution, resolution)
        at_ns = received_ns
        assert skew.offset is not None
        assert abs(skew.offset.offset_ns - offset_ms * MS_NS) <= skew.offset.error_ns + 1
        errors.append(skew.offset.error_ns)
    assert min(errors) >= errors[-1] * 0.2


def test_a_clock_that_was_set_starts_anew() -> None:
    skew = Skew()
    assert skew.read(AT, AT + 10 * MS_NS, AT, TIME_NS)
    assert not skew.read(AT + SECOND_NS, AT + SECOND_NS + 4 * MS_NS, AT + SECOND_NS, TIME_NS)
    step = 3 * SECOND_NS
    sent = AT + 2 * SECOND_NS
    assert skew.read(sent, sent + 4 * MS_NS, sent + step, TIME_NS)
    assert skew.offset is not None
    assert abs(skew.offset.offset_ns - step) <= skew.offset.error_ns


def test_dates_are_read_strictly() -> None:
    assert dated_ns("Thu, 20 Nov 2026 01:02:03 GMT") == 1_795_136_523 * SECOND_NS
    assert dated_ns("yesterday") is None
    assert dated_ns(None) is None


def coins(numbers: set[int]) -> list[Instrument]:
    return [Instrument(Venue.OKX, f"C{number:03d}", "USDT") for number in sorted(numbers)]


@given(
    st.lists(st.sets(st.integers(0, 120), max_size=80), min_size=1, max_size=6),
    st.integers(1, 25),
)
def test_shards_carry_everything_once_and_change_little(steps: list[set[int]], size: int) -> None:
    carried: list[tuple[Instrument, ...]] = []
    for numbers in steps:
        wanted = coins(numbers)
        shards = reshard(carried, wanted, size)
        flat = [instrument for shard in shards for instrument in shard]
        assert sorted(flat) == wanted
        assert all(len(shard) <= size for shard in shards)
        for before, after in zip(carried, shards, strict=False):
            if set(before) <= set(wanted) and len(before) == size:
                assert after == before, "a full shard that is still wanted stays as it is"
        assert reshard(shards, wanted, size) == shards
        carried = [shard for shard in shards if shard]
