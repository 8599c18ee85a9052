"""Records: the ledger's rows as frozen values. Times are ns since the epoch, UTC."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from app.domain.backtests import RunSpec, RunStatus, StudySpec
from app.domain.datasets import DatasetFacts, Hints, UploadState
from app.domain.problems import FieldError

Metrics = dict[str, float | int | None]


class Failure(msgspec.Struct, frozen=True):
    """Why something ended badly: a problem's code, its values and the places, kept as data.

    lines: of a refused file, (number, text) of the lines around the first place.
    """

    code: str
    values: dict[str, str | int | float] = {}
    errors: tuple[FieldError, ...] = ()
    lines: tuple[tuple[int, str], ...] = ()


class UserRow(msgspec.Struct, frozen=True):
    """A person. scopes: what a session of theirs may do (read, backtest, trade, admin)."""

    id: int
    name: str
    password_hash: str
    scopes: tuple[str, ...]
    created_at_ns: int
    password_at_ns: int


class SessionRow(msgspec.Struct, frozen=True):
    """A signed-in browser with the name and scopes of its user. The cookie is kept as a hash."""

    id: int
    id_hash: str
    user_id: int
    user_name: str
    scopes: tuple[str, ...]
    csrf: str
    created_at_ns: int
    seen_at_ns: int
    idle_until_ns: int
    until_ns: int
    ip: str
    agent: str


class TokenRow(msgspec.Struct, frozen=True):
    """An API token. id is the public part of `kimp_<id>_<secret>`; the secret is kept as a hash.

    user_id: None for one that the bootstrap token issued.
    """

    id: str
    name: str
    secret_hash: str
    scopes: tuple[str, ...]
    user_id: int | None
    created_at_ns: int
    expires_at_ns: int | None
    used_at_ns: int | None
    revoked_at_ns: int | None


class SealedRow(msgspec.Struct, frozen=True):
    """A secret as it is kept. fields: name → sealed text, all under one key of this row alone,
    which is kept as `wrapped_key` under the master key called `kek_id`. version: counts changes.
    """

    credential_id: str
    venue: str
    account: str
    version: int
    kek_id: str
    wrapped_key: str
    fields: dict[str, str]
    at_ns: int
    by: str


class SecondFactorRow(msgspec.Struct, frozen=True):
    """A person's second factor. last_step: codes up to this half minute are spent."""

    user_id: int
    since_ns: int
    last_step: int
    codes_left: int


class AuditRow(msgspec.Struct, frozen=True):
    """Who did what from where, and how it ended."""

    id: int
    at_ns: int
    actor: str
    ip: str
    action: str
    result: str
    detail: str


class SettingRow(msgspec.Struct, frozen=True):
    """One setting as JSON text. previous_json: the value before the last change, None if unset."""

    key: str
    value_json: str
    previous_json: str | None
    at_ns: int
    by: str


class SettingChangeRow(msgspec.Struct, frozen=True):
    """One change of a setting; None stands for «not set»."""

    id: int
    key: str
    old_json: str | None
    new_json: str | None
    at_ns: int
    by: str


class UploadRow(msgspec.Struct, frozen=True):
    """A file that is being or was uploaded, id `u-<n>`. bytes_total: as declared, if it was."""

    id: str
    file_name: str
    hints: Hints
    state: UploadState
    bytes_done: int
    bytes_total: int | None
    sha256: str | None
    failure: Failure | None
    created_at_ns: int
    finished_at_ns: int | None


class DatasetRow(msgspec.Struct, frozen=True):
    """A stored dataset, id `d-<n>`. folder: its directory's name. upload_id: None for the sample.

    file_bytes and sha256 are those of the file that it was read from.
    """

    id: str
    upload_id: str | None
    folder: str
    facts: DatasetFacts
    file_name: str
    file_bytes: int
    sha256: str
    created_at_ns: int


class RunRow(msgspec.Struct, frozen=True):
    """A backtest, id `b-<n>`. bars, metrics and folder are known once it has completed."""

    id: str
    spec: RunSpec
    status: RunStatus
    bars_done: int
    bars_total: int | None
    bars: int | None
    metrics: Metrics | None
    open_cycle: dict[str, Any] | None
    failure: Failure | None
    folder: str | None
    created_at_ns: int
    started_at_ns: int | None
    finished_at_ns: int | None

    @property
    def progress(self) -> float:
        """Share of bars done, 0..1."""
        return _share(self.status, self.bars_done, self.bars_total)


class StudyKind(StrEnum):
    """What a study asks: the whole grid, or which point would have been chosen in time."""

    SWEEP = "sweep"
    WALKFORWARD = "walkforward"


class StudyPoint(msgspec.Struct, frozen=True):
    """One point of the grid: the swept parameters and what they gave."""

    params: dict[str, float]
    metrics: Metrics


class StudyWindow(msgspec.Struct, frozen=True):
    """One step of a walk-forward: what the train window chose and how the test window judged."""

    train_start_ns: int
    train_end_ns: int
    test_start_ns: int
    test_end_ns: int
    chosen: dict[str, float]
    train_metrics: Metrics
    test_metrics: Metrics


class StudyRow(msgspec.Struct, frozen=True):
    """A sweep (`s-<n>`) or a walk-forward (`w-<n>`). done and total count points evaluated.

    best: a sweep's best point by the objective. windows and metrics: a walk-forward's outcome,
    its joined equity lies in folder.
    """

    id: str
    kind: StudyKind
    spec: StudySpec
    status: RunStatus
    done: int
    total: int | None
    best: StudyPoint | None
    windows: tuple[StudyWindow, ...] | None
    metrics: Metrics | None
    failure: Failure | None
    folder: str | None
    created_at_ns: int
    started_at_ns: int | None
    finished_at_ns: int | None

    @property
    def progress(self) -> float:
        """Share of points done, 0..1."""
        return _share(self.status, self.done, self.total)


class StudyPointRow(msgspec.Struct, frozen=True):
    """A point of a sweep with its place in the grid, 0-based, last axis fastest."""

    index: int
    params: dict[str, float]
    metrics: Metrics


def _share(status: RunStatus, done: int, total: int | None) -> float:
    if status is RunStatus.COMPLETED:
        return 1.0
    return min(done / total, 1.0) if total else 0.0
