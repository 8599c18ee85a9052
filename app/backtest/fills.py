"""Every fill of every cycle, read out of the bars at which the kernel acted."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from app.backtest.rules import BPS, withdraw_fees_of
from app.backtest.series import Aligned
from app.backtest.tape import HIGH, NONE, Floats, Ints, Records
from app.domain.backtests import Params, Style

KRW, GLOBAL = 0, 1
VENUES = ("krw", "global")
BUY, SELL = 1, -1

# amount: what the fill moved in its quote currency, fee included, negative when paid. fx: f(open
# time), NaN for won. amount_krw: the same in won; SPEC §6 books USDT at once except for the cash of
# a low transfer between its legs, where it is for information. A hedge's price is G.open, and its
# amount the fee when it opens, gain less fee when it closes.
FILL = np.dtype(
    [
        ("cycle", "i8"),
        ("leg", "i1"),
        ("hedge", "?"),
        ("coin", "i4"),
        ("venue", "i1"),
        ("side", "i1"),
        ("time", "i8"),
        ("price", "f8"),
        ("quantity", "f8"),
        ("fee", "f8"),
        ("fx", "f8"),
        ("amount", "f8"),
        ("amount_krw", "f8"),
    ]
)


class Step(NamedTuple):
    """One fill that each cycle makes: at which bar, where, which way, how much. Per cycle."""

    leg: int
    bar: Ints
    venue: npt.NDArray[np.bool_]  # True: global
    side: Any
    quantity: Floats


def fills_of(aligned: Aligned, params: Params, cycles: Records) -> Records:
    """All fills, shape (cycles, fills per cycle), in order of time; `cycle` NONE: not yet made."""
    if params.style is Style.INVENTORY:
        steps = [_venue_fill(aligned, params, step) for step in _inventory(cycles)]
    else:
        steps = _transfer_fills(aligned, params, cycles)
    fills = np.stack(steps, axis=1)
    made = fills["cycle"] != NONE
    fills["cycle"] = np.where(made, np.arange(len(cycles))[:, None], NONE)
    return fills


def withdraw_fees_krw(aligned: Aligned, params: Params, cycles: Records) -> Floats:
    """Coins lost to withdrawals, at the open at which the rest was sold. Per cycle."""
    total = np.zeros(len(cycles))
    if params.style is Style.INVENTORY:
        return total
    tape, fees = aligned.tape, withdraw_fees_of(params, aligned.bases)
    high = cycles["side"] == HIGH
    for bar, quantity, in_won in (
        (cycles["arrival"], cycles["qty"], high),
        (cycles["last"], cycles["return_qty"], ~high),
    ):
        fx = tape.fx_open[tape.row[bar]]
        price = np.where(in_won, tape.krw_open[bar], tape.global_open[bar] * fx)
        lost = np.minimum(fees[aligned.coin_of(bar)], quantity)
        total += np.where(bar == NONE, 0.0, lost * price)
    return total


def _inventory(cycles: Records) -> list[Step]:
    """high sells in Korea and buys abroad, low the mirror; the exit reverses both."""
    everywhere = np.ones(len(cycles), bool)
    side, quantity = cycles["side"], cycles["qty"]
    return [
        Step(1, cycles["entry"], ~everywhere, -side, quantity),
        Step(1, cycles["entry"], everywhere, side, quantity),
        Step(2, cycles["exit"], ~everywhere, side, quantity),
        Step(2, cycles["exit"], everywhere, -side, quantity),
    ]


def _transfer_fills(aligned: Aligned, params: Params, cycles: Records) -> list[Records]:
    """Two transits: bought here, sold where the coins arrive; a hedge shorts each of them."""
    high = cycles["side"] == HIGH
    fees = withdraw_fees_of(params, aligned.bases)
    steps = []
    for leg, out, back, quantity, abroad in (
        (1, cycles["entry"], cycles["arrival"], cycles["qty"], high),
        (2, cycles["exit"], cycles["last"], cycles["return_qty"], ~high),
    ):
        arrived = np.maximum(0.0, quantity - fees[aligned.coin_of(back)])
        steps.append(_venue_fill(aligned, params, Step(leg, out, abroad, BUY, quantity)))
        if params.hedge:
            steps.append(_hedge_fill(aligned, params, leg, out, None, quantity))
        steps.append(_venue_fill(aligned, params, Step(leg, back, ~abroad, SELL, arrived)))
        if params.hedge:
            steps.append(_hedge_fill(aligned, params, leg, back, out, quantity))
    return steps


def _venue_fill(aligned: Aligned, params: Params, step: Step) -> Records:
    """One market order at the open, slipped against us."""
    fill = _blank(aligned, step.leg, step.bar)
    tape = aligned.tape
    opened = np.where(step.venue, tape.global_open[step.bar], tape.krw_open[step.bar])
    fee_rate = np.where(step.venue, params.global_fee_bps, params.krw_fee_bps) / BPS
    fill["venue"] = step.venue
    fill["side"] = step.side
    fill["price"] = opened * (1.0 + step.side * params.slippage_bps / BPS)
    fill["quantity"] = step.quantity
    fill["fee"] = step.quantity * fill["price"] * fee_rate
    fill["amount"] = -step.side * step.quantity * fill["price"] - fill["fee"]
    fill["amount_krw"] = fill["amount"] * np.where(step.venue, fill["fx"], 1.0)
    fill["fx"][~step.venue] = np.nan
    return fill


def _hedge_fill(
    aligned: Aligned, params: Params, leg: int, bar: Ints, opened: Ints | None, quantity: Floats
) -> Records:
    """A short opened at `bar`, or the one that was opened at bar `opened` closed there."""
    fill = _blank(aligned, leg, bar)
    fill["hedge"] = True
    fill["venue"] = GLOBAL
    fill["side"] = SELL if opened is None else BUY
    fill["price"] = aligned.tape.global_open[bar]
    fill["quantity"] = quantity
    fill["fee"] = quantity * fill["price"] * params.hedge_fee_bps / BPS
    fill["amount"] = -fill["fee"]
    if opened is not None:
        fill["amount"] += quantity * (aligned.tape.global_open[opened] - fill["price"])
    fill["amount_krw"] = fill["amount"] * fill["fx"]
    return fill


def _blank(aligned: Aligned, leg: int, bar: Ints) -> Records:
    row = aligned.tape.row[bar]
    fill: Records = np.zeros(bar.size, FILL)
    fill["cycle"] = np.where(bar == NONE, NONE, 0)
    fill["leg"] = leg
    fill["coin"] = aligned.coin_of(bar)
    fill["time"] = aligned.tape.time[row]
    fill["fx"] = aligned.tape.fx_open[row]
    return fill
