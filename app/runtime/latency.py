"""Latency: how long each stage takes, counted in buckets, for the System page and /metrics."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator

from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

STAGES = ("receive", "parse", "state", "detect", "publish", "decided")
"""receive: socket → engine. decided: socket → detected, all of it. publish: change → shown."""

# 16 buckets an octave: a figure is off by 3 % at most. The last octave ends at 2⁴⁰ ns, 18 minutes.
SPLIT_BITS = 4
SPLIT = 1 << SPLIT_BITS
OCTAVES = 40
BUCKETS = (OCTAVES - SPLIT_BITS + 1) * SPLIT
WINDOW_S = 60.0
SLICE_S = 5.0
# What Prometheus is told of: octaves from 2⁸ = 256 ns to 2³⁴ ns = 17 s.
TOLD_OCTAVES = range(8, 35)


class Latency:
    """`observe` costs about 0.2 µs: the hot path calls it for a sample of what it does."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._counts = {stage: [0] * BUCKETS for stage in STAGES}
        self._sums_ns = dict.fromkeys(STAGES, 0)
        # Counts as they were: what has come since the oldest is the last minute.
        self._slices: deque[tuple[float, dict[str, list[int]]]] = deque()
        self._turn()

    def observe(self, stage: str, ns: int) -> None:
        """Clocks may step back: what is below zero counts as zero."""
        if ns < 0:  # noqa: PLR1730 - max() would cost half of what all this does
            ns = 0
        self._sums_ns[stage] += ns
        octave = ns.bit_length() - SPLIT_BITS - 1
        if octave >= 0:
            ns = (octave << SPLIT_BITS) + (ns >> octave)
        try:
            self._counts[stage][ns] += 1
        except IndexError:
            self._counts[stage][BUCKETS - 1] += 1

    def tick(self) -> None:
        """To be called now and then, so that the last minute is one even when nobody looks."""
        if self._clock_s() - self._slices[-1][0] >= SLICE_S:
            self._turn()

    def figures(self) -> dict[str, tuple[float, float]]:
        """(p50, p99) in µs over the last minute, of every stage that was seen in it."""
        self.tick()
        before = self._slices[0][1]
        found: dict[str, tuple[float, float]] = {}
        for stage, counts in self._counts.items():
            recent = [now - then for now, then in zip(counts, before[stage], strict=True)]
            if any(recent):
                found[stage] = (quantile_ns(recent, 0.5) / 1e3, quantile_ns(recent, 0.99) / 1e3)
        return found

    def octaves(self) -> dict[str, tuple[int, ...]]:
        """How often in the last minute, of each octave of TOLD_OCTAVES; outside of them, at the
        nearest end."""
        self.tick()
        before = self._slices[0][1]
        found: dict[str, tuple[int, ...]] = {}
        for stage, counts in self._counts.items():
            sums = dict.fromkeys(TOLD_OCTAVES, 0)
            for bucket, (now, then) in enumerate(zip(counts, before[stage], strict=True)):
                if now != then:
                    octave = max(TOLD_OCTAVES[0], bucket // SPLIT + SPLIT_BITS - 1)
                    sums[min(octave, TOLD_OCTAVES[-1])] += now - then
            found[stage] = tuple(sums.values())
        return found

    def told(self, stage: str) -> tuple[list[tuple[str, float]], float]:
        """Cumulated counts up to each bound in ms, and the sum in ms, since the start."""
        counts = self._counts[stage]
        rows = [
            (repr((1 << octave) / 1e6), float(sum(counts[: _bucket(1 << octave)])))
            for octave in TOLD_OCTAVES
        ]
        return [*rows, ("+Inf", float(sum(counts)))], self._sums_ns[stage] / 1e6

    def _turn(self) -> None:
        now_s = self._clock_s()
        copies = {stage: counts.copy() for stage, counts in self._counts.items()}
        self._slices.append((now_s, copies))
        while len(self._slices) > 1 and self._slices[1][0] <= now_s - WINDOW_S:
            self._slices.popleft()


def quantile_ns(counts: list[int], share: float) -> float:
    """The middle of the bucket that holds it."""
    wanted, seen = share * sum(counts), 0
    for bucket, count in enumerate(counts):
        seen += count
        if count and seen >= wanted:
            return (_floor_ns(bucket) + _floor_ns(bucket + 1)) / 2
    raise ValueError("nothing was counted")


def _bucket(ns: int) -> int:
    octave = max(0, ns.bit_length() - SPLIT_BITS - 1)
    return (octave << SPLIT_BITS) + (ns >> octave)


def _floor_ns(bucket: int) -> int:
    octave = max(0, (bucket >> SPLIT_BITS) - 1)
    return (bucket - (octave << SPLIT_BITS)) << octave


class LatencyRows(Collector):
    """What Prometheus reads: a histogram a stage, and the whole under the name that it had."""

    def __init__(self, latency: Latency) -> None:
        self._latency = latency

    def collect(self) -> Iterator[Metric]:
        stages = HistogramMetricFamily(
            "kimp_stage_latency_ms", "Time a sampled frame spends in a stage", labels=("stage",)
        )
        for stage in STAGES:
            buckets, total_ms = self._latency.told(stage)
            stages.add_metric((stage,), buckets, sum_value=total_ms)
        yield stages
        buckets, total_ms = self._latency.told("decided")
        yield HistogramMetricFamily(
            "kimp_tick_processing_latency_ms",
            "From the socket to the decision, of sampled frames",
            buckets=buckets,
            sum_value=total_ms,
        )
