"""Trading: /api/v1/engine, /cycles, /orders, /transfers, /dead-letters, /trades, /ledger,
/portfolio, /performance, /statistics. Reading needs the scope read, acting needs trade."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from app.domain.cycles import CycleState
from app.domain.orders import OrderState
from app.domain.trading import TradingState
from app.domain.transfers import TransferState
from app.domain.venues import Venue
from app.routers.api import examples_trading as examples
from app.routers.api.encode import answer, answers, refusals
from app.runtime.desk import desk
from app.runtime.trading import pages
from app.runtime.trading.rows import CycleItem
from app.security.guard import needs
from app.security.principal import Principal

NOTE_LENGTH_MAX = 400

router = APIRouter(
    prefix="/api/v1",
    tags=["trading"],
    dependencies=[Depends(needs("read"))],
    responses=refusals("not_signed_in", "scope_missing", "invalid_fields"),
)
Trader = Annotated[Principal, Depends(needs("trade"))]
Limit = Annotated[int, Query(ge=1, le=1000)]
Cursor = Annotated[str | None, Query(max_length=40, description="next_cursor of the page before")]
Base = Annotated[str | None, Query(max_length=32, examples=["XRP"])]
CycleId = Annotated[str | None, Query(max_length=32, examples=["c-41"])]


class NewState(BaseModel):
    """HALTED also lets go of the kill switch; the others have to wait for that."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"state": "ACTIVE"}]})

    state: TradingState
    reason: Annotated[str, Field(max_length=NOTE_LENGTH_MAX)] = ""


class Wish(BaseModel):
    """version: of the cycle as it was seen; note: for its journal."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"version": 12, "note": "sold by hand"}]}
    )

    version: Annotated[int, Field(ge=1, lt=2**62)]
    note: Annotated[str, Field(max_length=NOTE_LENGTH_MAX)] = ""


# The engine


@router.get(
    "/engine",
    summary="Trading state",
    responses=answers(200, pages.EngineItem, "As it is now", examples.ENGINE),
)
async def engine(request: Request) -> Response:
    """`blocked` says why nothing new begins though ACTIVE."""
    return answer(pages.engine_item(await desk(request).trading.engine()))


@router.post(
    "/engine/state",
    summary="Begin, reduce or halt",
    responses=answers(200, pages.EngineItem, "As it is now", examples.ENGINE)
    | refusals("engine_killed"),
)
async def engine_state(request: Request, body: NewState, principal: Trader) -> Response:
    """ACTIVE: cycles begin. REDUCING: open ones go on. HALTED: nothing is sent but cancels."""
    trading = desk(request).trading
    row = await trading.set_state(body.state, by=principal.name, reason=body.reason)
    return answer(pages.engine_item(row))


@router.post(
    "/engine/kill",
    summary="Kill switch",
    responses=answers(200, pages.EngineItem, "Nothing is sent any more", examples.KILLED),
)
async def engine_kill(request: Request, principal: Trader) -> Response:
    """After this answer no order and no withdrawal leaves, whatever was planned. Cancels and
    questions go on. It also disarms. Whatever is sent with it, it is done."""
    return answer(pages.engine_item(await desk(request).trading.kill(by=principal.name)))


# Cycles


@router.get(
    "/cycles",
    summary="Cycles",
    responses=answers(200, pages.CycleList, "Newest first", examples.CYCLES),
)
async def cycles(
    request: Request,
    tab: Literal["open", "finished", "dead"] | None = None,
    state: CycleState | None = None,
    base: Base = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """exposure: what each holds now. Dead letters have a tab of their own."""
    found = await desk(request).trading.reading.cycles(
        limit, cursor, tab=tab, state=state, base=base
    )
    return answer(found)


@router.get(
    "/cycles/{cycle_id}",
    summary="One cycle with all that happened to it",
    responses=answers(200, pages.CycleDetail, "Its whole history", examples.CYCLE_DETAIL)
    | refusals("not_found"),
)
async def cycle(request: Request, cycle_id: str) -> Response:
    """Orders, transfers, transitions with their hash chain, what venues said, and its postings."""
    return answer(await desk(request).trading.reading.cycle(cycle_id))


ACTED = answers(200, CycleItem, "As it is after that", examples.CYCLE) | refusals(
    "not_found", "cycle_changed", "action_impossible", "not_ready"
)


@router.post("/cycles/{cycle_id}/retry", summary="Try the way home again", responses=ACTED)
async def retry(request: Request, cycle_id: str, body: Wish, principal: Trader) -> Response:
    """Of a dead letter, or at once where it waits for its next try."""
    return await _ask(request, cycle_id, "retry", body, principal)


@router.post("/cycles/{cycle_id}/compensate", summary="Go home at a loss", responses=ACTED)
async def compensate(request: Request, cycle_id: str, body: Wish, principal: Trader) -> Response:
    """The shortest way home, at the loss that is allowed."""
    return await _ask(request, cycle_id, "compensate", body, principal)


@router.post("/cycles/{cycle_id}/close", summary="Close a dead letter by hand", responses=ACTED)
async def close(request: Request, cycle_id: str, body: Wish, principal: Trader) -> Response:
    """What it holds becomes available where it lies; a person has said that this is right."""
    return await _ask(request, cycle_id, "close", body, principal)


async def _ask(
    request: Request, cycle_id: str, action: str, body: Wish, principal: Principal
) -> Response:
    trading = desk(request).trading
    view = await trading.ask(cycle_id, action, body.version, by=principal.name, note=body.note)
    return answer(pages.cycle_of(view, trading.mode))


@router.get(
    "/dead-letters",
    summary="Dead letters",
    responses=answers(200, pages.DeadLetterList, "Newest first", examples.DEAD_LETTERS),
)
async def dead_letters(
    request: Request, waiting: bool = False, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """waiting: those that nobody has resolved."""
    reading = desk(request).trading.reading
    return answer(await reading.dead_letters(limit, cursor, waiting=waiting))


# Orders, transfers, trades


@router.get(
    "/orders",
    summary="Orders",
    responses=answers(200, pages.OrderList, "Newest first", examples.ORDERS),
)
async def orders(
    request: Request,
    state: OrderState | None = None,
    venue: Venue | None = None,
    cycle_id: CycleId = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Every order that was ever planned, with the evidence of what became of it."""
    found = await desk(request).trading.reading.orders(
        limit, cursor, state=state, venue=venue, cycle_id=cycle_id
    )
    return answer(found)


