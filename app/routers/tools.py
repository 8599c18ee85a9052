"""Tools: the depth-walk calculator, on books that are live or pasted."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from app.domain.problems import Problem
from app.routers.render import look, render
from app.routers.watching import walking
from app.routers.watching.coin import route_key
from app.routers.watching.showing import showing
from app.routers.watching.walking import Done, Filled
from app.runtime.desk import desk
from app.security.guard import page

router = APIRouter(
    prefix="/tools", dependencies=[Depends(page()), Depends(look)], include_in_schema=False
)


@router.get("/depth-walk")
async def calculator(
    request: Request, base: str = "", route: str = "", buy: str = "", sell: str = ""
) -> Response:
    """With a coin and a route: its books as they are now. Else an empty form."""
    here = desk(request)
    beat = showing(here.hub).beat(here.market)
    key = route or (f"{buy}-{sell}" if buy and sell else "")
    found = walking.live(beat, base, key, here.market.policies.fees()) if base and key else None
    filled = found or walking.typed({})
    done, problem = (None, None) if found is None else _tried(filled)
    return _page(request, filled, done, problem, base=base, key=key)


@router.post("/depth-walk")
async def walk(request: Request) -> Response:
    """What was typed, walked."""
    form = await request.form()
    filled = walking.typed(form)
    done, problem = _tried(filled)
    return _page(request, filled, done, problem, base=str(form.get("base", ""))[:32], key="")


def _tried(filled: Filled) -> tuple[Done | None, Problem | None]:
    try:
        return walking.walked(filled), None
    except Problem as problem:
        return None, problem


def _page(
    request: Request,
    filled: Filled,
    done: Done | None,
    problem: Problem | None,
    *,
    base: str,
    key: str,
) -> Response:
    market = desk(request).market
    rows = market.premiums((base,)) if base else ()
    return render(
        request,
        "depth_walk.html",
        status=problem.status if problem and request.method == "POST" else 200,
        page="markets",
        base=base,
        key=key,
        bases=[row.base for row in market.markets() if row.watched],
        routes=sorted({(route_key(row), row.buy_venue, row.sell_venue) for row in rows}),
        filled=filled,
        done=done,
        problem=problem,
        feeds_now=market.feeds,
    )
