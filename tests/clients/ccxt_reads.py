"""Unmodified ccxt.pro against nine ports: run with .venv-clients/bin/python, prints JSON lines.

usage: ccxt_reads.py VENUE=PORT … [--keys JSON] [--updates N]

Only the URLs are changed: scheme and host of every address under `exchange.urls['api']`, the paths
stay. Each venue is read twice, all at once: with default options and its keys, and with spot-only
options and no keys. A line tells how many times the book came, which were crossed or out of order,
the fewest levels of a side, how often it had moved, and what was loaded before; or the error.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import ccxt.pro

PATIENCE_S = 150
QUOTES = {"upbit": "KRW", "bithumb": "KRW", "coinbase": "USD"}
SPOT_ONLY: dict[str, dict[str, Any]] = {
    "binance": {
        "fetchMarkets": {"types": ["spot"]},
        "fetchCurrencies": False,
        "fetchMargins": False,
    },
    "kucoin": {"fetchMarkets": {"types": ["spot"], "fetchTickersFees": False}, "uta": False},
    "bitget": {"fetchMarkets": {"types": ["spot"]}, "uta": False},
    "coinbase": {"fetchBalance": "v3PrivateGetBrokerageAccounts"},
}


def moved(value: Any, port: int) -> Any:
    """The same addresses on loopback."""
    if isinstance(value, dict):
        return {name: moved(inner, port) for name, inner in value.items()}
    if isinstance(value, str) and "://" in value:
        parts = urlsplit(value)
        scheme = "ws" if parts.scheme.startswith("ws") else "http"
        return parts._replace(scheme=scheme, netloc=f"127.0.0.1:{port}").geturl()
    return value


def opened(venue: str, port: int, keys: dict[str, str], *, spot_only: bool) -> Any:
    options = SPOT_ONLY.get(venue, {"fetchMarkets": {"types": ["spot"]}}) if spot_only else {}
    words: dict[str, Any] = {"options": options}
    if keys:
        words["apiKey"] = keys["key"]
        words["secret"] = keys.get("private_pem") or keys["secret"]
        words["password"] = keys.get("passphrase", "")
    exchange = getattr(ccxt.pro, venue)(words)
    exchange.urls["api"] = moved(exchange.urls["api"], port)
    if venue == "binance":  # it tells spot from its twin perpetual by this word in the address
        exchange.urls["api"]["ws"]["spot"] = f"ws://127.0.0.1:{port}/stream/ws"
    return exchange


async def read(venue: str, exchange: Any, updates: int) -> dict[str, Any]:
    told: dict[str, Any] = {"venue": venue, "wrong": [], "moves": 0, "levels": 1 << 20}
    try:
        markets = await exchange.load_markets()
        told["markets"] = sum(1 for market in markets.values() if market["spot"])
        told["currencies"] = len(exchange.currencies)
        symbol = f"BTC/{QUOTES.get(venue, 'USDT')}"
        before: Any = None
        for number in range(updates):
            book = await exchange.watch_order_book(symbol)
            bids, asks = ([row[:2] for row in book[side]] for side in ("bids", "asks"))
            told["levels"] = min(told["levels"], len(bids), len(asks))
            prices = [level[0] for level in reversed(bids)] + [level[0] for level in asks]
            if any(left >= right for left, right in pairwise(prices)):
                told["wrong"].append(number)
            told["moves"] += before is not None and [bids, asks] != before
            before = [bids, asks]
        told["updates"] = updates
    finally:
        await exchange.close()
    return told


def failed(venue: str, error: BaseException) -> dict[str, Any]:
    return {"venue": venue, "error": f"{type(error).__name__}: {error}"}


async def both(venue: str, port: int, keys: dict[str, str], updates: int) -> list[dict[str, Any]]:
    exchanges = opened(venue, port, keys, spot_only=False), opened(venue, port, {}, spot_only=True)
    readings = (read(venue, exchange, updates) for exchange in exchanges)
    found = await asyncio.gather(*readings, return_exceptions=True)
    return [one if isinstance(one, dict) else failed(venue, one) for one in found]


async def all_of_them(asked: argparse.Namespace) -> None:
    keys = json.loads(asked.keys)
    pairs = [pair.split("=") for pair in asked.venues]
    readings = [both(venue, int(port), keys.get(venue, {}), asked.updates) for venue, port in pairs]
    for reading in asyncio.as_completed(readings):
        for told in await reading:
            print(json.dumps(told), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("venues", nargs="+")
    parser.add_argument("--keys", default="{}")
    parser.add_argument("--updates", type=int, default=12)
    asyncio.run(asyncio.wait_for(all_of_them(parser.parse_args()), PATIENCE_S))


if __name__ == "__main__":
    main()
