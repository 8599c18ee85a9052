"""Funding: what perpetuals pay, of the one venue whose perpetuals are used. Pure like a venue.

Binance USDT-M, `GET /fapi/v1/premiumIndex` without a symbol: all of them [binance.md 8, memory].
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from app.domain.decimals import Written, number
from app.domain.events import FundingRate
from app.domain.markets import Product
from app.domain.times import MS_NS
from app.domain.venues import Venue
from app.exchanges.binance import USDM_ROOT, Binance
from app.exchanges.contract import Millis, Request, Unreadable

VENUE = Venue.BINANCE
PATH = "/fapi/v1/premiumIndex"
_BINANCE = Binance()


class _Index(msgspec.Struct, rename="camel"):
    """lastFundingRate and nextFundingTime: empty and 0 of what pays none (delivery)."""

    symbol: str
    mark_price: Written
    index_price: Written
    last_funding_rate: str
    next_funding_time: Millis


def ask() -> Request:
    return Request("GET", PATH, root=USDM_ROOT)


def read(body: bytes) -> tuple[FundingRate, ...]:
    """Raises Unreadable. A name that is spelled like none of ours is left out."""
    try:
        rows = msgspec.json.decode(body, type=list[_Index])
        return tuple(_rates(rows))
    except (msgspec.MsgspecError, ValueError) as error:
        raise Unreadable(f"fundings: {str(error)[:200]}") from error


def _rates(rows: list[_Index]) -> Iterator[FundingRate]:
    for row in rows:
        if not row.last_funding_rate or not row.next_funding_time:
            continue
        try:
            found = _BINANCE.instrument(row.symbol)
        except Unreadable:
            continue
        if found.product is Product.FUTURE:
            continue
        yield FundingRate(
            msgspec.structs.replace(found, product=Product.PERPETUAL),
            number(row.last_funding_rate),
            number(row.mark_price),
            number(row.index_price),
            row.next_funding_time * MS_NS,
        )
