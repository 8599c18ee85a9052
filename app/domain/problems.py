"""Problems: every refusal that a person or a program may read has one stable code."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """One place that is wrong.

    row: 1-based line of the decoded file, None where there is none. column: its name as the
    file or the body spells it. value: what was read, shortened to 200 characters. expected: what
    would have passed, language-neutral and short (`> 0`, `>= low_price 3412.0`).
    """

    row: int | None = None
    column: str | None = None
    value: str | None = None
    expected: str = ""


class Problem(Exception):
    """An expected refusal: (code, values for its text, places). The HTTP status follows the code.

    Texts of every code, Korean and English, stand in `app.texts` under `problem.<code>`.
    """

    def __init__(
        self,
        code: str,
        *,
        errors: tuple[FieldError, ...] = (),
        values: Mapping[str, str | int | float] | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        assert code in CODES, code
        super().__init__(code)
        self.code = code
        self.status = CODES[code]
        self.errors = errors
        self.values: dict[str, str | int | float] = dict(values or {})
        self.retry_after_s = retry_after_s

    def __reduce__(self) -> tuple[object, ...]:
        """Problems cross process borders: workers refuse files."""
        return _rebuild, (self.code, self.errors, self.values, self.retry_after_s)


def _rebuild(
    code: str,
    errors: tuple[FieldError, ...],
    values: Mapping[str, str | int | float],
    retry_after_s: int | None,
) -> Problem:
    return Problem(code, errors=errors, values=values, retry_after_s=retry_after_s)


CODES: dict[str, int] = {
    # front door
    "bad_request": 400,
    "malformed_json": 400,
    "not_signed_in": 401,
    "bad_credentials": 401,
    "forbidden": 403,
    "csrf_failed": 403,
    "scope_missing": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "conflict": 409,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "wrong_host": 421,
    "invalid_fields": 422,
    "too_many_attempts": 429,
    "too_many_streams": 429,
    "internal_error": 500,
    "not_ready": 503,
    # security
    "setup_code_wrong": 403,
    "setup_done": 409,
    "feeds_fixed": 409,
    "archive_away": 503,
    "too_many_tokens": 409,
    "session_only": 403,
    "code_wrong": 401,
    "second_factor_missing": 409,
    "nothing_begun": 409,
    "vault_shut": 503,
    "address_unlike": 409,
    "addresses_tampered": 409,
    "not_live": 409,
    "ticket_over": 409,
    "phrase_wrong": 409,
    # ledger
    "name_taken": 409,
    "dataset_in_use": 409,
    "run_active": 409,
    "dataset_unknown": 422,
    # runtime.work
    "multipart_malformed": 400,
    "already_finished": 409,
    "not_finished": 409,
    "upload_settled": 409,
    "file_missing": 422,
    "timeframes_differ": 422,
    "too_many_points": 422,
    "no_window": 422,
    "too_many_uploads": 429,
    "too_much_work": 429,
    "result_damaged": 500,
    "worker_died": 500,
    "upload_interrupted": 503,
    "service_restarted": 503,
    "work_timeout": 503,
    "cluster_unreachable": 503,
    "cluster_failed": 503,
    "disk_full": 507,
    "work_out_of_memory": 507,
    # runtime.trading
    "engine_killed": 409,
    "orders_unknown": 409,
    "action_impossible": 409,
    "cycle_changed": 409,
    "state_changed": 409,
    # history
    "file_empty": 422,
    "file_without_rows": 422,
    "file_binary": 422,
    "file_spreadsheet": 422,
    "file_has_nul": 422,
    "file_undecodable": 422,
    "gzip_broken": 422,
    "zip_broken": 422,
    "zip_not_single": 422,
    "zip_encrypted": 422,
    "expands_too_far": 413,
    "parquet_broken": 422,
    "json_broken": 422,
    "too_many_columns": 422,
    "field_too_long": 422,
    "quotes_broken": 422,
    "columns_unsure": 422,
    "column_unknown": 422,
    "tz_unknown": 422,
    "row_fields": 422,
    "value_missing": 422,
    "value_not_number": 422,
    "value_not_finite": 422,
    "value_not_positive": 422,
    "value_negative": 422,
    "high_below_low": 422,
    "price_outside_range": 422,
    "time_unreadable": 422,
    "time_ambiguous": 422,
    "time_forms_mixed": 422,
    "time_out_of_range": 422,
    "time_off_grid": 422,
    "timeframe_unknown": 422,
    "timeframes_mixed": 422,
    "coins_mixed": 422,
    "rows_conflict": 422,
    "dataset_damaged": 409,
}
