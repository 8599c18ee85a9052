"""Cycles: one arbitrage from its first order until everything is home again.

The nine states and their legal moves (requirements §1.Z3) stand here and nowhere else in code; the
migration seeds the database with the same table. What a cycle holds and where is the ledger's
word, never a memory of the step at which something failed.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from app.domain.markets import Instrument
from app.domain.orders import AssetAmount, Order, OrderTerms, Role
from app.domain.transfers import Transfer, TransferTerms
from app.domain.venues import Venue


class CycleState(StrEnum):
    STARTED = "STARTED"
    INITIAL_TRADE_COMPLETED = "INITIAL_TRADE_COMPLETED"
    AWAITING_REBALANCE = "AWAITING_REBALANCE"
    REBALANCING_IN_PROGRESS = "REBALANCING_IN_PROGRESS"
    REBALANCE_TRADE_COMPLETED = "REBALANCE_TRADE_COMPLETED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    AWAITING_RETRY = "AWAITING_RETRY"
    DEAD_LETTER = "DEAD_LETTER"


class CycleStep(StrEnum):
    """Where a cycle stands inside its state."""

    OPENED = "OPENED"
    LEG1_SENT = "LEG1_SENT"
    LEG1_PARTIAL = "LEG1_PARTIAL"
    LEGS_SENT = "LEGS_SENT"
    """Prefunded: both at once."""
    ONE_LEG = "ONE_LEG"
    """Prefunded: one has traded more than the other; the rest is repeated or unwound."""
    HEDGE_OPEN = "HEDGE_OPEN"
    WITHDRAW_REQUESTED = "WITHDRAW_REQUESTED"
    ON_CHAIN = "ON_CHAIN"
    DEPOSIT_PENDING = "DEPOSIT_PENDING"
    TRAVEL_RULE_HOLD = "TRAVEL_RULE_HOLD"
    CREDITED = "CREDITED"
    LEG2_SENT = "LEG2_SENT"
    HEDGE_CLOSED = "HEDGE_CLOSED"
    RETURN_WAITING = "RETURN_WAITING"
    RETURN_SENT = "RETURN_SENT"
    COMPENSATING = "COMPENSATING"
    SETTLING = "SETTLING"
    ENDED = "ENDED"


class Strategy(StrEnum):
    HIGH_PREMIUM = "HIGH_PREMIUM"
    LOW_PREMIUM = "LOW_PREMIUM"
    SPATIAL = "SPATIAL"


class ExecutionStyle(StrEnum):
    PREFUNDED = "PREFUNDED"
    TRANSFER = "TRANSFER"
    HEDGED_TRANSFER = "HEDGED_TRANSFER"
    ALERT_ONLY = "ALERT_ONLY"


class Outcome(StrEnum):
    PROFIT = "profit"
    LOSS = "loss"
    COMPENSATED = "compensated"
    NOTHING_DONE = "nothing_done"
    CLOSED_BY_HAND = "closed_by_hand"


S = CycleState
MOVES: dict[CycleState, frozenset[CycleState]] = {
    S.STARTED: frozenset({S.INITIAL_TRADE_COMPLETED, S.FAILED}),
    S.INITIAL_TRADE_COMPLETED: frozenset({
        S.AWAITING_REBALANCE, S.REBALANCE_TRADE_COMPLETED, S.FAILED,
    }),
    S.AWAITING_REBALANCE: frozenset({S.REBALANCING_IN_PROGRESS, S.FAILED}),
    S.REBALANCING_IN_PROGRESS: frozenset({
        S.REBALANCE_TRADE_COMPLETED, S.AWAITING_REBALANCE, S.FAILED,
    }),
    S.REBALANCE_TRADE_COMPLETED: frozenset({S.COMPLETED, S.FAILED}),
    S.FAILED: frozenset({S.AWAITING_RETRY, S.DEAD_LETTER}),
    S.AWAITING_RETRY: frozenset({S.AWAITING_REBALANCE, S.DEAD_LETTER}),
    S.DEAD_LETTER: frozenset({S.AWAITING_REBALANCE, S.COMPLETED}),
    S.COMPLETED: frozenset(),
}  # fmt: skip
"""FAILED goes on only while exposure is left; REBALANCING_IN_PROGRESS goes back to
AWAITING_REBALANCE only before an order was sent; DEAD_LETTER moves by a person only."""
del S

ALIASES = {"RETRY_PENDING": CycleState.AWAITING_RETRY}


class IllegalMove(ValueError):
    """Invalid status transition: A → B."""

    def __init__(self, was: CycleState, to: CycleState) -> None:
        super().__init__(f"Invalid status transition: {was} → {to}")


def check_move(was: CycleState, to: CycleState) -> None:
    """Raises IllegalMove naming both states."""
    if to not in MOVES[was]:
        raise IllegalMove(was, to)


class Part(msgspec.Struct, frozen=True):
    """One bar of plan against actual: bps of what was put in."""

    code: str
    bps: float


class Home(msgspec.Struct, frozen=True):
    """Where a cycle's money comes from and must return to."""

    venue: Venue
    asset: str
    amount: Decimal


