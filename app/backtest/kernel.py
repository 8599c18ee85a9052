"""The compiled kernel: SPEC §6 for both styles and any number of coins, resumable at every row.

A run is a walk over rows. At each stop the executions due at the open happen; then the next row
with a signal or a due bar is sought, and all rows up to there are marked in one go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit

from app.backtest.tape import (
    CASH,
    ENTERING,
    EXITING,
    FAR,
    FLAT,
    HIGH,
    HOLDING,
    HOMEBOUND,
    LOW,
    MAX_HOLD,
    NONE,
    OUTBOUND,
    RETURNING,
    TARGET,
    Floats,
    Records,
    Rules,
    Tape,
)

LANES = 4  # premiums looked at together: compares without branches run side by side
LOOK_ROWS = 512  # how far one side of the market is looked at before the other's turn

F = TypeVar("F", bound=Callable[..., Any])


# Nothing in here allocates. Without numba's reference counts (`_nrt`) and with the parts written
# into their caller the kernel is four times as fast: the tape's arrays are touched by every part.
_OPTIONS = {"nogil": True, "error_model": "numpy", "_nrt": False}


def compiled(function: F) -> F:
    """Machine code, kept on disk, running without the interpreter lock."""
    return cast(F, njit(cache=True, **_OPTIONS)(function))


def part(function: F) -> F:
    """Compiled only as a piece of the function that calls it."""
    return cast(F, njit(inline="always", **_OPTIONS)(function))


@compiled
def advance(
    tape: Tape,
    rules: Rules,
    withdraw_fees: Floats,
    state: Records,
    cycles: Records,
    equity_krw: Floats,
    start: int,
    stop: int,
) -> None:
    """Play rows start..stop. `equity_krw` holds stop - start values; `state` has one element.

    Finished cycles lie in `cycles[: state.cycles]` and the one under way right after them: there
    must be room for (stop - start) // 2 + 2 more.
    """
    now = state[0]
    row = start
    while row < stop:
        while now.due != NONE and _row(tape, now.due) == row:
            _execute(tape, rules, withdraw_fees, now, cycles[now.cycles])
        signal = _next_signal(tape, rules, now, row, stop)
        upto = min(signal + 1, stop)
        if now.due != NONE:
            upto = min(_row(tape, now.due), stop)
        _mark(tape, now, equity_krw[row - start : upto - start], row)
        if signal < stop:
            _decide(tape, rules, now, cycles[now.cycles], signal)
        row = upto
    now.drawdown = max(now.drawdown, (now.peak_krw - now.trough_krw) / now.peak_krw)


@part
def _next_signal(tape: Tape, rules: Rules, now: Any, row: int, stop: int) -> int:
    """The first row from `row` on whose close gives a signal; `stop` when there is none."""
    if now.phase == FLAT:
        for begin in range(row, stop, LOOK_ROWS):
            end = min(begin + LOOK_ROWS, stop)
            at = _first(tape.highest, LOW, -rules.enter_high_bps, begin, end)
            at = _first(tape.lowest, HIGH, rules.enter_low_bps, begin, at)
            if at < end:
                return at
    elif now.phase == HOLDING:
        bar = now.own if _row(tape, now.own) >= row else now.own + 1
        # A bar takes at least one row: those before `stop` are among the next `stop - row`.
        end = min(bar + stop - row, now.own_stop)
        bar = _first(tape.premium, now.side, rules.exit_bps, bar, min(end, now.deadline))
        if bar < end:
            return int(min(_row(tape, bar), stop))
    elif now.phase == CASH:
        best = tape.lowest if now.side == HIGH else tape.highest
        return _first(best, now.side, rules.exit_bps, row, min(stop, now.deadline))
    return stop


@part
def _first(values: Floats, side: float, level: float, start: int, stop: int) -> int:
    """The first index whose `side * value` is at or below the level; `stop` when there is none."""
    at = start
    while at + LANES <= stop:
        hit = False
        for lane in range(LANES):
            hit |= side * values[at + lane] <= level
        if hit:
            break
        at += LANES
    while at < stop and side * values[at] > level:
        at += 1
    return at


@part
def _decide(tape: Tape, rules: Rules, now: Any, cycle: Any, row: int) -> None:
    """Turn the signal at the close of `row` into an order for the open of its coin's next bar."""
    if now.phase == FLAT:
        now.side = HIGH if tape.highest[row] >= rules.enter_high_bps else LOW
        bar = _best_bar(tape, now.side, row)
        cycle.side = now.side
        cycle.signal_in = bar
        cycle.entry = cycle.arrival = cycle.signal_out = cycle.exit = cycle.last = NONE
        cycle.qty = cycle.return_qty = cycle.pnl_krw = 0.0
        now.phase = ENTERING
    else:
        if now.phase == HOLDING:
            bar = now.own
            now.phase = EXITING
        else:
            bar = _best_bar(tape, -now.side, row)
            now.phase = RETURNING
        cycle.signal_out = bar
        cycle.reason = TARGET if now.side * tape.premium[bar] <= rules.exit_bps else MAX_HOLD
    following = bar + 1
    now.due = following if following < tape.coin_stop[_coin(tape, bar)] else NONE


