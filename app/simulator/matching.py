"""What an order takes of a book as it stands. Pure: levels in, (price, lots) out."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from app.simulator.protocol import Listing


class Taken(NamedTuple):
    """Of one level, best first."""

    price: Decimal
    lots: int


def reach(listing: Listing, limit: Decimal | None, *, bought: bool) -> list[Taken]:
    """Every level that this side may trade with. A book is never emptied: its last level stays."""
    side = listing.asks if bought else listing.bids
    found = []
    for text, lots in zip(side.prices[:-1], side.lots, strict=False):
        price = Decimal(text)
        if limit is not None and (price > limit if bought else price < limit):
            break
        found.append(Taken(price, lots))
    return found


def by_quantity(levels: Iterable[Taken], lots: int) -> list[Taken]:
    """The best levels until so many lots are together."""
    taken = []
    for price, there in levels:
        count = min(there, lots)
        if count <= 0:
            break
        taken.append(Taken(price, count))
        lots -= count
    return taken


def by_funds(levels: Iterable[Taken], funds: Decimal, lot: Decimal) -> list[Taken]:
    """The best levels that so much quote buys, in whole lots."""
    taken = []
    for price, there in levels:
        count = min(there, int(funds // (price * lot)))
        if count <= 0:
            break
        taken.append(Taken(price, count))
        funds -= price * lot * count
    return taken


def lots_of(quantity: Decimal, lot: Decimal) -> int:
    return int(quantity // lot)


def on_step(value: Decimal, step: Decimal) -> bool:
    return value % step == 0
