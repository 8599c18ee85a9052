"""Scanning: readers of raw frames: a compiled scanner per venue and channel beside its `read`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

import numpy as np

from app.books.alignment import Connection
from app.books.compiled import entered
from app.books.outcomes import OTHER
from app.books.rack import Rack
from app.domain.markets import Alignment, Event, Instrument
from app.domain.venues import Venue
from app.exchanges import EXCHANGES
from app.exchanges.contract import Exchange, Names
from app.exchanges.scanning.layouts import LAYOUTS
from app.exchanges.scanning.scan import COUNTER, SAID, NameTable, scan

SHALLOW, DEEP = 128, 4_096
"""Levels kept on each side: of channels that carry at most 50, and of all others."""

DEPTHS: Mapping[tuple[Venue, str], int] = {
    (Venue.UPBIT, "orderbook"): SHALLOW,
    (Venue.BITHUMB, "orderbook"): SHALLOW,
    (Venue.BINANCE, "depth20@100ms"): SHALLOW,
    (Venue.OKX, "books"): 1_024,  # the venue keeps 400
    (Venue.OKX, "books5"): SHALLOW,
    (Venue.BYBIT, "orderbook.50"): SHALLOW,
    (Venue.KUCOIN, "level2Depth50"): SHALLOW,
    (Venue.GATE, "obu"): SHALLOW,
    (Venue.BITGET, "books15"): SHALLOW,
    (Venue.BITGET, "books5"): SHALLOW,
}


def translators(venues: Collection[Venue]) -> dict[Venue, Translator]:
    return {venue: Translator(EXCHANGES[venue]) for venue in venues}


class Translator:
    """Opens readers of one venue's connections."""

    def __init__(self, exchange: Exchange) -> None:
        self.venue = exchange.venue
        self._exchange = exchange

    def alignment(self, channel: str) -> Alignment:
        return self._exchange.channels[channel]

    def levels_max(self, channel: str) -> int:
        return DEPTHS.get((self.venue, channel), DEEP)

    def open(
        self, channel: str, instruments: Sequence[Instrument], rows: Sequence[int], rack: Rack
    ) -> Reader:
        return Reader(self._exchange, channel, instruments, rows, rack)


class Reader:
    """One connection's frames."""

    __slots__ = ("_exchange", "_names", "_rows", "_table", "counter", "scan")

    def __init__(
        self,
        exchange: Exchange,
        channel: str,
        instruments: Sequence[Instrument],
        rows: Sequence[int],
        rack: Rack,
    ) -> None:
        self._exchange = exchange
        self._names = Names(exchange)
        for instrument in instruments:
            self._names.learn(instrument)
        said = np.zeros(SAID, np.int64)
        self.counter = Connection(said[: COUNTER + 1])
        self._rows = dict(zip(instruments, rows, strict=True))
        self._table: NameTable | None = None
        self.scan: Callable[[bytes, int], int] = _leave
        layout = LAYOUTS.get((exchange.venue, channel))
        if layout is not None:
            symbols = {exchange.symbol(instrument): row for instrument, row in self._rows.items()}
            self._table = NameTable(
                {name.lower() if layout.lower else name: row for name, row in symbols.items()}
            )
            words, plan = layout.compile()
            here = self._table.table, words, plan, said, rack.tops, rack.levels
            self.scan = partial(entered(scan, *here, b"", 0), *here)

    def read(self, frame: bytes) -> list[Event]:
        """Raises ValueError."""
        return self._exchange.read(frame, self._names)

    def forget(self, instrument: Instrument) -> None:
        row = self._rows.pop(instrument, None)
        if row is not None and self._table is not None:
            self._table.forget(row)


def _leave(_frame: bytes, _at_ns: int) -> int:
    return OTHER
