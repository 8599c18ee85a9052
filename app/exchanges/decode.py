"""Decode: recorded lines of one venue → normalised events as JSON lines.

A line is `<frame>` or `<recv_ns> <frame>`. A REST reply stands as itself when its body names the
market or the input has only one; else it is {"request": "GET /path?query", "body": …}.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, Raw, UnsetType

from app.books.alignment import Verdict
from app.books.book import Book
from app.books.ladder import ASKS, BIDS
from app.books.shelf import Shelf, Turn
from app.domain.markets import (
    BookDelta,
    BookSnapshot,
    Candle,
    Closing,
    Counted,
    Entry,
    Event,
    Ignored,
    Instrument,
    Market,
    Product,
    Rejected,
    ServerTime,
    Trade,
    WalletNetwork,
)
from app.domain.times import to_iso
from app.exchanges.contract import Exchange, Names, Request, Unnamed

Row = dict[str, Any]

LEVELS_MAX = 65_536
"""Levels kept on each side: twice the fullest recorded book."""

STAMPED = re.compile(rb"(\d{1,19})\s+(\S.*)", re.DOTALL)

UNCHANGED = {
    Verdict.STALE: "older than the book",
    Verdict.KEPT: "kept until a snapshot comes",
    Verdict.EARLY: "a change, and no valid book to change",
    Verdict.TOO_OLD: "a snapshot that ends before the kept changes begin",
}

EVENT_WORDS: dict[type, str] = {
    Candle: "candle",
    Closing: "closing",
    Entry: "entry",
    Ignored: "ignored",
    Market: "market",
    Rejected: "rejected",
    ServerTime: "time",
    Trade: "trade",
    WalletNetwork: "wallet",
}


class Shown(NamedTuple):
    """A book that changed, to be printed as it is at that moment."""

    instrument: Instrument
    book: Book
    at_ns: int | None


def decode(
    exchange: Exchange, lines: Sequence[bytes], *, depth: int = 20, final: bool = False
) -> Iterator[Row]:
    """Events in the order of the lines. depth: levels of each side, 0 for all.

    final: only the last book of each symbol, and errors.
    """
    session = _Session(exchange, lines)
    last: dict[Instrument, Shown] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found = session.play(line)
        except ValueError as error:
            yield {"event": "error", "line": number, "reason": str(error)}
            continue
        for item in found:
            if isinstance(item, Shown):
                last[item.instrument] = item
            if not final:
                yield _book(exchange, item, depth) if isinstance(item, Shown) else item
    if final:
        yield from (_book(exchange, shown, depth) for shown in last.values())


class _Session:
    """One input: its names and its books, as one connection."""

    def __init__(self, exchange: Exchange, lines: Sequence[bytes]) -> None:
        self._exchange = exchange
        self._lines = lines
        self._names = Names(exchange)
        self._shelf = Shelf(levels_max=LEVELS_MAX, texts=True)
        self._is_only_sought = False

    def play(self, line: bytes) -> list[Row | Shown]:
        """What the line says and does. Raises ValueError when it cannot be read."""
        at_ns, message = _stamped(line)
        try:
            events = _read(self._exchange, message, self._names)
        except Unnamed:
            if self._is_only_sought:
                raise
            self._is_only_sought = True
            self._names.only = _only_market(self._exchange, self._lines)
            events = _read(self._exchange, message, self._names)
        found: list[Row | Shown] = []
        for event in events:
            if isinstance(event, Counted):
                verdict, turns = self._shelf.count(event)
                for turn in turns:
                    found += self._told(turn, at_ns)
                if verdict is Verdict.STALE:
                    return [{"event": "ignored", "reason": "older than the connection's last"}]
            elif isinstance(event, BookSnapshot | BookDelta):
                turn = self._shelf.take(event)
                is_empty = isinstance(event, BookDelta) and not (event.bids or event.asks)
                if is_empty and turn.verdict is Verdict.APPLIED and not turn.broke:
                    found.append(self._ignored(turn.instrument, "nothing changed"))
                else:
                    found += self._told(turn, at_ns)
            else:
                if isinstance(event, Market):
                    self._names.learn(event.instrument)
                found.append(_row(self._exchange, event, at_ns))
        return found

    def _told(self, turn: Turn, at_ns: int | None) -> list[Row | Shown]:
        """What became of a book: the gap first, then the book that it made invalid."""
        reason = UNCHANGED.get(turn.verdict)
        if reason is not None:
            return [self._ignored(turn.instrument, reason)]
        shown = Shown(turn.instrument, turn.book, at_ns)
        if not turn.broke or turn.book.broken is None:
            return [shown]
        flaw, expected, received = turn.book.broken
        gap = {
            "event": "gap",
            **_names(self._exchange, turn.instrument),
            "at": _iso(at_ns),
            "reason": flaw,
            "expected": expected,
            "received": received,
        }
        return [gap, shown]

    def _ignored(self, instrument: Instrument, reason: str) -> Row:
        return {"event": "ignored", **_names(self._exchange, instrument), "reason": reason}


def _stamped(line: bytes) -> tuple[int | None, bytes]:
    """(receipt, message) of a line."""
    stamp = STAMPED.fullmatch(line.strip())
    return (int(stamp[1]), stamp[2]) if stamp is not None else (None, line.strip())


class _Tied(msgspec.Struct):
    """A REST reply together with what was asked."""

    request: str | UnsetType = UNSET
    body: Raw | UnsetType = UNSET


def _read(exchange: Exchange, message: bytes, names: Names) -> list[Event]:
    if message.startswith(b"{") and b'"request"' in message and b'"body"' in message:
        tied = msgspec.json.decode(message, type=_Tied)
        if isinstance(tied.request, str) and isinstance(tied.body, Raw):
            return exchange.read_reply(Request.parse(tied.request), bytes(tied.body), names)
    answered = exchange.recognise(message)
    if answered is not None:
        return exchange.read_reply(answered, message, names)
    return exchange.read(message, names)


def _only_market(exchange: Exchange, lines: Sequence[bytes]) -> Instrument | None:
    """The market of the input, where all that is said is about one."""
    names = Names(exchange)
    found: set[Instrument] = set()
    for line in lines:
        try:
            events = _read(exchange, _stamped(line)[1], names)
        except ValueError:
            continue  # told when its turn comes
        found.update(
            event.instrument
            for event in events
            if isinstance(event, BookSnapshot | BookDelta | Trade)
        )
        if len(found) > 1:
            return None
    return next(iter(found), None)


def _names(exchange: Exchange, instrument: Instrument) -> Row:
    row: Row = {
        "venue": exchange.venue,
        "symbol": exchange.symbol(instrument),
        "base": instrument.base,
        "quote": instrument.quote,
    }
    return row if instrument.product is Product.SPOT else row | {"product": instrument.product}


def _book(exchange: Exchange, shown: Shown, depth: int) -> Row:
    book = shown.book
    assert book.texts is not None
    return {
        "event": "book",
        **_names(exchange, shown.instrument),
        "at": _iso(shown.at_ns),
        "exchange_at": _iso(book.exchange_at_ns),
        "sequence": book.sequence,
        "valid": book.valid,
        "bids": book.texts.best(BIDS, depth or None),
        "asks": book.texts.best(ASKS, depth or None),
    }


def _row(exchange: Exchange, event: Event, at_ns: int | None) -> Row:
    """An event's fields under the names of the outside: instruments spelled, times as ISO 8601."""
    row: Row = {"event": EVENT_WORDS[type(event)]}
    for field in event.__struct_fields__:
        value = getattr(event, field)
        if isinstance(value, Instrument):
            row |= _names(exchange, value) | {"at": _iso(at_ns)}
        elif field.endswith("at_ns"):
            row[field.removesuffix("_ns")] = _iso(value)
        else:
            row[field] = value
    return row


def _iso(at_ns: int | None) -> str | None:
    return None if at_ns is None else to_iso(at_ns)
