"""Answers: msgspec structs and columns → bytes; the same structs as schemas of OpenAPI."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import numpy.typing as npt
from starlette.requests import Request
from starlette.responses import Response

from app import texts
from app.domain.problems import CODES
from app.routers.problems import MEDIA_TYPE, ProblemBody

JSON = "application/json"
CSV = "text/csv"
HTML = "text/html"
BINARY = "application/octet-stream"
ROWS_AT_ONCE = 65_536

Responses = dict[int | str, dict[str, Any]]
Column = npt.NDArray[Any]

_encode = msgspec.json.Encoder().encode  # NaN and infinity become null


def answer(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A value as JSON, without the framework's encoder."""
    return Response(_encode(body), status, headers, media_type=JSON)


def answers(status: int, shape: Any, description: str, example: object, *others: str) -> Responses:
    """What a route gives when all is well; `shape` is what it hands to `answer`.

    others: media types that it gives as well, when they are asked for.
    """
    content: dict[str, Any] = {
        JSON: {"schema": schema(shape), "example": msgspec.to_builtins(example)}
    }
    for media_type in others:
        binary = {"format": "binary"} if media_type == BINARY else {}
        content[media_type] = {"schema": {"type": "string"} | binary}
    return {status: {"description": description, "content": content}}


def gives(status: int, media_type: str, description: str) -> Responses:
    """What a route gives that answers with text of its own kind."""
    return {
        status: {
            "description": description,
            "content": {media_type: {"schema": {"type": "string"}}},
        }
    }


def gone() -> Responses:
    """What a DELETE gives."""
    return {204: {"description": "It is gone"}}


def refusals(*codes: str) -> Responses:
    """The problems that a route may answer with, one example each."""
    found: Responses = {}
    for code in codes:
        title, detail = texts.problem("en", code, {})
        title_ko, detail_ko = texts.problem("ko", code, {})
        body = ProblemBody(
            type=f"urn:kimp:problem:{code}",
            title=title,
            status=CODES[code],
            detail=detail,
            code=code,
            errors=(),
            request_id="4f0c2a9be1d37765",
            title_en=title,
            title_ko=title_ko,
            detail_en=detail,
            detail_ko=detail_ko,
        )
        response = found.setdefault(
            CODES[code],
            {"content": {MEDIA_TYPE: {"schema": schema(ProblemBody), "examples": {}}}},
        )
        response["content"][MEDIA_TYPE]["examples"][code] = {"value": msgspec.to_builtins(body)}
        response["description"] = "; ".join(filter(None, (response.get("description"), title)))
    return found


def accepts(request: Request, media_type: str) -> bool:
    """Whether the caller asks for this very type."""
    wanted = request.headers.get("accept", "").split(",")
    return media_type in {each.partition(";")[0].strip().lower() for each in wanted}


def attachment(file_name: str) -> dict[str, str]:
    """Save under this name (RFC 6266; ours are ASCII)."""
    assert file_name.isascii() and '"' not in file_name, file_name
    return {"content-disposition": f'attachment; filename="{file_name}"'}


def columns_json(columns: Mapping[str, Column]) -> Iterator[bytes]:
    """{"name": [values], …} piece by piece: a million rows never hold up anyone else."""
    before = b"{"
    for name, column in columns.items():
        yield b"%b%b:[" % (before, _encode(name))
        for start in range(0, len(column), ROWS_AT_ONCE):
            values = _encode(column[start : start + ROWS_AT_ONCE].tolist())[1:-1]
            yield b",%b" % values if start else values
        before = b"],"
    yield b"]}"


def columns_binary(columns: Mapping[str, Column]) -> Iterator[bytes]:
    """One column after the other as little-endian float64."""
    for column in columns.values():
        for start in range(0, len(column), ROWS_AT_ONCE):
            yield column[start : start + ROWS_AT_ONCE].astype("<f8").tobytes()


def schema(shape: Any) -> dict[str, Any]:
    """JSON Schema of a type, self-contained: a route's answer reads without a second place.

    A tuple of types stands for either of them.
    """
    if isinstance(shape, tuple):
        return {"anyOf": [schema(each) for each in shape]}
    (found,), components = msgspec.json.schema_components([shape], ref_template="{name}")
    whole: dict[str, Any] = _inlined(found, components)
    return whole


def _inlined(node: Any, components: Mapping[str, Any]) -> Any:
    if isinstance(node, dict):
        if "$ref" in node:
            return _inlined(components[node["$ref"]], components)
        inlined = {key: _inlined(value, components) for key, value in node.items()}
        first, *others = inlined.get("prefixItems", [None])
        if first is not None and all(other == first for other in others):
            # [price, quantity]: its length is said already, and so every reader understands it.
            del inlined["prefixItems"]
            inlined["items"] = first
        return inlined
    if isinstance(node, list):
        return [_inlined(each, components) for each in node]
    return node
