"""Opportunities: what pays now, what is refused and why, and each one explained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from app.domain.live import Explanation, Opportunity
from app.domain.problems import FieldError, Problem
from app.routers.opportunities_live import explain_part, list_part, why_part
from app.routers.render import look, render
from app.routers.watching.opportunities import (
    CLOSED_MAX,
    DETECTORS,
    SORTS,
    TABS,
    counts,
    filters,
)
from app.routers.watching.showing import Beat, showing
from app.runtime.desk import desk
from app.runtime.streams.board import CHOICE_LETTERS_MAX, chosen
from app.security.guard import page

router = APIRouter(dependencies=[Depends(page()), Depends(look)], include_in_schema=False)


@router.get("/opportunities")
async def opportunities_page(
    request: Request, part: str | None = None, cursor: str | None = None
) -> Response:
    """Without an id the first row is explained; it stays the same while the page is open."""
    return await _page(request, None, part, cursor)


@router.get("/opportunities/{opportunity_id}")
async def explain_page(
    request: Request, opportunity_id: str, part: str | None = None, cursor: str | None = None
) -> Response:
    return await _page(request, opportunity_id, part, cursor)


async def _page(
    request: Request, opportunity_id: str | None, part: str | None, cursor: str | None
) -> Response:
    here = desk(request)
    asked = _asked(request)
    asked.pop("shown", None)
    on = filters(asked)
    beat = showing(here.hub).beat(here.market)
    closed: Sequence[Opportunity] = ()
    following = None
    if on.tab == "closed":
        closed, following = await here.market.closed(CLOSED_MAX, cursor)
    listed = list_part(beat, on, closed, asked)
    found = await _explained(beat, opportunity_id, [row.id for row in listed["rows"]])
    shown = found.opportunity.id if found else ""
    listed["filters"] = replace(on, shown=shown)
    return render(
        request,
        "opportunities.html",
        part if part in {"explain", "opps"} else None,
        page="opportunities",
        by_address=opportunity_id is not None,
        shown=shown,
        all_tabs=TABS,
        detectors=DETECTORS,
        sorts=SORTS,
        following=following,
        counts=counts(beat),
        **(listed | why_part(beat) | explain_part(found, here.market.policy)),
    )


async def _explained(beat: Beat, asked: str | None, listed: Sequence[str]) -> Explanation | None:
    """The one that the address names, which must be there, else the first of the list."""
    if asked is not None:
        return await beat.market.explain(asked)
    first = next((each for each in listed if each), None)
    if first is None:
        return None
    try:
        return await beat.market.explain(first)
    except Problem:
        return None  # it ended meanwhile; the list says what there is


def _asked(request: Request) -> dict[str, str]:
    try:
        return dict(chosen("opportunities", request.query_params))
    except ValueError as too_long:
        expected = f"at most {CHOICE_LETTERS_MAX} letters"
        error = FieldError(column=str(too_long), expected=expected)
        raise Problem("invalid_fields", errors=(error,)) from None
