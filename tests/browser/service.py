"""The real service in a process of its own, on a free port and an empty data folder."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

REPOSITORY = Path(__file__).resolve().parents[2]
PASSWORD = "a long sentence for tests"
TOKEN = "browser-tests-token-0123456789abcdef"
READY_S_MAX = 240  # kernels may have to be compiled first
STOP_S_MAX = 15


@dataclass(frozen=True)
class Service:
    """A running kimp: its address, and where its log stands."""

    url: str
    data_dir: Path
    log: Path

    def api(self) -> httpx.Client:
        """A program's way in, with every scope."""
        return httpx.Client(
            base_url=f"{self.url}/api/v1",
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=60,
            trust_env=False,
        )


@contextmanager
def running(
    folder: Path,
    port: int | None = None,
    words: Sequence[str] = ("app", "serve"),
    **environment: str,
) -> Iterator[Service]:
    """`python -m app serve`, ready to answer; stopped by a signal at the end.

    Without feeds, unless the environment asks for them.
    """
    port = port or free_port()
    service = Service(f"http://127.0.0.1:{port}", folder / "data", folder / "service.log")
    known = {name: value for name, value in os.environ.items() if not name.startswith("KIMP_")}
    given = {
        "KIMP_ENV": "test",
        "KIMP_PORT": str(port),
        "KIMP_DATA_DIR": str(service.data_dir),
        "KIMP_ADMIN_PASSWORD": PASSWORD,
        "KIMP_API_TOKEN": TOKEN,
        "KIMP_FEEDS": "off",
    }
    with service.log.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=REPOSITORY,
            env=known | given | environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _await_ready(service, process)
            yield service
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_S_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def watching(folder: Path, market: str) -> AbstractContextManager[Service]:
    """The service with a market of still rows: `still`, `moving` or `off`."""
    return running(folder, words=("tests.browser.market_service",), KIMP_TEST_MARKET=market)


def _await_ready(service: Service, process: subprocess.Popen[bytes]) -> None:
    until_s = time.monotonic() + READY_S_MAX
    while time.monotonic() < until_s:
        if process.poll() is not None:
            break
        try:
            if httpx.get(f"{service.url}/readyz", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.25)
    raise AssertionError(f"kimp did not become ready:\n{service.log.read_text()[-4000:]}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
