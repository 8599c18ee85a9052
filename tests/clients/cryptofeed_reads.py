"""cryptofeed against the TLS ports: run with an interpreter that has it, prints one JSON line.

usage: SSL_CERT_FILE=ca.pem REQUESTS_CA_BUNDLE=ca.pem cryptofeed_reads.py VENUE PORT [--keys JSON]

Only addresses are changed. KuCoin's token address is written in its constructor, so that one call
is led to the port as well (simulator.md §4).
"""

from __future__ import annotations

import argparse
import json
import os
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from cryptofeed import FeedHandler
from cryptofeed.defines import L2_BOOK
from cryptofeed.exchanges import OKX, Binance, Bybit, Gateio, KuCoin, Upbit

FEEDS = {
    "upbit": Upbit,
    "binance": Binance,
    "okx": OKX,
    "bybit": Bybit,
    "gate": Gateio,
    "kucoin": KuCoin,
}
LEVELS_MIN = 15


def move(feed: Any, port: int) -> None:
    """Scheme stays secure, the path stays; host and port are ours."""
    for endpoint in feed.websocket_endpoints or []:
        parts = urlsplit(endpoint.address)
        endpoint.address = parts._replace(netloc=f"localhost:{port}").geturl()
    for endpoint in feed.rest_endpoints:
        endpoint.address = f"https://localhost:{port}"
    if feed is KuCoin:
        written = KuCoin.http_sync.write

        def write(address: str, **words: Any) -> Any:
            parts = urlsplit(address)
            return written(parts._replace(netloc=f"localhost:{port}").geturl(), **words)

        KuCoin.http_sync.write = write


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("venue", choices=sorted(FEEDS))
    parser.add_argument("port", type=int)
    parser.add_argument("--keys", default="{}")
    parser.add_argument("--updates", type=int, default=15)
    arguments = parser.parse_args()
    feed = FEEDS[arguments.venue]
    move(feed, arguments.port)
    told: dict[str, Any] = {"venue": arguments.venue, "wrong": [], "moves": 0, "levels": 1 << 20}
    seen: list[Any] = []

    async def on_book(book: Any, _receipt: float) -> None:
        sides = book.book.to_dict()
        bids, asks = (list(map(Decimal, sides[name])) for name in ("bid", "ask"))
        told["levels"] = min(told["levels"], len(bids), len(asks))
        if bids[0] >= asks[0] or bids != sorted(bids, reverse=True) or asks != sorted(asks):
            told["wrong"].append(len(seen))
        now = ([*sides["bid"].items()][:LEVELS_MIN], [*sides["ask"].items()][:LEVELS_MIN])
        told["moves"] += bool(seen) and now != seen[-1]
        seen.append(now)
        if len(seen) == arguments.updates:
            told["updates"] = len(seen)
            print(json.dumps(told), flush=True)
            os._exit(0)  # its own stop waits for sockets for many seconds

    keys = json.loads(arguments.keys)
    config: dict[str, Any] = {"log": {"disabled": True}}
    if keys:
        config[feed.id.lower()] = {
            "key_id": keys["key"],
            "key_secret": keys["secret"],
            "key_passphrase": keys.get("passphrase"),
        }
    symbol = "BTC-KRW" if arguments.venue == "upbit" else "BTC-USDT"
    handler = FeedHandler(config=config)
    handler.add_feed(
        feed(config=config, symbols=[symbol], channels=[L2_BOOK], callbacks={L2_BOOK: on_book})
    )
    handler.run()


if __name__ == "__main__":
    main()
