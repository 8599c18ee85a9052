"""Sweeps and walk-forwards: the heat map with its point, the judged windows."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

import msgspec
import numpy as np
from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import texts
from app.domain.backtests import RunSpec, RunStatus, StudySpec
from app.domain.problems import Problem
from app.domain.records import StudyKind, StudyPointRow, StudyRow
from app.ledger import queries
from app.routers.backtesting import heat, summary, windows
from app.routers.backtesting.grid import Grid
from app.routers.backtesting.lists import study_line
from app.routers.backtesting.point import point_of, ranked
from app.routers.backtesting.strip import strip
from app.routers.backtesting.watch import watch
from app.routers.render import look, render, viewer
from app.runtime.desk import Desk, desk
from app.runtime.work.results import CURVES
from app.security.guard import page
from app.texts import formats

RUNS_LOOKED_AT = 400
POINTS_LEAST, POINTS_MOST = 10, 100_000
MANY = 2_000
"""Points of a sweep from which a running map is washed."""
WHOLE = frozenset({"max_hold_bars", "transfer_bars"})

Points = Annotated[int | None, Query(ge=POINTS_LEAST, le=POINTS_MOST)]

router = APIRouter(dependencies=[Depends(page()), Depends(look)], include_in_schema=False)


@router.get("/sweeps/{study_id}")
async def sweep_page(request: Request, study_id: str, part: str | None = None) -> Response:
    """The map as the address chooses it; `part=heat` while cells arrive."""
    here, seen, now_ns = desk(request), viewer(request), time.time_ns()
    row = await _find(here, study_id, StudyKind.SWEEP)
    points = await here.work.points(row)
    grid = Grid(row.spec.axes, {point.index: point for point in points}, row.spec.objective)
    looked = heat.look_of(request.query_params, grid)
    sets = await summary.datasets_of(here, row.spec.run)
    path, query, line = f"/sweeps/{row.id}", request.url.query, study_line(row, now_ns)
    return render(
        request,
        "sweep.html",
        "heat" if part == "heat" else None,
        page="backtests",
        line=line,
        meta=summary.study_meta(row, sets, seen),
        synthetic=summary.synthetic(row.spec.run, sets),
        failure=summary.failed(row, seen),
        watch=watch(row, now_ns),
        heat=heat.draw(path, grid, looked, seen, washed=line.open and (line.total or 0) >= MANY),
        heat_path=f"{path}?part=heat&{query}" if query else f"{path}?part=heat",
        self_path=f"{path}?{query}" if query else path,
        cell=point_of(grid, looked, seen),
        ranked=ranked(path, grid, looked, seen),
    )


@router.post("/sweeps/{study_id}/open")
async def open_point(request: Request, study_id: str) -> Response:
    """The run of a point: the one that is there, else a new one."""
    here = desk(request)
    row = await _find(here, study_id, StudyKind.SWEEP)
    asked = (await request.form()).get("index")
    points = {str(point.index): point for point in await here.work.points(row)}
    if asked not in points:
        raise Problem("not_found")
    spec = _spec_of(row.spec, points[asked])
    runs, _ = await here.db.read(queries.list_runs, RUNS_LOOKED_AT, None, {RunStatus.COMPLETED})
    same = next((run for run in runs if _same(run.spec, spec)), None)
    found = same or await here.work.submit_run(spec)
    return RedirectResponse(f"/backtests/{found.id}", 303)


@router.get("/walkforwards/{study_id}")
async def walkforward_page(request: Request, study_id: str) -> Response:
    here, seen, now_ns = desk(request), viewer(request), time.time_ns()
    row = await _find(here, study_id, StudyKind.WALKFORWARD)
    sets = await summary.datasets_of(here, row.spec.run)
    initial = row.spec.run.params.initial_capital_krw
    money = summary.money(seen.lang, initial)
    metrics = row.metrics or {}
    last = metrics.get("final_equity_krw")
    worst = metrics.get("max_drawdown_pct") or 0.0
    drawn = row.windows or ()

    def say(key: str, **values: object) -> str:
        return texts.text(seen.lang, f"backtests.{key}", **values)

    return render(
        request,
        "walkforward.html",
        page="backtests",
        line=study_line(row, now_ns),
        meta=summary.study_meta(row, sets, seen),
        synthetic=summary.synthetic(row.spec.run, sets),
        failure=summary.failed(row, seen),
        watch=watch(row, now_ns),
        self_path=f"/walkforwards/{row.id}",
        strip=strip(metrics, seen.lang, None) if row.metrics else (),
        money=money,
        initial=initial,
        worst=worst,
        equity_label=say(
            "equity.label",
            first=formats.won(initial),
            last=formats.won(last),
            start=formats.day(drawn[0].test_start_ns if drawn else None, seen.zone),
            end=formats.day(drawn[-1].test_end_ns if drawn else None, seen.zone),
        ),
        drawdown_label=say("drawdown.label", worst=formats.number(worst, 2)),
        axes=[say(axis.name) for axis in row.spec.axes],
        windows=windows.strips(row, seen),
        ticks=windows.ticks(row, seen),
        drifts=windows.drifts(row, seen),
        verdict=windows.verdict(row, seen),
    )


@router.get("/walkforwards/{study_id}/equity")
async def walkforward_equity(request: Request, study_id: str, points: Points = None) -> Response:
    """The joined test windows as float64 columns: time, equity, drawdown, premium."""
    here = desk(request)
    row = await _find(here, study_id, StudyKind.WALKFORWARD)
    result = await here.work.result(row.id)
    columns = await asyncio.to_thread(result.curves, CURVES, points)
    body = b"".join(np.asarray(column, np.float64).tobytes() for column in columns.values())
    return Response(body, media_type="application/octet-stream")


@router.post("/{kind}/{study_id}/cancel")
async def cancel(request: Request, kind: str, study_id: str) -> Response:
    _known(kind)
    await desk(request).work.cancel_study(study_id)
    return RedirectResponse(f"/{kind}/{study_id}", 303)


@router.post("/{kind}/{study_id}/delete")
async def delete(request: Request, kind: str, study_id: str) -> Response:
    _known(kind)
    await desk(request).work.delete_study(study_id)
    return RedirectResponse("/backtests", 303)


def _known(kind: str) -> None:
    if kind not in {"sweeps", "walkforwards"}:
        raise Problem("not_found")


async def _find(here: Desk, study_id: str, kind: StudyKind) -> StudyRow:
    row = await here.db.read(queries.get_study, study_id)
    if row is None or row.kind is not kind:
        raise Problem("not_found")
    return here.work.newest(row)


def _spec_of(study: StudySpec, point: StudyPointRow) -> RunSpec:
    numbers = {name: int(v) if name in WHOLE else v for name, v in point.params.items()}
    params = msgspec.structs.replace(study.run.params, **numbers)
    values = ", ".join(f"{name} {value:g}" for name, value in point.params.items())
    name = f"{study.run.name} {values}".strip()[:120]
    return msgspec.structs.replace(study.run, params=params, name=name)


def _same(one: RunSpec, other: RunSpec) -> bool:
    """Whatever they are called."""
    return msgspec.structs.replace(one, name="") == msgspec.structs.replace(other, name="")
