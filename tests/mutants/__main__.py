"""python -m tests.mutants [COUNT [SEEDS]]: 0 only where every planted bug is caught."""

from __future__ import annotations

import sys

from tests.mutants.plant import SEEDS_MAX, judged
from tests.mutants.planted import BUGS, Bug


def main(arguments: list[str]) -> int:
    count = int(arguments[0]) if arguments else len(BUGS)
    seeds = int(arguments[1]) if len(arguments) > 1 else SEEDS_MAX
    survivors = []
    for bug in spread(count):
        verdict = judged(bug, seeds)
        word = "caught  " if verdict.caught else "SURVIVED"
        print(f"{word} {bug.rule:4} {bug.name}: {verdict.said}", flush=True)
        if not verdict.caught:
            survivors.append(bug.name)
    print(f"{min(count, len(BUGS))} planted bugs, {len(survivors)} survived")
    return 1 if survivors else 0


def spread(count: int) -> list[Bug]:
    """So many of them, from all over the list."""
    every = max(1, len(BUGS) // max(1, count))
    return list(BUGS[::every][:count])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
