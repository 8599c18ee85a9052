"""What one venue's file provides (`Dialect`), and the world's words that it sees.

Everything of the core that a dialect touches is in this file. A dialect answers HTTP, reads
frames, keeps subscriptions as topics, and turns each update and trade into texts. It never opens
sockets, knows no faults and moves no prices: the core does. A dialect follows its venue's document.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from app.simulator.trading import Desk, Private

JSON_TYPE = "application/json; charset=utf-8"
LEVELS_MAX = 50
"""Levels per side that the world keeps of any book: what the widest window here shows."""
TRADES_KEPT = 200
"""Trades of one listing that REST can still tell."""


# ---- what a coin, a network and a market are -------------------------------------------------


@dataclass(slots=True)
class Chain:
    """A blockchain. key: ours (`ethereum`); ticker: its native coin (`ETH`); title: `Ethereum`.

    standard: what its tokens are called (`ERC20`), empty where it carries only its own coin.
    """

    key: str
    ticker: str
    title: str
    standard: str = ""
    confirmations: int = 12


@dataclass(slots=True)
class Network:
    """One way of one asset in and out of one venue; deposit and withdraw may be flipped."""

    chain: Chain
    contract: str | None
    """None: the chain's own coin."""
    fee: str
    minimum: str
    decimals: int
    deposit: bool = True
    withdraw: bool = True


@dataclass(slots=True)
class Wallet:
    """An asset as this venue holds it. `KRW` and `USD` are not among them."""

    asset: str
    title: str
    networks: list[Network]


@dataclass(slots=True)
class Side:
    """Levels, best first; parallel lists of one length. ticks and lots are exact integers.

    rows: each level as `Rules.row % (price, quantity)`, so `",".join(side.rows[:20])` is a book.
    """

    ticks: list[int] = field(default_factory=list)
    lots: list[int] = field(default_factory=list)
    prices: list[str] = field(default_factory=list)
    quantities: list[str] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Listing:
    """One market at one venue with its book.

    Numbers of updates: `version` counts updates by one; one update covers the ids
    `first_id`..`last_id` (`first_id` = `previous_id` + 1, some changes each). A `gap` fault makes
    both jump. Ids keep their value between updates, so a REST snapshot reads the same fields.
    """

    venue: str
    base: str
    quote: str
    symbol: str
    title: str
    """The coin's English name."""
    title_ko: str
    tick: Decimal
    lot: Decimal
    minimum_value: str
    """Smallest order in quote."""
    price_decimals: int
    lot_decimals: int
    bids: Side = field(default_factory=Side)
    asks: Side = field(default_factory=Side)
    version: int = 0
    previous_id: int = 0
    first_id: int = 0
    last_id: int = 0
    at_ms: int = 0
    """Venue's clock when the book last changed."""
    trade_id: int = 0
    trades: list[Trade] = field(default_factory=list)
    """Oldest first, at most TRADES_KEPT."""
    cache: dict[str, Any] = field(default_factory=dict)
    """A dialect's own: topic names, templates. Nothing of the core."""


class Change(NamedTuple):
    """One level's new total. quantity is `0` (as a text, no decimals) where it went."""

    price: str
    quantity: str


class Update(NamedTuple):
    """One book has changed; the listing already holds the new state and its ids."""

    listing: Listing
    bids: list[Change]
    asks: list[Change]
    at_ms: int


class Trade(NamedTuple):
    """bought: the taker bought. id: rises by one per listing."""

    listing: Listing
    id: int
    price: str
    quantity: str
    bought: bool
    at_ms: int


class Candle(NamedTuple):
    """One minute; texts in the listing's decimals. value: in quote."""

    start_ms: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    value: str
    trades: int


# ---- how a venue behaves ---------------------------------------------------------------------


class KeepAlive(NamedTuple):
    """When the core pings or cuts a socket; None: never.

    quiet_s: nothing in either direction. unheard_s: nothing (message or ping) from the client.
    ping_every_s / pong_s: the server pings so often and cuts when no pong comes back in time.
    life_s: cut after that age.
    """

    quiet_s: float | None = None
    unheard_s: float | None = None
    ping_every_s: float | None = None
    pong_s: float | None = None
    life_s: float | None = None
    messages_per_s: int | None = None
    """More frames from the client in one second than this: closed with 1008."""


def decimal_tick(_quote: str, price: float) -> Decimal:
    """A power of ten that gives five digits, at most 1: DOGE 0.00001, BTC 1.

    Gate and Bitget tell decimals only, which cannot say a tick of 10.
    """
    return min(Decimal(1), Decimal(1).scaleb(Decimal(repr(price)).adjusted() - 4))


def decimal_lot(_quote: str, price: float) -> Decimal:
    """A power of ten worth about 0.1 to 1 cent of a dollar, at most 1."""
    return min(Decimal(1), Decimal(1).scaleb(-Decimal(repr(price)).adjusted() - 3))


@dataclass(frozen=True, slots=True)
class Rules:
    """How the world makes this venue's markets.

    quotes: that coins trade against. share: of the coins it lists (the majors always).
    cadence: its share of all updates, relative. delay_ms: between event and wire.
    levels: kept per side (<= LEVELS_MAX). spread_bps, size_usd: of a liquid coin.
    trim: numbers are written as JSON numbers would be (no trailing zeros).
    """

    quotes: tuple[str, ...]
    tick: Callable[[str, float], Decimal] = decimal_tick
    lot: Callable[[str, float], Decimal] = decimal_lot
    minimum_value: Mapping[str, str] = field(default_factory=lambda: {"USDT": "5"})
    row: str = '["%s","%s"]'
    trim: bool = False
    levels: int = LEVELS_MAX
    cadence: float = 1.0
    delay_ms: int = 40
    share: float = 0.9
    spread_bps: float = 3.0
    size_usd: float = 8_000.0


