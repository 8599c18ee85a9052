"""Tools: /api/v1/tools. What can be asked without anything being kept."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from app.routers.api.asked import Number
from app.routers.api.encode import answer, answers, refusals
from app.runtime.calculator import LEVELS_MAX, Outcome, Walk, depth_walk
from app.security.guard import needs

SMALLEST, LARGEST = 1e-18, 1e18

router = APIRouter(
    prefix="/api/v1/tools",
    tags=["tools"],
    dependencies=[Depends(needs("read"))],
    responses=refusals("not_signed_in", "scope_missing"),
)


def _sized(value: float) -> float:
    """Products of what is far smaller or larger leave the range of float64."""
    if abs(value) > LARGEST or 0.0 < abs(value) < SMALLEST:
        raise PydanticCustomError("sized", f"0, or {SMALLEST:g}..{LARGEST:g}")
    return value


Sized = Annotated[Number, AfterValidator(_sized)]
Level = Annotated[list[Sized], Field(min_length=2, max_length=2)]
Side = Annotated[list[Level], Field(max_length=LEVELS_MAX)]
Bps = Annotated[Number, Field(gt=-10_000, lt=10_000)]
Rate = Annotated[Number, Field(ge=1e-12, le=1e12)]
Amount = Annotated[Number, Field(ge=0, le=LARGEST)]
Cap = Annotated[Number, Field(ge=SMALLEST, le=LARGEST)]


class DepthWalkAsked(BaseModel):
    """Two books, best level first, and what trading them costs."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "asks": [[2.5, 3000], [2.501, 5000]],
                    "bids": [[3640, 2500], [3639, 9000]],
                    "buy_fee_bps": 10,
                    "sell_fee_bps": 5,
                    "buy_fx": 1420,
                    "sell_fx": 1,
                    "withdrawal_fee": 728,
                    "max_notional": 14200000,
                }
            ]
        },
    )

    asks: Annotated[Side, Field(description="Where it is bought: [price, quantity], rising")]
    bids: Annotated[Side, Field(description="Where it is sold: [price, quantity], falling")]
    buy_fee_bps: Bps
    sell_fee_bps: Bps
    buy_fx: Annotated[Rate, Field(description="price x buy_fx is the common currency")]
    sell_fx: Rate
    withdrawal_fee: Annotated[Amount, Field(description="An amount in the common currency")]
    max_notional: Cap | None = None
    lot_step: Amount | None = None


_EXAMPLE = Walk(
    outcome=Outcome.OK,
    quantity=5_679.0,
    average_buy=2.500472,
    average_sell=3_639.440,
    net_profit=483_213.5,
    net_bps=239.4,
    buy_levels=2,
    sell_levels=2,
    skipped_levels=0,
    limited_by="notional",
)


@router.post(
    "/depth-walk",
    summary="Walk two order books together",
    responses=answers(200, Walk, "What is worth taking", _EXAMPLE)
    | refusals("malformed_json", "invalid_fields"),
)
async def walk(body: DepthWalkAsked) -> Response:
    """Takes the levels of both books together while the next unit, sold after its fee, brings more
    than it costs with its fee. A level without a quantity is skipped and counted."""
    return answer(depth_walk(**dict(body)))
