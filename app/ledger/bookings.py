"""Bookings: what happens at a venue, as lines of the ledger. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from msgspec import structs

from app.domain.accounting import Line
from app.domain.cycles import Reservation
from app.domain.markets import Product, Side
from app.domain.orders import Fill
from app.domain.transfers import Transfer
from app.domain.venues import Venue
from app.ledger import chart
from app.ledger.posting import EXACT, Key


def value(price: Decimal, quantity: Decimal) -> Decimal:
    """In the quote, exact."""
    return EXACT.multiply(price, quantity)


def reservation(taken: Sequence[Reservation], cycle_id: str) -> list[Line]:
    """Out of what is available, into the cycle's own."""
    return [line for each in taken for line in _reserved(each, cycle_id)]


def fill(traded: Fill, cycle_id: str, *, closed: bool) -> list[Line]:
    """A trade of ours and its fee. closed: its cycle has ended, so the money is nobody's own."""
    instrument = traded.instrument
    purse = _purse(traded.venue, cycle_id, closed=closed)
    if instrument.product is not Product.SPOT:
        purse = (chart.position(traded.venue), cycle_id)
    other = (chart.PNL if closed else chart.trade(traded.venue), cycle_id)
    quote = value(traded.price, traded.quantity)
    bought = traded.side is Side.BUY
    base_to, base_from = (purse, other) if bought else (other, purse)
    return [
        *_moved(base_from, base_to, instrument.base, traded.quantity),
        *_moved(base_to, base_from, instrument.quote, quote),
        *_fee(traded, cycle_id, closed=closed),
    ]


def withdrawal(sent: Transfer, fee: Decimal, cycle_id: str, *, closed: bool) -> list[Line]:
    """The sender has taken the amount, and its fee on top."""
    terms = sent.terms
    purse = _purse(terms.from_venue, cycle_id, closed=closed)
    return [
        *_moved(purse, _way(sent, cycle_id, closed=closed), terms.asset, terms.amount),
        *_moved(purse, (chart.FEE_NETWORK, cycle_id), terms.asset, fee),
    ]


def withdrawal_fee(sent: Transfer, more: Decimal, cycle_id: str, *, closed: bool) -> list[Line]:
    """The sender took more (or less) than it had told."""
    purse = _purse(sent.terms.from_venue, cycle_id, closed=closed)
    return _moved(purse, (chart.FEE_NETWORK, cycle_id), sent.terms.asset, more)


def undone(sent: Transfer, fee: Decimal, cycle_id: str, *, closed: bool) -> list[Line]:
    """The sender refused it after all, and has given back what it had taken."""
    taken = withdrawal(sent, fee, cycle_id, closed=closed)
    return [structs.replace(line, amount=EXACT.minus(line.amount)) for line in taken]


def deposit(sent: Transfer, credited: Decimal, cycle_id: str, *, closed: bool) -> list[Line]:
    """The receiver has credited it; what is missing was taken on the way."""
    terms = sent.terms
    way = _way(sent, cycle_id, closed=closed)
    purse = _purse(terms.to_venue, cycle_id, closed=closed)
    missing = EXACT.subtract(terms.amount, credited)
    return [
        *_moved(way, purse, terms.asset, credited),
        *_moved(way, (chart.FEE_NETWORK, cycle_id), terms.asset, missing),
    ]


def returned(sent: Transfer, back: Decimal, cycle_id: str, *, closed: bool) -> list[Line]:
    """It came back to the sender; what is missing was taken on the way."""
    terms = sent.terms
    way = _way(sent, cycle_id, closed=closed)
    purse = _purse(terms.from_venue, cycle_id, closed=closed)
    missing = EXACT.subtract(terms.amount, back)
    return [
        *_moved(way, purse, terms.asset, back),
        *_moved(way, (chart.FEE_NETWORK, cycle_id), terms.asset, missing),
    ]


def settlement(standings: dict[Key, Decimal], cycle_id: str) -> list[Line]:
    """The difference that closed derivative positions have left, as money in their own purse."""
    lines: list[Line] = []
    for (account, asset, _), amount in standings.items():
        if account.startswith("position:"):
            venue = Venue(account.partition(":")[2])
            there = (chart.margin(venue), chart.NOBODY)
            lines += _moved((account, cycle_id), there, asset, amount)
    return lines


def release(standings: dict[Key, Decimal], cycle_id: str, *, give_up: bool) -> list[Line]:
    """All that a cycle had becomes available where it lies, and its trades become its result.

    give_up: what is under way belongs to no cycle any more, and waits on `dead_letter`.
    """
    lines: list[Line] = []
    for (account, asset, _), amount in standings.items():
        place = chart.place(account)
        here = (account, cycle_id)
        if place is not None and place[0] == "reserved":
            lines += _moved(here, (chart.available(place[1]), chart.NOBODY), asset, amount)
        elif place is not None and give_up:
            lines += _moved(here, (chart.DEAD_LETTER, cycle_id), asset, amount)
        elif account.startswith("trade:"):
            lines += _moved(here, (chart.PNL, cycle_id), asset, amount)
    return lines


Place = tuple[str, str]
"""Account, cycle."""


def _moved(here: Place, there: Place, asset: str, amount: Decimal) -> list[Line]:
    gone = EXACT.minus(amount)
    return [Line(here[0], asset, gone, here[1]), Line(there[0], asset, amount, there[1])]


def _purse(venue: Venue, cycle_id: str, *, closed: bool) -> Place:
    if closed:
        return chart.available(venue), chart.NOBODY
    return chart.reserved(venue), cycle_id


def _way(sent: Transfer, cycle_id: str, *, closed: bool) -> Place:
    if closed:
        return chart.DEAD_LETTER, cycle_id
    return chart.transit(sent.terms.to_venue), cycle_id


def _fee(traded: Fill, cycle_id: str, *, closed: bool) -> list[Line]:
    """A fee in a third asset was never reserved: it comes from what is available there. That of
    a derivative comes from the purse that secures it."""
    own = (traded.instrument.base, traded.instrument.quote)
    if traded.instrument.product is not Product.SPOT:
        margin = (chart.margin(traded.venue), chart.NOBODY)
        return _moved(margin, (chart.FEE_TRADE, cycle_id), traded.fee_asset, traded.fee)
    purse = _purse(traded.venue, cycle_id, closed=closed or traded.fee_asset not in own)
    return _moved(purse, (chart.FEE_TRADE, cycle_id), traded.fee_asset, traded.fee)


def _reserved(taken: Reservation, cycle_id: str) -> list[Line]:
    free = (chart.available(taken.venue), chart.NOBODY)
    return _moved(free, (chart.reserved(taken.venue), cycle_id), taken.asset, taken.amount)
