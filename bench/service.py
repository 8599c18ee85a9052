"""Rows job.1m, sweep.1000 and start.warm: the whole service, from POST to result."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import polars as pl

from bench import market, peering
from bench.kernel import ENTRY_BPS, EXIT_BPS
from bench.table import ROOT, Row

START_S_MAX = 120
POLL_S = 0.02
RUNS = 5
POINTS = 1_000


def rows(folder: Path) -> list[Row]:
    data = folder / "service"
    with serving(data):
        pass  # fills the kernel cache and the database
    started = time.perf_counter()
    with serving(data) as client:
        warm_s = time.perf_counter() - started
        spec = _upload(client, folder)
        job_s = min(_run(client, spec) for _ in range(RUNS + 1))
        sweep_s = _sweep(client, spec)
    note = "POST to completed over HTTP, 1 M bars, results stored"
    peer = peering.ask("spread_vectorbt", folder, ENTRY_BPS, EXIT_BPS, market.BARS)
    per_point = None if isinstance(peer, str) else peer["seconds"] * POINTS
    return [
        Row("start.warm", warm_s, "s", "lower", note="process start to first page"),
        Row("job.1m", job_s, "s", "lower", note=note),
        Row(
            "sweep.1000",
            sweep_s,
            "s",
            "lower",
            "vectorbt",
            per_point,
            f"{POINTS:,} points over 1 M bars, POST to completed; peer: one × {POINTS:,}",
        ),
    ]


@contextmanager
def serving(data: Path) -> Iterator[httpx.Client]:
    """A service of its own on a free port; yields once its first page answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(24)
    environment = {
        **os.environ,
        "KIMP_DATA_DIR": str(data),
        "KIMP_PORT": str(port),
        "KIMP_API_TOKEN": token,
        "KIMP_ADMIN_PASSWORD": secrets.token_hex(12),
        "KIMP_FEEDS": "off",
    }
    log = (data.parent / "service.log").open("a")
    child = subprocess.Popen(
        [sys.executable, "-m", "app", "serve"], cwd=ROOT, env=environment, stdout=log, stderr=log
    )
    client = httpx.Client(
        base_url=f"http://127.0.0.1:{port}",
        headers={"Authorization": f"Bearer {token}"},
        timeout=300,
    )
    try:
        _await_first_page(client, child)
        yield client
    finally:
        client.close()
        child.terminate()
        child.wait()
        log.close()


def _await_first_page(client: httpx.Client, child: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_S_MAX
    while time.monotonic() < until and child.poll() is None:
        try:
            client.get("/login").raise_for_status()
        except httpx.TransportError:
            time.sleep(POLL_S)
        else:
            return
    raise SystemExit("the service did not start; see service.log")


def _upload(client: httpx.Client, folder: Path) -> dict[str, Any]:
    """Both venues' bars as CSV, and the body of a run over them."""
    ids = {}
    time_ms = np.load(folder / "time_s.npy") * 1_000
    for side, quote in (("k", "KRW"), ("g", "USDT")):
        opened, close = (np.load(folder / f"{side}_{name}.npy") for name in ("open", "close"))
        path = folder / f"{side}.csv"
        pl.DataFrame(
            {
                "timestamp": time_ms,
                "open": opened,
                "high": np.maximum(opened, close),
                "low": np.minimum(opened, close),
                "close": close,
            }
        ).write_csv(path)
        with path.open("rb") as file:
            answer = client.post(
                "/api/v1/datasets", files={"file": file}, data={"base": "BTC", "quote": quote}
            )
        ids[side] = answer.raise_for_status().json()["id"]
    return {
        "markets": [{"base": "BTC", "krw_dataset": ids["k"], "global_dataset": ids["g"]}],
        "fx": {"rate": market.FX_KRW},
        "entry_bps": ENTRY_BPS,
        "exit_bps": EXIT_BPS,
    }


def _run(client: httpx.Client, spec: dict[str, Any]) -> float:
    return _awaited(client, "backtests", spec)


def _sweep(client: httpx.Client, spec: dict[str, Any]) -> float:
    grid = {
        "entry_bps": {"from": 60, "to": 158, "step": 2},
        "exit_bps": {"from": -40, "to": 36, "step": 4},
    }
    return _awaited(client, "sweeps", {**spec, **grid})


def _awaited(client: httpx.Client, resource: str, body: dict[str, Any]) -> float:
    started = time.perf_counter()
    answer = client.post(f"/api/v1/{resource}", json=body).raise_for_status().json()
    while True:
        seen = client.get(f"/api/v1/{resource}/{answer['id']}").raise_for_status().json()
        if seen["status"] not in ("queued", "running"):
            assert seen["status"] == "completed", seen
            return time.perf_counter() - started
        time.sleep(POLL_S)
