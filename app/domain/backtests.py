"""Backtests: what is asked, in which words. Semantics: SPEC §6."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Style(StrEnum):
    """inventory: both legs at once, pre-funded. transfer: coins travel, a second coin returns."""

    INVENTORY = "inventory"
    TRANSFER = "transfer"


class Direction(StrEnum):
    """high: sell in Korea. low: the mirror. both: high is looked at first."""

    HIGH = "high"
    LOW = "low"
    BOTH = "both"


class RunStatus(StrEnum):
    """Life of a backtest, sweep or walk-forward; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL = frozenset({RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED})


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A strategy's numbers. Fees and slippage in bps, money in KRW, `transfer_bars` in bars."""

    style: Style = Style.INVENTORY
    direction: Direction = Direction.HIGH
    entry_bps: float = 80.0
    exit_bps: float = 10.0
    max_hold_bars: int = 0
    notional_krw: float = 10_000_000.0
    initial_capital_krw: float = 100_000_000.0
    krw_fee_bps: float = 5.0
    global_fee_bps: float = 10.0
    slippage_bps: float = 2.0
    withdraw_fee: dict[str, float] = {}
    transfer_bars: int = 10
    hedge: bool = False
    hedge_fee_bps: float = 4.0
    qty_step: float = 0.0


class MarketRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One coin and the public ids of its two candle datasets (`d-31`)."""

    base: str
    krw_dataset: str
    global_dataset: str


class FxRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """KRW per USDT: an FX dataset, or one fixed rate. Exactly one of the two is given."""

    dataset: str | None = None
    rate: float | None = None


class RunSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One backtest. start inclusive, end exclusive, on bar open time; ns since the epoch, UTC."""

    markets: tuple[MarketRef, ...]
    fx: FxRef
    params: Params
    name: str = ""
    start_ns: int | None = None
    end_ns: int | None = None


class Axis(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One swept parameter and its values, in the order asked for."""

    name: str
    values: tuple[float, ...]


class StudySpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sweep, or with the three `*_days` a walk-forward, over `run` with `axes` replaced."""

    run: RunSpec
    axes: tuple[Axis, ...]
    objective: str = "total_pnl_krw"
    train_days: float | None = None
    test_days: float | None = None
    step_days: float | None = None


POINTS_MAX = 10_000
MARKETS_MAX = 50
