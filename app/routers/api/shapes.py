"""Shapes of answers about runs, as OpenAPI shows them; rows themselves: app.runtime.work.bodies."""

from __future__ import annotations

from typing import Any

import msgspec

from app.runtime.work.bodies import RunBody


class Started(msgspec.Struct, frozen=True):
    """It is queued; read its address until the status is final, or listen to the events."""

    id: str
    status: str


class RunList(msgspec.Struct, frozen=True):
    """Newest first."""

    items: list[RunBody]
    next_cursor: str | None


class FillBody(msgspec.Struct, frozen=True):
    """One fill. fee and amount in fee_asset, amount with its fee, negative when paid."""

    leg: int
    venue: str
    base: str
    side: str
    time: str
    price: float
    quantity: float
    fee: float
    fee_asset: str
    fx: float | None
    amount: float
    amount_krw: float


class CycleBody(msgspec.Struct, frozen=True):
    """One finished cycle. net_bps: its P&L of the notional asked for."""

    number: int
    direction: str
    base: str
    return_base: str | None
    t_entry: str
    t_exit: str
    qty: float
    pnl_krw: float
    reason: str
    fees_krw: float
    turnover_krw: float
    in_bps: float
    out_bps: float | None
    net_bps: float
    hold_s: float
    fills: list[FillBody]
    hedge_fills: list[FillBody]


class CycleList(msgspec.Struct, frozen=True):
    """total: how many match in all."""

    items: list[CycleBody]
    total: int
    next_cursor: str | None


class Equity(msgspec.Struct, frozen=True):
    """Columns of equal length, one value per bar time. time: epoch seconds of the bar's open."""

    time: list[int]
    equity_krw: list[float]
    drawdown_pct: list[float]
    premium_bps: list[float]


class Bands(msgspec.Struct, frozen=True):
    """Percentiles over the samples; null without cycles."""

    p5: float | None
    p25: float | None
    p50: float | None
    p75: float | None
    p95: float | None


class BootstrapBody(msgspec.Struct, frozen=True):
    """The cycles drawn again n times. loss_pct: share of samples that end below zero."""

    n: int
    seed: int
    cycles: int
    final_pnl_krw: Bands
    roi_pct: Bands
    max_drawdown_pct: Bands
    loss_pct: float | None
    paths: dict[str, list[float]]


class LookaheadBody(msgspec.Struct, frozen=True):
    """checked: decisions compared over all cuts. first_difference: null when ok."""

    cuts: int
    checked: int
    ok: bool
    first_difference: dict[str, Any] | None
