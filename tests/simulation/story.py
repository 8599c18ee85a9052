"""Story: one seed from its beginning to its end, and everything that must be true of it then."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from random import Random
from typing import Any

import structlog
from msgspec.structs import replace

from app.domain.cycles import CycleState, CycleView
from app.domain.facts import CycleOpened
from app.domain.orders import Order
from app.domain.trading import TradingPolicy, TradingState
from app.domain.transfers import Transfer
from app.ledger import cycles, trading_state
from app.ledger.queries import Connection
from tests.simulation import hazards, pages, truth, virtual
from tests.simulation.chaos import Chaos, Odds, drawn
from tests.simulation.instance import MODE, Instance, walled
from tests.simulation.process import Process, world_ns
from tests.simulation.store import Disk, Store, leg
from tests.simulation.theatre import Theatre
from tests.simulation.troubles import Troubles
from tests.simulation.wire import Wire

CYCLES = 3
OPENING_S = 120.0
"""By then nothing new begins."""
TROUBLE_S = 240.0
"""By then nothing goes wrong any more."""
LONG_S = 2_400.0
CLICKS_MAX = 2
BEAT_S = 0.5
SHORT_SHARE = 0.15
"""Of seeds whose readers have to turn pages."""
AHEAD_NS = (0, 0, 0, 300_000_000, -1_500_000_000, 1_500_000_000)
"""How wrong the wall clock of a machine is."""
WRONG_NS = (-3_600_000_000_000, 3_600_000_000_000)
WRONG_SHARE = 0.05
"""Of lives, never of the first machine's: somebody has to do the work."""
ENDED = frozenset({CycleState.COMPLETED, CycleState.DEAD_LETTER})

TRADING = TradingPolicy(
    min_net_bps=15.0,
    leg_s_max=5.0,
    transfer_s_max=240.0,
    hold_s_max=60.0,
    return_s_max=60.0,
    retry_base_s=30.0,
    book_age_s_max=4.0,
    crash_rest_s=30.0,
    cycles_max=CYCLES,
    loss_bps_max=400.0,
    wallet_age_s_max=1e9,
)


@dataclass
class Told:
    """What came of a seed."""

    seed: int
    crashes: int
    points: int
    cycles: Counter[str]
    moves: Counter[tuple[str, str]]
    violations: list[str]
    met: Counter[str]
    trace: str
    seconds: float
    opened: int = 0
    venues: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)


