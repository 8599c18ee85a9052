"""Settings: /api/v1/settings. Reading needs the scope read, changing needs admin."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

from app.routers.api.encode import answer, answers, refusals
from app.runtime.desk import desk
from app.runtime.preferences import Preference, Value
from app.security.guard import needs
from app.security.principal import Principal
from app.texts.formats import iso

FEEDS = "feeds"

router = APIRouter(
    prefix="/api/v1/settings",
    tags=["settings"],
    dependencies=[Depends(needs("read"))],
    responses=refusals("not_signed_in", "scope_missing"),
)


class NewValue(BaseModel):
    """A setting's new value; null goes back to the default."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"value": 120}]})

    value: Value | None


class Setting(msgspec.Struct):
    """A setting as it stands. expected: what its value may be, in a few words.

    changed_at, changed_by: null while it has its default. previous: null where it was the default.
    """

    key: str
    value: Value
    default: Value
    expected: str
    changed_at: str | None
    changed_by: str | None
    previous: Value | None


class Settings(msgspec.Struct):
    """All settings."""

    items: list[Setting]
    next_cursor: str | None = None


_EXAMPLE = Setting(
    key="backtest.entry_bps",
    value=120,
    default=80.0,
    expected="number -1e+06..1e+06",
    changed_at="2026-11-20T06:50:00Z",
    changed_by="admin",
    previous=100,
)


@router.get(
    "",
    summary="List all settings",
    responses=answers(200, Settings, "All settings", Settings([_EXAMPLE])),
)
async def list_settings(request: Request) -> Response:
    found = await desk(request).preferences.all()
    return answer(Settings([_setting(each) for each in found.values()]))


@router.get(
    "/{key}",
    summary="Read a setting",
    responses=answers(200, Setting, "The setting", _EXAMPLE) | refusals("not_found"),
)
async def get_setting(request: Request, key: str) -> Response:
    return answer(_setting(await desk(request).preferences.get(key)))


@router.put(
    "/{key}",
    summary="Change a setting",
    responses=answers(200, Setting, "The setting as it now stands", _EXAMPLE)
    | refusals("not_found", "invalid_fields", "feeds_fixed"),
)
async def put_setting(
    request: Request,
    key: str,
    body: NewValue,
    principal: Annotated[Principal, Depends(needs("admin"))],
) -> Response:
    """`feeds` ends the present market and begins the other one; where the environment has decided
    it is 409."""
    here = desk(request)
    if key == FEEDS and isinstance(body.value, str):
        await here.market.switch_feeds(body.value, by=principal.name)
        return answer(_setting(await here.preferences.get(key)))
    return answer(_setting(await here.preferences.put(key, body.value, principal.name)))


def _setting(preference: Preference) -> Setting:
    return Setting(
        preference.key,
        preference.value,
        preference.default,
        preference.expected,
        iso(preference.changed_at_ns) or None,
        preference.changed_by,
        preference.previous,
    )
