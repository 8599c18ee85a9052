"""Parameters → the kernel's numbers, and what is not allowed among them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from app.backtest.tape import FAR_NS, Floats, Rules
from app.domain.backtests import Direction, Params, Style
from app.domain.problems import FieldError

BPS = 1e4  # in one whole
# Limits: what a number may be at least, and what it must be below.
BPS_MAX = 10_000.0  # a fee or a slippage is less than everything
BARS_MAX = 1e9
MONEY_MIN = 1e-6
MONEY_MAX = 1e18

# name -> (lowest allowed, below which; None: any finite number)
_ALLOWED: dict[str, tuple[float, float] | None] = {
    "entry_bps": None,
    "exit_bps": None,
    "max_hold_bars": (0.0, BARS_MAX),
    "transfer_bars": (0.0, BARS_MAX),
    "notional_krw": (MONEY_MIN, MONEY_MAX),
    "initial_capital_krw": (MONEY_MIN, MONEY_MAX),
    "krw_fee_bps": (0.0, BPS_MAX),
    "global_fee_bps": (0.0, BPS_MAX),
    "slippage_bps": (0.0, BPS_MAX),
    "hedge_fee_bps": (0.0, BPS_MAX),
    "qty_step": (0.0, MONEY_MAX),
}


def refusals(params: Params) -> tuple[FieldError, ...]:
    """Every number that cannot be played, named as in the request's body."""
    numbers = [(name, float(getattr(params, name)), limit) for name, limit in _ALLOWED.items()]
    numbers += [
        (f"withdraw_fee.{coin}", fee, (0.0, MONEY_MAX)) for coin, fee in params.withdraw_fee.items()
    ]
    return tuple(
        FieldError(column=name, value=f"{value:g}", expected=_expected(limit))
        for name, value, limit in numbers
        if not (math.isfinite(value) and (limit is None or limit[0] <= value < limit[1]))
    )


def _expected(limit: tuple[float, float] | None) -> str:
    return f">= {limit[0]:g}, < {limit[1]:g}" if limit else "a finite number"


def rules_of(params: Params, timeframe_ns: int) -> Rules:
    """Types are spelled out: they are the kernel's signature."""
    entry_bps = float(params.entry_bps)
    return Rules(
        transfer=params.style is Style.TRANSFER,
        hedge=bool(params.hedge) and params.style is Style.TRANSFER,
        enter_high_bps=math.inf if params.direction is Direction.LOW else entry_bps,
        enter_low_bps=-math.inf if params.direction is Direction.HIGH else -entry_bps,
        exit_bps=float(params.exit_bps),
        max_hold_ns=min(int(params.max_hold_bars) * timeframe_ns, FAR_NS),
        transfer_ns=min(int(params.transfer_bars) * timeframe_ns, FAR_NS),
        notional_krw=float(params.notional_krw),
        qty_step=float(params.qty_step),
        slippage=params.slippage_bps / BPS,
        krw_fee=params.krw_fee_bps / BPS,
        global_fee=params.global_fee_bps / BPS,
        hedge_fee=params.hedge_fee_bps / BPS,
    )


def withdraw_fees_of(params: Params, bases: Sequence[str]) -> Floats:
    """The withdrawal fee of every coin, in coins; none where none is given."""
    return np.array([params.withdraw_fee.get(base, 0.0) for base in bases], np.float64)
