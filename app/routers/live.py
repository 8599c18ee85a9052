"""LIVE: what is on its way right now, told to the open pages while it moves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from app import texts
from app.domain.backtests import FINAL, RunStatus
from app.domain.records import RunRow, StudyKind, StudyRow, UploadRow
from app.routers.backtesting.lists import study_path, title_of
from app.routers.datasets_shown import MOVING, queued
from app.routers.render import Viewer, fragment
from app.runtime.streams.board import View
from app.runtime.streams.hub import Hub
from app.texts import Language, formats

Record = UploadRow | RunRow | StudyRow
JOB_PAGES = ("dashboard", "system")


@dataclass(frozen=True, slots=True)
class Job:
    """One thing on its way: what it is called, how far, and where it is shown."""

    id: str
    kind: str
    title: str
    address: str
    percent: int
    waits: bool
    said: str


class Live:
    """Listens to changes of uploads, runs and studies; knows those that are not over.

    While something moves, its page's list is sent anew. Once it is over, `settled` tells the pages
    to fetch what it became.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._open: dict[str, Record] = {}

    def __call__(self, public_id: str, record: Record | None) -> None:
        if record is not None and is_open(record):
            self._open[public_id] = record
        else:
            self._open.pop(public_id, None)
            for page in (*JOB_PAGES, "data"):
                self._hub.signal(page, "settled", {"id": public_id})
        records = tuple(self._open.values())
        for page in JOB_PAGES:
            self._hub.fragment(page, "jobs", partial(_jobs_html, records))
        if isinstance(record, UploadRow) or public_id.startswith("u-"):
            uploads = tuple(each for each in records if isinstance(each, UploadRow))
            self._hub.fragment("data", "arriving", partial(_arriving_html, uploads))


def is_open(record: Record) -> bool:
    """Whether it moves by itself."""
    if isinstance(record, UploadRow):
        return record.state in MOVING
    return record.status not in FINAL


def job(lang: Language, record: Record) -> Job:
    """A record as a line of the list."""
    if isinstance(record, UploadRow):
        shown = queued(lang, record)
        address = f"/data?upload={record.id}"
        return Job(
            record.id, "upload", record.file_name, address, shown.percent or 0, False, shown.said
        )
    waits = record.status is RunStatus.QUEUED
    if isinstance(record, RunRow):
        title, address = title_of(record.id, record.spec), f"/backtests/{record.id}"
        done, total, kind, unit = record.bars_done, record.bars_total, "run", "bars"
    else:
        title, address = title_of(record.id, record.spec.run), study_path(record)
        done, total, unit = record.done, record.total, "points"
        kind = "sweep" if record.kind is StudyKind.SWEEP else "walkforward"
    key = "dashboard.jobs.waiting" if waits or not total else f"dashboard.jobs.{unit}"
    said = texts.text(lang, key, done=formats.number(done), total=formats.number(total))
    return Job(record.id, kind, title, address, int(100 * record.progress), waits, said)


def _viewer(view: View) -> Viewer:
    return Viewer(lang=view.lang, zone=view.zone)


def _jobs_html(records: tuple[Record, ...], view: View) -> bytes:
    seen = _viewer(view)
    jobs = [job(seen.lang, record) for record in records]
    return fragment(seen, "jobs.html", "jobs", jobs=jobs)


def _arriving_html(uploads: tuple[UploadRow, ...], view: View) -> bytes:
    seen = _viewer(view)
    items = [queued(seen.lang, row) for row in uploads]
    return fragment(seen, "data.html", "arriving", arriving=items)
