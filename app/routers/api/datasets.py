"""Datasets: /api/v1/datasets. Reading needs the scope read; uploading and deleting, backtest."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from app.domain.datasets import DatasetFacts, Kind
from app.domain.problems import Problem
from app.domain.records import DatasetRow
from app.ledger import queries
from app.routers.api.encode import answer, answers, gone, refusals
from app.runtime.desk import desk
from app.runtime.work.uploads import Received
from app.security.guard import files, needs
from app.texts.formats import iso

PREVIEW_ROWS = 20
PREVIEW_ROWS_MAX = 500

router = APIRouter(
    prefix="/api/v1/datasets",
    tags=["datasets"],
    dependencies=[Depends(needs("read"))],
    responses=refusals("not_signed_in", "scope_missing"),
)


class GapBody(msgspec.Struct, frozen=True):
    """A hole. start: open time of the bar before it. length_s: how long nothing came."""

    start: str
    length_s: int
    bars: int


class OutlierBody(msgspec.Struct, frozen=True):
    """A close far from both of its neighbours."""

    time: str
    close: float


class QualityBody(msgspec.Struct, frozen=True):
    """coverage: share of bars present. density: that share in 200 equal slices of the span."""

    coverage: float
    zero_volume: int
    outliers: int
    unsorted: bool
    gap_list: tuple[GapBody, ...]
    outlier_list: tuple[OutlierBody, ...]
    density: tuple[float, ...]


class DatasetBody(msgspec.Struct, frozen=True):
    """One stored series. start and end: its first and last time. gaps: how many holes.

    columns: how the file's columns were read. synthetic: made by the built-in generator.
    """

    id: str
    kind: str
    venue: str | None
    base: str | None
    quote: str | None
    timeframe_s: int | None
    rows: int
    start: str
    end: str
    gaps: int
    longest_gap_s: int
    duplicates: int
    shape: str
    tz: str
    columns: dict[str, str]
    coverage: float
    synthetic: bool
    file_name: str
    file_bytes: int
    sha256: str
    created_at: str


class DatasetDetail(DatasetBody, frozen=True):
    """A dataset with its quality report."""

    quality: QualityBody


class UploadedDataset(DatasetDetail, frozen=True):
    """What an upload became. same_content_as: datasets that the same bytes had become before."""

    same_content_as: tuple[str, ...]


class UploadedJoined(msgspec.Struct, frozen=True):
    """A joined file became three datasets: won candles, dollar candles, rates. id: the upload's."""

    id: str
    kind: str
    file_name: str
    datasets: tuple[DatasetDetail, ...]
    same_content_as: tuple[str, ...]


class DatasetList(msgspec.Struct, frozen=True):
    """Newest first."""

    items: list[DatasetBody]
    next_cursor: str | None


class Preview(msgspec.Struct, frozen=True):
    """The first rows, one list each in the order of `columns`; times ISO 8601."""

    id: str
    columns: tuple[str, ...]
    rows: list[list[str | float]]


_EXAMPLE = DatasetBody(
    id="d-31",
    kind="candles",
    venue="upbit",
    base="BTC",
    quote="KRW",
    timeframe_s=60,
    rows=9_999,
    start="2018-01-25T06:42:00Z",
    end="2018-02-01T05:20:00Z",
    gaps=0,
    longest_gap_s=0,
    duplicates=1,
    shape="upbit",
    tz="UTC",
    columns={"time": "candleDateTime", "open": "openingPrice", "close": "tradePrice"},
    coverage=1.0,
    synthetic=False,
    file_name="BTC.csv",
    file_bytes=1_538_211,
    sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    created_at="2026-11-20T06:50:00Z",
)
_QUALITY = QualityBody(1.0, 0, 0, True, (), (), (1.0,) * 3)
_DETAIL = DatasetDetail(**msgspec.structs.asdict(_EXAMPLE), quality=_QUALITY)
_UPLOADED = UploadedDataset(**msgspec.structs.asdict(_DETAIL), same_content_as=())

_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "additionalProperties": False,
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "CSV, JSON array or Parquet; plain, .gz or .zip.",
                        },
                        "venue": {"type": "string", "example": "upbit"},
                        "base": {"type": "string", "example": "BTC"},
                        "quote": {"type": "string", "example": "KRW"},
                        "timeframe": {
                            "type": "string",
                            "example": "1m",
                            "description": "1m, 5m, 15m, 1h, 1d or seconds.",
                        },
                        "tz": {
                            "type": "string",
                            "example": "Asia/Seoul",
                            "description": "Zone of times without one: IANA name or ±HH:MM.",
                        },
                        "columns": {
                            "type": "string",
                            "example": '{"time": "Zeit", "close": "Kurs"}',
                            "description": "Which of the file's columns is what, as JSON.",
                        },
                    },
                }
            }
        },
    }
}


