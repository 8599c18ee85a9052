"""Soak: nine venues at full rate for a long time; memory, tasks and files must stay flat.

`python -m tests.live.soak [minutes] [updates a second]` prints a line every ten seconds and fails
when something grew; the suite runs forty seconds of it.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.browser.service import TOKEN, Service
from tests.live.world import VENUES, Simulator, simulating, until, watching

PARTS = 10
"""Of a run. The lowest look of each counts: a leak lifts it, what comes and goes does not."""
SETTLING = 2
"""Parts at the beginning in which caches, pools and kept connections fill up."""
SHARE = {"resident_mib": 0.03, "tasks": 0.0, "files": 0.0}
"""By which the floor of the later half of the others may stand above that of the earlier."""
SLACK = {"resident_mib": 6.0, "tasks": 4.0, "files": 8.0}
"""And beyond that: four readers of the database, opened when they are needed, of two files each."""


@dataclass(frozen=True)
class Look:
    """One moment of the service."""

    at_s: float
    resident_mib: float
    tasks: float
    files: float
    updates_per_s: float
    valid: int
    dropped: int
    conflated: int
    reconnects: int
    decided_p99_us: float


def look(service: Service, began_s: float) -> Look:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=service.url, headers=headers, trust_env=False) as client:
        figures: dict[str, float] = {}
        for line in client.get("/metrics").text.splitlines():
            if not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                figures[name] = float(value)
        venues = client.get("/api/v1/exchanges").json()["items"]
        decided = client.get("/api/v1/latencies").json()["stages"].get("decided", {})
    return Look(
        at_s=time.monotonic() - began_s,
        resident_mib=figures["kimp_process_resident_memory_bytes"] / 2**20,
        tasks=figures["kimp_tasks"],
        files=figures["kimp_process_open_fds"],
        updates_per_s=sum(venue["updates_per_s"] for venue in venues),
        valid=sum(venue["valid_books"] for venue in venues),
        dropped=sum(venue["dropped"] for venue in venues),
        conflated=sum(venue["conflated"] for venue in venues),
        reconnects=sum(venue["reconnects"] for venue in venues),
        decided_p99_us=decided.get("p99_us", 0.0),
    )


def soak(service: Service, seconds: float, every_s: float) -> list[Look]:
    """Looks at the service until the time is over, and prints each look."""
    began_s = time.monotonic()
    looks: list[Look] = []
    while time.monotonic() - began_s < seconds:
        time.sleep(every_s)
        found = look(service, began_s)
        looks.append(found)
        print(
            f"{found.at_s:7.0f} s  {found.updates_per_s:8,.0f} updates/s  "
            f"{found.resident_mib:6.1f} MiB  {found.tasks:4.0f} tasks  {found.files:4.0f} files  "
            f"{found.valid:4d} books  {found.reconnects} reconnects  "
            f"{found.conflated:,} conflated  {found.dropped:,} dropped  "
            f"p99 {found.decided_p99_us:,.0f} µs",
            flush=True,
        )
    return looks


def grown(looks: list[Look]) -> list[str]:
    """What never comes down again to where it was once everything had settled."""
    found = []
    for name, share in SHARE.items():
        low = floors([getattr(each, name) for each in looks])[SETTLING:]
        before, after = min(low[: len(low) // 2]), min(low[len(low) // 2 :])
        if after > before * (1.0 + share) + SLACK[name]:
            found.append(f"{name} grew from {before:,.1f} to {after:,.1f}: floors {low}")
    return found


def floors(values: list[float]) -> list[float]:
    """The lowest of each part of a series; it has as many values as there are parts, or more."""
    count = len(values)
    return [min(values[count * k // PARTS : count * (k + 1) // PARTS]) for k in range(PARTS)]


def ready(world: Simulator, service: Service) -> None:
    """Wait until every venue is live."""

    def live() -> bool:
        with service.api() as client:
            items = client.get("/exchanges").json()["items"]
        return len(items) == len(VENUES) and all(each["state"] == "live" for each in items)

    until(live, 60, lambda: service.log.read_text()[-2_000:])


def main(minutes: float = 60.0, rate: int = 20_000) -> int:
    with (
        tempfile.TemporaryDirectory(prefix="kimp-soak-") as folder,
        simulating("--rate", str(rate), "--seed", "1") as world,
        watching(Path(folder), world) as service,
    ):
        ready(world, service)
        found = grown(soak(service, minutes * 60, 10.0))
    print("\n".join(found) or "flat: memory, tasks and files")
    return 1 if found else 0


if __name__ == "__main__":
    words = sys.argv[1:]
    sys.exit(main(*(float(words[0]),) if words else (), *(int(words[1]),) if words[1:] else ()))
