"""Stage: a drill that can be killed: kimp as a process against simulated venues as another."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from app.runtime.feeds.demo import BOUND
from tests.browser.service import PASSWORD, REPOSITORY, TOKEN, free_port
from tests.live.world import FX_PATHS, VENUES, Simulator

READY_S_MAX = 420.0
"""Two slow cores may have to compile kernels first, beside another test."""
WALLETS_S_MAX = 120.0
BUSY_S_MAX = 180.0
LOOK_S = 0.1
SETTINGS: Mapping[str, object] = {
    "retry.base_s": 1.0,
    "retry.factor": 1.0,
    "trading.leg_s_max": 3.0,
    "trading.hold_s_max": 5.0,
    "trading.return_s_max": 20.0,
    "trading.cycles_max": 20,
    "trading.cycles_per_base_max": 3,
    "trading.min_net_bps": 5.0,
    "risk.losses_in_row_max": 1_000,
    "risk.daily_loss_krw_max": 500_000_000.0,
    "risk.drawdown_pct_max": 50.0,
}
"""Much goes on at a time, and what fails is tried again at once."""


class Kimp:
    """One process of a drill. urls: where it believes the venues to be (a proxy, perhaps)."""

    def __init__(
        self,
        folder: Path,
        world: Simulator,
        *,
        database: str,
        urls: Mapping[str, str] | None = None,
        roles: str | None = None,
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        self.began_s = 0.0
        self.environment = _environment(folder, world, self.port, urls or {})
        self.environment["KIMP_DATABASE_URL"] = database
        if roles is not None:
            self.environment["KIMP_ROLES"] = roles
        folder.mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        self.began_s = time.monotonic()
        with (self.folder / "service.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", BOUND, sys.executable, "-m", "app", "serve"],
                cwd=REPOSITORY,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def signal(self, what: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(what)

    def kill(self) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def api(self) -> httpx.Client:
        return httpx.Client(
            base_url=f"{self.url}/api/v1",
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=60,
            trust_env=False,
        )

    def engine(self) -> dict[str, Any] | None:
        """GET /engine; None while nobody answers."""
        try:
            with self.api() as api:
                found = api.get("/engine")
        except httpx.TransportError:
            return None
        return dict(found.json()) if found.status_code == 200 else None

    def reconciled(self) -> tuple[float, float]:
        """Wait for it. Seconds since the process began; seconds that recovery took of them."""
        found: dict[str, Any] | None = None
        latest_s = time.monotonic() + READY_S_MAX
        while time.monotonic() < latest_s:
            assert self.process is not None
            assert self.process.poll() is None, f"kimp has ended:\n{self.tail()}"
            found = self.engine()
            if found is not None and found["recovered"] is not None:
                return time.monotonic() - self.began_s, float(found["recovered"]["seconds"])
            time.sleep(LOOK_S)
        raise AssertionError(f"kimp is not reconciled: {found}\n{self.tail()}")

    def set_up(self, settings: Mapping[str, object] = SETTINGS) -> None:
        with self.api() as api:
            for key, value in settings.items():
                answer = api.put(f"/settings/{key}", json={"value": value})
                assert answer.status_code == 200, f"{key}: {answer.text}"

    def name_fees(self) -> None:
        """Where a venue tells no fee of a withdrawal, a person does: half of the least amount."""
        with self.api() as api:
            latest_s = time.monotonic() + WALLETS_S_MAX
            while not (rows := api.get("/wallets", params={"limit": 1000}).json()["items"]):
                assert time.monotonic() < latest_s, "no wallets are known"
                time.sleep(LOOK_S)
            for row in rows:
                if row["fee"] is None and row["minimum"] is not None:
                    told = {name: row[name] for name in ("venue", "asset", "network")}
                    told["amount"] = float(row["minimum"]) / 2
                    api.put("/fees/withdrawals", json=told).raise_for_status()

    def busy(self) -> None:
        """Wait until something is under way: sent, and not over."""
        latest_s = time.monotonic() + BUSY_S_MAX
        while True:
            found = self.engine()
            if found is not None and found["open_intents"]:
                return
            assert time.monotonic() < latest_s, f"nothing is under way: {found}\n{self.tail()}"
            time.sleep(LOOK_S)

    def quiet(self, seconds: float) -> list[str]:
        """Begin nothing new and wait until all that is open has ended; what has not.

        A database whose line was cut a moment ago may answer with an error first."""
        left = ["kimp does not answer"]
        is_told = False
        latest_s = time.monotonic() + seconds
        with self.api() as api:
            while left and time.monotonic() < latest_s:
                with suppress(httpx.HTTPError):
                    if not is_told:
                        api.post("/engine/state", json={"state": "REDUCING"}).raise_for_status()
                        is_told = True
                    left = _under_way(api)
                if left:
                    time.sleep(1.0)
        return left

    def tail(self) -> str:
        return (self.folder / "service.log").read_text(errors="replace")[-3_000:]


def _under_way(api: httpx.Client) -> list[str]:
    found = api.get("/cycles", params={"tab": "open", "limit": 1000}).raise_for_status()
    cycles = found.json()["items"]
    engine = api.get("/engine").raise_for_status().json()
    left = [f"{row['id']} {row['state']} {row['step']} {row['reason']}" for row in cycles]
    return left + ([f"{engine['open_intents']} intents"] if engine["open_intents"] else [])


def _environment(
    folder: Path, world: Simulator, port: int, urls: Mapping[str, str]
) -> dict[str, str]:
    known = {name: value for name, value in os.environ.items() if not name.startswith("KIMP_")}
    given = {
        "KIMP_ENV": "test",
        "KIMP_MODE": "drill",
        "KIMP_PORT": str(port),
        "KIMP_DATA_DIR": str(folder / "data"),
        "KIMP_ADMIN_PASSWORD": PASSWORD,
        "KIMP_API_TOKEN": TOKEN,
        "KIMP_FX_URLS": ",".join(f"{world.fx_url}{path}" for path in FX_PATHS),
    }
    for venue in VENUES:
        url = urls.get(venue, world.url(venue))
        given[f"KIMP_{venue.upper()}_REST_URL"] = url
        given[f"KIMP_{venue.upper()}_WS_URL"] = url.replace("http", "ws", 1)
    keys = httpx.get(f"{world.url('coinbase')}/__sim/keys", trust_env=False).json()
    given |= {
        "KIMP_COINBASE_API_KEY": keys["key"],
        "KIMP_COINBASE_API_SECRET": keys["private_pem"],
    }
    return known | given
