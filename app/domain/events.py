"""Events: everything that can happen to the engine. Each carries its time; the engine has no clock.

`at_ns` is when we learned of it, ns since the epoch, UTC.
"""

from __future__ import annotations

import msgspec

from app.domain.cycles import CycleView
from app.domain.markets import BookSnapshot, Instrument, Market, WalletNetwork
from app.domain.policy import Policy
from app.domain.trading import DayResult, Purse, TradingPolicy, TradingState
from app.domain.venues import Venue


class Event(msgspec.Struct, frozen=True, tag=True):
    at_ns: int


class ConnectionOpened(Event, frozen=True):
    """A socket is subscribed. Books of its instruments start anew. connection: our number."""

    connection: int
    venue: Venue
    channel: str
    instruments: tuple[Instrument, ...]


class ConnectionLost(Event, frozen=True):
    """Nothing more comes from it; its books are invalid until another connection opens."""

    connection: int
    reason: str


class FrameReceived(Event, frozen=True):
    """One message of a public stream, as its bytes came."""

    connection: int
    frame: bytes


class FramesDropped(Event, frozen=True):
    """We fell so far behind that frames were thrown away: the connection must start anew."""

    connection: int
    count: int


class SnapshotRead(Event, frozen=True):
    """A book that was asked for by REST. None: the venue did not answer."""

    instrument: Instrument
    snapshot: BookSnapshot | None


class MarketsRead(Event, frozen=True):
    """All markets of a venue as it lists them now."""

    venue: Venue
    markets: tuple[Market, ...]


class WalletsRead(Event, frozen=True):
    """All networks of a venue. reason: why they are not known; then `networks` is empty."""

    venue: Venue
    networks: tuple[WalletNetwork, ...]
    reason: str | None = None


class RateRead(Event, frozen=True):
    """Official KRW per USD from one source. rate None: it did not answer, `reason` says why.

    observed_at_ns: the source's own time, None where it gives none.
    """

    source: str
    rate: float | None
    observed_at_ns: int | None = None
    reason: str | None = None


class FundingRate(msgspec.Struct, frozen=True):
    """Of one perpetual. rate: of the coming payment, as a share; > 0: who is short receives it.

    mark, index: in the quote. every_ns: between payments, None where the venue does not say.
    """

    instrument: Instrument
    rate: float
    mark: float
    index: float
    next_at_ns: int
    every_ns: int | None = None


class FundingRead(Event, frozen=True):
    """All perpetuals of a venue. reason: why they are not known; then `rates` is empty."""

    venue: Venue
    rates: tuple[FundingRate, ...]
    reason: str | None = None


class ClockRead(Event, frozen=True):
    """A venue's clock against ours: offset = theirs − ours, known to ± error."""

    venue: Venue
    offset_ns: int
    error_ns: int


class PolicyChanged(Event, frozen=True):
    """What people set: thresholds, sizes, fees, favourites, identities."""

    policy: Policy


class Ticked(Event, frozen=True):
    """Time passes, about ten times a second: ages grow, gates close."""


# Trading. What is told here is committed: the ledger's word, never a hope.


class TradingPolicyChanged(Event, frozen=True):
    policy: TradingPolicy


class TradingStateChanged(Event, frozen=True):
    """Who may begin and who may send. blocked: why nothing begins though ACTIVE (not reconciled,
    disarmed, an invariant broken), else None."""

    state: TradingState
    killed: bool
    blocked: str | None = None


class NumbersGranted(Event, frozen=True):
    """Cycle numbers `first`..`last` belong to this engine from now on."""

    first: int
    last: int


class PursesRead(Event, frozen=True):
    """Of all that the ledger holds (`whole`), or of what one commit has changed."""

    purses: tuple[Purse, ...]
    whole: bool


class DayRead(Event, frozen=True):
    """What the day has brought so far, and the losses in a row; after each finished cycle."""

    day: DayResult
    losses_in_row: int
    peak_krw: float | None


class CycleClaimed(Event, frozen=True):
    """A cycle is this engine's to decide about: new, or taken over."""

    view: CycleView


class CycleChanged(Event, frozen=True):
    """Something about a claimed cycle was committed: a decision, a fill, a transfer's news."""

    view: CycleView


class CycleLost(Event, frozen=True):
    """Another owner has it, or it has ended: nothing is decided about it here any more."""

    cycle_id: str


class CycleRefused(Event, frozen=True):
    """The ledger did not take a new cycle. code: INSUFFICIENT, DUPLICATE, HALTED."""

    cycle_id: str
    code: str


class OperatorAsked(Event, frozen=True):
    """A person wants something of a cycle. action: retry, compensate, close. version: as seen."""

    cycle_id: str
    action: str
    version: int
    by: str
    note: str = ""
