"""Market: everything live in one value: feeds, engine, archive, and what pages ask of them."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
from msgspec.structs import replace

from app.archive.archive import Archive
from app.books.rack import Rack
from app.domain.events import Event, PolicyChanged, Ticked
from app.domain.facts import Fact, PairQuarantined, TradesPrinted
from app.domain.live import (
    BookRow,
    Explanation,
    IdentityRow,
    MarketRow,
    NearMiss,
    NetworkRow,
    Opportunity,
    PremiumRow,
    PriceRow,
    RateRow,
    RefusalCount,
    VenueRow,
)
from app.domain.policy import Policy
from app.domain.problems import Problem
from app.domain.roles import ALL, ProcessRole, Roles
from app.domain.venues import Venue
from app.engine.core import Engine
from app.engine.execution import ids
from app.engine.views import Views
from app.exchanges import EXCHANGES
from app.exchanges.scanning import translators
from app.exchanges.signing import Keys
from app.ledger import queries, signals
from app.ledger.database import Database
from app.runtime import collector
from app.runtime.feeds.demo import CannotStart, Demo
from app.runtime.feeds.endpoints import Endpoint
from app.runtime.feeds.feeds import Feeds
from app.runtime.feeds.outages import Outages
from app.runtime.latency import Latency
from app.runtime.market_rows import SignalCounts
from app.runtime.policy import Policies
from app.runtime.preferences import Preferences
from app.runtime.publisher import Publisher
from app.runtime.streams.hub import Hub
from app.runtime.trading import joining
from app.runtime.trading.blocks import FEEDS
from app.runtime.trading.session import Session
from app.runtime.trading.signals import Signals
from app.runtime.trading.trading import Joined, Trading
from app.runtime.trading.warm import warm
from app.runtime.venues import awaited_rows, venue_rows
from app.texts.coins import korean_name

log = structlog.get_logger("kimp.market")

BEAT_S = 0.1
JOURNAL_MAX = 100
# Once the engine stands, and again when every venue has said what it lists.
SETTLED_BEATS = (15, 300)
# After a bug of ours the market begins anew, with empty books, when this has passed.
RESTART_S = 5.0
# The archive wants a row a second of everything: a part of it at each beat.
ARCHIVE_PARTS = 10
# After a kill: more numbers than can have been shown to somebody before they were written down.
NUMBERS_SKIPPED = 1_000


@dataclass(frozen=True, slots=True)
class Outside:
    """What the environment says about the market. feeds: None where Settings may choose."""

    feeds: str | None
    data_dir: Path
    venues: tuple[Venue, ...]
    endpoints: Mapping[Venue, Endpoint]
    keys: Mapping[Venue, Keys]
    fx_urls: tuple[str, ...]
    clickhouse_url: str | None
    roles: Roles = ALL


@dataclass(slots=True)
class Run:
    """One life of the engine with its feeds."""

    engine: Engine
    views: Views
    session: Session
    feeds: Feeds
    demo: Demo | None


def _of(venues: Collection[Venue], endpoints: Mapping[Venue, Endpoint]) -> dict[Venue, Endpoint]:
    return {venue: endpoints.get(venue, Endpoint()) for venue in venues}


class Market:
    """`feeds` is off, demo or live; with off, and before the first event, everything is empty."""

    def __init__(
        self,
        db: Database,
        hub: Hub,
        preferences: Preferences,
        policies: Policies,
        latency: Latency,
        outside: Outside,
        trading: Trading,
    ) -> None:
        self.trading = trading
        self.feeds = "off"
        self.state = "off"
        """off, starting, running, stopped (by a bug of ours, told in `reason`)."""
        self.reason: str | None = None
        self.archive: Archive | None = None
        self.policies = policies
        self.latency = latency
        self.outside = outside
        self.stored_keys: Callable[[], Awaitable[Mapping[Venue, Keys]]] | None = None
        """Keys that Settings has, with those of the environment."""
        self.started_at_ns = time.time_ns()
        self._db = db
        self._hub = hub
        self._preferences = preferences
        self.counts = SignalCounts()
        self._signals = Signals(db, self._evidence)
        self._publisher = Publisher(self, hub, latency)
        self._run: Run | None = None
        self._journal: deque[Fact] = deque(maxlen=JOURNAL_MAX)
        self._turns = asyncio.Lock()
        self._beating: asyncio.Task[None] | None = None
        self._restart: asyncio.TimerHandle | None = None
        self._restarting: asyncio.Task[None] | None = None
        self._archiving: asyncio.Task[None] | None = None
        self._suspecting: set[asyncio.Task[None]] = set()
        self._beats = 0
        self._skipped = 0

        self._keeps = ProcessRole.FEEDER in outside.roles
        self._detects = ProcessRole.INITIATOR in outside.roles
        """What is detected is written down where it may become a cycle."""

    # ------------------------------------------------------------------ life

    async def start(self) -> None:
        """Begin as the environment or Settings say; pages need not wait for it."""
        if self._detects:
            died = await self._db.write(signals.close_open, None)
            self._skipped = NUMBERS_SKIPPED if died else 0
        self.policies.listen(self._policy_changed)
        self._preferences.listen(self._setting_changed)
        self._hub.freshen = self._publisher.freshen
        self._signals.start()
        self.feeds = self.outside.feeds or await self.policies.feeds()
        self._restarting = asyncio.create_task(self._turn(self.feeds), name="market-start")

    async def stop(self) -> None:
        self._hub.freshen = None
        if self._restarting is not None:
            self._restarting.cancel()
            await asyncio.gather(self._restarting, return_exceptions=True)
        await self._turn("off")
        await self._signals.stop()
        if self._archiving is not None:
            self._archiving.cancel()
            await asyncio.gather(self._archiving, return_exceptions=True)
            self._archiving = self.archive = None

    async def switch_feeds(self, feeds: str, *, by: str) -> None:
        """Problem conflict where the environment has decided."""
        if self.outside.feeds is not None:
            raise Problem("feeds_fixed", values={"feeds": self.outside.feeds})
        await self.policies.put_feeds(feeds, by=by)

    @property
    def outages(self) -> Outages | None:
        """What may be shut on purpose: venues of the demo, no others."""
        return self._run.demo.outages if self._run is not None and self._run.demo else None

    async def _setting_changed(self, key: str) -> None:
        """Somebody changed a setting, here or through the API."""
        if key == "archive.max_gib" and self.archive is not None:
            self.archive.max_gib = await self._archive_gib()
        elif key == "feeds" and self.outside.feeds is None:
            await self._turn(await self.policies.feeds())
        elif key.startswith("feeds.") and self.feeds != "off":
            await self._turn(self.feeds)

    async def _archive_gib(self) -> float:
        return float((await self._preferences.get("archive.max_gib")).value)

    async def _turn(self, feeds: str) -> None:
        """End the present life, begin another. One turn at a time."""
        async with self._turns:
            await self._close()
            self.feeds, self.reason = feeds, None
            self.state = "off"
            if feeds == "off":
                return
            self.state, self._signals.feeds = "starting", feeds
            if self.archive is None and (self._keeps or self.outside.clickhouse_url):
                folder = self.outside.data_dir / "archive"
                self.archive = Archive.open(
                    self.outside.clickhouse_url, folder, max_gib=await self._archive_gib()
                )
                self._archiving = asyncio.create_task(self.archive.keep(), name="archive")
            try:
                await self._open(feeds)
            except CannotStart as reason:
                log.warning("market_not_started", feeds=feeds, reason=str(reason))
                self._stopped(str(reason))
            except Exception as bug:
                log.exception("market_not_started", feeds=feeds)
                self._stopped(f"{type(bug).__name__}: {bug}")
            else:
                self.state = "running"
                self._beating = asyncio.create_task(self._beat_on(), name="market")

    async def _open(self, feeds: str) -> None:
        # Compiled code comes from the disk, which takes a second: pages need not wait for it.
        loading = asyncio.create_task(asyncio.to_thread(warm))
        demo = await Demo.start() if feeds == "demo" else None
        try:
            await loading
            await self._begin(feeds, demo)
        except BaseException:
            if demo is not None:
                await demo.stop()
            raise

    async def _begin(self, feeds: str, demo: Demo | None) -> None:
        outside = self.outside
        policy = await self.policies.load(feeds)
        number = await self._db.read(signals.next_number) + self._skipped
        self._skipped = 0
        engine = Engine(
            Rack(),
            translators(outside.venues),
            policy,
            first_number=number,
            identity=ids.Identity(*await self.trading.identity()),
            venue_rules=joining.rules_of(self.trading.mode, outside.venues),
            venue_ids=joining.ids_of(self.trading.mode, outside.venues),
        )
        line = Feeds(
            self._take,
            exchanges={venue: EXCHANGES[venue] for venue in outside.venues},
            endpoints=_of(outside.venues, outside.endpoints if demo is None else demo.endpoints),
            keys=await self._keys() if demo is None else demo.keys,
            fx_urls=outside.fx_urls if demo is None else demo.fx_urls,
            channels=await self.policies.channels(),
        )
        session = Session(
            engine,
            self.latency,
            do=line.do,
            changed=self._changed,
            stopped=self._stopped,
            trade=self.trading.take,
        )
        if self._detects:
            session.listen(self._signals.take)
        session.listen(self.counts.take)
        session.listen(self._note)
        self._exchange_ns = engine.rack.tops["exchange_ns"]
        self._run = Run(engine, Views(engine), session, line, demo)
        session.take(PolicyChanged(time.time_ns(), policy))
        await line.start()
        await self.trading.begin(await self._joined(feeds, engine, session, line), feeds)

    async def _keys(self) -> Mapping[Venue, Keys]:
        """The environment's win over those that are stored, and those over a drill's own."""
        stored = {} if self.stored_keys is None else await self.stored_keys()
        return {**self.outside.keys, **stored}

    async def keys_changed(self) -> None:
        """Somebody changed the keys of an account: begin anew with them."""
        if self.feeds == "live":
            await self._turn(self.feeds)

    async def _joined(self, feeds: str, engine: Engine, session: Session, line: Feeds) -> Joined:
        """What trading needs of this life. Only PAPER may trade on the demo's books."""
        venues, mode = self.outside.venues, self.trading.mode
        paper = await self.trading.policies.paper()
        if mode == joining.PAPER:
            ports = await joining.paper_ports(engine, self._db, line.clock, venues, paper)
            given = joining.opening(paper, venues)
            return Joined(engine, session.take, line.clock, ports, given)
        watched = engine.universe.watched
        ports = (
            joining.venue_ports(line, venues, lambda venue: tuple(watched.get(venue, ())))
            if feeds == "live"
            else {}
        )
        block = None if ports else FEEDS
        return Joined(engine, session.take, line.clock, ports, None, block)

    async def _close(self) -> None:
        """The session first: lines that are cut on purpose are no news of the market."""
        if self._restart is not None:
            self._restart.cancel()
            self._restart = None
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
            self._beating = None
        run = self._run
        if run is not None:
            collector.stir()
            await self.trading.end()
            run.session.end()
            await run.feeds.stop()
            await self._signals.flush()
            self._run = None
            if self._detects:
                await self._db.write(signals.close_open, time.time_ns())
            if run.demo is not None:
                await run.demo.stop()

    def _stopped(self, reason: str) -> None:
        """Nothing is decided now: say why, and begin anew with empty books a little later."""
        self.state, self.reason = "stopped", reason
        self._restart = asyncio.get_running_loop().call_later(RESTART_S, self._begin_anew)

    def _begin_anew(self) -> None:
        self._restart = None
        self._restarting = asyncio.create_task(self._turn(self.feeds), name="market-restart")

    # ------------------------------------------------------------------ what comes in

    def _take(self, event: Event) -> None:
        if self._run is not None:
            self._run.session.take(event)

    def _changed(self, row: int, at_ns: int) -> None:
        run = self._run
        if run is not None:
            venue = run.engine.rack.instrument(row).venue
            run.feeds.updated(venue, at_ns, int(self._exchange_ns[row]))
            self._publisher.changed(row)

    async def _beat_on(self) -> None:
        """The engine's sense of time, and the moment at which pages are told."""
        beats = 0
        while True:
            await asyncio.sleep(BEAT_S)
            beats += 1
            if beats in SETTLED_BEATS:
                collector.settle()
            self.latency.tick()
            self._take(Ticked(time.time_ns()))
            await asyncio.sleep(0)  # frames that came meanwhile need not wait for all of a beat
            self._publisher.beat(time.monotonic())
            await asyncio.sleep(0)
            if self.archive is not None and self._keeps:
                self._to_archive(self.archive)

    def _to_archive(self, archive: Archive) -> None:
        """A row a second of every book that changed, and of every route."""
        run = self._run
        if run is None:
            return
        self._beats += 1
        part = self._beats % ARCHIVE_PARTS
        if part == 0:
            archive.note_books(run.engine.rack, time.time_ns())
        bases = run.views.bases()[part::ARCHIVE_PARTS]
        if bases:
            archive.note_spreads(run.views.spreads(time.time_ns(), bases))

    def _note(self, facts: Sequence[Fact]) -> None:
        suspects: list[PairQuarantined] = []
        for fact in facts:
            if not isinstance(fact, TradesPrinted):
                self._journal.append(fact)
            elif self.archive is not None and self._keeps:
                self.archive.note_trades(fact.trades)
            if isinstance(fact, PairQuarantined):
                suspects.append(fact)
        if suspects:
            writing = asyncio.create_task(self.policies.suspect(suspects), name="suspects")
            self._suspecting.add(writing)
            writing.add_done_callback(self._suspecting.discard)

    def _policy_changed(self, policy: Policy) -> None:
        self._take(PolicyChanged(time.time_ns(), policy))

    def _evidence(self, signal_id: str) -> Explanation | None:
        return None if self._run is None else self._run.engine.evidence(signal_id)

    async def sweep(self) -> None:
        """What nobody looks back to any more is forgotten."""
        gone = await self._signals.purge(time.time_ns())
        if gone:
            log.info("signals_forgotten", count=gone)

    # ------------------------------------------------------------------ what is asked

    @property
    def policy(self) -> Policy:
        return self.policies.now

    @property
    def frames(self) -> int:
        """Of this life of the engine: the sequence that pages show."""
        return 0 if self._run is None else self._run.session.frames

    def listen(self, hz: float, call: Callable[[Market], None]) -> None:
        """`call(market)` at most `hz` times a second, while the market runs."""
        self._publisher.add(hz, call)

    def journal(self) -> tuple[Fact, ...]:
        """What happened last, newest first; trades left out."""
        return tuple(reversed(self._journal))

    def latencies(self) -> dict[str, tuple[float, float]]:
        """Stage → p50 and p99 of the last minute in µs."""
        return self.latency.figures()

    def bases_of(self, row: int) -> tuple[str, ...]:
        """The assets whose routes look at this book."""
        return () if self._run is None else self._run.views.bases_of(row)

    def prices(self, rows: Collection[int] | None = None) -> tuple[PriceRow, ...]:
        return () if self._run is None else self._run.views.prices(time.time_ns(), rows)

    def premiums(
        self, bases: Collection[str] | None = None, ids: Collection[str] | None = None
    ) -> tuple[PremiumRow, ...]:
        """Every route of these bases, or of all; with ids only those: a row costs µs."""
        return () if self._run is None else self._run.views.premiums(time.time_ns(), bases, ids)

    def books(self, base: str) -> tuple[BookRow, ...]:
        return () if self._run is None else self._run.views.books(base, time.time_ns())

    def rates(self) -> tuple[RateRow, ...]:
        return () if self._run is None else self._run.views.rates(time.time_ns())

    def venues(self) -> tuple[VenueRow, ...]:
        """Every configured venue, whatever its state."""
        run = self._run
        if run is None:
            return awaited_rows(self.outside.venues) if self.state == "starting" else ()
        return venue_rows(run.engine, run.feeds, self.outside.venues, time.time_ns())

    def markets(self) -> tuple[MarketRow, ...]:
        rows = () if self._run is None else self._run.views.markets(time.time_ns())
        return tuple(replace(row, korean_name=korean_name(row.base)) for row in rows)

    def networks(self, asset: str | None = None) -> tuple[NetworkRow, ...]:
        return () if self._run is None else self._run.views.networks(time.time_ns(), asset)

    def identities(self) -> tuple[IdentityRow, ...]:
        return () if self._run is None else self._run.views.identities(time.time_ns())

    def opportunities(self) -> tuple[Opportunity, ...]:
        """Live now, best first."""
        return () if self._run is None else self._run.views.live(time.time_ns())

    def refused(self) -> tuple[Opportunity, ...]:
        """They would pass on price; a gate says no."""
        return () if self._run is None else self._run.views.refused(time.time_ns())

    def near_misses(self) -> tuple[NearMiss, ...]:
        return () if self._run is None else self._run.views.near_misses(time.time_ns())

    def refusals(self) -> tuple[RefusalCount, ...]:
        return () if self._run is None else self._run.views.refusals(time.time_ns())

    async def closed(
        self,
        limit: int,
        cursor: str | None,
        *,
        status: str | None = None,
        base: str | None = None,
    ) -> tuple[list[Opportunity], str | None]:
        """What is over, newest first."""
        feeds = None if self.feeds == "off" else self.feeds
        return await self._db.read(
            queries.list_signals, limit, cursor, status=status, base=base, feeds=feeds, ended=True
        )

    async def explain(self, signal_id: str) -> Explanation:
        """Of a live one as it is now, else as it was. Problem not_found."""
        found = None
        if self._run is not None:
            found = self._run.views.explain(signal_id, time.time_ns())
        if found is None:
            found = await self._db.read(queries.explanation, signal_id)
        if found is None:
            raise Problem("not_found")
        return found

    async def decide(self, identity_id: str, verdict: str, *, by: str, note: str) -> None:
        """A person says whether two tickers are one asset. Problem not_found, invalid_fields."""
        row = next((row for row in self.identities() if row.id == identity_id), None)
        if row is None:
            raise Problem("not_found")
        await self.policies.decide(row, verdict, by=by, note=note)
