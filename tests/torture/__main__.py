"""python -m tests.torture KILLS DATABASE [SEED [INSTANCES]]: 0 only where nothing is amiss."""

from __future__ import annotations

import os
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
ALL_PLACES_FROM = 60
"""So many kills hit every venue in every place."""


def main(arguments: list[str]) -> int:
    kills, database = int(arguments[0]), arguments[1]
    seed = int(arguments[2]) if len(arguments) > 2 else 1
    instances = int(arguments[3]) if len(arguments) > 3 else 1
    os.environ.setdefault("NUMBA_CACHE_DIR", str(REPOSITORY / ".cache" / "kernels"))
    from tests.torture.killer import DATABASES, torture

    if database not in DATABASES:
        raise SystemExit(f"DB is one of {', '.join(DATABASES)}")
    report = torture(
        kills, database, seed, lambda line: print(line, flush=True), instances=instances
    )
    for line in report.lines():
        print(line, flush=True)
    missed = report.missed if kills >= ALL_PLACES_FROM else []
    for place in missed:
        print(f"never hit: {place}")
    return 1 if report.violations or report.left or missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
