"""Queries: what pages, API and recovery read. Lists come newest first, by cursor."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from app.domain.backtests import RunStatus
from app.domain.datasets import Kind
from app.domain.live import Explanation, Opportunity, as_ended
from app.domain.records import (
    AuditRow,
    DatasetRow,
    RunRow,
    SettingChangeRow,
    SettingRow,
    StudyKind,
    StudyPointRow,
    StudyRow,
    UploadRow,
)
from app.ledger import rows
from app.ledger.studies import which
from app.ledger.tables import (
    arbitrage_signals,
    audit_events,
    datasets,
    run_datasets,
    runs,
    setting_changes,
    studies,
    study_datasets,
    study_points,
    uploads,
)

# What a function of this room runs on, by one name for those who compose several.
Connection = sa.Connection


def get_upload(conn: sa.Connection, upload_id: str) -> UploadRow | None:
    number = rows.number(rows.UPLOAD, upload_id)
    row = conn.execute(sa.select(uploads).where(uploads.c.id == number)).first()
    return None if row is None else rows.upload(row)


def list_uploads(conn: sa.Connection, limit: int) -> list[UploadRow]:
    query = sa.select(uploads).order_by(uploads.c.id.desc()).limit(limit)
    return [rows.upload(row) for row in conn.execute(query)]


def datasets_of_upload(conn: sa.Connection, upload_id: str) -> list[DatasetRow]:
    """What a file became, in the order in which the reader gave it."""
    number = rows.number(rows.UPLOAD, upload_id)
    query = sa.select(datasets).where(datasets.c.upload_id == number).order_by(datasets.c.id)
    return [rows.dataset(row) for row in conn.execute(query)]


def uploads_with_datasets(
    conn: sa.Connection, limit: int
) -> list[tuple[UploadRow, list[DatasetRow]]]:
    """The newest files, each with what it became and what of that is still there."""
    return [(row, datasets_of_upload(conn, row.id)) for row in list_uploads(conn, limit)]


def get_dataset(conn: sa.Connection, dataset_id: str) -> DatasetRow | None:
    number = rows.number(rows.DATASET, dataset_id)
    row = conn.execute(sa.select(datasets).where(datasets.c.id == number)).first()
    return None if row is None else rows.dataset(row)


def list_datasets(
    conn: sa.Connection, limit: int, cursor: str | None = None, kind: Kind | None = None
) -> tuple[list[DatasetRow], str | None]:
    """(rows, cursor of the next page or None)."""
    query = sa.select(datasets)
    if kind is not None:
        query = query.where(datasets.c.kind == kind)
    return rows.page(conn, query, datasets.c.id, rows.dataset, limit, cursor)


def datasets_with_sha(conn: sa.Connection, sha256: str) -> list[DatasetRow]:
    """What the same file became before, oldest first."""
    query = sa.select(datasets).where(datasets.c.sha256 == sha256).order_by(datasets.c.id)
    return [rows.dataset(row) for row in conn.execute(query)]


def datasets_total(conn: sa.Connection) -> tuple[int, int]:
    """(how many datasets there are, bytes of the files that they were read from)."""
    query = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(datasets.c.file_bytes), 0))
    count, file_bytes = conn.execute(query.select_from(datasets)).one()
    return int(count), int(file_bytes)


def dataset_uses(conn: sa.Connection, dataset_ids: Collection[str]) -> dict[str, list[str]]:
    """Of each dataset that something was made from: the runs, then the studies, oldest first."""
    numbers = [rows.number(rows.DATASET, dataset_id) for dataset_id in dataset_ids]
    used: dict[str, list[str]] = {}
    of_runs = sa.select(run_datasets).where(run_datasets.c.dataset_id.in_(numbers))
    for row in conn.execute(of_runs.order_by(run_datasets.c.run_id)):
        used.setdefault(f"{rows.DATASET}-{row.dataset_id}", []).append(f"{rows.RUN}-{row.run_id}")
    of_studies = (
        sa.select(study_datasets.c.dataset_id, studies.c.kind, studies.c.id)
        .join(studies)
        .where(study_datasets.c.dataset_id.in_(numbers))
    )
    for row in conn.execute(of_studies.order_by(studies.c.id)):
        name = f"{rows.STUDY[row.kind]}-{row.id}"
        used.setdefault(f"{rows.DATASET}-{row.dataset_id}", []).append(name)
    return used


def synthetic_among(conn: sa.Connection, dataset_ids: Collection[str]) -> set[str]:
    """Which of these the built-in generator made."""
    numbers = [rows.number(rows.DATASET, dataset_id) for dataset_id in dataset_ids]
    found = conn.execute(sa.select(datasets).where(datasets.c.id.in_(numbers)))
    return {row.id for row in map(rows.dataset, found) if row.facts.synthetic}


def all_folders(conn: sa.Connection) -> frozenset[str]:
    """Folders of datasets that have a row; every other one may go."""
    return frozenset(conn.scalars(sa.select(datasets.c.folder)))


def get_run(conn: sa.Connection, run_id: str) -> RunRow | None:
    number = rows.number(rows.RUN, run_id)
    row = conn.execute(sa.select(runs).where(runs.c.id == number)).first()
    return None if row is None else rows.run(row)


def list_runs(
    conn: sa.Connection,
    limit: int,
    cursor: str | None = None,
    statuses: Collection[RunStatus] | None = None,
) -> tuple[list[RunRow], str | None]:
    """(rows, cursor of the next page or None)."""
    query = sa.select(runs)
    if statuses is not None:
        query = query.where(runs.c.status.in_(statuses))
    return rows.page(conn, query, runs.c.id, rows.run, limit, cursor)


def run_folders(conn: sa.Connection) -> frozenset[str]:
    """Folders of runs and studies that have a row; every other one may go."""
    of_runs = sa.select(runs.c.folder).where(runs.c.folder.is_not(None))
    of_studies = sa.select(studies.c.folder).where(studies.c.folder.is_not(None))
    return frozenset(conn.scalars(of_runs.union_all(of_studies)))


def get_study(conn: sa.Connection, study_id: str) -> StudyRow | None:
    row = conn.execute(sa.select(studies).where(which(study_id))).first()
    return None if row is None else rows.study(row)


def list_studies(
    conn: sa.Connection,
    limit: int,
    cursor: str | None = None,
    kind: StudyKind | None = None,
    statuses: Collection[RunStatus] | None = None,
) -> tuple[list[StudyRow], str | None]:
    """(rows, cursor of the next page or None)."""
    query = sa.select(studies)
    if kind is not None:
        query = query.where(studies.c.kind == kind)
    if statuses is not None:
        query = query.where(studies.c.status.in_(statuses))
    return rows.page(conn, query, studies.c.id, rows.study, limit, cursor)


def list_points(conn: sa.Connection, study_id: str) -> list[StudyPointRow]:
    """The points done so far in the order of the grid; at most POINTS_MAX by construction."""
    query = (
        sa.select(study_points).join(studies).where(which(study_id)).order_by(study_points.c.index)
    )
    return [rows.study_point(row) for row in conn.execute(query)]


def get_setting(conn: sa.Connection, key: str) -> SettingRow | None:
    """None when it is not set, never or not any more."""
    row = conn.execute(_settings().where(_changes.c.key == key)).first()
    return None if row is None else rows.setting(row)


def list_settings(conn: sa.Connection) -> list[SettingRow]:
    """All that are set, by key."""
    return [rows.setting(row) for row in conn.execute(_settings().order_by(_changes.c.key))]


def list_setting_changes(conn: sa.Connection, key: str, limit: int) -> list[SettingChangeRow]:
    """The last changes of one setting, newest first; undo puts the first one's old_json back."""
    query = sa.select(
        _changes.c.id,
        _changes.c.key,
        _changes.c.previous_json.label("old_json"),
        _changes.c.value_json.label("new_json"),
        _changes.c.at_ns,
        _changes.c.by,
    ).where(_changes.c.key == key)
    newest = query.order_by(_changes.c.id.desc()).limit(limit)
    return [rows.setting_change(row) for row in conn.execute(newest)]


