"""Truth: what the venues' own books say, against what the ledger says. To the last unit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from typing import NamedTuple

import sqlalchemy as sa

from app.domain.cycles import CycleState
from app.domain.orders import Order, OrderState
from app.domain.transfers import Transfer, TransferState
from app.domain.venues import Venue
from app.ledger import audit, intents, posting
from app.ledger.queries import Connection
from app.ledger.trading_tables import arbitrage_cycles, intent, transition
from app.simulator import trading as sim
from tests.simulation.theatre import Theatre

ZERO = Decimal(0)
DUST = Decimal("1e-8")
ABSENT = frozenset({OrderState.REJECTED, OrderState.EXPIRED, OrderState.NOT_PLACED})

_VERSIONS = (
    sa.select(arbitrage_cycles.c.id, arbitrage_cycles.c.version)
    .where(arbitrage_cycles.c.mode == sa.bindparam("of"))
    .order_by(arbitrage_cycles.c.seq)
)


class Outside(NamedTuple):
    """What people did at the venues themselves: money they brought, orders they placed."""

    brought: Mapping[tuple[Venue, str], Decimal]
    orders: Collection[str]


def check(conn: Connection, mode: str, theatre: Theatre, outside: Outside) -> list[str]:
    found = [str(breach) for breach in audit.check(conn, mode)]
    orders, transfers = _intents(conn, mode)
    for venue in theatre.venues:
        ours = [order for order in orders if order.venue is venue]
        found += _orders(conn, mode, venue, theatre, ours, outside)
        found += _withdrawals(
            venue, theatre, [each for each in transfers if each.terms.from_venue is venue]
        )
    found += _money(conn, mode, theatre, outside)
    found += _ends(conn, mode)
    return found


def lost(conn: Connection, mode: str, leaving: Order | Transfer, who: str) -> list[str]:
    """R8: it leaves though another has taken over its cycle, and has not asked for it."""
    table = arbitrage_cycles
    cycle = conn.execute(
        sa.select(table.c.owner, table.c.fence).where(table.c.id == leaving.cycle_id)
    ).one()
    fence = conn.execute(
        sa.select(intent.c.fence).where(
            intent.c.mode == mode, intent.c.client_id == leaving.client_id
        )
    ).scalar_one()
    if cycle.owner == who or fence == cycle.fence:
        return []
    return [f"R8 {who} sends {leaving.client_id}, planned under {fence}; {cycle} has its cycle"]


def confused(conn: Connection, mode: str, leaving: Transfer) -> list[str]:
    """H28: what is to leave looks like another whose fate nobody knows: one list shows both."""
    mine = leaving.terms
    return [
        f"H28 {leaving.client_id} leaves {mine.from_venue} while {each.client_id} is {each.state}"
        for each in _intents(conn, mode)[1]
        if each.client_id != leaving.client_id
        and each.state in {TransferState.SENT, TransferState.UNKNOWN}
        and (each.terms.from_venue, each.terms.asset, each.terms.network)
        == (mine.from_venue, mine.asset, mine.network)
    ]


def versions(conn: Connection, mode: str) -> list[tuple[str, int]]:
    """Of every cycle, in the order in which they were opened."""
    rows = conn.execute(_VERSIONS, {"of": mode})
    return [(row.id, row.version) for row in rows]


def moves(conn: Connection) -> Counter[tuple[str, str]]:
    query = sa.select(transition.c.from_status, transition.c.to_status)
    return Counter((str(row[0]), str(row[1])) for row in conn.execute(query))


def _intents(conn: Connection, mode: str) -> tuple[list[Order], list[Transfer]]:
    rows = conn.execute(sa.select(intent).where(intent.c.mode == mode).order_by(intent.c.id)).all()
    orders = [row.order_body for row in rows if row.order_body is not None]
    return orders, [row.transfer_body for row in rows if row.transfer_body is not None]


def _orders(
    conn: Connection, mode: str, venue: Venue, theatre: Theatre, ours: list[Order], outside: Outside
) -> Iterator[str]:
    desk = theatre.parts[venue].desk
    named = {order.client_id: order for order in ours}
    theirs: dict[str, list[sim.Order]] = {}
    for one in desk.orders():
        if one.id in outside.orders:
            continue
        theirs.setdefault(one.client_id or "", []).append(one)
    for name in theirs.keys() - named.keys():
        yield f"I4 {venue} knows an order {name!r} that is in no ledger"
    for name, order in named.items():
        accepted = theirs.get(name, [])
        if len(accepted) > 1:
            yield f"I1 {venue} {order.client_id} was accepted {len(accepted)} times"
        if accepted and accepted[0].received > 1:
            yield f"I1 {venue} {order.client_id} was received {accepted[0].received} times"
        if accepted and order.state in ABSENT:
            yield f"I4 {venue} {order.client_id} is {order.state}, the venue has it"
        filled = sum((one.filled for one in accepted), ZERO)
        if filled > order.terms.quantity:
            yield f"I2 {venue} {order.client_id} traded {filled} of {order.terms.quantity}"
        booked = intents.fills_of(conn, mode, order.client_id)
        total = sum((fill.quantity for fill in booked), ZERO)
        if total != filled:
            yield f"I4 {venue} {order.client_id} {order.state}: {total} booked, {filled} traded"
        if len({fill.trade_id for fill in booked}) != len(booked):
            yield f"I4 {venue} {order.client_id} a trade is booked twice"
        if not order.is_over:
            yield f"I7 {venue} {order.client_id} is still {order.state}"


def _withdrawals(venue: Venue, theatre: Theatre, ours: list[Transfer]) -> Iterator[str]:
    desk = theatre.parts[venue].desk
    numbers = {each.withdrawal_id: each for each in ours if each.withdrawal_id is not None}
    known = set()
    for one in desk.withdrawals():
        if one.id not in numbers:
            yield f"I4 {venue} a withdrawal {one.id} of {one.amount} {one.asset} is in no ledger"
        known.add(one.id)
    hops = Counter(
        (each.cycle_id, each.hop)
        for each in ours
        if each.withdrawal_id is not None and each.state is not TransferState.REJECTED
    )
    for (cycle_id, hop), count in hops.items():
        if count > 1:
            yield f"I3 {cycle_id} hop {hop} left {count} times"
    for number, transfer in numbers.items():
        if number not in known:
            yield f"I4 {venue} {transfer.client_id} has a number {number} that nobody gave"
    for each in ours:
        if not each.is_over:
            yield f"I7 {venue} {each.client_id} is still {each.state}"


def _money(conn: Connection, mode: str, theatre: Theatre, outside: Outside) -> Iterator[str]:
    """I5: what both sides say that is there."""
    ledger = {
        (purse.venue, purse.asset): purse.available + purse.reserved
        for purse in posting.purses(conn, mode)
    }
    for venue in theatre.venues:
        for asset, purse in theatre.parts[venue].desk.purses().items():
            there = purse.free + purse.locked - outside.brought.get((venue, asset), ZERO)
            ours = ledger.pop((venue, asset), ZERO)
            if abs(there - ours) > DUST:
                yield f"I5 {venue} {asset}: ledger {ours}, venue {there}, {ours - there}"
    for (venue, asset), amount in ledger.items():
        if abs(amount) > DUST:
            yield f"I5 {venue} {asset}: ledger {amount}, the venue has no such purse"


def _ends(conn: Connection, mode: str) -> Iterator[str]:
    table = arbitrage_cycles
    for row in conn.execute(sa.select(table).where(table.c.mode == mode)).all():
        if row.closed_at_ns is None and row.state is not CycleState.DEAD_LETTER:
            yield f"I7 {row.id} is still {row.state}"