@router.get(
    "/transfers",
    summary="Transfers",
    responses=answers(200, pages.TransferList, "Newest first", examples.TRANSFERS),
)
async def transfers(
    request: Request,
    state: TransferState | None = None,
    cycle_id: CycleId = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Every withdrawal that was ever planned, as sender and receiver tell it."""
    found = await desk(request).trading.reading.transfers(
        limit, cursor, state=state, cycle_id=cycle_id
    )
    return answer(found)


@router.get(
    "/trades/recent",
    summary="Orders and transfers as a trader's book has them",
    responses=answers(200, pages.TradeList, "Newest first", examples.TRADES),
)
async def trades(
    request: Request, cycle_id: CycleId = None, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """status: PENDING, COMPLETED, FAILED, CANCELLED."""
    return answer(await desk(request).trading.reading.trades(limit, cursor, cycle_id=cycle_id))


@router.get(
    "/statistics/trades",
    summary="Statistics of finished cycles",
    responses=answers(200, pages.Statistics, "Of this mode", examples.STATISTICS),
)
async def statistics(request: Request) -> Response:
    """Of the mode that runs, since its beginning."""
    return answer(await desk(request).trading.reading.statistics())


# Money


@router.get(
    "/portfolio/current",
    summary="What there is, where, and what it is worth",
    responses=answers(200, pages.PortfolioItem, "By venue and asset", examples.PORTFOLIO),
)
async def portfolio(request: Request) -> Response:
    """in_flight is on its way to the venue and is not available anywhere."""
    return answer(await desk(request).trading.reading.portfolio())


@router.get(
    "/ledger",
    summary="Accounts of the ledger",
    responses=answers(200, pages.LedgerItem, "Each sum is 0", examples.LEDGER),
)
async def ledger(request: Request) -> Response:
    """Double entry: what an asset's accounts have together is always nothing."""
    return answer(await desk(request).trading.reading.ledger())


@router.get(
    "/ledger/entries",
    summary="Entries of the ledger",
    responses=answers(200, pages.EntryList, "Newest first", examples.ENTRIES),
)
async def entries(
    request: Request,
    account: Annotated[str | None, Query(max_length=80)] = None,
    asset: Base = None,
    cycle_id: CycleId = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Those with the same txn_id were made together and sum to zero per asset."""
    found = await desk(request).trading.reading.entries(
        limit, cursor, account=account, asset=asset, cycle_id=cycle_id
    )
    return answer(found)


@router.get(
    "/performance/daily",
    summary="What each UTC day came to",
    responses=answers(200, pages.DayList, "Newest first", examples.DAYS),
)
async def days(request: Request, limit: Limit = 50) -> Response:
    """Of the mode that runs; figures of finished cycles."""
    return answer(await desk(request).trading.reading.days(limit))