class Plan(msgspec.Struct, frozen=True):
    """As it was approved. Limits of price are in the terms of the orders.

    quantity: of the base. notional_krw: what is at stake. net_bps, parts: expected; parts sum to
    net. chain, network, to_network: of the way there (None: prefunded). bridge: the instrument
    that turns the proceeds into the way back (USDT/KRW), None where they need none.
    """

    buy: Instrument
    sell: Instrument
    quantity: Decimal
    buy_price: Decimal
    sell_price: Decimal
    home: Home
    notional_krw: Decimal
    net_bps: float
    parts: tuple[Part, ...]
    chain: str | None = None
    network: str | None = None
    to_network: str | None = None
    bridge: Instrument | None = None
    hedge: Instrument | None = None


class Cycle(msgspec.Struct, frozen=True):
    """attempts: executed tries of the way home after a failure. fence: of its owner's claim.

    compensating: the way home is the shortest one, at a bounded loss; by a person, or because
    what was planned has become impossible.
    """

    id: str
    strategy: Strategy
    direction: str
    style: ExecutionStyle
    base: str
    return_base: str | None
    state: CycleState
    step: CycleStep
    outcome: Outcome | None
    version: int
    fence: int
    attempts: int
    opened_at_ns: int
    closed_at_ns: int | None
    next_attempt_at_ns: int | None
    wake_at_ns: int | None
    reason: str | None
    signal_id: str | None
    plan: Plan
    compensating: bool = False
    entered_at_ns: int = 0
    """When this state began."""
    pnl_krw: Decimal | None = None
    actual: tuple[Part, ...] = ()
    retries: int = 0
    """Orders repeated inside the present try."""


class Holding(msgspec.Struct, frozen=True):
    """What the ledger says that a cycle has. venue None: in transit."""

    venue: Venue | None
    asset: str
    amount: Decimal


class CycleView(msgspec.Struct, frozen=True):
    """Everything that a decision about a cycle may look at, as committed.

    net: per asset what the cycle has gained (+) or spent (−) so far, fees included.
    """

    cycle: Cycle
    orders: tuple[Order, ...] = ()
    transfers: tuple[Transfer, ...] = ()
    holdings: tuple[Holding, ...] = ()
    net: tuple[AssetAmount, ...] = ()
    fees: tuple[AssetAmount, ...] = ()


class NewOrder(msgspec.Struct, frozen=True):
    client_id: str
    role: Role
    step: CycleStep
    attempt: int
    terms: OrderTerms


class NewTransfer(msgspec.Struct, frozen=True):
    client_id: str
    role: Role
    step: CycleStep
    hop: int
    attempt: int
    terms: TransferTerms


class Move(msgspec.Struct, frozen=True):
    """reason: a code of ours, empty on the main line. actor: engine, or who clicked."""

    to: CycleState
    reason: str = ""
    actor: str = "engine"


class Decision(msgspec.Struct, frozen=True):
    """What is to become of a cycle, decided on one version of it and valid for that one only.

    moves: in order, each legal. None in a field: as it is. orders and transfers are committed as
    PLANNED with it; they are sent by commands of the same step, after the commit.
    """

    cycle_id: str
    version: int
    step: CycleStep
    moves: tuple[Move, ...] = ()
    orders: tuple[NewOrder, ...] = ()
    transfers: tuple[NewTransfer, ...] = ()
    expire: tuple[str, ...] = ()
    """Client ids that are PLANNED, unsent and not wanted any more."""
    attempts: int | None = None
    retries: int | None = None
    next_attempt_at_ns: int | None = None
    wake_at_ns: int | None = None
    return_base: str | None = None
    compensating: bool | None = None
    outcome: Outcome | None = None
    reason: str | None = None
    pnl_krw: Decimal | None = None
    fees_krw: Decimal | None = None
    """Of all its fees, for the day's result; None where a price was missing."""
    actual: tuple[Part, ...] = ()
    note: str = ""
    """A line of the cycle's journal, in words that need no language: code and figures."""


class Reservation(msgspec.Struct, frozen=True):
    """What a new cycle takes out of what is available."""

    venue: Venue
    asset: str
    amount: Decimal
