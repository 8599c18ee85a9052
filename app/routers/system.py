"""System: venues, latencies, archive; what kimp depends on, workers, jobs, disk, who signed in."""

from __future__ import annotations

import asyncio
import platform
import time
from pathlib import Path

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from app.domain.times import SECOND_NS
from app.routers.dashboard import database_word, disk, moving
from app.routers.live import job
from app.routers.render import look, render, viewer
from app.routers.system_live import context
from app.runtime.desk import desk
from app.security.guard import page

EVENTS_SHOWN = 20
# Below the data folder; what is not named here is counted as `rest`.
PLACES = ("datasets", "runs", "uploads", "kernels", "archive")

router = APIRouter(dependencies=[Depends(page()), Depends(look)], include_in_schema=False)


@router.get("/system")
async def system_page(
    request: Request, part: str | None = None, cursor: str | None = None
) -> Response:
    here, now_ns, lang = desk(request), time.time_ns(), viewer(request).lang
    events, next_cursor = await here.accounts.events(EVENTS_SHOWN, cursor)
    checks = await here.health.checks()
    return render(
        request,
        "system.html",
        "health" if part == "health" else None,
        page="system",
        checks=checks,
        ready=all(check.ok for check in checks),
        seats=here.work.seats(),
        processes=await here.processes.all(),
        jobs=[job(lang, record) for record in await moving(here)],
        disk=disk(here),
        places=await asyncio.to_thread(usage, here.data_dir),
        events=events,
        next_cursor=next_cursor,
        facts={
            "version": here.version,
            "mode": here.mode,
            "feeds": here.feeds,
            "env": here.env,
            "address": here.public_url,
            "database": database_word(here),
            "cluster": "dask" if here.dependencies.dask_scheduler else "–",
            "folder": str(here.data_dir),
            "python": platform.python_version(),
            "machine": f"{platform.system()} {platform.machine()}",
        },
        uptime_s=(now_ns - here.started_at_ns) / SECOND_NS,
        **context(here.market),
    )


def usage(data_dir: Path) -> dict[str, int]:
    """Bytes below the data folder, by place. Blocking."""
    sizes = {place: _bytes_below(data_dir / place) for place in PLACES}
    return sizes | {"rest": _bytes_below(data_dir) - sum(sizes.values())}


def _bytes_below(folder: Path) -> int:
    """Files may come and go meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total