@part
def _execute(tape: Tape, rules: Rules, withdraw_fees: Floats, now: Any, cycle: Any) -> None:
    """What was due at the open of the row of `now.due`."""
    bar = now.due
    now.due = NONE
    if now.phase == ENTERING:
        _enter(tape, rules, now, cycle, bar)
    elif now.phase == EXITING:
        _unwind(tape, rules, now, cycle, bar)
    elif now.phase == RETURNING:
        cycle.exit = bar
        if now.side == HIGH:
            cycle.return_qty = now.proceeds / _paid_krw(rules, 1.0, tape.krw_open[bar])
        else:
            cycle.return_qty = now.proceeds / _paid_usdt(rules, 1.0, tape.global_open[bar])
        _depart(tape, rules, now, bar, cycle.return_qty)
        now.phase = HOMEBOUND
    elif now.phase == OUTBOUND:
        cycle.arrival = bar
        _arrive(tape, rules, withdraw_fees, now, cycle.qty, bar)
    else:
        _come_home(tape, rules, withdraw_fees, now, cycle, bar)


@part
def _enter(tape: Tape, rules: Rules, now: Any, cycle: Any, bar: int) -> None:
    """Both legs at once (inventory), or leg 1 and the coins' departure (transfer)."""
    fx = tape.fx_open[_row(tape, bar)]
    krw, usdt = tape.krw_open[bar], tape.global_open[bar]
    high = now.side == HIGH
    slipped = 1.0 + rules.slippage
    qty = rules.notional_krw / (usdt * slipped * fx if high else krw * slipped)
    if rules.qty_step > 0.0:
        qty = np.floor(qty / rules.qty_step + 1e-9) * rules.qty_step
    if qty == 0.0:
        now.phase = FLAT
        return
    cycle.entry = bar
    cycle.qty = qty
    paid_krw = _paid_usdt(rules, qty, usdt) * fx if high else _paid_krw(rules, qty, krw)
    if rules.transfer:
        now.cost_krw = paid_krw
        now.hedges_krw = 0.0
        _depart(tape, rules, now, bar, qty)
        now.phase = OUTBOUND
        return
    got_krw = _got_krw(rules, qty, krw) if high else _got_usdt(rules, qty, usdt) * fx
    now.fixed_krw = got_krw - paid_krw
    now.global_coins = now.side * qty
    now.krw_coins = -now.side * qty
    _hold(tape, now, bar)
    now.deadline = _late_row(tape, rules, bar)
    if now.deadline != FAR:
        now.deadline = bar + np.searchsorted(tape.row[bar : now.own_stop], now.deadline)
    now.phase = HOLDING


@part
def _unwind(tape: Tape, rules: Rules, now: Any, cycle: Any, bar: int) -> None:
    """Reverse both legs of the inventory."""
    fx = tape.fx_open[_row(tape, bar)]
    qty, krw, usdt = cycle.qty, tape.krw_open[bar], tape.global_open[bar]
    if now.side == HIGH:
        flow = _got_usdt(rules, qty, usdt) * fx - _paid_krw(rules, qty, krw)
    else:
        flow = _got_krw(rules, qty, krw) - _paid_usdt(rules, qty, usdt) * fx
    cycle.exit = bar
    _close(now, cycle, bar, now.fixed_krw + flow)


