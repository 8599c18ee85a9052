"""Killer: kill -9 while an intent is SENT or a transfer in flight, again and again; then audit.

Between kills the drill is steered to the venue that was hit in the fewest places; in long runs a
process is also stopped in the middle of a send, until another one has taken its leases.
"""

from __future__ import annotations

import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests import servers
from tests.browser.service import REPOSITORY
from tests.live.world import VENUES, Simulator, simulating
from tests.torture.audit import audit
from tests.torture.proxy import Proxies, Toxic, proxying
from tests.torture.stage import LOOK_S, SETTINGS, Kimp
from tests.torture.truth import told_by, truth_of
from tests.torture.watch import PLACES, SENT, Cell, Intent, Watch, watching

DATABASES = ("sqlite", "postgres", "mariadb")
WORLD = ("--transfer-s", "3", "--coins", "8", "--rate", "60")
WIRE = Toxic(delay_s=0.02, jitter_s=0.08)
"""Between kimp and a venue: so that a kill finds requests on their way there and back."""
LIFE_S = (0.2, 6.0)
"""So long kimp lives before the hunt for it begins."""
RARE_S = 15.0
"""So long a kill waits for what no kill has hit yet."""
DEAR_BPS = 20.0
"""What venues are said to take that are not wanted now."""
SPARED_BPS = 400.0
PAUSE_EVERY = 10
"""Kills between two pauses."""
LEASE_S = 5.0
TAKEN_S_MAX = 120.0
AWAKE_S = 5.0
"""So long a process that was stopped is left alone with what it believed to be its own."""
HIT_S_MAX = 120.0
QUIET_S_MAX = 420.0
"""Coinbase alone takes 130 s until an absence is proved, and more on a slow machine."""
KEPT = REPOSITORY / ".cache" / "torture"
EVERYTHING: dict[str, object] = {
    **SETTINGS,
    "detection.min_net_bps": -25.0,
    "trading.min_net_bps": -25.0,
    "trading.cycles_max": 16,
    "trading.size_krw": 300_000.0,
    "cycle.lease_s": LEASE_S,
}
"""What venues take is not what is planned with: none is too dear to be part of it."""


@dataclass
class Report:
    database: str
    kills: int = 0
    pauses: int = 0
    hits: Counter[Cell] = field(default_factory=Counter)
    sent: int = 0
    """Intents that stood in SENT or UNKNOWN at a kill, over all of them."""
    restarts_s: list[float] = field(default_factory=list)
    recoveries_s: list[float] = field(default_factory=list)
    ended: Counter[str] = field(default_factory=Counter)
    orders: int = 0
    withdrawals: int = 0
    left: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    kept: Path | None = None
    """Logs and database of a run that went wrong."""

    @property
    def rarest(self) -> str:
        """The venue that was hit in the fewest places, there the fewest times."""

        def hits(venue: str) -> tuple[int, int]:
            counts = [self.hits[venue, place] for place in PLACES]
            return sum(map(bool, counts)), sum(counts)

        return min(VENUES, key=hits)

    @property
    def missed(self) -> list[str]:
        return [f"{v} {p}" for v in VENUES for p in PLACES if not self.hits[v, p]]

    def keep(self, folder: Path, name: str) -> None:
        """For those who want to know what went wrong; nothing where nothing did."""
        if self.violations or self.left:
            self.kept = KEPT / name
            shutil.copytree(folder, self.kept, dirs_exist_ok=True)

    def lines(self) -> Iterator[str]:
        for venue in VENUES:
            counts = ", ".join(f"{place} {self.hits[venue, place]}" for place in PLACES)
            yield f"  {venue:9} {counts}"
        yield f"  restart to reconciled, s: {_spread(self.restarts_s)}"
        yield f"  of it recovery, s: {_spread(self.recoveries_s)}"
        yield from (f"  left: {each}" for each in self.left)
        yield from (f"  VIOLATION {each}" for each in self.violations)
        if self.kept is not None:
            yield f"  logs and database: {self.kept}"
        cycles = ", ".join(f"{count} {end}" for end, count in sorted(self.ended.items()))
        yield (
            f"{self.database}: {self.kills} kills with {self.sent} intents unanswered, "
            f"{self.pauses} pauses, "
            f"{self.orders} orders, {self.withdrawals} withdrawals, "
            f"{self.ended.total()} cycles ({cycles}), {len(self.violations)} violations"
        )


def torture(
    kills: int,
    database: str,
    seed: int = 1,
    told: Callable[[str], None] = print,
    *,
    instances: int = 1,
    cycles: int = 16,
    spared: frozenset[str] = frozenset(),
) -> Report:
    """Kimp in its own process, killed so often; nine venues in another, which live on.

    instances: of kimp, on one database; one of them dies at a time and the others take over.
    cycles: at most open at a time. spared: venues that are too dear to trade at.
    """
    report = Report(database)
    chance = random.Random(seed)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kimp-torture-")))
        world = stack.enter_context(simulating("--seed", str(seed), *WORLD))
        url = stack.enter_context(serving(database, folder))
        urls = wired(stack.enter_context(proxying()), world)
        kimps = []
        for number in range(instances):
            kimp = Kimp(folder / str(number), world, database=url, urls=urls)
            stack.callback(kimp.kill)
            kimps.append(kimp)
        first = kimps[0]
        first.start()
        first.reconciled()
        few = {"trading.cycles_max": cycles}
        first.set_up({**favouring(report.rarest, spared), **EVERYTHING, **few})
        first.name_fees()
        for kimp in kimps[1:]:
            kimp.start()
            kimp.reconciled()
        watch = stack.enter_context(watching(url))
        for number in range(1, kills + 1):
            first.set_up(favouring(report.rarest, spared))
            time.sleep(chance.uniform(*LIFE_S))
            if number % PAUSE_EVERY == 0:
                other = Kimp(folder / "other", world, database=url, urls=urls)
                stack.callback(other.kill)
                pause_once(first, other, watch, report)
                told(f"  pause {report.pauses}")
            kill_once(kimps, chance.randrange(instances), watch, report)
            told(f"  kill {number}: {report.restarts_s[-1]:.1f} s until reconciled")
        report.left = first.quiet(QUIET_S_MAX)
        judge(report, world, first)
        report.keep(folder, f"{database}-{seed}")
    return report


