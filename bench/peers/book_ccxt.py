"""Frames → books by ccxt.pro, unmodified: its own handlers, called as its client calls them.

usage: book_ccxt.py VENUE FOLDER
"""

import json
import sys
import time
from pathlib import Path

import ccxt.pro as ccxtpro
import orjson

MARKETS = {
    "binance": ("BTCUSDT", "BTC", "USDT", "wss://stream.binance.com:9443/stream"),
    "upbit": ("KRW-BTC", "BTC", "KRW", "wss://api.upbit.com/websocket/v1"),
}
TURNS = 3


class Client:
    """What handlers ask of a connection: where it leads, and somebody who waits."""

    def __init__(self, url):
        self.url = url
        self.subscriptions = {}
        self.futures = {}

    def resolve(self, result, _message_hash):
        return result

    def reject(self, error, _message_hash=None):
        raise error


def exchange_of(venue):
    name, base, quote, url = MARKETS[venue]
    exchange = getattr(ccxtpro, venue)()
    market = exchange.safe_market_structure(
        {
            "id": name,
            "symbol": f"{base}/{quote}",
            "base": base,
            "quote": quote,
            "baseId": base,
            "quoteId": quote,
            "type": "spot",
            "spot": True,
            "active": True,
        }
    )
    exchange.set_markets([market])
    return exchange, f"{base}/{quote}", Client(url)


def main(venue, folder):
    name = "binance_frames" if venue == "binance" else "upbit_long"
    frames = (folder / f"{name}.jsonl").read_bytes().splitlines()
    taken = []
    for _ in range(TURNS):
        exchange, symbol, client = exchange_of(venue)
        if venue == "binance":
            snapshot = json.loads((folder / "binance_snapshot.json").read_bytes())
            book = exchange.order_book({}, 1000)
            book.reset(exchange.parse_order_book(snapshot, symbol))
            book["nonce"] = snapshot["lastUpdateId"]
            exchange.orderbooks[symbol] = book
        before = time.process_time()
        for frame in frames:
            exchange.handle_message(client, orjson.loads(frame))
            book = exchange.orderbooks[symbol]
            best = book["bids"][0][0], book["asks"][0][0]
        taken.append(time.process_time() - before)
    print(json.dumps({"seconds": min(taken), "bid": best[0], "ask": best[1]}))


main(sys.argv[1], Path(sys.argv[2]))