class Story:
    def __init__(
        self, disk: Disk, seed: int, odds: Odds | None = None, *, instances: int = 2,
        crash_at: int | None = None, has_troubles: bool = True, cycles: int = CYCLES,
    ) -> None:  # fmt: skip
        self.has_troubles = has_troubles
        self._cycles = cycles
        self.seed = seed
        self.random = Random(f"story {seed}")
        self.disk = disk
        self.chaos = Chaos(seed, drawn(seed) if odds is None else odds, crash_at=crash_at)
        quiet = replace(TRADING, cycles_max=cycles)
        self.policy = _drawn_policy(self.random) if has_troubles else quiet
        self.theatre: Theatre
        self.violations: list[str] = []
        self.instances: dict[str, Instance] = {}
        self.opened = 0
        self._count = instances
        self._lives: Counter[str] = Counter()
        self._dead: dict[str, str] = {}
        self._errands: set[asyncio.Task[None]] = set()
        self._clicks: Counter[str] = Counter()
        self._seen: list[CycleView] = []

    # ---- play ----------------------------------------------------------------------------------

    def play(self) -> Told:
        are_short = self.has_troubles and self.random.random() < SHORT_SHARE
        self.chaos.met["short pages"] += are_short
        with walled(), pages.short(are_short=are_short):
            return virtual.run(self._play())

    async def _play(self) -> Told:
        self.disk.erase(world_ns)
        self.theatre = Theatre.built(self.seed)
        self.wire = Wire(self.theatre, self.chaos)
        self.people = Process("people", Chaos(self.seed, Odds()))
        self.store = Store(self.disk, self.people, lambda _c, _p, _n, _f: None)
        self.troubles = Troubles(self, Random(f"troubles {self.seed}"))
        self.theatre.beat(0.0, moves=True)
        if self.has_troubles:
            self.later(self.troubles.run())
        world = asyncio.create_task(self._world())
        keepers = [asyncio.create_task(self._keep(name)) for name in ("A", "B", "C")[: self._count]]
        try:
            await self._until_quiet()
            await self._audit()
        except virtual.Stuck:
            self.violations.append("STUCK nothing is left to happen")
        finally:
            for task in (world, *keepers):
                task.cancel()
        return await self._told()

    async def _world(self) -> None:
        loop = asyncio.get_running_loop()
        turn = 0
        while True:
            await asyncio.sleep(BEAT_S)
            turn += 1
            calm = all(each.process.is_calm for each in self.instances.values())
            self.theatre.beat(loop.time(), moves=turn % (10 if calm else 4) == 0)

    async def _keep(self, name: str) -> None:
        """A supervisor: whatever dies is started again, with the memory of the disk alone."""
        random = self.chaos.of(f"keeper {name}")
        await asyncio.sleep(random.uniform(0.0, 2.0))
        while True:
            self._lives[name] += 1
            ahead_ns = random.choice(AHEAD_NS)
            if name != "A" and random.random() < WRONG_SHARE:
                ahead_ns = random.choice(WRONG_NS)
                self.chaos.met["an hour off"] += 1
            process = Process(f"{name}.{self._lives[name]}", self.chaos, ahead_ns=ahead_ns)
            self.chaos.met["clock ahead"] += bool(ahead_ns)
            dead: tuple[str, ...] = ()
            if name in self._dead and random.random() < 0.5:
                dead = (self._dead[name],)
            instance = Instance(
                process,
                Store(self.disk, process, self._watch),
                self.wire,
                self.policy,
                lease_s=random.choice((3.0, 10.0, 30.0)),
                dead=dead,
                streams=random.random() < 0.4,
                bug=lambda text: self.violations.append(f"BUG {text}"),
                opened=self._opening,
            )
            self.instances[name] = instance
            instance.start()
            await process.died.wait()
            for socket in instance.gates.sockets:
                socket.reset()
            self._dead[name] = process.name
            await asyncio.sleep(random.choice((0.2, 1.0, 5.0, 40.0)))

    # ---- what is watched while it runs -----------------------------------------------------------

    def _watch(self, conn: Connection, who: str, name: str, found: object) -> None:
        """R8, H28, I10: the sending transaction itself. And what came of races."""
        if name == "commit_facts" and isinstance(found, list):
            self.troubles.committed([each.kept.view for each in found if each.kept is not None])
        if isinstance(found, str):
            self.chaos.met[found] += 1
        elif name == "commit_facts" and isinstance(found, list):
            self.chaos.met["DUPLICATE"] += any(each.code == "DUPLICATE" for each in found)
        elif name == "claim" and isinstance(found, list):
            self.chaos.met["claimed"] += len(found)
        if "claim_" in name and isinstance(found, Order | Transfer):
            state = trading_state.read(conn, MODE)
            if state.killed or state.state is TradingState.HALTED:
                self.violations.append(f"I10 {found.client_id} sent while {state.state}")
            self.violations += truth.lost(conn, MODE, found, who)
            until_ns = found.valid_until_ns or 0
            self.wire.valid_until[found.client_id] = until_ns
            self.wire.legs[found.client_id] = leg(found)
            if isinstance(found, Transfer):
                venue = found.terms.from_venue
                self.wire.withdrawn_until[venue] = until_ns
                self.violations += truth.confused(conn, MODE, found)

    def _opening(self, instance: Instance, fact: CycleOpened) -> None:
        """I11: no cycle on a book that is old or broken."""
        self.opened += 1
        assert instance.engine is not None
        rack = instance.engine.rack
        for instrument in (fact.cycle.plan.buy, fact.cycle.plan.sell):
            row = rack.row(instrument)
            assert row is not None
            top = rack.tops[row]
            age_s = (instance.process.at_ns() - int(top["received_ns"])) / 1e9
            if not top["valid"] or age_s > TRADING.book_age_s_max:
                self.violations.append(f"I11 {fact.cycle.id} on a book of {age_s:.1f} s")

    # ---- to the end ------------------------------------------------------------------------------

    async def _until_quiet(self) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < LONG_S:
            await asyncio.sleep(2.0)
            now = loop.time()
            views = self._seen = await self.store.read(_views, self._seen)
            is_opening = now < OPENING_S and len(views) < self._cycles
            if not is_opening:
                await self._reduce()
            if now > TROUBLE_S:
                self.chaos.is_on = False
                await self.troubles.release()
            busy = [view for view in views if not _is_over(view)]
            waits = bool(busy) and all(
                view.cycle.state is CycleState.AWAITING_RETRY for view in busy
            )
            for instance in self.instances.values():
                instance.process.is_calm = waits
            if self.has_troubles:
                self.troubles.look(busy)
            done = all(
                all(order.is_over for order in view.orders)
                and all(transfer.is_over for transfer in view.transfers)
                for view in views
            )
            if is_opening or busy or not done or not self._is_settled():
                continue
            if not await self._click(views):
                return
        self.violations.append("I7 not over after its time")

    async def _click(self, views: list[CycleView]) -> bool:
        """A person looks at the dead letters; whether anything is to be waited for."""
        dead = [view for view in views if view.cycle.state is CycleState.DEAD_LETTER]
        dead = [view for view in dead if self._clicks[view.cycle.id] < CLICKS_MAX]
        for view in dead:
            self._clicks[view.cycle.id] += 1
            self.troubles.click(view)
        return bool(dead)

    def later(self, errand: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(errand)
        self._errands.add(task)

    def _is_settled(self) -> bool:
        begun = all(each.is_whole for each in self.instances.values())
        return begun and not self.theatre.transfers.under_way

    async def _reduce(self) -> None:
        row = await self.store.read(trading_state.read, MODE)
        if row.state is TradingState.ACTIVE and not row.killed:
            await self.store.write(
                trading_state.set_state, MODE, TradingState.REDUCING, "kim", "enough"
            )

    async def _audit(self) -> None:
        """Quiet, and looked at from both sides."""
        self.chaos.is_on = False
        await asyncio.sleep(30.0)
        more = truth.Outside(self.troubles.external, self.troubles.made)
        self.violations += await self.store.read(truth.check, MODE, self.theatre, more)

    async def _told(self) -> Told:
        views = await self.store.read(_views, self._seen)
        ends = Counter(
            f"{view.cycle.state}{'' if view.cycle.outcome is None else ' ' + view.cycle.outcome}"
            for view in views
        )
        moves = await self.store.read(truth.moves)
        self.chaos.met += await self.store.read(hazards.look, views, self.chaos.met)
        return Told(
            self.seed, self.chaos.crashes, self.chaos.points, ends, moves, self.violations,
            self.chaos.met, self.chaos.trace, asyncio.get_running_loop().time(), self.opened,
            tuple(venue.value for venue in self.theatre.venues),
        )  # fmt: skip


def _drawn_policy(random: Random) -> TradingPolicy:
    """Some have little patience, so that what fails soon becomes a person's."""
    return replace(
        TRADING,
        retry_max=random.choice((3, 3, 3, 3, 1, 0)),
        retry_base_s=random.choice((30.0, 30.0, 8.0)),
    )


def _is_over(view: CycleView) -> bool:
    return view.cycle.closed_at_ns is not None or view.cycle.state is CycleState.DEAD_LETTER


def _views(conn: Connection, seen: list[CycleView]) -> list[CycleView]:
    """seen: whose version is still the same need not be read again."""
    known = {(view.cycle.id, view.cycle.version): view for view in seen}
    found = (
        known.get(each) or cycles.view(conn, MODE, each[0]) for each in truth.versions(conn, MODE)
    )
    return [view for view in found if view is not None]


def quiet_logs() -> None:
    """Thousands of seeds, each with its own troubles: nobody reads those."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)
