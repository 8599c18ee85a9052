"""Frames → books by nautilus_trader: its own schemas, deltas and order book.

usage: book_nautilus.py VENUE FOLDER
"""

import json
import sys
import time
from pathlib import Path

import msgspec
from nautilus_trader.adapters.binance.common.schemas.market import (
    BinanceDepth,
    BinanceOrderBookMsg,
)
from nautilus_trader.model.book import OrderBook
from nautilus_trader.model.enums import BookType
from nautilus_trader.model.identifiers import InstrumentId

TURNS = 3


def main(folder):
    instrument = InstrumentId.from_str("BTCUSDT.BINANCE")
    frames = (folder / "binance_frames.jsonl").read_bytes().splitlines()
    snapshot = msgspec.json.decode(
        (folder / "binance_snapshot.json").read_bytes(), type=BinanceDepth
    )
    decoder = msgspec.json.Decoder(BinanceOrderBookMsg)
    taken = []
    for _ in range(TURNS):
        book = OrderBook(instrument, BookType.L2_MBP)
        book.apply_deltas(snapshot.parse_to_order_book_snapshot(instrument, 0))
        before = time.process_time()
        for frame in frames:
            message = decoder.decode(frame)
            book.apply_deltas(message.data.parse_to_order_book_deltas(instrument, 0))
            best = book.best_bid_price(), book.best_ask_price()
        taken.append(time.process_time() - before)
    print(json.dumps({"seconds": min(taken), "bid": float(best[0]), "ask": float(best[1])}))


main(Path(sys.argv[2]))
