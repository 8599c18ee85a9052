"""The real service as a process of its own, to be killed."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "token-of-a-service-that-will-be-killed-soon"
START_S_MAX = 60


class Service:
    """`python -m app serve` on a data folder that outlives it."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.log = folder.with_suffix(".log")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app", "serve"],
            cwd=ROOT,
            env={
                **os.environ,
                "KIMP_ENV": "test",
                "KIMP_DATA_DIR": str(folder),
                "KIMP_PORT": str(port),
                "KIMP_API_TOKEN": TOKEN,
                "KIMP_FEEDS": "off",
            },
            stdout=self.log.open("ab"),
            stderr=subprocess.STDOUT,
        )
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}/api/v1",
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=60,
        )

    def __enter__(self) -> Self:
        """Waits until it answers."""
        return self._waited(lambda: self.client.get("/datasets").is_success)

    def warmed(self) -> Self:
        """Waits until its workers take orders."""
        return self._waited(lambda: self.client.get("../../readyz").is_success)

    def _waited(self, until: Callable[[], bool]) -> Self:
        latest = time.monotonic() + START_S_MAX
        while time.monotonic() < latest and self.process.poll() is None:
            with contextlib.suppress(httpx.TransportError):  # it does not listen yet
                if until():
                    return self
            time.sleep(0.02)
        raise AssertionError(f"the service did not start: {self.log.read_text()[-2_000:]}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        self.client.close()

    def kill(self) -> None:
        """SIGKILL: nothing of its own code runs any more."""
        self.process.kill()
        self.process.wait()
