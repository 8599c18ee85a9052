"""What a dialect's private side talks to (`Desk`): one account's orders, money and transfers.

The core matches, locks, charges and moves; a dialect only says it in its venue's words. Decimals
are exact; texts to the wire are made by the dialect. Times are ms of the venue's clock.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from app.simulator.protocol import Listing

if TYPE_CHECKING:
    from app.simulator.futures import Futures

ZERO = Decimal(0)


class Rejected(Exception):
    """code: one of insufficient, minimum, tick, lot, price_band, duplicate, unknown_order, closed,
    halted, unknown_asset, unknown_network, suspended, withdraw_minimum, address, decimals,
    post_only, operator (a person has to act there first). The dialect turns it into its venue's
    error. text: for people."""

    def __init__(self, code: str, text: str = "") -> None:
        super().__init__(text or code)
        self.code = code


class Terms(NamedTuple):
    """How a venue charges and what a client id is worth there.

    fee_in_quote: of buys too; else a buy's fee is taken of what was bought. fee_places: fees are
    rounded up to so many decimals; None: never. ids: `burned` (once for ever, even by a refused
    request), `once` (once for ever by an accepted one), `open` (again after the order has ended),
    `free` (any number of times). allow_list: coins leave for known addresses only.
    """

    maker_bps: Decimal
    taker_bps: Decimal
    fee_in_quote: bool = False
    fee_places: int | None = 8
    ids: str = "open"
    allow_list: bool = False
    perpetuals: bool = False
    """Whether its account has USDT-M futures too."""
    consent: str = "address"
    """What a `consent` fault refuses withdrawals with: `operator` where the venue has a word."""
    minimum_lots: int | None = None
    """The smallest order where it is not `Listing.minimum_value`."""


class NewOrder(NamedTuple):
    """kind: limit, market (quantity of base), spend (a market buy of so much quote in `funds`).

    force: gtc, ioc, fok, post. client_id: None where the request carries none.
    """

    listing: Listing
    client_id: str | None
    bought: bool
    kind: str
    price: Decimal | None
    quantity: Decimal | None
    funds: Decimal | None = None
    force: str = "gtc"


@dataclass(slots=True)
class Fill:
    id: int
    """Rises by one per venue."""
    order: Order
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str
    maker: bool
    at_ms: int
    value: Decimal = ZERO
    """Quote: price times quantity, exact."""


@dataclass(slots=True)
class Order:
    """status: open, filled, cancelled, rejected. An ioc that found nothing is cancelled, filled 0.

    locked: of what it may still spend. updated_ms: of its last change.
    """

    id: str
    number: int
    """Rises by one per venue, for dialects whose ids are numbers."""
    client_id: str | None
    listing: Listing
    bought: bool
    kind: str
    force: str
    price: Decimal | None
    quantity: Decimal | None
    funds: Decimal | None
    status: str
    created_ms: int
    updated_ms: int
    filled: Decimal = ZERO
    value: Decimal = ZERO
    """Quote of what has traded."""
    fee: Decimal = ZERO
    fee_asset: str = ""
    locked: Decimal = ZERO
    received: int = 1
    """Create requests with its client id that reached the engine."""
    fills: list[Fill] = field(default_factory=list)


@dataclass(slots=True)
class Purse:
    free: Decimal = ZERO
    locked: Decimal = ZERO


@dataclass(slots=True)
class Withdrawal:
    """status: accepted (the venue looks at it), sent (on chain, has a txid), done, rejected,
    returned, held (an operator has to act). to_venue None: an address that no venue here knows."""

    id: str
    number: int
    client_id: str | None
    asset: str
    network: str
    address: str
    tag: str
    amount: Decimal
    fee: Decimal
    status: str
    created_ms: int
    updated_ms: int
    txid: str | None = None
    to_venue: str | None = None


@dataclass(slots=True)
class Deposit:
    """status: seen (waits for confirmations), held (travel rule), credited, returned."""

    id: str
    number: int
    asset: str
    network: str
    amount: Decimal
    txid: str
    status: str
    created_ms: int
    updated_ms: int
    confirmations: int = 0
    confirmations_needed: int = 1


class Desk(ABC):
    """`market.desk` of one venue: one account, that of the test keys."""

    terms: Terms
    futures: Futures | None = None

    @abstractmethod
    def place(self, order: NewOrder) -> Order:
        """Accepted: matched at once as far as it goes. Raises Rejected; nothing is locked then."""

    @abstractmethod
    def cancel(self, order: Order) -> None:
        """Raises Rejected closed where it has already ended."""

    @abstractmethod
    def order(self, order_id: str) -> Order | None:
        """By its id."""

    @abstractmethod
    def by_client_id(self, client_id: str) -> list[Order]:
        """All that ever carried it, newest first: what a venue finds of them is its own rule."""

    @abstractmethod
    def orders(self, listing: Listing | None = None) -> Sequence[Order]:
        """Newest first, whatever their status."""

    @abstractmethod
    def fills(self, listing: Listing | None = None) -> Sequence[Fill]:
        """Newest first."""

    @abstractmethod
    def purses(self) -> dict[str, Purse]:
        """By asset: every asset that the venue lists, KRW and USD among them."""

    @abstractmethod
    def taker_bps(self, listing: Listing) -> Decimal: ...

    @abstractmethod
    def address(self, asset: str, network: str) -> tuple[str, str]:
        """(address, tag); tag empty where the chain has none. network: as `wire` spells it is the
        dialect's to turn into the chain's key before it asks. Raises Rejected."""

    @abstractmethod
    def known(self, asset: str) -> Sequence[tuple[str, str, str, str]]:
        """(venue, chain, address, tag) of everybody here who takes it: what allow-lists hold."""

    @abstractmethod
    def withdraw(
        self,
        asset: str,
        network: str,
        address: str,
        tag: str,
        amount: Decimal,
        client_id: str | None,
    ) -> Withdrawal:
        """network: chain key. amount: that arrives; the fee is taken on top. Raises Rejected."""

    @abstractmethod
    def withdrawals(self, asset: str | None = None) -> Sequence[Withdrawal]:
        """Newest first."""

    @abstractmethod
    def deposits(self, asset: str | None = None) -> Sequence[Deposit]:
        """Newest first."""


class Private:
    """A venue's private side: `Dialect.private`. The core calls it when the account changes, some
    milliseconds after the request that did it was answered."""

    def name(self, kind: str, number: int) -> str | None:
        """The venue's id of an order, fill, withdrawal or deposit (kind); None: a UUID, and for a
        fill its number. /__sim/ tells the same."""
        return None

    def order_changed(self, order: Order, fill: Fill | None) -> None:
        """Accepted, traded (fill), cancelled: once for each, in this order. order: as it was then,
        a copy."""

    def purse_changed(self, assets: Sequence[str]) -> None: ...

    def withdrawal_changed(self, withdrawal: Withdrawal) -> None: ...

    def deposit_changed(self, deposit: Deposit) -> None: ...
