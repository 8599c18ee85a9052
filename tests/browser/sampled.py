"""Backtests on the built-in sample, asked for through the API."""

from __future__ import annotations

import time
from typing import Any

import httpx

FINAL = {"completed", "failed", "cancelled"}
RUN_S_MAX = 60


def backtest_on_sample(api: httpx.Client, **params: float) -> dict[str, str]:
    """A run on one coin of the sample: {run, krw, global, fx}."""
    items = api.get("/datasets", params={"limit": 1000}).json()["items"]
    made = [item for item in items if item["synthetic"]]
    won = next(item for item in made if item["kind"] == "candles" and item["quote"] == "KRW")
    dollar = next(item for item in made if (item["base"], item["quote"]) == (won["base"], "USDT"))
    rate = next(item for item in made if item["kind"] == "fx")
    body = {
        "markets": [
            {"base": won["base"], "krw_dataset": won["id"], "global_dataset": dollar["id"]}
        ],
        "fx": {"dataset": rate["id"]},
        **params,
    }
    answer = api.post("/backtests", json=body)
    assert answer.status_code == 202, answer.text
    run: str = answer.json()["id"]
    return {"run": run, "krw": won["id"], "global": dollar["id"], "fx": rate["id"]}


def finished(api: httpx.Client, run_id: str) -> dict[str, Any]:
    """The run once it is over; it must have completed."""
    until_s = time.monotonic() + RUN_S_MAX
    while time.monotonic() < until_s:
        run: dict[str, Any] = api.get(f"/backtests/{run_id}").json()
        if run["status"] in FINAL:
            assert run["status"] == "completed", run
            return run
        time.sleep(0.1)
    raise AssertionError(f"{run_id} is not over after {RUN_S_MAX} s")
