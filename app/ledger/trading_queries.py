"""Trading queries: what pages and the API read about cycles, orders and money. Newest first."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import sqlalchemy as sa

from app.domain.accounting import (
    AccountRow,
    CycleRow,
    DayRow,
    DeadLetterRow,
    EntryRow,
    OrderRow,
    PortfolioLogRow,
    PostingCell,
    SnapshotRow,
    Timeline,
    TradeRow,
    TradeStatistics,
    TransferRow,
)
from app.domain.cycles import CycleState, Outcome
from app.domain.orders import OrderState
from app.domain.trading import Purse
from app.domain.transfers import TransferState
from app.ledger import clock, rows, trading_rows, trading_state, views
from app.ledger.posting import EXACT, Standing, purses
from app.ledger.trading_tables import (
    arbitrage_cycles,
    asset_scale,
    balance,
    cycle_journal,
    daily_performance,
    dead_letter,
    intent,
    portfolio_logs,
    portfolio_snapshots,
    posting,
    trades,
    transition,
    venue_event,
)

Paged = tuple[list[CycleRow], str | None]
OPEN, FINISHED, DEAD = "open", "finished", "dead"
VENUE_EVENTS_MAX = 1_000
JOURNAL_MAX = 2_000
UNKNOWN_MAX = 200


def list_cycles(
    conn: sa.Connection, mode: str, limit: int, cursor: str | None = None, *,
    tab: str | None = None, state: CycleState | None = None, base: str | None = None,
) -> Paged:  # fmt: skip
    """tab: open (dead letters are not), finished, dead; None: all."""
    table = arbitrage_cycles
    query = sa.select(table).where(table.c.mode == mode)
    dead = table.c.state == CycleState.DEAD_LETTER
    if tab == OPEN:
        query = query.where(table.c.closed_at_ns.is_(None), ~dead)
    elif tab == FINISHED:
        query = query.where(table.c.closed_at_ns.is_not(None))
    elif tab == DEAD:
        query = query.where(dead)
    if state is not None:
        query = query.where(table.c.state == state)
    if base is not None:
        query = query.where(table.c.base == base)
    found, following = rows.page(conn, query, table.c.seq, lambda row: row, limit, cursor)
    return trading_rows.cycles(conn, found), following


def count_cycles(conn: sa.Connection, mode: str) -> dict[str, int]:
    """By tab."""
    table = arbitrage_cycles
    ended = table.c.closed_at_ns.is_not(None).label("ended")
    query = sa.select(table.c.state, ended, sa.func.count().label("number"))
    grouped = query.where(table.c.mode == mode).group_by(table.c.state, ended)
    counts = {OPEN: 0, FINISHED: 0, DEAD: 0}
    for row in conn.execute(grouped):
        dead = row.state is CycleState.DEAD_LETTER
        counts[DEAD if dead else FINISHED if row.ended else OPEN] += row.number
    return counts


def get_cycle(conn: sa.Connection, mode: str, cycle_id: str) -> CycleRow | None:
    here = (arbitrage_cycles.c.id == cycle_id) & (arbitrage_cycles.c.mode == mode)
    found = conn.execute(sa.select(arbitrage_cycles).where(here)).all()
    return trading_rows.cycles(conn, found)[0] if found else None


def timeline(conn: sa.Connection, mode: str, cycle_id: str) -> Timeline | None:
    """Everything that is kept about a cycle."""
    here = (arbitrage_cycles.c.id == cycle_id) & (arbitrage_cycles.c.mode == mode)
    row = conn.execute(sa.select(arbitrage_cycles).where(here)).first()
    if row is None:
        return None
    view = views.built(conn, mode, row)
    found = conn.execute(_of_cycle(intent, cycle_id)).all()
    moves = sa.select(transition).where(transition.c.cycle_id == cycle_id)
    lines = _of_cycle(cycle_journal, cycle_id).limit(JOURNAL_MAX)
    events = (
        sa.select(venue_event)
        .join(intent, _same_intent())
        .where(intent.c.cycle_id == cycle_id)
        .order_by(venue_event.c.id)
        .limit(VENUE_EVENTS_MAX)
    )
    return Timeline(
        row=trading_rows.cycles(conn, [row])[0],
        net=view.net,
        fees=view.fees,
        orders=tuple(trading_rows.order(r) for r in found if r.kind == views.ORDER),
        transfers=tuple(trading_rows.transfer(r) for r in found if r.kind == views.TRANSFER),
        transitions=tuple(
            trading_rows.transition(r) for r in conn.execute(moves.order_by(transition.c.seq))
        ),
        venue_events=tuple(trading_rows.venue_event(r) for r in conn.execute(events)),
        postings=_cells(conn, cycle_id),
        journal=tuple(trading_rows.journal(r) for r in conn.execute(lines)),
        portfolio=_portfolio(conn, cycle_id),
        retry_history=row.retry_history,
    )


def list_orders(
    conn: sa.Connection, mode: str, limit: int, cursor: str | None = None, *,
    state: OrderState | None = None, venue: str | None = None, cycle_id: str | None = None,
) -> tuple[list[OrderRow], str | None]:  # fmt: skip
    query = _intents(mode, views.ORDER, state, venue, cycle_id)
    return rows.page(conn, query, intent.c.id, trading_rows.order, limit, cursor)


def unknown_orders(conn: sa.Connection, mode: str) -> list[OrderRow]:
    """Those of which nobody knows whether they are there: what a page shows first."""
    unsure = (OrderState.UNKNOWN, OrderState.SENT)
    query = _intents(mode, views.ORDER, None, None, None).where(intent.c.state.in_(unsure))
    found = conn.execute(query.order_by(intent.c.id.desc()).limit(UNKNOWN_MAX))
    return [trading_rows.order(row) for row in found]


def get_order(conn: sa.Connection, mode: str, public_id: str) -> OrderRow | None:
    """By the number that lists give, or by its client id."""
    query = _intents(mode, views.ORDER, None, None, None)
    number = rows.number(trading_rows.ORDER, public_id)
    named = (intent.c.client_id == public_id) | (intent.c.id == number)
    row = conn.execute(query.where(named)).first()
    return None if row is None else trading_rows.order(row)


def list_transfers(
    conn: sa.Connection, mode: str, limit: int, cursor: str | None = None, *,
    state: TransferState | None = None, cycle_id: str | None = None, open_only: bool = False,
) -> tuple[list[TransferRow], str | None]:  # fmt: skip
    query = _intents(mode, views.TRANSFER, state, None, cycle_id)
    if open_only:
        query = query.where(intent.c.is_over.is_(False))
    return rows.page(conn, query, intent.c.id, trading_rows.transfer, limit, cursor)


def list_dead_letters(
    conn: sa.Connection, mode: str, limit: int, cursor: str | None = None, *,
    waiting: bool = False,
) -> tuple[list[DeadLetterRow], str | None]:  # fmt: skip
    """waiting: only those that a person has not resolved."""
    query = sa.select(dead_letter).where(dead_letter.c.mode == mode)
    if waiting:
        query = query.where(dead_letter.c.resolved_at_ns.is_(None))
    found, following = rows.page(conn, query, dead_letter.c.id, lambda row: row, limit, cursor)
    ids = sorted({row.cycle_id for row in found})
    members = conn.execute(sa.select(arbitrage_cycles).where(arbitrage_cycles.c.id.in_(ids))).all()
    by_id = {row.cycle.id: row for row in trading_rows.cycles(conn, members)}
    return [_letter(row, by_id[row.cycle_id]) for row in found], following


def accounts(conn: sa.Connection, mode: str) -> tuple[list[AccountRow], list[AccountRow]]:
    """(what every account has, the sum per asset: each is zero, or something is broken)."""
    joined = balance.join(asset_scale, asset_scale.c.asset == balance.c.asset)
    columns = (balance.c.account, balance.c.asset, balance.c.amount, balance.c.rest)
    query = sa.select(*columns, asset_scale.c.scale).select_from(joined)
    totals: dict[tuple[str, str], Decimal] = {}
    sums: dict[str, Decimal] = {}
    for account, asset, units, rest, scale in conn.execute(query.where(balance.c.mode == mode)):
        amount = Standing(units, rest, scale).amount
        key = (account, asset)
        totals[key] = EXACT.add(totals.get(key, Decimal(0)), amount)
        sums[asset] = EXACT.add(sums.get(asset, Decimal(0)), amount)
    return (
        [AccountRow(*key, totals[key]) for key in sorted(totals)],
        [AccountRow("", asset, sums[asset]) for asset in sorted(sums)],
    )


def list_entries(
    conn: sa.Connection, mode: str, limit: int, cursor: str | None = None, *,
    account: str | None = None, asset: str | None = None, cycle_id: str | None = None,
) -> tuple[list[EntryRow], str | None]:  # fmt: skip
    joined = posting.join(asset_scale, asset_scale.c.asset == posting.c.asset)
    query = sa.select(posting, asset_scale.c.scale).select_from(joined)
    query = query.where(posting.c.mode == mode)
    for column, value in (
        (posting.c.account, account), (posting.c.asset, asset), (posting.c.cycle_id, cycle_id)
    ):  # fmt: skip
        if value is not None:
            query = query.where(column == value)
    return rows.page(conn, query, posting.c.id, trading_rows.entry, limit, cursor)


def portfolio(conn: sa.Connection, mode: str) -> tuple[Purse, ...]:
    """What there is now, by venue and asset."""
    return tuple(
        purse
        for purse in purses(conn, mode)
        if purse.available or purse.reserved or purse.in_flight or purse.frozen
    )


def list_days(conn: sa.Connection, mode: str, limit: int) -> list[DayRow]:
    """The newest first."""
    capital = trading_state.read(conn, mode).capital_krw
    query = sa.select(daily_performance).where(daily_performance.c.mode == mode)
    found = conn.execute(query.order_by(daily_performance.c.date.desc()).limit(limit))
    return [trading_rows.day(row, capital) for row in found]


def statistics(conn: sa.Connection, mode: str) -> TradeStatistics:
    """Of all finished cycles of a mode."""
    table = arbitrage_cycles
    columns = (table.c.outcome, table.c.pnl_krw, table.c.opened_at_ns, table.c.closed_at_ns)
    ended = sa.select(*columns).where(table.c.mode == mode, table.c.closed_at_ns.is_not(None))
    found = conn.execute(ended).all()
    done = [row for row in found if row.outcome is not Outcome.NOTHING_DONE]
    results = [row.pnl_krw for row in done if row.pnl_krw is not None]
    seconds = [(row.closed_at_ns - row.opened_at_ns) / 1e9 for row in done]
    query = sa.select(daily_performance).where(daily_performance.c.mode == mode)
    days = conn.execute(query).all()
    counts = count_cycles(conn, mode)
    total = _sum(results)
    return TradeStatistics(
        cycles=len(done),
        wins=_count(done, Outcome.PROFIT),
        losses=_count(done, Outcome.LOSS),
        compensated=_count(done, Outcome.COMPENSATED),
        nothing_done=len(found) - len(done),
        open=counts[OPEN],
        dead_letters=counts[DEAD],
        pnl_krw=total,
        volume_krw=_sum([row.volume_krw for row in days]),
        fees_krw=_sum([row.fees_krw for row in days]),
        win_rate=_count(done, Outcome.PROFIT) / len(done) if done else None,
        average_pnl_krw=total / len(results) if results else None,
        best_pnl_krw=max(results, default=None),
        worst_pnl_krw=min(results, default=None),
        average_s=sum(seconds) / len(seconds) if seconds else None,
    )


def recent_trades(
    conn: sa.Connection, mode: str, limit: int, cursor: str | None = None, *,
    cycle_id: str | None = None,
) -> tuple[list[TradeRow], str | None]:  # fmt: skip
    """Orders and transfers as a trader's book has them."""
    query = sa.select(trades).where(trades.c.mode == mode)
    if cycle_id is not None:
        query = query.where(trades.c.cycle_id == cycle_id)
    return rows.page(conn, query, trades.c.id, trading_rows.trade, limit, cursor)


