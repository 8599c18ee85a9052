"""What open backtest pages are told while runs and studies move."""

from __future__ import annotations

import time
from collections.abc import Callable

from app.domain.backtests import FINAL, RunStatus
from app.domain.records import RunRow, StudyRow, UploadRow
from app.routers.backtesting.lists import RunLine, StudyLine, run_line, study_line
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
        if public_id.startswith("u-"):
            return
        if record is None:
            hub.forget(page_of(public_id))
        elif isinstance(record, RunRow):
            _tell_run(hub, record)
        elif isinstance(record, StudyRow):
            _tell_study(hub, record)
        if record is None or (not isinstance(record, UploadRow) and _is_new(record)):
            hub.signal(LIST, "changed", {"id": public_id, "gone": record is None})

    return tell


def _is_new(row: RunRow | StudyRow) -> bool:
    """Open lists have no row for it yet."""
    return row.status is RunStatus.QUEUED


def _tell_run(hub: Hub, row: RunRow) -> None:
    line = run_line(row, time.time_ns())
    _put(hub, LIST, f"run-{row.id}", "backtests.html", "run", run=line)
    _tell_progress(hub, row, line, "backtest.html")


def _tell_study(hub: Hub, row: StudyRow) -> None:
    line = study_line(row, time.time_ns())
    _put(hub, LIST, f"study-{row.id}", "backtests.html", "study", study=line)
    _tell_progress(hub, row, line, "sweep.html")
    if row.status not in FINAL:
        hub.signal(page_of(row.id), "points", {"done": row.done})


def _tell_progress(
    hub: Hub, row: RunRow | StudyRow, line: RunLine | StudyLine, template: str
) -> None:
    """Its own page: how far it is, or that it is time to fetch what it became."""
    page = page_of(row.id)
    if row.status in FINAL:
        hub.signal(page, "finished", {"id": row.id, "status": row.status})
    else:
        _put(hub, page, "state", "backtest.html", "state", line=line)
        _put(hub, page, "progress", template, "progress", watch=watch(row, time.time_ns()))


def _put(hub: Hub, page: str, region: str, template: str, block: str, **values: object) -> None:
    """A block as every viewer reads it; rendered only when somebody looks."""

    def made(view: View) -> bytes:
        return fragment(Viewer(view.lang, view.zone), template, block, **values)

    hub.fragment(page, region, made)
