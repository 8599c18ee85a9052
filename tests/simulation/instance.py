"""Instance: one process of the service as far as it trades: engine, session, life, real ports.

Everything in it is the product's own but what stands between it and the outside: the clock, the
disk, the wire, and who reads the public books aloud.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from msgspec.structs import replace

from app.books.alignment import Connection as Counter
from app.books.alignment import State
from app.books.outcomes import OTHER
from app.books.rack import Rack
from app.domain.events import (
    ConnectionOpened,
    Event,
    FrameReceived,
    MarketsRead,
    PolicyChanged,
    Ticked,
    TradingPolicyChanged,
    WalletsRead,
)
from app.domain.facts import Command, CycleOpened, Fact, TradeRefused
from app.domain.markets import Alignment, BookSnapshot, Instrument, Market, WalletNetwork
from app.domain.markets import Event as Message
from app.domain.policy import Fee, Policy, WithdrawalFee
from app.domain.secret import Secret
from app.domain.times import SECOND_NS
from app.domain.trading import TradingPolicy
from app.domain.venues import Venue
from app.engine.core import Engine
from app.engine.execution.ids import Identity
from app.exchanges import EXCHANGES
from app.exchanges.accounts import ACCOUNTS
from app.exchanges.contract import Names, completed
from app.exchanges.signing import Keys
from app.ledger import leases
from app.runtime.feeds.clocks import Clocks
from app.runtime.feeds.demo import HOLDER
from app.runtime.feeds.discovery import joined
from app.runtime.feeds.endpoints import Endpoint
from app.runtime.feeds.rest import Rest
from app.runtime.feeds.station import Station
from app.runtime.latency import Latency
from app.runtime.trading.blocks import CLOCK
from app.runtime.trading.life import Life, Terms
from app.runtime.trading.ports import userstream
from app.runtime.trading.ports.live import LivePort
from app.runtime.trading.session import Session
from app.simulator.protocol import Listing
from app.simulator.protocol import Request as Asked
from app.simulator.terms import TERMS
from tests.simulation.process import T0_NS, Process
from tests.simulation.store import Store
from tests.simulation.theatre import FOREIGN, Theatre, rows
from tests.simulation.wire import Gates, Line, Socket, Wire, url_of

MODE = "drill"
DEPLOYMENT = "simulation"
BOOKS_MAX = 64
BOOK_S_MAX = 20.0
"""For detection: a busy machine reads no book twice a second. Trading asks for younger ones."""
FEES = tuple(
    Fee(venue, None, float(TERMS[venue.value].taker_bps), "set", T0_NS + 10**18) for venue in Venue
)
POLICY = Policy(
    fees=FEES, fx_fixed=1_400.0, min_net_bps=20.0, fee_age_s_max=1e9, book_age_s_max=BOOK_S_MAX
)
CLOCK_S = 120.0
FINALIZE_S, RECONCILE_S, AUDIT_S = 5.0, 20.0, 60.0
HOT_S, CALM_S = 1.0, 5.0


@contextmanager
def walled() -> Iterator[None]:
    """No socket leaves this process while a story plays."""
    module: Any = userstream
    real = module.WebSocket
    module.WebSocket = Socket
    try:
        yield
    finally:
        module.WebSocket = real


class Reader:
    """A venue whose frames name one of its listings: the book is read where it stands."""

    def __init__(self, venue: Venue, theatre: Theatre) -> None:
        self.venue = venue
        self.counter = Counter()
        self._theatre = theatre
        self._listed = theatre.instruments(venue)
        self._rack = Rack(0)

    def alignment(self, channel: str) -> Alignment:
        return Alignment.SNAPSHOTS

    def levels_max(self, channel: str) -> int:
        return 64

    def open(
        self, channel: str, instruments: Sequence[Instrument], rows: Sequence[int], rack: Rack
    ) -> Reader:
        self._rack = rack
        return self

    def scan(self, frame: bytes, at_ns: int) -> int:
        """As the compiled scanners do: a book that is whole gets its levels where it lies."""
        rack, (instrument, listing) = self._rack, self._listed[int(frame)]
        row = rack.row(instrument)
        if row is None or rack.tops["state"][row, 0] != State.VALID:
            return OTHER
        book = rack.book(row)
        for side, levels in enumerate(self._theatre.figures(listing)):
            count = len(levels)
            book.ladder.levels[side, :count] = levels
            book.ladder.counts[side] = count
        rack.tops["received_ns"][row] = at_ns
        rack.settle(row)
        return row

    def read(self, frame: bytes) -> list[Message]:
        instrument, listing = self._listed[int(frame)]
        return [BookSnapshot(instrument, Alignment.SNAPSHOTS, *rows(listing))]

    def forget(self, instrument: Instrument) -> None:
        pass


class Instance:
    """bug(text): something in it raised that must not. told(facts): of each step."""

    def __init__(
        self,
        process: Process,
        store: Store,
        wire: Wire,
        policy: TradingPolicy,
        *,
        lease_s: float,
        dead: tuple[str, ...],
        streams: bool,
        bug: Callable[[str], None],
        opened: Callable[[Instance, CycleOpened], None],
    ) -> None:
        self.process = process
        self.store = store
        self.theatre = wire.theatre
        self.policy = policy
        self.life: Life | None = None
        self.engine: Engine | None = None
        self.session: Session | None = None
        self._unpriced: list[WalletNetwork] = []
        self._are_fees_set = False
        self.gates = Gates(wire, process, streams=streams)
        self._wire = wire
        self._terms = Terms(MODE, process.name, lease_s, min(15.0, lease_s), dead)
        self._bug = bug
        self._opened = opened
        self.tasks: list[asyncio.Task[None]] = []
        self.stations = {venue: self._station(venue) for venue in self.theatre.venues}

    def _station(self, venue: Venue) -> Station:
        exchange, part = EXCHANGES[venue], self.theatre.parts[venue]
        url = url_of(venue)
        keys = Keys(
            f"sim-{venue.value}",
            Secret(part.keys.private_pem or part.keys.secret),
            Secret(part.keys.passphrase),
            HOLDER,
        )
        endpoint = Endpoint(url.replace("http", "ws"), url)
        line: Any = Line(self._wire, self.process)
        clock: Any = self.process
        rest = Rest(exchange, endpoint, line, clock, keys, Names(exchange), lambda _: None)
        inbox: Any = None
        return Station(
            exchange, endpoint, next(iter(exchange.channels)), self._take, inbox, rest, clock,
            self.gates, lambda: 1,
        )  # fmt: skip

    def obey(self, policy: TradingPolicy) -> None:
        self.policy = policy
        self._take(TradingPolicyChanged(self.process.at_ns(), policy))

    # ---- life ----------------------------------------------------------------------------------

    def start(self) -> None:
        self.tasks.append(asyncio.create_task(self._guarded("start", self._start)))

    async def _guarded(self, name: str, run: Callable[[], Any]) -> None:
        try:
            await run()
        except Exception as error:
            self._bug(f"{self.process.name} {name}: {type(error).__name__}: {error}")

    async def _start(self) -> None:
        process = self.process
        who = await self._until_there(lambda: self.store.write(leases.identity, DEPLOYMENT))
        self.engine = Engine(
            Rack(BOOKS_MAX),
            {venue: Reader(venue, self.theatre) for venue in self.theatre.venues},
            POLICY,
            identity=Identity(who.deployment_id, who.epoch),
            venue_rules={venue: ACCOUNTS[venue].rules for venue in self.theatre.venues},
            venue_ids={venue: ACCOUNTS[venue].client_id for venue in self.theatre.venues},
        )
        self.session = Session(
            self.engine,
            Latency(lambda: 0.0),
            do=lambda _: None,
            changed=lambda _row, _at_ns: None,
            stopped=lambda reason: self._bug(f"{process.name} engine: {reason}"),
            trade=self._trade,
            clock_ns=process.at_ns,
        )
        self._take(PolicyChanged(process.at_ns(), POLICY))
        self._read_markets()
        await self._read_clocks()
        ports = {
            venue: LivePort(
                station,
                ACCOUNTS[venue],
                instruments=partial(self._instruments, venue),
            )
            for venue, station in self.stations.items()
        }
        self.life = Life(self.store, process, ports, self._terms, tell=self._take)
        self._take(TradingPolicyChanged(process.at_ns(), self.policy))
        for name, run in (("beat", self._beat), ("jobs", self._jobs), ("clocks", self._clocks)):
            self.tasks.append(asyncio.create_task(self._guarded(name, run)))
        await self._until_there(self.life.start)

    async def _until_there(self, ask: Callable[[], Any]) -> Any:
        """A service that cannot reach its database at its start is started again."""
        while True:
            try:
                return await ask()
            except Exception:
                await self.process.sleep(1.0)

    def _instruments(self, venue: Venue) -> list[Instrument]:
        return [instrument for instrument, _ in self._listed(venue)]

    def _listed(self, venue: Venue) -> list[tuple[Instrument, Listing]]:
        return self.theatre.instruments(venue)

    @property
    def is_whole(self) -> bool:
        """Recovered, with books of every venue; or in another time, where it stays out of it."""
        life = self.life
        if life is None or life.recovered is None:
            return False
        return life.blocks.all() in {(), (CLOCK,)}

    # ---- what the public side says ---------------------------------------------------------------

    def _take(self, event: Event) -> None:
        if self.session is not None and not self.process.is_dead:
            self.session.take(event)

    def _trade(self, facts: Sequence[Fact], commands: Sequence[Command]) -> None:
        if self.process.is_dead or self.life is None:
            return
        for fact in facts:
            if isinstance(fact, CycleOpened):
                self._opened(self, fact)
            elif isinstance(fact, TradeRefused):
                self.process.chaos.met[f"refused {fact.refused.code}"] += 1
        self.life.take(facts, commands)

    def _read_markets(self) -> None:
        """By the product's own readers of the venue's lists."""
        at_ns = self.process.at_ns()
        for number, (venue, station) in enumerate(self.stations.items(), 1):
            listed = self._listed(venue)
            key = venue, tuple(listing.tick for _, listing in listed)
            if key not in self.theatre.markets:
                self.theatre.markets[key] = tuple(self._markets(venue))
            markets = self.theatre.markets[key]
            for market in markets:
                station.rest.names.learn(market.instrument)
            self._take(MarketsRead(at_ns, venue, markets))
            instruments = tuple(instrument for instrument, _ in listed)
            self._take(ConnectionOpened(at_ns, number, venue, station.channel, instruments))
        self.read_wallets()

    def _markets(self, venue: Venue) -> list[Market]:
        """The same for every instance of a seed: asked for once."""
        station = self.stations[venue]
        names, exchange = station.rest.names, station.exchange
        found = self._ask(venue, exchange.ask_markets())
        markets = [event for event in found if isinstance(event, Market)]
        for market in markets:
            names.learn(market.instrument)
        asked = exchange.ask_market_details([market.instrument for market in markets])
        more = {e.instrument: e for e in self._ask(venue, asked) if isinstance(e, Market)}
        return list(joined(markets, more))

    def read_wallets(self) -> None:
        for venue, station in self.stations.items():
            found = self._ask(venue, [station.exchange.ask_wallets()])
            networks = [event for event in found if isinstance(event, WalletNetwork)]
            more = self._ask(venue, station.exchange.ask_withdrawals(networks))
            fees = [event for event in more if isinstance(event, WalletNetwork)]
            told = tuple(completed(networks, fees))
            self._unpriced += [each for each in told if each.fee is None]
            self._take(WalletsRead(self.process.at_ns(), venue, told))
        self._set_fees()

    def _set_fees(self) -> None:
        """What a venue tells nobody, a person has set by hand."""
        if not self._unpriced or self._are_fees_set:
            return
        self._are_fees_set = True
        fees = []
        for each in self._unpriced:
            wallet = self.theatre.parts[each.venue].wallets.get(each.asset)
            if wallet is not None:
                most = max(float(network.fee) for network in wallet.networks)
                fees.append(WithdrawalFee(each.venue, each.asset, each.network, most, "set", T0_NS))
        policy = replace(POLICY, withdrawal_fees=tuple(fees))
        self._take(PolicyChanged(self.process.at_ns(), policy))

    def _ask(self, venue: Venue, requests: Sequence[Any]) -> list[Any]:
        """Public and calm: no fault is played here."""
        station, part = self.stations[venue], self.theatre.parts[venue]
        found: list[Any] = []
        for request in requests:
            headers: dict[str, str] = {}
            target, body = request.target, request.body
            if request.signed:
                assert station.rest.keys is not None
                made = signed(venue, request, station.rest.keys, part.now_ms())
                headers, target, body = made.headers, made.target, made.body
            path, _, query = target.partition("?")
            low = {name.lower(): value for name, value in headers.items()}
            reply = part.dialect.http(Asked(request.method, path, query, low, body))
            found += station.exchange.read_reply(request, reply.body, station.rest.names)
        return found

    async def _read_clocks(self) -> None:
        for station in self.stations.values():
            await Clocks(station).round()

    async def _clocks(self) -> None:
        while True:
            await self.process.sleep(CLOCK_S)
            await self._read_clocks()

    # ---- the beat and the jobs -------------------------------------------------------------------

    async def _beat(self) -> None:
        while True:
            self.read_books()
            self._take(Ticked(self.process.at_ns()))
            await self.process.sleep(CALM_S if self.process.is_calm else HOT_S)

    def read_books(self) -> None:
        at_ns = self.process.at_ns()
        now = asyncio.get_running_loop().time()
        for number, venue in enumerate(self.stations, 1):
            if self.theatre.silent_until.get(venue, 0.0) > now:
                continue
            for index in range(len(self._listed(venue))):
                self._take(FrameReceived(at_ns, number, b"%d" % index))

    async def _jobs(self) -> None:
        """What the scheduler does: hints, each of which may fail."""
        due = {"claim": FINALIZE_S, "reconcile": RECONCILE_S, "audit": AUDIT_S, "wallets": 120.0}
        every = dict(due)
        now = 0.0
        while True:
            await self.process.sleep(FINALIZE_S)
            now += FINALIZE_S
            for name in [name for name, at in due.items() if at <= now]:
                due[name] = now + every[name]
                try:
                    await self._job(name)
                except Exception as error:
                    self.process.note("job", name, type(error).__name__)

    async def _job(self, name: str) -> None:
        life = self.life
        if life is None or life.recovered is None:
            return
        if name == "claim":
            await life.cycle_leases.claim()
        elif name == "reconcile":
            await life.reconciler.adopt(None)
            await life.reconciler.look()
        elif name == "audit":
            await life.auditor.check()
        else:
            self.read_wallets()


def signed(venue: Venue, request: Any, keys: Keys, at_ms: int) -> Any:
    from app.exchanges.signing import sign

    return sign(venue, request, keys, at_ms, f"public-{at_ms}")


__all__ = ["FOREIGN", "MODE", "SECOND_NS", "Instance"]
