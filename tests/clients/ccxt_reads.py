"""Unmodified ccxt.pro against nine ports: run with .venv-clients/bin/python, prints one JSON line.

usage: ccxt_reads.py VENUE PORT [--spot-only] [--keys JSON] [--updates N]

Only the URLs are changed: scheme and host of every address under `exchange.urls['api']`, the paths
stay. The line tells how many times the book came, how often it was crossed or out of order, the
fewest levels of a side, how often it had moved, and the markets that were loaded.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import ccxt.pro

LEVELS_MIN = 15
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
    return exchange


async def read(arguments: argparse.Namespace) -> dict[str, Any]:
    exchange = opened(
        arguments.venue,
        arguments.port,
        json.loads(arguments.keys),
        spot_only=arguments.spot_only,
    )
    told: dict[str, Any] = {"venue": arguments.venue, "wrong": [], "moves": 0, "levels": 1 << 20}
    try:
        markets = await exchange.load_markets()
        told["markets"] = sum(1 for market in markets.values() if market["spot"])
        told["currencies"] = len(exchange.currencies)
        symbol = f"BTC/{QUOTES.get(arguments.venue, 'USDT')}"
        before: Any = None
        for number in range(arguments.updates):
            book = await exchange.watch_order_book(symbol)
            bids, asks = list(book["bids"]), list(book["asks"])
            told["levels"] = min(told["levels"], len(bids), len(asks))
            prices = [level[0] for level in reversed(bids)] + [level[0] for level in asks]
            if any(left >= right for left, right in pairwise(prices)):
                told["wrong"].append(number)
            now = (bids[:LEVELS_MIN], asks[:LEVELS_MIN])
            told["moves"] += before is not None and now != before
            before = now
        told["updates"] = arguments.updates
    finally:
        await exchange.close()
    return told


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("venue")
    parser.add_argument("port", type=int)
    parser.add_argument("--spot-only", action="store_true")
    parser.add_argument("--keys", default="{}")
    parser.add_argument("--updates", type=int, default=12)
    arguments = parser.parse_args()
    told = asyncio.run(asyncio.wait_for(read(arguments), 60))
    print(json.dumps(told))
    sys.exit(0)


if __name__ == "__main__":
    main()
