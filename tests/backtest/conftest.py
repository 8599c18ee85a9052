"""Where the shared inputs lie, and one run that many stories are told about."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.backtest.run import Result, run
from app.backtest.series import Aligned
from app.domain.backtests import Direction, Params
from tests.backtest.builders import aligned_from, market


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the specification's vectors; tests that need it are skipped without it."""
    folder = Path(__file__).resolve().parents[2].parent / "shared"
    if not folder.is_dir():
        pytest.skip("the shared folder with the specification's vectors is not here")
    return folder


@pytest.fixture(scope="session")
def busy() -> Aligned:
    """Twelve days of two coins whose premiums swing every few hours."""
    minutes = np.arange(12 * 1440)
    g = np.random.default_rng(7)
    swing = 60 + 70 * np.sin(minutes / 97) + g.normal(0, 12, minutes.size)
    other = 60 + 70 * np.sin(minutes / 131) + g.normal(0, 12, minutes.size)
    coins = [market("BTC", swing.tolist()), market("XRP", other.tolist(), price=0.5)]
    return aligned_from(coins, [(0, 1000.0)])


@pytest.fixture(scope="session")
def busy_params() -> Params:
    return Params(direction=Direction.BOTH, entry_bps=120.0, exit_bps=20.0)


@pytest.fixture(scope="session")
def busy_run(busy: Aligned, busy_params: Params) -> Result:
    return run(busy, busy_params)
