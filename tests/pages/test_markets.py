"""Markets: coins by name and by place, one coin's books on one ladder, pairs in doubt, a walk."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import httpx
import msgspec
import numpy as np
import pytest

from app.domain.policy import IdentityDecision, Policy, Verdict
from app.domain.venues import Venue
from app.routers.markets_live import coin_part
from app.routers.watching import coin, ladder, markets, walking
from app.routers.watching.quarantine import Evidence, evidence
from app.routers.watching.showing import Beat, Showing
from tests.appkit import Running, running
from tests.pages.live_rows import (
    MOMENT_NS,
    TWIN,
    FakeArchive,
    FakeMarket,
    book,
    identity,
    network,
    premium,
)
from tests.pages.test_render import signed_in


def beat(market: FakeMarket | None = None) -> Beat:
    return Beat(Showing(), market or FakeMarket(), MOMENT_NS)  # type: ignore[arg-type]


def found(word: str = "", **asked: str) -> list[str]:
    on = markets.filters({"q": word, **asked})
    return [row.market.base for row in markets.listing(beat(), on).rows]


@pytest.mark.parametrize(
    ("word", "first"),
    [("xrp", "XRP"), ("리플", "XRP"), ("ㄹㅍ", "XRP"), ("ㄷㅈㅋ", "DOGE"), ("sol 업비트", "SOL")],
)
def test_a_coin_is_found_by_ticker_korean_name_and_first_consonants(word: str, first: str) -> None:
    assert found(word) == [first]


def test_favourites_stand_first_in_their_own_order() -> None:
    market = FakeMarket()
    market.policy = Policy(favourites=("XRP", "BTC"))
    listed = markets.listing(beat(market), markets.filters({}))
    assert [row.market.base for row in listed.rows][:3] == ["XRP", "BTC", "ADA"]


def test_a_tab_counts_what_it_shows() -> None:
    counts = markets.counts(beat())
    for only in markets.ONLY:
        assert len(found(only=only)) == counts[only]
    assert found(only="quarantined") == [TWIN]
    assert found(only="fenced") == ["SNT"]


def test_what_the_address_says_wrongly_is_as_usual() -> None:
    asked = {"only": "nothing", "sort": "x", "page": "-3"}
    assert markets.filters(asked) == markets.Filters("", "all", "coin", 1)


@pytest.mark.parametrize(
    ("flows", "over_all"),
    [
        ((), "unknown"),
        (("closed", "open"), "open"),
        (("closed", "closed"), "closed"),
        (("closed", "unknown"), "unknown"),
    ],
)
def test_what_is_not_known_is_never_open(flows: tuple[str, ...], over_all: str) -> None:
    assert markets.over_all(flows) == over_all


def test_a_cell_tells_the_book_and_the_networks_of_its_venue() -> None:
    market = FakeMarket()
    market.network_rows = (network(Venue.UPBIT, "XRP", "XRP", deposit="closed"),)
    row = markets.listing(beat(market), markets.filters({"q": "XRP"})).rows[0]
    cells = {cell.venue: cell for cell in row.cells}
    assert (cells[Venue.UPBIT].quote, cells[Venue.UPBIT].deposit) == ("KRW", "closed")
    assert cells[Venue.UPBIT].withdraw == "open"
    assert cells[Venue.GATE].withdraw == "unknown"


def test_all_books_stand_on_one_ladder_in_won() -> None:
    books = ladder.books(beat(), "XRP", "krw")
    assert [head.venue for head in books.heads][:2] == [Venue.UPBIT, Venue.BITHUMB]
    assert len(books.rungs) == ladder.RUNGS + 1
    prices = [float(rung.price.replace(",", "")) for rung in books.rungs]
    assert prices == sorted(prices, reverse=True)
    step = float(books.step)
    assert {round(a - b, 9) for a, b in pairwise(prices)} == {step}
    top = book(Venue.BINANCE, "XRP")
    assert top.krw_per_quote is not None
    place = next(
        i for i, price in enumerate(prices)
        if price <= top.bids[0][0] * top.krw_per_quote < price + step
    )  # fmt: skip
    column = [head.venue for head in books.heads].index(Venue.BINANCE)
    cell = books.rungs[place].cells[column]
    assert cell is not None
    assert cell.bid >= top.bids[0][1]


def test_a_twin_far_away_does_not_stretch_the_ladder() -> None:
    market = FakeMarket()
    twin = book(Venue.GATE, "XRP", krw_per_quote=1402.5 * 12)
    others = [book(each, "XRP") for each in Venue if each is not Venue.GATE]
    market.books = lambda _: (*others, twin)  # type: ignore[method-assign, assignment]
    books = ladder.books(beat(market), "XRP", "krw")
    off = {head.venue: head.off for head in books.heads}
    assert [venue for venue, is_off in off.items() if is_off] == [Venue.GATE]
    assert float(books.rungs[0].price.replace(",", "")) < 5_000


def test_each_book_in_its_own_money_holds_its_own_levels() -> None:
    books = ladder.books(beat(), "XRP", "native")
    assert len(books.asks) == len(books.bids) == ladder.LEVELS
    best = books.asks[-1][0]
    assert best is not None
    assert best.price.shown == books.heads[0].ask.shown


def test_routes_of_one_direction_the_best_first_and_what_cannot_be_had_last() -> None:
    on = coin.view({"side": "high"}, Policy())
    lines = coin.lines_of(beat(), "XRP", on)
    assert {line.row.direction for line in lines} == {"high"}
    nets = [line.net for line in lines if line.net is not None]
    assert nets == sorted(nets, reverse=True)


def test_the_charted_route_is_the_chosen_one_or_the_leading_one() -> None:
    here = beat()
    chosen = coin.charted(here, "XRP", coin.view({"route": "gate-bithumb"}, Policy()))
    assert chosen is not None
    assert coin.route_key(chosen) == "gate-bithumb"
    leading = coin.charted(here, "XRP", coin.view({"route": "nowhere"}, Policy()))
    assert leading is not None
    assert coin.route_key(leading) == "binance-upbit"
    assert coin.point(leading) == {
        "time": MOMENT_NS // 10**9 // 5 * 5,
        "kimchi": leading.kimchi_bps,
        "usdt": leading.usdt_bps,
        "usdlike": leading.usdlike_bps,
        "realizable": leading.realizable_bps,
    }


def test_events_are_the_coin_s_own() -> None:
    assert {line.base for line in coin.events(beat(), "AVAX")} == {"AVAX"}
    assert coin.events(beat(), "XRP") == []


def test_evidence_names_the_venue_that_it_is_of() -> None:
    facts = ("ratio=12.1", "networks=none_shared", "networks=kucoin SOLANA", "price=upbit 5 KRW")
    assert evidence(facts) == (
        Evidence("networks", "", "none_shared"),
        Evidence("networks", "kucoin", "SOLANA"),
        Evidence("price", "upbit", "5 KRW"),
    )


def test_a_coin_without_a_market_has_an_empty_page() -> None:
    part = coin_part(beat(FakeMarket(feeds="off")), "XRP", {})
    assert part["books"].heads == ()
    assert part["charted"] is None


# --------------------------------------------------------------------- the calculator


def test_a_route_s_live_books_fill_the_form_with_their_sources() -> None:
    here = beat()
    fees = here.market.policies.fees()
    filled = walking.live(here, "XRP", "binance-upbit", fees)
    assert filled is not None
    assert filled.values["asks"].splitlines()[0].split()[0] == f"{2.4186 * 1.0001:.12g}"
    assert filled.sources["buy_fee_bps"].values["source"] == "list"
    assert filled.values["sell_fx"] == "1"
    fee = 0.2 * book(Venue.BINANCE, "XRP").asks[0][0] * 1402.5
    assert math.isclose(float(filled.values["withdrawal_fee"]), fee)
    done = walking.walked(filled)
    assert done.walk.outcome == "ok"
    assert math.isclose(
        sum(each.quantity * each.share for each in done.asks), done.walk.quantity, rel_tol=1e-9
    )


def test_an_unknown_withdrawal_fee_stays_empty_and_is_asked_for() -> None:
    market = FakeMarket()
    market.network_rows = (network(Venue.BINANCE, "XRP", "XRP", fee=None),)
    filled = walking.live(beat(market), "XRP", "binance-upbit", market.policies.fees())
    assert filled is not None
    assert filled.values["withdrawal_fee"] == ""
    with pytest.raises(Exception, match="invalid_fields") as refused:
        walking.walked(filled)
    assert [error.column for error in refused.value.errors] == ["withdrawal_fee"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("1 2\nabc 3", "asks[1]"),
        ("1 2 3", "asks[0]"),
        ('[[1, 2], ["x", 1]]', "asks[1]"),
        ("[1, 2", "asks[0]"),
        ("", "asks"),
        ("nan 1", "asks[0]"),
        ("1e300 1", "asks[0]"),
    ],
)
def test_a_level_that_cannot_be_read_is_named(text: str, place: str) -> None:
    given = {"asks": text, "bids": "3 1", "buy_fee_bps": "0", "sell_fee_bps": "0"}
    with pytest.raises(Exception, match="invalid_fields") as refused:
        walking.walked(walking.typed(given))
    assert refused.value.errors[0].column == place  # type: ignore[attr-defined]


def test_pasted_levels_may_be_lines_or_json() -> None:
    given = {"bids": "[[110, 5], [109, 2]]", "asks": "100, 3\n101;4", "buy_fee_bps": "10"}
    done = walking.walked(walking.typed({**given, "sell_fee_bps": "5"}))
    assert done.walk.quantity == 7
    assert [each.share for each in done.bids] == [1.0, 1.0]


# --------------------------------------------------------------------- pages


@pytest.fixture
async def kimp(tmp_path: Path) -> AsyncIterator[tuple[Running, FakeMarket]]:
    async with running(tmp_path) as found:
        market = FakeMarket()
        found.app.state.desk = dataclasses.replace(found.desk, market=cast(Any, market))
        yield found, market


async def form(client: httpx.AsyncClient, path: str, **fields: Any) -> httpx.Response:
    page = await client.get("/markets/quarantine")
    token = page.text.partition('name="csrf" value="')[2].partition('"')[0]
    return await client.post(path, data={"csrf": token, **fields})


PAGES = (
    "/markets",
    "/markets?q=ㄹㅍ&only=korea&sort=tick&page=9",
    "/markets/XRP",
    "/markets/XRP?unit=native&side=flat&route=okx-upbit&size=100000000",
    "/markets/SNT?side=low",
    "/markets/quarantine",
    "/tools/depth-walk",
    "/tools/depth-walk?base=XRP&route=binance-upbit",
    "/tools/depth-walk?base=NOTHING&route=binance-upbit",
    "/system",
    "/settings",
)


@pytest.mark.parametrize("lang", ["ko", "en"])
async def test_every_page_is_there_with_and_without_a_market(
    kimp: tuple[Running, FakeMarket], lang: str
) -> None:
    here, _ = kimp
    client = await signed_in(here, **{"accept-language": lang})
    for feeds in ("demo", "off"):
        market: Any = FakeMarket(feeds=feeds)
        here.app.state.desk = dataclasses.replace(here.desk, market=market)
        for path in PAGES:
            answer = await client.get(path, headers={"accept": "text/html"})
            assert answer.status_code == 200, (path, answer.text[:500])
            assert "None" not in answer.text, path


async def test_a_coin_that_nobody_lists_is_not_found(kimp: tuple[Running, FakeMarket]) -> None:
    client = await signed_in(kimp[0])
    assert (await client.get("/markets/NOTHING")).status_code == 404
    assert (await client.get("/markets/%3Cb%3E")).status_code == 404


async def test_a_star_puts_a_coin_among_the_favourites_and_takes_it_away(
    kimp: tuple[Running, FakeMarket],
) -> None:
    here, market = kimp
    client = await signed_in(here)
    market.policy = Policy(favourites=("BTC",))
    answer = await form(client, "/markets/favourite", base="XRP", q="ㄹㅍ")
    assert answer.headers["location"] == "/markets?q=%E3%84%B9%E3%85%8D"
    assert (await here.desk.preferences.get("markets.favourites")).value == "BTC,XRP"
    answer = await form(client, "/markets/favourite", base="BTC", **{"from": "coin"})
    assert answer.headers["location"] == "/markets/BTC"
    assert (await here.desk.preferences.get("markets.favourites")).value == ""
    assert (await form(client, "/markets/favourite", base="NOTHING")).status_code == 404


async def test_one_word_is_said_of_all_marked_pairs(kimp: tuple[Running, FakeMarket]) -> None:
    here, market = kimp
    client = await signed_in(here)
    market.identity_rows = (identity(), identity(TWIN, Venue.UPBIT, Venue.GATE))
    marked = [row.id for row in market.identity_rows]
    answer = await form(
        client, "/markets/quarantine", pair=marked, verdict="same", note=" seen on chain "
    )
    assert answer.status_code == 303
    assert market.decided == [(each, "same", "admin", "seen on chain") for each in marked]


async def test_without_a_mark_nothing_is_decided_and_the_note_stays(
    kimp: tuple[Running, FakeMarket],
) -> None:
    here, market = kimp
    client = await signed_in(here)
    answer = await form(client, "/markets/quarantine", verdict="same", note="kept note")
    assert answer.status_code == 422
    assert "kept note" in answer.text
    assert market.decided == []


async def test_a_decided_pair_tells_who_when_why_and_can_be_undone(
    kimp: tuple[Running, FakeMarket],
) -> None:
    here, market = kimp
    client = await signed_in(here, **{"accept-language": "en"})
    row = msgspec.structs.replace(
        identity(), decision="different", decided_by="admin", decided_at_ns=MOMENT_NS
    )
    market.identity_rows = (row,)
    words = [
        IdentityDecision(TWIN, row.venue, row.other, Verdict.DIFFERENT, "admin", MOMENT_NS, "NEO2"),
        IdentityDecision(TWIN, row.venue, row.other, Verdict.SAME, "eve", MOMENT_NS - 10**12),
    ]
    market.policies.words[row.id] = words
    page = (await client.get("/markets/quarantine")).text
    assert "NEO2" in page
    assert "Before: same" in page
    assert "eve" in page
    answer = await form(client, "/markets/quarantine", pair=row.id, verdict="open")
    assert answer.status_code == 303
    assert market.decided == [(row.id, "open", "admin", "")]


async def test_history_comes_as_columns_and_says_when_the_archive_is_away(
    kimp: tuple[Running, FakeMarket],
) -> None:
    here, market = kimp
    client = await signed_in(here)
    answer = await client.get("/markets/XRP/history?route=binance-upbit&hours=24")
    columns = np.frombuffer(answer.content).reshape(5, -1)
    assert columns.shape == (5, 120)
    assert (np.diff(columns[0]) == 60).all()
    assert (await client.get("/markets/XRP/history?route=upbit-upbit")).status_code == 404
    market.archive = FakeArchive("the child died")
    answer = await client.get("/markets/XRP/history?route=binance-upbit")
    assert (answer.status_code, answer.json()["code"]) == (503, "archive_away")
    page = await client.get("/markets/XRP", headers={"accept-language": "en"})
    assert "the child died" in page.text


async def test_the_calculator_works_as_a_plain_form(kimp: tuple[Running, FakeMarket]) -> None:
    client = await signed_in(kimp[0], **{"accept-language": "en"})
    given = {
        "asks": "100 3",
        "bids": "110 5",
        "buy_fee_bps": "10",
        "sell_fee_bps": "5",
        "buy_fx": "1",
        "sell_fx": "1",
        "withdrawal_fee": "0",
    }
    answer = await form(client, "/tools/depth-walk", **given)
    assert answer.status_code == 200
    assert "+29.5" in answer.text
    answer = await form(client, "/tools/depth-walk", **given | {"bids": "110 5\n111 1"})
    assert answer.status_code == 422
    assert "bids[1]" in answer.text


async def test_feeds_are_switched_from_settings_unless_the_environment_decides(
    kimp: tuple[Running, FakeMarket],
) -> None:
    here, market = kimp
    client = await signed_in(here, **{"accept-language": "en"})
    assert 'id="in-feeds"' in (await client.get("/settings")).text
    assert (await form(client, "/settings/feeds", value="live")).status_code == 303
    assert market.feeds == "live"
    market.outside.feeds = "demo"
    page = (await client.get("/settings")).text
    assert 'id="in-feeds"' not in page
    assert "KIMP_FEEDS=demo" in page


def test_the_premium_of_a_flat_route_is_its_raw_one() -> None:
    assert premium("XRP", Venue.BINANCE, Venue.OKX).raw_bps is not None
