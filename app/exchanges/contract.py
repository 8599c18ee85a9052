"""The contract: what one venue's file provides. No state, clock or wire in it.

A venue is read strictly: a field that its documents promise is required, and a message of a shape
nobody documented is `Unreadable`. Everything that arrives becomes at least one event.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Annotated, NamedTuple, Protocol, TypeVar
from urllib.parse import parse_qsl, urlencode

import msgspec

from app.domain.markets import Alignment, Event, Ignored, Instrument, Product, WalletNetwork
from app.domain.venues import Venue

T = TypeVar("T")

Count = Annotated[int, msgspec.Meta(ge=0, lt=2**62)]
"""A field that counts messages or trades: what books and databases can hold."""
Millis = Annotated[int, msgspec.Meta(ge=0, lt=2**43)]
"""A time field in ms since the epoch, before the year 2248."""


class Unreadable(ValueError):
    """A message that is not what the venue's documents say. Its text is for people."""


class Unnamed(Unreadable):
    """The message names no market, and it does not follow which one it means."""


class Request(msgspec.Struct, frozen=True):
    """One REST call. signed: it needs a key; without one its answer is unknown.

    root: the host that serves it, where that is not the venue's `rest_url`. body: as it is sent.
    headers: beside those of the signature. notes: what the reader of its answer must know and the
    venue need not; not sent.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    signed: bool = False
    root: str | None = None
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    notes: tuple[tuple[str, str], ...] = ()

    @property
    def target(self) -> str:
        return f"{self.path}?{urlencode(self.query, safe=',')}" if self.query else self.path

    @classmethod
    def parse(cls, line: str) -> Request:
        """`GET /path?query` → Request. Raises Unreadable."""
        method, _, target = line.partition(" ")
        path, _, query = target.partition("?")
        if not method.isupper() or not path.startswith("/"):
            raise Unreadable(f"{line[:60]!r} is no request such as 'GET /path?query'")
        return cls(method, path, tuple(parse_qsl(query, keep_blank_values=True)))

    def asked(self, name: str) -> str | None:
        """The value of one query field."""
        return dict(self.query).get(name)

    def noted(self, name: str) -> str | None:
        return dict(self.notes).get(name)


class Ticket(NamedTuple):
    """What a frame may need from outside: the time, and a text that no other frame has."""

    at_ns: int
    tag: str


class Connection(NamedTuple):
    """One socket to open: the path behind the venue's host, and its frames in order."""

    path: str
    frames: tuple[bytes, ...]


class Limits(NamedTuple):
    """What the venue's documents allow a public reader.

    instruments_per_connection: with book and trades of each. frames_per_s: that we may send.
    life_s: after which the venue closes the connection by itself, None where it does not say.
    """

    instruments_per_connection: int
    frames_per_s: float
    connects_per_s: float
    candles_per_request: int
    life_s: int | None = None


