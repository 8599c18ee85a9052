"""Unmodified ccxt.pro trades on one simulated venue: prints what it was told as one JSON line.

usage: ccxt_trades.py VENUE PORT --keys JSON

A limit order that rests, seen on the user stream, fetched, found among the open ones, cancelled;
one that trades at once, with its fills and fees; balances before and after; the account's fee; a
deposit address, and some USDT sent there, found among the withdrawals and among the deposits.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import uuid
from typing import Any

from tests.clients.ccxt_reads import QUOTES, opened

PATIENCE_S = 120
RESTS_AT = 0.9
"""Of the best bid: far enough to rest, near enough to be taken."""
NAMED = {"kucoin": "clientOid", "gate": "text", "coinbase": "client_order_id"}
ASKS: dict[str, dict[str, Any]] = {"bybit": {"acknowledged": True}}
"""What ccxt wants to be told before it asks for one order."""
NETWORKS = {"coinbase": "ethereum"}
CRYPTO = {"currencyType": "crypto"}
SENT = 50.0
HASH = 64
"""Letters of a transaction's name; before it has left, Coinbase's client tells its id instead."""


def client_id(venue: str) -> dict[str, str]:
    name = uuid.uuid4().hex[:20]
    return {NAMED.get(venue, "clientOrderId"): f"t-{name}" if venue == "gate" else name}


async def until(ask: Any, wanted: Any) -> Any:
    """Venues answer before their lists know."""
    for _ in range(50):
        try:
            found = await ask()
        except Exception as error:
            found = type(error).__name__
        if wanted(found):
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"never came: {found}")


async def rested(venue: str, exchange: Any, symbol: str, quantity: float) -> dict[str, Any]:
    """An order that nobody takes, from its first word on the stream to its cancel."""
    book = await exchange.fetch_order_book(symbol)
    price = float(exchange.price_to_precision(symbol, book["bids"][0][0] * RESTS_AT))
    listening = asyncio.create_task(exchange.watch_orders(symbol))
    await asyncio.sleep(1.0)  # until it has logged in and subscribed
    named = client_id(venue)
    made = await exchange.create_order(symbol, "limit", "buy", quantity, price, named)
    # its cache goes on growing: what it holds now
    streamed = [[order["id"], order["status"]] for order in await listening]
    more = ASKS.get(venue, {})

    async def one() -> Any:
        return await exchange.fetch_order(made["id"], symbol, more)

    fetched = await until(one, lambda found: isinstance(found, dict))
    open_ids = [order["id"] for order in await exchange.fetch_open_orders(symbol)]
    await exchange.cancel_order(made["id"], symbol)
    gone = await until(one, lambda found: isinstance(found, dict) and found["status"] != "open")
    return {
        "id": made["id"],
        "client_id": next(iter(named.values())),
        "streamed": streamed,
        "fetched": [fetched["id"], fetched["status"], fetched["clientOrderId"], fetched["side"]],
        "price": [price, fetched["price"]],
        "open": made["id"] in open_ids,
        "gone": gone["status"],
    }


async def taken(venue: str, exchange: Any, symbol: str, quantity: float) -> dict[str, Any]:
    """An order that trades at once."""
    book = await exchange.fetch_order_book(symbol)
    price = float(exchange.price_to_precision(symbol, book["asks"][0][0] * 1.01))
    words = {**client_id(venue), "timeInForce": "IOC"}
    made = await exchange.create_order(symbol, "limit", "buy", quantity, price, words)
    more = ASKS.get(venue, {})

    async def one() -> Any:
        return await exchange.fetch_order(made["id"], symbol, more)

    done = await until(one, lambda found: isinstance(found, dict) and found["filled"])
    trades = [t for t in await exchange.fetch_my_trades(symbol) if t["order"] == made["id"]]
    return {
        "id": made["id"],
        "status": done["status"],
        "filled": done["filled"],
        "average": done["average"],
        "traded": sum(trade["amount"] for trade in trades),
        "cost": sum(trade["cost"] for trade in trades),
        "fees": sorted({trade["fee"]["currency"] for trade in trades}),
        "fee": sum(trade["fee"]["cost"] for trade in trades),
    }


async def sent(venue: str, exchange: Any) -> dict[str, Any]:
    """Some USDT to the account's own address."""
    network = NETWORKS.get(venue, "ERC20")
    if venue == "coinbase":
        rows = (await exchange.fetch_deposit_addresses_by_network("USDT")).values()
        [found] = [row for row in rows if row["info"]["network"] == network]
    else:
        found = await exchange.fetch_deposit_address("USDT", {"network": network})
    made = await exchange.withdraw("USDT", SENT, found["address"], {"network": network})

    async def left() -> Any:
        rows = await exchange.fetch_withdrawals("USDT", None, None, CRYPTO)
        return next((row for row in rows if row["id"] == made["id"]), None)

    async def arrived() -> Any:
        rows = await exchange.fetch_deposits("USDT", None, None, CRYPTO)
        return next((row for row in rows if row["txid"] == gone["txid"]), None)

    gone = await until(left, lambda row: isinstance(row, dict) and len(row["txid"] or "") == HASH)
    came = await until(arrived, lambda row: isinstance(row, dict) and row["status"] == "ok")
    names = ("txid", "amount", "currency", "address")
    return {
        "id": made["id"],
        "out": {name: gone[name] for name in names} | {"fee": gone["fee"]["cost"]},
        "in": {name: came[name] for name in names},
    }


async def trade(asked: argparse.Namespace) -> dict[str, Any]:
    exchange = opened(asked.venue, asked.port, json.loads(asked.keys), spot_only=True)
    symbol = f"BTC/{QUOTES.get(asked.venue, 'USDT')}"
    told: dict[str, Any] = {"venue": asked.venue}
    try:
        await exchange.load_markets()
        before = await exchange.fetch_balance()
        told["quote"] = before[symbol.split("/")[1]]["free"]
        quantity = float(exchange.amount_to_precision(symbol, 0.00321))
        told["rested"] = await rested(asked.venue, exchange, symbol, quantity)
        told["taken"] = await taken(asked.venue, exchange, symbol, quantity)
        after = await exchange.fetch_balance()
        told["gained"] = after["BTC"]["free"] - before["BTC"]["free"]
        if exchange.has["fetchTradingFee"]:
            told["taker"] = (await exchange.fetch_trading_fee(symbol))["taker"]
        told["sent"] = await sent(asked.venue, exchange)
    finally:
        await exchange.close()
    return told


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("venue")
    parser.add_argument("port", type=int)
    parser.add_argument("--keys", default="{}")
    asked = parser.parse_args()
    print(json.dumps(asyncio.run(asyncio.wait_for(trade(asked), PATIENCE_S))), flush=True)


if __name__ == "__main__":
    main()
