"""The look-ahead check: without the rows after a cut, everything before it must stay the same."""

from __future__ import annotations

from collections.abc import Callable
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np

from app.backtest.play import Curves, Played, play
from app.backtest.series import EVER_NS, Aligned
from app.backtest.tape import NONE, SECOND_NS, Floats, Ints
from app.domain.backtests import Params, Style

CUTS = 12

Decision = tuple[int, str, str, float]  # ns, what, coin, quantity


class _Told(NamedTuple):
    """A played run as far as it can be compared."""

    time: Ints
    equity_krw: Floats
    decisions: list[Decision]


def lookahead(
    build: Callable[[int | None], Aligned], params: Params, cuts: int = CUTS
) -> dict[str, Any]:
    """Run on the whole, then without what lies after each of `cuts` moments, and compare.

    `build(None)` aligns everything, `build(cut_ns)` what was known at the cut (`series.until`).
    Every second cut falls on the bar right after a decision, where an order waits for its bar; the
    others lie evenly. checked: decisions compared, over all cuts. first_difference: {cut, at, what,
    whole, truncated}, times in epoch seconds, or None.
    """
    aligned = build(None)
    whole = _told(aligned, params, aligned.rows)
    moments = _moments(whole, cuts)
    checked = 0
    for cut in moments:
        known = build(cut)
        truncated = _told(known, params, known.rows)
        # The whole run as it stood at the cut, with all of the future at hand: an order that comes
        # to nothing later (its quantity rounds to zero) is still among its decisions here.
        stood = _told(aligned, params, aligned.row_window(EVER_NS, cut)[1])
        checked += len(stood.decisions)
        difference = _difference(whole, stood, truncated, cut)
        if difference:
            return _verdict(moments, checked, difference)
    return _verdict(moments, checked, None)


def _told(aligned: Aligned, params: Params, stop: int) -> _Told:
    curves = Curves(np.empty(stop), np.empty(stop))
    played = play(aligned, params, (0, stop), curves)
    decisions = _decisions(aligned, params, played)
    return _Told(aligned.tape.time[:stop], curves.equity_krw, decisions)


def _decisions(aligned: Aligned, params: Params, played: Played) -> list[Decision]:
    """Every signal and every fill in order of time, of the open cycle and a waiting order too."""
    steps = ["signal_in", "entry", "arrival", "signal_out", "exit", "last"]
    if params.style is Style.INVENTORY:
        steps.remove("last")  # the same bar as its exit
    tape = aligned.tape
    found = []
    for cycle in np.concatenate([played.cycles, played.open_cycle]):
        for step in steps:
            bar = int(cycle[step])
            if bar != NONE:
                qty = 0.0
                if step not in ("signal_in", "signal_out"):
                    qty = float(cycle["return_qty" if step in ("exit", "last") else "qty"])
                at = int(tape.time[tape.row[bar]])
                found.append((at, step, aligned.bases[aligned.coin_of(bar)], qty))
    return found


def _moments(whole: _Told, cuts: int) -> list[int]:
    """Distinct cuts in order of time."""
    if not whole.time.size:
        return []
    evenly = np.linspace(0, whole.time.size - 1, cuts - cuts // 2 + 2)[1:-1].astype(np.int64)
    moments = {int(whole.time[row]) for row in evenly}
    if whole.decisions:
        picks = np.linspace(0, len(whole.decisions) - 1, cuts // 2).astype(np.int64)
        rows = np.searchsorted(whole.time, [whole.decisions[pick][0] for pick in picks]) + 1
        moments |= {int(whole.time[row]) for row in rows if row < whole.time.size}
    return sorted(moments)


def _difference(whole: _Told, stood: _Told, truncated: _Told, cut: int) -> dict[str, Any] | None:
    """The first place at which the truncated run tells another story."""
    if not np.array_equal(stood.time, truncated.time):
        sizes = {"whole": stood.time.size, "truncated": truncated.time.size}
        return {"cut": cut, "at": cut, "what": "bars"} | sizes
    for ours, theirs in zip_longest(stood.decisions, truncated.decisions):
        if ours != theirs:
            at, what, *_ = ours or theirs
            return {"cut": cut, "at": at, "what": what, "whole": ours, "truncated": theirs}
    before = whole.equity_krw[: truncated.time.size]
    other = np.flatnonzero(before != truncated.equity_krw)
    if other.size:
        row = int(other[0])
        values = {"whole": float(before[row]), "truncated": float(truncated.equity_krw[row])}
        return {"cut": cut, "at": int(whole.time[row]), "what": "equity"} | values
    return None


def _verdict(moments: list[int], checked: int, difference: dict[str, Any] | None) -> dict[str, Any]:
    if difference:
        for key in ("cut", "at"):
            difference[key] //= SECOND_NS
        for key in ("whole", "truncated"):
            if isinstance(difference[key], tuple):
                at, what, base, qty = difference[key]
                difference[key] = {"at": at // SECOND_NS, "what": what, "base": base, "qty": qty}
    return {
        "cuts": len(moments),
        "checked": checked,
        "ok": difference is None,
        "first_difference": difference,
    }
