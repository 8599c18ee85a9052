"""The whole app, once for all tests of the API: its workers take a moment to warm."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.api.caller import Caller
from tests.appkit import Running, running


@pytest.fixture(scope="session")
async def kimp(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with running(tmp_path_factory.mktemp("kimp")) as app:
        yield app


@pytest.fixture
def api(kimp: Running) -> Caller:
    return Caller(kimp.client)


@pytest.fixture(scope="session")
async def markets(kimp: Running) -> dict[str, str]:
    """Datasets that most tests read and none deletes: won, dollar, rate."""
    return await Caller(kimp.client).upload_markets()
