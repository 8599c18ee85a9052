"""Layouts: the frames of every venue's book channels that scanners read, as its document says.

A key that the venue's `read` looks at and that is not part of a plain book is ELSE: with it, the
frame is read slowly.
"""

from __future__ import annotations

from collections.abc import Mapping

from app.domain.venues import Venue
from app.exchanges.scanning.layout import Action, Key, Kind, Layout
from app.exchanges.scanning.levels import NUMBERED, WITH_COUNT

BIDS, ASKS = Key(Action.BIDS), Key(Action.ASKS)
SYMBOL, LAST, MILLIS = Key(Action.SYMBOL), Key(Action.LAST), Key(Action.MILLIS)
ELSE = Key(Action.ELSE, in_whole=False, in_change=False)
NULL = Key(Action.NULL, in_whole=False, in_change=False)
CRC = Key(Action.CRC, in_whole=False, in_change=False)


def _else(*names: str) -> dict[str, Key]:
    return dict.fromkeys(names, ELSE)


def _word(text: str) -> Key:
    return Key(Action.WORD, text)


BINANCE_AROUND = _else("id", "result", "error", "code", "msg")
BINANCE_DEPTH20 = Layout(
    {
        "stream": Key(Action.SYMBOL, end="@depth20@100ms"),
        "data": Key(
            Action.INTO,
            inside={
                "lastUpdateId": LAST,
                "bids": BIDS,
                "asks": ASKS,
                **_else("e", "E", "A", "B", "symbol"),
            },
        ),
        **BINANCE_AROUND,
    },
    lower=True,
)
BINANCE_DEPTH = Layout(
    {
        "stream": Key(Action.AROUND, end="@depth@100ms"),
        "data": Key(
            Action.INTO,
            inside={
                "e": _word("depthUpdate"),
                "E": MILLIS,
                "s": SYMBOL,
                "U": Key(Action.FIRST),
                "u": LAST,
                "b": BIDS,
                "a": ASKS,
                **_else("pu", "lastUpdateId", "A", "B"),
            },
        ),
        **BINANCE_AROUND,
    },
    Kind.CHANGE,
)


def _korean(clock: Action, *others: str) -> Layout:
    """Both formats of Upbit and Bithumb; every message is a whole book, ordered by its clock."""
    return Layout(
        {
            "ty": Key(Action.WORD, "orderbook", variant=1),
            "cd": Key(Action.SYMBOL, variant=1),
            "tms": Key(clock, variant=1),
            "obu": Key(Action.SHORT_UNITS, variant=1),
            "type": Key(Action.WORD, "orderbook", variant=2),
            "code": Key(Action.SYMBOL, variant=2),
            "timestamp": Key(clock, variant=2),
            "orderbook_units": Key(Action.UNITS, variant=2),
            **_else("status", "error", *others),
        },
        by_clock=True,
    )


UPBIT = _korean(Action.MILLIS, "method")
BITHUMB = _korean(Action.STAMP, "content")

OKX_BOOKS = Layout(
    {
        "arg": Key(Action.INTO, inside={"channel": _word("books"), "instId": SYMBOL}),
        "action": Key(Action.KIND, "snapshot", "update"),
        "data": Key(
            Action.INTO_ONE,
            inside={
                "asks": ASKS,
                "bids": BIDS,
                "ts": Key(Action.MILLIS_TEXT),
                "checksum": CRC,
                "prevSeqId": Key(Action.PREVIOUS),
                "seqId": LAST,
            },
        ),
        **_else("event", "code", "msg"),
    },
    arity=WITH_COUNT,
)

BYBIT_50 = Layout(
    {
        "topic": Key(Action.SYMBOL, "orderbook.50."),
        "type": Key(Action.KIND, "snapshot", "delta"),
        "data": Key(Action.INTO, inside={"s": SYMBOL, "b": BIDS, "a": ASKS, "u": LAST}),
        "cts": MILLIS,
        **_else("op", "success", "ret_msg", "retCode", "retMsg", "ret_code", "request"),
    },
    steps=True,
)

