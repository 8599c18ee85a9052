"""Row sse.fanout_1000: CPU and delay of one message to a thousand clients, ten times a second."""

from __future__ import annotations

from bench import sse
from bench.table import Row

CLIENTS = 1_000
HZ = 10
SECONDS = 5


def rows() -> list[Row]:
    ours = sse.measure("ours", CLIENTS, HZ, SECONDS)
    limit = sse.measure(sse.LIMIT, CLIENTS, HZ, SECONDS)
    delay = (
        f"write() alone takes {limit['cpu_us']:.1f} µs; p99 {ours['p99_ms']:.1f} ms, "
        f"{ours['received']:,} of {ours['expected']:,} received"
    )
    found = []
    for kind in sse.KINDS[1:]:
        peer = sse.measure(kind, CLIENTS, HZ, SECONDS)
        if "reason" in peer:
            value, note = None, f"{delay}; {peer['reason']}"
        else:
            value = peer["cpu_us"]
            note = f"{delay}; peer p99 {peer['p99_ms']:.1f} ms, {peer['received']:,} received"
        cpu = ours["cpu_us"]
        found.append(Row("sse.fanout_1000", cpu, "µs CPU/message", "lower", kind, value, note))
    return found
