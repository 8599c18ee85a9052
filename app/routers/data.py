"""Data: upload, what became of each file, datasets, their preview and quality, delete."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.domain.datasets import Kind, UploadState
from app.domain.problems import Problem
from app.domain.records import DatasetRow, UploadRow
from app.history import preview
from app.ledger import queries
from app.routers import datasets_shown as shown
from app.routers.problems import MEDIA_TYPE, problem_body, wants_page
from app.routers.render import look, render, viewer
from app.runtime.desk import Desk, desk
from app.security import csrf
from app.security.guard import files, page
from app.security.principal import Principal
from app.texts import formats

UPLOADS_SHOWN = 8
DATASETS_SHOWN = 50
USES_SHOWN = 12
GAPS_SHOWN = 8
OUTLIERS_SHOWN = 4

# What a person may name a column as, in the mapping form's order.
COLUMN_WORDS = ("time", "open", "high", "low", "close", "volume", "rate")
# Offered as hints; the form sends the word.
TIMEFRAMES = {
    "1m": 60, "3m": 180, "5m": 300, "15m": 900, "30m": 1_800, "1h": 3_600, "4h": 14_400,
    "1d": 86_400,
}  # fmt: skip

router = APIRouter(dependencies=[Depends(page()), Depends(look)], include_in_schema=False)
Check = Callable[[str | None], None]
Reader = Annotated[Principal, Depends(page())]


@router.get("/data")
async def data_page(
    request: Request,
    kind: str = "",
    cursor: str | None = None,
    upload: str | None = None,
    part: str | None = None,
) -> Response:
    return await _page(request, kind=kind, cursor=cursor, upload_id=upload, part=part)


@router.get("/data/queue")
async def queue(request: Request) -> Response:
    """The files of late, for a page that was told that one has settled."""
    _, uploads = await _queue(request)
    return render(request, "data.html", "queue", uploads=uploads)


@router.post("/data/upload", dependencies=[Depends(files())])
async def upload(request: Request, principal: Reader) -> Response:
    """One file in a form. What became of it stands in the queue, refused or not."""
    declared = request.headers.get("content-length", "")
    checks: dict[str, Check] = {"once": lambda _sent: None}
    if csrf.HEADER not in request.headers:
        checks[csrf.FIELD] = lambda sent: csrf.check_token(sent, principal.csrf)
    try:
        received = await desk(request).work.receive(
            request.stream(),
            request.headers.get("content-type", ""),
            int(declared) if declared.isdecimal() else None,
            checks,
        )
    except Problem as problem:
        if "upload" not in problem.values or problem.code == "csrf_failed":
            raise
        became = str(problem.values["upload"])
    else:
        became = received.upload.id
    if wants_page(request):
        return RedirectResponse(f"/data?upload={became}", 303)
    return Response(status_code=204)


@router.post("/data/uploads/{upload_id}/columns")
async def map_columns(request: Request, upload_id: str) -> Response:
    """Read an unsure file again with the columns that a person has named."""
    form = await request.form()
    columns = {
        word: str(form[f"column.{word}"]) for word in COLUMN_WORDS if form.get(f"column.{word}")
    }
    row = await desk(request).db.read(queries.get_upload, upload_id)
    if row is None:
        raise Problem("not_found")
    zone = str(form.get("tz") or "") or row.hints.tz
    hints = msgspec.structs.replace(row.hints, columns=columns, tz=zone)
    try:
        received = await desk(request).work.map_columns(upload_id, hints)
    except Problem as problem:
        if problem.values.get("upload") != upload_id:
            raise
        return RedirectResponse(f"/data?upload={upload_id}", 303)
    return RedirectResponse(f"/data/{received.datasets[0].id}", 303)


@router.post("/data/uploads/{upload_id}/discard")
async def discard(request: Request, upload_id: str) -> Response:
    """Give up an unsure file."""
    await desk(request).work.discard(upload_id)
    return RedirectResponse("/data", 303)


@router.get("/data/uploads/{upload_id}/problem")
async def problem_of_upload(request: Request, upload_id: str) -> Response:
    """Why a file was refused, as a program would have read it."""
    row = await desk(request).db.read(queries.get_upload, upload_id)
    if row is None or row.failure is None:
        raise Problem("not_found")
    failure = row.failure
    problem = Problem(failure.code, errors=failure.errors, values=failure.values)
    return Response(msgspec.json.encode(problem_body(request, problem)), media_type=MEDIA_TYPE)


@router.post("/data/sample")
async def sample(request: Request) -> Response:
    """Make the built-in sample."""
    await desk(request).work.sample()
    return RedirectResponse("/data", 303)


@router.get("/data/{dataset_id}")
async def dataset_page(
    request: Request, dataset_id: str, kind: str = "", part: str | None = None
) -> Response:
    return await _page(request, kind=kind, dataset_id=dataset_id, part=part)


@router.get("/data/{dataset_id}/delete")
async def ask_delete(request: Request, dataset_id: str) -> Response:
    """The question of the dialog as a page of its own, for a browser without script."""
    db = desk(request).db
    row = await db.read(queries.get_dataset, dataset_id)
    if row is None:
        raise Problem("not_found")
    uses = await db.read(queries.dataset_uses, [dataset_id])
    return render(
        request,
        "data_delete.html",
        page="data",
        item=shown.shown(row, uses.get(dataset_id, ())),
    )


@router.post("/data/{dataset_id}/delete")
async def delete(request: Request, dataset_id: str) -> Response:
    await desk(request).work.delete_dataset(dataset_id)
    return RedirectResponse("/data", 303)


async def _page(
    request: Request,
    *,
    kind: str,
    cursor: str | None = None,
    dataset_id: str | None = None,
    upload_id: str | None = None,
    part: str | None = None,
) -> Response:
    """The page, or its right half where `part` is `stored`."""
    now = desk(request)
    lang = viewer(request).lang
    chosen = Kind(kind) if kind in tuple(Kind) else None
    rows, next_cursor = await now.db.read(queries.list_datasets, DATASETS_SHOWN, cursor, chosen)
    dataset = await _dataset(now, dataset_id, rows)
    arriving, uploads = await _queue(request)
    upload = await _upload(now, upload_id, uploads if dataset_id is None else [])
    named = [row.id for row in rows] + ([dataset.id] if dataset else [])
    uses = await now.db.read(queries.dataset_uses, named)
    count, file_bytes = await now.db.read(queries.datasets_total)
    context: dict[str, Any] = {
        "page": "data",
        "kind": chosen or "",
        "here": _here(dataset_id, upload=upload_id, kind=chosen, cursor=cursor),
        "arriving": arriving,
        "uploads": uploads,
        "upload": upload,
        "raw_lines": shown.raw_lines(upload.failure) if upload and upload.failure else (),
        "sniff": await _sniff(now, upload),
        "column_words": COLUMN_WORDS,
        "datasets": [shown.shown(row, uses.get(row.id, ())) for row in rows],
        "next_cursor": next_cursor,
        "dataset": shown.shown(dataset, uses.get(dataset.id, ())) if dataset else None,
        "grid": shown.grid(lang, dataset.facts) if dataset else None,
        "head": await _head(now, dataset),
        "total": {
            "count": count,
            "file_bytes": file_bytes,
            "free_bytes": shutil.disk_usage(now.data_dir).free,
        },
        "limit_bytes": await now.work.upload_bytes_max(),
        "hint_zones": tuple(formats.ZONES),
        "timeframes": TIMEFRAMES,
        "uses_shown": USES_SHOWN,
        "gaps_shown": GAPS_SHOWN,
        "outliers_shown": OUTLIERS_SHOWN,
    }
    return render(request, "data.html", "stored" if part == "stored" else None, **context)


def _here(dataset_id: str | None, **chosen: str | None) -> str:
    """Where the page's right half comes from again."""
    asked = {"part": "stored"} | {name: value for name, value in chosen.items() if value}
    return f"/data{f'/{dataset_id}' if dataset_id else ''}?{urlencode(asked)}"


