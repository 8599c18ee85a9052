"""Where the shared inputs lie, and how a test names its candles."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the specification's vectors; tests that need it are skipped without it."""
    folder = Path(__file__).resolve().parents[2].parent / "shared"
    if not folder.is_dir():
        pytest.skip("the shared folder with the specification's vectors is not here")
    return folder
