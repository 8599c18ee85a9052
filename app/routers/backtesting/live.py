"""What open backtest pages are told while runs and studies move."""

from __future__ import annotations

import time
from collections.abc import Callable

from app.domain.backtests import FINAL
from app.domain.records import RunRow, StudyRow, UploadRow
from app.routers.backtesting.lists import run_line, study_line
from app.routers.backtesting.watch import watch
from app.routers.render import Viewer, fragment
from app.runtime.streams.board import View
from app.runtime.streams.hub import Hub

LIST = "backtests"


def page_of(public_id: str) -> str:
    """The stream of one run or study."""
    return f"{LIST}/{public_id}"


def listener(hub: Hub) -> Callable[[str, UploadRow | RunRow | StudyRow | None], None]:
    """Turns the newest record of a run or a study into regions of the pages that show it."""

    def tell(public_id: str, record: UploadRow | RunRow | StudyRow | None) -> None:
        if record is None:
            hub.forget(page_of(public_id))
        elif isinstance(record, RunRow):
            _tell_run(hub, record)
        elif isinstance(record, StudyRow):
            _tell_study(hub, record)

    return tell


def _seen(view: View) -> Viewer:
    return Viewer(view.lang, view.zone)


def _tell_run(hub: Hub, row: RunRow) -> None:
    now_ns = time.time_ns()

    def line(view: View) -> bytes:
        return fragment(_seen(view), "backtests.html", "run", run=run_line(row, now_ns))

    def progress(view: View) -> bytes:
        return fragment(_seen(view), "backtest.html", "progress", watch=watch(row, now_ns))

    hub.fragment(LIST, f"run-{row.id}", line)
    if row.status in FINAL:
        hub.signal(page_of(row.id), "finished", {"id": row.id, "status": row.status})
    else:
        hub.fragment(page_of(row.id), "progress", progress)


def _tell_study(hub: Hub, row: StudyRow) -> None:
    now_ns = time.time_ns()

    def line(view: View) -> bytes:
        return fragment(_seen(view), "backtests.html", "study", study=study_line(row, now_ns))

    def progress(view: View) -> bytes:
        return fragment(_seen(view), "sweep.html", "progress", watch=watch(row, now_ns))

    hub.fragment(LIST, f"study-{row.id}", line)
    if row.status in FINAL:
        hub.signal(page_of(row.id), "finished", {"id": row.id, "status": row.status})
    else:
        hub.fragment(page_of(row.id), "progress", progress)
        hub.signal(page_of(row.id), "points", {"done": row.done})
