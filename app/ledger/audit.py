"""Audit: the invariants that the database can see of itself (reliability 3.2, I1 … I9).

Each check is a few statements over what is open or was closed since a time; a breach is told, and
nothing is ever mended here. Amounts are added up as integers, in Python where SQL would not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import groupby

import msgspec
import sqlalchemy as sa

from app.domain.accounting import Breach
from app.domain.cycles import CycleState, Outcome
from app.domain.orders import Fill, Order, OrderState
from app.domain.transfers import Transfer, TransferState
from app.ledger import chart, rows, transitions
from app.ledger.order_intents import BOOKED_FILL
from app.ledger.posting import EXACT
from app.ledger.trading_tables import (
    arbitrage_cycles,
    balance,
    dead_letter,
    intent,
    posting,
    transition,
    venue_event,
)
from app.ledger.views import ORDER, TRANSFER

BREACHES_MAX = 100
NOT_THERE = frozenset({OrderState.REJECTED, OrderState.EXPIRED, OrderState.NOT_PLACED})


def check(conn: sa.Connection, mode: str, since_ns: int = 0) -> list[Breach]:
    """What does not hold, at most BREACHES_MAX; since_ns: skip cycles that ended before."""
    found: list[Breach] = []
    for rule in RULES:
        for breach in rule(conn, mode, since_ns):
            found.append(breach)
            if len(found) == BREACHES_MAX:
                return found
    return found


def _intents(conn: sa.Connection, mode: str, since_ns: int) -> Iterator[Breach]:
    """I1, I2, I3, and I4 of orders: by what the rows of a cycle's intents say together."""
    query = (
        sa.select(intent)
        .join(arbitrage_cycles, arbitrage_cycles.c.id == intent.c.cycle_id)
        .where(intent.c.mode == mode, _recent(since_ns))
        .order_by(intent.c.cycle_id, intent.c.id)
    )
    booked = _booked(conn, mode, since_ns)
    for cycle_id, group in groupby(conn.execute(query).all(), key=lambda row: row.cycle_id):
        members = list(group)
        orders = [row for row in members if row.kind == ORDER]
        yield from (breach for row in orders for breach in _order(row, booked))
        yield from _numbers(orders)
        yield from _hops(cycle_id, [row for row in members if row.kind == TRANSFER])


def _order(row: rows.Fields, booked: dict[str, Decimal]) -> Iterator[Breach]:
    order: Order = row.order_body
    name = order.client_id
    if max(row.posted_quantity, order.filled_quantity) > order.terms.quantity:
        yield Breach("I2", name, f"traded {order.filled_quantity} of {order.terms.quantity}")
    if row.posted_quantity != booked.get(name, Decimal(0)):
        yield Breach("I4", name, f"{row.posted_quantity} noted, {booked.get(name)} booked")
    if order.state in NOT_THERE and row.posted_quantity > 0:
        yield Breach("I1", name, f"{order.state}, and {row.posted_quantity} of it traded")
    if (order.state, order.is_over) != (row.state, row.is_over):
        yield Breach("I1", name, f"row says {row.state}, order says {order.state}")


def _numbers(orders: list[rows.Fields]) -> Iterator[Breach]:
    """I1: two intents are never one order of a venue."""
    seen: dict[tuple[str, str], str] = {}
    for row in orders:
        if row.native_id is None:
            continue
        other = seen.setdefault((row.venue, row.native_id), row.client_id)
        if other != row.client_id:
            yield Breach("I1", row.client_id, f"{row.venue} {row.native_id} is {other} as well")


def _hops(cycle_id: str, transfers: list[rows.Fields]) -> Iterator[Breach]:
    """I3: a hop is sent once."""
    sent: dict[int, str] = {}
    for row in transfers:
        transfer: Transfer = row.transfer_body
        if transfer.withdrawal_id is None or transfer.state is TransferState.REJECTED:
            continue
        if transfer.hop in sent:
            both = f"{sent[transfer.hop]} and {transfer.client_id}"
            yield Breach("I3", f"{cycle_id} hop {transfer.hop}", both)
        sent[transfer.hop] = transfer.client_id


def _booked(conn: sa.Connection, mode: str, since_ns: int) -> dict[str, Decimal]:
    """By client id: the quantity of the fills that are kept with their bookings."""
    ours = sa.and_(
        intent.c.mode == venue_event.c.mode, intent.c.client_id == venue_event.c.client_id
    )
    query = (
        sa.select(venue_event.c.client_id, venue_event.c.raw)
        .join(intent, ours)
        .join(arbitrage_cycles, arbitrage_cycles.c.id == intent.c.cycle_id)
        .where(venue_event.c.mode == mode, venue_event.c.kind == BOOKED_FILL, _recent(since_ns))
    )
    sums: dict[str, Decimal] = {}
    for client_id, raw in conn.execute(query):
        quantity = msgspec.json.decode(raw, type=Fill).quantity
        sums[client_id] = EXACT.add(sums.get(client_id, Decimal(0)), quantity)
    return sums


def _sums(conn: sa.Connection, mode: str, since_ns: int) -> Iterator[Breach]:
    """I5: every booking sums to zero per asset."""
    total = sa.func.sum(posting.c.amount)
    query = (
        sa.select(posting.c.txn_id, posting.c.asset, total.label("total"))
        .where(posting.c.mode == mode, posting.c.at_ns >= since_ns)
        .group_by(posting.c.txn_id, posting.c.asset)
        .having(total != 0)
    )
    for row in conn.execute(query):
        yield Breach("I5", row.txn_id, f"{row.asset} sums to {int(row.total)} units")


