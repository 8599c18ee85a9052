"""Messages about one book, told shortly."""

from __future__ import annotations

from app.domain.markets import Alignment, BookDelta, BookSnapshot, Instrument, Level
from app.domain.venues import Venue

COIN = Instrument(Venue.BINANCE, "COIN", "USDT")


def snapshot(
    alignment: Alignment,
    sequence: int | None = None,
    bids: list[Level] | None = None,
    asks: list[Level] | None = None,
    *,
    at_ns: int | None = None,
    instrument: Instrument = COIN,
) -> BookSnapshot:
    return BookSnapshot(
        instrument,
        alignment,
        [("99", "1")] if bids is None else bids,
        [("101", "1")] if asks is None else asks,
        sequence,
        at_ns,
    )


def delta(
    alignment: Alignment,
    previous: int | None,
    last: int | None,
    bids: list[Level] | None = None,
    asks: list[Level] | None = None,
    *,
    checksum: int | None = None,
    at_ns: int | None = None,
    instrument: Instrument = COIN,
) -> BookDelta:
    return BookDelta(instrument, alignment, bids or [], asks or [], previous, last, checksum, at_ns)
