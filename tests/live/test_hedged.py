"""HEDGED_TRANSFER in a drill: a short at Binance's perpetuals while the coins are on their way.

What kimp has in its ledger is compared with what the simulated account truly did.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.browser.service import Service
from tests.live.test_paper import completed, engine, items
from tests.live.world import Simulator, simulating, until, watching

pytestmark = pytest.mark.timeout(600)

WORLD = ("--coins", "8", "--transfer-s", "4", "--rate", "200", "--seed", "7")
SETTINGS = {
    "trading.styles": "HEDGED_TRANSFER",
    "trading.min_net_bps": 5.0,
    "trading.hold_s_max": 10.0,
}
READY_S_MAX, COMPLETES_S_MAX = 240, 180


@pytest.fixture(scope="module")
def world() -> Iterator[Simulator]:
    with simulating(*WORLD) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def drill(tmp_path_factory: pytest.TempPathFactory, world: Simulator) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("hedged")
    with watching(folder, world, KIMP_MODE="drill", KIMP_VENUES="upbit,binance,bybit") as service:
        yield service


def hedged(api: httpx.Client) -> list[dict[str, Any]]:
    """A drill begins at once, so the first ones are of the styles that it begins with."""
    return [each for each in completed(api) if each["style"] == "HEDGED_TRANSFER"]


def hedges(whole: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in whole["orders"] if each["role"] == "HEDGE"]


def truth(world: Simulator, kind: str) -> list[dict[str, Any]]:
    rows = httpx.get(f"{world.url('binance')}/__sim/{kind}", trust_env=False).json()
    return [row for row in rows if row["market"] == "futures"]


def test_a_short_is_open_while_the_coins_are_on_their_way(drill: Service, world: Simulator) -> None:
    with drill.api() as api:
        until(lambda: engine(api)["recovered"], READY_S_MAX, lambda: engine(api))
        for key, value in SETTINGS.items():
            api.put(f"/settings/{key}", json={"value": value}).raise_for_status()
        api.post("/engine/state", json={"state": "ACTIVE"}).raise_for_status()
        until(lambda: hedged(api), COMPLETES_S_MAX, lambda: items(api, "/cycles"))
        api.post("/engine/state", json={"state": "REDUCING"}).raise_for_status()
        until(lambda: not items(api, "/cycles", tab="open"), 120, lambda: items(api, "/cycles"))
        wholes = [api.get(f"/cycles/{each['id']}").json() for each in hedged(api)]
        accounts = api.get("/ledger").json()["accounts"]
        assert engine(api)["breaches"] == []
        assert engine(api)["drifts"] == []
    assert any(whole["transfers"] for whole in wholes)
    for whole in wholes:
        _check_short(whole)
    _check_truth([each for whole in wholes for each in hedges(whole)], accounts, world)


def _check_short(whole: dict[str, Any]) -> None:
    """Opened and closed to the last lot, and its part is one of the cycle's result."""
    sides = {"buy": Decimal(0), "sell": Decimal(0)}
    for each in hedges(whole):
        sides[each["side"]] += Decimal(each["filled_quantity"])
    assert sides["buy"] == sides["sell"]
    if whole["transfers"]:
        assert sides["sell"] > 0
        assert whole["reason"] is not None or "hedge" in {part["code"] for part in whole["actual"]}


def _check_truth(
    told: list[dict[str, Any]], accounts: list[dict[str, Any]], world: Simulator
) -> None:
    """Order by order what the venue did; all that it brought and cost is in its own purse."""
    sent = {each["client_id"]: each for each in told if each["sent_at"] is not None}
    done = {row["client_id"]: Decimal(row["filled"]) for row in truth(world, "orders")}
    assert done == {name: Decimal(each["filled_quantity"]) for name, each in sent.items()}
    gained = Decimal(0)
    for row in truth(world, "fills"):
        sign = 1 if row["side"] == "sell" else -1
        gained += sign * Decimal(row["value"]) - Decimal(row["fee"])
    margin = [Decimal(each["amount"]) for each in accounts if each["account"] == "margin:binance"]
    assert sum(margin) == gained
