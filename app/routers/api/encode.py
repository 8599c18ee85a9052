"""Answers: msgspec structs → JSON bytes, and the same structs as the schemas of OpenAPI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from app import texts
from app.domain.problems import CODES
from app.routers.problems import MEDIA_TYPE, ProblemBody

JSON = "application/json"
Responses = dict[int | str, dict[str, Any]]

_encode = msgspec.json.Encoder().encode  # NaN and infinity become null


def answer(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A value as JSON, without the framework's encoder."""
    return Response(_encode(body), status, headers, media_type=JSON)


def answers(status: int, shape: Any, description: str, example: object) -> Responses:
    """What a route gives when all is well; `shape` is what it hands to `answer`."""
    content = {"schema": schema(shape), "example": msgspec.to_builtins(example)}
    return {status: {"description": description, "content": {JSON: content}}}


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


def schema(shape: Any) -> dict[str, Any]:
    """JSON Schema of a type, self-contained: a route's answer reads without a second place."""
    (found,), components = msgspec.json.schema_components([shape], ref_template="{name}")
    whole: dict[str, Any] = _inlined(found, components)
    return whole


def _inlined(node: Any, components: Mapping[str, Any]) -> Any:
    if isinstance(node, dict):
        if "$ref" in node:
            return _inlined(components[node["$ref"]], components)
        return {key: _inlined(value, components) for key, value in node.items()}
    if isinstance(node, list):
        return [_inlined(each, components) for each in node]
    return node