def write_snapshot(conn: sa.Connection, mode: str, equity_krw: Decimal | None) -> SnapshotRow:
    """Keep what there is now; by a job, some times an hour."""
    shot = SnapshotRow(clock.now_ns(conn), equity_krw, portfolio(conn, mode))
    values = {"mode": mode, "at_ns": shot.at_ns, "equity_krw": equity_krw, "purses": shot.purses}
    conn.execute(portfolio_snapshots.insert().values(values))
    return shot


def list_snapshots(conn: sa.Connection, mode: str, since_ns: int, limit: int) -> list[SnapshotRow]:
    """Oldest first, from a time on."""
    here = (portfolio_snapshots.c.mode == mode) & (portfolio_snapshots.c.at_ns >= since_ns)
    query = sa.select(portfolio_snapshots).where(here).order_by(portfolio_snapshots.c.at_ns)
    found = conn.execute(query.limit(limit))
    return [SnapshotRow(row.at_ns, row.equity_krw, row.purses) for row in found]


def _intents(
    mode: str, kind: str, state: str | None, venue: str | None, cycle_id: str | None
) -> rows.Query:
    query = sa.select(intent).where(intent.c.mode == mode, intent.c.kind == kind)
    for column, value in (
        (intent.c.state, state), (intent.c.venue, venue), (intent.c.cycle_id, cycle_id)
    ):  # fmt: skip
        if value is not None:
            query = query.where(column == value)
    return query


