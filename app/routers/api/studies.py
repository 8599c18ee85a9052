"""Sweeps and walk-forwards: /api/v1/sweeps, /api/v1/walkforwards."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from app.domain.backtests import RunStatus
from app.domain.problems import Problem
from app.domain.records import StudyKind, StudyRow
from app.ledger import queries
from app.routers.api import examples
from app.routers.api.asked import SweepAsked, WalkForwardAsked
from app.routers.api.backtests import COLUMNS, Limit, Points, curves, starts
from app.routers.api.encode import BINARY, answer, answers, gone, refusals
from app.routers.api.shapes import Equity, Started
from app.runtime.desk import desk
from app.runtime.work.bodies import (
    StudyBody,
    SweepBody,
    WalkForwardBody,
    study_body,
    sweep_body,
    walkforward_body,
)
from app.security.guard import needs

EQUITY_POINTS = 20_000
EQUITY_POINTS_MAX = 200_000

router = APIRouter(
    prefix="/api/v1",
    dependencies=[Depends(needs("read"))],
    responses=refusals("not_signed_in", "scope_missing"),
)
_REFUSED = refusals(
    "malformed_json",
    "invalid_fields",
    "dataset_unknown",
    "timeframes_differ",
    "too_many_points",
    "too_much_work",
)


class StudyList(msgspec.Struct, frozen=True):
    """Newest first, without rows and windows."""

    items: list[StudyBody]
    next_cursor: str | None


@router.post(
    "/sweeps",
    status_code=202,
    tags=["sweeps"],
    summary="Start a sweep over a grid",
    dependencies=[starts],
    responses=answers(202, Started, "It is queued", Started("s-3", "queued")) | _REFUSED,
)
async def start_sweep(request: Request, body: SweepAsked) -> Response:
    """Every combination is a whole backtest; runs on all cores, or on the Dask cluster."""
    return _started(await desk(request).work.submit_study(StudyKind.SWEEP, body.study()), 202)


@router.post(
    "/walkforwards",
    status_code=202,
    tags=["walkforwards"],
    summary="Start a walk-forward",
    dependencies=[starts],
    responses=answers(202, Started, "It is queued", Started("w-4", "queued")) | _REFUSED,
)
async def start_walkforward(request: Request, body: WalkForwardAsked) -> Response:
    """Train windows choose a point of the grid, test windows judge it; only tests count."""
    spec = body.walkforward()
    return _started(await desk(request).work.submit_study(StudyKind.WALKFORWARD, spec), 202)


@router.get(
    "/sweeps",
    tags=["sweeps"],
    summary="List sweeps",
    responses=answers(200, StudyList, "Newest first", StudyList([examples.STUDY], "3"))
    | refusals("invalid_fields"),
)
async def list_sweeps(request: Request, limit: Limit = 50, cursor: str | None = None) -> Response:
    return await _list(request, StudyKind.SWEEP, limit, cursor)


@router.get(
    "/walkforwards",
    tags=["walkforwards"],
    summary="List walk-forwards",
    responses=answers(200, StudyList, "Newest first", StudyList([examples.STUDY], "4"))
    | refusals("invalid_fields"),
)
async def list_walkforwards(
    request: Request, limit: Limit = 50, cursor: str | None = None
) -> Response:
    return await _list(request, StudyKind.WALKFORWARD, limit, cursor)


@router.get(
    "/sweeps/{study_id}",
    tags=["sweeps"],
    summary="Read a sweep with the rows done so far",
    responses=answers(200, SweepBody, "The sweep", examples.SWEEP) | refusals("not_found"),
)
async def read_sweep(request: Request, study_id: str) -> Response:
    row = await _found(request, study_id, StudyKind.SWEEP)
    return answer(sweep_body(row, await desk(request).work.points(row)))


@router.get(
    "/walkforwards/{study_id}",
    tags=["walkforwards"],
    summary="Read a walk-forward with its windows and joined equity",
    responses=answers(200, WalkForwardBody, "The walk-forward", examples.WALKFORWARD)
    | refusals("not_found", "invalid_fields"),
)
async def read_walkforward(
    request: Request,
    study_id: str,
    points: Annotated[int, Query(ge=2, le=EQUITY_POINTS_MAX)] = EQUITY_POINTS,
) -> Response:
    """equity has at most `points` rows and keeps every extreme; all of it: …/equity."""
    row = await _found(request, study_id, StudyKind.WALKFORWARD)
    equity = None
    if row.status is RunStatus.COMPLETED:
        result = await desk(request).work.result(row.id)
        stored = await asyncio.to_thread(result.curves, tuple(COLUMNS.values()), points)
        equity = {shown: stored[name].tolist() for shown, name in COLUMNS.items()}
    return answer(walkforward_body(row, equity))


@router.get(
    "/walkforwards/{study_id}/equity",
    tags=["walkforwards"],
    summary="Read the joined equity of the test windows",
    responses=answers(200, Equity, "Columns", examples.EQUITY, BINARY)
    | refusals("not_found", "not_finished", "invalid_fields"),
)
async def read_walkforward_equity(
    request: Request, study_id: str, points: Points = None
) -> Response:
    """As the equity of a backtest, as JSON or float64 columns."""
    row = await _found(request, study_id, StudyKind.WALKFORWARD)
    return curves(request, await desk(request).work.result(row.id), points)


@router.post(
    "/sweeps/{study_id}/cancel",
    tags=["sweeps"],
    summary="Cancel a sweep; its rows so far stay",
    dependencies=[starts],
    responses=answers(200, Started, "It is cancelled", Started("s-3", "cancelled"))
    | refusals("not_found", "already_finished"),
)
async def cancel_sweep(request: Request, study_id: str) -> Response:
    return await _cancel(request, study_id, StudyKind.SWEEP)


@router.post(
    "/walkforwards/{study_id}/cancel",
    tags=["walkforwards"],
    summary="Cancel a walk-forward",
    dependencies=[starts],
    responses=answers(200, Started, "It is cancelled", Started("w-4", "cancelled"))
    | refusals("not_found", "already_finished"),
)
async def cancel_walkforward(request: Request, study_id: str) -> Response:
    return await _cancel(request, study_id, StudyKind.WALKFORWARD)


@router.delete(
    "/sweeps/{study_id}",
    status_code=204,
    tags=["sweeps"],
    summary="Delete a sweep",
    dependencies=[starts],
    responses=gone() | refusals("not_found"),
)
async def delete_sweep(request: Request, study_id: str) -> Response:
    """One that is queued or running is cancelled first."""
    return await _delete(request, study_id, StudyKind.SWEEP)


@router.delete(
    "/walkforwards/{study_id}",
    status_code=204,
    tags=["walkforwards"],
    summary="Delete a walk-forward",
    dependencies=[starts],
    responses=gone() | refusals("not_found"),
)
async def delete_walkforward(request: Request, study_id: str) -> Response:
    """One that is queued or running is cancelled first."""
    return await _delete(request, study_id, StudyKind.WALKFORWARD)


async def _list(request: Request, kind: StudyKind, limit: int, cursor: str | None) -> Response:
    here = desk(request)
    rows, onward = await here.db.read(queries.list_studies, limit, cursor, kind)
    return answer(StudyList([study_body(here.work.newest(row)) for row in rows], onward))


async def _found(request: Request, study_id: str, kind: StudyKind) -> StudyRow:
    """A sweep has no address among the walk-forwards, nor the other way round."""
    row = await desk(request).work.study(study_id)
    if row.kind is not kind:
        raise Problem("not_found")
    return row


async def _cancel(request: Request, study_id: str, kind: StudyKind) -> Response:
    await _found(request, study_id, kind)
    return _started(await desk(request).work.cancel_study(study_id), 200)


async def _delete(request: Request, study_id: str, kind: StudyKind) -> Response:
    await _found(request, study_id, kind)
    await desk(request).work.delete_study(study_id)
    return Response(status_code=204)


def _started(row: StudyRow, status: int) -> Response:
    resource = "sweeps" if row.kind is StudyKind.SWEEP else "walkforwards"
    headers = {"location": f"/api/v1/{resource}/{row.id}"}
    return answer(Started(row.id, row.status), status, headers)
