"""Backtests: /api/v1/backtests. Reading needs the scope read; starting and ending, backtest."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.domain.records import RunRow
from app.ledger import queries
from app.routers.api import examples
from app.routers.api.asked import BacktestAsked
from app.routers.api.encode import (
    BINARY,
    CSV,
    HTML,
    JSON,
    accepts,
    answer,
    answers,
    attachment,
    columns_binary,
    columns_json,
    gives,
    gone,
    refusals,
)
from app.routers.api.report import words_of
from app.routers.api.shapes import (
    BootstrapBody,
    CycleList,
    Equity,
    LookaheadBody,
    RunList,
    Started,
)
from app.routers.render import viewer
from app.runtime.desk import desk
from app.runtime.work import cycles
from app.runtime.work.bodies import RunBody, run_body
from app.runtime.work.checks import datasets_of
from app.runtime.work.cycles import Wanted
from app.runtime.work.results import CURVES, Result
from app.runtime.work.workbench import REPORT_POLICY
from app.security.guard import needs

POINTS_MAX = 1_000_000
SAMPLES_MAX = 20_000

SORT_PATTERN = f"^-?({'|'.join(cycles.SORTS)})$"
COLUMNS = {"time": "time_s"} | {name: name for name in CURVES[1:]}

router = APIRouter(
    prefix="/api/v1/backtests",
    tags=["backtests"],
    dependencies=[Depends(needs("read"))],
    responses=refusals("not_signed_in", "scope_missing"),
)
starts = Depends(needs("backtest"))
Limit = Annotated[int, Query(ge=1, le=1000)]
Points = Annotated[int | None, Query(ge=2, le=POINTS_MAX)]


def wanted_cycles(
    direction: Literal["high", "low"] | None = None,
    base: Annotated[str | None, Query(max_length=20)] = None,
    reason: Literal["target", "max_hold"] | None = None,
    outcome: Literal["won", "lost"] | None = None,
    sort: Annotated[str, Query(pattern=SORT_PATTERN)] = "number",
) -> Wanted:
    """sort: a column, `-` before it for falling order."""
    return Wanted(direction, base, reason, outcome, sort)


@router.post(
    "",
    status_code=202,
    summary="Start a backtest",
    dependencies=[starts],
    responses=answers(202, Started, "It is queued", Started("b-7", "queued"))
    | refusals(
        "malformed_json", "invalid_fields", "dataset_unknown", "timeframes_differ", "too_much_work"
    ),
)
async def start(request: Request, body: BacktestAsked) -> Response:
    """Runs the history through the strategy in a worker process, bar by bar as SPEC §6 says."""
    return _started(await desk(request).work.submit_run(body.spec()), 202)


@router.get(
    "",
    summary="List backtests",
    responses=answers(200, RunList, "Newest first", RunList([examples.RUN], "7"))
    | refusals("invalid_fields"),
)
async def list_backtests(
    request: Request, limit: Limit = 50, cursor: str | None = None
) -> Response:
    here = desk(request)
    rows, onward = await here.db.read(queries.list_runs, limit, cursor)
    return answer(RunList([run_body(here.work.newest(row)) for row in rows], onward))


@router.get(
    "/{run_id}",
    summary="Read a backtest's state, parameters and figures",
    responses=answers(200, RunBody, "The backtest", examples.RUN) | refusals("not_found"),
)
async def read_backtest(request: Request, run_id: str) -> Response:
    return answer(run_body(await desk(request).work.run(run_id)))


@router.post(
    "/{run_id}/cancel",
    summary="Cancel a queued or running backtest",
    dependencies=[starts],
    responses=answers(200, Started, "It is cancelled", Started("b-7", "cancelled"))
    | refusals("not_found", "already_finished"),
)
async def cancel(request: Request, run_id: str) -> Response:
    return _started(await desk(request).work.cancel_run(run_id), 200)


@router.post(
    "/{run_id}/rerun",
    status_code=202,
    summary="Start the same backtest again",
    dependencies=[starts],
    responses=answers(202, Started, "The new one is queued", Started("b-8", "queued"))
    | refusals("not_found", "too_much_work"),
)
async def rerun(request: Request, run_id: str) -> Response:
    return _started(await desk(request).work.rerun(run_id), 202)


@router.delete(
    "/{run_id}",
    status_code=204,
    summary="Delete a backtest",
    dependencies=[starts],
    responses=gone() | refusals("not_found"),
)
async def delete(request: Request, run_id: str) -> Response:
    """One that is queued or running is cancelled first."""
    await desk(request).work.delete_run(run_id)
    return Response(status_code=204)


@router.get(
    "/{run_id}/cycles",
    summary="Read the finished cycles with every leg's fills",
    responses=answers(
        200,
        CycleList,
        "A page of cycles, or all of them as CSV",
        examples.CYCLES,
        CSV,
    )
    | refusals("not_found", "not_finished", "invalid_fields"),
)
async def read_cycles(
    request: Request,
    run_id: str,
    wanted: Annotated[Wanted, Depends(wanted_cycles)],
    limit: Limit = 50,
    cursor: str | None = None,
    form: Annotated[Literal["json", "csv"] | None, Query(alias="format")] = None,
) -> Response:
    """`format=csv` or `Accept: text/csv` gives all of them at once, without pages."""
    result = await desk(request).work.result(run_id)
    if form == "csv" or (form is None and accepts(request, CSV)):
        return _csv(run_id, cycles.as_csv(result, wanted))
    return answer(cycles.page(result, wanted, limit, cursor))


@router.get(
    "/{run_id}/cycles.csv",
    summary="Read the finished cycles as CSV",
    response_class=Response,
    responses=gives(200, CSV, "One line per cycle with the fills of every leg")
    | refusals("not_found", "not_finished", "invalid_fields"),
)
async def read_cycles_csv(
    request: Request, run_id: str, wanted: Annotated[Wanted, Depends(wanted_cycles)]
) -> Response:
    return _csv(run_id, cycles.as_csv(await desk(request).work.result(run_id), wanted))


@router.get(
    "/{run_id}/equity",
    summary="Read equity, drawdown and premium over time",
    responses=answers(200, Equity, "Columns", examples.EQUITY, BINARY)
    | refusals("not_found", "not_finished", "invalid_fields"),
)
async def read_equity(request: Request, run_id: str, points: Points = None) -> Response:
    """`points=N` gives at most N rows that keep every extreme.

    `Accept: application/octet-stream` gives the columns one after the other as little-endian
    float64; the headers `X-Columns` and `X-Rows` say which and how many.
    """
    result = await desk(request).work.result(run_id)
    return curves(request, result, points)


@router.get(
    "/{run_id}/bootstrap",
    summary="Draw the cycles again and again",
    responses=answers(200, BootstrapBody, "Bands p5 … p95", examples.BOOTSTRAP)
    | refusals("not_found", "not_finished", "invalid_fields", "work_timeout"),
)
async def read_bootstrap(
    request: Request,
    run_id: str,
    n: Annotated[int, Query(ge=1, le=SAMPLES_MAX)] = 1_000,
    seed: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
) -> Response:
    """How much of the result is the luck of its sequence. The same seed gives the same bands."""
    return answer(await desk(request).work.bootstrap(run_id, n, seed))


@router.get(
    "/{run_id}/lookahead",
    summary="Check that no decision knew the future",
    responses=answers(200, LookaheadBody, "The verdict", LookaheadBody(12, 648, True, None))
    | refusals("not_found", "work_timeout"),
)
async def read_lookahead(request: Request, run_id: str) -> Response:
    """Runs again on data cut at several moments; everything before a cut must stay the same."""
    return answer(await desk(request).work.lookahead(run_id))


@router.get(
    "/{run_id}/report",
    summary="Read the whole result as one HTML file",
    response_class=Response,
    responses=gives(200, HTML, "Self-contained: no script, no request")
    | refusals("not_found", "not_finished", "invalid_fields", "work_timeout"),
)
async def read_report(
    request: Request,
    run_id: str,
    lang: Literal["ko", "en"] | None = None,  # noqa: ARG001 - `viewer` reads it
    download: bool = False,
) -> Response:
    """In the language of `lang`, else of the cookie or the browser. `download=true` saves it."""
    here, seen = desk(request), viewer(request)
    result, row = await here.work.result(run_id), await here.work.run(run_id)
    sets = await here.db.read(datasets_of, row.spec)
    html = await here.work.report(row, words_of(row, result, sets, time.time_ns(), seen))
    saved = attachment(f"{row.id}-report.html") if download else {}
    return Response(
        html, media_type=HTML, headers={"content-security-policy": REPORT_POLICY} | saved
    )


def curves(request: Request, result: Result, points: int | None) -> Response:
    """The columns of a run or walk-forward in the form that was asked for."""
    stored = result.curves(tuple(COLUMNS.values()), points)
    columns = {shown: stored[name] for shown, name in COLUMNS.items()}
    if not accepts(request, BINARY):
        return StreamingResponse(columns_json(columns), media_type=JSON)
    rows = len(columns["time"])
    headers = {"x-columns": ",".join(columns), "x-rows": str(rows)}
    return StreamingResponse(columns_binary(columns), media_type=BINARY, headers=headers)


def _csv(run_id: str, lines: Iterator[bytes]) -> Response:
    return StreamingResponse(
        lines, media_type=f"{CSV}; charset=utf-8", headers=attachment(f"{run_id}-cycles.csv")
    )


def _started(row: RunRow, status: int) -> Response:
    headers = {"location": f"/api/v1/backtests/{row.id}"}
    return answer(Started(row.id, row.status), status, headers)