def kill_once(kimps: Sequence[Kimp], victim: int, watch: Watch, report: Report) -> None:
    """At the worst moment that comes: what has not been hit yet first; every other time only
    while an intent is SENT, else a transfer on its way will do."""
    worst: Callable[[list[Intent]], bool] = _is_hit if report.kills % 2 else _is_sent
    found = _hunted(kimps, watch, lambda rows: worst(rows) and _is_new(rows, report), RARE_S)
    if found is None:
        found = _hunted(kimps, watch, worst, HIT_S_MAX)
    kimp = kimps[victim]
    assert found is not None, f"nothing was ever under way:\n{kimp.tail()}"
    kimp.kill()
    _all(kimps, signal.SIGCONT)
    report.kills += 1
    report.hits.update(set().union(*(one.cells() for one in found)))
    report.sent += sum(one.state in SENT for one in found)
    kimp.start()
    whole_s, recovery_s = kimp.reconciled()
    report.restarts_s.append(whole_s)
    report.recoveries_s.append(recovery_s)


def favouring(venue: str, spared: frozenset[str]) -> dict[str, object]:
    """Settings by which what is open next is likely to begin or end at this venue."""
    bps = dict.fromkeys(VENUES, DEAR_BPS) | {venue: 0.0} | dict.fromkeys(spared, SPARED_BPS)
    return {f"fees.{each}.taker_bps": bps[each] for each in VENUES}


def pause_once(kimp: Kimp, other: Kimp, watch: Watch, report: Report) -> None:
    """A machine that sleeps in the middle of a send (H16): another one takes over what it had,
    then it wakes and believes that nothing has happened. The audit tells whether it sent."""
    latest_s = time.monotonic() + HIT_S_MAX
    while True:
        found = _hunted([kimp], watch, _is_sent, HIT_S_MAX)
        assert found is not None, f"nothing was ever under way:\n{kimp.tail()}"
        if watch.is_free():
            break
        kimp.signal(signal.SIGCONT)
        assert time.monotonic() < latest_s, "its file was never free"
    before = watch.owners()
    other.start()
    other.reconciled()
    latest_s = time.monotonic() + TAKEN_S_MAX
    while any(watch.owners().get(what) == owner for what, owner in before.items()):
        assert time.monotonic() < latest_s, f"nobody took over:\n{other.tail()}"
        time.sleep(LOOK_S)
    kimp.signal(signal.SIGCONT)
    time.sleep(AWAKE_S)
    assert kimp.engine() is not None, f"it did not wake:\n{kimp.tail()}"
    other.kill()
    report.pauses += 1


def judge(report: Report, world: Simulator, kimp: Kimp) -> None:
    with kimp.api() as api:
        told = told_by(api)
    truth = truth_of(world)
    report.violations = audit(truth, told)
    report.orders = sum(bool(row["order_id"]) for each in truth.values() for row in each.orders)
    report.withdrawals = sum(len(each.withdrawals) for each in truth.values())
    report.ended = Counter(f"{row['state']} {row['outcome'] or ''}".strip() for row in told.cycles)


def wired(proxies: Proxies, world: Simulator, toxic: Toxic = WIRE) -> dict[str, str]:
    """Venue → its address through a line of ours."""
    urls = {}
    for number, venue in enumerate(VENUES):
        line = proxies.line(world.first + number)
        proxies.sicken(line, toxic)
        urls[venue] = f"http://127.0.0.1:{line.port}"
    return urls


@contextmanager
def serving(database: str, folder: Path) -> Iterator[str]:
    """The URL of a database of its own."""
    if database == "sqlite":
        yield f"sqlite:///{folder / 'kimp.db'}"
    elif database == "postgres":
        with servers.postgres() as url:
            yield url
    else:
        with servers.mariadb() as url:
            yield url


def _hunted(
    kimps: Sequence[Kimp], watch: Watch, wanted: Callable[[list[Intent]], bool], seconds: float
) -> list[Intent] | None:
    return watch.hunt(
        lambda: _all(kimps, signal.SIGSTOP), lambda: _all(kimps, signal.SIGCONT), wanted, seconds
    )


def _all(kimps: Sequence[Kimp], what: signal.Signals) -> None:
    for kimp in kimps:
        if kimp.process is not None:
            kimp.signal(what)


def _is_hit(rows: list[Intent]) -> bool:
    return any(one.is_hit for one in rows)


def _is_sent(rows: list[Intent]) -> bool:
    return any(one.state in SENT for one in rows)


def _is_new(rows: list[Intent], report: Report) -> bool:
    cells = set().union(*(one.cells() for one in rows))
    return any(not report.hits[cell] for cell in cells)


def _spread(values: list[float]) -> str:
    if not values:
        return "none"
    ordered = sorted(values)

    def at(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    return f"p50 {at(0.5):.2f}, p99 {at(0.99):.2f}, most {ordered[-1]:.2f}"
