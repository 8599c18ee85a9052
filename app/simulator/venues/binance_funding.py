"""Binance USDT-M perpetuals (binance.md §8): rules, mark, index and funding of every coin,
no books."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from app.simulator.protocol import Listing

QUOTE = "USDT"
EVERY_MS = 8 * 3_600_000
"""Payments at 00, 08 and 16 UTC."""
USUAL, SPREAD = 0.0001, 0.00015
"""A funding is mostly what interest makes of it, and of some coins far more or less."""
BASIS = 0.0002


def perpetuals(listings: Iterable[Listing], now_ms: int) -> dict[str, object]:
    """`GET /fapi/v1/exchangeInfo`: one for each coin against USDT, in the steps of spot."""
    rows = [_perpetual(one) for one in listings if one.quote == QUOTE]
    return {"timezone": "UTC", "serverTime": now_ms, "rateLimits": [], "symbols": rows}


def _perpetual(listing: Listing) -> dict[str, object]:
    tick, lot = f"{listing.tick:f}", f"{listing.lot:f}"
    lots = {"minQty": lot, "maxQty": "10000000", "stepSize": lot}
    return {
        "symbol": listing.symbol,
        "pair": listing.symbol,
        "contractType": "PERPETUAL",
        "status": "TRADING",
        "baseAsset": listing.base,
        "quoteAsset": listing.quote,
        "marginAsset": listing.quote,
        "pricePrecision": listing.price_decimals,
        "quantityPrecision": listing.lot_decimals,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": tick,
                "maxPrice": "1000000",
                "tickSize": tick,
            },
            {"filterType": "LOT_SIZE", **lots},
            {"filterType": "MARKET_LOT_SIZE", **lots},
            {"filterType": "MIN_NOTIONAL", "notional": listing.minimum_value},
        ],
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


def premium_index(listings: Iterable[Listing], seed: int, now_ms: int) -> list[dict[str, object]]:
    """`GET /fapi/v1/premiumIndex` without a symbol."""
    return [_row(one, seed, now_ms) for one in listings if one.quote == QUOTE]


def _row(listing: Listing, seed: int, now_ms: int) -> dict[str, object]:
    """Of one coin the funding is the same until it is paid."""
    period = now_ms // EVERY_MS
    chance = Random(f"funding {seed} {listing.symbol} {period}")
    rate = USUAL + (chance.gauss(0.0, SPREAD) if chance.random() < 0.5 else 0.0)
    bid, ask = float(listing.bids.prices[0]), float(listing.asks.prices[0])
    index = (bid + ask) / 2.0
    return {
        "symbol": listing.symbol,
        "markPrice": f"{index * (1.0 + BASIS * rate / USUAL):.8f}",
        "indexPrice": f"{index:.8f}",
        "estimatedSettlePrice": f"{index:.8f}",
        "lastFundingRate": f"{rate:.8f}",
        "interestRate": f"{USUAL:.8f}",
        "nextFundingTime": (period + 1) * EVERY_MS,
        "time": now_ms,
    }
