"""The market over the API: what is there, what is asked for, and what a wrong question gets."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from app.domain import live
from app.domain.problems import Problem
from app.domain.times import from_iso, to_iso
from app.domain.venues import Venue
from app.runtime import items
from tests.api.caller import Caller
from tests.appkit import Running
from tests.pages import live_rows
from tests.pages.live_rows import FakeMarket


@pytest.fixture
async def market(kimp: Running) -> AsyncIterator[FakeMarket]:
    """A market with rows instead of the one of the app, which is off in tests."""
    desk, fake = kimp.desk, FakeMarket()
    kimp.app.state.desk = dataclasses.replace(desk, market=fake)
    yield fake
    kimp.app.state.desk = desk


async def test_with_feeds_off_every_list_is_empty(api: Caller) -> None:
    for path in ("exchanges", "markets", "prices", "premiums", "fx", "wallets", "identities"):
        assert await api.get(f"/{path}") == {"items": [], "next_cursor": None}, path
    for status in ("live", "refused", "near", "closed"):
        body = await api.get("/opportunities", status=status)
        assert body == {"items": [], "next_cursor": None}, status
    assert (await api.get("/books/BTC", 404))["code"] == "not_found"


async def test_prices_come_with_age_and_validity(api: Caller, market: FakeMarket) -> None:
    body = await api.get("/prices", limit=1000)
    assert len(body["items"]) == len(market.prices())
    row, item = market.prices()[0], body["items"][0]
    assert item["id"] == row.id
    assert item["bid"] == row.bid
    assert item["age_ms"] == row.age_ms
    assert item["valid"] is True
    assert item["at"].endswith("Z")
    assert abs(from_iso(item["at"]) - row.at_ns) < 1_000_000
    assert not [name for name in item if name.endswith("_ns")]


async def test_prices_are_chosen_by_coin_and_venue(api: Caller, market: FakeMarket) -> None:
    found = (await api.get("/prices", base="XRP", venue="upbit"))["items"]
    assert [(each["base"], each["venue"]) for each in found] == [("XRP", "upbit")]
    assert (await api.get("/prices", 422, venue="mtgox"))["code"] == "invalid_fields"


async def test_premiums_carry_every_figure_and_the_age_of_each_input(
    api: Caller, market: FakeMarket
) -> None:
    (item,) = (await api.get("/premiums", base="XRP", buy="binance", sell="upbit"))["items"]
    for name in ("raw", "usdlike", "kimchi", "usdt", "realizable"):
        assert f"{name}_bps" in item
    for name in ("buy", "sell", "tether", "official", "wallet"):
        assert item[f"{name}_age_ms"] >= 0
    product = (1 + item["usdlike_bps"] / 1e4) * (1 + item["usdt_bps"] / 1e4)
    assert (1 + item["kimchi_bps"] / 1e4) == pytest.approx(product, rel=1e-12)


async def test_premiums_are_sorted_and_those_without_a_value_come_last(
    api: Caller, market: FakeMarket
) -> None:
    for sort, sign in (("-realizable", -1), ("usdlike", 1)):
        found = (await api.get("/premiums", sort=sort, limit=1000))["items"]
        values = [each[f"{sort.strip('-')}_bps"] for each in found]
        known = [each for each in values if each is not None]
        assert known == sorted(known, key=lambda value: sign * value)
        assert all(each is None for each in values[len(known) :])
    assert (await api.get("/premiums", 422, sort="luck"))["code"] == "invalid_fields"
    high = (await api.get("/premiums", direction="high", limit=1000))["items"]
    assert {each["direction"] for each in high} == {"high"}


async def test_pages_join_to_the_whole(api: Caller, market: FakeMarket) -> None:
    whole = (await api.get("/premiums", limit=1000, sort="id"))["items"]
    read: list[Any] = []
    cursor: str | None = None
    while True:
        query = {"limit": 37, "sort": "id"} | ({"cursor": cursor} if cursor else {})
        body = await api.get("/premiums", **query)
        read += body["items"]
        cursor = body["next_cursor"]
        if cursor is None:
            break
    assert read == whole
    for wrong in ("-1", "0", "x", "１", "99999999999"):
        problem = await api.get("/premiums", 422, cursor=wrong)
        assert problem["errors"][0]["column"] == "cursor"


async def test_books_stand_side_by_side_best_first(api: Caller, market: FakeMarket) -> None:
    found = (await api.get("/books/XRP"))["items"]
    assert len(found) > 1
    for book in found:
        assert {"venue", "quote", "bids", "asks", "at", "age_ms", "valid"} <= book.keys()
        bids, asks = [price for price, _ in book["bids"]], [price for price, _ in book["asks"]]
        assert bids == sorted(bids, reverse=True)
        assert asks == sorted(asks)
        assert bids[0] < asks[0]
    await api.get("/books/NOSUCHCOIN", 404)


async def test_rates_tell_their_sources(api: Caller, market: FakeMarket) -> None:
    found = {each["id"]: each for each in (await api.get("/fx"))["items"]}
    assert {"USD", "USDT", "USDC"} <= found.keys()
    for source in found["USDT"]["sources"]:
        assert source["state"] == "ok"
        assert source["at"].endswith("Z")


async def test_wallets_are_chosen_by_coin_and_venue(api: Caller, market: FakeMarket) -> None:
    everything = (await api.get("/wallets", limit=1000))["items"]
    assert {each["deposit"] for each in everything} <= {"open", "closed", "unknown"}
    first = everything[0]
    found = (await api.get("/wallets", asset=first["asset"], venue=first["venue"]))["items"]
    assert first in found
    assert {each["venue"] for each in found} == {first["venue"]}


async def test_the_health_of_every_venue(api: Caller, market: FakeMarket) -> None:
    found = (await api.get("/exchanges"))["items"]
    assert [each["venue"] for each in found] == [row.venue for row in market.venues()]
    assert {"state", "skew_ms", "breaker_until", "limit_used"} <= found[0].keys()


async def test_opportunities_of_each_status(api: Caller, market: FakeMarket) -> None:
    now = (await api.get("/opportunities"))["items"]
    assert [each["id"] for each in now] == [row.id for row in market.opportunities()]
    refused = (await api.get("/opportunities", status="refused"))["items"]
    assert all(each["code"] for each in refused)
    near = (await api.get("/opportunities", status="near"))["items"]
    assert all({"premium", "gate"} == each.keys() for each in near)
    assert (await api.get("/opportunities", 422, status="best"))["code"] == "invalid_fields"


async def test_an_opportunity_explains_itself(api: Caller, market: FakeMarket) -> None:
    first = market.opportunities()[0]
    found = await api.get(f"/opportunities/{first.id}")
    assert found["id"] == first.id
    assert found["gates"]
    assert found["explanation"]["steps"][-1]["code"] == "net"
    await api.get("/opportunities/o-999999", 404)


async def test_a_person_decides_about_a_pair(api: Caller, market: FakeMarket) -> None:
    row = next(row for row in market.identities() if row.decision is None)
    (found,) = (await api.get("/identities", base=row.base, open="true"))["items"]
    assert found["id"] == row.id
    body = {"verdict": "different", "note": "다른 코인"}
    decided = await api.post(f"/identities/{row.id}", body, 200)
    assert decided["decision"] == "different"
    assert decided["decided_by"]
    undone = await api.post(f"/identities/{row.id}", {"verdict": "open"}, 200)
    assert (undone["decision"], undone["decided_by"]) == (None, None)
    wrong = await api.post(f"/identities/{row.id}", {"verdict": "maybe"}, 422)
    assert wrong["errors"][0]["column"] == "verdict"
    more = await api.post(f"/identities/{row.id}", body | {"force": True}, 422)
    assert more["errors"][0]["column"] == "force"


async def test_only_an_admin_decides(api: Caller, kimp: Running, market: FakeMarket) -> None:
    issued = await api.post("/tokens", {"name": "reader", "scopes": ["read"]}, 201)
    row = market.identities()[0]
    async with kimp.visitor(Authorization=f"Bearer {issued['token']}") as reader:
        assert (await reader.get("/api/v1/identities")).status_code == 200
        answer = await reader.post(f"/api/v1/identities/{row.id}", json={"verdict": "same"})
    assert answer.status_code == 403
    assert answer.json()["code"] == "scope_missing"


async def test_names_are_read_and_set(api: Caller) -> None:
    shipped = (await api.get("/identities/names", venue="upbit", limit=1000))["items"]
    assert {"venue": "upbit", "ticker": "TON", "asset": "TOKAMAK", "multiplier": 1.0,
            "source": "seed", "note": ""} in shipped  # fmt: skip
    body = {"venue": "upbit", "ticker": "TON", "asset": "TON", "note": "상장 변경"}
    now = (await api.put("/identities/names", body))["items"]
    assert [each["asset"] for each in now if each["ticker"] == "TON"] == ["TON"]
    now = (await api.put("/identities/names", body | {"asset": None}))["items"]
    assert [each["asset"] for each in now if each["ticker"] == "TON"] == ["TOKAMAK"]
    for wrong in ({"multiplier": 0}, {"ticker": "A B"}, {"venue": "mtgox"}, {"by": "me"}):
        problem = await api.put("/identities/names", body | wrong, 422)
        assert problem["errors"][0]["column"] == next(iter(wrong))


async def test_fees_have_a_source_and_a_date(api: Caller) -> None:
    listed = {(each["venue"], each["quote"]): each for each in (await api.get("/fees"))["items"]}
    assert listed["upbit", "KRW"]["taker_bps"] == 5.0
    assert {each["source"] for each in listed.values()} == {"list"}
    await api.put("/settings/fees.bithumb.taker_bps", {"value": 4})
    fees = {each["venue"]: each for each in (await api.get("/fees"))["items"]}
    assert (fees["bithumb"]["taker_bps"], fees["bithumb"]["source"]) == (4.0, "set")
    assert fees["bithumb"]["as_of"].endswith("Z")
    await api.put("/settings/fees.bithumb.taker_bps", {"value": None})


async def test_a_withdrawal_fee_is_set_and_taken_back(api: Caller) -> None:
    body = {"venue": "upbit", "asset": "XRP", "network": "XRP", "amount": 0.4}
    (row,) = (await api.put("/fees/withdrawals", body))["items"]
    assert (row["amount"], row["source"]) == (0.4, "set")
    assert (await api.get("/fees/withdrawals"))["items"] == [row]
    assert (await api.put("/fees/withdrawals", body | {"amount": None}))["items"] == []
    problem = await api.put("/fees/withdrawals", body | {"amount": -1}, 422)
    assert problem["errors"][0]["column"] == "amount"


WALK = {
    "asks": [[2.5, 3000], [2.501, 5000]],
    "bids": [[3640, 2500], [3639, 9000]],
    "buy_fee_bps": 10,
    "sell_fee_bps": 5,
    "buy_fx": 1420,
    "sell_fx": 1,
    "withdrawal_fee": 728,
}


async def test_the_depth_walk_by_hand(api: Caller) -> None:
    found = await api.post("/tools/depth-walk", WALK, 200)
    cost = (3000 * 2.5 + 5000 * 2.501) * 1420 * 1.001
    gain = (2500 * 3640 + 5500 * 3639) * (1 - 0.0005)
    assert found["outcome"] == "ok"
    assert found["quantity"] == 8000
    assert found["net_profit"] == pytest.approx(gain - cost - 728)
    assert found["net_bps"] == pytest.approx(1e4 * (gain - cost - 728) / cost)
    assert (found["buy_levels"], found["sell_levels"], found["skipped_levels"]) == (2, 2, 0)
    assert found.keys() == {
        "outcome",
        "quantity",
        "average_buy",
        "average_sell",
        "net_profit",
        "net_bps",
        "buy_levels",
        "sell_levels",
        "skipped_levels",
        "limited_by",
    }


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"asks": []}, "empty_side"),
        ({"bids": [[3640, 0]]}, "empty_side"),
        ({"bids": [[3500, 10]]}, "not_crossed"),
        ({"buy_fee_bps": 9000}, "fees_exceed"),
        ({"withdrawal_fee": 1e12}, "withdrawal_exceeds"),
        ({"lot_step": 1e6}, "below_lot"),
        ({"max_notional": 1_000_000}, "ok"),
    ],
)
async def test_every_outcome_of_a_walk_is_an_answer(
    api: Caller, changes: dict[str, Any], outcome: str
) -> None:
    assert (await api.post("/tools/depth-walk", WALK | changes, 200))["outcome"] == outcome


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"asks": [[2.6, 1], [2.5, 1]]}, "asks[1]"),
        ({"bids": [[3639, 1], [3640, 1]]}, "bids[1]"),
        ({"asks": [[2.5]]}, "asks.0"),
        ({"asks": [[-1, 5]]}, "asks[0]"),
        ({"buy_fx": 0}, "buy_fx"),
        ({"buy_fx": 5e-324}, "buy_fx"),
        ({"sell_fee_bps": "5"}, "sell_fee_bps"),
        ({"depth": 5}, "depth"),
        ({"asks": [[5e-324, 1e-300]]}, "asks.0.0"),
        ({"asks": [[1, 1]] * 5001}, "asks"),
    ],
)
async def test_what_cannot_be_walked_is_named(
    api: Caller, changes: dict[str, Any], column: str
) -> None:
    problem = await api.post("/tools/depth-walk", WALK | changes, 422)
    assert problem["code"] == "invalid_fields"
    assert problem["errors"][0]["column"].startswith(column)
    assert problem["errors"][0]["expected"]


async def test_a_missing_field_and_no_number_at_all(api: Caller, kimp: Running) -> None:
    without = {name: value for name, value in WALK.items() if name != "sell_fx"}
    problem = await api.post("/tools/depth-walk", without, 422)
    assert problem["errors"][0]["column"] == "sell_fx"
    answer = await kimp.client.post(
        "/api/v1/tools/depth-walk", content=b'{"asks": [[NaN, 1]], "bids": []}'
    )
    assert answer.status_code in {400, 422}


def test_items_have_the_fields_of_rows_with_times_as_text() -> None:
    rows = (
        live_rows.price(),
        live_rows.premium(),
        live_rows.rate(),
        live_rows.identity(),
        live_rows.venue(),
        live_rows.opportunity(),
        live_rows.explanation(),
    )
    for row in rows:
        item = items.item(row)
        names = [field.name.removesuffix("_ns") for field in msgspec.structs.fields(row)]
        assert [field.name for field in msgspec.structs.fields(item)] == names
        encoded = msgspec.json.encode(item)
        assert b"_ns" not in encoded
        msgspec.json.decode(encoded, type=items.shape(type(row)))


def test_a_time_is_written_as_everywhere_else() -> None:
    draw = random.Random(7)
    for _ in range(2_000):
        at_ms = draw.randrange(0, 4_000_000_000_000)
        text = items.moment(at_ms * 1_000_000)
        assert text is not None
        assert from_iso(text) == at_ms * 1_000_000
        assert text[:19] == to_iso(at_ms * 1_000_000)[:19]
    assert items.moment(None) is None


def test_rows_in_rows_are_items_too() -> None:
    item: Any = items.rate_item(live_rows.rate())
    assert item.sources[0].at == items.moment(live_rows.MOMENT_NS)
    explained: Any = items.explanation_item(live_rows.explanation())
    assert explained.opportunity.opened_at.endswith("Z")
    assert isinstance(explained.premium.at, str)


def test_a_problem_of_a_walk_is_no_surprise() -> None:
    from app.runtime.calculator import depth_walk

    with pytest.raises(Problem) as caught:
        depth_walk([[1.0, 1.0]], [], buy_fee_bps=0, sell_fee_bps=0, buy_fx=-1, sell_fx=1,
                   withdrawal_fee=0)  # fmt: skip
    assert caught.value.errors[0].column == "buy_fx"


def test_every_venue_has_a_word_for_its_state() -> None:
    assert {row.state for row in FakeMarket().venues()} <= set(live.ChannelState)
    assert {row.venue for row in FakeMarket().venues()} <= set(Venue)
