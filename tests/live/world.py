"""A simulated market and a kimp that watches it: two real processes, real sockets between them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.browser.service import PASSWORD, REPOSITORY, TOKEN, Service, running

VENUES = (
    "upbit",
    "bithumb",
    "binance",
    "okx",
    "bybit",
    "kucoin",
    "gate",
    "bitget",
    "coinbase",
)
FX_PATHS = ("/v6/latest/USD", "/v1/forex/recent?codes=FRX.KRWUSD")

__all__ = ["PASSWORD", "TOKEN", "VENUES", "Simulator", "simulating", "until", "watching"]


@dataclass(frozen=True)
class Simulator:
    """Nine venues on ports from `first`, then the FX sources."""

    first: int
    process: subprocess.Popen[str]

    def url(self, venue: str, scheme: str = "http") -> str:
        return f"{scheme}://127.0.0.1:{self.first + VENUES.index(venue)}"

    @property
    def fx_url(self) -> str:
        return f"http://127.0.0.1:{self.first + len(VENUES)}"

    def fault(self, venue: str, kind: str, **fields: object) -> str:
        """Begin a fault; its id."""
        answer = httpx.post(
            f"{self.url(venue)}/__sim/faults", json={"kind": kind, **fields}, trust_env=False
        )
        answer.raise_for_status()
        return str(answer.json()["id"])

    def heal(self, venue: str, fault: str | None = None) -> None:
        """End one fault, or all of a venue."""
        path = "/__sim/faults" + (f"/{fault}" if fault else "")
        httpx.delete(f"{self.url(venue)}{path}", trust_env=False).raise_for_status()

    def environment(self) -> dict[str, str]:
        """What makes a kimp watch this market as if it were the real one."""
        found = {}
        for venue in VENUES:
            name = f"KIMP_{venue.upper()}"
            found |= {
                f"{name}_WS_URL": self.url(venue, "ws"),
                f"{name}_REST_URL": self.url(venue),
                f"{name}_API_KEY": f"sim-{venue}",
                f"{name}_API_SECRET": self._secret(venue),
                f"{name}_API_PASSPHRASE": "sim-pass",
            }
        return found

    def _secret(self, venue: str) -> str:
        if venue != "coinbase":
            return f"sim-{venue}-secret"
        keys = httpx.get(f"{self.url(venue)}/__sim/keys", trust_env=False).json()
        return str(keys["secret"])


@contextmanager
def simulating(*words: str) -> Iterator[Simulator]:
    """`python -m app simulate`, ready; gone at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "simulate", "--base-port", "0", *words],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("ready "), f"the simulator said {line!r}"
        yield Simulator(int(line.split()[1].split("-")[0]), process)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


@contextmanager
def watching(folder: Path, world: Simulator, **environment: str) -> Iterator[Service]:
    """A kimp that watches this world as live feeds."""
    sources = [f"{world.fx_url}{path}" for path in FX_PATHS]
    given = {
        "KIMP_FEEDS": "live",
        "KIMP_FX_URLS": ",".join(sources),
        **world.environment(),
        **environment,
    }
    os.makedirs(folder, exist_ok=True)
    with running(folder, **given) as service:
        yield service


def until(look: Callable[[], Any], seconds: float, told: Callable[[], object] = str) -> Any:
    """The first true answer of `look`; AssertionError with `told()` when none comes."""
    latest = time.monotonic() + seconds
    while time.monotonic() < latest:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"nothing within {seconds:g} s: {told()}")
