"""Binance's USDT-M account (binance.md §8): orders for a hedge, positions, a wallet of its own."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from app.simulator.futures import MAKER, TAKER, Futures
from app.simulator.protocol import Listing, Reply
from app.simulator.trading import ZERO, Fill, NewOrder, Order, Rejected
from app.simulator.venues.account import average, exact, plain
from app.simulator.venues.binance_words import (
    CLIENT_ID,
    Fields,
    client_id,
    created,
    failed,
    fixed,
    force,
    illegal,
    missing,
    status,
    windowed,
)

QUOTE = "USDT"
FORCES = {"GTC": "gtc", "IOC": "ioc", "FOK": "fok", "GTX": "post"}
REFUSALS = {
    "insufficient": (-2019, "Margin is insufficient."),
    "duplicate": (-4116, "ClientOrderId is duplicated."),
    "reduce_only": (-2022, "ReduceOnly Order is rejected."),
    "minimum": (
        -4164,
        "Order's notional must be no smaller than 5.",
    ),
    "tick": (-4014, "Price not increased by tick size."),
    "lot": (-1111, "Precision is over the maximum defined for this asset."),
    "post_only": (-5022, "The order could not be executed as maker."),
    "closed": (-2011, "Unknown order sent."),
}


class BinanceFutures:
    """listings: the spot markets whose coins have a perpetual."""

    def __init__(self, listings: dict[str, Listing], futures: Futures) -> None:
        self._listings = {symbol: one for symbol, one in listings.items() if one.quote == QUOTE}
        self._futures = futures
        self.routes: dict[tuple[str, str], Callable[[Fields], Reply]] = {
            ("POST", "/fapi/v1/order"): self._place,
            ("DELETE", "/fapi/v1/order"): self._cancel,
            ("GET", "/fapi/v1/order"): self._order,
            ("GET", "/fapi/v1/openOrders"): self._open_orders,
            ("GET", "/fapi/v1/allOrders"): self._all_orders,
            ("GET", "/fapi/v1/userTrades"): self._trades,
            ("GET", "/fapi/v1/commissionRate"): self._rate,
            ("GET", "/fapi/v3/balance"): self._balance,
            ("GET", "/fapi/v2/balance"): self._balance,
            ("GET", "/fapi/v3/account"): self._account,
            ("GET", "/fapi/v3/positionRisk"): self._positions,
            ("GET", "/fapi/v2/positionRisk"): self._positions,
            ("GET", "/fapi/v1/positionSide/dual"): lambda _: Reply.json(
                {"dualSidePosition": False}
            ),
            ("POST", "/fapi/v1/leverage"): self._leverage,
        }

    def _asked(self, asked: Fields) -> NewOrder | Reply:
        listing = self._listings.get(asked.get("symbol", ""))
        if listing is None:
            return failed(400, -1121, "Invalid symbol.")
        side, kind = asked.get("side"), asked.get("type")
        if side not in ("BUY", "SELL") or kind not in ("LIMIT", "MARKET"):
            return failed(400, -1116, "Invalid orderType.")
        name = asked.get("newClientOrderId")
        if name is not None and not CLIENT_ID.fullmatch(name):
            return illegal("newClientOrderId")
        quantity, price = exact(asked.get("quantity")), exact(asked.get("price"))
        if quantity is None:
            return missing("quantity")
        bought = side == "BUY"
        if kind == "MARKET":
            return NewOrder(listing, name, bought, "market", None, quantity, None, "ioc")
        if price is None or asked.get("timeInForce") not in FORCES:
            return missing("price" if price is None else "timeInForce")
        given = FORCES[asked["timeInForce"]]
        return NewOrder(listing, name, bought, "limit", price, quantity, None, given)

    def _place(self, asked: Fields) -> Reply:
        order = self._asked(asked)
        if isinstance(order, Reply):
            return order
        if asked.get("positionSide", "BOTH") != "BOTH":
            return failed(400, -4061, "Order's position side does not match user's setting.")
        try:
            reduces = asked.get("reduceOnly") == "true"
            return Reply.json(self._row(self._futures.place(order, reduces=reduces)))
        except Rejected as refusal:
            return failed(400, *REFUSALS[refusal.code])

    def _found(self, asked: Fields) -> Order | None:
        order = self._futures.order(asked["orderId"]) if asked.get("orderId") else None
        if order is None and not asked.get("orderId"):
            named = self._futures.by_client_id(asked.get("origClientOrderId", ""))
            order = named[0] if named else None
        return order if order and order.listing.symbol == asked.get("symbol") else None

    def _order(self, asked: Fields) -> Reply:
        order = self._found(asked)
        if order is None:
            return failed(400, -2013, "Order does not exist.")
        return Reply.json(self._row(order))

    def _cancel(self, asked: Fields) -> Reply:
        order = self._found(asked)
        if order is None:
            return failed(400, -2011, "Unknown order sent.")
        try:
            self._futures.cancel(order)
        except Rejected as refusal:
            return failed(400, *REFUSALS[refusal.code])
        return Reply.json(self._row(order))

    def _open_orders(self, asked: Fields) -> Reply:
        rows = self._futures.orders(self._listings.get(asked.get("symbol", "")))
        return Reply.json([self._row(one) for one in rows[::-1] if one.status == "open"])

    def _all_orders(self, asked: Fields) -> Reply:
        listing = self._listings.get(asked.get("symbol", ""))
        if listing is None:
            return missing("symbol")
        rows = list(self._futures.orders(listing))[::-1]
        picked = windowed(rows, asked, "orderId", lambda one: one.number, created)
        if isinstance(picked, Reply):
            return picked
        return Reply.json([self._row(one) for one in picked])

    def _trades(self, asked: Fields) -> Reply:
        listing = self._listings.get(asked.get("symbol", ""))
        if listing is None:
            return missing("symbol")
        rows = list(self._futures.fills(listing))[::-1]
        if name := asked.get("orderId"):
            rows = [one for one in rows if one.order.id == name]
        picked = windowed(rows, asked, "fromId", lambda one: one.id, lambda one: one.at_ms)
        return picked if isinstance(picked, Reply) else Reply.json([trade(one) for one in picked])

    def _row(self, order: Order) -> dict[str, Any]:
        limit = order.kind == "limit"
        return {
            "orderId": order.number,
            "symbol": order.listing.symbol,
            "status": status(order),
            "clientOrderId": client_id(order),
            "price": plain(order.price or ZERO),
            "avgPrice": plain(average(order)),
            "origQty": plain(order.quantity or ZERO),
            "executedQty": plain(order.filled),
            "cumQty": plain(order.filled),
            "cumQuote": plain(order.value),
            "timeInForce": "GTX" if order.force == "post" else force(order),
            "type": "LIMIT" if limit else "MARKET",
            "reduceOnly": False,
            "closePosition": False,
            "side": "BUY" if order.bought else "SELL",
            "positionSide": "BOTH",
            "stopPrice": "0",
            "workingType": "CONTRACT_PRICE",
            "priceProtect": False,
            "origType": "LIMIT" if limit else "MARKET",
            "time": order.created_ms,
            "updateTime": order.updated_ms,
        }

    def _rate(self, asked: Fields) -> Reply:
        rates = {"makerCommissionRate": plain(MAKER), "takerCommissionRate": plain(TAKER)}
        return Reply.json({"symbol": asked.get("symbol", ""), **rates})

    def _balance(self, _asked: Fields) -> Reply:
        wallet = fixed(self._futures.wallet)
        row = {"accountAlias": "sim", "asset": QUOTE, "balance": wallet}
        more = {"crossWalletBalance": wallet, "availableBalance": wallet, "marginAvailable": True}
        return Reply.json([{**row, **more}])

    def _account(self, _asked: Fields) -> Reply:
        wallet = fixed(self._futures.wallet)
        assets = [{"asset": QUOTE, "walletBalance": wallet, "availableBalance": wallet}]
        told = {"totalWalletBalance": wallet, "availableBalance": wallet, "assets": assets}
        return Reply.json({**told, "positions": self._held(None)})

    def _positions(self, asked: Fields) -> Reply:
        return Reply.json(self._held(asked.get("symbol")))

    def _held(self, symbol: str | None) -> list[dict[str, Any]]:
        rows = []
        for name, held in self._futures.positions.items():
            if not held.quantity or symbol not in (None, name):
                continue
            mark = Decimal(self._listings[name].bids.prices[0])
            rows.append(
                {
                    "symbol": name,
                    "positionSide": "BOTH",
                    "positionAmt": plain(held.quantity),
                    "entryPrice": plain(held.average),
                    "markPrice": plain(mark),
                    "unRealizedProfit": plain(mark * held.quantity - held.cost),
                    "notional": plain(mark * held.quantity),
                    "marginAsset": QUOTE,
                }
            )
        return rows

    def _mode(self, _asked: Fields) -> Reply:
        """One-way."""
        return Reply.json({"dualSidePosition": False})

    def _leverage(self, asked: Fields) -> Reply:
        given = {"leverage": int(asked.get("leverage", "10")), "maxNotionalValue": "1000000"}
        return Reply.json({**given, "symbol": asked.get("symbol", "")})


def trade(fill: Fill) -> dict[str, Any]:
    bought = fill.order.bought
    return {
        "symbol": fill.order.listing.symbol,
        "id": fill.id,
        "orderId": fill.order.number,
        "side": "BUY" if bought else "SELL",
        "price": plain(fill.price),
        "qty": plain(fill.quantity),
        "quoteQty": plain(fill.value),
        "realizedPnl": "0",
        "marginAsset": QUOTE,
        "commission": plain(fill.fee),
        "commissionAsset": fill.fee_asset,
        "time": fill.at_ms,
        "positionSide": "BOTH",
        "buyer": bought,
        "maker": fill.maker,
    }
