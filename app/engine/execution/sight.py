"""Sight: what a decision may look at beside its cycle: books, grids, fees, networks, prices.

Everything is exact and honest: what is not known is None, and whoever needs it decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple, Protocol

from app.domain.markets import Instrument
from app.domain.venues import KOREAN, Venue
from app.engine.execution.amounts import Grid, Level

WON, TETHER = "KRW", "USDT"


class Book(NamedTuple):
    """Best first, as they stand now; only a valid book of a live channel is shown."""

    bids: Sequence[Level]
    asks: Sequence[Level]


class Link(NamedTuple):
    """An open network between two venues, with all that its use needs. fee: in the asset."""

    chain: str
    network: str
    to_network: str
    fee: Decimal
    minimum: Decimal | None
    minutes: float


class Best(NamedTuple):
    """The best prices of a book."""

    bid: Decimal
    ask: Decimal


class Traits(NamedTuple):
    """What trading has to know of a venue's private side.

    fee_in_base: of a buy; otherwise it is taken in the quote, on top.
    """

    has_ioc: bool
    fee_in_base: bool


class Perpetual(NamedTuple):
    """A contract that can be sold short. rate: of the next funding, > 0 is received by a short."""

    mark: Decimal
    rate: Decimal
    next_at_ns: int
    fee: Decimal
    grid: Grid


class Sight(Protocol):
    def book(self, instrument: Instrument, at_ns: int) -> Book | None:
        """None: missing, broken, or too old to trade on."""
        ...

    def best(self, instrument: Instrument, at_ns: int) -> Best | None:
        """Of the same book."""
        ...

    def grid(self, instrument: Instrument) -> Grid | None:
        """None: the venue lists no such market, or does not trade it now."""
        ...

    def fee(self, instrument: Instrument, at_ns: int) -> Decimal | None:
        """Of a taker, as a share."""
        ...

    def links(self, asset: str, sender: Venue, receiver: Venue) -> Sequence[Link]:
        """Open at both ends and with a known fee, the cheapest first; none where a rule or a
        doubt about the asset's identity forbids the way."""
        ...

    def markets(self, venue: Venue, quote: str) -> Sequence[Instrument]:
        """What the venue trades against `quote` and we watch; bases are our names of assets."""
        ...

    def price(self, asset: str) -> Decimal | None:
        """KRW for one unit."""
        ...

    def perpetual(self, instrument: Instrument, at_ns: int) -> Perpetual | None:
        """None: not listed, or what it pays and costs is not known now."""
        ...

    def traits(self, venue: Venue) -> Traits | None:
        """None: nobody can trade there: it has no account."""
        ...


def spot_of(perpetual: Instrument) -> Instrument:
    """Its coin, at the same venue."""
    return Instrument(perpetual.venue, perpetual.base, perpetual.quote)


def money(venue: Venue) -> str:
    """What a venue's coins are quoted in, where we choose: the asset that profits are made in."""
    if venue in KOREAN:
        return WON
    return "USD" if venue is Venue.COINBASE else TETHER


MINUTES = {
    "TRON": 3.0, "RIPPLE": 3.0, "STELLAR": 3.0, "SOLANA": 2.0, "BNB_SMART": 3.0, "ALGORAND": 3.0,
    "AVALANCHE_C": 3.0, "APTOS": 2.0, "SUI": 2.0, "TON": 3.0, "ARBITRUM": 4.0, "OPTIMISM": 4.0,
    "BASE": 4.0, "POLYGON": 6.0, "HEDERA": 3.0, "COSMOS": 4.0, "NEAR": 3.0, "EOS": 3.0,
    "ETHEREUM": 12.0, "LITECOIN": 20.0, "DOGECOIN": 25.0, "CARDANO": 12.0, "BITCOIN": 40.0,
    "BITCOIN_CASH": 40.0, "ETHEREUM_CLASSIC": 60.0,
}  # fmt: skip
"""What a transfer usually takes, with both venues' confirmations; requirements §5.5."""
MINUTES_ELSE = 15.0
