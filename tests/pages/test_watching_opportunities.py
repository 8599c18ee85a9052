"""Tabs and filters of the list; why this net."""

from __future__ import annotations

import msgspec
import pytest

from app.domain.live import Explanation, Status
from app.domain.venues import Venue
from app.routers.watching.explaining import Explained, bars, best_size, explained, levels, note
from app.routers.watching.opportunities import TABS, Row, counts, filters, rows
from app.routers.watching.showing import Beat, Showing
from tests.pages.live_rows import FakeMarket, explanation, opportunity, refused


def beat(fake: FakeMarket | None = None) -> Beat:
    return Showing().beat(fake or FakeMarket())  # type: ignore[arg-type]


def listed(fake: FakeMarket | None = None, **asked: str) -> list[Row]:
    return rows(beat(fake), filters(asked))


def told(found: Explanation) -> Explained:
    return explained(found, FakeMarket().policy)


def test_every_tab_has_its_own_rows_and_their_count() -> None:
    known = counts(beat())
    assert list(known) == list(TABS)
    for tab in ("live", "refused", "near", "quarantined"):
        assert len(listed(tab=tab)) == known[tab], tab
    assert {row.code for row in listed(tab="quarantined")} == {"FENCED", "IDENTITY"}
    assert not {row.code for row in listed(tab="refused")} & {"FENCED", "IDENTITY"}


def test_live_rows_stand_by_net_and_each_can_be_explained() -> None:
    found = listed()
    assert [row.base for row in found][:2] == ["SUI", "DOGE"]
    assert all(row.id for row in found)
    assert all(not row.id and row.code == "NET_BELOW_MIN" for row in listed(tab="near"))


def test_by_time_the_newest_is_first() -> None:
    fake = FakeMarket()
    fake.opportunity_rows = (opportunity(1, updated_at_ns=5), opportunity(2, updated_at_ns=9))
    assert [row.id for row in listed(fake, sort="time")] == ["o-2", "o-1"]


@pytest.mark.parametrize(
    ("word", "bases"),
    [
        ("doge", {"DOGE"}),
        ("도지", {"DOGE"}),
        ("ㄷㅈㅋㅇ", {"DOGE"}),
        ("xrp upbit", {"XRP"}),
        ("업비트", {"SUI", "DOGE", "HBAR", "XLM", "XRP", "SOL"}),
        ("okx", set()),
    ],
)
def test_the_word_is_a_coin_a_venue_or_first_consonants(word: str, bases: set[str]) -> None:
    assert {row.base for row in listed(q=word)} == bases


def test_a_code_finds_what_it_refused() -> None:
    assert [row.base for row in listed(tab="refused", q="stale_book")] == ["AVAX"]


def test_net_and_detector_narrow_the_list() -> None:
    assert {row.base for row in listed(net="60")} == {"SUI", "DOGE"}
    assert len(listed(net="not a number")) == 6
    assert len(listed(net="inf")) == 6
    assert listed(detector="spatial") == []
    assert len(listed(detector="nobody")) == 6


def test_closed_ones_come_from_the_ledger() -> None:
    over = opportunity(7, closed_at_ns=9, status=Status.MISSED, code="NET_BELOW_MIN")
    found = rows(beat(), filters({"tab": "closed"}), (over,))
    assert [(row.id, row.status, row.code) for row in found] == [("o-7", "MISSED", "NET_BELOW_MIN")]


def test_the_bars_sum_to_the_net_and_hang_together() -> None:
    found = explanation()
    drawn = bars(found.steps)
    parts = sum(step.bps for step in found.steps[4:] if step.kind == "part")
    assert found.steps[3].bps + parts == pytest.approx(found.opportunity.net_bps, abs=0.01)
    assert all(0 <= bar.x <= 100 and bar.x + bar.width <= 100.5 for bar in drawn)
    assert drawn[0].ink == "f-violet"
    assert drawn[-1].ink == "f-ink"
    headline, usdt = drawn[0], drawn[1]
    assert usdt.x + usdt.width == pytest.approx(headline.x + headline.width, abs=0.02)


def test_a_loss_is_drawn_left_of_zero() -> None:
    found = explanation(opportunity(net_bps=-80.0))
    net = bars(found.steps)[-1]
    assert net.x + net.width == pytest.approx(net.zero, abs=0.02)


def test_what_a_step_was_made_from_is_written() -> None:
    notes = {step.code: note(step) for step in explanation().steps}
    assert notes["headline"] == ("headline", {"rate": "1,387.20"})
    assert notes["buy_fee"] == ("fee", {"source": "account"})
    assert notes["residual"] == ("none", {})
    bought = msgspec.structs.replace(explanation().steps[5], detail="0.19853481234 4")
    assert note(bought) == ("slippage", {"price": "0.1985348", "n": 4})
    sent = msgspec.structs.replace(explanation().steps[7], detail="4 DOGE")
    assert note(sent) == ("withdrawal", {"amount": "4", "network": "DOGE"})
    home = msgspec.structs.replace(sent, code="return_withdrawal", detail="1000 bank")
    assert note(home) == ("bank", {"amount": "1,000"})
    unknown = msgspec.structs.replace(sent, detail="", source="unknown")
    assert note(unknown) == ("unknown", {})


def test_levels_of_both_books_stand_side_by_side() -> None:
    found = levels(explanation().levels)
    assert len(found) == 3
    assert found[0].buy is not None
    assert found[0].sell is not None
    assert found[2].sell is None
    assert max(level.sell_width for level in found) == 49


def test_an_open_one_and_a_refused_one_and_one_that_is_over() -> None:
    live = told(explanation())
    assert (live.is_live, live.verdict, live.failed) == (True, "ok", 0)
    assert live.times is not None
    assert live.times > 2
    no = told(explanation(refused(1, "STALE_BOOK", base="AVAX", buy=Venue.GATE)))
    assert (no.verdict, no.failed) == ("solid", 1)
    over = told(explanation(opportunity(opened_at_ns=1_000_000_000, closed_at_ns=42_000_000_000)))
    assert (over.is_live, over.lived_s) == (False, 41.0)


def test_the_best_size_is_the_one_that_earns_most() -> None:
    assert best_size(explanation().ladder) == 10_000_000.0
    assert best_size(()) is None
