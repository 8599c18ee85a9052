"""Markets: instruments, and what the public side of a venue says about them.

Prices and quantities are decimals exactly as the venue wrote them. Times are ns since the epoch,
UTC; `exchange_at_ns` is the venue's own clock. None means that the venue did not say.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from app.domain.venues import Venue

Level = tuple[str, str]
"""Price and quantity."""


class Product(StrEnum):
    """What is traded. `future` has a day of delivery."""

    SPOT = "spot"
    PERPETUAL = "perpetual"
    FUTURE = "future"


class Side(StrEnum):
    """Of a trade: what its taker did."""

    BUY = "buy"
    SELL = "sell"


class Alignment(StrEnum):
    """How a book's messages fit together; the rules stand in `app.books.alignment`."""

    SNAPSHOTS = "snapshots"
    BUFFERED = "buffered"
    CHAINED = "chained"
    CHECKED = "checked"
    COUNTED = "counted"


class Flow(StrEnum):
    """Whether coins may enter or leave by a network. A word that we do not know is `unknown`."""

    OPEN = "open"
    CLOSED = "closed"
    UNKNOWN = "unknown"


class Instrument(msgspec.Struct, frozen=True, order=True):
    """One market of one venue in our words. delivery: of a future, as the venue writes the day."""

    venue: Venue
    base: str
    quote: str
    product: Product = Product.SPOT
    delivery: str = ""


class BookSnapshot(msgspec.Struct, frozen=True):
    """A whole book, or as much of it as the channel carries."""

    instrument: Instrument
    alignment: Alignment
    bids: Sequence[Level]
    asks: Sequence[Level]
    sequence: int | None = None
    exchange_at_ns: int | None = None


class BookDelta(msgspec.Struct, frozen=True):
    """Levels that changed: absolute quantities, zero removes.

    previous: the number of the state that this follows; last: the number it leads to. checksum:
    signed CRC-32 to verify after it, where the venue sends one that counts.
    """

    instrument: Instrument
    alignment: Alignment
    bids: Sequence[Level]
    asks: Sequence[Level]
    previous: int | None = None
    last: int | None = None
    checksum: int | None = None
    exchange_at_ns: int | None = None


class Counted(msgspec.Struct, frozen=True):
    """The number of this message among all of its connection; comes before the message's events."""

    number: int


class Trade(msgspec.Struct, frozen=True):
    """Somebody's print."""

    instrument: Instrument
    trade_id: str
    price: str
    quantity: str
    side: Side
    exchange_at_ns: int


class Market(msgspec.Struct, frozen=True):
    """A market that the venue lists. None: this reply does not say, another one may.

    tick: price step; lot: quantity step; minimum_quantity in base, minimum_value in quote.
    """

    instrument: Instrument
    trading: bool | None = None
    tick: str | None = None
    lot: str | None = None
    minimum_quantity: str | None = None
    minimum_value: str | None = None


class Candle(msgspec.Struct, frozen=True):
    """One minute; volume in base."""

    instrument: Instrument
    opened_at_ns: int
    open: str
    high: str
    low: str
    close: str
    volume: str


class ServerTime(msgspec.Struct, frozen=True):
    """The venue's clock when it answered."""

    exchange_at_ns: int


class WalletNetwork(msgspec.Struct, frozen=True):
    """One asset on one network. fee and minimum are of a withdrawal, in the asset."""

    venue: Venue
    asset: str
    network: str
    deposit: Flow
    withdraw: Flow
    fee: str | None = None
    minimum: str | None = None
    contract: str | None = None


class Entry(msgspec.Struct, frozen=True):
    """Where to connect, of a venue that says it anew each time; ping as often as it wants."""

    url: str
    ping_every_s: float


class Closing(msgspec.Struct, frozen=True):
    """The venue is about to close this connection: open another one at once."""

    reason: str


class Rejected(msgspec.Struct, frozen=True):
    """The venue did not accept what was asked of it."""

    code: str
    message: str


class Ignored(msgspec.Struct, frozen=True):
    """A message that was understood and means nothing to us."""

    reason: str


Event = (
    BookSnapshot
    | BookDelta
    | Counted
    | Trade
    | Market
    | Candle
    | ServerTime
    | WalletNetwork
    | Entry
    | Closing
    | Rejected
    | Ignored
)
