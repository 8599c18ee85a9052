"""Forty seconds of soak; an hour of it is `python3 dev.py soak`. And what its verdict is worth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.live.soak import Look, grown, ready, soak
from tests.live.world import simulating, watching

SECONDS = 40
RATE = 3_000


@pytest.mark.timeout(240)
def test_forty_seconds_under_load_leaves_memory_tasks_and_files_flat(tmp_path: Path) -> None:
    with (
        simulating("--rate", str(RATE), "--seed", "3") as world,
        watching(tmp_path / "kimp", world) as service,
    ):
        ready(world, service)
        looks = soak(service, SECONDS, 1.0)
    assert not grown(looks)
    assert looks[-1].valid > 0
    assert looks[-1].reconnects == looks[0].reconnects


def hour(
    resident_mib: Callable[[float], float] = lambda _: 300.0,
    tasks: Callable[[float], float] = lambda _: 120.0,
    files: Callable[[float], float] = lambda _: 42.0,
) -> list[Look]:
    """An hour of looks every ten seconds; each figure by the minute."""
    minutes = [number / 6 for number in range(360)]
    return [
        Look(60 * m, resident_mib(m), tasks(m), files(m), 20_000.0, 170, 0, 0, 0, 1_000.0)
        for m in minutes
    ]


def bursts(low: float, high: float, seed: int) -> Callable[[float], float]:
    """A figure that swings between two bounds, higher and more often as the hour goes on."""
    chance = Random(seed)
    return lambda minute: low + (high - low) * chance.random() ** (2.0 - minute / 60)


def leaking(figure: Callable[[float], float]) -> Callable[[float], float]:
    return lambda minute: figure(minute) + int(minute)


@pytest.mark.parametrize("seed", range(20))
def test_what_comes_and_goes_is_no_growth(seed: int) -> None:
    assert not grown(
        hour(bursts(300.0, 360.0, seed), bursts(110.0, 160.0, seed), bursts(42.0, 68.0, seed))
    )


@pytest.mark.parametrize("seed", range(20))
def test_a_leak_of_one_a_minute_is_seen_beneath_bursts(seed: int) -> None:
    calm, wild = bursts(42.0, 46.0, seed), bursts(42.0, 68.0, seed)
    for before in (calm, wild):
        found = grown(hour(files=leaking(before)))
        assert [line.split()[0] for line in found] == ["files"]
    assert grown(hour(tasks=leaking(wild)))
    assert grown(hour(resident_mib=leaking(bursts(300.0, 340.0, seed))))


def test_what_fills_up_once_is_no_leak() -> None:
    filled = hour(
        resident_mib=lambda m: min(320.0, 280.0 + 4 * m),
        files=lambda m: 42.0 + 2 * min(4, m // 12),
    )
    assert not grown(filled)