_key, _id = setting_changes.c.key, setting_changes.c.id
_before = sa.func.lag(setting_changes.c.value_json).over(partition_by=_key, order_by=_id)
_age = sa.func.row_number().over(partition_by=_key, order_by=_id.desc())
_changes = sa.select(
    *setting_changes.c, _before.label("previous_json"), _age.label("age")
).subquery()


def _settings() -> rows.Query:
    return sa.select(
        _changes.c.key,
        _changes.c.value_json,
        _changes.c.previous_json,
        _changes.c.at_ns,
        _changes.c.by,
    ).where(_changes.c.age == 1, _changes.c.value_json.is_not(None))


def list_events(
    conn: sa.Connection, limit: int, cursor: str | None = None
) -> tuple[list[AuditRow], str | None]:
    """The audit trail: (rows, cursor of the next page or None)."""
    return rows.page(conn, sa.select(audit_events), audit_events.c.id, rows.audit, limit, cursor)


def list_signals(
    conn: sa.Connection,
    limit: int,
    cursor: str | None = None,
    *,
    status: str | None = None,
    base: str | None = None,
    feeds: str | None = None,
    ended: bool = False,
) -> tuple[list[Opportunity], str | None]:
    """Opportunities and refusals as last written: (rows, cursor of the next page or None).

    ended: without those that are under way, which are only written when they begin and end.
    """
    query = sa.select(arbitrage_signals.c.id, arbitrage_signals.c.opportunity)
    for column, value in (
        (arbitrage_signals.c.status, status),
        (arbitrage_signals.c.base, base),
        (arbitrage_signals.c.feeds, feeds),
    ):
        query = query if value is None else query.where(column == value)
    if ended:
        query = query.where(arbitrage_signals.c.closed_at_ns.is_not(None))
    return rows.page(conn, query, arbitrage_signals.c.id, rows.signal, limit, cursor)


def get_signal(conn: sa.Connection, signal_id: str) -> Opportunity | None:
    row = _signal(conn, signal_id)
    return None if row is None else rows.signal(row)


def explanation(conn: sa.Connection, signal_id: str) -> Explanation | None:
    """As it was when the row began, and how it ended."""
    row = _signal(conn, signal_id)
    if row is None or row.evidence is None:
        return None
    return as_ended(row.evidence, row.opportunity)


def _signal(conn: sa.Connection, signal_id: str) -> rows.Fields | None:
    key = rows.signal_key(signal_id)
    if key is None:
        return None
    table = arbitrage_signals
    query = sa.select(table.c.opportunity, table.c.evidence)
    return conn.execute(query.where(table.c.kind == key[0], table.c.id == key[1])).first()
