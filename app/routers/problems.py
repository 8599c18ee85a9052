"""Problems → answers: RFC 9457 JSON for programs, a page for people, and the way to sign in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response

from app import texts
from app.domain.problems import CODES, FieldError, Problem
from app.routers.render import render, viewer
from app.security.guard import SignInFirst
from app.security.middleware import BodyTooLargeError
from app.security.repeats import Repeated

MEDIA_TYPE = "application/problem+json"
VALUE_LENGTH_MAX = 200
SECRET_FIELDS = frozenset({
    "password", "current", "new", "code", "csrf", "api_key", "api_secret", "api_passphrase",
})  # fmt: skip

log = structlog.get_logger(__name__)

# What a plain HTTP refusal of the framework is called here.
STATUS_CODES: dict[int, str] = {
    401: "not_signed_in",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
}

# Pydantic's kinds of errors in language-neutral words; its own message where none fits.
EXPECTED: dict[str, str] = {
    "missing": "required",
    "extra_forbidden": "no such field",
    "bool_parsing": "true | false",
    "bool_type": "true | false",
    "float_parsing": "number",
    "float_type": "number",
    "finite_number": "finite number",
    "int_parsing": "whole number",
    "int_type": "whole number",
    "int_from_float": "whole number",
    "string_type": "text",
    "string_too_short": ">= {min_length} characters",
    "string_too_long": "<= {max_length} characters",
    "string_pattern_mismatch": "{pattern}",
    "list_type": "list",
    "dict_type": "object",
    "model_attributes_type": "object",
    "too_short": ">= {min_length}",
    "too_long": "<= {max_length}",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "greater_than": "> {gt}",
    "greater_than_equal": ">= {ge}",
    "less_than": "< {lt}",
    "less_than_equal": "<= {le}",
}


class ProblemBody(msgspec.Struct, frozen=True):
    """What a program reads. title and detail are in the viewer's language, the rest in both."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: tuple[FieldError, ...]
    request_id: str
    title_en: str
    title_ko: str
    detail_en: str
    detail_ko: str


def install_problem_handlers(app: FastAPI) -> None:
    """Every refusal of `app`, expected or not, leaves through here."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(SignInFirst, _on_sign_in_first)
    app.add_exception_handler(Repeated, _on_repeated)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_unexpected)


def refuse(connection: HTTPConnection, problem: Problem) -> Response:
    """`problem` as JSON: all that a request gets which did not pass the front door."""
    body = msgspec.json.encode(problem_body(connection, problem))
    return Response(body, problem.status, problem_headers(problem), media_type=MEDIA_TYPE)


def problem_response(request: Request, problem: Problem) -> Response:
    """`problem` as JSON, or as a page or a fragment of one where a browser asked for it."""
    if not wants_page(request):
        return refuse(request, problem)
    return render(
        request,
        "error.html",
        "problem" if request.headers.get("hx-request") else None,
        status=problem.status,
        headers=problem_headers(problem),
        problem=problem_body(request, problem),
    )


def problem_body(connection: HTTPConnection, problem: Problem) -> ProblemBody:
    words = {lang: texts.problem(lang, problem.code, problem.values) for lang in texts.LANGUAGES}
    title, detail = words[viewer(connection).lang]
    return ProblemBody(
        type=f"urn:kimp:problem:{problem.code}",
        title=title,
        status=problem.status,
        detail=detail,
        code=problem.code,
        errors=problem.errors,
        request_id=connection.scope["state"]["request_id"],
        title_en=words["en"][0],
        title_ko=words["ko"][0],
        detail_en=words["en"][1],
        detail_ko=words["ko"][1],
    )


def wants_page(request: Request) -> bool:
    """A browser on one of our pages; whoever calls the API gets JSON."""
    accepts_html = "text/html" in request.headers.get("accept", "")
    return accepts_html and not request.url.path.startswith("/api/")


def problem_headers(problem: Problem) -> dict[str, str]:
    headers = {}
    if problem.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if problem.code == "method_not_allowed":
        headers["Allow"] = str(problem.values["allowed"])
    if problem.retry_after_s is not None:
        headers["Retry-After"] = str(problem.retry_after_s)
    return headers


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return problem_response(request, error)


async def _on_sign_in_first(request: Request, error: Exception) -> Response:
    """People are led to /login or /setup and back; programs and fragments get 401."""
    assert isinstance(error, SignInFirst)
    way = "/setup" if error.first_run else "/login"
    if request.method == "GET" and not error.first_run and request.url.path != "/":
        query = f"?{request.url.query}" if request.url.query else ""
        way += f"?next={quote(request.url.path + query, safe='')}"
    if request.headers.get("hx-request"):
        answer = problem_response(request, Problem("not_signed_in"))
        answer.headers["HX-Redirect"] = way.partition("?")[0]
        return answer
    if "application/json" in request.headers.get("accept", ""):
        return problem_response(request, Problem("not_signed_in"))
    return RedirectResponse(way, 303)


async def _on_repeated(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Repeated)
    return error.answer


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(each["type"] == "json_invalid" for each in found):
        return problem_response(request, Problem("malformed_json"))
    return problem_response(
        request, Problem("invalid_fields", errors=tuple(_field_error(each) for each in found))
    )


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem_response(request, _from_http(error))


async def _on_unexpected(request: Request, error: Exception) -> Response:
    log.error("unexpected_failure", path=request.url.path, exc_info=error)
    return problem_response(request, Problem("internal_error"))


def _from_http(error: HTTPException) -> Problem:
    values: dict[str, str | int | float] = {"reason": error.detail}
    if isinstance(error, BodyTooLargeError):
        values["limit"] = f"{error.bytes_max / 2**20:g} MiB"
    values["allowed"] = (error.headers or {}).get("Allow", "")
    fallback = "bad_request" if error.status_code < 500 else "internal_error"
    code = STATUS_CODES.get(error.status_code, fallback)
    assert code in CODES
    return Problem(code, values=values)


def _field_error(found: Mapping[str, Any]) -> FieldError:
    """One of Pydantic's errors as the place that is wrong."""
    column = _writable(".".join(str(step) for step in found["loc"][1:])) or None
    words = EXPECTED.get(found["type"])
    expected = words.format_map(found.get("ctx", {})) if words else found["msg"]
    return FieldError(column=column, value=_shown(column, found), expected=expected)


def _shown(column: str | None, found: Mapping[str, Any]) -> str | None:
    """What was read, shortened; nothing of secrets, and nothing where the field was missing."""
    if found["type"] == "missing" or column in SECRET_FIELDS:
        return None
    given = found["input"]
    # The words of JSON, not of Python.
    text = {None: "null", True: "true", False: "false"}[given] if _is_word(given) else str(given)
    return _writable(text[:VALUE_LENGTH_MAX])


def _is_word(given: object) -> bool:
    return given is None or isinstance(given, bool)


def _writable(text: str) -> str:
    """JSON may hold half of a surrogate pair, which no encoding can write."""
    return text.encode(errors="replace").decode()
