"""A bench for trading: the real ledger in memory, paper venues with faults, a clock that runs fast.

`Engine` is what a test decides instead of one: it keeps what it was told.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from app.domain.cycles import CycleView
from app.domain.events import CycleChanged, CycleClaimed, Event, TradingStateChanged
from app.domain.facts import Command, CycleDecided, CycleOpened, Fact, SendOrder, SendTransfer
from app.domain.markets import Instrument
from app.domain.orders import Balance, Fill, NoAnswer, Order, OrderReport, PlaceAnswer
from app.domain.trading import Purse, TradingState
from app.domain.transfers import Transfer, WithdrawalReport, WithdrawAnswer
from app.domain.venues import Venue
from app.exchanges.paper import Depth, PaperVenue, Passages, depth_of
from app.ledger import intents, posting, schema, trading_state
from app.ledger.clock import CLOCK
from app.runtime.trading.life import Life, Terms
from app.runtime.trading.port import Silent
from app.runtime.trading.ports.paper import PaperPort, PaperTerms
from tests.feeds.kit import FastClock, until

P = ParamSpec("P")
T = TypeVar("T")
E_ = TypeVar("E_", bound=Event)
MODE = "drill"
SPEED = 40.0
BOOKS = {
    "USDT": depth_of(1, [(2.49, 10_000.0)], [(2.5, 10_000.0)]),
    "KRW": depth_of(1, [(3_640.0, 10_000.0)], [(3_641.0, 10_000.0)]),
}


class Away(Exception):
    """The database does not answer."""


class Memory:
    """A store on one SQLite connection. faults: what happens to the next writes of a function:
    `before` (it never came), `after` (it was committed, the answer was lost)."""

    def __init__(self, clock_ns: Callable[[], int]) -> None:
        self.engine = sa.create_engine("sqlite://", poolclass=StaticPool)
        sa.event.listen(self.engine, "connect", _own_begin)
        sa.event.listen(self.engine, "begin", lambda conn: conn.exec_driver_sql("BEGIN IMMEDIATE"))
        self.faults: dict[str, list[str]] = {}
        self.is_away = False
        self.writes: list[str] = []
        self._one = asyncio.Lock()
        self._clock_ns = clock_ns
        self.now(schema.create)

    def now(
        self, fn: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """At once, for a test's own looks and deeds."""
        with self.engine.begin() as conn:
            conn.info[CLOCK] = self._clock_ns
            return fn(conn, *args, **kwargs)

    async def read(
        self, fn: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        async with self._one:
            await asyncio.sleep(0)
            if self.is_away:
                raise Away("read")
            return self.now(fn, *args, **kwargs)

    async def write(
        self, fn: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        async with self._one:
            await asyncio.sleep(0)
            waiting = self.faults.get(fn.__name__)
            fault = waiting.pop(0) if waiting else None
            if self.is_away or fault == "before":
                raise Away(fn.__name__)
            self.writes.append(fn.__name__)
            found = self.now(fn, *args, **kwargs)
            if fault == "after":
                raise Away(fn.__name__)
            return found


def _own_begin(dbapi: Any, _record: Any) -> None:
    dbapi.isolation_level = None
    dbapi.execute("PRAGMA foreign_keys=ON")


class Behind:
    """One venue behind its port: what it did survives the port. faults: of the next actions:
    `lost` (never arrives), `unheard` (done, no answer), `bug` (our own side breaks)."""

    def __init__(self, venue: Venue, passages: Passages, bps: str = "10") -> None:
        self.venue = venue
        self.paper = PaperVenue(venue, lambda _: Decimal(bps))
        self.passages = passages
        self.faults: deque[str | None] = deque()
        self.placed: list[str] = []
        self.withdrawn: list[str] = []
        self.questions: list[str] = []
        self.cancels = 0
        self.is_silent = False
        self.balances: dict[str, Decimal] | None = None


class FaultyPort(PaperPort):
    """As the venue says, or as a wire fails."""

    def __init__(self, behind: Behind, clock: FastClock, purses: Any) -> None:
        super().__init__(
            behind.paper,
            behind.passages,
            depth=lambda instrument: BOOKS.get(instrument.quote),
            purses=purses,
            clock=clock,
            terms=PaperTerms((0.0, 0.01), 5.0),
        )
        self.behind = behind

    def healthy(self) -> bool:
        return not self.behind.is_silent

    async def place(self, order: Order) -> PlaceAnswer:
        fault = self._fault()
        if fault == "bug":
            raise ZeroDivisionError
        if fault == "lost":
            return NoAnswer("timeout")
        self.behind.placed.append(order.client_id)
        answer = await super().place(order)
        return NoAnswer("timeout") if fault == "unheard" else answer

    async def cancel(self, order: Order) -> PlaceAnswer:
        self.behind.cancels += 1
        return await super().cancel(order)

    async def withdraw(self, transfer: Transfer) -> WithdrawAnswer:
        fault = self._fault()
        if fault == "lost":
            return NoAnswer("timeout")
        self.behind.withdrawn.append(transfer.client_id)
        answer = await super().withdraw(transfer)
        return NoAnswer("timeout") if fault == "unheard" else answer

    async def order(self, order: Order) -> OrderReport | None:
        self._asked("by_id")
        return await super().order(order)

    async def orders(self, instrument: Instrument, since_ns: int) -> list[OrderReport]:
        self._asked("list")
        return await super().orders(instrument, since_ns)

    async def fills(self, order: Order) -> list[Fill]:
        self._asked("fills")
        return await super().fills(order)

    async def withdrawals(self, transfer: Transfer) -> list[WithdrawalReport]:
        self._asked("withdrawals")
        return await super().withdrawals(transfer)

    async def balances(self) -> list[Balance]:
        self._asked("balances")
        if self.behind.balances is not None:
            told = self.behind.balances.items()
            return [Balance(self.venue, asset, free, Decimal(0)) for asset, free in told]
        return await super().balances()

    def _fault(self) -> str | None:
        return self.behind.faults.popleft() if self.behind.faults else None

    def _asked(self, what: str) -> None:
        self.behind.questions.append(what)
        if self.behind.is_silent:
            raise Silent("timeout")


class Engine:
    """Takes events, decides nothing."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def take(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type[E_]) -> list[E_]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def state(self) -> TradingStateChanged:
        return self.of(TradingStateChanged)[-1]

    def view(self, cycle_id: str = "c-1") -> CycleView:
        """As last told."""
        told = [
            event.view
            for event in self.events
            if isinstance(event, CycleClaimed | CycleChanged) and event.view.cycle.id == cycle_id
        ]
        return told[-1]


class Bench:
    """Binance and Upbit, one database, and a life that may end and begin again."""

    def __init__(self, mode: str = MODE) -> None:
        self.mode = mode
        self.clock = FastClock(SPEED)
        self.ahead_ns = 0
        """Of the process's clock: the database's."""
        self.store = Memory(lambda: self.clock.at_ns() + self.ahead_ns)
        passages = Passages(5.0)
        self.venues = {venue: Behind(venue, passages) for venue in (Venue.BINANCE, Venue.UPBIT)}
        self.engine = Engine()
        self.life: Life | None = None
        self._lives = 0

    async def begin(
        self,
        *,
        dead: tuple[str, ...] = (),
        lease_s: float = 30.0,
        wait: bool = True,
        **roles: bool,
    ) -> Life:
        self._lives += 1
        self.engine = Engine()
        terms = Terms(self.mode, f"life-{self._lives}", lease_s, lease_s, dead, **roles)
        ports = {
            venue: FaultyPort(behind, self.clock, self._purses)
            for venue, behind in self.venues.items()
        }
        life = self.life = Life(self.store, self.clock, ports, terms, tell=self.engine.take)
        given = {
            Venue.BINANCE: [Balance(Venue.BINANCE, "USDT", Decimal(10_000), Decimal(0))],
            Venue.UPBIT: [Balance(Venue.UPBIT, "KRW", Decimal(5_000_000), Decimal(0))],
        }
        await life.start(given)
        if wait:
            await until(lambda: life.blocks.first != "RECONCILING", "recovered")
        return life

    async def end(self) -> None:
        if self.life is not None:
            await self.life.stop()
            self.life = None

    async def die(self) -> None:
        """As kill -9: nothing is released, nothing is finished."""
        life, self.life = self.life, None
        assert life is not None
        tasks = [task for task in asyncio.all_tasks() if _is_ours(task)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def step(self, *facts: CycleOpened | CycleDecided, commands: bool = True) -> None:
        """One step of the engine: these facts, and the sends that follow from them."""
        assert self.life is not None
        found: list[Fact] = list(facts)
        sends: list[Command] = []
        for fact in facts if commands else ():
            decided = fact.decision if isinstance(fact, CycleDecided) else fact
            sends += (
                SendOrder(each.terms.instrument.venue, each.client_id) for each in decided.orders
            )
            if isinstance(fact, CycleDecided):
                sends += (
                    SendTransfer(each.terms.from_venue, each.client_id)
                    for each in fact.decision.transfers
                )
        self.life.take(found, sends)
        await self.life.recorder.settled()

    def order(self, client_id: str) -> Order:
        found = self.store.now(intents.get_order, self.mode, client_id)
        assert found is not None
        return found

    def transfer(self, client_id: str) -> Transfer:
        found = self.store.now(intents.get_transfer, self.mode, client_id)
        assert found is not None
        return found

    def purse(self, venue: Venue, asset: str) -> Purse:
        (found,) = self.store.now(posting.purses, self.mode, [(venue, asset)])
        return found

    def say(self, state: TradingState) -> None:
        self.store.now(trading_state.set_state, self.mode, state, "a test")

    async def _purses(self) -> tuple[Purse, ...]:
        return await self.store.read(posting.purses, self.mode)


def _is_ours(task: asyncio.Task[Any]) -> bool:
    name = task.get_name()
    words = ("trading-", "gateway-", "binance ", "upbit ", "recovery-", "paper-")
    return name.startswith(words) and task is not asyncio.current_task()


def book(instrument: Instrument) -> Depth:
    return BOOKS[instrument.quote]
