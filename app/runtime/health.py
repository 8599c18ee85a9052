"""Health: what kimp depends on, asked one by one; for /readyz, System and doctor."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import msgspec

from app.ledger.database import Database
from app.runtime.desk import Dependencies
from app.runtime.work.pool import Seat

PROBE_S_MAX = 3.0
# An answer is good for this long, so that nobody can keep the dependencies busy by asking.
FRESH_S = 1.0
DISK_BYTES_MIN = 512 * 2**20

# Gives a short detail when all is well; raises when it is not.
Probe = Callable[[], Awaitable[str]]


class Unhealthy(Exception):
    """A dependency answers, but not as it should; the message is one line."""


class Check(msgspec.Struct, frozen=True):
    """One dependency as it is. ms: how long it took to find out."""

    name: str
    ok: bool
    detail: str
    ms: float


class Health:
    """Asks every dependency at once, each for PROBE_S_MAX at most."""

    def __init__(self, probes: Mapping[str, Probe]) -> None:
        self._probes = probes
        self._asking = asyncio.Lock()
        self._found: tuple[Check, ...] = ()
        self._until_s = 0.0

    async def checks(self) -> tuple[Check, ...]:
        """In the order of the probes."""
        async with self._asking:
            if time.monotonic() >= self._until_s:
                asked = [ask(name, probe) for name, probe in self._probes.items()]
                self._found = tuple(await asyncio.gather(*asked))
                self._until_s = time.monotonic() + FRESH_S
        return self._found


async def ask(name: str, probe: Probe) -> Check:
    """One probe's answer, whatever happens to it."""
    began = time.perf_counter()
    try:
        async with asyncio.timeout(PROBE_S_MAX):
            ok, detail = True, await probe()
    except TimeoutError:
        ok, detail = False, f"no answer within {PROBE_S_MAX:g} s"
    except Exception as error:  # noqa: BLE001 - whatever a dependency raises is its answer
        ok, detail = False, " ".join(str(error).split()) or type(error).__name__
    return Check(name, ok, detail, round((time.perf_counter() - began) * 1e3, 1))


def probes(
    db: Database, data_dir: Path, seats: Callable[[], list[Seat]] | None, outside: Dependencies
) -> dict[str, Probe]:
    """Everything that this kimp depends on. seats: its workers, where it has any."""
    found: dict[str, Probe] = {
        "database": partial(database, db, outside.database_url),
        "disk": partial(asyncio.to_thread, disk, data_dir),
    }
    if seats is not None:
        found["workers"] = partial(workers, seats)
    for name, url, probe in (
        ("redis", outside.redis_url, redis_server),
        ("clickhouse", outside.clickhouse_url, clickhouse_server),
        ("dask", outside.dask_scheduler, dask_scheduler),
    ):
        if url is not None:
            found[name] = partial(probe, url)
    return found


async def database(db: Database, url: str) -> str:
    await db.ping()
    return urlsplit(url).scheme.partition("+")[0]


def disk(data_dir: Path) -> str:
    """Blocking: writes a file and removes it."""
    with tempfile.NamedTemporaryFile(dir=data_dir, prefix=".probe-") as probe:
        probe.write(b"kimp")
        os.fsync(probe.fileno())
    free = shutil.disk_usage(data_dir).free
    if free < DISK_BYTES_MIN:
        raise Unhealthy(f"only {free / 2**20:,.0f} MiB free in {data_dir}")
    return f"{free / 2**30:,.0f} GiB free"


async def workers(seats: Callable[[], list[Seat]]) -> str:
    found = seats()
    ready = sum(seat.ready for seat in found)
    if not ready:
        raise Unhealthy("no worker process is ready")
    return f"{ready} of {len(found)} ready"


async def redis_server(url: str) -> str:
    import redis.asyncio  # noqa: PLC0415 - 20 MB: only for those who have one

    client = redis.asyncio.from_url(url, socket_timeout=PROBE_S_MAX)
    try:
        await client.ping()
    finally:
        await client.aclose()
    return "answers"


async def clickhouse_server(url: str) -> str:
    async with httpx.AsyncClient(trust_env=False, timeout=PROBE_S_MAX) as client:
        answer = await client.get(f"{url.rstrip('/')}/ping")
    if answer.status_code != 200:
        raise Unhealthy(f"HTTP status {answer.status_code}")
    return "answers"


async def dask_scheduler(address: str) -> str:
    parts = urlsplit(address)
    _, writer = await asyncio.open_connection(parts.hostname, parts.port or 8786)
    writer.close()
    return "accepts connections"
