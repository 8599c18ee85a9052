"""Fixtures of the history room."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.history.builders import Room


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """An empty folder in which files are read."""
    return Room(tmp_path)
