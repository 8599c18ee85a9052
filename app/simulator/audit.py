"""/__sim/ of the books: what truly happened to one venue's account, for those who audit clients."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from app.simulator.trading import Deposit, Fill, Order, Withdrawal

if TYPE_CHECKING:
    from app.simulator.desk import VenueDesk


def plain(value: Decimal | None) -> str | None:
    """Exact, without exponent or trailing zeros."""
    if value is None:
        return None
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def orders(desk: VenueDesk) -> list[dict[str, Any]]:
    """Newest first; refused create requests as well, which have no order_id."""
    rows = sorted([*desk.orders(), *desk.rejected], key=lambda one: -one.created_ms)
    told = [_order(one, "spot") for one in rows]
    if desk.futures is not None:
        told += [_order(one, "futures") for one in desk.futures.orders()]
    return told


def _order(order: Order, market: str) -> dict[str, Any]:
    return {
        "market": market,
        "order_id": order.id,
        "client_id": order.client_id,
        "symbol": order.listing.symbol,
        "side": "buy" if order.bought else "sell",
        "type": order.force if order.kind == "limit" and order.force != "gtc" else order.kind,
        "price": plain(order.price),
        "quantity": plain(order.quantity),
        "funds": plain(order.funds),
        "filled": plain(order.filled),
        "value": plain(order.value),
        "fee": plain(order.fee),
        "fee_asset": order.fee_asset,
        "status": order.status,
        "received": order.received,
        "at_ms": order.created_ms,
    }


def fills(desk: VenueDesk) -> list[dict[str, Any]]:
    told = [_fill(desk, one, "spot") for one in desk.fills()]
    if desk.futures is not None:
        told += [_fill(desk, one, "futures") for one in desk.futures.fills()]
    return told


def _fill(desk: VenueDesk, fill: Fill, market: str) -> dict[str, Any]:
    order = fill.order
    return {
        "market": market,
        "fill_id": desk.private.name("fill", fill.id) or str(fill.id),
        "order_id": order.id,
        "client_id": order.client_id,
        "symbol": order.listing.symbol,
        "side": "buy" if order.bought else "sell",
        "price": plain(fill.price),
        "quantity": plain(fill.quantity),
        "value": plain(fill.value),
        "fee": plain(fill.fee),
        "fee_asset": fill.fee_asset,
        "maker": fill.maker,
        "at_ms": fill.at_ms,
    }


def withdrawals(desk: VenueDesk) -> list[dict[str, Any]]:
    return [_withdrawal(one) for one in desk.withdrawals()]


def _withdrawal(one: Withdrawal) -> dict[str, Any]:
    return {
        "withdrawal_id": one.id,
        "client_id": one.client_id,
        "asset": one.asset,
        "network": one.network,
        "address": one.address,
        "amount": plain(one.amount),
        "fee": plain(one.fee),
        "status": one.status,
        "txid": one.txid,
        "to_venue": one.to_venue,
        "at_ms": one.created_ms,
    }


def deposits(desk: VenueDesk) -> list[dict[str, Any]]:
    return [_deposit(one) for one in desk.deposits()]


def _deposit(one: Deposit) -> dict[str, Any]:
    return {
        "deposit_id": one.id,
        "asset": one.asset,
        "network": one.network,
        "amount": plain(one.amount),
        "txid": one.txid,
        "status": one.status,
        "confirmations": one.confirmations,
        "at_ms": one.created_ms,
    }


def balances(desk: VenueDesk) -> dict[str, dict[str, str | None]]:
    return {
        asset: {"free": plain(purse.free), "locked": plain(purse.locked)}
        for asset, purse in desk.purses().items()
    }


READS = {
    "orders": orders,
    "fills": fills,
    "withdrawals": withdrawals,
    "deposits": deposits,
    "balances": balances,
}
