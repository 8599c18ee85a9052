"""The market as it is now: /api/v1/exchanges, /markets, /prices, /premiums, /books, /fx,
/opportunities, /wallets. With feeds off every list is empty."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from app.domain import live
from app.domain.problems import FieldError, Problem
from app.domain.venues import Venue
from app.routers.api import examples_live as examples
from app.routers.api.encode import Responses, answer, answers, refusals
from app.runtime import items
from app.runtime.desk import desk
from app.security.guard import needs

SORTS: dict[str, Callable[[live.PremiumRow], float | str | None]] = {
    "id": lambda row: row.id,
    "raw": lambda row: row.raw_bps,
    "usdlike": lambda row: row.usdlike_bps,
    "kimchi": lambda row: row.kimchi_bps,
    "usdt": lambda row: row.usdt_bps,
    "realizable": lambda row: row.realizable_bps,
}
SORT_PATTERN = f"^-?({'|'.join(SORTS)})$"

_CURSOR = re.compile(r"[1-9][0-9]{0,8}")

router = APIRouter(
    prefix="/api/v1",
    tags=["market"],
    dependencies=[Depends(needs("read"))],
    responses=refusals("not_signed_in", "scope_missing", "invalid_fields"),
)
Limit = Annotated[int, Query(ge=1, le=1000)]
Cursor = Annotated[str | None, Query(max_length=20, description="next_cursor of the page before")]
Base = Annotated[
    str | None, Query(max_length=32, description="our name of the coin", examples=["XRP"])
]


def listed(row: type[msgspec.Struct], description: str, example: msgspec.Struct) -> Responses:
    """What a list gives, for the documentation."""
    name = items.shape(row).__name__.removesuffix("Item")
    shape = items.table(f"{name}List", row)
    return answers(200, shape, description, shape([items.item(example)], None))


def page(rows: Iterable[msgspec.Struct], limit: int, cursor: str | None) -> Response:
    """One page; the cursor counts the rows before it, as these lists move while they are read."""
    found = list(rows)
    if cursor is not None and not _CURSOR.fullmatch(cursor):
        place = FieldError(column="cursor", value=cursor[:200], expected="next_cursor")
        raise Problem("invalid_fields", errors=(place,))
    start = int(cursor or 0)
    end = start + limit
    onward = str(end) if end < len(found) else None
    return given([items.item(row) for row in found[start:end]], onward)


def given(rows: Sequence[object], onward: str | None) -> Response:
    return answer({"items": rows, "next_cursor": onward})


@router.get(
    "/exchanges",
    summary="Health of the venues",
    responses=listed(live.VenueRow, "Every venue that is configured", examples.VENUE),
)
async def exchanges(request: Request, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """State, ages, rates and counters of each venue's channels."""
    return page(desk(request).market.venues(), limit, cursor)


