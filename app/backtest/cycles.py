"""The list of cycles: what each earned, paid and held, as a table and as rows for a door."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from app.backtest.fills import VENUES, fills_of, withdraw_fees_krw
from app.backtest.series import Aligned
from app.backtest.tape import HIGH, NONE, REASONS, SECOND_NS, WINDOW_END, Records
from app.domain.backtests import Params

# Coins are places in the list of bases, times ns. in_bps, out_bps: the signals that led in and out.
# net_bps: P&L of the notional asked for. turnover_krw: all venue fills at their prices.
CYCLE_ROW = np.dtype(
    [
        ("direction", "i1"),  # 1: high, -1: low
        ("base", "i4"),
        ("return_base", "i4"),
        ("reason", "i1"),
        ("t_entry", "i8"),
        ("t_exit", "i8"),
        ("qty", "f8"),
        ("pnl_krw", "f8"),
        ("fees_krw", "f8"),
        ("turnover_krw", "f8"),
        ("in_bps", "f8"),
        ("out_bps", "f8"),
        ("net_bps", "f8"),
        ("hold_s", "f8"),
    ]
)


def tabulate(aligned: Aligned, params: Params, cycles: Records) -> tuple[Records, Records]:
    """The kernel's cycles → (table of CYCLE_ROW, their fills as (cycles, k) FILL)."""
    tape = aligned.tape
    fills = fills_of(aligned, params, cycles)
    made = fills["cycle"] != NONE
    in_won = np.where(fills["venue"] == 0, 1.0, fills["fx"])
    traded = np.where(fills["hedge"], 0.0, fills["quantity"] * fills["price"] * in_won)
    table: Records = np.zeros(len(cycles), CYCLE_ROW)
    table["direction"] = cycles["side"]
    table["base"] = aligned.coin_of(cycles["entry"])
    table["return_base"] = NONE
    if params.style == "transfer":
        returned = cycles["exit"] != NONE
        table["return_base"] = np.where(returned, aligned.coin_of(cycles["exit"]), NONE)
    table["reason"] = np.where(cycles["signal_out"] == NONE, NONE, cycles["reason"])
    table["t_entry"] = tape.time[tape.row[cycles["entry"]]]
    table["t_exit"] = np.where(cycles["last"] == NONE, NONE, tape.time[tape.row[cycles["last"]]])
    table["qty"] = cycles["qty"]
    table["pnl_krw"] = cycles["pnl_krw"]
    table["fees_krw"] = (fills["fee"] * in_won * made).sum(axis=1)
    table["fees_krw"] += withdraw_fees_krw(aligned, params, cycles)
    table["turnover_krw"] = (traded * made).sum(axis=1)
    table["in_bps"] = tape.premium[cycles["signal_in"]]
    table["out_bps"] = np.where(
        cycles["signal_out"] == NONE, np.nan, tape.premium[cycles["signal_out"]]
    )
    table["net_bps"] = table["pnl_krw"] / params.notional_krw * 1e4
    table["hold_s"] = (table["t_exit"] - table["t_entry"]) / SECOND_NS
    return table, fills


def end_at_mark(table: Records, mark_krw: float, end_ns: int, notional_krw: float) -> None:
    """Let open cycles end at their mark when a walk-forward's window does."""
    table["pnl_krw"] = mark_krw
    table["net_bps"] = mark_krw / notional_krw * 1e4
    table["reason"] = WINDOW_END
    table["t_exit"] = end_ns
    table["hold_s"] = (end_ns - table["t_entry"]) / SECOND_NS


def flat_fills(fills: Records) -> Records:
    """The fills that were made, one after the other, sorted by cycle and time."""
    made: Records = fills.reshape(-1)[fills["cycle"].reshape(-1) != NONE]
    return made


def cycles_as_rows(
    table: Records,
    fills: Records,
    bases: Sequence[str],
    picks: Iterable[int] | None = None,
) -> list[dict[str, Any]]:
    """Rows for JSON, CSV and pages: all of the table, or those at the places `picks`, in order.

    `fills` are the flat ones. Times are epoch seconds; unknown is None.
    """
    places = np.array(range(len(table)) if picks is None else list(picks), np.int64)
    firsts, stops = np.searchsorted(fills["cycle"], [places, places + 1])
    return [
        _row(place, table[place], fills[first:stop], bases)
        for place, first, stop in zip(places.tolist(), firsts, stops, strict=True)
    ]


def fill_as_row(fill: Any, bases: Sequence[str]) -> dict[str, Any]:
    """One fill for a door."""
    abroad = bool(fill["venue"])
    return {
        "leg": int(fill["leg"]),
        "venue": VENUES[fill["venue"]],
        "base": bases[fill["coin"]],
        "side": "buy" if fill["side"] > 0 else "sell",
        "time": int(fill["time"]) // SECOND_NS,
        "price": float(fill["price"]),
        "quantity": float(fill["quantity"]),
        "fee": float(fill["fee"]),
        "fee_asset": "USDT" if abroad else "KRW",
        "fx": float(fill["fx"]) if abroad else None,
        "amount": float(fill["amount"]),
        "amount_krw": float(fill["amount_krw"]),
    }


def _row(place: int, cycle: Any, fills: Records, bases: Sequence[str]) -> dict[str, Any]:
    closed = cycle["t_exit"] != NONE
    return {
        "number": place + 1,
        "direction": "high" if cycle["direction"] == HIGH else "low",
        "base": bases[cycle["base"]],
        "return_base": None if cycle["return_base"] == NONE else bases[cycle["return_base"]],
        "t_entry": int(cycle["t_entry"]) // SECOND_NS,
        "t_exit": int(cycle["t_exit"]) // SECOND_NS if closed else None,
        "qty": float(cycle["qty"]),
        "pnl_krw": float(cycle["pnl_krw"]),
        "reason": None if cycle["reason"] == NONE else REASONS[cycle["reason"]],
        "fees_krw": float(cycle["fees_krw"]),
        "turnover_krw": float(cycle["turnover_krw"]),
        "in_bps": float(cycle["in_bps"]),
        "out_bps": None if np.isnan(cycle["out_bps"]) else float(cycle["out_bps"]),
        "net_bps": float(cycle["net_bps"]),
        "hold_s": float(cycle["hold_s"]) if closed else None,
        "fills": [fill_as_row(fill, bases) for fill in fills if not fill["hedge"]],
        "hedge_fills": [fill_as_row(fill, bases) for fill in fills if fill["hedge"]],
    }
