"""Views: a cycle with its orders, transfers and money, as committed: what decisions look at."""

from __future__ import annotations

from decimal import Decimal

import sqlalchemy as sa

from app.domain.cycles import Cycle, CycleView, Holding
from app.domain.orders import AssetAmount, Order
from app.domain.transfers import Transfer
from app.ledger import chart, posting, rows
from app.ledger.posting import EXACT, Key
from app.ledger.trading_tables import arbitrage_cycles, intent

ORDER, TRANSFER = "order", "transfer"

# Made once: with SQLAlchemy, making a statement takes longer than running it.
ROW = sa.select(arbitrage_cycles).where(
    arbitrage_cycles.c.id == sa.bindparam("named"), arbitrage_cycles.c.mode == sa.bindparam("of")
)
_INTENTS = (
    sa.select(intent.c.kind, intent.c.order_body, intent.c.transfer_body)
    .where(intent.c.cycle_id == sa.bindparam("of"))
    .order_by(intent.c.id)
)


def view(conn: sa.Connection, mode: str, cycle_id: str) -> CycleView | None:
    """None: there is no such cycle in this mode."""
    row = conn.execute(ROW, {"named": cycle_id, "of": mode}).first()
    return None if row is None else built(conn, mode, row)


def built(conn: sa.Connection, mode: str, row: rows.Fields) -> CycleView:
    """The view of a row of arbitrage_cycles."""
    orders, transfers = intents(conn, row.id)
    standings = posting.standings_of_cycle(conn, mode, row.id)
    return CycleView(
        cycle=cycle(row),
        orders=orders,
        transfers=transfers,
        holdings=holdings(standings),
        net=_sums(standings, ("trade:", "position:", "fee:", chart.PNL), Decimal(-1)),
        fees=_sums(standings, ("fee:",), Decimal(1)),
    )


def cycle(row: rows.Fields) -> Cycle:
    return Cycle(**{name: getattr(row, name) for name in Cycle.__struct_fields__})


def intents(conn: sa.Connection, cycle_id: str) -> tuple[tuple[Order, ...], tuple[Transfer, ...]]:
    """In the order in which they were planned."""
    found = conn.execute(_INTENTS, {"of": cycle_id}).all()
    return (
        tuple(row.order_body for row in found if row.kind == ORDER),
        tuple(row.transfer_body for row in found if row.kind == TRANSFER),
    )


def holdings(standings: dict[Key, Decimal]) -> tuple[Holding, ...]:
    """What lies at venues, and what is under way (venue None)."""
    found: dict[tuple[str, str], Holding] = {}
    for (account, asset, _), amount in standings.items():
        place = chart.place(account)
        if place is None:
            continue
        venue = None if place[0] == "transit" else place[1]
        key = (venue or "", asset)
        before = found[key].amount if key in found else Decimal(0)
        found[key] = Holding(venue, asset, EXACT.add(before, amount))
    return tuple(found[key] for key in sorted(found))


def _sums(
    standings: dict[Key, Decimal], heads: tuple[str, ...], sign: Decimal
) -> tuple[AssetAmount, ...]:
    sums: dict[str, Decimal] = {}
    for (account, asset, _), amount in standings.items():
        if account.startswith(heads):
            sums[asset] = EXACT.fma(amount, sign, sums.get(asset, Decimal(0)))
    return tuple(AssetAmount(asset, sums[asset]) for asset in sorted(sums) if sums[asset])
