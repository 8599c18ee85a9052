"""The bill of a round trip agrees with what the engine books."""

from __future__ import annotations

import numpy as np
import pytest

from app.backtest.run import run
from app.backtest.series import Candles, Coin, Fx, align
from app.domain.backtests import Params, Style
from app.routers.backtesting.costs import bill


def flat_premium(premiums_bps: list[float]) -> Coin:
    """A coin that stands at 100 USDT abroad; its won price follows the premium (fx is 1,000)."""
    time = np.arange(len(premiums_bps), dtype=np.int64) * 60 * 10**9
    won = 100_000 * (1 + np.array(premiums_bps) / 1e4)
    dollar = np.full(len(premiums_bps), 100.0)
    return Coin("BTC", Candles(time, won, won, won, won), Candles(time, *[dollar] * 4))


@pytest.mark.parametrize(
    "params",
    [
        Params(entry_bps=100, exit_bps=20),
        Params(entry_bps=100, exit_bps=20, krw_fee_bps=0, global_fee_bps=3, slippage_bps=7),
        Params(style=Style.TRANSFER, entry_bps=100, exit_bps=20, transfer_bars=1),
        Params(style=Style.TRANSFER, entry_bps=100, exit_bps=20, transfer_bars=1, hedge=True),
    ],
)
def test_what_is_left_per_cycle_is_what_a_cycle_earns(params: Params) -> None:
    above, under = 100 + 1e-6, 20 - 1e-6  # a hair inside: equality is the kernel tests' affair
    premiums = [0.0, *[above] * 4, *[under] * 7]
    coin = flat_premium(premiums)
    result = run(align([coin], Fx.fixed(1000.0), 60, None, None), params)
    assert result.metrics["cycles"] == 1
    earned_bps = float(result.cycles["net_bps"][0])
    assert bill(params).net_bps == pytest.approx(earned_bps, abs=1.5)  # to first order


def test_a_hedge_is_only_paid_where_coins_travel() -> None:
    plain = bill(Params(hedge=True))
    assert "hedge_fee" not in {cost.name for cost in plain.costs}
    travels = bill(Params(style=Style.TRANSFER, hedge=True, hedge_fee_bps=4))
    assert travels.total_bps == plain.total_bps + 16


def test_break_even_is_where_nothing_is_left() -> None:
    priced = bill(Params(entry_bps=80, exit_bps=10))
    assert priced.total_bps == 38
    assert bill(Params(entry_bps=priced.break_even_bps, exit_bps=10)).net_bps == 0


def test_withdrawals_are_told_to_be_left_out() -> None:
    params = Params(style=Style.TRANSFER, withdraw_fee={"BTC": 0.0002})
    assert bill(params).withdrawal_left_out
    assert not bill(Params(withdraw_fee={"BTC": 0.0002})).withdrawal_left_out