KUCOIN_DEPTH50 = Layout(
    {
        "type": _word("message"),
        "topic": Key(Action.SYMBOL, "/spotMarket/level2Depth50:"),
        "data": Key(Action.INTO, inside={"asks": ASKS, "bids": BIDS, "timestamp": MILLIS}),
        **_else("code", "msg"),
    },
    by_clock=True,
)
KUCOIN_CHANGES = Layout(
    {
        "type": _word("message"),
        "topic": Key(Action.SYMBOL, "/market/level2:"),
        "data": Key(
            Action.INTO,
            inside={
                "changes": Key(Action.INTO, inside={"asks": ASKS, "bids": BIDS}),
                "sequenceStart": Key(Action.FIRST),
                "sequenceEnd": LAST,
                "symbol": SYMBOL,
                "time": Key(Action.MILLIS, in_change=False),
            },
        ),
        **_else("code", "msg"),
    },
    Kind.CHANGE,
    arity=NUMBERED,
)

GATE_EVENT = Key(Action.WORD, "update", in_whole=False, in_change=False)
GATE_AROUND = {"event": GATE_EVENT, "error": NULL, **_else("type", "msg", "label", "message")}
GATE_OBU = Layout(
    {
        "channel": _word("spot.obu"),
        "result": Key(
            Action.INTO,
            inside={
                "t": MILLIS,
                "s": Key(Action.SYMBOL, "ob.", ".50"),
                "U": Key(Action.FIRST, in_whole=False),
                "u": LAST,
                "b": Key(Action.BIDS, in_change=False),
                "a": Key(Action.ASKS, in_change=False),
                "full": Key(Action.FULL, in_change=False),
            },
        ),
        **GATE_AROUND,
    },
    Kind.CHANGE,
)
GATE_CHANGES = Layout(
    {
        "channel": _word("spot.order_book_update"),
        "result": Key(
            Action.INTO,
            inside={
                "t": MILLIS,
                "s": SYMBOL,
                "U": Key(Action.FIRST),
                "u": LAST,
                "b": BIDS,
                "a": ASKS,
            },
        ),
        **GATE_AROUND,
    },
    Kind.CHANGE,
)


def _bitget(channel: str) -> Layout:
    return Layout(
        {
            "action": _word("snapshot"),
            "arg": Key(
                Action.INTO,
                inside={"instType": _word("SPOT"), "channel": _word(channel), "instId": SYMBOL},
            ),
            "data": Key(
                Action.INTO_ONE,
                inside={
                    "asks": ASKS,
                    "bids": BIDS,
                    "checksum": CRC,
                    "seq": Key(Action.LAST_EITHER),
                    "ts": Key(Action.MILLIS_TEXT),
                },
            ),
            **_else("event", "code", "msg"),
        },
        by_clock=True,
    )


COINBASE = Layout(
    {
        "channel": _word("l2_data"),
        "timestamp": Key(Action.ISO),
        "sequence_num": Key(Action.COUNT),
        "events": Key(
            Action.INTO_ONE,
            inside={
                "type": _word("update"),
                "product_id": SYMBOL,
                "updates": Key(Action.UPDATES),
            },
        ),
        **_else("type", "message", "error", "errors", "product_id", "channels"),
    },
    Kind.CHANGE,
)

LAYOUTS: Mapping[tuple[Venue, str], Layout] = {
    (Venue.UPBIT, "orderbook"): UPBIT,
    (Venue.BITHUMB, "orderbook"): BITHUMB,
    (Venue.BINANCE, "depth20@100ms"): BINANCE_DEPTH20,
    (Venue.BINANCE, "depth@100ms"): BINANCE_DEPTH,
    (Venue.OKX, "books"): OKX_BOOKS,
    (Venue.BYBIT, "orderbook.50"): BYBIT_50,
    (Venue.KUCOIN, "level2Depth50"): KUCOIN_DEPTH50,
    (Venue.KUCOIN, "level2"): KUCOIN_CHANGES,
    (Venue.GATE, "obu"): GATE_OBU,
    (Venue.GATE, "order_book_update"): GATE_CHANGES,
    (Venue.BITGET, "books15"): _bitget("books15"),
    (Venue.BITGET, "books5"): _bitget("books5"),
    (Venue.COINBASE, "level2"): COINBASE,
}
"""Other channels (books5 of OKX; books of Bitget, whose checksum is of texts) are read slowly."""
