"""Trading over the API, with feeds off: there is still a state to set and a past to read."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from decimal import Decimal
from pathlib import Path

import pytest

from app.domain.trading import TradingState
from app.domain.venues import Venue
from app.ledger import posting
from app.ledger.queries import Connection
from tests.appkit import Running, running
from tests.ledger import trading_builders as builders


@pytest.fixture
async def kimp(tmp_path: Path) -> AsyncGenerator[Running, None]:
    async with running(tmp_path) as kimp:
        yield kimp


async def write(kimp: Running, fn: Callable[[Connection], object]) -> None:
    await kimp.desk.db.write(fn)


async def get(kimp: Running, path: str, **asked: object) -> dict[str, object]:
    answer = await kimp.client.get(f"/api/v1{path}", params=asked)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_a_first_start_is_halted_and_nothing_decides(kimp: Running) -> None:
    found = await get(kimp, "/engine")
    assert (found["mode"], found["state"], found["killed"]) == ("paper", "HALTED", False)
    assert (found["running"], found["blocked"]) == (False, ["FEEDS"])


async def test_the_state_is_set_and_who_did_it_is_kept(kimp: Running) -> None:
    for state in ("ACTIVE", "REDUCING", "HALTED"):
        answer = await kimp.client.post(
            "/api/v1/engine/state", json={"state": state, "reason": "a test"}
        )
        assert answer.json()["state"] == state
        assert answer.json()["by"] == "token KIMP_API_TOKEN"


async def test_a_kill_is_let_go_of_in_two_steps(kimp: Running) -> None:
    await kimp.client.post("/api/v1/engine/state", json={"state": "ACTIVE"})
    killed = (await kimp.client.post("/api/v1/engine/kill")).json()
    assert (killed["killed"], killed["state"]) == (True, "HALTED")
    refused = await kimp.client.post("/api/v1/engine/state", json={"state": "ACTIVE"})
    assert (refused.status_code, refused.json()["code"]) == (409, "engine_killed")
    let_go = await kimp.client.post("/api/v1/engine/state", json={"state": "HALTED"})
    assert let_go.json()["killed"] is False
    active = await kimp.client.post("/api/v1/engine/state", json={"state": "ACTIVE"})
    assert active.json()["state"] == "ACTIVE"


async def test_what_nobody_may_say_is_refused(kimp: Running) -> None:
    for body in ({"state": "FAST"}, {}, {"state": "ACTIVE", "more": 1}):
        answer = await kimp.client.post("/api/v1/engine/state", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_fields")


async def test_with_nothing_there_every_list_is_empty(kimp: Running) -> None:
    for path in (
        "/cycles", "/orders", "/transfers", "/dead-letters", "/trades/recent",
        "/ledger/entries", "/performance/daily",
    ):  # fmt: skip
        assert await get(kimp, path) == {"items": [], "next_cursor": None}
    assert await get(kimp, "/ledger") == {"accounts": [], "sums": []}
    assert (await get(kimp, "/statistics/trades"))["win_rate"] is None
    assert (await get(kimp, "/portfolio/current"))["purses"] == []


async def test_a_finished_cycle_is_told_whole_and_its_ledger_is_zero(kimp: Running) -> None:
    def story(conn: Connection) -> None:
        builders.start(conn, "paper")
        builders.complete(conn, 1, "paper")

    await write(kimp, story)
    items = (await get(kimp, "/cycles"))["items"]
    assert isinstance(items, list)
    (cycle,) = items
    assert (cycle["id"], cycle["mode"], cycle["base"]) == ("c-1", "paper", "XRP")
    whole = await get(kimp, "/cycles/c-1")
    assert {key: whole[key] for key in cycle} == cycle
    assert isinstance(whole["orders"], list)
    assert isinstance(whole["transitions"], list)
    assert [order["client_id"] for order in whole["orders"]] == ["buy-1", "sell-1", "back-1"]
    assert whole["transitions"][0]["to"] == "STARTED"
    ledger = await get(kimp, "/ledger")
    assert isinstance(ledger["sums"], list)
    assert ledger["sums"]
    assert {each["amount"] for each in ledger["sums"]} == {"0"}
    orders = (await get(kimp, "/orders", cycle_id="c-1", state="FILLED"))["items"]
    assert isinstance(orders, list)
    sell = next(order for order in orders if order["client_id"] == "sell-1")
    assert isinstance(sell["price"], str)
    assert sell["fees"] == [{"asset": "KRW", "amount": sell["fees"][0]["amount"]}]
    way = (await get(kimp, "/transfers"))["items"][-1]  # type: ignore[index]
    assert (way["asset"], way["from_venue"], way["to_venue"]) == ("XRP", "binance", "upbit")
    assert (await get(kimp, "/trades/recent", limit=2))["next_cursor"]
    assert (await get(kimp, "/ledger/entries", asset="XRP", limit=1))["items"]


async def test_lists_go_on_where_they_ended(kimp: Running) -> None:
    def story(conn: Connection) -> None:
        builders.start(conn, "paper")
        for number in (1, 2, 3):
            builders.open_one(conn, number, mode="paper")

    await write(kimp, story)
    first = await get(kimp, "/cycles", limit=2)
    rest = await get(kimp, "/cycles", limit=2, cursor=first["next_cursor"])
    found = [*first["items"], *rest["items"]]  # type: ignore[misc]
    assert [each["id"] for each in found] == ["c-3", "c-2", "c-1"]
    assert rest["next_cursor"] is None
    assert len((await get(kimp, "/cycles", tab="open"))["items"]) == 3  # type: ignore[arg-type]
    assert (await get(kimp, "/cycles", tab="dead"))["items"] == []


async def test_an_unknown_cycle_is_not_found_and_an_old_version_is_a_conflict(
    kimp: Running,
) -> None:
    assert (await kimp.client.get("/api/v1/cycles/c-9")).status_code == 404

    def story(conn: Connection) -> None:
        builders.start(conn, "paper")
        builders.open_one(conn, 1, mode="paper")

    await write(kimp, story)
    for action in ("retry", "compensate", "close"):
        path = f"/api/v1/cycles/c-1/{action}"
        old = await kimp.client.post(path, json={"version": 99})
        assert (old.status_code, old.json()["code"]) == (409, "cycle_changed")
        now = await kimp.client.post(path, json={"version": 1})
        assert (now.status_code, now.json()["code"]) == (503, "not_ready")
        assert (await kimp.client.post(path, json={})).status_code == 422
        gone = await kimp.client.post(f"/api/v1/cycles/c-9/{action}", json={"version": 1})
        assert gone.status_code == 404


async def test_money_is_told_in_exact_decimals(kimp: Running) -> None:
    amount = Decimal("12345678901234.12345678")

    def story(conn: Connection) -> None:
        posting.adopt(conn, "paper", Venue.UPBIT, "KRW", amount, "a test")

    await write(kimp, story)
    purses = (await get(kimp, "/portfolio/current"))["purses"]
    assert isinstance(purses, list)
    assert purses[0]["available"] == str(amount)
    assert purses[0]["value_krw"] == str(amount)


async def test_a_drill_begins_active(tmp_path: Path) -> None:
    urls = {
        f"{venue.upper()}_{kind}_URL": f"{scheme}://127.0.0.1:9"
        for venue in Venue
        for kind, scheme in (("WS", "ws"), ("REST", "http"))
    }
    async with running(tmp_path, MODE="drill", **urls) as kimp:
        assert (await get(kimp, "/engine"))["state"] == TradingState.ACTIVE
