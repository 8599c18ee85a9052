"""A small market for the engine's tests: venues that speak JSON, a clock that is set by hand."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from app.books.alignment import Connection
from app.books.outcomes import OTHER
from app.books.rack import Rack
from app.domain.events import (
    ConnectionLost,
    ConnectionOpened,
    Event,
    FrameReceived,
    MarketsRead,
    PolicyChanged,
    RateRead,
    SnapshotRead,
    Ticked,
    WalletsRead,
)
from app.domain.facts import Command, Fact, Taken
from app.domain.markets import (
    Alignment,
    BookSnapshot,
    Flow,
    Instrument,
    Market,
    WalletNetwork,
)
from app.domain.markets import Event as Message
from app.domain.policy import Fee, Policy
from app.domain.venues import KOREAN, Venue
from app.engine.core import Engine
from app.engine.views import Views

T0 = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
MS = 1_000_000
UPBIT, BITHUMB, BINANCE, OKX, BYBIT = (
    Venue.UPBIT, Venue.BITHUMB, Venue.BINANCE, Venue.OKX, Venue.BYBIT,
)  # fmt: skip
COINBASE, KUCOIN = Venue.COINBASE, Venue.KUCOIN
FEES = tuple(Fee(venue, None, 5.0 if venue in KOREAN else 10.0, "set", T0) for venue in Venue)
POLICY = Policy(fees=FEES, size_krw=10_000_000.0)

Sides = tuple[list[tuple[float, float]], list[tuple[float, float]]]


class Speaker:
    """A venue whose frames are whole books: {"base", "quote", "bids", "asks", "broken"}."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue

    def alignment(self, channel: str) -> Alignment:
        return Alignment.SNAPSHOTS

    def levels_max(self, channel: str) -> int:
        return 64

    def open(
        self, channel: str, instruments: Sequence[Instrument], rows: Sequence[int], rack: Rack
    ) -> Ear:
        return Ear(self.venue)


class Ear:
    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.counter = Connection()

    def scan(self, frame: bytes, at_ns: int) -> int:
        return OTHER

    def read(self, frame: bytes) -> list[Message]:
        said = msgspec.json.decode(frame)
        instrument = Instrument(self.venue, said["base"], said["quote"])
        bids, asks = ([(str(p), str(q)) for p, q in said[side]] for side in ("bids", "asks"))
        return [BookSnapshot(instrument, Alignment.SNAPSHOTS, bids, asks)]

    def forget(self, instrument: Instrument) -> None:
        pass


