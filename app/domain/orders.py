"""Orders: what we ask a venue to trade, what it says of it, and what came of it.

Prices in the instrument's quote, quantities in its base: exact decimals. Times are ns since the
epoch, UTC. `client_id` is ours, derived from cycle, step and attempt: it names an order before,
while and after it is sent.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from app.domain.markets import Instrument, Side
from app.domain.venues import Venue


class OrderType(StrEnum):
    """ioc: what does not trade at once is cancelled by the venue. limit: rests until cancelled."""

    IOC = "ioc"
    LIMIT = "limit"


class OrderState(StrEnum):
    """PLANNED and SENT are ours, UNKNOWN is honest, the others are proved.

    REJECTED: by the venue, definitively. EXPIRED: planned, never sent, too late now. NOT_PLACED:
    sent, and proved not to have arrived.
    """

    PLANNED = "PLANNED"
    SENT = "SENT"
    UNKNOWN = "UNKNOWN"
    OPEN = "OPEN"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    NOT_PLACED = "NOT_PLACED"


ORDER_ENDS = frozenset({
    OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED,
    OrderState.NOT_PLACED,
})  # fmt: skip


class Role(StrEnum):
    """Why an order or transfer exists in its cycle."""

    INITIAL = "INITIAL"
    TRANSFER = "TRANSFER"
    SECOND = "SECOND"
    REBALANCE = "REBALANCE"
    HEDGE = "HEDGE"
    COMPENSATION = "COMPENSATION"


class AssetAmount(msgspec.Struct, frozen=True):
    asset: str
    amount: Decimal


class OrderTerms(msgspec.Struct, frozen=True):
    """What is asked: already on the venue's tick and lot."""

    instrument: Instrument
    side: Side
    type: OrderType
    price: Decimal
    quantity: Decimal


class Evidence(msgspec.Struct, frozen=True):
    """One question about an order or transfer, and its answer.

    source: place, cancel, by_id, list, fills, stream, withdrawals, deposits, operator. found None:
    the answer says neither yes nor no. asked_at_ns: when the question left; R5 counts from here.
    """

    source: str
    asked_at_ns: int
    answered_at_ns: int
    found: bool | None
    note: str = ""


class Order(msgspec.Struct, frozen=True):
    """complete: the posted fills make up the filled quantity that the venue told."""

    client_id: str
    cycle_id: str
    role: Role
    step: str
    attempt: int
    venue: Venue
    terms: OrderTerms
    state: OrderState
    planned_at_ns: int
    signed_at_ns: int | None = None
    valid_until_ns: int | None = None
    venue_order_id: str | None = None
    filled_quantity: Decimal = Decimal(0)
    average_price: Decimal | None = None
    fees: tuple[AssetAmount, ...] = ()
    complete: bool = False
    evidence: tuple[Evidence, ...] = ()
    updated_at_ns: int = 0
    version: int = 1
    code: str | None = None
    """Of a rejection, as the venue wrote it."""

    @property
    def is_over(self) -> bool:
        """Nothing more can come of it, and everything that came is posted."""
        return self.state in ORDER_ENDS and (self.complete or self.filled_quantity == 0)


class OrderReport(msgspec.Struct, frozen=True):
    """What a venue says of an order, by whatever way it says it. None: it does not say.

    state: OPEN, PARTIALLY_FILLED, FILLED, CANCELLED, REJECTED; UNKNOWN for a word we do not know.
    """

    venue: Venue
    venue_order_id: str
    client_id: str | None
    instrument: Instrument | None
    side: Side | None
    state: OrderState
    filled_quantity: Decimal | None
    average_price: Decimal | None = None
    at_ns: int | None = None


class Fill(msgspec.Struct, frozen=True):
    """A trade of ours. trade_id: unique per venue and instrument. fee < 0 is a rebate.

    fee_asset: what the fee was taken in; the quantity is before the fee.
    """

    venue: Venue
    trade_id: str
    venue_order_id: str
    client_id: str | None
    instrument: Instrument
    side: Side
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str
    at_ns: int


class Placed(msgspec.Struct, frozen=True):
    """The venue has it. report: where the answer tells more than its number."""

    venue_order_id: str
    report: OrderReport | None = None


class Rejection(msgspec.Struct, frozen=True):
    """The venue says definitively that nothing was done. code, message: its own words."""

    code: str
    message: str


class NoAnswer(msgspec.Struct, frozen=True):
    """Nobody can tell whether it was done: timeout, reset, 5xx, an unknown body."""

    reason: str


PlaceAnswer = Placed | Rejection | NoAnswer


class Balance(msgspec.Struct, frozen=True):
    """Of one asset on one venue, as the venue tells it."""

    venue: Venue
    asset: str
    free: Decimal
    locked: Decimal
