"""Troubles: what venues and people do to a seed beside the network's faults, at drawn times."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from app.domain.cycles import CycleState, CycleView
from app.domain.events import OperatorAsked
from app.domain.trading import TradingState
from app.domain.venues import Venue
from app.ledger import posting, trading_state
from app.ledger.queries import Connection
from app.simulator.part import Part
from app.simulator.trading import NewOrder, Rejected
from tests.simulation.instance import MODE

if TYPE_CHECKING:
    from tests.simulation.story import Story

VENUE_KINDS = (
    "withdraw_hold", "deposit_hold", "withdraw_reject", "deposit_return", "consent", "halt",
    "partial", "maintenance", "skew", "wallet", "key", "silence", "manual_deposit",
    "manual_order", "wrong_balance", "shaved", "streams", "refusals", "refusals", "rests", "rests",
)  # fmt: skip
PEOPLE_KINDS = ("halt_all", "kill", "fewer")
BOOKED = frozenset({"manual_deposit", "manual_order", "wrong_balance"})
"""At a venue that the ledger has books of; before that, what is there is simply there."""
LASTS_S = (5.0, 90.0)
LONG_S = (90.0, 400.0)
REFUSALS = 9
RESTS = 4
DARK_SHARE = 0.15
MONEY = frozenset({"KRW", "USD", "USDT"})
"""What has a price without any book."""
DARK_S = (90.0, 200.0)
IMPATIENCE = 0.2
"""How often a person asks for something while a cycle waits for its next try."""


class Troubles:
    """Of one seed. `run` is a task of the story's."""

    def __init__(self, story: Story, random: Random) -> None:
        self.story = story
        self.random = random
        self.external: dict[tuple[Venue, str], Decimal] = {}
        """What was brought by hand, beside the service."""
        self.made: set[str] = set()
        """Orders that people placed at venues."""
        count = random.choice((0, 1, 2, 4, 6))
        kinds = random.choices((*VENUE_KINDS, *PEOPLE_KINDS), k=count)
        self._plan = sorted((random.uniform(4.0, 150.0), kind) for kind in kinds)
        self._darkens = random.random() < DARK_SHARE
        self._looked: set[tuple[str, int]] = set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for at_s, kind in self._plan:
            await asyncio.sleep(max(0.0, at_s - loop.time()))
            self.story.chaos.note(round(loop.time(), 3), "trouble", kind)
            await self._happen(kind)

    async def _happen(self, kind: str) -> None:
        own: Mapping[str, Callable[[Part, float], object]] = {
            "skew": self._skew,
            "key": self._key,
            "silence": self._silence,
            "manual_deposit": self._deposit,
            "manual_order": self._order,
            "wrong_balance": self._wrong,
            "shaved": self._shave,
            "streams": self._reset,
            "refusals": self._refuse,
        }
        theatre = self.story.theatre
        venue = self.random.choice(theatre.venues)
        part = theatre.parts[venue]
        lasts_s = self.random.uniform(*self.random.choice((LASTS_S, LASTS_S, LASTS_S, LONG_S)))
        if kind in BOOKED and not await self.story.store.read(_has_books, venue):
            return
        if kind in PEOPLE_KINDS:
            await self._person(kind, lasts_s)
        elif kind in own:
            own[kind](part, lasts_s)
        else:
            self._fault(part, kind, lasts_s)
        self._met(kind)

    def _met(self, kind: str) -> None:
        self.story.chaos.met[kind] += 1

    # ---- venues ------------------------------------------------------------

    def _fault(self, part: Part, kind: str, lasts_s: float) -> None:
        body: dict[str, Any] = {"kind": kind}
        if kind in {"withdraw_reject", "deposit_return", "partial"}:
            body["count"] = 1
        elif kind == "rests":
            body["count"] = RESTS
        else:
            body["seconds"] = lasts_s
        if kind == "halt":
            body["symbol"] = self.random.choice(sorted(part.listings))
        if kind == "wallet":
            body["asset"] = self.random.choice(sorted(part.wallets))
        part.begin(body)

    def _skew(self, part: Part, lasts_s: float) -> None:
        part.begin({"kind": "skew", "seconds": lasts_s, "ms": self.random.choice((-4000, 3000))})

    def _key(self, part: Part, lasts_s: float) -> None:
        """Revoked, and given back."""
        before = part.keys
        part.keys = before._replace(key=f"{before.key}-revoked")

        def give_back() -> None:
            part.keys = before

        asyncio.get_running_loop().call_later(lasts_s, give_back)

    def _silence(self, part: Part, lasts_s: float) -> None:
        """Nobody hears of its books."""
        until = asyncio.get_running_loop().time() + lasts_s
        self.story.theatre.silent_until[Venue(part.venue)] = until

    def _deposit(self, part: Part, _: float) -> None:
        """Somebody's own coins, of an amount like ours."""
        asset = self.random.choice(sorted(part.wallets))
        amounts = [
            one.amount for one in self.story.theatre.known_withdrawals() if one.asset == asset
        ]
        amount = self.random.choice(amounts) if amounts else Decimal("12.5")
        part.desk.money.bring(asset, amount)
        self._brought(Venue(part.venue), asset, amount)

    def _brought(self, venue: Venue, asset: str, amount: Decimal) -> None:
        key = venue, asset
        self.external[key] = self.external.get(key, Decimal(0)) + amount

    def _order(self, part: Part, _: float) -> None:
        """A person trades at the venue, beside us (H67)."""
        listing = part.listings[self.random.choice(sorted(part.listings))]
        price = Decimal(listing.asks.prices[0])
        lots = int(Decimal(listing.minimum_value) * 3 / price / listing.lot) + 20
        wanted = NewOrder(listing, None, True, "limit", price, listing.lot * lots, force="ioc")
        desk = part.desk
        before = {name: purse.free + purse.locked for name, purse in desk.purses().items()}
        try:
            order = desk.place(wanted)
        except Rejected:
            return
        if order.status == "open":
            desk.cancel(order)  # a venue that forgets what an IOC is
        self.made.add(order.id)
        for asset, purse in desk.purses().items():
            change = purse.free + purse.locked - before.get(asset, Decimal(0))
            if change:
                self._brought(Venue(part.venue), asset, change)

    def _wrong(self, part: Part, lasts_s: float) -> None:
        until = asyncio.get_running_loop().time() + lasts_s
        self.story.theatre.wrong_until[Venue(part.venue)] = until

    def _shave(self, _part: Part, _: float) -> None:
        self.story.theatre.transfers.shaves += 1

    def _refuse(self, part: Part, _: float) -> None:
        """Again and again: the way home is none."""
        part.begin({"kind": "withdraw_reject", "count": REFUSALS})

    def _reset(self, part: Part, _: float) -> None:
        for outlet in list(part.outlets):
            outlet.reset()

    def committed(self, views: Sequence[CycleView]) -> None:
        """Everything dies and no book is read while a cycle settles: nothing has a price."""
        settling = any(
            view.cycle.state is CycleState.REBALANCE_TRADE_COMPLETED
            and any(each.asset not in MONEY for each in view.net)
            for view in views
        )
        if self._darkens and settling and self.story.has_troubles:
            self._darkens = False
            until = asyncio.get_running_loop().time() + self.random.uniform(*DARK_S)
            for venue in self.story.theatre.venues:
                self.story.theatre.silent_until[venue] = until
            for instance in self.story.instances.values():
                instance.process.kill()
            self._met("dark")

    # ---- people ------------------------------------------------------------

    async def _person(self, kind: str, lasts_s: float) -> None:
        store = self.story.store
        if kind == "fewer":
            self._allow_fewer()
        elif kind == "kill":
            await store.write(trading_state.kill, MODE, "kim", "enough")
        else:
            await store.write(trading_state.set_state, MODE, TradingState.HALTED, "kim", "wait")
        if kind != "fewer":
            asyncio.get_running_loop().call_later(lasts_s, self._go_on)

    def _go_on(self) -> None:
        self.story.later(self.release())

    async def release(self) -> None:
        """A person has looked, and lets it go on."""
        store = self.story.store
        row = await store.read(trading_state.read, MODE)
        if row.killed:
            if row.reason.startswith("AUDIT"):
                self.story.violations.append(f"KILLED {row.reason[:200]}")
            await store.write(trading_state.release_kill, MODE, "kim", "looked")
        if row.killed or row.state is TradingState.HALTED:
            if row.reason.startswith(("BUG", "CONTRADICTION")):
                self.story.violations.append(f"HALTED {row.reason[:300]}")
            await store.write(trading_state.set_state, MODE, TradingState.REDUCING, "kim", "on")

    def _allow_fewer(self) -> None:
        """Tries of the way home, while some may wait for their next one."""
        story = self.story
        story.policy = replace(story.policy, retry_max=0)
        for instance in story.instances.values():
            instance.obey(story.policy)

    def look(self, busy: Sequence[CycleView]) -> None:
        """A person looks at what waits for its next try, once at each, and is not patient."""
        for view in busy:
            key = view.cycle.id, view.cycle.attempts
            if view.cycle.state is CycleState.AWAITING_RETRY and key not in self._looked:
                self._looked.add(key)
                if self.random.random() < IMPATIENCE:
                    self.click(view)

    def click(self, view: CycleView) -> None:
        """What a person asks of who works on it; sometimes twice (H68)."""
        random = self.random
        action = random.choice(("retry", "retry", "compensate", "close"))
        for turn in range(random.choice((1, 2))):
            for instance in self.story.instances.values():
                life, session = instance.life, instance.session
                if life is None or session is None or life.recovered is None:
                    continue
                if instance.process.is_dead or view.cycle.id not in life.recorder.fences:
                    continue
                cycle = view.cycle
                at_ns = instance.process.at_ns()
                session.take(OperatorAsked(at_ns, cycle.id, action, cycle.version, "kim"))
                self._met("clicked twice" if turn else "clicked")


def _has_books(conn: Connection, venue: Venue) -> bool:
    return any(purse.venue is venue for purse in posting.purses(conn, MODE))
