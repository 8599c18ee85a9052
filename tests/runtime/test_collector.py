"""What has settled is out of the garbage collector's sight, until it is about to go."""

from __future__ import annotations

import gc
import hashlib
import sys
import zlib
from collections.abc import Iterator

import numpy as np
import pytest

from app.runtime import collector


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    thresholds, turn_s = gc.get_threshold(), sys.getswitchinterval()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    sys.setswitchinterval(turn_s)


class Ring:
    """Garbage that only the collector finds."""

    def __init__(self) -> None:
        self.me = self


def test_what_has_settled_is_not_looked_at_again_until_it_is_stirred() -> None:
    collector.settle()
    assert gc.get_freeze_count() > 0
    collector.stir()
    assert gc.get_freeze_count() == 0


def test_garbage_that_comes_later_is_still_found() -> None:
    collector.calm()
    collector.settle()
    for _ in range(100):
        Ring()
    assert gc.collect() >= 100


def test_code_that_left_memory_runs_as_before() -> None:
    def work() -> bytes:
        return hashlib.sha256(zlib.compress(np.sort(np.arange(9)[::-1]).tobytes())).digest()

    before = work()
    collector.settle()
    assert work() == before
