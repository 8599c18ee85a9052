"""Frames → books by cryptofeed, unmodified: its own message handlers. It needs a C compiler.

usage: book_cryptofeed.py VENUE FOLDER
"""

import asyncio
import json
import sys
import time
from decimal import Decimal
from pathlib import Path

from cryptofeed.defines import L2_BOOK
from cryptofeed.exchanges import Binance, Upbit
from cryptofeed.symbols import Symbols
from cryptofeed.types import OrderBook

TURNS = 3
BEST = []


async def seen(book, _receipt):
    BEST[:] = book.book.bids.index(0)[0], book.book.asks.index(0)[0]


def feed_of(venue, folder):
    kind, pair, name = (
        (Binance, "BTC-USDT", "BTCUSDT") if venue == "binance" else (Upbit, "BTC-KRW", "KRW-BTC")
    )
    Symbols.set(kind.id, {pair: name}, {"instrument_type": {pair: "spot"}})
    feed = kind(symbols=[pair], channels=[L2_BOOK], callbacks={L2_BOOK: seen}, max_depth=1000)
    if venue == "binance":
        told = json.loads((folder / "binance_snapshot.json").read_bytes())
        sides = [{Decimal(p): Decimal(q) for p, q in told[side]} for side in ("bids", "asks")]
        feed._l2_book[pair] = OrderBook(feed.id, pair, max_depth=1000, bids=sides[0], asks=sides[1])
        feed.last_update_id[pair] = told["lastUpdateId"]
    return feed


async def main(venue, folder):
    name = "binance_frames" if venue == "binance" else "upbit_short"
    frames = (folder / f"{name}.jsonl").read_text().splitlines()
    taken = []
    for _ in range(TURNS):
        feed = feed_of(venue, folder)
        before = time.process_time()
        for frame in frames:
            await feed.message_handler(frame, None, 0.0)
        taken.append(time.process_time() - before)
    print(json.dumps({"seconds": min(taken), "bid": float(BEST[0]), "ask": float(BEST[1])}))


asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