def _running(conn: sa.Connection, mode: str, since_ns: int) -> Iterator[Breach]:
    """I5: a balance is the sum of its lines. Those of nobody in particular: on a whole check."""
    columns = (posting.c.account, posting.c.asset, posting.c.cycle_id)
    lines = sa.select(*columns, sa.func.sum(posting.c.amount).label("total"))
    lines = lines.where(posting.c.mode == mode).group_by(*columns)
    kept = sa.select(balance).where(balance.c.mode == mode)
    if since_ns:
        recent = sa.select(arbitrage_cycles.c.id).where(
            arbitrage_cycles.c.mode == mode, _recent(since_ns)
        )
        lines = lines.where(posting.c.cycle_id.in_(recent))
        kept = kept.where(balance.c.cycle_id.in_(recent))
    sums = {(r.account, r.asset, r.cycle_id): int(r.total) for r in conn.execute(lines)}
    for row in conn.execute(kept):
        key = (row.account, row.asset, row.cycle_id)
        total = sums.pop(key, 0)
        if row.amount != total:
            yield Breach("I5", " ".join(key), f"says {row.amount}, its lines {total}")
        if row.amount < 0 and chart.guarded(row.account):
            yield Breach("I6", " ".join(key), f"{row.amount} units")
        if not 0 <= row.rest < 1 and row.account != chart.DUST:
            yield Breach("I5", " ".join(key), f"rest {row.rest}")
    for key, total in sums.items():
        if total:
            yield Breach("I5", " ".join(key), f"says nothing, its lines {total}")


def _states(conn: sa.Connection, mode: str, since_ns: int) -> Iterator[Breach]:
    """I7: what has ended says how, what was given up says why."""
    table = arbitrage_cycles
    recent = sa.select(table).where(table.c.mode == mode, _recent(since_ns))
    for row in conn.execute(recent.order_by(table.c.seq)).all():
        ended = row.closed_at_ns is not None
        final = row.state is CycleState.COMPLETED or (
            row.state is CycleState.FAILED and row.outcome is not None
        )
        if ended != final or (ended and row.outcome is None):
            yield Breach("I7", row.id, f"{row.state} {row.outcome} closed {row.closed_at_ns}")
        if row.state is CycleState.DEAD_LETTER and not _has_letter(conn, row.id):
            yield Breach("I7", row.id, "a dead letter without its reason")


def _chains(conn: sa.Connection, mode: str, since_ns: int) -> Iterator[Breach]:
    """I8: moves follow each other, each allowed, no fence behind the last, no hash edited."""
    query = (
        sa.select(transition, arbitrage_cycles.c.transitions, arbitrage_cycles.c.fence.label("now"))
        .join(arbitrage_cycles, arbitrage_cycles.c.id == transition.c.cycle_id)
        .where(arbitrage_cycles.c.mode == mode, _recent(since_ns))
        .order_by(transition.c.cycle_id, transition.c.seq)
    )
    for cycle_id, group in groupby(conn.execute(query).all(), key=lambda row: row.cycle_id):
        moves = [dict(row._mapping) for row in group]
        flaw = transitions.broken(moves)
        if flaw is None and len(moves) != moves[-1]["transitions"]:
            flaw = f"{moves[-1]['transitions']} moves are told, {len(moves)} are there"
        if flaw is None and moves[-1]["fence"] > moves[-1]["now"]:
            flaw = "the fence went back"
        if flaw is not None:
            yield Breach("I8", cycle_id, flaw)


def _leftovers(conn: sa.Connection, mode: str, since_ns: int) -> Iterator[Breach]:
    """I9: what has ended holds nothing."""
    query = (
        sa.select(balance, arbitrage_cycles.c.outcome)
        .join(arbitrage_cycles, arbitrage_cycles.c.id == balance.c.cycle_id)
        .where(
            balance.c.mode == mode,
            arbitrage_cycles.c.closed_at_ns >= since_ns,
            arbitrage_cycles.c.closed_at_ns.is_not(None),
        )
    )
    for row in conn.execute(query):
        held = chart.guarded(row.account) and (row.amount or row.rest)
        by_hand = row.outcome is Outcome.CLOSED_BY_HAND
        open_trade = row.account.startswith(("trade:", "position:")) and row.amount
        if held or (open_trade and not by_hand):
            yield Breach("I9", row.cycle_id, f"{row.account} {row.asset} {row.amount}")


def _recent(since_ns: int) -> sa.ColumnElement[bool]:
    closed = arbitrage_cycles.c.closed_at_ns
    return closed.is_(None) | (closed >= since_ns)


def _has_letter(conn: sa.Connection, cycle_id: str) -> bool:
    waits = (dead_letter.c.cycle_id == cycle_id) & dead_letter.c.resolved_at_ns.is_(None)
    row = conn.execute(sa.select(dead_letter.c.reason).where(waits)).first()
    return row is not None and bool(row.reason)


Rule = Callable[[sa.Connection, str, int], Iterator[Breach]]
RULES: tuple[Rule, ...] = (_intents, _sums, _running, _states, _chains, _leftovers)
