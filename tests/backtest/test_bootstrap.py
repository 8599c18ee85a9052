"""Resampled cycles: the same seed, the same bands; bands that mean something."""

from __future__ import annotations

import numpy as np
import pytest

from app.backtest.bootstrap import PATH_POINTS_MAX, SAMPLES_MAX, bootstrap
from app.domain.problems import Problem

RANKS = ("p5", "p25", "p50", "p75", "p95")


@pytest.fixture(scope="module")
def pnls() -> np.ndarray:
    return np.random.default_rng(5).normal(2.0, 10.0, 300)


def test_a_seed_is_an_answer(pnls: np.ndarray) -> None:
    assert bootstrap(pnls, 1e4, 500, seed=1) == bootstrap(pnls, 1e4, 500, seed=1)
    assert bootstrap(pnls, 1e4, 500, seed=1) != bootstrap(pnls, 1e4, 500, seed=2)


def test_bands_agree_with_theory(pnls: np.ndarray) -> None:
    """The sum of n draws has mean n·m and deviation √n·s; its median lies within a tenth of s."""
    bands = bootstrap(pnls, 1e4, 10_000, seed=3)["final_pnl_krw"]
    mean, deviation = 300 * pnls.mean(), np.sqrt(300) * pnls.std()
    assert bands["p50"] == pytest.approx(mean, abs=0.1 * deviation)
    assert bands["p95"] - bands["p5"] == pytest.approx(2 * 1.645 * deviation, rel=0.05)


def test_bands_are_ordered_and_paths_end_at_the_final_bands(pnls: np.ndarray) -> None:
    told = bootstrap(pnls, 1e4, 400, seed=4)
    for name in ("final_pnl_krw", "roi_pct", "max_drawdown_pct"):
        values = [told[name][rank] for rank in RANKS]
        assert values == sorted(values)
    assert told["paths"]["cycle"][0] == 0
    assert told["paths"]["cycle"][-1] == 300
    assert len(told["paths"]["cycle"]) == PATH_POINTS_MAX
    assert [told["paths"][rank][0] for rank in RANKS] == [0.0] * 5
    ends = [told["paths"][rank][-1] for rank in RANKS]
    assert ends == pytest.approx([told["final_pnl_krw"][rank] for rank in RANKS])


def test_one_cycle_can_only_repeat_itself() -> None:
    told = bootstrap(np.array([-50.0]), 100.0, 20)
    assert told["final_pnl_krw"] == dict.fromkeys(RANKS, -50.0)
    assert told["max_drawdown_pct"] == dict.fromkeys(RANKS, 50.0)
    assert told["loss_pct"] == 100.0


def test_without_cycles_there_is_nothing_to_say() -> None:
    told = bootstrap(np.empty(0), 100.0, 20)
    assert told["cycles"] == 0
    assert told["final_pnl_krw"] == dict.fromkeys(RANKS)
    assert told["loss_pct"] is None


@pytest.mark.parametrize("n", [0, -1, SAMPLES_MAX + 1])
def test_the_number_of_samples_is_limited(n: int) -> None:
    with pytest.raises(Problem) as refused:
        bootstrap(np.ones(3), 100.0, n)
    assert refused.value.errors[0].column == "n"
