"""From SQL rows to records: public ids, pages by cursor, texts that every database can keep."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa

from app.domain.live import Opportunity
from app.domain.problems import FieldError, Problem
from app.domain.records import (
    AuditRow,
    DatasetRow,
    RunRow,
    SessionRow,
    SettingChangeRow,
    SettingRow,
    StudyKind,
    StudyPointRow,
    StudyRow,
    TokenRow,
    UploadRow,
    UserRow,
)

T = TypeVar("T")

Fields = sa.Row[*tuple[Any, ...]]
Query = sa.Select[*tuple[Any, ...]]

UPLOAD, DATASET, RUN = "u", "d", "b"
OPPORTUNITY, REFUSAL = "o", "r"
STUDY = {StudyKind.SWEEP: "s", StudyKind.WALKFORWARD: "w"}

_NUMBER = re.compile(r"[1-9][0-9]{0,17}")


def number(prefix: str, public_id: str) -> int | None:
    """`number("d", "d-31")` is 31; None for whatever else, so that it is simply not found."""
    head, dash, tail = public_id.partition("-")
    if head != prefix or not dash or not _NUMBER.fullmatch(tail):
        return None
    return int(tail)


def study_key(public_id: str) -> tuple[StudyKind, int] | None:
    """The kind and number of `s-4` or `w-7`."""
    for kind, prefix in STUDY.items():
        found = number(prefix, public_id)
        if found is not None:
            return kind, found
    return None


def signal_key(public_id: str) -> tuple[str, int] | None:
    """The kind and number of `o-4` or `r-7`."""
    for kind in (OPPORTUNITY, REFUSAL):
        found = number(kind, public_id)
        if found is not None:
            return kind, found
    return None


def new_id(made: sa.CursorResult[Any]) -> int:
    """The id that an insert was given."""
    assert made.inserted_primary_key is not None
    return int(made.inserted_primary_key[0])


def shown(text: str, chars_max: int) -> str:
    """A text from outside, for showing only: cut, without what PostgreSQL or UTF-8 refuse."""
    return text.replace("\x00", "").encode("utf-8", "ignore").decode()[:chars_max]


def page(
    conn: sa.Connection,
    query: Query,
    id_column: sa.Column[Any],
    build: Callable[[Fields], T],
    limit: int,
    cursor: str | None,
) -> tuple[list[T], str | None]:
    """The newest `limit` rows older than the cursor, and the cursor of the page after them."""
    if cursor is not None:
        if not _NUMBER.fullmatch(cursor):
            place = FieldError(column="cursor", value=cursor[:200], expected="next_cursor")
            raise Problem("invalid_fields", errors=(place,))
        query = query.where(id_column < int(cursor))
    rows = conn.execute(query.order_by(id_column.desc()).limit(limit + 1)).all()
    more = len(rows) > limit
    rows = rows[:limit]
    return [build(row) for row in rows], str(rows[-1]._mapping[id_column]) if more else None


def user(row: Fields) -> UserRow:
    return UserRow(**row._mapping)


def session(row: Fields) -> SessionRow:
    return SessionRow(**row._mapping)


def token(row: Fields) -> TokenRow:
    return TokenRow(**{key: value for key, value in row._mapping.items() if key != "seq"})


def audit(row: Fields) -> AuditRow:
    return AuditRow(**row._mapping)


def setting(row: Fields) -> SettingRow:
    return SettingRow(**row._mapping)


def setting_change(row: Fields) -> SettingChangeRow:
    return SettingChangeRow(**row._mapping)


def upload(row: Fields) -> UploadRow:
    return UploadRow(**{**row._mapping, "id": f"{UPLOAD}-{row.id}"})


def dataset(row: Fields) -> DatasetRow:
    facts = {key: value for key, value in row._mapping.items() if key != "kind"}
    upload_id = None if row.upload_id is None else f"{UPLOAD}-{row.upload_id}"
    return DatasetRow(**{**facts, "id": f"{DATASET}-{row.id}", "upload_id": upload_id})


def run(row: Fields) -> RunRow:
    return RunRow(**{**row._mapping, "id": f"{RUN}-{row.id}"})


def study(row: Fields) -> StudyRow:
    return StudyRow(**{**row._mapping, "id": f"{STUDY[row.kind]}-{row.id}"})


def study_point(row: Fields) -> StudyPointRow:
    return StudyPointRow(**{k: v for k, v in row._mapping.items() if k != "study_id"})


def signal(row: Fields) -> Opportunity:
    found: Opportunity = row.opportunity
    return found