@part
def _depart(tape: Tape, rules: Rules, now: Any, bar: int, qty: float) -> None:
    """Coins bought at `bar` set out; with a hedge they are shorted at the same open."""
    row = _row(tape, bar)
    now.usdt = 0.0
    now.global_coins = qty if now.side == HIGH else 0.0
    now.krw_coins = 0.0 if now.side == HIGH else qty
    now.fixed_krw = now.hedges_krw - now.cost_krw
    if rules.hedge:
        now.short_price, now.short_fx = tape.global_open[bar], tape.fx_open[row]
        now.usdt = qty * now.short_price
        now.global_coins -= qty
        now.fixed_krw -= rules.hedge_fee * qty * now.short_price * now.short_fx
    _hold(tape, now, bar)
    lands_ns = tape.time[row] + rules.transfer_ns
    landing = bar
    while landing < now.own_stop and tape.time[_row(tape, landing)] < lands_ns:
        landing += 1
    now.due = landing if landing < now.own_stop else NONE


@part
def _land(tape: Tape, rules: Rules, withdraw_fees: Floats, now: Any, qty: float, bar: int) -> float:
    """Coins arrive: close their hedge and return how many are left to sell."""
    if rules.hedge:
        price, fx = tape.global_open[bar], tape.fx_open[_row(tape, bar)]
        now.hedges_krw += qty * (now.short_price - price) * fx - rules.hedge_fee * qty * (
            now.short_price * now.short_fx + price * fx
        )
    now.usdt = now.global_coins = now.krw_coins = 0.0
    now.fixed_krw = now.hedges_krw - now.cost_krw
    return max(0.0, qty - float(withdraw_fees[_coin(tape, bar)]))


@part
def _arrive(
    tape: Tape, rules: Rules, withdraw_fees: Floats, now: Any, qty: float, bar: int
) -> None:
    """Leg 1's coins are sold; the cash waits for the return leg."""
    sold = _land(tape, rules, withdraw_fees, now, qty, bar)
    if now.side == HIGH:
        now.proceeds = _got_krw(rules, sold, tape.krw_open[bar])
        now.fixed_krw += now.proceeds
    else:
        now.proceeds = _got_usdt(rules, sold, tape.global_open[bar])
        now.usdt = now.proceeds
    now.deadline = _late_row(tape, rules, bar)
    now.phase = CASH


@part
def _come_home(
    tape: Tape, rules: Rules, withdraw_fees: Floats, now: Any, cycle: Any, bar: int
) -> None:
    """The return leg's coins are sold: the cycle is over."""
    sold = _land(tape, rules, withdraw_fees, now, cycle.return_qty, bar)
    if now.side == HIGH:
        fx = tape.fx_open[_row(tape, bar)]
        final_krw = _got_usdt(rules, sold, tape.global_open[bar]) * fx
    else:
        final_krw = _got_krw(rules, sold, tape.krw_open[bar])
    _close(now, cycle, bar, final_krw - now.cost_krw + now.hedges_krw)


# What an order at the open moves, factor by factor as SPEC §6 writes it: a P&L is a small
# difference of large amounts, and a factor taken first shows in its last digits.


@part
def _paid_krw(rules: Rules, qty: float, price: float) -> float:
    return qty * price * (1.0 + rules.slippage) * (1.0 + rules.krw_fee)


@part
def _got_krw(rules: Rules, qty: float, price: float) -> float:
    return qty * price * (1.0 - rules.slippage) * (1.0 - rules.krw_fee)


@part
def _paid_usdt(rules: Rules, qty: float, price: float) -> float:
    return qty * price * (1.0 + rules.slippage) * (1.0 + rules.global_fee)


@part
def _got_usdt(rules: Rules, qty: float, price: float) -> float:
    return qty * price * (1.0 - rules.slippage) * (1.0 - rules.global_fee)