@router.get(
    "/markets",
    summary="Coins that at least two venues list",
    responses=listed(live.MarketRow, "Favourites first", examples.MARKET),
)
async def markets(
    request: Request, base: Base = None, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """Where each coin is listed and watched, its identity, and where it is fenced in."""
    rows = desk(request).market.markets()
    return page((row for row in rows if base in {None, row.base}), limit, cursor)


@router.get(
    "/prices",
    summary="Best prices of every watched market",
    responses=listed(live.PriceRow, "By venue and coin", examples.PRICE),
)
async def prices(
    request: Request,
    base: Base = None,
    venue: Venue | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """A price that is not `valid` decides nothing; `state` says why."""
    rows = desk(request).market.prices()
    chosen = (row for row in rows if base in {None, row.base} and venue in {None, row.venue})
    return page(chosen, limit, cursor)


@router.get(
    "/premiums",
    summary="Premiums of every route",
    responses=listed(live.PremiumRow, "The largest realizable one first", examples.PREMIUM),
)
async def premiums(
    request: Request,
    base: Base = None,
    buy: Annotated[Venue | None, Query(description="where it is bought")] = None,
    sell: Annotated[Venue | None, Query(description="where it is sold")] = None,
    direction: Literal["high", "low", "flat"] | None = None,
    sort: Annotated[str, Query(pattern=SORT_PATTERN)] = "-realizable",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """In bps. Rows without a value of the column that sorts come last. A figure that cannot be
    known is null, and `withheld` says why."""
    rows = desk(request).market.premiums(None if base is None else (base,))
    chosen = [
        row
        for row in rows
        if base in {None, row.base}
        and buy in {None, row.buy_venue}
        and sell in {None, row.sell_venue}
        and direction in {None, row.direction}
    ]
    return page(_sorted(chosen, sort), limit, cursor)


@router.get(
    "/books/{base}",
    summary="One coin's order books side by side",
    responses=listed(live.BookRow, "One of each venue that is watched", examples.BOOK)
    | refusals("not_found"),
)
async def books(request: Request, base: str, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """At most 20 levels [price, quantity] of each side, best first."""
    market = desk(request).market
    rows = market.books(base)
    if not rows and all(row.base != base for row in market.markets()):
        raise Problem("not_found")
    return page(rows, limit, cursor)


@router.get(
    "/fx",
    summary="Exchange rates and where they come from",
    responses=listed(live.RateRow, "KRW for one USD, USDT, USDC", examples.RATE),
)
async def fx(request: Request, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """USD is the official rate, the others are priced by books. A rate that is null is withheld."""
    return page(desk(request).market.rates(), limit, cursor)


class Stage(msgspec.Struct, frozen=True):
    """Of the last minute."""

    p50_us: float
    p99_us: float


class Latencies(msgspec.Struct, frozen=True):
    """Stage → how long it took: receive, parse, state, detect, publish; decided is all of it."""

    stages: dict[str, Stage]


@router.get(
    "/latencies",
    summary="How long a message takes from the socket to the decision",
    responses=answers(
        200, Latencies, "Of the last minute", Latencies({"decided": Stage(52.0, 410.0)})
    ),
)
async def latencies(request: Request) -> Response:
    """Sampled: one message in sixteen is timed."""
    figures = desk(request).market.latencies()
    return answer(Latencies({stage: Stage(*figure) for stage, figure in figures.items()}))


@router.get(
    "/wallets",
    summary="Deposits and withdrawals of every network",
    responses=listed(live.NetworkRow, "By venue, coin and network", examples.NETWORK),
)
async def wallets(
    request: Request,
    asset: Base = None,
    venue: Venue | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """What a venue does not say is `unknown`, which is never open."""
    rows = desk(request).market.networks(asset)
    return page((row for row in rows if venue in {None, row.venue}), limit, cursor)


@router.get(
    "/opportunities",
    summary="Opportunities, refused ones and near misses",
    responses=listed(
        live.Opportunity, "Live: the best first; closed: newest", examples.OPPORTUNITY
    ),
)
async def opportunities(
    request: Request,
    status: Annotated[
        Literal["live", "refused", "near", "closed"],
        Query(description="near: {premium, gate} of each coin's best route that just fails"),
    ] = "live",
    base: Base = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """One row from the first update that passes to the first that fails."""
    market = desk(request).market
    match status:
        case "live" | "refused":
            found = market.opportunities() if status == "live" else market.refused()
            return page((row for row in found if base in {None, row.base}), limit, cursor)
        case "near":
            near = market.near_misses()
            return page((row for row in near if base in {None, row.premium.base}), limit, cursor)
        case "closed":
            rows, onward = await market.closed(limit, cursor, base=base)
            return given([items.opportunity_item(row) for row in rows], onward)


_EXPLAINED = msgspec.defstruct(
    "ExplainedOpportunity",
    [
        *((each.name, each.type) for each in msgspec.structs.fields(items.shape(live.Opportunity))),
        ("explanation", items.shape(live.Explanation)),
    ],
)


def explained(found: live.Explanation) -> msgspec.Struct:
    """The opportunity's own fields, and beside them why."""
    own = msgspec.structs.astuple(items.opportunity_item(found.opportunity))
    return _EXPLAINED(*own, items.explanation_item(found))


@router.get(
    "/opportunities/{signal_id}",
    summary="One opportunity and why it nets what it nets",
    responses=answers(
        200,
        _EXPLAINED,
        "The opportunity with its explanation",
        explained(examples.EXPLANATION),
    )
    | refusals("not_found"),
)
async def opportunity(request: Request, signal_id: str) -> Response:
    """Of a live one as it is now, else as it was when it opened. The bars sum to the net."""
    return answer(explained(await desk(request).market.explain(signal_id)))


def _sorted(rows: list[live.PremiumRow], sort: str) -> list[live.PremiumRow]:
    """By one column, equal ones by id; rows without a value last, whichever way."""
    key = SORTS[sort.removeprefix("-")]
    with_value = [row for row in rows if key(row) is not None]
    without = [row for row in rows if key(row) is None]
    with_value.sort(key=lambda row: row.id)
    with_value.sort(key=lambda row: key(row) or 0.0, reverse=sort.startswith("-"))
    return with_value + sorted(without, key=lambda row: row.id)
