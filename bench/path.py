"""Rows path.ws_sse_*, venues.nine and memory.nine: the whole service, from socket to socket."""

from __future__ import annotations

import os
import re
import secrets
import select
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.table import ROOT, Row

VENUES = (
    "upbit", "bithumb", "binance", "okx", "bybit", "kucoin", "gate", "bitget", "coinbase",
)  # fmt: skip
FX = "/v6/latest/USD", "/v1/forex/recent?codes=FRX.KRWUSD"
LIVE_S_MAX = 60
PACE = 1_000
SECONDS = 8.0
NINE_RATE = 20_000
NINE_S = 20.0
START_S = 65.0
"""Latencies are of the last minute: that of a start, when every book comes whole, is none of it."""
COINS = 200
SENT = re.compile(rb'"id":"binance:[^"]+"[^{}]*?"bid_quantity":([0-9.]+)')
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Watched:
    """A kimp that watches a simulated market."""

    client: httpx.Client
    port: int
    token: str
    pid: int

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def resident_mib(self, pid: int | None = None) -> float:
        pages = int(Path(f"/proc/{pid or self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def rows(folder: Path) -> list[Row]:
    return [*_paths(folder / "paths"), _nine(folder / "nine"), *_memory(folder / "memory")]


def _paths(folder: Path) -> list[Row]:
    found = []
    with (
        simulating("--rate", "100", "--seed", "1") as first,
        _feeding(first + 2) as feed,
        watching(folder, first, binance=feed) as kimp,
    ):
        for clients in (1, 100):
            delays, cpu = _listen(kimp, clients)
            cuts = statistics.quantiles(delays, n=100)
            p50, p99 = cuts[49] * 1e6, cuts[98] * 1e6
            note = (
                f"{PACE:,} updates/s, hz=0: p50 {p50:,.0f} µs, p99 {p99:,.0f} µs, "
                f"{100 * cpu:.0f} % of a core, {len(delays):,} messages"
            )
            value = p50 if clients == 1 else p99
            found.append(Row(f"path.ws_sse_{clients}", value, "µs", "lower", note=note))
    return found


def _listen(kimp: Watched, count: int) -> tuple[list[float], float]:
    """Seconds from the venue's send to each client's read; share of a core of the service."""
    poll = select.epoll()
    readers: dict[int, socket.socket] = {}
    ask = (
        f"GET /api/v1/events?topics=prices&hz=0 HTTP/1.1\r\nHost: 127.0.0.1:{kimp.port}\r\n"
        f"Authorization: Bearer {kimp.token}\r\n\r\n"
    ).encode()
    for _ in range(count):
        reader = socket.create_connection(("127.0.0.1", kimp.port))
        reader.sendall(ask)
        reader.setblocking(False)
        readers[reader.fileno()] = reader
        poll.register(reader.fileno(), select.EPOLLIN)
    delays: list[float] = []
    known: dict[int, set[bytes]] = {file: set() for file in readers}  # a row may be told twice
    warm_until, began, cpu = time.perf_counter() + 2.0, 0.0, 0.0
    while True:
        ready = poll.poll(0.1)
        for file, _ in ready:
            received = readers[file].recv(1_048_576)
            at = time.perf_counter()
            fresh = set(SENT.findall(received)) - known[file]
            known[file] |= fresh
            if began:
                delays.extend(at - float(sent) for sent in fresh)
        now = time.perf_counter()
        if not began and now > warm_until:
            began, cpu = now, kimp.cpu_s()
        if began and now > began + SECONDS:
            break
    used = (kimp.cpu_s() - cpu) / (time.perf_counter() - began)
    for reader in readers.values():
        reader.close()
    return delays, used


def _nine(folder: Path) -> Row:
    with (
        simulating("--rate", str(NINE_RATE), "--seed", "1") as first,
        watching(folder, first) as kimp,
    ):
        time.sleep(START_S)
        cpu, began = kimp.cpu_s(), time.perf_counter()
        time.sleep(NINE_S)
        used = (kimp.cpu_s() - cpu) / (time.perf_counter() - began)
        venues = kimp.client.get("/api/v1/exchanges").json()["items"]
        stages = kimp.client.get("/api/v1/latencies").json()["stages"]
    rate = sum(venue["updates_per_s"] for venue in venues)
    decided = stages["decided"]
    note = (
        f"receive → decided p50 {decided['p50_us']:,.0f} µs, p99 {decided['p99_us']:,.0f} µs; "
        f"{100 * used:.0f} % of a core, simulator on the other; "
        f"{sum(venue['conflated'] for venue in venues):,} conflated, "
        f"{sum(venue['dropped'] for venue in venues):,} dropped, "
        f"{sum(venue['fallbacks'] for venue in venues):,} read slowly"
    )
    return Row("venues.nine", rate, "updates/s", "higher", note=note)


def _memory(folder: Path) -> list[Row]:
    with (
        simulating("--rate", "2000", "--coins", str(COINS), "--seed", "1") as first,
        watching(folder, first) as kimp,
    ):
        time.sleep(20.0)
        venues = kimp.client.get("/api/v1/exchanges").json()["items"]
        books = sum(venue["valid_books"] for venue in venues)
        mine = kimp.resident_mib()
        listed = Path(f"/proc/{kimp.pid}/task/{kimp.pid}/children").read_text()
        children = sum(kimp.resident_mib(int(pid)) for pid in listed.split())
    note = f"{books:,} valid books of 20 levels; its child processes {children:,.0f} MiB more"
    return [Row("memory.nine", mine, "MiB", "lower", note=note)]


@contextmanager
def simulating(*words: str) -> Iterator[int]:
    """The market simulator; the first of its ports."""
    command = [sys.executable, "-m", "app", "simulate", "--base-port", "0", *words]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        yield int(child.stdout.readline().split()[1].split("-")[0])
    finally:
        child.kill()
        child.wait()


@contextmanager
def _feeding(port: int) -> Iterator[int]:
    command = [sys.executable, "-m", "bench.feed", str(port), str(PACE)]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        yield int(child.stdout.readline())
    finally:
        child.kill()
        child.wait()


@contextmanager
def watching(folder: Path, first: int, **replaced: int) -> Iterator[Watched]:
    """The service on these venues, once all nine are live; `replaced` have ports of their own."""
    folder.mkdir(parents=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(24)
    given = {
        "KIMP_DATA_DIR": str(folder),
        "KIMP_PORT": str(port),
        "KIMP_API_TOKEN": token,
        "KIMP_ADMIN_PASSWORD": secrets.token_hex(12),
        "KIMP_FEEDS": "live",
        "KIMP_FX_URLS": ",".join(f"http://127.0.0.1:{first + 9}{path}" for path in FX),
    }
    for number, venue in enumerate(VENUES):
        name, at = f"KIMP_{venue.upper()}", replaced.get(venue, first + number)
        given |= {
            f"{name}_WS_URL": f"ws://127.0.0.1:{at}",
            f"{name}_REST_URL": f"http://127.0.0.1:{at}",
        }
        if venue != "coinbase":
            given |= {
                f"{name}_API_KEY": f"sim-{venue}",
                f"{name}_API_SECRET": f"sim-{venue}-secret",
                f"{name}_API_PASSPHRASE": "sim-pass",
            }
    with (folder / "service.log").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "app", "serve"],
            cwd=ROOT,
            env={**os.environ, **given},
            stdout=log,
            stderr=log,
        )
    headers = {"Authorization": f"Bearer {token}"}
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30)
    try:
        _await_live(client)
        yield Watched(client, port, token, child.pid)
    finally:
        client.close()
        child.terminate()
        child.wait()


def _await_live(client: httpx.Client) -> None:
    latest, venues = time.monotonic() + LIVE_S_MAX, list[dict[str, object]]()
    while time.monotonic() < latest:
        time.sleep(0.25)
        try:
            venues = client.get("/api/v1/exchanges").json()["items"]
        except httpx.TransportError:
            continue
        if len(venues) == len(VENUES) and all(venue["state"] == "live" for venue in venues):
            return
    raise AssertionError(f"not every venue is live: {venues}")
