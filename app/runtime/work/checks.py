"""Checks: whether a run or a study can be made of what is stored; all places at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite, prod
from typing import NamedTuple

from app.backtest.grid import WHOLE, WITHDRAW_FEE, changed
from app.backtest.metrics import METRICS
from app.backtest.rules import refusals
from app.domain.backtests import MARKETS_MAX, POINTS_MAX, Params, RunSpec, StudySpec
from app.domain.datasets import Kind
from app.domain.problems import FieldError, Problem
from app.domain.records import DatasetRow
from app.ledger import queries
from app.ledger.database import Database
from app.ledger.queries import Connection

BASE_LENGTH_MAX = 20
DAYS_MAX = 36_500.0
SWEPT = (
    "entry_bps",
    "exit_bps",
    "max_hold_bars",
    "notional_krw",
    "initial_capital_krw",
    "krw_fee_bps",
    "global_fee_bps",
    "slippage_bps",
    "transfer_bars",
    "hedge_fee_bps",
    "qty_step",
)
OBJECTIVES = tuple(name for name, metric in METRICS.items() if metric.better is not None)

Rows = Mapping[str, DatasetRow]


class Place(NamedTuple):
    """A dataset's id where the body names it."""

    column: str
    dataset_id: str
    role: str


async def check_run(db: Database, spec: RunSpec) -> Rows:
    """Raises Problem naming every field that is wrong; the datasets that the run will read."""
    errors = [*_shape(spec), *refusals(spec.params)]
    if errors:
        raise Problem("invalid_fields", errors=tuple(errors))
    places = list(_places(spec))
    rows = await db.read(datasets_of, spec)
    unknown = [place for place in places if place.dataset_id not in rows]
    if unknown:
        raise Problem(
            "dataset_unknown",
            errors=tuple(_wrong(p.column, p.dataset_id, "a dataset") for p in unknown),
            values={"dataset": unknown[0].dataset_id[:40]},
        )
    errors = [error for place in places for error in _unfit(place, rows[place.dataset_id])]
    if errors:
        raise Problem("invalid_fields", errors=tuple(errors))
    _check_timeframes(places, rows)
    return rows


async def check_study(db: Database, spec: StudySpec) -> Rows:
    """As check_run, for every point of the grid."""
    points = prod(len(axis.values) for axis in spec.axes)
    if points > POINTS_MAX:
        raise Problem("too_many_points", values={"points": points, "limit": POINTS_MAX})
    errors = list(_axes(spec))
    if spec.objective not in OBJECTIVES:
        errors.append(_wrong("objective", spec.objective, " | ".join(OBJECTIVES)))
    errors += _days(spec)
    if errors:
        raise Problem("invalid_fields", errors=tuple(errors))
    return await check_run(db, spec.run)


def datasets_of(conn: Connection, spec: RunSpec) -> dict[str, DatasetRow]:
    """The datasets that a run names, by id, as far as they are there."""
    wanted = dict.fromkeys(place.dataset_id for place in _places(spec))
    found = (queries.get_dataset(conn, dataset_id) for dataset_id in wanted)
    return {row.id: row for row in found if row is not None}


def timeframe_s(rows: Rows) -> int:
    """The one timeframe of checked datasets."""
    return next(
        row.facts.timeframe_s
        for row in rows.values()
        if row.facts.kind is Kind.CANDLES and row.facts.timeframe_s is not None
    )


def _shape(spec: RunSpec) -> Iterator[FieldError]:
    """What is wrong whatever is stored."""
    if not 0 < len(spec.markets) <= MARKETS_MAX:
        yield _wrong("markets", len(spec.markets), f"1..{MARKETS_MAX}")
    seen: set[str] = set()
    for number, market in enumerate(spec.markets):
        column = f"markets.{number}.base"
        base = market.base
        if not 0 < len(base) <= BASE_LENGTH_MAX or not base.isprintable() or base != base.strip():
            yield _wrong(column, base, f"a ticker of 1..{BASE_LENGTH_MAX} characters")
        if base in seen:
            yield _wrong(column, base, "each coin once")
        seen.add(base)
    if (spec.fx.dataset is None) == (spec.fx.rate is None):
        yield _wrong("fx", None, "either dataset or rate")
    elif spec.fx.rate is not None and not (isfinite(spec.fx.rate) and spec.fx.rate > 0):
        yield _wrong("fx.rate", spec.fx.rate, "> 0")
    if spec.start_ns is not None and spec.end_ns is not None and spec.end_ns <= spec.start_ns:
        yield _wrong("end", None, "> start")


