"""Windows over time: who chooses, who judges, what is joined."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import numpy as np
import pytest

from app.backtest.cycles import cycles_as_rows
from app.backtest.grid import best, changed, points
from app.backtest.run import run
from app.backtest.series import Aligned, Candles, Coin, Fx, align
from app.backtest.sweep import evaluate
from app.backtest.tape import DAY_NS, SECOND_NS
from app.backtest.walkforward import Walk, drift, stitch, walk, windows
from app.domain.backtests import Axis, Params
from app.domain.problems import Problem
from tests.backtest.builders import T0, aligned_from, market

AXES = (Axis("entry_bps", (100.0, 140.0)), Axis("exit_bps", (0.0, 60.0)))
FIRST_NS = T0 * SECOND_NS


@pytest.fixture(scope="module")
def walked(busy: Aligned, busy_params: Params) -> Walk:
    spans = windows(busy, train_days=4, test_days=2)
    return walk(busy, busy_params, points(AXES), spans, "roi_pct")


def test_windows_follow_one_another(busy: Aligned) -> None:
    spans = windows(busy, train_days=4, test_days=2)
    assert len(spans) == 4
    assert spans[0].train_start == FIRST_NS
    for before, span in pairwise(spans):
        assert span.train_start == before.train_start + 2 * DAY_NS
        assert span.test_start == before.test_end
    assert all(s.train_end - s.train_start == 4 * DAY_NS for s in spans)
    assert all(s.test_start == s.train_end for s in spans)
    assert spans[-1].test_end == FIRST_NS + 12 * DAY_NS


def test_the_last_test_ends_with_the_data(busy: Aligned) -> None:
    [*_, last] = windows(busy, train_days=4, test_days=3)
    assert last.test_start == FIRST_NS + 10 * DAY_NS
    assert last.test_end == FIRST_NS + 12 * DAY_NS


def test_longer_steps_leave_days_between_tests(busy: Aligned) -> None:
    first, second, *_ = windows(busy, train_days=2, test_days=1, step_days=3)
    assert second.test_start - first.test_end == 2 * DAY_NS


def test_no_bar_is_judged_twice(busy: Aligned) -> None:
    with pytest.raises(Problem) as refused:
        windows(busy, train_days=4, test_days=2, step_days=1)
    assert refused.value.errors[0].column == "step_days"


def test_too_short_a_history_is_refused(busy: Aligned) -> None:
    with pytest.raises(Problem) as refused:
        windows(busy, train_days=12, test_days=2)
    assert refused.value.code == "no_window"


def test_training_chooses_what_the_train_window_liked_best(
    busy: Aligned, busy_params: Params, walked: Walk
) -> None:
    grid = points(AXES)
    for judged in walked.windows:
        rows = busy.row_window(judged.window.train_start, judged.window.train_end)
        figures = evaluate(busy, busy_params, grid, rows)
        assert judged.chosen == grid[best(figures, "roi_pct") or 0]
        assert judged.train_metrics == figures[best(figures, "roi_pct") or 0]


def test_every_test_window_is_a_run_of_its_own(busy: Aligned, busy_params: Params) -> None:
    """Alone, with the same capital, the same cycles are finished and the equity is the same."""
    spans = windows(busy, train_days=4, test_days=2)
    grid = points(AXES)
    walked = walk(busy, busy_params, grid, spans, "roi_pct")
    capital, seen = busy_params.initial_capital_krw, 0
    for judged in walked.windows:
        first, stop = busy.row_window(judged.window.test_start, judged.window.test_end)
        params = msgspec.structs.replace(
            changed(busy_params, judged.chosen), initial_capital_krw=capital
        )
        alone = run(_rows_of(busy, first, stop), params)
        size = stop - first
        joined = walked.columns["equity_krw"][seen : seen + size]
        assert joined.tolist() == pytest.approx(alone.columns["equity_krw"].tolist(), rel=1e-12)
        extra = 1 if alone.open_cycle else 0
        assert judged.test_metrics["cycles"] == len(alone.cycles) + extra
        capital, seen = float(joined[-1]), seen + size
    assert seen == walked.columns["equity_krw"].size
    assert walked.metrics["final_equity_krw"] == capital


def test_an_open_cycle_ends_at_its_mark_with_the_window() -> None:
    """Rich in every window and never level again: each test ends with a cycle cut off."""
    aligned = aligned_from([market("BTC", [100.0] * 3 * 1440)], [(0, 1000.0)])
    params = Params(entry_bps=90.0, exit_bps=-500.0)
    walked = walk(aligned, params, [{}], windows(aligned, 1, 1), "roi_pct")
    rows = cycles_as_rows(walked.cycles, walked.fills, walked.bases)
    assert [row["reason"] for row in rows] == ["window_end", "window_end"]
    assert [len(row["fills"]) for row in rows] == [2, 2]
    assert rows[0]["t_exit"] == T0 + 2 * 86_400 - 60
    assert rows[0]["out_bps"] is None
    capital = params.initial_capital_krw
    total = sum(row["pnl_krw"] for row in rows)
    assert walked.metrics["total_pnl_krw"] == pytest.approx(total)
    assert walked.metrics["final_equity_krw"] == pytest.approx(capital + total, rel=1e-12)
    assert walked.metrics["captured_bps"] is None


def test_only_tests_are_joined_and_drawdown_runs_through(walked: Walk, busy: Aligned) -> None:
    columns = walked.columns
    assert columns["time_s"][0] == T0 + 4 * 86_400
    assert columns["time_s"].size == 8 * 1440
    assert np.all(np.diff(columns["time_s"]) > 0)
    peak = np.maximum.accumulate(np.append(1e8, columns["equity_krw"]))[1:]
    expected = 100 * (peak - columns["equity_krw"]) / peak
    assert columns["drawdown_pct"] == pytest.approx(expected, abs=1e-12)
    assert walked.metrics["max_drawdown_pct"] == pytest.approx(expected.max())
    assert walked.metrics["cycles"] == sum(
        judged.test_metrics["cycles"] or 0 for judged in walked.windows
    )
    assert np.all(np.diff(walked.fills["cycle"]) >= 0)


def test_lost_capital_ends_the_walk(busy: Aligned, busy_params: Params) -> None:
    ruin = msgspec.structs.replace(
        busy_params, entry_bps=-1e6, exit_bps=1e6, slippage_bps=5_000.0, notional_krw=1e9
    )
    spans = windows(busy, 4, 2)
    walked = stitch(busy, ruin, spans, [{}] * 4, [{}] * 4)
    assert len(walked.windows) == 1
    assert float(walked.metrics["final_equity_krw"] or 0) < 0


def test_drift_tells_how_choices_wander(walked: Walk) -> None:
    for axis, told in zip(AXES, drift(AXES, walked.windows), strict=True):
        values = [judged.chosen[axis.name] for judged in walked.windows]
        assert told["values"] == values
        assert told["changes"] == sum(a != b for a, b in pairwise(values))
        assert told["usual_pct"] == 100 * values.count(told["usual"]) / len(values)


def test_progress_counts_points_of_all_windows(busy: Aligned, busy_params: Params) -> None:
    told: list[tuple[int, int]] = []
    spans = windows(busy, 4, 4)
    grid = points(AXES)
    walk(busy, busy_params, grid, spans, "roi_pct", lambda *step: told.append(step))
    assert told == [(done, 8) for done in range(1, 9)]


def _rows_of(aligned: Aligned, first: int, stop: int) -> Aligned:
    """The same market, aligned over these rows only."""
    tape, coins = aligned.tape, []
    for coin, base in enumerate(aligned.bases):
        bars = aligned.coin_bars(coin)
        begin, end = bars.start + np.searchsorted(tape.row[bars], [first, stop])
        part = slice(begin, end)
        time = tape.time[tape.row[part]]
        krw, glob = (
            Candles(time, opened[part], opened[part], opened[part], closed[part])
            for opened, closed in (
                (tape.krw_open, tape.krw_close),
                (tape.global_open, tape.global_close),
            )
        )
        coins.append(Coin(base, krw, glob))
    return align(coins, Fx.fixed(1000.0), aligned.timeframe_ns // SECOND_NS)
