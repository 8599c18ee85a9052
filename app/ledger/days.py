"""Days: what the finished cycles of a UTC day came to, per mode, and the curve of all days."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from app.domain.cycles import Outcome
from app.domain.times import SECOND_NS
from app.domain.trading import DayResult
from app.ledger import clock, rows, trading_state
from app.ledger.conflicts import insert_new
from app.ledger.posting import EXACT
from app.ledger.trading_tables import daily_performance

ZERO = Decimal(0)
DAYS_A_YEAR = 365

_EMPTY: dict[str, Any] = {
    "cycles": 0, "wins": 0, "losses": 0, "compensated": 0, "pnl_krw": ZERO, "volume_krw": ZERO,
    "fees_krw": ZERO, "drawdown_pct": 0.0, "sharpe": None,
}  # fmt: skip


def date_of(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // SECOND_NS, UTC).strftime("%Y-%m-%d")


def finish(
    conn: sa.Connection, mode: str, at_ns: int, outcome: Outcome, pnl_krw: Decimal | None,
    volume_krw: Decimal, fees_krw: Decimal | None,
) -> None:  # fmt: skip
    """Count a cycle that has ended with something done."""
    date = date_of(at_ns)
    row = _made(conn, mode, date)
    pnl = ZERO if pnl_krw is None else pnl_krw
    total = EXACT.add(_total(conn, mode), pnl)
    peak = max(row.peak_pnl_krw, total)
    capital = trading_state.read(conn, mode).capital_krw
    values = {
        "cycles": row.cycles + 1,
        "wins": row.wins + (outcome is Outcome.PROFIT),
        "losses": row.losses + (outcome is Outcome.LOSS),
        "compensated": row.compensated + (outcome is Outcome.COMPENSATED),
        "pnl_krw": EXACT.add(row.pnl_krw, pnl),
        "volume_krw": EXACT.add(row.volume_krw, volume_krw),
        "fees_krw": EXACT.add(row.fees_krw, fees_krw or ZERO),
        "total_pnl_krw": total,
        "peak_pnl_krw": peak,
        "drawdown_pct": max(row.drawdown_pct, _drawdown_pct(capital, total, peak)),
        "losses_in_row": 0 if pnl > 0 else row.losses_in_row + (pnl < 0),
    }
    here = (daily_performance.c.date == date) & (daily_performance.c.mode == mode)
    conn.execute(daily_performance.update().where(here).values(values))


def day(conn: sa.Connection, mode: str) -> tuple[DayResult, int, Decimal | None]:
    """Today so far, the losses in a row, and the highest equity (capital and realised results)."""
    date = date_of(clock.now_ns(conn))
    row = _latest(conn, mode)
    capital = trading_state.read(conn, mode).capital_krw
    total = ZERO if row is None else row.total_pnl_krw
    peak = ZERO if row is None else row.peak_pnl_krw
    facts = row._mapping if row is not None and row.date == date else _EMPTY
    losses = 0 if row is None else row.losses_in_row
    return result(date, facts, capital, total), losses, _plus(capital, peak)


def settle(conn: sa.Connection, mode: str) -> None:
    """Give today a row though nothing has ended, and every day the Sharpe ratio until then."""
    _made(conn, mode, date_of(clock.now_ns(conn)))
    capital = trading_state.read(conn, mode).capital_krw
    if capital is None or capital <= 0:
        return
    query = sa.select(daily_performance).where(daily_performance.c.mode == mode)
    returns: list[float] = []
    for row in conn.execute(query.order_by(daily_performance.c.date)).all():
        before = EXACT.add(capital, EXACT.subtract(row.total_pnl_krw, row.pnl_krw))
        returns.append(float(row.pnl_krw / before) if before > 0 else 0.0)
        here = (daily_performance.c.date == row.date) & (daily_performance.c.mode == mode)
        conn.execute(daily_performance.update().where(here).values(sharpe=sharpe(returns)))


def sharpe(returns: list[float]) -> float | None:
    """mean/std (ddof 1)·√365; None under two days or when all are alike."""
    if len(returns) < 2:
        return None
    mean = math.fsum(returns) / len(returns)
    spread = math.fsum((each - mean) ** 2 for each in returns) / (len(returns) - 1)
    return None if spread <= 0 else mean / math.sqrt(spread) * math.sqrt(DAYS_A_YEAR)


def result(date: str, facts: Any, capital: Decimal | None, total: Decimal) -> DayResult:
    return DayResult(
        date=date,
        cycles=facts["cycles"],
        wins=facts["wins"],
        losses=facts["losses"],
        compensated=facts["compensated"],
        pnl_krw=facts["pnl_krw"],
        volume_krw=facts["volume_krw"],
        fees_krw=facts["fees_krw"],
        drawdown_pct=facts["drawdown_pct"],
        equity_krw=_plus(capital, total),
    )


def _made(conn: sa.Connection, mode: str, date: str) -> rows.Fields:
    """The row of a day, held until this transaction ends; a new one goes on with the curve."""
    here = (daily_performance.c.date == date) & (daily_performance.c.mode == mode)
    query = sa.select(daily_performance).where(here).with_for_update()
    row = conn.execute(query).first()
    if row is not None:
        return row
    before = _latest(conn, mode)
    curve = {
        "total_pnl_krw": ZERO if before is None else before.total_pnl_krw,
        "peak_pnl_krw": ZERO if before is None else before.peak_pnl_krw,
        "losses_in_row": 0 if before is None else before.losses_in_row,
    }
    insert_new(conn, daily_performance, {"date": date, "mode": mode, **_EMPTY, **curve})
    return conn.execute(query).one()


def _latest(conn: sa.Connection, mode: str) -> rows.Fields | None:
    query = sa.select(daily_performance).where(daily_performance.c.mode == mode)
    return conn.execute(query.order_by(daily_performance.c.date.desc()).limit(1)).first()


def _total(conn: sa.Connection, mode: str) -> Decimal:
    """Over all days, so that one who was late for yesterday's row is counted all the same."""
    total = ZERO
    query = sa.select(daily_performance.c.pnl_krw).where(daily_performance.c.mode == mode)
    for pnl in conn.scalars(query):
        total = EXACT.add(total, pnl)
    return total


def _drawdown_pct(capital: Decimal | None, total: Decimal, peak: Decimal) -> float:
    if capital is None or capital + peak <= 0:
        return 0.0
    return float((peak - total) / (capital + peak) * 100)


def _plus(capital: Decimal | None, more: Decimal) -> Decimal | None:
    return None if capital is None else EXACT.add(capital, more)