class World:
    """Everything that happens to one engine, with what it answered. Time stands until told."""

    def __init__(self, policy: Policy = POLICY, *, first_number: int = 1) -> None:
        self.engine = Engine(
            Rack(), {venue: Speaker(venue) for venue in Venue}, policy, first_number=first_number
        )
        self.views = Views(self.engine)
        self.at_ns = T0
        self.facts: list[Fact] = []
        self.commands: list[Command] = []
        self._connections: dict[Venue, int] = {}
        self.events: list[Event] = []

    def take(self, event: Event) -> Taken:
        self.events.append(event)
        taken = self.engine.step(event)
        self.facts += taken.facts
        self.commands += taken.commands
        return taken

    def open(self, venue: Venue, *bases: str, quote: str | None = None) -> None:
        """A connection with these markets; of a Korean venue with its USDT/KRW too."""
        quote = quote or ("KRW" if venue in KOREAN else "USDT")
        instruments = [Instrument(venue, base, quote) for base in bases]
        if venue in KOREAN:
            instruments.append(Instrument(venue, "USDT", "KRW"))
        self._connections[venue] = len(self._connections) + 1
        self.take(
            ConnectionOpened(
                self.at_ns, self._connections[venue], venue, "books", tuple(instruments)
            )
        )

    def lose(self, venue: Venue) -> None:
        self.take(ConnectionLost(self.at_ns, self._connections[venue], "reset"))

    def book(
        self, venue: Venue, base: str, bid: float, ask: float, *, quantity: float = 1e6,
        quote: str | None = None, levels: int = 3,
    ) -> Taken:  # fmt: skip
        """Levels of equal quantity, one spread apart."""
        gap = max(ask - bid, ask * 1e-6)
        bids = [(round(bid - gap * i, 10), quantity) for i in range(levels)]
        asks = [(round(ask + gap * i, 10), quantity) for i in range(levels)]
        return self.levels(venue, base, (bids, asks), quote=quote)

    def levels(self, venue: Venue, base: str, sides: Sides, *, quote: str | None = None) -> Taken:
        quote = quote or ("KRW" if venue in KOREAN else "USDT")
        said = {"base": base, "quote": quote, "bids": sides[0], "asks": sides[1]}
        frame = msgspec.json.encode(said)
        return self.take(FrameReceived(self.at_ns, self._connections[venue], frame))

    def reread(self, venue: Venue, base: str, sides: Sides | None) -> Taken:
        """The answer to a second look."""
        instrument = Instrument(venue, base, "KRW" if venue in KOREAN else "USDT")
        snapshot = None
        if sides is not None:
            bids, asks = ([(str(p), str(q)) for p, q in side] for side in sides)
            snapshot = BookSnapshot(instrument, Alignment.SNAPSHOTS, bids, asks)
        return self.take(SnapshotRead(self.at_ns, instrument, snapshot))

    def tether(self, krw: float = 1_400.0, *, spread: float = 1.0) -> None:
        for venue in self._connections:
            if venue in KOREAN:
                self.book(venue, "USDT", krw - spread / 2, krw + spread / 2, quantity=1e7)

    def wallets(
        self, *venues: Venue, assets: Sequence[str] = ("XRP", "USDT"), fee: str = "0.2",
        deposit: Flow = Flow.OPEN, withdraw: Flow = Flow.OPEN,
    ) -> None:  # fmt: skip
        for venue in venues or tuple(self._connections):
            networks = tuple(
                WalletNetwork(venue, asset, "XRP" if asset == "XRP" else "TRX", deposit, withdraw,
                              "1" if asset == "USDT" else fee)
                for asset in assets
            )  # fmt: skip
            self.take(WalletsRead(self.at_ns, venue, networks))

    def markets(self, venue: Venue, *markets: Market) -> None:
        self.take(MarketsRead(self.at_ns, venue, markets))

    def official(self, krw: float = 1_390.0) -> None:
        for source in ("one", "two"):
            self.take(RateRead(self.at_ns, source, krw))

    def policy(self, policy: Policy) -> None:
        self.take(PolicyChanged(self.at_ns, policy))

    def wait(self, seconds: float, *, tick: bool = True) -> None:
        self.at_ns += round(seconds * SECOND)
        if tick:
            self.take(Ticked(self.at_ns))

    def told(self, kind: type[Fact]) -> list[Fact]:
        return [fact for fact in self.facts if isinstance(fact, kind)]


def market(*venues: Venue, policy: Policy = POLICY, base: str = "XRP") -> World:
    """Upbit, Binance (or others) with one coin, rates and open wallets; nothing pays yet."""
    world = World(policy)
    chosen = venues or (UPBIT, BINANCE)
    for venue in chosen:
        world.open(venue, base)
    world.tether()
    world.official()
    world.wallets(assets=(base, "USDT"))
    for venue in chosen:
        fair(world, venue, base)
    world.wait(0.1)
    world.facts.clear()
    world.commands.clear()
    return world


def fair(world: World, venue: Venue, base: str = "XRP", *, premium: float = 0.0) -> Taken:
    """2.50 dollars, in Korea at 1,400 won with a premium (a share)."""
    mid = 2.5 * (1_400.0 if venue in KOREAN else 1.0) * (1.0 + premium)
    return world.book(venue, base, mid * 0.9999, mid * 1.0001)
