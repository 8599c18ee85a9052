"""What the kernel reads and writes: bars as arrays, a strategy as numbers, the state it carries."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Records = npt.NDArray[np.void]

SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS
FAR_NS = 2**62  # later than any bar, and two of them still fit into int64
NONE = -1  # no bar
FAR = 2**62  # a row or bar beyond all others

# What a run is doing between two rows. The first three watch for a signal, the others wait for
# the bar in which something is due.
FLAT, HOLDING, CASH, ENTERING, EXITING, OUTBOUND, RETURNING, HOMEBOUND = range(8)
PHASES = (
    "flat",
    "holding",
    "cash",
    "entering",
    "exiting",
    "outbound",
    "returning",
    "homebound",
)

TARGET, MAX_HOLD, WINDOW_END = range(3)
REASONS = ("target", "max_hold", "window_end")

HIGH, LOW = 1.0, -1.0  # the side of a cycle: `side * premium` is what it earns from


class Tape(NamedTuple):
    """All bars of a run, read-only. Bars lie coin after coin; rows are the union of their times.

    The best premium of every row is known here, so the kernel's work does not grow with the number
    of coins. Premiums in bps, prices in the venue's quote currency, fx in KRW per USDT, time in ns.
    """

    coin_stop: Ints  # per coin: the bar after its last one
    # per bar
    row: Ints
    krw_open: Floats
    krw_close: Floats
    global_open: Floats
    global_close: Floats
    premium: Floats
    # per row
    time: Ints  # open time t
    fx_open: Floats  # f(t)
    fx_close: Floats  # f(t + timeframe)
    highest: Floats  # the largest premium of the row's bars
    lowest: Floats
    highest_bar: Ints  # of equal premiums the first ticker's
    lowest_bar: Ints


class Rules(NamedTuple):
    """A strategy in the kernel's numbers; fees and slippage as shares."""

    transfer: bool
    hedge: bool
    enter_high_bps: float  # +inf: high is not looked at
    enter_low_bps: float  # -inf: low is not looked at
    exit_bps: float
    max_hold_ns: int  # 0: for ever
    transfer_ns: int
    notional_krw: float
    qty_step: float
    slippage: float
    krw_fee: float
    global_fee: float
    hedge_fee: float


# One cycle as the kernel knows it: the bars at which it decided and acted. `exit` is where the
# inventory is unwound or the return coin is bought; `last` holds the last fill.
CYCLE = np.dtype(
    [
        ("side", "f8"),
        ("qty", "f8"),
        ("return_qty", "f8"),
        ("pnl_krw", "f8"),
        ("signal_in", "i8"),
        ("entry", "i8"),
        ("arrival", "i8"),
        ("signal_out", "i8"),
        ("exit", "i8"),
        ("last", "i8"),
        ("reason", "i8"),
    ]
)

# A run between two rows. The open cycle is a small portfolio: its mark is
# fixed_krw + (usdt + global_coins · G.close) · f(t + w) + krw_coins · K.close.
STATE = np.dtype(
    [
        ("phase", "i8"),
        ("due", "i8"),  # the bar at whose open something happens, or NONE
        ("own", "i8"),  # the bar whose closes mark the held coin
        ("own_stop", "i8"),
        ("deadline", "i8"),  # where max_hold applies: the held coin's bar (holding) or a row (cash)
        ("cycles", "i8"),
        ("side", "f8"),
        ("cost_krw", "f8"),  # transfer: of leg 1
        ("hedges_krw", "f8"),  # what closed hedges brought
        ("short_price", "f8"),  # of the open hedge
        ("short_fx", "f8"),
        ("proceeds", "f8"),  # transfer: cash between the legs, KRW (high) or USDT (low)
        ("fixed_krw", "f8"),
        ("usdt", "f8"),
        ("global_coins", "f8"),
        ("krw_coins", "f8"),
        ("capital_krw", "f8"),
        ("realised_krw", "f8"),  # P&L of finished cycles
        ("peak_krw", "f8"),
        ("trough_krw", "f8"),  # the lowest equity since the peak
        ("drawdown", "f8"),  # the largest so far, as a share of its peak
    ]
)
