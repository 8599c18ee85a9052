"""Endings: what must be true before a cycle is over, and what becomes of its money.

Checked in the transaction that ends it: nothing may still come of its orders, nothing may be under
way, no position may be open, and what it leaves away from home is small change: no cycle ends with
an invented profit.
"""

from __future__ import annotations

from decimal import Decimal

import sqlalchemy as sa

from app.domain.cycles import CycleView, ExecutionStyle, Outcome
from app.domain.markets import Side
from app.domain.venues import Venue
from app.ledger import bookings, chart, days, journal, posting
from app.ledger.posting import Key
from app.ledger.trading_tables import posting as posting_table
from app.ledger.views import holdings as held

RESIDUE_SHARE_MAX = Decimal("0.2")
"""Of what came to a purse or was to be bought there: more than any venue's minimum is of the
smallest cycle, less than what somebody would forget."""


class Residue(Exception):
    """A decision to end a cycle that is not at its end: a bug of ours, never the world's."""

    def __init__(self, cycle_id: str, what: str) -> None:
        super().__init__(f"{cycle_id}: {what}")
        self.cycle_id = cycle_id
        self.what = what


def end(
    conn: sa.Connection, mode: str, view: CycleView, outcome: Outcome, at_ns: int,
    fees_krw: Decimal | None,
) -> None:  # fmt: skip
    """Give the cycle's money back and book its result. Raises Residue."""
    cycle = view.cycle
    by_hand = outcome is Outcome.CLOSED_BY_HAND
    _check_intents(view, by_hand=by_hand)
    standings = posting.standings_of_cycle(conn, mode, cycle.id)
    _check_positions(cycle.id, standings)
    settled = bookings.settlement(standings, cycle.id)
    if settled:
        posting.post(conn, mode, f"settle:{cycle.id}", settled, fact=True)
        standings = posting.standings_of_cycle(conn, mode, cycle.id)
    if outcome is Outcome.NOTHING_DONE:
        _check_nothing_done(cycle.id, standings)
    elif not by_hand:
        _check_at_home(conn, view, standings)
    left = held(standings)
    lines = bookings.release(standings, cycle.id, give_up=by_hand)
    posting.post(conn, mode, f"end:{cycle.id}", lines)
    posting.forget_empty(conn, mode, cycle.id)
    keys = journal.purse_keys(cycle.plan, left)
    journal.log_portfolio(conn, mode, cycle.id, journal.FINAL, at_ns, keys)
    if outcome is not Outcome.NOTHING_DONE:
        volume = cycle.plan.notional_krw
        days.finish(conn, mode, at_ns, outcome, cycle.pnl_krw, volume, fees_krw)


def _check_intents(view: CycleView, *, by_hand: bool) -> None:
    for order in view.orders:
        if not order.is_over:
            raise Residue(view.cycle.id, f"order {order.client_id} is {order.state}")
    for transfer in view.transfers:
        if not transfer.is_over and not by_hand:
            raise Residue(view.cycle.id, f"transfer {transfer.client_id} is {transfer.state}")


def _check_positions(cycle_id: str, standings: dict[Key, Decimal]) -> None:
    """Closed: of what is bought and sold nothing is left; only the difference in the quote."""
    open_in: dict[str, int] = {}
    for account, _, _ in standings:
        if account.startswith("position:"):
            open_in[account] = open_in.get(account, 0) + 1
    for account, assets in open_in.items():
        if assets > 1:
            raise Residue(cycle_id, f"{account} is open")


def _check_nothing_done(cycle_id: str, standings: dict[Key, Decimal]) -> None:
    for (account, asset, _), amount in standings.items():
        if chart.is_result(account) or account.startswith("transit:"):
            raise Residue(cycle_id, f"{account} {asset} {amount} though nothing was done")


def _check_at_home(conn: sa.Connection, view: CycleView, standings: dict[Key, Decimal]) -> None:
    cycle = view.cycle
    for holding in held(standings):
        what = f"{holding.asset} {holding.amount}"
        if holding.venue is None:
            raise Residue(cycle.id, f"{what} is under way")
        home = (cycle.plan.home.venue, cycle.plan.home.asset)
        if cycle.style is ExecutionStyle.PREFUNDED or (holding.venue, holding.asset) == home:
            continue
        whole = _moved_there(conn, view, holding.venue, holding.asset)
        if holding.amount > whole * RESIDUE_SHARE_MAX:
            raise Residue(cycle.id, f"{what} at {holding.venue} is not at home")


def _moved_there(conn: sa.Connection, view: CycleView, venue: Venue, asset: str) -> Decimal:
    """The most of an asset that a cycle had, or was to have, at a venue."""
    line = posting_table.c
    query = sa.select(sa.func.sum(line.amount)).where(
        line.cycle_id == view.cycle.id, line.account == chart.reserved(venue),
        line.asset == asset, line.amount > 0,
    )  # fmt: skip
    scale = posting.scales(conn, [asset])[asset]
    came = Decimal(int(conn.scalar(query) or 0)).scaleb(-scale)
    asked = Decimal(0)
    for order in view.orders:
        terms = order.terms
        if order.venue is venue and terms.side is Side.BUY and terms.instrument.base == asset:
            asked += terms.quantity
    planned = view.cycle.plan.quantity if asset == view.cycle.base else Decimal(0)
    return max(came, asked, planned)
