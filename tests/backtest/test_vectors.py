"""The specification's own cases, and a few small ones that are always here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.backtest.cycles import cycles_as_rows
from app.backtest.run import Result, run
from app.domain.backtests import Params
from tests.backtest.builders import T0, aligned_from, market
from tests.backtest.oracle import Market

RELATIVE = 1e-9
NAMES = [
    "inventory_high",
    "inventory_low_fx_moves",
    "inventory_both_max_hold_gaps",
    "inventory_two_coins_step",
    "transfer_high_fee",
    "transfer_low_two_coins_hedged",
    "transfer_high_two_coins_rotation_hedged",
    "transfer_instant",
    "window",
    "no_trades",
    "pending_order_coin_never_trades_again",
    "pending_order_over_a_gap",
    "max_hold_and_target_together",
    "stale_mark_fx",
    "stale_p",
    "arrival_bar_missing_max_hold",
    "fx_known_exactly_at_bar",
    "hedge_transfer_bars_0",
    "exit_signal_at_close_of_entry_bar",
    "both_tie_and_low_side",
    "window_end_off_grid",
    "withdraw_fee_above_qty",
    "day_without_bars",
    "qty_step_exact_multiple",
]


@pytest.fixture(scope="session")
def vectors(shared: Path) -> dict[str, dict[str, Any]]:
    cases = json.loads((shared / "spec" / "backtest_vectors.json").read_text())["cases"]
    return {case["name"]: case for case in cases}


def test_every_vector_is_run(vectors: dict[str, dict[str, Any]]) -> None:
    assert sorted(vectors) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_vector(vectors: dict[str, dict[str, Any]], name: str) -> None:
    case = vectors[name]
    markets = [Market(m["base"], m["krw"], m["global_"]) for m in case["markets"]]
    aligned = aligned_from(
        markets, case["fx_known_at"], case["timeframe_s"], case["start"], case["end"]
    )
    result = run(aligned, msgspec.convert(case["params"], Params))
    expected = case["expected"]
    assert result.bars == expected["bars"]
    assert_close(_cycles(result), expected["cycles"])
    assert_close({key: result.metrics[key] for key in expected["metrics"]}, expected["metrics"])
    assert (result.open_cycle is not None) == expected["open_cycle"]
    equity = result.columns["equity_krw"]
    ends = [float(equity[0]), float(equity[-1]), float(equity.min())]
    assert_close(ends, [expected[f"equity_{end}"] for end in ("first", "last", "min")])


def test_a_high_inventory_cycle_by_hand() -> None:
    """100 USDT at 1,000 KRW; 100 bps rich at the close of bar 1, level again at that of bar 3."""
    result = run(
        aligned_from([market("BTC", [0, 100, 100, 0, 0])], [(0, 1000.0)]),
        Params(entry_bps=100.0, exit_bps=0.0, notional_krw=1e6, slippage_bps=0.0),
    )
    # q = 10^6 / (100 · 1,000) = 10. In at bar 2's open: sell at 101,000, buy at 100 USDT.
    # Out at bar 4's open: buy at 100,000, sell at 100 USDT.
    flows = 10 * 101_000 * 0.9995 - 10 * 100 * 1.001 * 1000
    flows += 10 * 100 * 0.999 * 1000 - 10 * 100_000 * 1.0005
    [row] = cycles_as_rows(result.cycles, result.fills, result.bases)
    assert (row["t_entry"], row["t_exit"]) == (T0 + 120, T0 + 240)
    assert row["qty"] == pytest.approx(10.0, rel=1e-12)
    assert row["pnl_krw"] == pytest.approx(flows, rel=1e-12)
    assert row["in_bps"] == pytest.approx(100.0)
    assert row["out_bps"] == pytest.approx(0.0, abs=1e-9)
    assert row["net_bps"] == pytest.approx(flows / 1e6 * 1e4)
    assert row["fees_krw"] == pytest.approx(505 + 1000 + 500 + 1000)
    assert result.metrics["turnover_krw"] == pytest.approx(1.01e6 + 3e6)


def test_a_hedged_transfer_cycle_by_hand() -> None:
    """Bought abroad, sold in Korea one bar later, back by the same coin, both transits shorted."""
    times = [T0 + 60 * place for place in range(7)]
    opens_k = [100_000, 100_000, 101_000, 101_500, 100_000, 100_200, 100_300]
    closes_k = [100_000, 101_000, 101_500, 100_000, 100_200, 100_300, 100_300]
    opens_g = [100, 100, 100, 100.5, 101, 101, 102]
    closes_g = [100, 100, 100.5, 101, 101, 102, 102]
    coin = Market(
        "BTC",
        list(zip(times, map(float, opens_k), map(float, closes_k), strict=True)),
        list(zip(times, map(float, opens_g), map(float, closes_g), strict=True)),
    )
    params = Params(
        style=msgspec.convert("transfer", type(Params().style)),
        entry_bps=90.0,
        exit_bps=-50.0,
        notional_krw=1e6,
        slippage_bps=0.0,
        krw_fee_bps=0.0,
        global_fee_bps=0.0,
        transfer_bars=1,
        withdraw_fee={"BTC": 1.0},
        hedge=True,
    )
    result = run(aligned_from([coin], [(0, 1000.0)]), params)
    # Signal at bar 1, q = 10 bought at bar 2 (100), 9 sold at bar 3 (101,500): 913,500 KRW.
    # Signal at bar 3 (−99 bps): bought at bar 4 (100,000): 9.135; 8.135 sold at bar 5 (101 USDT).
    hedges = 10 * (100 - 100.5) * 1000 - 0.0004 * 10 * (100 + 100.5) * 1000
    hedges += -0.0004 * 9.135 * (101 + 101) * 1000
    pnl = 8.135 * 101 * 1000 - 1_000_000 + hedges
    [row] = cycles_as_rows(result.cycles, result.fills, result.bases)
    assert row["pnl_krw"] == pytest.approx(pnl, rel=1e-12)
    assert [fill["quantity"] for fill in row["fills"]] == pytest.approx([10, 9, 9.135, 8.135])
    assert [(f["venue"], f["side"]) for f in row["fills"]] == [
        ("global", "buy"),
        ("krw", "sell"),
        ("krw", "buy"),
        ("global", "sell"),
    ]
    assert sum(fill["amount_krw"] for fill in row["hedge_fills"]) == pytest.approx(hedges)


def assert_close(ours: Any, theirs: Any) -> None:
    """Equal, and numbers equal to a relative 1e-9."""
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys()
        for key, value in theirs.items():
            assert_close(ours[key], value)
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs)
        for our, their in zip(ours, theirs, strict=True):
            assert_close(our, their)
    elif isinstance(theirs, float):
        assert ours == pytest.approx(theirs, rel=RELATIVE, abs=0.0)
    else:
        assert ours == theirs


def _cycles(result: Result) -> list[dict[str, Any]]:
    rows = cycles_as_rows(result.cycles, result.fills, result.bases)
    names = ["direction", "base", "t_entry", "t_exit", "qty", "pnl_krw", "reason"]
    return [
        {name: row[name] for name in names}
        | ({"return_base": row["return_base"]} if row["return_base"] else {})
        for row in rows
    ]
