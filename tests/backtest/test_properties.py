"""What must hold whatever the market does."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.backtest import play as playing
from app.backtest.lookahead import lookahead
from app.backtest.play import Curves, play
from app.backtest.run import Result, run
from app.backtest.series import EVER_NS, Aligned, Candles, Coin, Fx, align, until
from app.backtest.sweep import evaluate
from app.domain.backtests import Params, Style
from tests.backtest.builders import (
    SECOND_NS,
    aligned_from,
    candles,
    params_from,
    random_case,
    rates,
)

SEEDS = st.integers(min_value=10_000, max_value=10**9)


def aligned_and_params(seed: int) -> tuple[Aligned, Params]:
    case = random_case(seed)
    strategy = case.pop("strategy")
    return aligned_from(**case), params_from(strategy)


@settings(max_examples=80, deadline=None)
@given(seed=SEEDS)
def test_without_the_future_the_past_stays(seed: int) -> None:
    case = random_case(seed)
    coins = [Coin(m.base, candles(m.krw), candles(m.glob)) for m in case["markets"]]
    fx = rates(case["fx"])

    def build(cut_ns: int | None) -> Aligned:
        known = (coins, fx) if cut_ns is None else until(coins, fx, cut_ns)
        return align(*known, case["timeframe_s"])

    verdict = lookahead(build, params_from(case["strategy"]), cuts=30)
    assert verdict["ok"], verdict["first_difference"]


def test_a_signal_that_knows_the_next_close_is_caught(busy: Aligned, busy_params: Params) -> None:
    def build(cut_ns: int | None) -> Aligned:
        rows = busy.rows if cut_ns is None else busy.row_window(EVER_NS, cut_ns)[1]
        known = _first_rows(busy, rows)
        early = {name: np.roll(getattr(known.tape, name), -1) for name in ("highest", "lowest")}
        return dataclasses.replace(known, tape=known.tape._replace(**early))

    verdict = lookahead(build, busy_params)
    assert not verdict["ok"]
    assert verdict["first_difference"]["what"] == "signal_in"


def _first_rows(aligned: Aligned, rows: int) -> Aligned:
    """As if the data had ended there."""
    coins = []
    for coin, base in enumerate(aligned.bases):
        bars = aligned.coin_bars(coin)
        tape, time = aligned.tape, aligned.tape.time[aligned.tape.row[bars]]
        stop = int(np.searchsorted(aligned.tape.row[bars], rows))
        sides = [(tape.krw_open, tape.krw_close), (tape.global_open, tape.global_close)]
        krw, glob = (
            Candles(time[:stop], o[bars][:stop], o[bars][:stop], o[bars][:stop], c[bars][:stop])
            for o, c in sides
        )
        coins.append(Coin(base, krw, glob))
    return align(coins, Fx.fixed(1000.0), aligned.timeframe_ns // SECOND_NS)


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, chunk_rows=st.integers(min_value=1, max_value=80))
def test_the_size_of_a_chunk_changes_no_bit(seed: int, chunk_rows: int) -> None:
    aligned, params = aligned_and_params(seed)
    whole, pieces = (Curves(np.empty(aligned.rows), np.empty(aligned.rows)) for _ in range(2))
    once = play(aligned, params, curves=whole)
    often = play(aligned, params, curves=pieces, chunk_rows=chunk_rows)
    assert once.cycles.tobytes() == often.cycles.tobytes()
    assert once.daily_krw.tobytes() == often.daily_krw.tobytes()
    assert once.state.tobytes() == often.state.tobytes()
    assert whole.equity_krw.tobytes() == pieces.equity_krw.tobytes()
    assert whole.drawdown_pct.tobytes() == pieces.drawdown_pct.tobytes()


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS)
def test_a_window_of_rows_is_a_run_over_those_rows(seed: int) -> None:
    """Walk-forward plays windows of one alignment; a run aligns the window itself."""
    case = random_case(seed)
    case["start"] = case["end"] = None
    strategy = case.pop("strategy")
    whole = aligned_from(**case)
    if whole.rows < 3:
        return
    first, stop = whole.rows // 3, whole.rows * 5 // 6
    edges = [int(whole.tape.time[row]) // SECOND_NS for row in (first, stop)]
    alone = aligned_from(**(case | {"start": edges[0], "end": edges[1]}))
    params = params_from(strategy)
    part = play(whole, params, window=(first, stop))
    own = play(alone, params)
    assert part.cycles["pnl_krw"].tolist() == own.cycles["pnl_krw"].tolist()
    assert part.final_krw == own.final_krw
    assert part.daily_krw.tolist() == own.daily_krw.tolist()


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, entry_bps=st.sampled_from([-60.0, 0.0, 40.0, 80.0]))
def test_a_row_of_a_sweep_is_a_run(seed: int, entry_bps: float) -> None:
    aligned, params = aligned_and_params(seed)
    [row] = evaluate(aligned, params, [{"entry_bps": entry_bps, "max_hold_bars": 3.0}])
    alone = run(aligned, msgspec.structs.replace(params, entry_bps=entry_bps, max_hold_bars=3))
    assert row == alone.metrics


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS)
def test_pnl_is_the_sum_of_the_fills(seed: int) -> None:
    """Inventory books every flow in won; a high transfer pays leg 1 and gets the last sale."""
    aligned, params = aligned_and_params(seed)
    result = run(aligned, params)
    for place, cycle in enumerate(result.cycles):
        fills = result.fills[result.fills["cycle"] == place]
        assert np.all(np.diff(fills["time"]) >= 0)
        own = fills[~fills["hedge"]]
        if params.style is Style.INVENTORY:
            booked = own["amount_krw"].sum()
        else:
            booked = own["amount_krw"][0] + own["amount_krw"][3]
            booked += fills["amount_krw"][fills["hedge"]].sum()
        slack = 1e-12 * params.notional_krw
        assert cycle["pnl_krw"] == pytest.approx(booked, rel=1e-9, abs=slack)


def test_progress_is_told_in_bars_and_a_run_can_be_stopped(busy: Aligned) -> None:
    told: list[tuple[int, int]] = []
    run(busy, Params(), lambda done, total: told.append((done, total)))
    assert len(told) >= 10
    assert told[-1] == (busy.bars, busy.bars)
    assert [done for done, _ in told] == sorted({done for done, _ in told})

    class Stopped(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        run(busy, Params(), stop)


def test_a_long_run_moves_its_progress_forty_times() -> None:
    rows = 1_000_000
    assert rows / playing._chunk_rows(rows) >= 20


@pytest.mark.parametrize("style", list(Style))
def test_more_cycles_than_one_chunk_holds(busy: Aligned, style: Style) -> None:
    """In and out at every second row: the list of cycles must grow while the run goes on."""
    params = Params(style=style, entry_bps=-1e6, exit_bps=1e6, transfer_bars=0)
    result = run(busy, params)
    assert result.metrics["cycles"] == (busy.rows - 1) // 2
    _curves_are_whole(result, busy)


def _curves_are_whole(result: Result, aligned: Aligned) -> None:
    columns: dict[str, Any] = result.columns
    assert {column.size for column in columns.values()} == {aligned.rows}
    assert all(np.isfinite(column).all() for column in columns.values())
    assert (columns["drawdown_pct"] >= 0).all()
    assert result.metrics["max_drawdown_pct"] == columns["drawdown_pct"].max()
