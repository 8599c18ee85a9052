"""Runs and studies on the built-in sample, made once per service through the API."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass
from typing import Any

import httpx

from tests.browser.sampled import FINAL, RUN_S_MAX, finished
from tests.browser.service import Service

Body = dict[str, Any]


@dataclass(frozen=True)
class Material:
    """Public ids. lively: two coins, wins and losses. travelling: coins sent, hedged, both ways.

    idle: a run without a cycle. sweep: 4 × 3 points. walkforward: over two entries.
    """

    lively: str
    travelling: str
    idle: str
    sweep: str
    walkforward: str


def whole_sample(api: httpx.Client) -> Body:
    """All coins of the sample with both markets, and its rate."""
    items = api.get("/datasets", params={"limit": 1000}).json()["items"]
    made = [item for item in items if item["synthetic"]]
    sides = {
        (item["base"], item["quote"]): item["id"] for item in made if item["kind"] == "candles"
    }
    bases = sorted({base for base, _ in sides})
    markets = [
        {"base": b, "krw_dataset": sides[b, "KRW"], "global_dataset": sides[b, "USDT"]}
        for b in bases
    ]
    rate = next(item["id"] for item in made if item["kind"] == "fx")
    return {"markets": markets, "fx": {"dataset": rate}}


def started(api: httpx.Client, kind: str, **body: Any) -> str:
    answer = api.post(f"/{kind}", json=whole_sample(api) | body)
    assert answer.status_code == 202, answer.text
    made: str = answer.json()["id"]
    return made


def settled(api: httpx.Client, path: str) -> Body:
    """The study once it is over."""
    until_s = time.monotonic() + RUN_S_MAX
    while time.monotonic() < until_s:
        found: Body = api.get(path).json()
        if found["status"] in FINAL:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{path} is not over after {RUN_S_MAX} s")


@functools.cache
def material(service: Service) -> Material:
    with service.api() as api:
        lively = started(api, "backtests", max_hold_bars=720, notional_krw=4e7, name="lively")
        travelling = started(
            api, "backtests", style="transfer", direction="both", entry_bps=100, exit_bps=40,
            hedge=True, withdraw_fee={"BTC": 0.0002}, name="travelling",
        )  # fmt: skip
        idle = started(api, "backtests", entry_bps=5000, name="idle")
        sweep = started(
            api, "sweeps", entry_bps=[60, 80, 100, 120], exit_bps={"from": 0, "to": 40, "step": 20}
        )
        walkforward = started(
            api, "walkforwards", entry_bps=[60, 100], train_days=14, test_days=10, step_days=10
        )
        for run in (lively, travelling, idle):
            finished(api, run)
        assert settled(api, f"/sweeps/{sweep}")["status"] == "completed"
        assert settled(api, f"/walkforwards/{walkforward}")["status"] == "completed"
    return Material(lively, travelling, idle, sweep, walkforward)


def read(service: Service, path: str, **query: Any) -> Any:
    with service.api() as api:
        answer = api.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()
