"""Fees: /api/v1/fees. What trades and withdrawals cost, each with its source and date."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from app.domain.policy import Fee, WithdrawalFee
from app.domain.times import from_iso
from app.domain.venues import Venue
from app.routers.api.asked import Number
from app.routers.api.encode import refusals
from app.routers.api.identity import Ticker
from app.routers.api.live import Cursor, Limit, listed, page
from app.runtime.desk import desk
from app.runtime.policy import AMOUNT_MAX
from app.security.guard import needs
from app.security.principal import Principal

router = APIRouter(
    prefix="/api/v1/fees",
    tags=["market"],
    dependencies=[Depends(needs("read"))],
    responses=refusals("not_signed_in", "scope_missing", "invalid_fields"),
)

_SINCE_NS = from_iso("2026-11-01T00:00:00Z")
_FEE = Fee(Venue.UPBIT, "KRW", 5.0, "list", _SINCE_NS)
_WITHDRAWAL = WithdrawalFee(Venue.UPBIT, "XRP", "XRP", 0.4, "set", _SINCE_NS)


class NewWithdrawalFee(BaseModel):
    """In the asset, over what the venue says; amount null goes back to that."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"venue": "upbit", "asset": "XRP", "network": "XRP", "amount": 0.4}]
        },
    )

    venue: Venue
    asset: Ticker
    network: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,64}$")]
    amount: Annotated[Number, Field(ge=0, le=AMOUNT_MAX)] | None


@router.get(
    "",
    summary="What trades cost",
    responses=listed(Fee, "By venue; quote null: every quote without a row of its own", _FEE),
)
async def fees(request: Request, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """source: `list` (public price list, lowest tier), `account` or `set`. They are set as the
    settings `fees.<venue>.taker_bps`."""
    return page(desk(request).market.policies.fees(), limit, cursor)


@router.get(
    "/withdrawals",
    summary="Withdrawal fees that people set",
    responses=listed(WithdrawalFee, "What venues say themselves stands in /wallets", _WITHDRAWAL),
)
async def withdrawal_fees(request: Request, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """asset and network as the venue writes them."""
    return page(desk(request).market.policy.withdrawal_fees, limit, cursor)


@router.put(
    "/withdrawals",
    summary="Set a withdrawal fee",
    responses=listed(WithdrawalFee, "All that are set now", _WITHDRAWAL)
    | refusals("malformed_json"),
)
async def put_withdrawal_fee(
    request: Request,
    body: NewWithdrawalFee,
    principal: Annotated[Principal, Depends(needs("admin"))],
) -> Response:
    """A route whose withdrawal fee is not known is never an opportunity."""
    policies = desk(request).market.policies
    await policies.set_withdrawal_fee(
        body.venue, body.asset, body.network, body.amount, by=principal.name
    )
    rows = policies.now.withdrawal_fees
    return page(rows, len(rows) or 1, None)
