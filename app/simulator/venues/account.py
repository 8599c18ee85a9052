"""What several private sides do alike: exact numbers, networks by name, frames of an account."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from app.simulator.protocol import Listing, Market, Network, Request
from app.simulator.trading import ZERO, Fill, Order, Private, Withdrawal
from app.simulator.venues.chains import chain_name

AVERAGE_PLACES = 12
EXPONENT_MAX = 30
"""Of a number that a request may name."""
NEWEST = 1 << 62
"""Below it is everything."""
T = TypeVar("T")


def plain(value: Decimal) -> str:
    """Without exponent and without zeros at the end."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def exact(value: Any) -> Decimal | None:
    """A positive number as a text or a JSON number; None: it is none."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    sound = number.is_finite() and number > 0 and abs(number.adjusted()) <= EXPONENT_MAX
    return number if sound else None


def same(right: str, given: str) -> bool:
    """Two signatures, in a time that tells nothing of them."""
    return hmac.compare_digest(right.encode(), given.encode())


def fields(request: Request) -> dict[str, Any] | None:
    """The body as an object, its fractions as the texts they came in; None: it is none."""
    try:
        body = json.loads(request.body or b"{}", parse_float=str, parse_constant=str)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def average(order: Order) -> Decimal:
    """Of what has traded; 0: nothing has."""
    return round(order.value / order.filled, AVERAGE_PLACES) if order.filled else ZERO


def asked_size(order: Order) -> Decimal:
    """In quote for a buy of so much quote, else in base."""
    size = order.funds if order.kind == "spend" else order.quantity
    assert size is not None, order
    return size


def left(order: Order) -> Decimal:
    """In the unit that was asked."""
    return asked_size(order) - (order.value if order.kind == "spend" else order.filled)


def page(
    rows: Sequence[T], key: Callable[[T], int], below: int, size: int
) -> tuple[list[T], int | None]:
    """Newest first by a number that falls: those below it, and the last one's if more follow."""
    rest = [row for row in rows if key(row) < below]
    return rest[:size], key(rest[size - 1]) if len(rest) > size else None


def within(rows: Iterable[T], at: Callable[[T], int], start_ms: int, end_ms: int) -> list[T]:
    return [row for row in rows if start_ms <= at(row) <= end_ms]


class Account(Private):
    """The private side of one venue."""

    venue: str

    def __init__(self, market: Market) -> None:
        self.market = market
        self.begin()

    def begin(self) -> None:
        """Once, with `self.market` set."""

    def listing(self, symbol: Any) -> Listing | None:
        return self.market.listings.get(str(symbol))

    def network(self, asset: str, name: str) -> Network | None:
        """By the name that the venue's currency list gives it, in any case of letters."""
        for network in self.networks(asset):
            if self.named(network).lower() == name.lower():
                return network
        return None

    def networks(self, asset: str) -> Sequence[Network]:
        wallet = self.market.wallets.get(asset)
        return wallet.networks if wallet is not None else ()

    def named(self, network: Network) -> str:
        return chain_name(self.venue, network.chain)

    def chain_of(self, asset: str, key: str) -> str:
        """The venue's name of a chain by our key."""
        for network in self.networks(asset):
            if network.chain.key == key:
                return self.named(network)
        return key

    def fills_of(self, order: Order) -> list[Fill]:
        return [fill for fill in self.market.desk.fills(order.listing) if fill.order.id == order.id]

    def withdrawn_as(self, client_id: str) -> Withdrawal | None:
        """The withdrawal that has taken this client id."""
        for one in self.market.desk.withdrawals():
            if client_id and one.client_id == client_id:
                return one
        return None

    def tell(self, topic: str, text: str) -> None:
        """To every connection that listens to this topic of the account."""
        for client in self.market.clients(topic):
            client.send(text)
