"""Live fragments of the market: what an open page is told, in its language and by its choices."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.routers import dashboard_live, opportunities_live, tape_live
from app.runtime.streams.board import View
from tests.pages.live_rows import FakeMarket, opportunity

ENGLISH, KOREAN = View("en", "UTC"), View("ko", "Asia/Seoul")
LIVE = (*tape_live.LIVE, *dashboard_live.LIVE, *opportunities_live.LIVE)


class Heard:
    """Stands for the hub: keeps what was last put, renders when it is asked."""

    def __init__(self) -> None:
        self.made: dict[tuple[str, str], Any] = {}
        self.signals: list[tuple[str, str, Any]] = []
        self.open: dict[str, set[View]] = {}

    def fragment(self, page: str, region: str, render: Any) -> None:
        self.made[page, region] = render

    def signal(self, page: str, name: str, value: Any) -> None:
        self.signals.append((page, name, value))

    def followed(self) -> dict[str, set[View]]:
        return self.open

    def html(self, page: str, region: str, view: View = ENGLISH) -> str:
        made = self.made[page, region](view)
        return "" if made is None else made.decode()


class Counting(FakeMarket):
    """Counts how often all premiums are read."""

    reads = 0

    def premiums(self, bases: Any = None, ids: Any = None) -> Any:
        self.reads += bases is None
        return super().premiums(bases, ids)


def told(market: FakeMarket, heard: Heard | None = None) -> Heard:
    heard = heard or Heard()
    for made in (part(heard) for part in LIVE):  # type: ignore[arg-type]
        made(market)  # type: ignore[arg-type]
    return heard


async def test_every_region_can_be_rendered_in_both_languages() -> None:
    heard = told(FakeMarket())
    for page, region in heard.made:
        for view in (ENGLISH, KOREAN):
            html = heard.html(page, region, view)
            assert html or region == "explain", (page, region)
            assert "None" not in html
            assert "<html" not in html


async def test_the_tape_is_on_the_frame_of_every_page() -> None:
    heard = told(FakeMarket())
    html = heard.html("frame", "tape", KOREAN)
    assert "1,387.20" in html
    assert 'data-title="김프 +1.52 % · 테더 +0.41 %"' in html
    assert "8,412,907" in heard.html("frame", "facts")


async def test_a_rate_set_by_hand_is_labelled() -> None:
    from tests.pages.live_rows import rate

    fake = FakeMarket()
    fake.rate_rows = (rate("USD", 1_400.0, manual=True), *fake.rate_rows[1:])
    assert "MANUAL" in told(fake).html("frame", "tape")


async def test_a_withheld_rate_is_told_with_its_reason_and_no_number() -> None:
    from tests.pages.live_rows import rate

    fake = FakeMarket()
    fake.rate_rows = (rate("USD", None, withheld="disagrees"), *fake.rate_rows[1:])
    html = told(fake).html("frame", "tape")
    assert "sources disagree" in html
    assert "1,387" not in html


async def test_nothing_is_read_while_nobody_looks_and_once_for_all_regions() -> None:
    market = Counting()
    heard = Heard()
    for part in dashboard_live.LIVE[:2]:
        part(heard)(market)  # type: ignore[arg-type]
    assert market.reads == 0
    for region in ("axis", "board", "matrix"):
        for view in (ENGLISH, KOREAN):
            heard.html("dashboard", region, view)
    assert market.reads == 1


async def test_the_board_follows_the_viewer_s_choice() -> None:
    heard = told(FakeMarket())
    usual = heard.html("dashboard", "board")
    small = heard.html("dashboard", "board", View("en", "UTC", (("size", "1000000"),)))
    assert usual != small
    there = heard.html("dashboard", "board", View("en", "UTC", (("home", "bithumb"),)))
    assert 'title="Bithumb"' in there
    assert 'title="Upbit"' not in there


async def test_the_session_tells_charts_its_newest_point() -> None:
    heard = told(FakeMarket())
    ((page, name, value),) = heard.signals
    assert (page, name) == ("dashboard", "tick")
    assert value["usdlike"] == 41.0


async def test_the_list_is_filtered_on_the_server() -> None:
    heard = told(FakeMarket())
    assert "DOGE" in heard.html("opportunities", "opps")
    only = heard.html("opportunities", "opps", View("en", "UTC", (("q", "sui"),)))
    assert "SUI" in only
    assert "DOGE" not in only
    refused = heard.html("opportunities", "opps", View("en", "UTC", (("tab", "refused"),)))
    assert "STALE_BOOK" in refused
    closed = View("en", "UTC", (("tab", "closed"),))
    assert heard.made["opportunities", "opps"](closed) is None, "what is over does not move"


async def test_an_empty_list_names_the_nearest_miss() -> None:
    fake = FakeMarket()
    fake.opportunity_rows = ()
    html = told(fake).html("opportunities", "opps")
    assert "Nothing above +30.0 bps now." in html
    assert "ADA" in html


async def test_with_feeds_off_every_region_says_so() -> None:
    heard = told(FakeMarket(feeds="off"))
    for region in ("board", "best", "venues"):
        assert "Feeds are off." in heard.html("dashboard", region), region
    assert "Feeds are off" in heard.html("frame", "tape")


async def test_what_somebody_reads_is_explained_until_it_is_over() -> None:
    heard, fake = Heard(), FakeMarket()
    reading = View("en", "UTC", (("shown", "o-2"),))
    heard.open = {"opportunities": {reading}}
    resting = opportunities_live.OpportunitiesResting(heard)  # type: ignore[arg-type]

    async def beat() -> str:
        resting(fake)  # type: ignore[arg-type]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return heard.html("opportunities", "explain", reading)

    assert "open for" in await beat()
    over = opportunity(2, closed_at_ns=opportunity(2).updated_at_ns, code="NET_BELOW_MIN")
    fake.opportunity_rows = (over,)
    assert "over since" in await beat()
    fake.opportunity_rows = ()
    assert "over since" in await beat(), "it stays as it was, though nobody knows it any more"
    assert heard.made["opportunities", "explain"](ENGLISH) is None


@pytest.mark.parametrize("withheld", ["NO_RATE", "FEE_UNKNOWN"])
async def test_a_withheld_premium_is_a_code_and_no_figure(withheld: str) -> None:
    from tests.pages.live_rows import premium

    fake = FakeMarket()
    fake.premium_rows = (
        premium("XRP", withheld=withheld, realizable_bps=None, usdlike_bps=None, kimchi_bps=None),
    )
    html = told(fake).html("dashboard", "board")
    assert withheld in html
    assert html.count("–") >= 4
