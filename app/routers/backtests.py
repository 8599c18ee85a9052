"""Backtests: the list of runs and studies, comparison, deletion. New and result: beside it."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.domain.backtests import FINAL, RunStatus
from app.domain.problems import Problem
from app.domain.records import RunRow, StudyKind, StudyRow
from app.ledger import queries
from app.routers import backtest_new, backtest_result
from app.routers.backtesting import comparison
from app.routers.backtesting.lists import COMPARE_MAX, run_line, study_line
from app.routers.backtesting.summary import on_synthetic
from app.routers.render import look, render, viewer
from app.runtime.desk import Desk, desk
from app.security.guard import page

RUNS_SHOWN = 50
STUDIES_SHOWN = 20
CHOICES_SHOWN = 40
PICKED_MAX = 200
PARTS = frozenset({"runs", "studies"})

router = APIRouter(dependencies=[Depends(page()), Depends(look)], include_in_schema=False)
Picked = Annotated[list[str], Query(max_length=PICKED_MAX)]


@router.get("/backtests")
async def backtests_page(
    request: Request, cursor: str | None = None, part: str | None = None
) -> Response:
    """The whole, or the runs or studies alone when one of them came or went."""
    here, now_ns = desk(request), time.time_ns()
    rows, onward = await here.db.read(queries.list_runs, RUNS_SHOWN, cursor)
    studies = {
        kind: await _studies(here, kind) for kind in (StudyKind.SWEEP, StudyKind.WALKFORWARD)
    }
    specs = {row.id: row.spec for row in rows}
    specs |= {row.id: row.spec.run for kept in studies.values() for row in kept}
    return render(
        request,
        "backtests.html",
        part if part in PARTS else None,
        page="backtests",
        runs=[run_line(here.work.newest(row), now_ns) for row in rows],
        synthetic=await on_synthetic(here, specs),
        cursor=onward,
        sweeps=[study_line(row, now_ns) for row in studies[StudyKind.SWEEP]],
        walkforwards=[study_line(row, now_ns) for row in studies[StudyKind.WALKFORWARD]],
    )


async def _studies(here: Desk, kind: StudyKind) -> list[StudyRow]:
    rows, _ = await here.db.read(queries.list_studies, STUDIES_SHOWN, None, kind)
    return [here.work.newest(row) for row in rows]


@router.get("/backtests/compare")
async def compare_page(request: Request, run: Picked = []) -> Response:  # noqa: B006
    here, seen = desk(request), viewer(request)
    others, _ = await here.db.read(queries.list_runs, CHOICES_SHOWN, None, {RunStatus.COMPLETED})
    chosen = [await _completed(here, name) for name in dict.fromkeys(run[:COMPARE_MAX])]
    return render(
        request,
        "compare.html",
        page="backtests",
        runs=comparison.columns(chosen),
        synthetic=await on_synthetic(here, {row.id: row.spec for row in chosen}),
        groups=comparison.groups(chosen, seen),
        others=[run_line(row, time.time_ns()) for row in others],
        chosen={row.id for row in chosen},
    )


async def _completed(here: Desk, run_id: str) -> RunRow:
    row = await here.db.read(queries.get_run, run_id)
    if row is None or row.status is not RunStatus.COMPLETED:
        raise Problem("not_found")
    return row


@router.get("/backtests/delete")
async def ask_delete(request: Request, run: Picked = []) -> Response:  # noqa: B006
    """The question, with what would go."""
    db, now_ns = desk(request).db, time.time_ns()
    rows = [await db.read(queries.get_run, name) for name in dict.fromkeys(run)]
    lines = [run_line(row, now_ns) for row in rows if row is not None]
    return render(request, "backtests_delete.html", page="backtests", rows=lines)


@router.post("/backtests/delete")
async def delete(request: Request) -> Response:
    """All that are over; what still runs stays."""
    here, form = desk(request), await request.form()
    for name in form.getlist("id")[:PICKED_MAX]:
        row = await here.db.read(queries.get_run, str(name))
        if row is not None and row.status in FINAL:
            await here.work.delete_run(row.id)
    return RedirectResponse("/backtests", 303)


# `/backtests/new` must be met before `/backtests/{run_id}`
router.include_router(backtest_new.router)
router.include_router(backtest_result.router)