@part
def _close(now: Any, cycle: Any, bar: int, pnl_krw: float) -> None:
    cycle.last = bar
    cycle.pnl_krw = pnl_krw
    now.realised_krw += pnl_krw
    now.cycles += 1
    now.fixed_krw = now.usdt = now.global_coins = now.krw_coins = 0.0
    now.phase = FLAT


@part
def _hold(tape: Tape, now: Any, bar: int) -> None:
    """From here on the held coin is the one of `bar`, marked at its own closes."""
    now.own = bar
    now.own_stop = tape.coin_stop[_coin(tape, bar)]


# One coin has a bar in every row. That case is worth its branch: each array left alone is a wait
# for memory less, and those waits are most of what a cycle costs.


@part
def _row(tape: Tape, bar: int) -> int:
    return bar if tape.coin_stop.size == 1 else int(tape.row[bar])


@part
def _coin(tape: Tape, bar: int) -> int:
    if tape.coin_stop.size == 1:
        return 0
    return int(np.searchsorted(tape.coin_stop, bar, side="right"))


@part
def _best_bar(tape: Tape, side: float, row: int) -> int:
    """Whose premium is the row's largest (HIGH) or smallest (LOW)."""
    if tape.coin_stop.size == 1:
        return row
    return int(tape.highest_bar[row] if side == HIGH else tape.lowest_bar[row])


@part
def _late_row(tape: Tape, rules: Rules, bar: int) -> int:
    """The first row at which max_hold_bars is over for a hold that begins with `bar`."""
    if rules.max_hold_ns == 0:
        return FAR
    return int(np.searchsorted(tape.time, tape.time[_row(tape, bar)] + rules.max_hold_ns))


@part
def _mark(tape: Tape, now: Any, equity_krw: Floats, row: int) -> None:
    """Write the equity of the rows from `row` on: nothing is executed within them."""
    # One rounding at the size of the capital, whatever the cycle is made of.
    base, fixed = now.capital_krw + now.realised_krw, now.fixed_krw
    usdt, global_coins, krw_coins = now.usdt, now.global_coins, now.krw_coins
    if usdt == 0.0 and global_coins == 0.0 and krw_coins == 0.0:
        equity_krw[:] = base + fixed
        _follow_peak(now, equity_krw[:1])
        return
    own, rows = now.own, equity_krw.size
    first = own if _row(tape, own) == row else own + 1
    final = first + rows - 1
    if final < now.own_stop and _row(tape, final) == row + rows - 1:  # the coin has every bar
        krw_close = tape.krw_close[first : first + rows]
        global_close = tape.global_close[first : first + rows]
        fx_close = tape.fx_close[row : row + rows]
        for at in range(rows):
            usdt_now = usdt + global_coins * global_close[at]
            mark = fixed + usdt_now * fx_close[at] + krw_coins * krw_close[at]
            equity_krw[at] = base + mark
        own = final
    else:
        for at in range(rows):
            if own + 1 < now.own_stop and _row(tape, own + 1) == row + at:
                own += 1
            usdt_now = usdt + global_coins * tape.global_close[own]
            mark = fixed + usdt_now * tape.fx_close[row + at] + krw_coins * tape.krw_close[own]
            equity_krw[at] = base + mark
    now.own = own
    _follow_peak(now, equity_krw)


@part
def _follow_peak(now: Any, equity_krw: Floats) -> None:
    """The deepest fall below a peak needs one division per peak, not one per row."""
    peak, trough, drawdown = now.peak_krw, now.trough_krw, now.drawdown
    for value in equity_krw:
        if value > peak:
            drawdown = max(drawdown, (peak - trough) / peak)
            peak = trough = value
        elif value < trough:
            trough = value
    now.peak_krw, now.trough_krw, now.drawdown = peak, trough, drawdown


@compiled
def drawdowns(equity_krw: Floats, drawdown_pct: Floats, peak_krw: float) -> float:
    """Fill `drawdown_pct` below the running peak that stood at `peak_krw`; return the new peak."""
    peak = peak_krw
    for at in range(equity_krw.size):
        peak = max(peak, float(equity_krw[at]))
        drawdown_pct[at] = 100.0 * ((peak - equity_krw[at]) / peak)
    return peak
