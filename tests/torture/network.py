"""Network: everything that a wire can do, between kimp and its venues and its database; audited."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tests.live.world import VENUES, simulating
from tests.torture.killer import EVERYTHING, QUIET_S_MAX, WORLD, Report, judge, serving
from tests.torture.proxy import SOUND, Line, Proxies, Toxic, proxying
from tests.torture.stage import Kimp

TOXICS = {
    "slow": Toxic(delay_s=0.4, jitter_s=0.6),
    "sliced": Toxic(slices=11, delay_s=0.001),
    "half open": Toxic(half_open=True),
    "down": Toxic(down=True),
}
"""A reset comes between any two of them."""
SICK_S = 3.0
LINES_MAX = 3
"""Of venues that are sick at the same time."""
BUSY: dict[str, object] = {
    **EVERYTHING,
    "trading.cycles_max": 8,
    **{f"fees.{venue}.taker_bps": 0.0 for venue in VENUES},
}
SLOWEST = frozenset({"coinbase"})
"""An order of which nothing is heard is proved absent there after 130 s: for long runs only."""


def sickness(
    rounds: int,
    database: str,
    seed: int = 1,
    told: Callable[[str], None] = print,
    *,
    spared: frozenset[str] = frozenset(),
) -> Report:
    """Kimp lives; its wires do not. On a server database, the wire to that as well.

    Every kind of sickness comes once in four rounds. spared: venues whose wires stay well.
    """
    report = Report(database)
    chance = random.Random(seed)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kimp-network-")))
        world = stack.enter_context(simulating("--seed", str(seed), *WORLD))
        url = stack.enter_context(serving(database, folder))
        proxies = stack.enter_context(proxying())
        lines = {venue: proxies.line(world.first + number) for number, venue in enumerate(VENUES)}
        urls = {venue: f"http://127.0.0.1:{line.port}" for venue, line in lines.items()}
        store: list[Line] = []
        if database != "sqlite":
            store.append(proxies.line(urlsplit(url).port or 0))
            url = _through(url, store[0].port)
        kimp = Kimp(folder, world, database=url, urls=urls)
        stack.callback(kimp.kill)
        kimp.start()
        kimp.reconciled()
        kimp.set_up(BUSY)
        choice = [line for venue, line in lines.items() if venue not in spared]
        names: list[str] = []
        for number in range(rounds):
            kimp.busy()
            names = names or chance.sample(sorted(TOXICS), len(TOXICS))
            name = names.pop()
            sick = chance.sample(choice, chance.randint(1, LINES_MAX)) + store * (number % 2)
            told(f"  {name}: {len(sick)} lines")
            _suffer(proxies, sick, TOXICS[name])
        report.left = kimp.quiet(QUIET_S_MAX)
        judge(report, world, kimp)
        report.keep(folder, f"network-{database}-{seed}")
    return report


def _suffer(proxies: Proxies, sick: list[Line], toxic: Toxic) -> None:
    for line in sick:
        proxies.sicken(line, toxic)
    time.sleep(SICK_S)
    for line in sick:
        proxies.sicken(line, SOUND)
        proxies.reset(line)


def _through(url: str, port: int) -> str:
    parts = urlsplit(url)
    user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    return urlunsplit(parts._replace(netloc=f"{user}127.0.0.1:{port}"))
