"""Operations: /healthz (alive), /readyz (each dependency), /metrics (Prometheus), at the root."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter, Depends
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response

from app.routers.api.encode import answer, answers, refusals
from app.runtime.desk import desk
from app.runtime.health import Check
from app.security.guard import identified, needs, public
from app.security.principal import Scope

router = APIRouter(tags=["operations"])


class Alive(msgspec.Struct, frozen=True):
    """The process answers."""

    status: str = "ok"


class Ready(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether kimp can work. checks: each dependency, for those with the scope read."""

    ready: bool
    checks: tuple[Check, ...] | None = None


_EXAMPLE = Ready(True, (Check("database", True, "sqlite", 0.4),))


@router.get(
    "/healthz",
    summary="Whether the process is alive",
    dependencies=[Depends(public())],
    responses=answers(200, Alive, "It is", Alive()),
)
async def healthz() -> Response:
    return answer({"status": "ok"})


@router.get(
    "/readyz",
    summary="Whether every dependency answers",
    dependencies=[Depends(public())],
    responses=answers(200, Ready, "All of them", _EXAMPLE)
    | answers(503, Ready, "At least one does not", Ready(False)),
)
async def readyz(request: Request) -> Response:
    """Anyone may ask whether; only the scope read is told what."""
    checks = await desk(request).health.checks()
    ready = all(check.ok for check in checks)
    principal = await identified(request)
    told = principal is not None and principal.may(Scope.READ)
    return answer(Ready(ready, checks if told else None), 200 if ready else 503)


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    dependencies=[Depends(needs("read"))],
    responses=refusals("not_signed_in", "scope_missing")
    | {200: {"content": {"text/plain": {"example": "kimp_streams 3.0\n"}}}},
)
async def metrics(request: Request) -> Response:
    return Response(desk(request).metrics.text(), media_type=CONTENT_TYPE_LATEST)
