"""Unmodified ccxt.pro on one account: prints what it was told as one JSON line.

usage: ccxt_accounts.py VENUE PORT --keys JSON

Balances, an order that rests (seen on the user stream, fetched, listed, cancelled) and one that
trades at once. For the venues whose fills, coins or filled quantities ccxt cannot read itself.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import Any

from tests.clients.ccxt_reads import QUOTES, opened
from tests.clients.ccxt_trades import PATIENCE_S, client_id, rested, until

PRECISE = {"upbit": 1_000, "bithumb": 6}
"""ccxt knows no ticks of the Korean venues: a price of BTC as a step, and in digits."""


async def bought(venue: str, exchange: Any, symbol: str, quantity: float) -> dict[str, Any]:
    """An order that trades at once, as the venue tells it (`info`)."""
    book = await exchange.fetch_order_book(symbol)
    price = float(exchange.price_to_precision(symbol, book["asks"][0][0] * 1.01))
    words = {**client_id(venue), "timeInForce": "IOC"}
    made = await exchange.create_order(symbol, "limit", "buy", quantity, price, words)

    async def one() -> Any:
        return await exchange.fetch_order(made["id"], symbol)

    done = await until(one, lambda found: isinstance(found, dict) and found["status"] != "open")
    return {"id": made["id"], "status": done["status"], "info": done["info"]}


async def look(asked: argparse.Namespace) -> dict[str, Any]:
    venue = asked.venue
    exchange = opened(venue, asked.port, json.loads(asked.keys), spot_only=True)
    symbol = f"BTC/{QUOTES.get(venue, 'USDT')}"
    told: dict[str, Any] = {"venue": venue}
    try:
        await exchange.load_markets()
        if venue in PRECISE:
            exchange.markets[symbol]["precision"]["price"] = PRECISE[venue]
        before = await exchange.fetch_balance()
        told["before"] = before[symbol.split("/")[1]]
        told["rested"] = await rested(venue, exchange, symbol, 0.0032)
        told["bought"] = await bought(venue, exchange, symbol, 0.0032)
        told["after"] = (await exchange.fetch_balance())[symbol.split("/")[1]]
    finally:
        await exchange.close()
    return told


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("venue")
    parser.add_argument("port", type=int)
    parser.add_argument("--keys", default="{}")
    asked = parser.parse_args()
    print(json.dumps(asyncio.run(asyncio.wait_for(look(asked), PATIENCE_S))), flush=True)


if __name__ == "__main__":
    main()
