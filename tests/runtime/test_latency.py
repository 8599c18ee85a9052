"""Latencies in buckets: near the true ones, of the last minute, as Prometheus wants them."""

from __future__ import annotations

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from app.runtime.latency import STAGES, Latency, LatencyRows


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.mark.parametrize("seed", range(5))
def test_figures_are_within_a_bucket_of_the_true_ones(seed: int) -> None:
    times_ns = np.random.default_rng(seed).lognormal(10, 2, 5_000).astype(int)
    latency = Latency(Clock())
    for ns in times_ns.tolist():
        latency.observe("parse", ns)

    p50, p99 = latency.figures()["parse"]
    assert p50 == pytest.approx(np.quantile(times_ns, 0.5, method="lower") / 1e3, rel=0.07)
    assert p99 == pytest.approx(np.quantile(times_ns, 0.99, method="lower") / 1e3, rel=0.07)


def test_what_is_impossible_still_counts_somewhere() -> None:
    latency = Latency(Clock())
    for ns in (-5, 0, 1, 2**40, 2**60):
        latency.observe("detect", ns)

    buckets, _ = latency.told("detect")
    assert buckets[-1] == ("+Inf", 5.0)
    assert buckets[0][1] == 3.0, "a clock that stepped back took no time"


def test_only_the_last_minute_counts() -> None:
    clock = Clock()
    latency = Latency(clock)
    for second in range(120):
        latency.observe("state", 1_000 if second < 60 else 1_000_000)
        clock.now_s += 1
        latency.tick()

    assert latency.figures()["state"][0] == pytest.approx(1_000, rel=0.07)
    clock.now_s += 70
    latency.tick()
    clock.now_s += 70
    assert latency.figures() == {}, "nothing came in it"


def test_prometheus_reads_every_stage_and_the_whole() -> None:
    latency = Latency(Clock())
    latency.observe("decided", 2_000_000)
    registry = CollectorRegistry()
    registry.register(LatencyRows(latency))
    text = generate_latest(registry).decode()

    for stage in STAGES:
        assert f'kimp_stage_latency_ms_bucket{{le="+Inf",stage="{stage}"}}' in text
    assert "kimp_tick_processing_latency_ms_count 1.0" in text
    assert 'kimp_tick_processing_latency_ms_bucket{le="2.097152"} 1.0' in text
    assert 'kimp_tick_processing_latency_ms_bucket{le="1.048576"} 0.0' in text
