"""python -m tests.simulation.points [SEED]: one story, crashed at each of its points in turn."""

from __future__ import annotations

import multiprocessing
import os
import sys
from functools import partial

from tests.simulation.many import crashed


def main(words: list[str]) -> int:
    seed = int(words[0]) if words else 3
    every = int(words[1]) if len(words) > 1 else 1
    points = crashed(seed, None).points
    violations = 0
    with multiprocessing.get_context("spawn").Pool(os.cpu_count() or 1) as pool:
        wanted = range(1, points + 1, every)
        for number, told in enumerate(pool.imap(partial(crashed, seed), wanted, chunksize=4)):
            if told.violations:
                violations += len(told.violations)
                sys.stdout.write(f"point {wanted[number]}: {'; '.join(told.violations[:4])}\n")
    sys.stdout.write(f"{len(wanted)} of {points} points, {violations} violations\n")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
