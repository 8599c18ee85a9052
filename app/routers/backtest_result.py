"""A backtest: live progress, then the result with its cycles, marks, checks, neighbours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import texts
from app.domain.backtests import RunSpec, RunStatus
from app.domain.problems import Problem
from app.domain.records import RunRow, StudyKind, StudyRow
from app.ledger import queries
from app.routers.backtesting import believe, cycle_table, summary
from app.routers.backtesting.lists import run_line
from app.routers.backtesting.result import shown
from app.routers.backtesting.strip import written
from app.routers.backtesting.watch import watch
from app.routers.render import Viewer, render, viewer
from app.runtime.desk import Desk, desk
from app.runtime.work.results import Result

BOOTSTRAP_SAMPLES, BOOTSTRAP_SEED = 1_000, 0  # the defaults of the API
STUDIES_LOOKED_AT = 50
NEIGHBOUR_STEPS = (-1, 1)

router = APIRouter()
Columns = list[npt.NDArray[np.float64]]


@router.get("/backtests/{run_id}")
async def backtest_page(request: Request, run_id: str, part: str | None = None) -> Response:
    """The whole, or with `part` what replaces the progress, or the table of cycles."""
    here, seen, now_ns = desk(request), viewer(request), time.time_ns()
    row = await here.work.run(run_id)
    if part == "cycles":
        table = await _cycles(request, here, row, seen)
        return render(request, "backtest.html", "cycles", run=row, cycles=table)
    sets = await summary.datasets_of(here, row.spec)
    context: dict[str, Any] = {}
    if row.status is RunStatus.COMPLETED:
        context = await _completed(request, here, row, seen)
    return render(
        request,
        "backtest.html",
        "result" if part == "result" else None,
        page="backtests",
        run=row,
        line=run_line(row, now_ns),
        meta=summary.run_meta(row, sets, seen),
        synthetic=summary.synthetic(row.spec, sets),
        failure=summary.failed(row, seen),
        watch=watch(row, now_ns),
        **context,
    )


async def _completed(request: Request, here: Desk, row: RunRow, seen: Viewer) -> dict[str, Any]:
    result = await here.work.result(row.id)
    walkforward = await _walkforward_of(here, row.spec)
    time_s = result.array("time_s")
    span = (int(time_s[0]), int(time_s[-1])) if len(time_s) else (0, 0)
    return {
        "r": shown(row, result.document, span, seen),
        "checks": believe.lines(result.document["checks"], walkforward, row.id, seen),
        "cycles": await _cycles(request, here, row, seen),
    }


async def _cycles(request: Request, here: Desk, row: RunRow, seen: Viewer) -> cycle_table.Table:
    result = await here.work.result(row.id)
    wish = cycle_table.wish_of(request.query_params)
    return await asyncio.to_thread(cycle_table.table, row, result, wish, seen)


@router.get("/backtests/{run_id}/cycles/{number}")
async def cycle_row(request: Request, run_id: str, number: int) -> Response:
    """One row of the table, with every leg's fills or without."""
    here, seen = desk(request), viewer(request)
    row, result = await here.work.run(run_id), await here.work.result(run_id)
    wish = cycle_table.wish_of(request.query_params)
    found = await asyncio.to_thread(cycle_table.one, row, result, number, wish, seen)
    if found is None:
        raise Problem("not_found")
    return render(request, "backtest_cycle.html", row=found)


@router.get("/backtests/{run_id}/marks")
async def marks(request: Request, run_id: str) -> Response:
    """Every cycle for the chart: entry, exit, P&L, premium in, premium out, direction."""
    result = await desk(request).work.result(run_id)
    return await _binary(_marks, result)


@router.get("/backtests/{run_id}/band")
async def band(request: Request, run_id: str) -> Response:
    """The bootstrap's P5 and P95 of equity from cycle to cycle: time, low, high."""
    here = desk(request)
    row, result = await here.work.run(run_id), await here.work.result(run_id)
    found = await here.work.bootstrap(run_id, BOOTSTRAP_SAMPLES, BOOTSTRAP_SEED)
    return await _binary(_band, result, found["paths"], row.spec.params.initial_capital_krw)


