"""Markets: coins and where they stand, one coin's page, and pairs that may not be one coin."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.domain.live import PremiumRow
from app.domain.problems import FieldError, Problem
from app.domain.times import SECOND_NS
from app.routers.markets_live import coin_part, list_part
from app.routers.render import address_with, look, render
from app.routers.watching import coin, past
from app.routers.watching.quarantine import pairs, questions
from app.routers.watching.showing import Beat, showing
from app.runtime.desk import Desk, desk
from app.runtime.policy import NOTE_LENGTH_MAX
from app.runtime.preferences import FAVOURITES_MAX
from app.runtime.streams.board import CHOICE_LETTERS_MAX, CHOICES, TICKER, chosen
from app.security.guard import page
from app.security.principal import Principal

HOURS = (6, 24, 720)
FAVOURITES = "markets.favourites"
# Of one form; a coin has at most 36 pairs of venues.
DECIDED_MAX = 200

router = APIRouter(dependencies=[Depends(page()), Depends(look)], include_in_schema=False)
Person = Annotated[Principal, Depends(page())]


@router.get("/markets")
async def markets_page(request: Request, part: str | None = None) -> Response:
    """Every coin that at least two venues list."""
    beat = _beat(desk(request))
    return render(
        request,
        "markets.html",
        part if part in {"listing", "only"} else None,
        page="markets",
        open_pairs=_open_pairs(beat),
        **list_part(beat, _asked(request)),
    )


@router.post("/markets/favourite")
async def favourite(request: Request, principal: Person) -> Response:
    """Put a coin behind the last favourite, or take it away."""
    here, form = desk(request), await request.form()
    base = str(form.get("base", ""))
    known = [*here.market.policy.favourites]
    if base in known:
        known.remove(base)
    elif any(row.base == base for row in here.market.markets()):
        known.append(base)
    else:
        raise Problem("not_found")
    if len(known) > FAVOURITES_MAX:
        place = FieldError(column="base", value=base[:200], expected=f"<= {FAVOURITES_MAX}")
        raise Problem("invalid_fields", errors=(place,))
    await here.preferences.put(FAVOURITES, ",".join(known), principal.name)
    showing(here.hub).renew()
    kept = {name: str(form[name]) for name in CHOICES["markets"] if form.get(name)}
    path = f"/markets/{quote(base)}" if form.get("from") == "coin" else "/markets"
    return RedirectResponse(address_with(path, kept), 303)


@router.get("/markets/quarantine")
async def quarantine_page(request: Request) -> Response:
    """Pairs of tickers that may not be one asset, and what was said about them."""
    return await _quarantine(request)


@router.post("/markets/quarantine")
async def decide(request: Request, principal: Person) -> Response:
    """One word on every pair that is marked."""
    here, form = desk(request), await request.form()
    verdict, note = str(form.get("verdict", "")), str(form.get("note", "")).strip()
    marked = [str(each) for each in form.getlist("pair")][:DECIDED_MAX]
    if not marked:
        place = FieldError(column="pair", expected=">= 1")
        problem = Problem("invalid_fields", errors=(place,))
        return await _quarantine(request, problem=problem, note=note)
    try:
        for identity_id in marked:
            await here.market.decide(identity_id, verdict, by=principal.name, note=note)
    except Problem as problem:
        return await _quarantine(request, problem=problem, note=note, marked=marked)
    showing(here.hub).renew()
    return RedirectResponse("/markets/quarantine", 303)


@router.get("/markets/{base}")
async def coin_page(request: Request, base: str) -> Response:
    """One coin: its books side by side, its routes and their history, its networks."""
    beat = _beat(desk(request))
    if base not in beat.markets:
        showing(desk(request).hub).renew()
        beat = _beat(desk(request))
    # While feeds are off or begin there is no list to look it up in.
    if not TICKER.fullmatch(base) or (beat.markets and base not in beat.markets):
        raise Problem("not_found")
    market = beat.market
    return render(
        request,
        "coin.html",
        page="markets",
        hours=HOURS,
        archive=market.archive.usage() if market.archive else None,
        questions=[row for row in market.identities() if row.base == base and not row.decision],
        **coin_part(beat, base, _asked(request)),
    )


@router.get("/markets/{base}/history")
async def history(
    request: Request,
    base: str,
    route: str,
    hours: Annotated[int, Query(ge=1, le=8_760)] = 24,
) -> Response:
    """A route's premium: float64 columns time [epoch s], kimchi, usdt, usdlike, realizable."""
    here = desk(request)
    row = _route(here.market.premiums((base,)), route)
    archive = here.market.archive
    since_ns = time.time_ns() - hours * 3_600 * SECOND_NS
    columns = None if archive is None else await past.history(archive, row, since_ns)
    if columns is None:
        reason = archive.usage().reason if archive else None
        raise Problem("archive_away", values={"reason": reason or "-"})
    body = b"".join(column.tobytes() for column in columns)
    return Response(body, media_type="application/octet-stream")


def _route(rows: Sequence[PremiumRow], key: str) -> PremiumRow:
    for row in rows:
        if coin.route_key(row) == key:
            return row
    raise Problem("not_found")


async def _quarantine(
    request: Request,
    *,
    problem: Problem | None = None,
    note: str = "",
    marked: Sequence[str] = (),
) -> Response:
    beat = _beat(desk(request))
    found = await pairs(beat.market)
    return render(
        request,
        "quarantine.html",
        status=problem.status if problem else 200,
        page="markets",
        coins=questions(found),
        decided=[pair for pair in found if pair.row.decision],
        problem=problem,
        note=note,
        marked=frozenset(marked),
        note_length_max=NOTE_LENGTH_MAX,
        ratio_max=beat.market.policy.identity_ratio_max,
        feeds_now=beat.market.feeds,
    )


def _open_pairs(beat: Beat) -> int:
    return sum(row.decision is None for row in beat.market.identities())


def _beat(here: Desk) -> Beat:
    return showing(here.hub).beat(here.market)


def _asked(request: Request) -> Mapping[str, str]:
    try:
        return dict(chosen("markets", request.query_params))
    except ValueError as too_long:
        expected = f"at most {CHOICE_LETTERS_MAX} letters"
        error = FieldError(column=str(too_long), expected=expected)
        raise Problem("invalid_fields", errors=(error,)) from None