def _days(spec: StudySpec) -> Iterator[FieldError]:
    """A walk-forward has all three, a sweep none."""
    days = {name: getattr(spec, name) for name in ("train_days", "test_days", "step_days")}
    if all(value is None for value in days.values()):
        return
    for name, value in days.items():
        if value is None or not 0 < value <= DAYS_MAX:
            yield _wrong(name, value, f"> 0, <= {DAYS_MAX:g}")
    if spec.step_days and spec.test_days and spec.step_days < spec.test_days:
        yield _wrong("step_days", spec.step_days, f">= test_days {spec.test_days:g}")


def _axes(spec: StudySpec) -> Iterator[FieldError]:
    """Every value of every axis must pass as if it stood alone in the body."""
    params = spec.run.params
    for axis in spec.axes:
        if axis.name not in SWEPT and not axis.name.startswith(WITHDRAW_FEE):
            yield _wrong(axis.name, None, " | ".join(SWEPT))
        elif not axis.values:
            yield _wrong(axis.name, "[]", "one value at least")
        else:
            for value in axis.values:
                yield from _axis_value(params, axis.name, value)


def _axis_value(params: Params, name: str, value: float) -> Iterator[FieldError]:
    if name in WHOLE and not float(value).is_integer():
        yield _wrong(name, value, "a whole number")
        return
    yield from (e for e in refusals(changed(params, {name: value})) if e.column == name)


def _places(spec: RunSpec) -> Iterator[Place]:
    for number, market in enumerate(spec.markets):
        yield Place(f"markets.{number}.krw_dataset", market.krw_dataset, "krw")
        yield Place(f"markets.{number}.global_dataset", market.global_dataset, "global")
    if spec.fx.dataset is not None:
        yield Place("fx.dataset", spec.fx.dataset, "fx")


def _unfit(place: Place, row: DatasetRow) -> Iterator[FieldError]:
    kind, quote = row.facts.kind, row.facts.quote
    shown = f"{row.id}: {kind}" + (f" {row.facts.base or '?'}/{quote}" if quote else "")
    if kind is not (Kind.FX if place.role == "fx" else Kind.CANDLES):
        yield _wrong(place.column, shown, "fx" if place.role == "fx" else "candles")
    elif place.role == "krw" and quote not in {None, "KRW"}:
        yield _wrong(place.column, shown, "candles quoted in KRW")
    elif place.role == "global" and quote == "KRW":
        yield _wrong(place.column, shown, "candles quoted in USDT or USD")


def _check_timeframes(places: list[Place], rows: Rows) -> None:
    """A dataset of one row has no timeframe of its own; it goes with any."""
    known = [
        (place, rows[place.dataset_id].facts.timeframe_s) for place in places if place.role != "fx"
    ]
    first = next(((place, seconds) for place, seconds in known if seconds is not None), None)
    if first is None:
        place = places[0]
        expected = "candles whose timeframe is known; give it at upload"
        raise Problem("invalid_fields", errors=(_wrong(place.column, place.dataset_id, expected),))
    for place, seconds in known:
        if seconds not in {None, first[1]}:
            raise Problem(
                "timeframes_differ",
                errors=(_wrong(place.column, f"{place.dataset_id}: {seconds} s", f"{first[1]} s"),),
                values={
                    "one": first[0].dataset_id,
                    "one_s": first[1] or 0,
                    "other": place.dataset_id,
                    "other_s": seconds or 0,
                },
            )


def _wrong(column: str, value: object, expected: str) -> FieldError:
    shown = None if value is None else str(value)[:200]
    return FieldError(column=column, value=shown, expected=expected)
