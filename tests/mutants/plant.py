"""Plant: a copy of kimp with one bug in it, and what the simulation says of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.mutants.planted import Bug

REPOSITORY = Path(__file__).resolve().parents[2]
NEEDED = ("app", "alembic", "alembic.ini", "pyproject.toml", "static", "tests", "tools")
SEEDS_MAX = 2_000
SECONDS_MAX = 1_800


class Verdict(NamedTuple):
    """said: the line that tells by which seed it was caught."""

    bug: Bug
    caught: bool
    said: str


@contextmanager
def planted(bug: Bug) -> Iterator[Path]:
    """A tree with this bug in it."""
    with tempfile.TemporaryDirectory(prefix="kimp-mutant-") as folder:
        tree = Path(folder)
        for name in NEEDED:
            there = REPOSITORY / name
            if there.is_dir():
                shutil.copytree(
                    there, tree / name, ignore=shutil.ignore_patterns("__pycache__", ".cache")
                )
            elif there.exists():
                shutil.copy(there, tree / name)
        path = tree / bug.path
        text = path.read_text()
        assert text.count(bug.was) == 1, f"{bug.name}: {bug.path} is not as it was"
        path.write_text(text.replace(bug.was, bug.now))
        yield tree


def judged(bug: Bug, seeds: int = SEEDS_MAX, first: int = 1) -> Verdict:
    """Through the simulation, until one seed finds it."""
    with planted(bug) as tree:
        return simulated(bug, tree, seeds, first)


def simulated(bug: Bug, tree: Path, seeds: int, first: int) -> Verdict:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "tests.simulation", str(seeds), str(first)],
            cwd=tree,
            env={**os.environ, "KIMP_SIM_FIRST": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Verdict(bug, caught=False, said=f"nothing within {SECONDS_MAX} s")
    lines = (done.stdout + done.stderr).strip().splitlines() or ["it said nothing"]
    said = next((line for line in lines if "SEED=" in line), lines[-1])
    return Verdict(bug, caught=done.returncode != 0 and "SEED=" in said, said=said)
