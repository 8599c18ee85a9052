"""Process: what dies, sleeps and wakes: its gates, its clock, and whether it is still there."""

from __future__ import annotations

import asyncio
from random import Random

from app.domain.times import SECOND_NS
from tests.simulation.chaos import Chaos

T0_NS = 1_750_000_000 * SECOND_NS
"""When every story begins."""
PAUSES_S = (3.0, 200.0)
SLEEPS_S = (60.0, 240.0)
STRETCH = (1.0, 3.0)
"""How much longer than asked a busy machine lets us sleep."""
CALM_S, CALM = 2.0, 4.0


def world_ns() -> int:
    """The time that databases and honest venues agree about."""
    return T0_NS + round(asyncio.get_running_loop().time() * SECOND_NS)


class Process:
    """ahead_ns: its wall clock against the world's. `gate` is where it can die or stand still."""

    def __init__(self, name: str, chaos: Chaos, *, ahead_ns: int = 0) -> None:
        self.name = name
        self.chaos = chaos
        self.ahead_ns = ahead_ns
        self.is_dead = False
        self.is_calm = False
        """Nothing is to be done for a while: what is asked for often is asked for less often."""
        self.paused_until = 0.0
        self.died = asyncio.Event()
        self._graves: list[asyncio.Future[None]] = []
        self._random: Random = chaos.of(f"process {name.partition('.')[0]}")
        self._stretch = chaos.of("stretch").uniform(*STRETCH)

    # ---- life ----------------------------------------------------------------------------------

    def kill(self) -> None:
        """SIGKILL: nothing of it runs any more, no `finally`, no last word."""
        if not self.is_dead:
            self.is_dead = True
            self.died.set()
            self.note("killed")

    def dies(self, where: str) -> bool:
        """One more point at which it can die; True: it just did, or was dead."""
        if not self.is_dead and self.chaos.crashes_here(self.name.partition(".")[0]):
            self.note("crash", where)
            self.chaos.met[f"crash {where}"] += 1
            self.kill()
        return self.is_dead

    async def gate(self, where: str) -> None:
        """Every await of the product comes through here; the dead stay in it."""
        self.dies(where)
        while not self.is_dead and self._now() < self.paused_until:
            await asyncio.sleep(self.paused_until - self._now())
        if self.is_dead:
            grave = asyncio.get_running_loop().create_future()
            self._graves.append(grave)
            await grave
        if self.trouble("pause"):
            await self.stand_still(where, PAUSES_S)

    async def stand_still(self, where: str, between_s: tuple[float, float]) -> None:
        """SIGSTOP, and SIGCONT some time later."""
        self.chaos.met[f"pause {where}"] += 1
        self.paused_until = self._now() + self._random.uniform(*between_s)
        self.note("pause", round(self.paused_until, 3))
        await self.gate(where)

    def trouble(self, kind: str) -> bool:
        return self.chaos.happens(kind, self.name.partition(".")[0])

    def note(self, *words: object) -> None:
        self.chaos.note(round(self._now(), 6), self.name, *words)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    # ---- clock: what the product asks of time and chance -----------------------------------------

    def at_ns(self) -> int:
        return world_ns() + self.ahead_ns

    def chance(self) -> float:
        return self._random.random()

    async def sleep(self, seconds: float) -> None:
        often = self.is_calm and seconds < CALM_S
        await asyncio.sleep(seconds * self._stretch * (CALM if often else 1.0))
        await self.gate("sleep")

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds * self._stretch):
                await event.wait()
        except TimeoutError:
            came = False
        else:
            came = True
        await self.gate("wait")
        return came
