"""Warm: the market's kernels, compiled before the first frame waits for them."""

from __future__ import annotations

from app.books.rack import Rack
from app.books.walk import walk
from app.domain.events import ConnectionOpened, FrameReceived, SnapshotRead, Ticked
from app.domain.markets import Alignment, BookSnapshot, Instrument
from app.domain.policy import Policy
from app.domain.venues import Venue
from app.engine.core import Engine
from app.engine.views import Views
from app.exchanges.scanning import translators

COIN = Instrument(Venue.BINANCE, "BTC", "USDT")
CHANNEL = "depth@100ms"
FRAME = (
    b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":%d,"s":"BTCUSDT",'
    b'"U":%d,"u":%d,"b":[["1","2"]],"a":[]%s}}'
)
# Routes need somewhere to go: in the same money, and in won.
OTHERS = (
    (Instrument(Venue.OKX, "BTC", "USDT"), "books"),
    (Instrument(Venue.UPBIT, "BTC", "KRW"), "orderbook"),
)


def warm() -> None:
    """A coin in a world of its own: scanned, read slowly, detected on, shown, walked."""
    engine = Engine(Rack(), translators(list(Venue)), Policy())
    engine.step(ConnectionOpened(1, 1, COIN.venue, CHANNEL, (COIN,)))
    for connection, (coin, channel) in enumerate(OTHERS, 2):
        engine.step(ConnectionOpened(1, connection, coin.venue, channel, (coin,)))
    book = BookSnapshot(COIN, Alignment.BUFFERED, [("1", "1")], [("2", "1")], 1, 1)
    engine.step(SnapshotRead(2, COIN, book))
    for number, more in ((2, b""), (3, b',"unknown":[]')):
        frame = FRAME % (number, number, number, more)
        engine.step(FrameReceived(number, 1, frame))
    engine.step(Ticked(4))
    Views(engine).premiums(5)
    free = dict.fromkeys(("buy_fee_bps", "sell_fee_bps", "withdrawal_fee"), 0.0)
    walk([(1.0, 1.0)], [(2.0, 1.0)], buy_fx=1.0, sell_fx=1.0, **free)
