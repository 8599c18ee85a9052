"""Asking: what an address chooses on a page of trading, and what its forms carry."""

from __future__ import annotations

from starlette.datastructures import FormData
from starlette.requests import Request

from app.domain.problems import FieldError, Problem
from app.runtime.streams.board import CHOICE_LETTERS_MAX, chosen

BACK_LETTERS_MAX = 200


def asked_of(request: Request, page: str) -> dict[str, str]:
    """The choices that the page knows. Problem invalid_fields names what is too long."""
    try:
        return dict(chosen(page, request.query_params))
    except ValueError as too_long:
        expected = f"at most {CHOICE_LETTERS_MAX} letters"
        error = FieldError(column=str(too_long), expected=expected)
        raise Problem("invalid_fields", errors=(error,)) from None


def whole_number(form: FormData, name: str) -> int:
    """Problem invalid_fields where it is none."""
    written = str(form.get(name, ""))
    if not written.isdecimal() or len(written) > 18:
        error = FieldError(column=name, value=written[:40], expected="whole number")
        raise Problem("invalid_fields", errors=(error,))
    return int(written)


def way_back(form: FormData, otherwise: str) -> str:
    """Where the person was: a path of ours, never another host."""
    path = str(form.get("back", ""))
    own = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if own and len(path) <= BACK_LETTERS_MAX and path.isprintable() else otherwise
