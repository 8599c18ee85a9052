"""A slice of the simulation: `python3 dev.py sim SEEDS=10000` is the long one.

Real code on virtual time: any violation that is printed can be played again by its seed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.__main__ import RARE, Sums
from tests.simulation.chaos import QUIET, WORST, Odds
from tests.simulation.hazards import ELSEWHERE, HAZARDS
from tests.simulation.many import alone
from tests.simulation.store import Disk
from tests.simulation.story import Story

ROOT = Path(__file__).resolve().parents[2]
SLICE = int(os.environ.get("SIM_SEEDS", "60"))
"""Seeds of this test; the base moves with the run's number, so that every run looks elsewhere."""
BASE = 1 + 1_000 * (int(os.environ.get("GITHUB_RUN_NUMBER", "0")) % 1_000)
POINTS = 16
"""Of all the points of one cycle, those that this test crashes at."""
REGRESSIONS = [
    int(line.split()[0])
    for line in (Path(__file__).parent / "regressions.txt").read_text().splitlines()
    if line and not line.startswith("#")
]
ROOMS = (
    "app.engine.core", "app.engine.execution.trading", "app.engine.risk.manager",
    "app.engine.execution.questions", "app.ledger.cycles", "app.ledger.intents",
    "app.ledger.posting", "app.ledger.leases", "app.ledger.audit", "app.exchanges.accounts.upbit",
    "app.exchanges.accounts.binance", "app.runtime.trading.life", "app.runtime.trading.recorder",
    "app.runtime.trading.gateway", "app.runtime.trading.recovery",
    "app.runtime.trading.reconcile", "app.runtime.trading.auditor",
    "app.runtime.trading.ports.live", "app.runtime.trading.session",
)  # fmt: skip


def test_nothing_goes_wrong_where_nothing_goes_wrong(disk: Disk) -> None:
    told = Story(disk, 3, QUIET, has_troubles=False).play()
    assert told.violations == []
    assert told.crashes == 0
    assert sum(told.cycles[end] for end in told.cycles if end.startswith("COMPLETED")) >= 2


@pytest.mark.parametrize("seed", range(BASE, BASE + SLICE))
def test_a_seed_has_no_violation(disk: Disk, seed: int) -> None:
    assert Story(disk, seed).play().violations == []


@pytest.mark.parametrize("seed", REGRESSIONS)
def test_what_once_failed_holds(disk: Disk, seed: int) -> None:
    assert Story(disk, seed, instances=3 if seed % 4 == 0 else 2).play().violations == []


def test_the_same_seed_is_the_same_story_in_another_process(disk: Disk) -> None:
    """I15: also where texts hash otherwise."""
    script = (
        "from tests.simulation.store import Disk; from tests.simulation.story import *;"
        "quiet_logs(); print(Story(Disk(), 6).play().trace)"
    )
    traces = set()
    for number in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": number}
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, env=environment, check=True,
            capture_output=True, text=True,
        )  # fmt: skip
        traces.add(done.stdout.strip())
    assert traces == {Story(disk, 6).play().trace}


def test_a_crash_at_any_point_of_a_cycle_loses_and_doubles_nothing(disk: Disk) -> None:
    """A sample here; `python3 dev.py sim POINTS=all` crashes at every one of them."""
    points = alone(disk, 3, None).play().points
    for point in range(1, points, max(1, points // POINTS)):
        told = alone(disk, 3, point).play()
        assert told.violations == [], point


def test_a_database_that_only_ever_hesitates_stops_nothing(disk: Disk) -> None:
    odds = Odds(database_busy=WORST.database_busy * 5, commit_unknown=WORST.commit_unknown * 5)
    for seed in (2, 3):
        assert Story(disk, seed, odds, has_troubles=False).play().violations == []


def test_it_is_the_product_that_is_simulated() -> None:
    """No stand-in of ours for any room that decides, keeps or sends."""
    for name in ROOMS:
        assert name in sys.modules, name
        assert Path(sys.modules[name].__file__ or "").is_relative_to(ROOT / "app")


def test_every_hazard_is_met_here_or_said_to_be_elsewhere() -> None:
    assert set(HAZARDS) | set(ELSEWHERE) == set(range(1, 69))
    assert not set(HAZARDS) & set(ELSEWHERE)


@pytest.mark.parametrize("number", ELSEWHERE)
def test_where_a_hazard_is_said_to_be_it_is(number: int) -> None:
    file, _, function = ELSEWHERE[number].test.partition("::")
    assert f"def {function}(" in (ROOT / file).read_text()


def test_a_row_that_no_seed_reaches_fails_a_long_run(capsys: pytest.CaptureFixture[str]) -> None:
    sums = Sums()
    sums.seeds = RARE - 1
    assert sums.report(1.0, 1) == 0
    sums.seeds = RARE
    assert sums.report(1.0, 1) == 1
    assert "FAILED → DEAD_LETTER" in capsys.readouterr().out
