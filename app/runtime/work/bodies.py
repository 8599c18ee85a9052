"""Bodies: rows as programs read them, from the JSON API and from the event stream alike."""

from __future__ import annotations

from typing import Any

import msgspec

from app import texts
from app.domain.backtests import Axis, MarketRef, RunSpec
from app.domain.problems import FieldError
from app.domain.records import (
    Failure,
    Metrics,
    RunRow,
    StudyKind,
    StudyPoint,
    StudyPointRow,
    StudyRow,
    StudyWindow,
)
from app.texts import formats


class ErrorBody(msgspec.Struct, frozen=True):
    """Why it failed, in both languages; code is stable."""

    code: str
    title: str
    detail: str
    title_ko: str
    detail_ko: str
    errors: tuple[FieldError, ...]


class RunParams(msgspec.Struct, frozen=True):
    """The request as it ran, every default filled in; posted again it gives the same run."""

    style: str
    direction: str
    markets: tuple[MarketRef, ...]
    fx: dict[str, str | float]
    start: str | None
    end: str | None
    entry_bps: float
    exit_bps: float
    max_hold_bars: int
    notional_krw: float
    initial_capital_krw: float
    krw_fee_bps: float
    global_fee_bps: float
    slippage_bps: float
    withdraw_fee: dict[str, float]
    transfer_bars: int
    hedge: bool
    hedge_fee_bps: float
    qty_step: float


class RunBody(msgspec.Struct, frozen=True):
    """A backtest. bars, metrics and open_cycle are null until it has completed.

    progress: share of bars done, 0..1. open_cycle: whether one was under way at the end of data;
    open_cycle_detail says which and what it was worth.
    """

    id: str
    name: str
    status: str
    progress: float
    bars_done: int
    bars_total: int | None
    created_at: str
    started_at: str | None
    finished_at: str | None
    params: RunParams
    bars: int | None
    metrics: Metrics | None
    open_cycle: bool | None
    open_cycle_detail: dict[str, Any] | None
    error: ErrorBody | None


class WindowBody(msgspec.Struct, frozen=True):
    """One step of a walk-forward. Ends are exclusive."""

    train_start: str
    train_end: str
    test_start: str
    test_end: str
    chosen: dict[str, float]
    train_metrics: Metrics
    test_metrics: Metrics


class StudyBody(msgspec.Struct, frozen=True):
    """A sweep or walk-forward without its rows. total and done count points evaluated.

    params: what every point shares; a swept field has its first value there.
    """

    id: str
    name: str
    status: str
    progress: float
    total: int | None
    done: int
    objective: str
    created_at: str
    started_at: str | None
    finished_at: str | None
    params: RunParams
    axes: tuple[Axis, ...]
    best: StudyPoint | None
    error: ErrorBody | None


class SweepBody(StudyBody, frozen=True):
    """A sweep with the rows done so far, in the order of the grid, last axis fastest."""

    rows: tuple[StudyPoint, ...]


class WalkForwardBody(StudyBody, frozen=True):
    """A walk-forward. metrics and equity are those of the joined test windows."""

    train_days: float
    test_days: float
    step_days: float
    windows: tuple[WindowBody, ...] | None
    metrics: Metrics | None
    equity: dict[str, list[float]] | None


def moment(ns: int | None) -> str | None:
    """ISO 8601 with Z."""
    return None if ns is None else formats.iso(ns)


def run_body(row: RunRow) -> RunBody:
    known = row.metrics is not None
    return RunBody(
        id=row.id,
        name=row.spec.name,
        status=row.status,
        progress=row.progress,
        bars_done=row.bars_done,
        bars_total=row.bars_total,
        created_at=formats.iso(row.created_at_ns),
        started_at=moment(row.started_at_ns),
        finished_at=moment(row.finished_at_ns),
        params=run_params(row.spec),
        bars=row.bars,
        metrics=row.metrics,
        open_cycle=row.open_cycle is not None if known else None,
        open_cycle_detail=None if row.open_cycle is None else cycle_body(row.open_cycle),
        error=None if row.failure is None else error_body(row.failure),
    )


def run_params(spec: RunSpec) -> RunParams:
    numbers = msgspec.structs.asdict(spec.params)
    if spec.fx.dataset is not None:
        fx: dict[str, str | float] = {"dataset": spec.fx.dataset}
    else:
        assert spec.fx.rate is not None
        fx = {"rate": spec.fx.rate}
    return RunParams(
        markets=spec.markets, fx=fx, start=moment(spec.start_ns), end=moment(spec.end_ns), **numbers
    )


def cycle_body(row: dict[str, Any]) -> dict[str, Any]:
    """A cycle's times, and those of its fills, from epoch seconds to ISO."""
    changed = {**row, "t_entry": _iso_s(row["t_entry"])}
    if "t_exit" in row:
        changed["t_exit"] = _iso_s(row["t_exit"])
    for name in ("fills", "hedge_fills"):
        changed[name] = [{**fill, "time": _iso_s(fill["time"])} for fill in row[name]]
    return changed


def study_body(row: StudyRow) -> StudyBody:
    """As the lists and the event stream give it."""
    return StudyBody(**_study_fields(row))


def sweep_body(row: StudyRow, points: list[StudyPointRow]) -> SweepBody:
    rows = tuple(StudyPoint(point.params, point.metrics) for point in points)
    return SweepBody(**_study_fields(row), rows=rows)


def walkforward_body(row: StudyRow, equity: dict[str, list[float]] | None) -> WalkForwardBody:
    spec = row.spec
    assert row.kind is StudyKind.WALKFORWARD
    assert spec.train_days and spec.test_days and spec.step_days
    return WalkForwardBody(
        **_study_fields(row),
        train_days=spec.train_days,
        test_days=spec.test_days,
        step_days=spec.step_days,
        windows=None if row.windows is None else tuple(map(_window_body, row.windows)),
        metrics=row.metrics,
        equity=equity,
    )


def error_body(failure: Failure) -> ErrorBody:
    title, detail = texts.problem("en", failure.code, failure.values)
    title_ko, detail_ko = texts.problem("ko", failure.code, failure.values)
    return ErrorBody(failure.code, title, detail, title_ko, detail_ko, failure.errors)


def _study_fields(row: StudyRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.spec.run.name,
        "status": row.status,
        "progress": row.progress,
        "total": row.total,
        "done": row.done,
        "objective": row.spec.objective,
        "created_at": formats.iso(row.created_at_ns),
        "started_at": moment(row.started_at_ns),
        "finished_at": moment(row.finished_at_ns),
        "params": run_params(row.spec.run),
        "axes": row.spec.axes,
        "best": row.best,
        "error": None if row.failure is None else error_body(row.failure),
    }


def _window_body(window: StudyWindow) -> WindowBody:
    return WindowBody(
        train_start=formats.iso(window.train_start_ns),
        train_end=formats.iso(window.train_end_ns),
        test_start=formats.iso(window.test_start_ns),
        test_end=formats.iso(window.test_end_ns),
        chosen=window.chosen,
        train_metrics=window.train_metrics,
        test_metrics=window.test_metrics,
    )


def _iso_s(seconds: int | None) -> str | None:
    return None if seconds is None else formats.iso(seconds * formats.NS)
