"""Peeking: what a frame is without reading it, for those who carry frames and know no venue.

Neither answer may be wrong in a way that loses anything: what is not recognised is nothing special.
"""

from __future__ import annotations

import re

from app.domain.venues import Venue

# Pongs and heartbeats are short; a longer frame is content [each document, section 1].
KEEPALIVE_BYTES_MAX = 400
UP = re.compile(rb'"status"\s*:\s*"UP"')
KEEPALIVES: dict[Venue, re.Pattern[bytes]] = {
    Venue.UPBIT: UP,
    Venue.BITHUMB: UP,
    Venue.OKX: re.compile(b"pong"),
    Venue.BYBIT: re.compile(b'"pong"'),
    Venue.KUCOIN: re.compile(rb'"type"\s*:\s*"pong"'),
    Venue.GATE: re.compile(rb'"spot\.pong"'),
    Venue.BITGET: re.compile(b"pong"),
    Venue.COINBASE: re.compile(b'"heartbeats"'),
}

# Where a whole book of each channel names its market, near the start whatever the order of keys.
HEAD_BYTES = 240
ANSWER = b'"event"'  # to a subscription, which OKX and Bitget write like what they stream
WHOLE_BOOKS: dict[Venue, re.Pattern[bytes]] = {
    Venue.UPBIT: re.compile(
        rb'"ty(?:pe)?"\s*:\s*"orderbook".{0,40}?"c(?:o)?d(?:e)?"\s*:\s*"([^"]+)"'
        rb'|"c(?:o)?d(?:e)?"\s*:\s*"([^"]+)".{0,40}?"ty(?:pe)?"\s*:\s*"orderbook"'
    ),
    Venue.BITHUMB: re.compile(
        rb'"ty(?:pe)?"\s*:\s*"orderbook".{0,40}?"c(?:o)?d(?:e)?"\s*:\s*"([^"]+)"'
        rb'|"c(?:o)?d(?:e)?"\s*:\s*"([^"]+)".{0,40}?"ty(?:pe)?"\s*:\s*"orderbook"'
    ),
    Venue.BINANCE: re.compile(rb'"stream"\s*:\s*"([^"@]+)@depth(?:5|10|20)[@"]'),
    Venue.OKX: re.compile(rb'"channel"\s*:\s*"books5"\s*,\s*"instId"\s*:\s*"([^"]+)"'),
    Venue.KUCOIN: re.compile(rb'"topic"\s*:\s*"/spotMarket/level2Depth(?:5|50):([^",]+)"'),
    Venue.BITGET: re.compile(rb'"channel"\s*:\s*"books(?:5|15)"\s*,\s*"instId"\s*:\s*"([^"]+)"'),
}


def is_keepalive(venue: Venue, frame: bytes) -> bool:
    """Whether it only says that the venue is there."""
    if len(frame) > KEEPALIVE_BYTES_MAX:
        return False
    mark = KEEPALIVES.get(venue)
    return mark is not None and mark.search(frame) is not None


def whole_book(venue: Venue, frame: bytes) -> bytes | None:
    """What a newer frame with the same answer replaces; None: every frame counts."""
    pattern = WHOLE_BOOKS.get(venue)
    found = pattern.search(frame, 0, HEAD_BYTES) if pattern is not None else None
    if found is None or frame.find(ANSWER, 0, HEAD_BYTES) >= 0:
        return None
    return found[found.lastindex or 1]
