"""From SQL rows of trading to the records that pages and the API show."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

import sqlalchemy as sa

from app.domain.accounting import (
    CycleRow,
    DayRow,
    EntryRow,
    JournalRow,
    OrderRow,
    PortfolioLogRow,
    TradeRow,
    TransferRow,
    TransitionRow,
    VenueEventRow,
)
from app.domain.cycles import CycleState, Holding
from app.ledger import chart, days, rows, views
from app.ledger.posting import Key, Standing
from app.ledger.trading_tables import asset_scale, balance

ORDER, TRANSFER, TRADE = "or", "tr", "td"
"""Prefixes of public ids."""


def cycles(conn: sa.Connection, found: Collection[rows.Fields]) -> list[CycleRow]:
    """With what each holds, read at once for all of them."""
    held = exposures(conn, [row.id for row in found])
    return [CycleRow(views.cycle(row), row.mode, held.get(row.id, ()), row.owner) for row in found]


def exposures(conn: sa.Connection, ids: Collection[str]) -> dict[str, tuple[Holding, ...]]:
    joined = balance.join(asset_scale, asset_scale.c.asset == balance.c.asset)
    query = (
        sa.select(balance, asset_scale.c.scale)
        .select_from(joined)
        .where(balance.c.cycle_id.in_(sorted(ids)), balance.c.account.in_(chart.PURSES))
    )
    sums: dict[str, dict[Key, Decimal]] = {}
    for row in conn.execute(query):
        amount = Standing(row.amount, row.rest, row.scale).amount
        if amount:
            sums.setdefault(row.cycle_id, {})[row.account, row.asset, row.cycle_id] = amount
    return {cycle_id: views.holdings(standings) for cycle_id, standings in sums.items()}


def order(row: rows.Fields) -> OrderRow:
    return OrderRow(f"{ORDER}-{row.id}", row.mode, row.order_body)


def transfer(row: rows.Fields) -> TransferRow:
    return TransferRow(f"{TRANSFER}-{row.id}", row.mode, row.transfer_body)


def transition(row: rows.Fields) -> TransitionRow:
    return TransitionRow(
        seq=row.seq,
        was=row.from_status,
        to=CycleState(row.to_status),
        step=row.step,
        fence=row.fence,
        version=row.version,
        actor=row.actor,
        reason=row.reason,
        at_ns=row.at_ns,
        hash=row.hash,
    )


def journal(row: rows.Fields) -> JournalRow:
    return JournalRow(**{name: getattr(row, name) for name in JournalRow.__struct_fields__})


def venue_event(row: rows.Fields) -> VenueEventRow:
    return VenueEventRow(**{name: getattr(row, name) for name in VenueEventRow.__struct_fields__})


def portfolio_log(row: rows.Fields) -> PortfolioLogRow:
    names = PortfolioLogRow.__struct_fields__
    return PortfolioLogRow(**{name: getattr(row, name) for name in names})


def trade(row: rows.Fields) -> TradeRow:
    told = {name: getattr(row, name) for name in TradeRow.__struct_fields__}
    return TradeRow(**told | {"id": f"{TRADE}-{row.id}"})


def entry(row: rows.Fields) -> EntryRow:
    return EntryRow(
        id=row.id,
        txn_id=row.txn_id,
        account=row.account,
        asset=row.asset,
        amount=Decimal(row.amount).scaleb(-row.scale),
        cycle_id=row.cycle_id or None,
        at_ns=row.at_ns,
    )


def day(row: rows.Fields, capital_krw: Decimal | None) -> DayRow:
    result = days.result(row.date, row._mapping, capital_krw, row.total_pnl_krw)
    return DayRow(row.mode, result, row.total_pnl_krw, row.sharpe)