def _of_cycle(table: sa.Table, cycle_id: str) -> rows.Query:
    return sa.select(table).where(table.c.cycle_id == cycle_id).order_by(table.c.id)


def _same_intent() -> sa.ColumnElement[bool]:
    return sa.and_(
        intent.c.mode == venue_event.c.mode, intent.c.client_id == venue_event.c.client_id
    )


def _cells(conn: sa.Connection, cycle_id: str) -> tuple[PostingCell, ...]:
    """The matrix of a cycle: what its bookings came to, per account and asset, in whole units."""
    total = sa.func.sum(posting.c.amount).label("total")
    query = (
        sa.select(posting.c.account, posting.c.asset, asset_scale.c.scale, total)
        .join(asset_scale, asset_scale.c.asset == posting.c.asset)
        .where(posting.c.cycle_id == cycle_id)
        .group_by(posting.c.account, posting.c.asset, asset_scale.c.scale)
        .order_by(posting.c.account, posting.c.asset)
    )
    return tuple(
        PostingCell(row.account, row.asset, Decimal(int(row.total)).scaleb(-row.scale))
        for row in conn.execute(query)
    )


def _portfolio(conn: sa.Connection, cycle_id: str) -> tuple[PortfolioLogRow, ...]:
    found = conn.execute(_of_cycle(portfolio_logs, cycle_id))
    return tuple(trading_rows.portfolio_log(row) for row in found)


def _letter(row: rows.Fields, cycle: CycleRow) -> DeadLetterRow:
    return DeadLetterRow(
        id=row.id,
        cycle=cycle,
        reason=row.reason,
        attempts=row.attempts,
        at_ns=row.at_ns,
        resolved_at_ns=row.resolved_at_ns,
        resolved_by=row.resolved_by,
        resolution=row.resolution,
    )


def _count(found: Sequence[rows.Fields], outcome: Outcome) -> int:
    return sum(row.outcome is outcome for row in found)


def _sum(amounts: Sequence[Decimal]) -> Decimal:
    total = Decimal(0)
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total
