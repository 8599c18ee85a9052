"""python -m tests.finalizers COUNT sqlite|postgres|mariadb [CYCLES]: 0 only where all is well."""

from __future__ import annotations

import os
import sys
from pathlib import Path

CYCLES = 36
REPOSITORY = Path(__file__).resolve().parents[2]


def main(words: list[str]) -> int:
    count, database = int(words[0]), words[1]
    cycles = int(words[2]) if len(words) > 2 else CYCLES
    os.environ.setdefault("NUMBA_CACHE_DIR", str(REPOSITORY / ".cache" / "kernels"))
    from tests.finalizers.crowd import play

    told = play(count, database, cycles=cycles, say=lambda line: print(line, flush=True))
    for wrong in told.violations:
        print(f"  VIOLATION {wrong}")
    print(told.line())
    return 1 if told.violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
