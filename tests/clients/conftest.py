"""The simulated market as strangers meet it: plain and TLS ports of one process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulator.kit import Simulated, simulated


@pytest.fixture(scope="session")
def strangers_market() -> Iterator[Simulated]:
    with simulated("--seed", "11", "--rate", "2000", "--tls") as running:
        yield running
