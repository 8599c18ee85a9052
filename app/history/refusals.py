"""Refusals of this room: a problem code with the place, the value read and what was expected."""

from __future__ import annotations

from app.domain.problems import FieldError, Problem
from app.history.limits import VALUE_CHARACTERS_MAX


def refuse(
    code: str,
    *,
    row: int | None = None,
    column: str | None = None,
    value: str | None = None,
    expected: str = "",
) -> Problem:
    """The problem to raise. `row` is the 1-based line of the decoded file."""
    shown = None if value is None else value[:VALUE_CHARACTERS_MAX]
    return Problem(
        code,
        errors=(FieldError(row=row, column=column, value=shown, expected=expected),),
        values={
            "row": "" if row is None else row,
            "column": column or "",
            "value": shown or "",
            "expected": expected,
        },
    )
