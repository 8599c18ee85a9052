"""CSRF: an unsafe request comes from our own pages and repeats a token that only they know."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import FormData
from starlette.requests import HTTPConnection, Request

from app.domain.problems import Problem
from app.security import tokens

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
HEADER = "x-csrf-token"
FIELD = "csrf"
_FIELDS, _FILES = "application/x-www-form-urlencoded", "multipart/form-data"


def same_origin(connection: HTTPConnection) -> bool:
    """By Sec-Fetch-Site; by Origin where a browser is too old to send it.

    A request with neither comes from no browser that would add a cookie by itself.
    """
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = connection.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == connection.headers.get("host")


def check_header(connection: HTTPConnection, expected: str | None) -> None:
    """Raises csrf_failed unless the request is our own page's and repeats `expected`."""
    if not same_origin(connection):
        raise Problem("csrf_failed")
    check_token(connection.headers.get(HEADER), expected)


async def check(
    request: Request, expected: str | None, *, reads_files: bool = False
) -> FormData | None:
    """As `check_header`, the token may stand in a field as well. Gives the form where it was read.

    reads_files: the route reads the body itself, and where no header brings the token it looks
    for the field with `check_token`.
    """
    kind = request.headers.get("content-type", "")
    if HEADER in request.headers:
        check_header(request, expected)
        return await request.form() if kind.startswith(_FIELDS) else None
    if not same_origin(request):
        raise Problem("csrf_failed")
    if reads_files and kind.startswith(_FILES):
        return None
    form = await request.form() if kind.startswith((_FIELDS, _FILES)) else None
    field = form.get(FIELD) if form is not None else None
    check_token(field if isinstance(field, str) else None, expected)
    return form


def check_token(sent: str | None, expected: str | None) -> None:
    """Raises csrf_failed unless both are there and equal."""
    if not sent or not expected or not tokens.equal(sent, expected):
        raise Problem("csrf_failed")
