"""Small rows for the stories of trading, each with the one thing that it is about."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from app.domain.markets import Instrument, Side
from app.domain.orders import (
    AssetAmount,
    Order,
    OrderReport,
    OrderState,
    OrderTerms,
    OrderType,
    Role,
)
from app.domain.transfers import Transfer, TransferState, TransferTerms
from app.domain.venues import Venue

T0 = 1_795_000_000_000_000_000
SECOND = 1_000_000_000
COIN = Instrument(Venue.BINANCE, "XRP", "USDT")
WON = Instrument(Venue.UPBIT, "XRP", "KRW")


def order(
    client_id: str = "a" * 20,
    *,
    instrument: Instrument = COIN,
    side: Side = Side.BUY,
    type: OrderType = OrderType.IOC,  # noqa: A002
    price: str = "2.5",
    quantity: str = "100",
    state: OrderState = OrderState.SENT,
    **more: Any,
) -> Order:
    return Order(
        client_id=client_id,
        cycle_id="c-1",
        role=Role.INITIAL,
        step="LEG1_SENT",
        attempt=1,
        venue=instrument.venue,
        terms=OrderTerms(instrument, side, type, Decimal(price), Decimal(quantity)),
        state=state,
        planned_at_ns=T0,
        signed_at_ns=None if state is OrderState.PLANNED else T0 + 1,
        valid_until_ns=None if state is OrderState.PLANNED else T0 + 5 * SECOND,
        **more,
    )


def report(of: Order, state: OrderState, filled: str | None, **more: Any) -> OrderReport:
    return OrderReport(
        venue=of.venue,
        venue_order_id=more.pop("number", "v-1"),
        client_id=more.pop("client_id", of.client_id),
        instrument=of.terms.instrument,
        side=of.terms.side,
        state=state,
        filled_quantity=None if filled is None else Decimal(filled),
        **more,
    )


def transfer(
    client_id: str = "t" * 20,
    *,
    amount: str = "100",
    fee: str = "0.2",
    state: TransferState = TransferState.SENT,
    **more: Any,
) -> Transfer:
    return Transfer(
        client_id=client_id,
        cycle_id="c-1",
        role=Role.TRANSFER,
        step="WITHDRAW_REQUESTED",
        hop=1,
        attempt=1,
        terms=TransferTerms(
            asset="XRP",
            from_venue=Venue.BINANCE,
            to_venue=Venue.UPBIT,
            chain="RIPPLE",
            network="XRP",
            to_network="XRP",
            amount=Decimal(amount),
            fee=Decimal(fee),
            address="rAddress",
            tag="7",
        ),
        state=state,
        planned_at_ns=T0,
        signed_at_ns=None if state is TransferState.PLANNED else T0 + 1,
        valid_until_ns=None if state is TransferState.PLANNED else T0 + 5 * SECOND,
        **more,
    )


def amount(asset: str, value: str) -> AssetAmount:
    return AssetAmount(asset, Decimal(value))
