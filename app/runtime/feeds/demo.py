"""Demo: the built-in market as a child process, to see kimp without the world."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from app.domain.problems import Problem
from app.domain.secret import Secret
from app.domain.transfers import Receiver
from app.domain.venues import Venue
from app.exchanges import fx
from app.exchanges.signing import Keys
from app.runtime.feeds.endpoints import Endpoint
from app.runtime.feeds.limits import DEMO_READY_S, DEMO_RESTART_S, DEMO_STOP_S
from app.runtime.feeds.outages import Outages

log = structlog.get_logger("kimp.demo")

ROOT = Path(__file__).parents[3]
READY = re.compile(rb"ready (\d{1,5})-(\d{1,5})\n")
HOLDER = Receiver("김프", "KIMP")
"""Of the test accounts."""
# The kernel ends it with us even where it hangs and does not see its input end; survives exec.
BOUND = """
import ctypes, os, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 9)
os.execv(sys.argv[1], sys.argv[1:])
"""


def drill_keys(holder: Receiver | None = None) -> dict[Venue, Keys]:
    """What every simulator takes; Coinbase's key is a new one each time, told by itself."""
    return {
        venue: Keys(
            f"sim-{venue}", Secret(f"sim-{venue}-secret"), Secret("sim-pass"), holder or HOLDER
        )
        for venue in Venue
        if venue is not Venue.COINBASE
    }


class CannotStart(Exception):
    """The market did not say that it is ready. Its text is for people."""


class Demo:
    """Ports stay the same when the child dies and another takes its place.

    endpoints, keys, fx_urls: as Feeds wants them. The keys are test keys, known to everybody;
    Coinbase's is a new one each time, and nothing public needs it.
    """

    def __init__(
        self, process: asyncio.subprocess.Process, first: int, words: Sequence[str]
    ) -> None:
        self.endpoints: Mapping[Venue, Endpoint] = {
            venue: Endpoint(f"ws://127.0.0.1:{port}", f"http://127.0.0.1:{port}")
            for port, venue in enumerate(Venue, first)
        }
        self.keys: Mapping[Venue, Keys] = drill_keys()
        fx_port = first + len(Venue)
        self.fx_urls = tuple(_on(fx_port, url) for url in (fx.URLS[0], fx.URLS[-1]))
        self.outages = Outages(self._say)
        self._process = process
        self._first = first
        self._words = words
        self._calls: list[Callable[[str], None]] = []
        self._watching = asyncio.get_running_loop().create_task(self._kept_up())

    @classmethod
    async def start(cls, words: Sequence[str] = ()) -> Demo:
        """words: further options of `simulate`, such as a seed. Raises CannotStart."""
        process, first = await _started(0, words)
        return cls(process, first, words)

    @property
    def pid(self) -> int:
        return self._process.pid

    def watch(self, call: Callable[[str], None]) -> None:
        """`call(word)`: `died`, and `back` when another one answers."""
        self._calls.append(call)

    async def stop(self) -> None:
        self._watching.cancel()
        await asyncio.gather(self._watching, return_exceptions=True)
        await _end(self._process)

    async def _kept_up(self) -> None:
        while True:
            status = await self._process.wait()
            log.error("demo_market_died", status=status)
            self.outages.forget()
            self._tell("died")
            await _end(self._process)
            while True:
                await asyncio.sleep(DEMO_RESTART_S)
                try:
                    self._process, _ = await _started(self._first, self._words)
                except CannotStart as reason:
                    log.warning("demo_market_not_restarted", reason=str(reason))
                else:
                    break
            log.warning("demo_market_back", pid=self._process.pid)
            self._tell("back")

    def _say(self, words: str) -> None:
        """A line to the child. Raises Problem not_ready: it is just being started anew."""
        wire = self._process.stdin
        if self._process.returncode is not None or wire is None or wire.is_closing():
            raise Problem("not_ready")
        wire.write(f"{words}\n".encode())

    def _tell(self, word: str) -> None:
        for call in self._calls:
            call(word)


async def _started(port: int, words: Sequence[str]) -> tuple[asyncio.subprocess.Process, int]:
    python = sys.executable
    simulate = ["-m", "app", "simulate", "--base-port", str(port), "--with-parent", *words]
    process = await asyncio.create_subprocess_exec(
        *(python, "-I", "-S", "-c", BOUND, python, *simulate),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(DEMO_READY_S):
            line = await process.stdout.readline()
    except TimeoutError as late:
        await _end(process)
        raise CannotStart(f"the demo market was not ready in {DEMO_READY_S:g} s") from late
    except asyncio.CancelledError:
        await _end(process)
        raise
    ready = READY.fullmatch(line)
    if ready is None:
        await _end(process)
        told = line.decode(errors="replace").strip()[:200]
        raise CannotStart(f"the demo market ended: {told or 'its reason stands in the log'}")
    return process, int(ready[1])


async def _end(process: asyncio.subprocess.Process) -> None:
    """It ends when its input does."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(DEMO_STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _on(port: int, url: str) -> str:
    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    return f"http://127.0.0.1:{port}{parts.path}{query}"
