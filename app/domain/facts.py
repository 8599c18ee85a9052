"""Facts: what the engine found out, in order; and commands: what it wants done."""

from __future__ import annotations

import msgspec

from app.domain.cycles import Cycle, Decision, NewOrder, Reservation
from app.domain.live import ChannelState, Opportunity
from app.domain.markets import Instrument, Trade
from app.domain.policy import IdentitySuspicion
from app.domain.trading import Refused
from app.domain.venues import Venue


class Fact(msgspec.Struct, frozen=True, tag=True):
    at_ns: int


class BookBroke(Fact, frozen=True):
    """flaw: gap, checksum, depth, connection, lost, unreadable."""

    instrument: Instrument
    flaw: str


class BookRestored(Fact, frozen=True):
    instrument: Instrument
    broken_ms: float


class TradesPrinted(Fact, frozen=True):
    trades: tuple[Trade, ...]


class MarketListed(Fact, frozen=True):
    instrument: Instrument


class MarketDelisted(Fact, frozen=True):
    instrument: Instrument


class OpportunityOpened(Fact, frozen=True):
    opportunity: Opportunity


class OpportunityClosed(Fact, frozen=True):
    opportunity: Opportunity


class CandidateRefused(Fact, frozen=True):
    """Passed on price, refused by a gate; told once when it begins and once when it ends."""

    opportunity: Opportunity
    ended: bool


class PairQuarantined(Fact, frozen=True):
    """Nothing of this pair is reported until a person decides."""

    base: str
    venue: Venue
    other: Venue
    reason: str
    suspicion: IdentitySuspicion | None = None


class RateWithheld(Fact, frozen=True):
    """id: USD, USDT, USDC. reason None: there is a rate again."""

    id: str
    reason: str | None


class ChannelTurned(Fact, frozen=True):
    """A connection's books begin or cease to decide anything; LOST when it is gone."""

    connection: int
    venue: Venue
    channel: str
    state: ChannelState


class Rejection(Fact, frozen=True):
    """A venue did not accept what a connection asked of it."""

    venue: Venue
    code: str
    message: str


class Unread(Fact, frozen=True):
    """A frame that nothing could read; its start is kept for people."""

    venue: Venue
    reason: str
    start: bytes


class TradeRefused(Fact, frozen=True):
    """An opportunity that detection passed and risk or planning did not. signal_id: its row."""

    signal_id: str
    base: str
    strategy: str
    refused: Refused


class CycleOpened(Fact, frozen=True):
    """Approved. The ledger reserves and inserts all of it in one transaction, or nothing.

    dedupe: two engines that saw the same chance write the same text; one of them is refused.
    """

    cycle: Cycle
    reservations: tuple[Reservation, ...]
    orders: tuple[NewOrder, ...]
    dedupe: str


class CycleDecided(Fact, frozen=True):
    decision: Decision


class BreakerTurned(Fact, frozen=True):
    """open_until_ns None: it is closed again."""

    code: str
    value: float
    limit: float
    open_until_ns: int | None


class Command(msgspec.Struct, frozen=True, tag=True):
    """What the engine wants done. Feeds do it and answer with events."""


class AskBook(Command, frozen=True):
    """By REST: a snapshot to join, or a second look at a quiet book. reason: word for the log."""

    instrument: Instrument
    reason: str


class Resubscribe(Command, frozen=True):
    connection: int
    instrument: Instrument


class Reconnect(Command, frozen=True):
    connection: int
    reason: str


class AskMarkets(Command, frozen=True):
    """Read a venue's list now: it refused something that was listed."""

    venue: Venue
    reason: str


class Watch(Command, frozen=True):
    """The instruments that a venue should stream from now on."""

    venue: Venue
    instruments: tuple[Instrument, ...]


class SendOrder(Command, frozen=True):
    """After the commit of the step that planned it: once, whatever happens."""

    venue: Venue
    client_id: str


class CancelOrder(Command, frozen=True):
    venue: Venue
    client_id: str


class SendTransfer(Command, frozen=True):
    venue: Venue
    client_id: str


class AskOrder(Command, frozen=True):
    """Nothing was heard of it for too long."""

    venue: Venue
    client_id: str


class Taken(msgspec.Struct, frozen=True):
    """What one step gave. row: the book that changed, −1 where none did."""

    facts: tuple[Fact, ...] = ()
    commands: tuple[Command, ...] = ()
    row: int = -1
