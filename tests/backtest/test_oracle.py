"""The kernel against a second reading of SPEC §6, on 500 hostile little markets."""

from __future__ import annotations

import pytest

from app.backtest.cycles import cycles_as_rows
from app.backtest.run import run
from tests.backtest.builders import aligned_from, params_from, random_case
from tests.backtest.oracle import Oracle

RELATIVE = 1e-9
CASES = 500
GROUP = 50


@pytest.mark.parametrize("first", range(0, CASES, GROUP))
def test_kernel_and_oracle_agree(first: int) -> None:
    for seed in range(first, first + GROUP):
        _agree(seed)


def test_the_cases_are_not_idle() -> None:
    """Agreement on markets in which nothing happens would mean little."""
    seen: set[str] = set()
    finished = 0
    for seed in range(CASES):
        case = random_case(seed)
        strategy = case.pop("strategy")
        result = run(aligned_from(**case), params_from(strategy))
        finished += len(result.cycles)
        for row in cycles_as_rows(result.cycles, result.fills, result.bases):
            seen |= {f"{strategy.style} {row['direction']} {row['reason']}"}
            seen |= {"rotation"} if row["return_base"] not in (None, row["base"]) else set()
        seen |= {f"open {result.open_cycle['state']}"} if result.open_cycle else set()
        seen |= {"pending"} if result.pending_order else set()
        seen |= {"no bars"} if not result.bars else set()
    assert finished > CASES
    assert seen >= {
        f"{style} {direction} {reason}"
        for style in ("inventory", "transfer")
        for direction in ("high", "low")
        for reason in ("target", "max_hold")
    }
    assert seen >= {f"open {state}" for state in ("holding", "exiting", "outbound", "cash")}
    assert seen >= {"open returning", "open homebound", "pending", "rotation", "no bars"}


def _agree(seed: int) -> None:
    case = random_case(seed)
    strategy = case.pop("strategy")
    result = run(aligned_from(**case), params_from(strategy))
    said = Oracle(
        case["markets"], case["fx"], case["timeframe_s"], strategy, case["start"], case["end"]
    ).play()
    close = lambda value: pytest.approx(value, rel=RELATIVE, abs=0.0)  # noqa: E731
    capital = strategy.initial_capital_krw
    assert result.bars == said.bars, seed
    assert result.columns["time_s"].tolist() == [t for t, _ in said.equity], seed
    assert result.columns["equity_krw"].tolist() == close([value for _, value in said.equity]), seed
    rows = cycles_as_rows(result.cycles, result.fills, result.bases)
    assert len(rows) == len(said.cycles), seed
    for row, cycle in zip(rows, said.cycles, strict=True):
        for name in ("direction", "base", "return_base", "t_entry", "t_exit", "reason"):
            assert row[name] == getattr(cycle, name), (seed, name)
        assert row["qty"] == close(cycle.qty), seed
        # A P&L is the small difference of amounts of the size of the notional.
        assert row["pnl_krw"] == pytest.approx(cycle.pnl_krw, rel=RELATIVE, abs=1e-9), seed
    assert (result.open_cycle is None) == (said.open_cycle is None), seed
    if said.open_cycle:
        assert result.open_cycle
        assert result.open_cycle["mark_krw"] == pytest.approx(said.open_mark, rel=1e-9, abs=1e-7)
        assert result.open_cycle["t_entry"] == said.open_cycle.t_entry, seed
    for name, value in said.metrics.items():
        ours = result.metrics[name]
        if value is None or ours is None:
            assert ours is value, (seed, name)
        else:
            slack = capital * 1e-14 if name.endswith("krw") else 1e-10
            assert ours == pytest.approx(value, rel=RELATIVE, abs=slack), (seed, name)
