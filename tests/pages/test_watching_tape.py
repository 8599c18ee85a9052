"""The tape, the foot, the journal and the session's memory."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

from app.domain.facts import CandidateRefused, ChannelTurned, RateWithheld, Rejection
from app.domain.live import ChannelState
from app.domain.venues import Venue
from app.routers.watching.happened import LINES_MAX, lines
from app.routers.watching.memory import MINUTE_NS, MINUTES_MIN, PART, POINT_NS, Memory
from app.routers.watching.past import DAY_EVERY_NS, Past, continued, history, joined
from app.routers.watching.showing import PARTS, WHOLE_NS, Sample
from app.routers.watching.tape import LAMPS, foot, leader, tape
from tests.pages.live_rows import (
    MOMENT_NS,
    FakeArchive,
    FakeMarket,
    premium,
    refused,
    stale_venue,
    venue,
)


def test_the_tape_shows_rates_the_leader_and_nine_lamps() -> None:
    shown = tape(FakeMarket())  # type: ignore[arg-type]
    assert shown.usd is not None
    assert shown.usd.rate == 1_387.20
    assert [home.source for home in shown.homes] == ["upbit", "bithumb"]
    assert shown.kimchi_bps is not None
    assert shown.usdlike_bps == 41.0
    assert shown.premium_bps == pytest.approx(110.294, abs=0.001)
    assert [lamp.venue for lamp in shown.lamps] == list(LAMPS)
    assert {lamp.venue: lamp.shape for lamp in shown.lamps}[Venue.GATE] == "c"


def test_with_feeds_off_nothing_is_known() -> None:
    shown = tape(FakeMarket(feeds="off"))  # type: ignore[arg-type]
    assert (shown.usd, shown.tether, shown.kimchi_bps, shown.lamps) == (None, None, None, ())
    assert foot(FakeMarket(feeds="off")).decided_us is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "shape"),
    [
        (ChannelState.LIVE, ""),
        (ChannelState.QUIET, ""),
        (ChannelState.CONNECTING, "u"),
        (ChannelState.STALE, "c"),
        (ChannelState.LOST, "f"),
        (ChannelState.RESTING, "f"),
    ],
)
def test_a_lamp_s_shape_tells_the_state(state: ChannelState, shape: str) -> None:
    fake = FakeMarket()
    fake.venue_rows = (venue(Venue.UPBIT, state=state),)
    (lamp,) = tape(fake).lamps  # type: ignore[arg-type]
    assert lamp.shape == shape


def test_the_leader_s_route_is_the_first_that_has_figures() -> None:
    known = premium("BTC", Venue.OKX, Venue.BITHUMB)
    unknown = premium("BTC", Venue.BINANCE, Venue.UPBIT, usdlike_bps=None)
    assert leader([unknown, known]) is known
    assert leader([unknown]) is None


def test_the_foot_tells_the_largest_clock_error_and_the_latency() -> None:
    fake = FakeMarket()
    fake.venue_rows = (venue(skew_ms=-41.0), stale_venue(), venue(Venue.OKX, skew_ms=None))
    shown = foot(fake)  # type: ignore[arg-type]
    assert (shown.skew_ms, shown.decided_us) == (41.0, (400.0, 1_700.0))


def test_the_journal_tells_what_matters_newest_first() -> None:
    found = lines(FakeMarket().journal())
    assert [line.text for line in found] == ["opened", "restored", "broke", "quarantined"]
    assert found[0].address == "/opportunities/o-2"
    more = [
        CandidateRefused(MOMENT_NS, refused(), False),
        RateWithheld(MOMENT_NS, "USD", "stale"),
        RateWithheld(MOMENT_NS, "USD", None),
        Rejection(MOMENT_NS, Venue.OKX, "60012", "x" * 500),
        ChannelTurned(MOMENT_NS, 3, Venue.GATE, "spot.obu", ChannelState.STALE),
    ]
    told = lines(more)
    assert [line.text for line in told] == ["rate_gone", "rate_back", "rejected", "turned"]
    assert len(str(told[2].values["message"])) == 80
    assert len(lines(more * 10)) == LINES_MAX


def test_the_memory_looks_as_often_as_it_must_and_knows_ranges_after_a_while() -> None:
    memory, fake = Memory(), FakeMarket()
    at_ns = MOMENT_NS
    assert memory.newest() is None
    assert memory.look(fake, at_ns)  # type: ignore[arg-type]
    assert not memory.look(fake, at_ns + POINT_NS - 1)  # type: ignore[arg-type]
    assert memory.span("XRP", "upbit") is None
    for minute in range(MINUTES_MIN):
        for part in range(len(fake.market_rows) // PART + 1):
            memory.look(fake, at_ns + minute * MINUTE_NS + part)  # type: ignore[arg-type]
    span = memory.span("XRP", "upbit")
    assert span is not None
    assert (span.low, span.high, span.minutes) == (64.6, 64.6, MINUTES_MIN)
    assert memory.percentile("XRP", "upbit", 64.7) == 100
    assert memory.percentile("XRP", "upbit", 64.6) == 0
    assert memory.percentile("nobody", "upbit", 1.0) is None


def test_the_leader_s_series_has_four_bases_and_holes_where_nothing_was_known() -> None:
    memory, fake = Memory(), FakeMarket()
    memory.look(fake, MOMENT_NS)  # type: ignore[arg-type]
    fake.premium_rows = (premium("BTC", realizable_bps=None),)
    memory.look(fake, MOMENT_NS + POINT_NS)  # type: ignore[arg-type]
    time, kimchi, usdt, usdlike, realizable = memory.series(0)
    assert len(time) == 2
    assert (1 + kimchi[1] / 1e4) == pytest.approx((1 + usdlike[1] / 1e4) * (1 + usdt[1] / 1e4))
    assert math.isnan(realizable[1])
    newest = memory.newest()
    assert newest is not None
    assert newest["realizable"] is None
    assert len(memory.series(time[1])[0]) == 1


def test_the_archive_s_columns_are_joined_and_the_session_goes_on_from_there() -> None:
    import numpy as np

    from app.archive.queries import History

    def known(*at_s: int) -> History:
        values = np.array(at_s, np.float64)
        return History(np.array(at_s, np.int64) * 1_000_000_000, values, values, values)

    columns = joined([known(1, 2), known(2, 3), known(), known(1)])
    assert columns[0].tolist() == [1.0, 2.0, 3.0]
    assert np.isnan(columns[3]).all()
    after = tuple(np.array([2.5, 3.0, 3.5]) for _ in range(5))
    whole = continued(columns, after)
    assert whole[0].tolist() == [1.0, 2.0, 3.0, 3.5]
    assert continued(tuple(np.empty(0) for _ in range(5)), after)[0].tolist() == [2.5, 3.0, 3.5]


def test_a_sample_of_all_routes_is_read_a_part_at_a_time() -> None:
    class Counting(FakeMarket):
        asked: list[int | None] = []  # noqa: RUF012 - one market, one list

        def premiums(self, bases: Any = None, ids: Any = None) -> Any:
            self.asked.append(None if bases is None else len(bases))
            return super().premiums(bases, ids)

    fake, sample = Counting(), Sample()
    at_ns, beat_ns = MOMENT_NS, 100_000_000
    whole = sample.rows(fake, (), at_ns)  # type: ignore[arg-type]
    assert len(whole) == len(fake.premium_rows)
    fake.premium_rows = (*(r for r in fake.premium_rows if r.base != "XRP"), premium("NEW"))
    for _ in range(2 * PARTS):
        at_ns += beat_ns
        found = sample.rows(fake, ("NEW",), at_ns)  # type: ignore[arg-type]
    assert fake.asked[0] is None
    assert max(each or 0 for each in fake.asked[1:]) <= -(-15 // PARTS)
    assert "XRP" not in {row.base for row in found}
    assert "NEW" in {row.base for row in found}
    sample.rows(fake, (), at_ns + WHOLE_NS + 1)  # type: ignore[arg-type]
    assert fake.asked[-1] is None, "nobody looked for a while"


async def test_ranges_and_percentiles_come_from_the_archive_once_a_minute() -> None:
    fake, past, row = FakeMarket(), Past(), premium("XRP")
    assert past.span(row) is None
    await told(past, fake.archive, MOMENT_NS)
    span = past.span(row)
    assert span is not None
    assert (span.low, span.first_quartile, span.high) == (0.0, 25.0, 100.0)
    day, month = past.percentiles(row)
    assert day == month == pytest.approx(100 * 65 / 101)
    assert past.percentiles(premium("SOL")) == (None, None)
    assert past.percentiles(premium("XRP", usdlike_bps=None)) == (None, None)


async def test_an_archive_that_is_away_leaves_what_was_known() -> None:
    past, row, later_ns = Past(), premium("XRP"), MOMENT_NS + DAY_EVERY_NS
    await told(past, FakeArchive(), MOMENT_NS)
    await told(past, FakeArchive("it does not answer"), later_ns)
    assert past.reason == "it does not answer"
    assert past.span(row) is not None
    assert await history(FakeArchive("away"), row, 0) is None  # type: ignore[arg-type]
    whole = await history(FakeArchive(), row, 0)  # type: ignore[arg-type]
    assert whole is not None
    assert [len(column) for column in whole] == [120] * 5


async def told(past: Past, archive: Any, at_ns: int) -> None:
    past.tend(archive, at_ns)
    for _ in range(3):
        await asyncio.sleep(0)
