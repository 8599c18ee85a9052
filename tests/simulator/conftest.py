"""One simulated market for all stories of this room."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.simulator import stage
from tests.simulator.kit import Simulated, simulated


@pytest.fixture(scope="session")
def market() -> Iterator[Simulated]:
    """As its own process: for those who talk to it over sockets only."""
    with simulated("--seed", "7", "--rate", "2000") as running:
        yield running


@pytest_asyncio.fixture(scope="session")
async def venues() -> AsyncIterator[dict[str, stage.Venue]]:
    """In our own loop: for those who only look at it."""
    async with stage.market() as running:
        yield running


@pytest_asyncio.fixture
async def sick() -> AsyncIterator[dict[str, stage.Venue]]:
    """A market of its own, for tests that make it ill."""
    async with stage.market(coins=5, rate=1_500.0) as running:
        yield running
