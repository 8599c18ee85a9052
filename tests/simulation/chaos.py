"""Chaos: what goes wrong in one seed, when, and how often: drawn once, the same every time.

Where it can strike, so that nobody has to plant it in the product:

| place | what |
|---|---|
| every await of the product (`Process.gate`) | death, a pause of up to minutes |
| before a transaction, before its commit, after it | death; a busy, absent or silent database |
| a read of the database | an exception of nobody's making in the task that reads |
| a request on its way there, an answer on its way back | lost, late; death before and after |
| at the venue | refused, limited, banned, an error though it was done, a page, a list that lags |
| between a claim and what it sends (`Line`) | a long sleep; an exception of ours after the answer |
| the user stream | a row lost, late, twice; the connection cut |
| a reader of lists (`pages`) | three rows a page, so that cursors are followed |
| people and venues (`troubles`) | kill switch, halts, clicks, policies, holds, refusals, silence |

Timers of a busy machine (`STRETCH`), leases that are too short for a pause, wall clocks that are
wrong by seconds and several processes on one database are drawn with each process (`story`).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field, fields, replace
from random import Random


@dataclass(frozen=True, slots=True)
class Odds:
    """Chances of each thing at each place where it can happen; all 0: nothing goes wrong."""

    crash: float = 0.0
    """At each point: before begin, before commit, after commit, before and after a request."""
    pause: float = 0.0
    request_lost: float = 0.0
    answer_lost: float = 0.0
    late: float = 0.0
    """A request that arrives many seconds after it left."""
    error_after: float = 0.0
    """5xx though it was done."""
    error_before: float = 0.0
    page: float = 0.0
    """HTML with 200."""
    limited: float = 0.0
    banned: float = 0.0
    asleep: float = 0.0
    """Longer than any lease, before what is ready to be sent leaves."""
    broken: float = 0.0
    """An exception of our own where the answer to an act is read."""
    unlisted: float = 0.0
    """A list or a look that does not know yet what has just happened."""
    database_busy: float = 0.0
    database_away: float = 0.0
    commit_unknown: float = 0.0
    bug: float = 0.0
    """An exception of nobody's making, in whatever task reads the database just then."""
    stream_lost: float = 0.0
    stream_late: float = 0.0
    stream_twice: float = 0.0


QUIET = Odds()
WORST = Odds(
    crash=0.004,
    pause=0.002,
    request_lost=0.03,
    answer_lost=0.03,
    late=0.05,
    error_after=0.03,
    error_before=0.02,
    page=0.01,
    limited=0.01,
    banned=0.002,
    asleep=0.08,
    broken=0.02,
    unlisted=0.05,
    database_busy=0.01,
    database_away=0.002,
    commit_unknown=0.006,
    bug=0.002,
    stream_lost=0.1,
    stream_late=0.1,
    stream_twice=0.1,
)


class Crash(Exception):
    """This instance is dead from here on; nobody ever sees this but its own gates."""


@dataclass
class Chaos:
    """crash_at: the one point at which it crashes, for the enumeration of all points."""

    seed: int
    odds: Odds
    is_on: bool = True
    crash_at: int | None = None
    points: int = 0
    crashes: int = 0
    met: Counter[str] = field(default_factory=Counter)
    _randoms: dict[str, Random] = field(default_factory=dict)
    _digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def of(self, purpose: str) -> Random:
        """Chance for one purpose; what others draw does not change it."""
        if purpose not in self._randoms:
            self._randoms[purpose] = Random(f"{self.seed} {purpose}")
        return self._randoms[purpose]

    def happens(self, kind: str, where: str) -> bool:
        odds: float = getattr(self.odds, kind)
        if not self.is_on or odds <= 0:
            return False
        happened = self.of(f"{kind} {where}").random() < odds
        if happened:
            self.met[kind] += 1
        return happened

    def crashes_here(self, who: str) -> bool:
        """One more point at which a process can die."""
        self.points += 1
        if self.crash_at is not None:
            is_now = self.points == self.crash_at
        else:
            is_now = self.happens("crash", who)
        self.crashes += is_now
        return is_now

    def note(self, *words: object) -> None:
        """Into the trace."""
        self._digest.update(repr(words).encode())

    @property
    def trace(self) -> str:
        return self._digest.hexdigest()


def drawn(seed: int) -> Odds:
    """Of one seed: some kinds of trouble, not all at once, none of them always."""
    random = Random(f"odds {seed}")
    if random.random() < 0.04:
        return QUIET
    strength = random.choice((0.3, 1.0, 1.0, 2.0))
    chosen = {
        each.name: getattr(WORST, each.name) * strength
        for each in fields(Odds)
        if random.random() < 0.6
    }
    return replace(QUIET, **chosen)