class Keys(NamedTuple):
    """private_pem: Coinbase's EC key only; its key name is `key`."""

    key: str
    secret: str
    passphrase: str
    private_pem: str = ""


# ---- what a dialect talks to -----------------------------------------------------------------


class Request(NamedTuple):
    """path without the query; query as it came (percent-encoded); header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The query, decoded, in its order."""
        return parse_qsl(self.query, keep_blank_values=True)

    def asked(self, name: str, default: str = "") -> str:
        return dict(self.fields).get(name, default)


class Reply(NamedTuple):
    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> Reply:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        return cls(status, text.encode(), (("Content-Type", JSON_TYPE), *headers))

    def with_headers(self, *headers: tuple[str, str]) -> Reply:
        return self._replace(headers=(*self.headers, *headers))


class Client(ABC):
    """One open WebSocket of a venue."""

    path: str
    """Without the query."""
    query: str
    headers: Mapping[str, str]
    topics: set[str]
    state: Any = None
    """A dialect's own: counters, formats, who has logged in."""

    @abstractmethod
    def send(self, text: str) -> None:
        """Acks, pongs, snapshots on request: control, no fault but silence touches it."""

    @abstractmethod
    def push(self, text: str, listing: Listing) -> None:
        """A market frame of this one connection: drop, duplicate, reorder and silence apply."""

    @abstractmethod
    def subscribe(self, topic: str) -> None: ...

    @abstractmethod
    def unsubscribe(self, topic: str) -> None: ...

    @abstractmethod
    def close(self, code: int, reason: str = "") -> None: ...


class Market(ABC):
    """One venue's part of the world."""

    venue: str
    listings: dict[str, Listing]
    """By the venue's symbol."""
    wallets: dict[str, Wallet]
    """By asset."""
    keys: Keys
    port: int
    """Of this venue, plain. A reply that names an address uses `address(request)`."""
    seed: int
    desk: Desk
    """The account of the test keys."""

    @abstractmethod
    def now_ms(self) -> int:
        """The venue's clock (a skew fault moves it)."""

    @abstractmethod
    def wanted(self, topic: str) -> bool:
        """Whether anybody has subscribed: look before building a frame."""

    @abstractmethod
    def publish(self, topic: str, text: str, listing: Listing) -> None:
        """One frame to all who subscribed to the topic."""

    @abstractmethod
    def clients(self, topic: str) -> Sequence[Client]:
        """For frames that differ by connection (with `client.push`)."""

    @abstractmethod
    def candles(self, listing: Listing, start_ms: int, end_ms: int) -> list[Candle]:
        """Whole minutes with start_ms <= start < end_ms, oldest first; up to a week back."""

    @abstractmethod
    def wrong_checksum(self, listing: Listing) -> bool:
        """True once per asked fault: write a wrong checksum into this frame."""

    @abstractmethod
    def address(self, request: Request, scheme: str) -> str:
        """`ws://host:port` or `wss://…` (scheme `ws`), `http…` likewise, as the client came in."""


class Dialect(ABC):
    """How one venue speaks. One per venue and process; state by connection in `client.state`."""

    venue: str
    rules: Rules
    keep_alive: KeepAlive = KeepAlive()
    binary: bool = False
    """Market frames are binary WebSocket frames."""
    faults_without: frozenset[str] = frozenset()
    """Kinds that this protocol cannot have (409): of `gap`, `checksum`, …"""
    private: Private | None = None
    """The private side, made in `begin`: the core tells it what happens to the account."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.begin()

    def begin(self) -> None:
        """Once, with `self.market` set. Its listings are all there."""

    @staticmethod
    @abstractmethod
    def symbol(base: str, quote: str) -> str: ...

    @abstractmethod
    def http(self, request: Request) -> Reply:
        """Every request but /__sim/. Unknown paths: the venue's own error envelope."""

    @abstractmethod
    def admits(self, request: Request) -> Reply | None:
        """A WebSocket handshake: None lets it in, a reply refuses it."""

    def opened(self, client: Client) -> None:
        """The socket is open: welcome frames, subscriptions of the URL."""

    @abstractmethod
    def heard(self, client: Client, text: str) -> None:
        """One text (or binary) frame of the client. Text pings are the dialect's to answer."""

    def closed(self, client: Client) -> None:
        """It is gone; its topics are already forgotten."""

    @abstractmethod
    def update(self, update: Update) -> None: ...

    @abstractmethod
    def trade(self, trade: Trade) -> None: ...

    def second(self, at_ms: int) -> None:
        """Once a second: heartbeats."""

    def gap(self, listing: Listing | None) -> None:
        """The core has let ids jump (of one listing, or of all); for counters of connections."""

    def maintenance(self, request: Request) -> Reply:
        """What the venue answers while under maintenance."""
        return Reply(503, b"<html><body>Service Unavailable</body></html>", HTML)

    def limited(self, request: Request, status: int) -> Reply:
        """What the venue answers to an asked `http` fault (429, 418, 5xx)."""
        return Reply.json({"message": "simulated"}, status)


HTML = (("Content-Type", "text/html"),)
