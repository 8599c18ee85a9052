"""Many: seeds one after the other, or in several processes, each with a database of its own."""

from __future__ import annotations

import gc
import multiprocessing
from collections.abc import Iterator

from tests.simulation.chaos import QUIET
from tests.simulation.store import Disk
from tests.simulation.story import Story, Told, quiet_logs

_disk: list[Disk] = []


def _own() -> Disk:
    """In a worker: its database lives as long as it does."""
    if not _disk:
        quiet_logs()
        gc.freeze()
        _disk.append(Disk())
    return _disk[0]


def crashed(seed: int, point: int | None) -> Told:
    """The story of one cycle and one process, in which nothing else goes wrong."""
    return alone(_own(), seed, point).play()


def alone(disk: Disk, seed: int, point: int | None) -> Story:
    return Story(
        disk, seed, QUIET, instances=1, has_troubles=False, crash_at=point, cycles=1
    )  # fmt: skip


def play(seed: int) -> Told:
    return Story(_own(), seed, instances=3 if seed % 4 == 0 else 2).play()


def played(seeds: list[int], workers: int) -> Iterator[Told]:
    if workers == 1:
        yield from map(play, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(workers, maxtasksperchild=400) as pool:
        yield from pool.imap_unordered(play, seeds, chunksize=4)