class Names:
    """Symbol → Instrument: as the venue lists it, else as its spelling goes."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._listed: dict[str, Instrument] = {}
        self.only: Instrument | None = None
        """What a message without a name means, where there is one market."""

    def learn(self, instrument: Instrument) -> None:
        """Of spot: a perpetual may be spelled as the spot market of its coin is, and then the
        call that names it tells them apart."""
        if instrument.product is Product.SPOT:
            self._listed[self._exchange.symbol(instrument)] = instrument

    def __getitem__(self, symbol: str) -> Instrument:
        """Raises Unreadable."""
        return self._listed.get(symbol) or self._exchange.instrument(symbol)

    def named(self, symbol: str | None) -> Instrument:
        """For messages that may name no market. Raises Unnamed."""
        if symbol is not None:
            return self[symbol]
        if self.only is None:
            raise Unnamed("it names no market, and there is not just one")
        return self.only


class Exchange(Protocol):
    """The public side of a venue. Signing, orders and accounts have a contract of their own."""

    venue: Venue
    rest_url: str
    stream_url: str
    limits: Limits
    ping_every_s: float | None
    """How often to send `ping`; None where answering the venue's own pings is enough."""
    channels: Mapping[str, Alignment]
    """Book channels that are read completely; the first is the one to use by default."""

    def symbol(self, instrument: Instrument) -> str:
        """The venue's spelling; the inverse of `instrument`."""
        ...

    def instrument(self, symbol: str) -> Instrument:
        """Raises Unreadable when the symbol is not spelled as this venue spells."""
        ...

    # Streams

    def entry(self) -> Request | None:
        """To be asked before each connection, of a venue whose address is in the answer."""
        ...

    def connections(
        self, instruments: Sequence[Instrument], channel: str, ticket: Ticket
    ) -> list[Connection]:
        """Books over `channel`, trades, and what keeps the stream alive; within the limits."""
        ...

    def resubscribe(self, instrument: Instrument, channel: str, ticket: Ticket) -> list[bytes]:
        """Frames that make the stream start this book anew; none where that is not its way."""
        ...

    def ping(self, ticket: Ticket) -> bytes | None:
        """What to send every `ping_every_s`; None: a ping frame of the WebSocket protocol."""
        ...

    def read(self, frame: bytes, names: Names) -> list[Event]:
        """A frame from the public stream. Raises ValueError (msgspec's, or Unreadable)."""
        ...

    # REST

    def ask_markets(self) -> list[Request]: ...

    def ask_market_details(self, instruments: Sequence[Instrument]) -> list[Request]:
        """What `ask_markets` leaves open (tick, lot, minimum); none where nothing is."""
        ...

    def ask_book(self, instrument: Instrument) -> Request:
        """A snapshot that fits the changes of a buffered channel, or a second look at a book."""
        ...

    def ask_time(self) -> Request | None:
        """None: only the `Date` header of any reply tells."""
        ...

    def ask_candles(self, instrument: Instrument, start_ns: int, minutes: int) -> Request:
        """1-minute candles from `start_ns` on; minutes <= limits.candles_per_request."""
        ...

    def ask_wallets(self) -> Request:
        """Networks with their deposits and withdrawals; `signed` where the venue wants a key."""
        ...

    def ask_withdrawals(self, networks: Sequence[WalletNetwork]) -> list[Request]:
        """What `ask_wallets` leaves open (fee, minimum); none where nothing is, or nobody says."""
        ...

    def read_reply(self, request: Request, body: bytes, names: Names) -> list[Event]:
        """The answer to one of the requests above. Raises ValueError."""
        ...

    def recognise(self, body: bytes) -> Request | None:
        """Which call this REST body answers, judged by its shape alone; None: it is no reply."""
        ...


def completed(
    networks: Iterable[WalletNetwork], withdrawals: Iterable[WalletNetwork]
) -> tuple[WalletNetwork, ...]:
    """Networks as `ask_wallets` told, with fees and minimums as `ask_withdrawals` did."""
    told = {(network.asset, network.network): network for network in withdrawals}
    made: list[WalletNetwork] = []
    for network in networks:
        other = told.get((network.asset, network.network), network)
        fee, minimum = network.fee or other.fee, network.minimum or other.minimum
        made.append(msgspec.structs.replace(network, fee=fee, minimum=minimum))
    return tuple(made)


def shards(instruments: Sequence[Instrument], size: int) -> Iterable[Sequence[Instrument]]:
    for start in range(0, len(instruments), size):
        yield instruments[start : start + size]


def each(
    body: bytes | msgspec.Raw, kind: type[T], read: Callable[[T], Iterable[Event]]
) -> list[Event]:
    """A list of markets or coins: a row that is not as documented spoils no other one.

    Raises ValueError where not a single row can be read.
    """
    found: list[Event] = []
    faults: list[ValueError] = []
    rows = msgspec.json.decode(body, type=list[msgspec.Raw])
    for row in rows:
        try:
            found += read(msgspec.json.decode(row, type=kind))
        except ValueError as fault:
            faults.append(fault)
            found.append(Ignored(f"a row that cannot be read: {fault}"))
    if faults and len(faults) == len(rows):
        raise faults[0]
    return found


def written(number: msgspec.Raw, *, quoted: bool = False) -> str:
    """A JSON number as it stands in the message; quoted: some write it as a string, captured so.

    Raises Unreadable for anything else.
    """
    text = bytes(number).decode()
    if quoted:
        text = text.strip('"')
    if not text[:1].isdigit() and text[:1] != "-":
        raise Unreadable(f"{text[:40]} is not a JSON number")
    return text


def whole(text: str) -> int:
    """A Count that the venue writes as text. Raises Unreadable."""
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Unreadable(f"{text[:40]!r} is not a whole number")
    return int(text)


def split_joined(symbol: str, quotes: Collection[str]) -> tuple[str, str]:
    """`BTCUSDT` → BTC, USDT by the longest quote currency that it ends with. Raises Unreadable."""
    for length in range(len(symbol) - 1, 0, -1):
        if symbol[-length:] in quotes:
            return symbol[:-length], symbol[-length:]
    raise Unreadable(f"{symbol[:40]!r} ends with no quote currency of this venue")
