"""Story: one seed from its beginning to its end, and everything that must be true of it then."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass, field
from random import Random

import structlog

from app.domain.cycles import CycleState, CycleView
from app.domain.facts import CycleOpened
from app.domain.orders import Order
from app.domain.trading import TradingPolicy, TradingState
from app.domain.transfers import Transfer
from app.ledger import cycles, trading_state
from app.ledger.queries import Connection
from tests.simulation import truth, virtual
from tests.simulation.chaos import Chaos, Odds, drawn
from tests.simulation.instance import MODE, Instance
from tests.simulation.process import Process, world_ns
from tests.simulation.store import Disk, Store
from tests.simulation.theatre import Theatre
from tests.simulation.wire import Wire

CYCLES = 3
OPENING_S = 90.0
"""By then nothing new begins."""
TROUBLE_S = 240.0
"""By then nothing goes wrong any more."""
LONG_S = 2_400.0
BEAT_S = 0.5
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
        crash_at: int | None = None,
    ) -> None:  # fmt: skip
        self.seed = seed
        self.random = Random(f"story {seed}")
        self.disk = disk
        self.chaos = Chaos(seed, drawn(seed) if odds is None else odds, crash_at=crash_at)
        self.theatre: Theatre | None = None
        self.violations: list[str] = []
        self.instances: dict[str, Instance] = {}
        self.opened = 0
        self._count = instances
        self._lives: Counter[str] = Counter()
        self._dead: dict[str, str] = {}

    # ---- play ----------------------------------------------------------------------------------

    def play(self) -> Told:
        return virtual.run(self._play())

    async def _play(self) -> Told:
        self.disk.erase(world_ns)
        self.theatre = Theatre.built(self.seed)
        self.wire = Wire(self.theatre, self.chaos)
        self.people = Process("people", Chaos(self.seed, Odds()))
        self.store = Store(self.disk, self.people, lambda _c, _n, _f: None)
        self.theatre.beat(0.0, moves=True)
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
        assert self.theatre is not None
        loop = asyncio.get_running_loop()
        turn = 0
        while True:
            await asyncio.sleep(BEAT_S)
            turn += 1
            calm = all(each.is_calm for each in self.instances.values())
            self.theatre.beat(loop.time(), moves=turn % (10 if calm else 2) == 0)

    async def _keep(self, name: str) -> None:
        """A supervisor: whatever dies is started again, with the memory of the disk alone."""
        random = self.chaos.of(f"keeper {name}")
        await asyncio.sleep(random.uniform(0.0, 2.0))
        while True:
            self._lives[name] += 1
            process = Process(f"{name}.{self._lives[name]}", self.chaos)
            dead: tuple[str, ...] = ()
            if name in self._dead and random.random() < 0.5:
                dead = (self._dead[name],)
            instance = Instance(
                process,
                Store(self.disk, process, self._watch),
                self.wire,
                TRADING,
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

    def _watch(self, conn: Connection, name: str, found: object) -> None:
        """I10: the sending transaction itself."""
        if name in {"claim_order", "claim_transfer"} and isinstance(found, Order | Transfer):
            state = trading_state.read(conn, MODE)
            if state.killed or state.state is TradingState.HALTED:
                self.violations.append(f"I10 {found.client_id} sent while {state.state}")
            until_ns = found.valid_until_ns or 0
            self.wire.valid_until[found.client_id] = until_ns
            if isinstance(found, Transfer):
                venue = found.terms.from_venue
                self.wire.withdrawn_until[venue] = until_ns

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
            views = await self.store.read(_views)
            if now > OPENING_S or len(views) >= CYCLES:
                await self._reduce()
            if now > TROUBLE_S:
                self.chaos.is_on = False
            busy = [view for view in views if not _is_over(view)]
            waits = bool(busy) and all(
                view.cycle.state is CycleState.AWAITING_RETRY for view in busy
            )
            for instance in self.instances.values():
                instance.is_calm = waits
            waiting = [each for view in views for each in (*view.orders, *view.transfers)]
            done = all(each.is_over for each in waiting)
            if not busy and done and now > OPENING_S and self._is_settled():
                return
        self.violations.append("I7 not over after its time")

    def _is_settled(self) -> bool:
        assert self.theatre is not None
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
        assert self.theatre is not None
        self.violations += await self.store.read(truth.check, MODE, self.theatre)

    async def _told(self) -> Told:
        views = await self.store.read(_views)
        ends = Counter(
            f"{view.cycle.state}{'' if view.cycle.outcome is None else ' ' + view.cycle.outcome}"
            for view in views
        )
        moves = await self.store.read(truth.moves)
        assert self.theatre is not None
        return Told(
            self.seed, self.chaos.crashes, self.chaos.points, ends, moves, self.violations,
            self.chaos.met, self.chaos.trace, asyncio.get_running_loop().time(), self.opened,
            tuple(venue.value for venue in self.theatre.venues),
        )  # fmt: skip


def _is_over(view: CycleView) -> bool:
    return view.cycle.closed_at_ns is not None or view.cycle.state is CycleState.DEAD_LETTER


def _views(conn: Connection) -> list[CycleView]:
    found = (cycles.view(conn, MODE, each) for each in truth.cycle_ids(conn, MODE))
    return [view for view in found if view is not None]


def quiet_logs() -> None:
    """Thousands of seeds, each with its own troubles: nobody reads those."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)
