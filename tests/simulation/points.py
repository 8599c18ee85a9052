"""python -m tests.simulation.points [all|N] [SEED]: one story, crashed at its points in turn.

all: at every one of them; N: at N of them, evenly apart.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from functools import partial

from tests.simulation.many import crashed


def main(words: list[str]) -> int:
    count, seed = (*words, *("all", "3")[len(words) :])
    points = crashed(int(seed), None).points
    every = 1 if count == "all" else max(1, points // int(count))
    violations = 0
    wanted = range(1, points + 1, every)
    workers = int(os.environ.get("WORKERS", os.cpu_count() or 1))
    with multiprocessing.get_context("spawn").Pool(workers, maxtasksperchild=400) as pool:
        for number, told in enumerate(pool.imap(partial(crashed, int(seed)), wanted, chunksize=4)):
            if told.violations:
                violations += len(told.violations)
                sys.stdout.write(f"point {wanted[number]}: {'; '.join(told.violations[:4])}\n")
                sys.stdout.flush()
    sys.stdout.write(f"{len(wanted)} of {points} points, {violations} violations\n")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