@router.post(
    "",
    status_code=201,
    summary="Upload a file",
    dependencies=[Depends(needs("backtest")), Depends(files())],
    openapi_extra=_FORM,
    responses=answers(201, (UploadedDataset, UploadedJoined), "What the file became", _UPLOADED)
    | refusals(
        "multipart_malformed",
        "body_too_large",
        "unsupported_media_type",
        "invalid_fields",
        "file_missing",
        "columns_unsure",
        "too_many_uploads",
        "disk_full",
    ),
)
async def upload(request: Request) -> Response:
    """Streams the file to disk, detects its shape by content, checks every row and stores it.

    A file with anything wrong in it is refused whole: `errors` names row, column, what was read
    and what was expected; nothing is stored.
    """
    declared = request.headers.get("content-length", "")
    work = desk(request).work
    try:
        received = await work.receive(
            request.stream(),
            request.headers.get("content-type", ""),
            int(declared) if declared.isdecimal() else None,
        )
    except Problem as problem:
        if problem.code == "columns_unsure":  # a program sends it again, with `columns`
            await work.discard(str(problem.values["upload"]))
        raise
    return answer(_received(received), 201, {"location": _location(received)})


@router.get(
    "",
    summary="List datasets",
    responses=answers(200, DatasetList, "Newest first", DatasetList([_EXAMPLE], "31"))
    | refusals("invalid_fields"),
)
async def list_datasets(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    cursor: str | None = None,
    kind: Kind | None = None,
) -> Response:
    rows, onward = await desk(request).db.read(queries.list_datasets, limit, cursor, kind)
    return answer(DatasetList([dataset_body(row) for row in rows], onward))


@router.get(
    "/{dataset_id}",
    summary="Read a dataset's facts and quality report",
    responses=answers(200, DatasetDetail, "The dataset", _DETAIL) | refusals("not_found"),
)
async def read_dataset(request: Request, dataset_id: str) -> Response:
    return answer(_detail(await _found(request, dataset_id)))


@router.get(
    "/{dataset_id}/preview",
    summary="Read a dataset's first rows",
    responses=answers(
        200,
        Preview,
        "The first rows",
        Preview("d-31", ("time", "close"), [["2018-01-25T06:42:00Z", 13_401_000.0]]),
    )
    | refusals("not_found", "invalid_fields"),
)
async def preview(
    request: Request,
    dataset_id: str,
    rows: Annotated[int, Query(ge=1, le=PREVIEW_ROWS_MAX)] = PREVIEW_ROWS,
) -> Response:
    row = await _found(request, dataset_id)
    names, first = await desk(request).work.head(row, rows)
    shown = [
        [_cell(name, value) for name, value in zip(names, each, strict=True)] for each in first
    ]
    return answer(Preview(row.id, names, shown))


@router.delete(
    "/{dataset_id}",
    status_code=204,
    summary="Delete a dataset",
    dependencies=[Depends(needs("backtest"))],
    responses=gone() | refusals("not_found", "dataset_in_use"),
)
async def delete_dataset(request: Request, dataset_id: str) -> Response:
    """Refused while a run or study that was made from it is still there."""
    await desk(request).work.delete_dataset(dataset_id)
    return Response(status_code=204)


async def _found(request: Request, dataset_id: str) -> DatasetRow:
    row = await desk(request).db.read(queries.get_dataset, dataset_id)
    if row is None:
        raise Problem("not_found")
    return row


def dataset_body(row: DatasetRow) -> DatasetBody:
    facts = row.facts
    return DatasetBody(
        id=row.id,
        kind=facts.kind,
        venue=facts.venue,
        base=facts.base,
        quote=facts.quote,
        timeframe_s=facts.timeframe_s,
        rows=facts.rows,
        start=iso(facts.start_ns),
        end=iso(facts.end_ns),
        gaps=facts.gaps,
        longest_gap_s=facts.longest_gap_s,
        duplicates=facts.duplicates,
        shape=facts.shape,
        tz=facts.tz,
        columns=facts.columns,
        coverage=facts.quality.coverage,
        synthetic=facts.synthetic,
        file_name=row.file_name,
        file_bytes=row.file_bytes,
        sha256=row.sha256,
        created_at=iso(row.created_at_ns),
    )


def _detail(row: DatasetRow) -> DatasetDetail:
    body = msgspec.structs.asdict(dataset_body(row))
    return DatasetDetail(**body, quality=_quality(row.facts))


def _quality(facts: DatasetFacts) -> QualityBody:
    quality = facts.quality
    return QualityBody(
        coverage=quality.coverage,
        zero_volume=quality.zero_volume,
        outliers=quality.outliers,
        unsorted=quality.unsorted,
        gap_list=tuple(GapBody(iso(g.start_ns), g.length_s, g.bars) for g in quality.gap_list),
        outlier_list=tuple(OutlierBody(iso(at), close) for at, close in quality.outlier_list),
        density=quality.density,
    )


def _received(received: Received) -> UploadedDataset | UploadedJoined:
    twins = tuple(row.id for row in received.twins)
    if len(received.datasets) == 1:
        detail = msgspec.structs.asdict(_detail(received.datasets[0]))
        return UploadedDataset(**detail, same_content_as=twins)
    return UploadedJoined(
        id=received.upload.id,
        kind="joined",
        file_name=received.upload.file_name,
        datasets=tuple(map(_detail, received.datasets)),
        same_content_as=twins,
    )


def _location(received: Received) -> str:
    first = received.datasets[0].id
    return f"/api/v1/datasets/{first}" if len(received.datasets) == 1 else "/api/v1/datasets"


def _cell(name: str, value: float) -> str | float:
    return iso(int(value)) if name in {"time", "known_at"} else value
