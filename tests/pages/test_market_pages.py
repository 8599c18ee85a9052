"""Dashboard and Opportunities as whole pages, with a market of still rows on the desk."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest
from msgspec.structs import replace

from app.domain.live import Gate
from tests.appkit import running
from tests.pages.live_rows import FakeMarket
from tests.pages.test_render import signed_in


@asynccontextmanager
async def open_house(
    folder: Path, market: FakeMarket | None = None, **headers: str
) -> AsyncIterator[httpx.AsyncClient]:
    async with running(folder) as kimp:
        market = market or FakeMarket()
        kimp.app.state.desk = dataclasses.replace(kimp.desk, market=market)  # type: ignore[arg-type]
        yield await signed_in(kimp, **{"accept-language": "en", **headers})


async def test_the_dashboard_names_its_stream_with_the_viewer_s_choices(tmp_path: Path) -> None:
    async with open_house(tmp_path) as client:
        usual = await client.get("/")
        chosen = await client.get("/?home=bithumb&size=1000000&nonsense=1")
    assert 'hx-sse:connect="/stream/dashboard"' in usual.text
    assert 'hx-sse:connect="/stream/dashboard?home=bithumb&amp;size=1000000"' in chosen.text
    assert "Bithumb KRW" in chosen.text


async def test_pages_without_an_own_stream_follow_the_frame(tmp_path: Path) -> None:
    async with open_house(tmp_path) as client:
        for path in ("/settings", "/guide"):
            page = (await client.get(path)).text
            assert 'hx-sse:connect="/stream/frame"' in page, path
            assert "1,387.20" in page, "the tape is on every page"


async def test_a_stranger_sees_no_tape(tmp_path: Path) -> None:
    async with running(tmp_path) as kimp:
        page = (await kimp.visitor().get("/login")).text
    assert "hx-sse:connect" not in page
    assert 'id="tape"' not in page


@pytest.mark.parametrize("tab", ["live", "refused", "near", "closed", "quarantined"])
async def test_every_tab_answers(tmp_path: Path, tab: str) -> None:
    async with open_house(tmp_path) as client:
        answer = await client.get("/opportunities", params={"tab": tab})
    assert answer.status_code == 200
    assert f'aria-current="page">{tab.capitalize().replace("Near", "Near misses")}' in answer.text


async def test_the_first_row_is_explained_and_the_stream_says_which(tmp_path: Path) -> None:
    async with open_house(tmp_path) as client:
        page = (await client.get("/opportunities")).text
    assert 'hx-sse:connect="/stream/opportunities?shown=o-1"' in page
    assert "Headline to net" in page


async def test_an_explanation_has_its_own_address_in_every_state(tmp_path: Path) -> None:
    async with open_house(tmp_path) as client:
        live = await client.get("/opportunities/o-2?tab=live")
        refused = await client.get("/opportunities/r-1?tab=refused")
        over = await client.get("/opportunities/o-90?tab=closed")
        nobody = await client.get("/opportunities/o-4711")
    assert "open for" in live.text
    assert "REFUSED · STALE_BOOK" in refused.text
    assert "short by 1.7 s" in refused.text
    assert "over since" in over.text
    assert nobody.status_code == 404
    assert 'href="/api/v1/opportunities/o-2"' in live.text


async def test_gates_that_fail_say_in_words_what_is_missing(tmp_path: Path) -> None:
    market = FakeMarket()
    gates = (
        Gate("FENCED", False, "fenced", "open", None, "word", "upbit", "deposit"),
        Gate(
            "WALLET_CLOSED", False, "closed", "open", None, "word", "upbit TRX", "return_withdraw"
        ),
        Gate("TOO_GOOD", False, 37_607.0, 1_500.0, -36_107.0, "bps", "", "too_good"),
        Gate("FEE_UNKNOWN", False, "unknown", "known", None, "word", "return_withdrawal", "fees"),
    )
    first = market.refused_rows[0]
    market.refused_rows = (replace(first, gates=gates),)
    async with open_house(tmp_path, market) as client:
        page = (await client.get(f"/opportunities/{first.id}?tab=refused")).text
    words = re.sub(r"<[^>]+>", " ", page[page.index("Every gate") :])
    assert "fenced in" in words
    assert "USDT withdrawal" in words
    assert "short by &gt; 9,999" in words, "escaped once"
    assert "Return withdrawal" in words, "the fee that is missing"


async def test_filters_stay_in_every_link_of_the_list(tmp_path: Path) -> None:
    async with open_house(tmp_path) as client:
        page = (await client.get("/opportunities?tab=refused&q=hbar&sort=time")).text
    assert 'href="/opportunities/r-2?tab=refused&amp;q=hbar&amp;sort=time"' in page
    assert "AVAX" not in page.split('id="opps"')[1].split("</tbody>")[0]


async def test_too_long_a_word_is_refused_with_its_place(tmp_path: Path) -> None:
    async with open_house(tmp_path) as client:
        answer = await client.get("/opportunities", params={"q": "x" * 65})
        stream = await client.get("/stream/opportunities", params={"q": "x" * 65})
    assert answer.status_code == 422
    assert stream.status_code in {403, 422}


async def test_what_is_in_the_address_is_only_text(tmp_path: Path) -> None:
    async with open_house(tmp_path) as client:
        page = (await client.get("/opportunities", params={"q": '"><script>'})).text
    assert "<script>" not in page.split("<main", 1)[1]


async def test_the_series_of_the_leader_are_columns(tmp_path: Path) -> None:
    async with open_house(tmp_path) as client:
        answer = await client.get("/live/series?hours=6")
        wrong = await client.get("/live/series?hours=0")
    assert answer.status_code == 200
    assert len(np.frombuffer(answer.content)) % 5 == 0
    assert wrong.status_code == 422


async def test_a_tab_in_the_background_asks_for_its_title(tmp_path: Path) -> None:
    async with open_house(tmp_path, **{"accept-language": "ko"}) as client:
        answer = await client.get("/live/headline")
    assert answer.text.startswith("<span hidden")
    assert "김프 +1.52 % · 테더 +0.41 %" in answer.text


async def test_with_feeds_off_pages_say_so(tmp_path: Path) -> None:
    async with open_house(tmp_path, FakeMarket(feeds="off")) as client:
        for path in ("/", "/opportunities"):
            page = (await client.get(path)).text
            assert "Feeds are off" in page, path
            assert "NO FEEDS" in page, path


async def test_amounts_stay_hidden_from_page_to_page(tmp_path: Path) -> None:
    async with open_house(tmp_path) as client:
        page = (await client.get("/?amounts=hidden")).text
        again = (await client.get("/opportunities")).text
    assert 'data-amounts="hidden"' in page
    assert 'data-amounts="hidden"' in again
