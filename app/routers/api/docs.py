"""The API's own description: /openapi.json, and /docs for people."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import iter_route_contexts
from starlette.requests import Request
from starlette.responses import Response

from app.routers.api.encode import JSON, answer, refusals
from app.routers.render import render
from app.security.guard import Needs, declared_by, needs, page

_SECURITY = {
    "token": {"type": "http", "scheme": "bearer", "description": "`kimp_<id>_<secret>`"},
    "session": {"type": "apiKey", "in": "cookie", "name": "sid"},
}

router = APIRouter(include_in_schema=False)


@router.get("/openapi.json", dependencies=[Depends(needs("read"))])
async def openapi(request: Request) -> Response:
    return answer(described(request.app))


@router.get("/docs", dependencies=[Depends(page())])
async def docs(request: Request) -> Response:
    return render(request, "docs.html")


def described(app: FastAPI) -> dict[str, Any]:
    """The framework's description with what it cannot know: how to sign in, how refusals look."""
    if app.openapi_schema is None:
        whole = app.openapi()
        whole.setdefault("components", {})["securitySchemes"] = _SECURITY
        for route in iter_route_contexts(app.routes):
            item = whole["paths"].get(route.path, {})
            for method in (route.methods or set()) & {word.upper() for word in item}:
                operation = item[method.lower()]
                scopes = [n.scope for n in declared_by(route.dependant) if isinstance(n, Needs)]
                operation["security"] = [{"token": scopes}, {"session": []}] if scopes else []
                _correct(operation["responses"])
    return app.openapi_schema or {}


def _correct(responses: dict[str, Any]) -> None:
    """Wrong fields are problems here, also where a route left them to the framework; and an empty
    JSON answer is only the framework's guess where a route names another kind."""
    if "HTTPValidationError" in str(responses.get("422")):
        responses["422"] = refusals("invalid_fields")[422]
    if "422" in responses:
        responses.setdefault("400", refusals("malformed_json")[400])
    for response in responses.values():
        content = response.get("content", {})
        if len(content) > 1 and content.get(JSON) == {"schema": {}}:
            del content[JSON]
