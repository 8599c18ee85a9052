"""The contract of a venue's private side: orders, balances, transfers. Pure, like the public one.

`place` and its sisters make a Request, `app.exchanges.signing` signs it, `read_…` says what the
answer means. An answer that says neither yes nor no is `Unclear`: it is never an empty list, never
a refusal. Only what a venue's documents list as definitive is a Rejection [section 3 of each].
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Generic, NamedTuple, Protocol, TypeVar

from app.domain.markets import Instrument
from app.domain.orders import Balance, Fill, OrderReport, OrderTerms, PlaceAnswer
from app.domain.transfers import (
    DepositAddress,
    DepositReport,
    NeedsOperator,
    TransferTerms,
    WithdrawalReport,
    WithdrawAnswer,
)
from app.domain.venues import Venue
from app.exchanges.contract import Names, Request, Ticket
from app.exchanges.signing import Keys

T = TypeVar("T")


class Unclear(ValueError):
    """The answer tells nothing: an error that is not about what was asked, an unknown shape.

    reason: timeout, limited, http_502, maintenance, unreadable, not_allowed (key, permission, IP),
    not_ready (soon there), duplicate (an action with this id came before), refused (a word that is
    not listed; `detail` is that word), closed (this stream will say nothing more).
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class IdClass(StrEnum):
    """What a client id is worth at a venue (reliability 2.3).

    U: taken once for ever, so the same request may be sent again. W: a request is refused after
    its window, so absence after it is final. N: the venue takes none: one send, then a search.
    """

    U = "U"
    W = "W"
    N = "N"


class Rules(NamedTuple):
    """window_ms: how long after its signature the venue takes a request; where it sets none, how
    long one may still arrive. finds_ended: an order is found by client id after its end as well.
    has_ioc: as a limit order. fee_in_base: of a buy. withdrawals: class of withdrawal ids.
    """

    orders: IdClass
    withdrawals: IdClass
    window_ms: int
    finds_ended: bool
    has_ioc: bool
    fee_in_base: bool
    order_window_ms: int | None = None

    @property
    def order_ms(self) -> int:
        """The window of an order, where it has one of its own."""
        return self.order_window_ms or self.window_ms


class Page(NamedTuple, Generic[T]):
    """rest: the request for what follows; None when this was all."""

    rows: list[T]
    rest: Request | None = None


StreamRow = OrderReport | Fill | Balance


class Account(Protocol):
    """One venue's private side. Every `read_…` gets the HTTP status and raises Unclear."""

    venue: Venue
    rules: Rules

    # Orders

    def client_id(self, digest: str) -> str:
        """Ours (20 letters and digits `[a-z2-7]`) as this venue wants it, such as `t-…`."""
        ...

    def place(self, terms: OrderTerms, client_id: str, at_ms: int) -> Request:
        """at_ms: of the signature, from the journal; the venue's deadline is set from it."""
        ...

    def read_placed(self, request: Request, status: int, body: bytes) -> PlaceAnswer: ...

    def cancel(
        self, instrument: Instrument, client_id: str, venue_order_id: str | None
    ) -> Request | None:
        """None: this venue cancels only by its own number, which is not known yet."""
        ...

    def read_cancelled(self, request: Request, status: int, body: bytes) -> PlaceAnswer:
        """Never what was filled: ask the order after any answer."""
        ...

    def ask_order(
        self, instrument: Instrument, client_id: str, venue_order_id: str | None
    ) -> Request | None:
        """None: it cannot be asked for this way (by client id at Coinbase)."""
        ...

    def read_order(
        self, request: Request, status: int, body: bytes, names: Names
    ) -> OrderReport | None:
        """None: the venue says definitively that it knows no such order."""
        ...

    def ask_orders(self, instrument: Instrument, since_ms: int) -> list[Request]:
        """All orders since then, open and ended, by as many lists as the venue needs."""
        ...

    def read_orders(
        self, request: Request, status: int, body: bytes, names: Names
    ) -> Page[OrderReport]: ...

    def ask_fills(
        self, instrument: Instrument, venue_order_id: str, since_ms: int
    ) -> list[Request]:
        """Of one order where the venue can, else of its instrument since then. An empty number:
        of the instrument, at venues that do not find an order by client id after its end."""
        ...

    def read_fills(
        self, request: Request, status: int, body: bytes, names: Names
    ) -> Page[Fill]: ...

    # Money

    def ask_balances(self) -> Request: ...

    def read_balances(self, request: Request, status: int, body: bytes) -> Page[Balance]:
        """Of one purse after the other: what is said of one asset adds up."""
        ...

    def ask_fee(self, instrument: Instrument) -> Request | None:
        """The account's own taker fee; None where only the public list tells."""
        ...

    def read_fee(self, request: Request, status: int, body: bytes) -> float:
        """Taker fee in bps."""
        ...

    def ask_address(self, asset: str, network: str) -> Request: ...

    def read_address(
        self, request: Request, status: int, body: bytes
    ) -> DepositAddress | NeedsOperator: ...

    def fund(self, terms: TransferTerms, client_id: str, at_ms: int) -> Request | None:
        """To be asked before `withdraw`, of a venue that withdraws from another of its purses: the
        coins go there first. Unless the answer is Placed, the withdrawal is not sent."""
        ...

    def read_funded(self, request: Request, status: int, body: bytes) -> PlaceAnswer: ...

    def withdraw(self, terms: TransferTerms, client_id: str, at_ms: int) -> Request: ...

    def read_withdrawn(self, request: Request, status: int, body: bytes) -> WithdrawAnswer: ...

    def ask_withdrawals(
        self, asset: str, since_ms: int, client_id: str | None, withdrawal_id: str | None
    ) -> list[Request]:
        """As narrow as the venue can; the caller compares ids, or fingerprints where there are
        none (asset, network, address, amount, time)."""
        ...

    def read_withdrawals(
        self, request: Request, status: int, body: bytes
    ) -> Page[WithdrawalReport]: ...

    def ask_deposits(self, asset: str, since_ms: int, txid: str | None) -> list[Request]: ...

    def read_deposits(self, request: Request, status: int, body: bytes) -> Page[DepositReport]: ...

    # The user stream: a hint that something happened, and often what

    def stream_entry(self) -> Request | None:
        """To be asked (signed) before each connection, of a venue that says where to connect."""
        ...

    def stream_path(self, entry: bytes | None) -> str:
        """Path, or whole URL, of the private stream; entry: the answer to `stream_entry`."""
        ...

    def stream_headers(self, keys: Keys, ticket: Ticket) -> dict[str, str]:
        """Of the handshake."""
        ...

    def stream_frames(
        self, keys: Keys, instruments: Sequence[Instrument], ticket: Ticket
    ) -> list[bytes]:
        """Login first, where one is needed, then subscriptions. The caller waits `login_reply`
        between the first and the rest where `logs_in` is true."""
        ...

    logs_in: bool

    def login_reply(self, frame: bytes) -> bool | None:
        """True: let in. False: not. None: this frame is no answer to the login."""
        ...

    def stream_ping(self, ticket: Ticket) -> bytes | None: ...

    def read_stream(self, frame: bytes, names: Names) -> list[StreamRow]:
        """Empty for acks and pongs. Raises ValueError for what nobody can read."""
        ...
