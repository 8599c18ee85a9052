"""One database for all seeds of a process: its statements are compiled once."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator

import pytest
import structlog

from tests.simulation.store import Disk
from tests.simulation.story import quiet_logs


@pytest.fixture(scope="module")
def disk() -> Iterator[Disk]:
    before = structlog.get_config()
    quiet_logs()
    gc.freeze()  # what is collected after each seed is what that seed has made
    yield Disk()
    gc.unfreeze()
    structlog.configure(**before)
    logging.disable(logging.NOTSET)
