"""PAPER in the demo, as a newcomer meets it: press start, and cycles come home."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.browser.service import Service, running
from tests.live.world import until

pytestmark = pytest.mark.timeout(600)

ENVIRONMENT = {"KIMP_FEEDS": "demo", "KIMP_VENUES": "upbit,binance,bybit,kucoin"}
COMPLETES_S_MAX = 180
SILENCE_S = 3.0
"""Prices move ten times a second: time enough for an order that should not be sent."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("paper"), **ENVIRONMENT) as service:
        yield service


@pytest.fixture(scope="module")
def api(demo: Service) -> Iterator[httpx.Client]:
    with demo.api() as client:
        until(lambda: engine(client)["recovered"], 120, lambda: engine(client))
        yield client


def engine(api: httpx.Client) -> dict[str, Any]:
    return dict(api.get("/engine").json())


def items(api: httpx.Client, path: str, **asked: object) -> list[dict[str, Any]]:
    answer = api.get(path, params={"limit": 1000, **asked})
    answer.raise_for_status()
    return list(answer.json()["items"])


def completed(api: httpx.Client) -> list[dict[str, Any]]:
    return [cycle for cycle in items(api, "/cycles") if cycle["state"] == "COMPLETED"]


def by_transfer(api: httpx.Client) -> list[dict[str, Any]]:
    return [cycle for cycle in completed(api) if cycle["style"] == "TRANSFER"]


def test_before_the_start_nothing_is_traded(api: httpx.Client) -> None:
    assert engine(api)["state"] == "HALTED"
    assert engine(api)["blocked"] == []
    assert items(api, "/cycles") == []
    assert api.get("/portfolio/current").json()["purses"]


def test_a_first_cycle_comes_home_within_three_minutes(api: httpx.Client) -> None:
    api.post("/engine/state", json={"state": "ACTIVE"}).raise_for_status()
    cycle = until(lambda: by_transfer(api), COMPLETES_S_MAX, lambda: items(api, "/cycles"))[-1]
    assert cycle["outcome"] in {"profit", "loss", "compensated"}
    assert cycle["exposure"] == []
    whole = api.get(f"/cycles/{cycle['id']}").json()
    assert {order["state"] for order in whole["orders"]} <= {"FILLED", "CANCELLED", "EXPIRED"}
    assert all(order["evidence"] for order in whole["orders"] if order["sent_at"])
    assert {way["state"] for way in whole["transfers"]} <= {"CREDITED", "EXPIRED"}
    states = [step["to"] for step in whole["transitions"]]
    assert (states[0], states[-1]) == ("STARTED", "COMPLETED")
    parts = sum(part["bps"] for part in whole["actual"])
    assert (parts > 0) == (Decimal(cycle["pnl_krw"]) > 0)


def test_the_ledger_sums_to_zero_while_it_trades(api: httpx.Client) -> None:
    for _ in range(5):
        assert {each["amount"] for each in api.get("/ledger").json()["sums"]} == {"0"}
    entries = items(api, "/ledger/entries")
    assert entries
    assert all(Decimal(each["amount"]) for each in entries)


def test_the_day_and_the_statistics_tell_of_it(api: httpx.Client) -> None:
    done = [cycle for cycle in completed(api) if cycle["pnl_krw"] is not None]
    statistics = api.get("/statistics/trades").json()
    assert statistics["cycles"] >= len(done) > 0
    (day, *_) = items(api, "/performance/daily")
    assert day["cycles"] >= len(done)


def test_after_a_kill_nothing_is_sent(api: httpx.Client) -> None:
    assert api.post("/engine/kill").json()["killed"] is True
    sent = {order["id"] for order in items(api, "/orders") if order["sent_at"]}
    time.sleep(SILENCE_S)
    again = {order["id"] for order in items(api, "/orders") if order["sent_at"]}
    assert again == sent
    api.post("/engine/state", json={"state": "HALTED"}).raise_for_status()
    assert api.post("/engine/state", json={"state": "REDUCING"}).json()["state"] == "REDUCING"


def test_a_restart_keeps_the_state_and_goes_on_with_what_is_open(tmp_path: Path) -> None:
    with running(tmp_path, **ENVIRONMENT) as first, first.api() as api:
        until(lambda: engine(api)["recovered"], 120, lambda: engine(api))
        api.post("/engine/state", json={"state": "ACTIVE"}).raise_for_status()
        until(lambda: items(api, "/cycles", tab="open"), 120)
        api.post("/engine/state", json={"state": "REDUCING"}).raise_for_status()
        before = {cycle["id"]: cycle["version"] for cycle in items(api, "/cycles")}
    with running(tmp_path, **ENVIRONMENT) as second, second.api() as api:
        until(lambda: engine(api)["recovered"], 120, lambda: engine(api))
        assert (engine(api)["state"], engine(api)["breaches"]) == ("REDUCING", [])
        assert engine(api)["recovered"]["adopted"] == []
        now = {cycle["id"]: cycle for cycle in items(api, "/cycles")}
        assert now.keys() == before.keys()
        until(lambda: not items(api, "/cycles", tab="open"), 180, lambda: items(api, "/cycles"))