@router.get("/backtests/{run_id}/checks/{name}")
async def check(request: Request, run_id: str, name: str) -> Response:
    """A check that takes a while, as the line that asked for it."""
    work, seen = desk(request).work, viewer(request)
    slow: dict[str, Slow] = {
        "lookahead": Slow(lambda: work.lookahead(run_id), believe.lookahead),
        "bootstrap": Slow(
            lambda: work.bootstrap(run_id, BOOTSTRAP_SAMPLES, BOOTSTRAP_SEED), believe.bootstrap
        ),
    }
    if name not in slow:
        raise Problem("not_found")
    row = await work.run(run_id)
    try:
        line = slow[name].show(await slow[name].ask(), seen)
    except Problem as problem:
        title, _ = texts.problem(seen.lang, problem.code, problem.values)
        line = believe.refused(name, title, seen)
    return render(request, "backtest_check.html", run=row, check=line)


@dataclass(frozen=True, slots=True)
class Slow:
    """A check that a worker computes: how to ask, how to show."""

    ask: Callable[[], Awaitable[Mapping[str, Any]]]
    show: Callable[[Mapping[str, Any], Viewer], believe.Line]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A run next to this one: both thresholds, and its return."""

    name: str
    value: str


@router.get("/backtests/{run_id}/neighbours")
async def neighbours(request: Request, run_id: str) -> Response:
    """The same with each threshold a little lower and higher: is it a plateau or a peak?"""
    here, seen = desk(request), viewer(request)
    row = await here.work.run(run_id)
    points = _points_around(row.spec)
    try:
        found = await here.work.try_points(run_id, points)
    except Problem:
        return render(request, "backtest_neighbours.html", run=row, around=None)
    around = [
        Neighbour(
            f"{point['entry_bps']:g}/{point['exit_bps']:g}",
            "{0.value} {0.unit}".format(written("roi_pct", metrics["roi_pct"], seen.lang)),
        )
        for point, metrics in zip(points, found, strict=True)
    ]
    return render(request, "backtest_neighbours.html", run=row, around=around)


@router.post("/backtests/{run_id}/cancel")
async def cancel(request: Request, run_id: str) -> Response:
    """A run that was over before is shown as it is."""
    try:
        await desk(request).work.cancel_run(run_id)
    except Problem as problem:
        if problem.code != "already_finished":
            raise
    return RedirectResponse(f"/backtests/{run_id}", 303)


@router.post("/backtests/{run_id}/rerun")
async def rerun(request: Request, run_id: str) -> Response:
    row = await desk(request).work.rerun(run_id)
    return RedirectResponse(f"/backtests/{row.id}", 303)


async def _binary(make: Callable[..., Columns], *values: Any) -> Response:
    """Columns one after the other as float64."""
    columns = await asyncio.to_thread(make, *values)
    return Response(b"".join(c.tobytes() for c in columns), media_type="application/octet-stream")


def _marks(result: Result) -> Columns:
    table = result.array("cycles")
    times = [table[name] / 1e9 for name in ("t_entry", "t_exit")]
    rest = [table[name] for name in ("pnl_krw", "in_bps", "out_bps", "direction")]
    return [np.asarray(column, np.float64) for column in (*times, *rest)]


def _band(result: Result, paths: Mapping[str, list[float]], initial_krw: float) -> Columns:
    """Known at the start and after the exits that the bootstrap's path stands for."""
    exits = np.sort(result.array("cycles")["t_exit"]) / 1e9
    first = result.array("time_s")[:1].astype(np.float64)
    at = np.concatenate([first, exits])[np.asarray(paths["cycle"], np.int64)]
    return [at, initial_krw + np.asarray(paths["p5"]), initial_krw + np.asarray(paths["p95"])]


def _points_around(spec: RunSpec) -> tuple[dict[str, float], ...]:
    """Each threshold a tenth of their distance lower and higher, the other kept."""
    params = spec.params
    step = max(1.0, round(abs(params.entry_bps - params.exit_bps) / 10))
    here = {"entry_bps": params.entry_bps, "exit_bps": params.exit_bps}
    return tuple(here | {name: here[name] + step * k} for name in here for k in NEIGHBOUR_STEPS)


async def _walkforward_of(here: Desk, spec: RunSpec) -> StudyRow | None:
    """The newest walk-forward over the same coins, data and style, if one has completed."""
    rows, _ = await here.db.read(
        queries.list_studies,
        STUDIES_LOOKED_AT,
        None,
        StudyKind.WALKFORWARD,
        {RunStatus.COMPLETED},
    )
    return next((row for row in rows if _ground(row.spec.run) == _ground(spec)), None)


def _ground(spec: RunSpec) -> tuple[object, ...]:
    """What must be equal for one result to say something about another."""
    return spec.markets, spec.fx, spec.params.style, spec.params.direction
