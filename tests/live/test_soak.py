"""A minute of soak; an hour of it is `python3 dev.py soak`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live.soak import grown, ready, soak
from tests.live.world import simulating, watching

SECONDS = 60
RATE = 3_000


@pytest.mark.timeout(240)
def test_a_minute_under_load_leaves_memory_tasks_and_files_flat(tmp_path: Path) -> None:
    with (
        simulating("--rate", str(RATE), "--seed", "3") as world,
        watching(tmp_path / "kimp", world) as service,
    ):
        ready(world, service)
        looks = soak(service, SECONDS, 3.0)
    assert not grown(looks)
    assert looks[-1].valid > 0
    assert looks[-1].reconnects == looks[0].reconnects
