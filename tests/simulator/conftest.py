"""One simulated market for all stories of this room."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulator.kit import Simulated, simulated


@pytest.fixture(scope="session")
def market() -> Iterator[Simulated]:
    """As its own process: for those who talk to it over sockets only."""
    with simulated("--seed", "7", "--rate", "2000") as running:
        yield running
