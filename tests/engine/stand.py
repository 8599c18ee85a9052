"""A stand of live books for tests of market knowledge: prices are set, time is told."""

from __future__ import annotations

import itertools

from app.books.rack import Rack
from app.domain.events import ConnectionLost, ConnectionOpened, RateRead, WalletsRead
from app.domain.markets import Alignment, BookSnapshot, Flow, Instrument, WalletNetwork
from app.domain.policy import Policy
from app.domain.venues import KOREAN, Venue
from app.engine.market.fees import Fees
from app.engine.market.health import Channels
from app.engine.market.identity import Identities
from app.engine.market.names import Names
from app.engine.market.rates import RATE_INSTRUMENTS, Rates
from app.engine.market.wallets import Wallets

T0 = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
MS = 1_000_000


def instrument(venue: Venue, base: str, quote: str = "") -> Instrument:
    return Instrument(venue, base, quote or ("KRW" if venue in KOREAN else "USDT"))


def network(
    venue: Venue,
    asset: str,
    name: str = "",
    deposit: Flow = Flow.OPEN,
    withdraw: Flow = Flow.OPEN,
    fee: str | None = None,
    contract: str | None = None,
    minimum: str | None = None,
) -> WalletNetwork:
    return WalletNetwork(venue, asset, name or asset, deposit, withdraw, fee, minimum, contract)


class Stand:
    """Everything that knows the market, over books that a test fills."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.at_ns = T0
        self.rack = Rack()
        self.names = Names()
        self.fees = Fees()
        self.wallets = Wallets(self.names, self.fees)
        self.channels = Channels(self.rack)
        self.rates = Rates(self.rack, self.channels)
        self.identities = Identities(self.rack, self.rates, self.wallets, self.names)
        self._numbers = itertools.count(1)
        self.connections: dict[Instrument, int] = {}
        if policy is not None:
            self.policy(policy)

    def policy(self, policy: Policy) -> None:
        self.names.set(policy.names)
        self.fees.policy(policy)
        self.wallets.policy(policy)
        self.rates.policy(policy)
        self.identities.policy(policy)

    def open(self, *instruments: Instrument) -> int:
        """One connection for these books, as the engine opens it."""
        number = next(self._numbers)
        for each in instruments:
            self.rack.add(each, Alignment.SNAPSHOTS, 64)
            self.connections[each] = number
        self.channels.opened(
            ConnectionOpened(self.at_ns, number, instruments[0].venue, "books", instruments)
        )
        self.place()
        return number

    def lose(self, connection: int, reason: str = "closed") -> None:
        self.channels.lost(ConnectionLost(self.at_ns, connection, reason))

    def place(self) -> None:
        rows: dict[str, list[int]] = {}
        for row in self.rack.rows():
            each = self.rack.instrument(row)
            if each not in RATE_INSTRUMENTS:
                asset, _ = self.names.asset(each.venue, each.base)
                rows.setdefault(asset, []).append(row)
        self.identities.place(rows)

    def set(self, each: Instrument, bid: float, ask: float | None = None) -> int:
        """A frame with new best prices; opens a connection for a book that has none."""
        if each not in self.connections:
            self.open(each)
        row = self.row(each)
        message = BookSnapshot(
            each,
            Alignment.SNAPSHOTS,
            [(repr(bid), "1000")],
            [(repr(ask if ask is not None else bid * 1.0001), "1000")],
            sequence=self.at_ns,
        )
        self.rack.book(row).snapshot(message)
        self.rack.settle(row)
        self.rack.tops[row]["received_ns"] = self.at_ns
        self.channels.heard(self.connections[each], self.at_ns)
        return row

    def row(self, each: Instrument) -> int:
        row = self.rack.row(each)
        assert row is not None
        return row

    def price(self, venue: Venue, base: str, mid: float, quote: str = "") -> int:
        return self.set(instrument(venue, base, quote), mid * 0.9999, mid * 1.0001)

    def answer(self, source: str, rate: float | None, reason: str | None = None) -> None:
        self.rates.read(RateRead(self.at_ns, source, rate, None, reason))

    def wallet(self, venue: Venue, *networks: WalletNetwork, reason: str | None = None) -> None:
        self.wallets.read(WalletsRead(self.at_ns, venue, networks, reason))

    def wait(self, seconds: float) -> None:
        self.at_ns += round(seconds * SECOND)

    def tick(self) -> bool:
        """As the engine's tick; whether a verdict about a pair changed."""
        self.channels.tick(self.at_ns)
        self.rates.refresh(self.at_ns)
        return self.identities.refresh(self.at_ns)