async def _queue(request: Request) -> tuple[list[shown.Queued], list[shown.Queued]]:
    """(files on their way, files that have settled), newest first."""
    lang = viewer(request).lang
    rows = await desk(request).db.read(queries.uploads_with_datasets, UPLOADS_SHOWN)
    items = [shown.queued(lang, row, datasets) for row, datasets in rows]
    moving = [item for item in items if item.row.state in shown.MOVING]
    return moving, [item for item in items if item.row.state not in shown.MOVING]


async def _dataset(now: Desk, dataset_id: str | None, rows: list[DatasetRow]) -> DatasetRow | None:
    """The chosen dataset, else the newest."""
    if dataset_id is None:
        return rows[0] if rows else None
    row = await now.db.read(queries.get_dataset, dataset_id)
    if row is None:
        raise Problem("not_found")
    return row


async def _upload(
    now: Desk, upload_id: str | None, settled: list[shown.Queued]
) -> UploadRow | None:
    """The chosen file, else the newest where it waits for a person."""
    if upload_id is not None:
        row = await now.db.read(queries.get_upload, upload_id)
        if row is None:
            raise Problem("not_found")
    else:
        row = settled[0].row if settled else None
    asks = row is not None and (row.failure is not None or row.state is UploadState.UNSURE)
    return row if asks else None


async def _sniff(now: Desk, upload: UploadRow | None) -> preview.Sniff | None:
    """What the mapping form needs of a file that is still there."""
    if upload is None or upload.state is not UploadState.UNSURE:
        return None
    return await now.work.sniff(upload)


async def _head(now: Desk, dataset: DatasetRow | None) -> dict[str, Any]:
    if dataset is None:
        return {"names": (), "rows": ()}
    found, rows = await now.work.head(dataset, shown.HEAD_ROWS)
    names = [name for name in shown.COLUMNS if name in found]
    return {
        "names": names,
        "rows": [
            [shown.cell(name, row[found.index(name)], dataset.facts.timeframe_s) for name in names]
            for row in rows
        ],
    }
