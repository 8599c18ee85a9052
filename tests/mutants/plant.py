"""Plant: a copy of kimp with one bug in it, and what the simulation says of it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from tests.mutants.planted import Bug

REPOSITORY = Path(__file__).resolve().parents[2]
NEEDED = ("app", "alembic", "alembic.ini", "pyproject.toml", "static", "tests", "tools")
SEEDS_MAX = 2_000
SECONDS_MAX = 1_800
LOOK_S = 0.2
SEED = re.compile(r"seed \d+: ")
"""How the simulation begins to tell of one that failed."""


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
    """Ended at the first seed that fails: one is enough."""
    with (tree / "said").open("w+") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.simulation", str(seeds), str(first)],
            cwd=tree,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        latest_s = time.monotonic() + SECONDS_MAX
        try:
            while process.poll() is None and time.monotonic() < latest_s:
                time.sleep(LOOK_S)
                if _seed_of(tree):
                    break
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    line = _seed_of(tree)
    text = (tree / "said").read_text().strip().splitlines()
    return Verdict(bug, line is not None, line or (text[-1] if text else "it said nothing"))


def _seed_of(tree: Path) -> str | None:
    lines = (tree / "said").read_text().splitlines()
    return next((line for line in lines if SEED.match(line)), None)
