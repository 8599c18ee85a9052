"""Compile the kernels, so that the first run of a user does not wait for it."""

from __future__ import annotations

import numpy as np

from app.backtest.bootstrap import bootstrap
from app.backtest.run import run
from app.backtest.series import Candles, Coin, Fx, align
from app.domain.backtests import Params


def warm() -> None:
    """Run everything once on two bars; the machine code lands where NUMBA_CACHE_DIR points."""
    time, price = np.array([0, 60]) * 10**9, np.ones(2)
    candles = Candles(time, price, price, price, price)
    run(align([Coin("X", candles, candles)], Fx.fixed(1.0), 60), Params())
    bootstrap(price, 1.0, n=1)
