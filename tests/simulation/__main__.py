"""python -m tests.simulation [SEEDS] [FROM]: so many seeds, on every core; 0 only without a flaw.

Prints a line for each seed that fails, how to play it again, what hazards were met, and last
`N seeds, C crashes, K cycles (by end), V violations`.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter

from app.domain.cycles import MOVES
from tests.simulation.hazards import ELSEWHERE, HAZARDS, of
from tests.simulation.many import played
from tests.simulation.story import Told

RARE = 1_000
"""So many seeds must have met everything; fewer are only a sample."""


class Sums:
    def __init__(self) -> None:
        self.seeds = self.crashes = 0
        self.ends: Counter[str] = Counter()
        self.moves: Counter[tuple[str, str]] = Counter()
        self.hazards: Counter[int] = Counter()
        self.venues: Counter[str] = Counter()
        self.failed: list[Told] = []
        self.violations = 0

    def add(self, told: Told) -> None:
        self.seeds += 1
        self.crashes += told.crashes
        self.ends += told.cycles
        self.moves += told.moves
        self.hazards.update(of(told.met))
        self.venues.update(told.venues)
        self.violations += len(told.violations)
        if told.violations:
            self.failed.append(told)
            _say(f"seed {told.seed}: {'; '.join(told.violations[:4])}")
            _say(f"  again: python3 dev.py sim SEEDS=1 FROM={told.seed}   trace {told.trace[:16]}")

    def holes(self) -> list[str]:
        """What no seed has met, though it belongs here."""
        missed = [f"H{number}" for number in HAZARDS if not self.hazards[number]]
        # Rows of the table that no seed has reached.
        legal = {(was.value, to.value) for was, tos in MOVES.items() for to in tos}
        return missed + [f"{was} → {to}" for was, to in sorted(legal - self.moves.keys())]

    def report(self, seconds: float, workers: int) -> int:
        met = ", ".join(f"H{number} {self.hazards[number]}" for number in HAZARDS)
        _say(f"hazards, by the seeds that met them: {met}")
        for number, other in ELSEWHERE.items():
            _say(f"  H{number} not here: {other.why} ({other.test})")
        venues = ", ".join(f"{name} {count}" for name, count in sorted(self.venues.items()))
        _say(f"venues: {venues}")
        holes = self.holes()
        if holes:
            _say(f"met by no seed: {', '.join(holes)}")
        if self.seeds >= RARE:
            self.violations += len(holes)
        _say(f"{self.seeds / seconds:.2f} seeds/s with {workers} processes")
        ends = ", ".join(f"{count} {end}" for end, count in self.ends.most_common())
        _say(
            f"{self.seeds} seeds, {self.crashes} crashes, {self.ends.total()} cycles ({ends}), "
            f"{self.violations} violations"
        )
        return 1 if self.violations else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(words: list[str]) -> int:
    count, first = (int(word) for word in (*words, *("100", "1")[len(words) :]))
    workers = min(int(os.environ.get("WORKERS", os.cpu_count() or 1)), count)
    sums, began = Sums(), time.monotonic()
    for told in played(list(range(first, first + count)), workers):
        sums.add(told)
        if sums.violations and os.environ.get("STOP"):
            break
    return sums.report(time.monotonic() - began, workers)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
