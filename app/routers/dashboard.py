"""Dashboard: the market at a glance; below it what to do next and what is running."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from app.domain.backtests import FINAL, RunStatus
from app.domain.problems import Problem
from app.domain.records import RunRow, StudyRow, UploadRow
from app.domain.times import SECOND_NS
from app.ledger import queries
from app.routers.backtesting.lists import RunLine, run_line, study_line
from app.routers.backtesting.summary import on_synthetic
from app.routers.dashboard_live import context
from app.routers.live import is_open, job
from app.routers.render import look, render, viewer
from app.routers.trading.readouts import own
from app.routers.watching.past import continued, history
from app.routers.watching.showing import showing
from app.routers.watching.tape import LEADER, LEADER_IDS, leader, tape
from app.runtime.desk import Desk, desk
from app.runtime.streams.board import chosen as chosen_of
from app.security.guard import page

RUNS_SHOWN = 5
UPLOADS_READ = 8
# Of so many runs and studies of late the open ones are listed.
RECENT = 50
OPEN = tuple(status for status in RunStatus if status not in FINAL)

router = APIRouter(dependencies=[Depends(page()), Depends(look)], include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, in the order in which a new user does them. now: the first undone."""

    key: str
    done: bool
    now: bool
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Disk:
    """Of the disk that holds the data folder."""

    total: int
    used: int
    free: int

    @property
    def percent(self) -> float:
        """Of what kimp could fill; a part of the disk may be kept from it."""
        return 100 * self.used / (self.used + self.free)


@router.get("/")
async def dashboard_page(request: Request, part: str | None = None) -> Response:
    here, now_ns, lang = desk(request), time.time_ns(), viewer(request).lang
    runs, _ = await here.db.read(queries.list_runs, RECENT)
    studies, _ = await here.db.read(queries.list_studies, RECENT)
    count, file_bytes = await here.db.read(queries.datasets_total)
    lines = [run_line(row, now_ns) for row in runs]
    done = [line for line in lines if line.status == RunStatus.COMPLETED]
    studied = [study_line(row, now_ns) for row in studies if row.status is RunStatus.COMPLETED]
    only_now = part == "now"
    market = {} if only_now else context(showing(here.hub).beat(here.market), _asked(request))
    return render(
        request,
        "dashboard.html",
        "now" if only_now else None,
        page="dashboard",
        steps=_steps(count, done, [line.title for line in studied]),
        last=done[0] if done else None,
        runs=lines[:RUNS_SHOWN],
        synthetic=await on_synthetic(here, {run.id: run.spec for run in runs}),
        total={"count": count, "file_bytes": file_bytes},
        jobs=[job(lang, record) for record in await moving(here)],
        workers=len(here.work.seats()),
        disk=disk(here),
        own=None if only_now else await own(here),
        **market,
    )


@router.get("/live/series")
async def series(request: Request, hours: Annotated[int, Query(ge=1, le=8_760)] = 6) -> Response:
    """The leader's premium: float64 columns time [epoch s], kimchi, usdt, usdlike, realizable."""
    here, since_s = desk(request), time.time() - hours * 3_600
    columns = showing(here.hub).memory.series(since_s)
    lead = leader(here.market.premiums((LEADER,), LEADER_IDS))
    if here.market.archive is not None and lead is not None:
        before = await history(here.market.archive, lead, int(since_s * SECOND_NS))
        if before is not None:
            columns = continued(before, columns)
    body = b"".join(column.tobytes() for column in columns)
    return Response(body, media_type="application/octet-stream")


@router.get("/live/headline")
async def headline(request: Request) -> Response:
    """For a tab in the background, whose stream rests: the title and the way of the icon."""
    shown = tape(desk(request).market)
    return render(request, "tape.html", "headline", tape=shown)


def _asked(request: Request) -> dict[str, str]:
    try:
        return dict(chosen_of("dashboard", request.query_params))
    except ValueError as too_long:
        raise Problem("not_found") from too_long


async def moving(here: Desk) -> list[UploadRow | RunRow | StudyRow]:
    """Everything on its way, with its newest progress."""
    uploads = await here.db.read(queries.list_uploads, UPLOADS_READ)
    runs, _ = await here.db.read(queries.list_runs, RECENT, None, OPEN)
    studies, _ = await here.db.read(queries.list_studies, RECENT, None, None, OPEN)
    return [
        *(row for row in uploads if is_open(row)),
        *(here.work.newest(row) for row in runs),
        *(here.work.newest(row) for row in studies),
    ]


def database_word(here: Desk) -> str:
    """sqlite, postgresql, mysql; nothing else of the address, which may hold a password."""
    return urlsplit(here.dependencies.database_url).scheme.partition("+")[0]


def disk(here: Desk) -> Disk:
    total, used, free = shutil.disk_usage(here.data_dir)
    return Disk(total, used, free)


def _steps(datasets: int, runs: Sequence[RunLine], studies: Sequence[str]) -> list[Step]:
    made: dict[str, tuple[bool, dict[str, object]]] = {
        "data": (datasets >= 3, {"n": datasets}),
        "run": (bool(runs), {"title": runs[0].title} if runs else {}),
        "believe": (bool(studies), {"title": studies[0]} if studies else {}),
    }
    first = next((key for key, (done, _) in made.items() if not done), None)
    return [Step(key, done, key == first, values) for key, (done, values) in made.items()]
